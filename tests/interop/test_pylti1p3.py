"""
PyLTI1p3, a tool library on requests, against the emulator: whether others' software gets along with it.

Where PyLTI1p3 does otherwise than the standard says, ``spec`` refuses or PyLTI1p3 goes astray, and a test shows both
that and the switch with which it works. docs/interop.md lists them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import attrs
import pytest
import requests
from pylti1p3.assignments_grades import AssignmentsGradesService
from pylti1p3.exception import LtiException, LtiServiceException
from pylti1p3.grade import Grade
from pylti1p3.lineitem import LineItem
from pylti1p3.registration import Registration
from pylti1p3.service_connector import ServiceConnector

from aioags.emulator import PROFILES, Platform, Profile, serve_in_thread

SPEC = PROFILES["spec"]
STAMP = "2026-01-01T10:00:00.000+00:00"


class Connector(ServiceConnector):
    """
    Keeps tokens where pylti1p3next leaves that to its user; PyLTI1p3 never asks.
    """

    def __init__(self, registration: Registration, session: requests.Session) -> None:
        super().__init__(registration, session)
        self.kept: dict[str, str] = {}

    def _get_cached_access_token(self, scope_key: str) -> str | None:
        return self.kept.get(scope_key)

    def _cache_access_token(self, scope_key: str, access_token: str, expires_in: float) -> None:
        self.kept[scope_key] = access_token


@attrs.frozen
class Tool:
    """
    PyLTI1p3 at one platform.
    """

    platform: Platform
    session: requests.Session

    def service(self, **claim: Any) -> AssignmentsGradesService:
        """
        Return the grades service of a launch; the changes are members of the endpoint claim.
        """
        registration, told = Registration(), self.platform.registration_args()
        registration.set_client_id(told["client_id"]).set_auth_token_url(told["token_url"])
        registration.set_tool_private_key(told["key"])
        # PyLTI1p3 takes the key id from the public key: a thumbprint, as the emulator's.
        registration.set_tool_public_key(self.platform.key.key.as_pem(private=False).decode())
        if told["audience"] is not None:
            registration.set_auth_audience(told["audience"])
        connector = Connector(registration, self.session)
        return AssignmentsGradesService(connector, self.platform.endpoint_claim() | claim)


@contextmanager
def tool_at(profile: str | Profile, **options: Any) -> Iterator[Tool]:
    """
    Run a platform beside the test's thread.
    """
    platform = Platform.create(profile, **options)
    with ExitStack() as stack:
        stack.enter_context(serve_in_thread(platform))
        session = stack.enter_context(requests.Session())
        session.trust_env = False
        yield Tool(platform, session)


@pytest.fixture(scope="module")
def running() -> Iterator[Tool]:
    with tool_at(SPEC, users=4) as tool:
        yield tool


@pytest.fixture
def tool(running: Tool) -> Tool:
    running.platform.reset()
    return running


def essay(**fields: Any) -> LineItem:
    return LineItem({"label": "Essay", "scoreMaximum": 20, "tag": "essay", **fields})


def grade(user: str, points: float = 8, stamp: str = STAMP) -> Grade:
    made = Grade().set_user_id(user).set_score_given(points).set_score_maximum(10).set_timestamp(stamp)
    return made.set_activity_progress("Completed").set_grading_progress("FullyGraded")


# What works


def test_one_token_serves_one_set_of_scopes(tool: Tool) -> None:
    service = tool.service()
    service.get_lineitems()
    service.get_grades()
    assert tool.platform.counts["token"] == 1
    assert tool.platform.tokens.issued == 1


def test_a_key_that_was_not_agreed_on_is_refused(tool: Tool) -> None:
    stranger = tool.service()
    stranger._service_connector._registration.set_client_id("somebody")
    with pytest.raises(LtiServiceException) as caught:
        stranger.get_lineitems()
    assert caught.value.response.json()["error"] == "invalid_client"


def test_the_coupled_line_item_is_read(tool: Tool) -> None:
    item = tool.service().get_lineitem()
    (shown,) = tool.platform.line_items()
    assert (item.get_id(), item.get_label(), item.get_score_maximum()) == (shown["id"], "Quiz one", 100)
    assert item.get_resource_link_id() == shown["resourceLinkId"]


def test_a_line_item_is_made_once(tool: Tool) -> None:
    service = tool.service()
    made = service.find_or_create_lineitem(essay(resourceId="essay-1"))
    again = service.find_or_create_lineitem(essay(resourceId="essay-1"))
    assert made.get_id() == again.get_id()
    assert tool.platform.counts["create_line_item"] == 1
    shown = tool.platform.line_items()[-1]
    assert shown | {"startDateTime": None, "endDateTime": None} == {
        "id": made.get_id(),
        "label": "Essay",
        "scoreMaximum": 20,
        "tag": "essay",
        "resourceId": "essay-1",
        "startDateTime": None,
        "endDateTime": None,
    }


def test_dates_and_a_submission_review_come_back(tool: Tool) -> None:
    item = essay().set_start_date_time("2026-01-01T00:00:00Z").set_end_date_time("2026-02-01T00:00:00Z")
    made = tool.service().find_or_create_lineitem(item.set_submission_review(["Submitted"], label="Look"))
    assert (made.get_start_date_time(), made.get_end_date_time()) == ("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z")
    assert made.get_submission_review() == {"reviewableStatus": ["Submitted"], "label": "Look"}


def test_a_line_item_is_found_by_each_of_its_names(tool: Tool) -> None:
    service = tool.service()
    link_id = next(iter(tool.platform.course.links))
    made = service.find_or_create_lineitem(essay(resourceId="essay-1"))
    coupled = service.get_lineitem().get_id()
    found = (
        service.find_lineitem_by_id(made.get_id()),
        service.find_lineitem_by_tag("essay"),
        service.find_lineitem_by_resource_id("essay-1"),
        service.find_lineitem_by_resource_link_id(link_id),
    )
    assert [item.get_id() for item in found if item is not None] == [made.get_id()] * 3 + [coupled]
    assert service.find_lineitem_by_tag("none") is None
    assert len(service.get_lineitems()) == 2


def test_a_grade_reaches_the_coupled_line_item(tool: Tool) -> None:
    user = tool.platform.users()[0]
    answer = tool.service().put_grade(grade(user).set_comment("Well done"))
    assert answer["body"] is None
    assert tool.platform.score(None, user) == {
        "scoreGiven": 8,
        "scoreMaximum": 10,
        "activityProgress": "Completed",
        "gradingProgress": "FullyGraded",
        "timestamp": STAMP,
        "userId": user,
        "comment": "Well done",
    }


def test_a_grade_makes_the_line_item_it_is_for(tool: Tool) -> None:
    user = tool.platform.users()[1]
    tool.service().put_grade(grade(user, 0), essay())
    made = tool.platform.line_items()[-1]
    assert made["tag"] == "essay"
    result = tool.platform.result(made, user)
    assert result is not None and (result["resultScore"], result["resultMaximum"]) == (0, 20)


def test_a_submission_goes_along_as_an_extra_claim(tool: Tool) -> None:
    user = tool.platform.users()[0]
    times = {"startedAt": "2026-01-01T09:00:00.000Z", "submittedAt": "2026-01-01T09:30:00.000Z"}
    tool.service().put_grade(grade(user).set_extra_claims({"submission": times}))
    kept = tool.platform.grade(None, user)
    assert kept.started_at is not None and kept.submitted_at == kept.started_at + 1800


def test_results_are_read(tool: Tool) -> None:
    service = tool.service()
    users = tool.platform.users()[:2]
    for points, user in enumerate(users):
        service.put_grade(grade(user, points))
    assert service.get_grades() == tool.platform.results()
    assert [result["userId"] for result in service.get_grades()] == users
    assert service.get_grades(service.find_or_create_lineitem(essay())) == []


def test_what_the_launch_does_not_offer_is_not_asked_for(tool: Tool) -> None:
    service = tool.service(scope=["https://purl.imsglobal.org/spec/lti-ags/scope/score"])
    for forbidden in (service.get_lineitems, service.get_lineitem, service.get_grades):
        with pytest.raises(LtiException, match="Missing required scope"):
            forbidden()
    service.put_grade(grade(tool.platform.users()[0]))
    assert tool.platform.counts["post_score"] == 1


@pytest.mark.parametrize(
    "change, status",
    [({"stamp": "2026-01-01T09:59:59.999Z"}, 409), ({"stamp": STAMP}, 409), ({"user": "nobody"}, 422)],
)
def test_a_refusal_comes_out_with_its_status(tool: Tool, change: dict[str, str], status: int) -> None:
    service = tool.service()
    user = tool.platform.users()[0]
    service.put_grade(grade(user))
    with pytest.raises(LtiServiceException) as caught:
        service.put_grade(grade(change.get("user", user), 9, change.get("stamp", STAMP)))
    assert caught.value.response.status_code == status
    assert [score["scoreGiven"] for score in tool.platform.history(None, user)] == [8]


# Every platform


@pytest.mark.parametrize("name", PROFILES)
def test_it_gets_through_its_day_on_every_profile(name: str) -> None:
    with tool_at(name, users=3) as tool:
        service, user = tool.service(), tool.platform.users()[0]
        item = service.find_or_create_lineitem(essay(resourceId="essay-1"))
        assert service.find_or_create_lineitem(essay(resourceId="essay-1")).get_id() == item.get_id()
        service.put_grade(grade(user), item)
        (result,) = [one for one in service.get_grades(item) if one["userId"] == user]
        assert result["resultScore"] / result["resultMaximum"] == 0.8


# Where it does otherwise than the standard


def test_a_stamp_as_in_its_manual_has_no_fractions(tool: Tool) -> None:
    manual = "2026-01-01T10:00:00+0000"
    user = tool.platform.users()[0]
    with pytest.raises(LtiServiceException) as caught:
        tool.service().put_grade(grade(user, stamp=manual))
    assert caught.value.response.json() == {
        "error": "bad_timestamp",
        "reason": f"timestamp is {manual!r}; it needs fractions of a second.",
        "spec": "AGS 3.4.9",
        "field": "timestamp",
    }
    with tool_at(attrs.evolve(SPEC, score_rules="plain")) as lenient:
        lenient.service().put_grade(grade(user, stamp=manual))
        assert lenient.platform.score(None, user) is not None


def test_it_sends_a_stamp_without_a_zone(tool: Tool) -> None:
    with pytest.raises(LtiServiceException, match="400"):
        tool.service().put_grade(grade(tool.platform.users()[0], stamp="2026-01-01T10:00:00.000"))


def three_items(tool: Tool) -> None:
    for number in range(2):
        tool.platform.add_line_item(f"Essay {number}", 10, tag=f"essay-{number}")


def test_it_follows_next_in_small_letters_and_loses_a_cursor() -> None:
    with tool_at(attrs.evolve(SPEC, page_size=2)) as tool:
        three_items(tool)
        with pytest.raises(LtiServiceException) as caught:
            tool.service().get_lineitems()
        assert caught.value.response.json()["field"] == "cursor"


def test_it_follows_page_numbers() -> None:
    with tool_at(attrs.evolve(SPEC, page_size=2, paging="page")) as tool:
        three_items(tool)
        service = tool.service()
        assert service.get_lineitems() == tool.platform.line_items()
        found = service.find_lineitem_by_tag("essay-1")
        assert found is not None and found.get_label() == "Essay 1"


@pytest.mark.parametrize("change", [{"link_quotes": "none"}, {"link_quotes": "curly"}])
def test_it_knows_next_in_straight_quotes_only_and_ends_early(change: dict[str, Any]) -> None:
    with tool_at(attrs.evolve(SPEC, page_size=2, paging="page", **change)) as tool:
        three_items(tool)
        assert len(tool.service().get_lineitems()) == 2


def test_it_reads_the_first_page_of_results_only() -> None:
    with tool_at(attrs.evolve(SPEC, page_size=2, paging="page"), users=3) as tool:
        service = tool.service()
        for user in tool.platform.users():
            service.put_grade(grade(user))
        assert len(service.get_grades()) == 2
        assert len(tool.platform.results()) == 3


def test_it_keeps_a_token_for_ever(tool: Tool) -> None:
    service = tool.service()
    service.get_lineitems()
    tool.platform.tokens.revoke()
    with pytest.raises(LtiServiceException) as caught:
        service.get_lineitems()
    assert caught.value.response.status_code == 401
    assert tool.platform.counts["token"] == 1


def test_it_accepts_application_json_for_a_score_that_has_no_answer(tool: Tool) -> None:
    tool.service().put_grade(grade(tool.platform.users()[0]))
    (posted,) = [one.request for one in tool.platform.requests if one.operation == "post_score"]
    assert dict(posted.headers)["Accept"] == "application/json"
