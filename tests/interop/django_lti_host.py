"""
A tool on django-lti, which keeps registrations, people and keys in a database, and is PyLTI1p3 beneath.

Serves until the standard input ends; the one line on the standard output is the URL. Below ``/host`` the test reaches
in; everything else is what a tool built on it has: ``/login``, ``/launch``, ``/keys``, and pages for who has a session.
They answer with JSON, what PyLTI1p3 throws included.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import django
from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path

from tests.interop.wsgi import serve

settings.configure(
    SECRET_KEY="of a test",
    ALLOWED_HOSTS=["127.0.0.1"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "file:tool?mode=memory&cache=shared"}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "lti_tool"],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "lti_tool.middleware.LtiLaunchMiddleware",
    ],
    ROOT_URLCONF=__name__,
    USE_TZ=True,
)
django.setup()

from lti_tool.models import Key, LtiDeployment, LtiLaunch, LtiRegistration  # noqa: E402  Models need the settings.
from lti_tool.services.nrps import sync_memberships  # noqa: E402
from lti_tool.views import LtiLaunchBaseView, OIDCLoginInitView, jwks  # noqa: E402
from pylti1p3.assignments_grades import AssignmentsGradesService  # noqa: E402
from pylti1p3.deep_link_resource import DeepLinkResource  # noqa: E402
from pylti1p3.exception import LtiException, LtiServiceException  # noqa: E402
from pylti1p3.grade import Grade  # noqa: E402
from pylti1p3.lineitem import LineItem  # noqa: E402

Does = Callable[[LtiLaunch, dict[str, str]], Any]


class Launch(LtiLaunchBaseView):
    """
    Says who came to what, and places a link with a line item.
    """

    def handle_resource_launch(self, request: HttpRequest, lti_launch: LtiLaunch) -> HttpResponse:
        """
        Show what django-lti made of the launch: its own records.
        """
        told = {
            "user": lti_launch.user.sub,
            "name": lti_launch.user.name,
            "context": lti_launch.context.title,
            "resource": lti_launch.resource_link.title,
            "learner": lti_launch.membership.is_learner,
            "endpoint": lti_launch.ags_claim,
            "chapter": lti_launch.get_custom_claim("chapter"),
        }
        return JsonResponse(told)

    def handle_deep_linking_launch(self, request: HttpRequest, lti_launch: LtiLaunch) -> HttpResponse:
        """
        Place one link.
        """
        item = LineItem().set_label("Placed").set_score_maximum(20).set_tag("placed")
        link = DeepLinkResource().set_title("Placed").set_url(request.build_absolute_uri("/launch"))
        return lti_launch.deep_link_response([link.set_lineitem(item).set_custom_params({"chapter": "3"})])


def page(does: Does) -> Callable[[HttpRequest], HttpResponse]:
    """
    Make a view of what a launch is asked to do.
    """

    @functools.wraps(does)
    def view(request: HttpRequest) -> HttpResponse:
        try:
            shown = does(request.lti_launch, request.GET.dict())
        except LtiServiceException as error:
            shown = {"error": str(error), "status": error.response.status_code, "body": error.response.text}
        except LtiException as error:
            shown = {"error": str(error)}
        return JsonResponse(shown, safe=False)

    return view


def grades(launch: LtiLaunch) -> AssignmentsGradesService:
    """
    Return PyLTI1p3's service of the launch.
    """
    return launch.get_message_launch().get_ags()


def chosen(launch: LtiLaunch, query: dict[str, str]) -> LineItem | None:
    """
    Find the item that a query names; None: it names none.
    """
    return grades(launch).find_lineitem_by_id(query["item"]) if "item" in query else None


def create(launch: LtiLaunch, query: dict[str, str]) -> Any:
    """
    Find a line item by its resource id, or make it.
    """
    item = LineItem().set_label(query["label"]).set_score_maximum(float(query["maximum"])).set_tag(query["tag"])
    made = grades(launch).find_or_create_lineitem(item.set_resource_id(query["resource"]))
    return {"id": made.get_id(), "label": made.get_label()}


def score(launch: LtiLaunch, query: dict[str, str]) -> Any:
    """
    Post one score.
    """
    grade = Grade().set_score_given(float(query["points"])).set_score_maximum(float(query["maximum"]))
    grade.set_user_id(query.get("user", launch.user.sub)).set_timestamp(query["stamp"])
    grade.set_activity_progress("Completed").set_grading_progress("FullyGraded")
    grades(launch).put_grade(grade, chosen(launch, query))
    return None


def members(launch: LtiLaunch, query: dict[str, str]) -> Any:
    """
    Take the platform's memberships over into the tool's database, and show that.
    """
    sync_memberships(launch.context)
    return [
        {"user": one.user.sub, "name": one.user.name, "learner": one.is_learner, "active": one.is_active}
        for one in launch.context.memberships.order_by("user__sub")
    ]


def register(request: HttpRequest) -> HttpResponse:
    """
    Take what was agreed on with a platform.
    """
    told = request.GET.dict()
    urls = {"auth_url": told["authorization_url"], "token_url": told["token_url"], "keyset_url": told["jwks_url"]}
    name, issuer = told["client_id"], told["issuer"]
    made = LtiRegistration.objects.create(name=name, issuer=issuer, client_id=name, audience=told["audience"], **urls)
    LtiDeployment.objects.create(registration=made, deployment_id=told["deployment_id"], is_active=True)
    return JsonResponse(None, safe=False)


urlpatterns = [
    path("login", OIDCLoginInitView.as_view()),
    path("launch", Launch.as_view()),
    path("keys", jwks),
    path("items", page(lambda launch, query: grades(launch).get_lineitems())),
    path("create", page(create)),
    path("score", page(score)),
    path("results", page(lambda launch, query: grades(launch).get_grades(chosen(launch, query)))),
    path("members", page(members)),
    path("host/register", register),
]


def application(url: str) -> Any:
    """
    Make the tables and the tool's key.
    """
    call_command("migrate", verbosity=0)
    Key.objects.generate()
    return get_wsgi_application()


if __name__ == "__main__":
    serve(application)
