"""
What the moodle profile says, byte by byte, beside a live Moodle 4.5.6. The numbers are rows of ``docs/emulator.md``.
"""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from aioags.emulator import Answer, Platform
from aioags.emulator.profiles.profile import MEMBERSHIPS_SCOPE, MEMBERSHIPS_TYPE
from aioags.protocol.messages import Request
from tests.emulator.raw_tool import (
    CONTAINER_TYPE,
    FORM,
    LINE_ITEM_TYPE,
    SCORE_TYPE,
    START,
    RawTool,
    score,
    stamp,
    tool,
)

LTI = "https://purl.imsglobal.org/spec/lti/claim/"
OUTCOME = "https://purl.imsglobal.org/spec/lti-bo/claim/basicoutcome"
NRPS = "https://purl.imsglobal.org/spec/lti-nrps/claim/namesroleservice"


def members(one: RawTool, query: str = "") -> Answer:
    """
    Read the members.
    """
    url = one.platform.site.memberships_url(one.platform.course, one.platform.tool.client_id)
    return one.ask("GET", url + query, accept=MEMBERSHIPS_TYPE)


def class_of(**options: Any) -> RawTool:
    """
    Make a course of three learners and a teacher.
    """
    one = tool("moodle", users=3, scopes=(MEMBERSHIPS_SCOPE,), **options)
    one.platform.course.enroll("9", "Tea Cher", "Instructor")
    return one


@pytest.mark.parametrize(
    "given, maximum, shown", [(1 / 3, 1, 33.333), (2 / 3, 7, 9.52386), (100 / 3, 100, 33.33333), (8, 10, 80)]
)
@pytest.mark.parametrize("kind", ["coupled", "made"])
def test_E1_what_is_given_is_rounded_before_it_is_scaled(given: float, maximum: float, shown: float, kind: str) -> None:
    one = tool("moodle")
    url = one.item_url if kind == "coupled" else one.create(scoreMaximum=100).json()["id"]
    one.post(score(one.users[0], given, maximum), url)
    assert one.results(url).json()[0]["resultScore"] == shown


def test_E2_a_page_of_members_as_sent() -> None:
    one = class_of()
    answer = members(one, "?limit=1&role=Learner")
    url = one.platform.site.memberships_url(one.platform.course, one.platform.tool.client_id)
    assert answer.header("Link") == f'<{url}?limit=1&from=1>; rel="next"'
    assert answer.header("Content-Type") == MEMBERSHIPS_TYPE + "; charset=utf-8"
    assert answer.body.startswith(b'{"id":"https:\\/\\/lms.example\\/mod\\/lti\\/services.php\\/CourseSection\\/1\\/')
    assert answer.json()["context"] == {"id": "1", "label": "C1", "title": "Course one"}
    assert answer.json()["members"] == [
        {
            "status": "Active",
            "roles": ["Learner"],
            "user_id": "1",
            "lis_person_sourcedid": "",
            "name": "Björn Brown",
            "given_name": "Björn",
            "family_name": "Brown",
            "ext_user_username": "user1",
            "email": "1@school.example",
        }
    ]


@pytest.mark.parametrize(
    "role, found",
    [
        ("Learner", ["1", "2", "3"]),
        ("http://purl.imsglobal.org/vocab/lis/v2/membership%23Learner", ["1", "2", "3"]),
        ("Instructor", ["9"]),
        ("Mentor", ["1", "2", "3", "9"]),
        ("learner", ["1", "2", "3", "9"]),
        ("", ["1", "2", "3", "9"]),
    ],
)
def test_E2_an_unknown_role_is_everybody_s(role: str, found: list[str]) -> None:
    assert [one["user_id"] for one in members(class_of(), f"?role={role}").json()["members"]] == found


def test_E2_a_link_is_named_with_its_grades_or_does_not_exist() -> None:
    one = class_of()
    assert set(members(one, "?rlid=1").json()["members"][0]["message"][0]) == {f"{LTI}message_type", OUTCOME}
    link = members(one, "?rlid=1&limit=2").header("Link") or ""
    assert link.endswith('?limit=2&from=2&rlid=1>; rel="next"')
    unknown = members(one, "?rlid=999")
    assert (unknown.status, unknown.phrase) == (404, "Not Found: LTI link 999 doesn't exist")


def test_E2_who_has_left_is_not_there() -> None:
    one = class_of()
    one.platform.course.people["2"].active = False
    assert [each["user_id"] for each in members(one).json()["members"]] == ["1", "3", "9"]


@pytest.mark.parametrize("query", ["?limit=0", "?limit=-1", "?limit=x", "?from=1", "?limit=4", "?limit=99"])
def test_E2_no_page_is_everybody(query: str) -> None:
    answer = members(class_of(), query)
    assert (len(answer.json()["members"]), answer.header("Link")) == (4, None)


def test_E3_a_launch_as_sent() -> None:
    claims = Platform.create("moodle", base_url="http://lms.example").launch_claims("3")
    assert claims[f"{LTI}context"] == {"id": "1", "label": "C1", "title": "Course one", "type": ["CourseSection"]}
    assert claims[f"{LTI}deployment_id"] == "1"
    assert (claims["given_name"], claims["family_name"], claims["name"]) == ("Dmitri", "Dunn", "Dmitri Dunn")
    assert claims["email"] == "3@school.example"
    assert claims[f"{LTI}ext"] == {"lms": "moodle-2", "user_username": "user3"}
    assert claims[f"{LTI}lis"] == {"course_section_sourcedid": "", "person_sourcedid": ""}
    assert claims[f"{LTI}tool_platform"]["product_family_code"] == "moodle"
    assert claims[f"{LTI}tool_platform"]["guid"] == "lms.example"
    assert claims[f"{LTI}launch_presentation"]["document_target"] == "iframe"
    assert claims[NRPS]["service_versions"] == ["1.0", "2.0"]
    assert claims[f"{LTI}custom"] == {"context_memberships_url": claims[NRPS]["context_memberships_url"]}
    assert json.loads(claims[OUTCOME]["lis_result_sourcedid"])["data"]["userid"] == "3"
    assert claims["exp"] - claims["iat"] == 60


def test_E3_a_link_without_a_column_has_no_outcome() -> None:
    assert OUTCOME not in Platform.create("moodle", coupled_line_item=False).launch_claims("3")


def test_E4_a_field_that_is_there_and_wrong_is_a_bad_request() -> None:
    one = tool("moodle")
    assert one.create(scoreMaximum="ten").phrase == "Bad Request"
    assert one.create(scoreMaximum=None).phrase == "No label or Score Maximum"
    assert one.create(label=None).phrase == "No label or Score Maximum"
    for fields in ({"scoreMaximum": 5}, {"label": "A", "scoreMaximum": 5, "resourceLinkId": "abc"}, {"label": "A"}):
        answer = one.put(one.item_url, **fields)
        assert (answer.status, answer.phrase, answer.json()["reason"]) == (400, "Bad Request", "Bad Request")


@pytest.mark.parametrize("body", [b"", b"{", b"nonsense"])
def test_E5_a_score_that_is_no_json(body: bytes) -> None:
    answer = tool("moodle").post(body)
    assert (answer.status, answer.phrase, answer.body) == (400, f"Incorrect score received{body.decode()}", b"[]")
    assert answer.header("Content-Type") == SCORE_TYPE + "; charset=utf-8"


def test_E5_with_a_line_break_it_looks_like_a_success() -> None:
    answer = tool("moodle").post(b'{"userId":\n}')
    assert (answer.status, answer.body) == (200, b"[]")


@pytest.mark.parametrize("profile, status", [("moodle", 502), ("moodle-apache", 500)])
def test_E6_an_item_that_is_no_number_is_the_database_s(profile: str, status: int) -> None:
    one = tool(profile)
    assert one.get(one.item_url.replace("/lineitems/1/", "/lineitems/abc/")).status == status


@pytest.mark.parametrize("content_type, status", [(LINE_ITEM_TYPE, 405), ("", 400), ("application/json", 400)])
def test_E7_options_is_a_method_where_the_type_is_known(content_type: str, status: int) -> None:
    one = tool("moodle")
    assert one.ask("OPTIONS", one.items_url, content_type=content_type).status == status


def test_E8_the_echo_is_ascii_and_its_slashes_are_bare() -> None:
    body = tool("moodle").create(label="Übung 1/2").body
    assert b'"label":"\\u00dcbung 1/2"' in body
    assert b"http" in body and b"\\/" not in body


@pytest.mark.parametrize("sent, told", [("", "text/html; charset=utf-8"), (LINE_ITEM_TYPE, LINE_ITEM_TYPE)])
def test_E9_a_deletion_has_a_type(sent: str, told: str) -> None:
    one = tool("moodle")
    answer = one.ask("DELETE", one.item_url, content_type=sent)
    assert (answer.status, answer.phrase, answer.header("Content-Type"), answer.body) == (204, "OK", told, b"")


def test_E9_another_host_is_told_by_a_page() -> None:
    one = tool("moodle")
    answer = one.ask("GET", one.items_url, accept=CONTAINER_TYPE, Host="other.example")
    assert (answer.status, answer.header("X-Redirect-By")) == (303, "Moodle")
    assert answer.header("Location") == one.items_url
    assert b"<a href=" in answer.body


def test_E9_the_web_server_s_own_page_names_no_charset() -> None:
    one = tool("moodle")
    assert one.create(label="x" * 256).header("Content-Type") == "text/html"


def test_E10_what_is_no_assertion_and_what_is_early() -> None:
    one = tool("moodle")
    for text in ("a.b.c", "nonsense", f"{one.sign(one.claims()).split('.')[0]}.b.c"):
        assert one.ask_token(one.form(text)).json() == {"error": "invalid_request"}
    _, rest = one.sign(one.claims()).split(".", 1)
    assert one.ask_token(one.form(f"AQ.{rest}")).json() == {"error": "Unexpected control character found"}
    early = one.grant(iat=int(START) + 3).json()["error"]
    assert early == "Cannot handle token with iat prior to 2026-01-01T04:00:03-0500"


@pytest.mark.parametrize("profile, squeezed", [("moodle", True), ("moodle-4.1", True), ("moodle-apache", False)])
def test_E11_a_token_is_compressed_for_who_takes_it(profile: str, squeezed: bool) -> None:
    one = tool(profile)
    answer = one.ask_token(headers=(*FORM, ("Accept-Encoding", "gzip, deflate")))
    assert answer.header("Content-Encoding") == ("gzip" if squeezed else None)
    body = gzip.decompress(answer.body) if squeezed else answer.body
    assert len(json.loads(body)["access_token"]) == 32
    assert one.ask_token().header("Content-Encoding") is None


def test_E11_services_are_not() -> None:
    one = tool("moodle")
    answer = one.ask("GET", one.items_url, accept=CONTAINER_TYPE, **{"Accept-Encoding": "gzip"})
    assert (answer.status, answer.header("Content-Encoding")) == (200, None)


def test_E12_the_last_item_has_no_next() -> None:
    one = tool("moodle", coupled_line_item=False)
    for n in range(3):
        one.create(label=str(n))
    answer = one.list(limit=2, **{"from": -1})
    assert [item["label"] for item in answer.json()] == ["2"]
    assert "next" not in (answer.header("Link") or "")


def test_E13_the_comment_comes_before_what_it_is_of() -> None:
    one = tool("moodle")
    one.post(score(one.users[0], comment="Well done"))
    names = ["id", "userId", "resultScore", "resultMaximum", "comment", "scoreOf", "timestamp"]
    assert list(one.results().json()[0]) == names


def test_E14_the_page_of_a_fatal_error_is_not_to_be_kept() -> None:
    one = tool("moodle")
    one.post(score(one.users[0]))
    fatal = one.results(limit=5)
    one.platform.tool.key_set = None
    for answer in (fatal, one.grant()):
        assert (answer.status, answer.header("Pragma")) == (404, "no-cache")
        assert [value for name, value in answer.headers if name == "Cache-Control"] == [
            "no-store, no-cache, must-revalidate",
            "post-check=0, pre-check=0, no-transform",
        ]


def test_E15_a_teachers_touch_and_a_changed_maximum_make_what_is_on_its_way_stale() -> None:
    one = tool("moodle")
    url = one.create(scoreMaximum=10).json()["id"]
    one.post(score(one.users[0], 5, timestamp=stamp(-60)), url)
    assert one.put(url, label="Essay", scoreMaximum=20).status == 200
    assert one.post(score(one.users[0], 6, timestamp=stamp(-30)), url).status == 409
    url = one.create(scoreMaximum=10).json()["id"]
    one.platform.override(url, one.users[0], 3)
    assert one.post(score(one.users[0], 6, timestamp=stamp(-30)), url).status == 409


def test_E9_sent_to_another_host_a_token_request_is_told_too() -> None:
    one = tool("moodle")
    url = one.platform.registration_args()["token_url"]
    answer = one.platform.answer(Request("POST", url, (*FORM, ("Host", "other.example")), b"x=1"))
    assert (answer.status, answer.header("Location")) == (303, url)
