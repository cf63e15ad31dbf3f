"""
A platform built with lti1p3platform and its Django adapter: what the library leaves to its user is done over dicts.

Serves until the standard input ends; the one line on the standard output is the URL. ``HOST_TOOL_KEYS`` holds the
tool's key set as JSON. A course is at ``/adapter/N`` with requests read by the library's Django adapter as it is, and
at ``/numbers/N`` with the query's numbers made numbers before the library counts with them.
"""

from __future__ import annotations

import itertools
import json
import os
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime
from typing import Any

import django
import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from lti1p3platform.exceptions import (
    LineItemNotFoundException,
    LtiException,
    MissingRequiredClaim,
    UnsupportedGrantType,
)
from lti1p3platform.framework.django.request import DjangoRequest
from lti1p3platform.framework.django.response import wrap_json_resp
from lti1p3platform.ltiplatform import LTI1P3PlatformConfAbstract
from lti1p3platform.registration import Registration
from lti1p3platform.score import UpdateScoreStatus
from lti1p3platform.service_connector import AssignmentsGradesService

from tests.interop.wsgi import serve

CLIENT_ID = "tool-1"

Record = dict[str, Any]


class Course:
    """
    One course: its line items, and the last score of each person in each.
    """

    numbers = itertools.count(1)

    def __init__(self) -> None:
        self.number = str(next(self.numbers))
        self.items: dict[str, Record] = {}
        self.scores: dict[str, dict[str, Record]] = defaultdict(dict)


COURSES: dict[str, Course] = {}


class Agreement(LTI1P3PlatformConfAbstract):
    """
    What platform and tool agreed on.
    """

    def init_platform_config(self, **options: Any) -> None:
        """
        Make the platform a key pair, and take the tool's keys as they are.
        """
        key = rsa.generate_private_key(65537, 2048)
        form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        public = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        registration = Registration().set_iss(options["url"]).set_client_id(CLIENT_ID)
        registration.set_platform_private_key(key.private_bytes(*form).decode())
        registration.set_platform_public_key(key.public_key().public_bytes(*public).decode())
        self._registration = registration.set_tool_key_set(json.loads(os.environ["HOST_TOOL_KEYS"]))

    def get_registration_by_params(self, **options: Any) -> Registration:
        """
        Return the one there is.
        """
        return self._registration


class Numbers(DjangoRequest):
    """
    A request whose ``limit`` and ``page`` are numbers.
    """

    def build_metadata(self, request: HttpRequest) -> Any:
        """
        Read a request with the library's adapter, and its numbers.
        """
        read = super().build_metadata(request)
        query = read["get_data"]
        return read | {"get_data": {name: int(text) if text.isdigit() else text for name, text in query.items()}}


class Grades(AssignmentsGradesService):
    """
    The library's service over one course.
    """

    def __init__(self, request: Any, agreement: Agreement, url: str, course: Course, item: str | None = None) -> None:
        super().__init__(request, agreement, url, f"{url}/{item}" if item else None)
        self.url = url
        self.course = course

    def _item(self, number: str) -> Record:
        if number not in self.course.items:
            raise LineItemNotFoundException
        return self.course.items[number]

    def find_lineitems(self, page: Any = 1, limit: Any = None, **filters: Any) -> Any:
        """
        List the items that match.
        """
        names = {"resource_link_id": "resourceLinkId", "resource_id": "resourceId", "tag": "tag"}
        items = self.course.items.values()
        return cut([one for one in items if all(one.get(names[key]) == filters[key] for key in filters)], page, limit)

    def find_lineitem(self, line_item_id: str) -> Any:
        """
        Find one item.
        """
        return self._item(line_item_id)

    def create_lineitem(self, creation_data: Any) -> Any:
        """
        Keep a new item.
        """
        number = str(len(self.course.items) + 1)
        self.course.items[number] = {**creation_data, "id": f"{self.url}/{number}"}
        return self.course.items[number]

    def update_lineitem(self, update_data: Any) -> Any:
        """
        Replace an item, all but its id; the library puts the number there.
        """
        number = update_data["id"]
        self.course.items[number] = update_data | {"id": self._item(number)["id"]}
        return self.course.items[number]

    def delete_lineitem(self, line_item_id: str) -> None:
        """
        Forget an item and its scores.
        """
        self._item(line_item_id)
        del self.course.items[line_item_id]
        self.course.scores.pop(line_item_id, None)

    def update_score(self, line_item_id: str, score: Any) -> UpdateScoreStatus:
        """
        Keep a score that is newer than the one there is. Nobody can be graded whose id begins with "nobody".
        """
        self._item(line_item_id)
        if score["userId"].startswith("nobody"):
            return UpdateScoreStatus.NOTAPPLIED
        scores = self.course.scores[line_item_id]
        known = scores.get(score["userId"])
        if known is not None and instant(known) >= instant(score):
            return UpdateScoreStatus.OLD_TIMESTAMP
        scores[score["userId"]] = score
        if score["gradingProgress"] == "Pending":
            return UpdateScoreStatus.PENDING
        return UpdateScoreStatus.CREATED if known is None else UpdateScoreStatus.SUCCESS

    def get_results(self, line_item_id: str, page: Any = 1, limit: Any = None, user_id: Any = None) -> Any:
        """
        List everybody who has points.
        """
        item = self._item(line_item_id)
        scores = self.course.scores[line_item_id]
        chosen = sorted(user for user in scores if user_id in (None, user) and "scoreGiven" in scores[user])
        return cut([result(item, scores[user]) for user in chosen], page, limit)


def instant(score: Record) -> datetime:
    """
    Read the time of a score.
    """
    return datetime.fromisoformat(score["timestamp"])


def result(item: Record, score: Record) -> Record:
    """
    Write a score as the result that it makes, on the item's scale.
    """
    shown = {
        "id": f"{item['id']}/results?user_id={score['userId']}",
        "scoreOf": item["id"],
        "userId": score["userId"],
        "resultScore": score["scoreGiven"] * item["scoreMaximum"] / score["scoreMaximum"],
        "resultMaximum": item["scoreMaximum"],
    }
    return shown | ({"comment": score["comment"]} if "comment" in score else {})


def cut(records: list[Record], page: Any, limit: Any) -> Record:
    """
    Take one page.
    """
    size = int(limit) if limit is not None else max(1, len(records))
    end = int(page) * size
    return {"content": records[end - size : end], "has_next": end < len(records)}


AGREEMENT: list[Agreement] = []
READERS: dict[str, Callable[[HttpRequest], DjangoRequest]] = {"adapter": DjangoRequest, "numbers": Numbers}


def service(request: HttpRequest, reader: str, course: str, item: str | None = None) -> Grades:
    """
    Make the library's service for one request.
    """
    url = request.build_absolute_uri(f"/{reader}/{course}/lineitems")
    return Grades(READERS[reader](request), AGREEMENT[0], url, COURSES[course], item)


def answer(grades: Grades, handlers: dict[str, str], method: str | None, **arguments: str) -> HttpResponse:
    """
    Let the library answer with the handler of the request's method; another method is some handler's to refuse.
    """
    name = handlers.get(method or "", next(iter(handlers.values())))
    return wrap_json_resp(grades.handle_resp(getattr(grades, name), **arguments))


def container(request: HttpRequest, reader: str, course: str) -> HttpResponse:
    """
    Answer for the line items of a course.
    """
    handlers = {"GET": "handle_get_lineitems", "POST": "handle_create_lineitem"}
    return answer(service(request, reader, course), handlers, request.method)


def line_item(request: HttpRequest, reader: str, course: str, item: str) -> HttpResponse:
    """
    Answer for one line item.
    """
    handlers = {
        "GET": "handle_get_lineitem",
        "PUT": "handle_update_lineitem",
        "DELETE": "handle_delete_lineitem",
    }
    return answer(service(request, reader, course, item), handlers, request.method, line_item_id=item)


def scores(request: HttpRequest, reader: str, course: str, item: str) -> HttpResponse:
    """
    Answer for the scores of an item.
    """
    handlers = {"POST": "handle_update_score"}
    return answer(service(request, reader, course, item), handlers, request.method, line_item_id=item)


def results(request: HttpRequest, reader: str, course: str, item: str) -> HttpResponse:
    """
    Answer for the results of an item.
    """
    handlers = {"GET": "handle_get_results"}
    return answer(service(request, reader, course, item), handlers, request.method, line_item_id=item)


def token(request: HttpRequest) -> HttpResponse:
    """
    Let the library verify the assertion; the codes of RFC 6749 are its user's to find.
    """
    try:
        return JsonResponse(AGREEMENT[0].get_access_token(request.POST.dict()))
    except UnsupportedGrantType:
        return JsonResponse({"error": "unsupported_grant_type"}, status=400)
    except MissingRequiredClaim as error:
        return JsonResponse({"error": "invalid_request", "error_description": str(error)}, status=400)
    except (LtiException, jwt.InvalidTokenError) as error:
        return JsonResponse({"error": "invalid_client", "error_description": str(error)}, status=401)


def add_course(request: HttpRequest) -> HttpResponse:
    """
    Open a course with one line item, which launches name, and say what they would say.
    """
    course = Course()
    COURSES[course.number] = course
    grades = service(request, request.GET["reader"], course.number, "1")
    grades.create_lineitem({"label": "Quiz one", "scoreMaximum": 100, "resourceLinkId": "link-1"})
    (claim,) = grades.ags.get_lti_ags_launch_claim().values()
    issuer = AGREEMENT[0].get_registration().get_iss()
    return JsonResponse({"course": course.number, "issuer": issuer, "client_id": CLIENT_ID, "endpoint": claim})


def state(request: HttpRequest) -> HttpResponse:
    """
    Show a course: line items and scores by number.
    """
    course = COURSES[request.GET["course"]]
    return JsonResponse({"items": course.items, "scores": course.scores})


def new_key(request: HttpRequest) -> HttpResponse:
    """
    Give the platform another key, so that no access token in use is good any longer.
    """
    AGREEMENT[0] = Agreement(url=AGREEMENT[0].get_registration().get_iss())
    return JsonResponse({})


urlpatterns = [
    path("token", token),
    path("<reader>/<course>/lineitems", container),
    path("<reader>/<course>/lineitems/<item>", line_item),
    path("<reader>/<course>/lineitems/<item>/scores", scores),
    path("<reader>/<course>/lineitems/<item>/results", results),
    path("host/add_course", add_course),
    path("host/state", state),
    path("host/new_key", new_key),
]


def open_platform(url: str) -> Any:
    """
    Agree with the tool.
    """
    AGREEMENT.append(Agreement(url=url))
    return get_wsgi_application()


if __name__ == "__main__":
    settings.configure(ROOT_URLCONF=__name__, SECRET_KEY="none", ALLOWED_HOSTS=["127.0.0.1"], LOGGING_CONFIG=None)
    django.setup()
    serve(open_platform)
