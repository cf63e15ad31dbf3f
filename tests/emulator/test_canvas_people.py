"""
Members and launches of the canvas profile: who is there, and what a tool is told of them.
"""

from __future__ import annotations

from typing import Any, Literal
from urllib.parse import urlencode

import pytest

from aioags.emulator import ManualClock, Person, Platform
from tests.emulator.canvas_tool import message
from tests.emulator.raw_tool import ALL, START, RawTool

MEMBERSHIPS = "https://purl.imsglobal.org/spec/lti-nrps/scope/contextmembership.readonly"
LTI = "https://purl.imsglobal.org/spec/lti/claim/"
MEMBERSHIP = "http://purl.imsglobal.org/vocab/lis/v2/membership"
LEARNER, INSTRUCTOR = f"{MEMBERSHIP}#Learner", f"{MEMBERSHIP}#Instructor"
ASSISTANT = f"{MEMBERSHIP}/Instructor#TeachingAssistant"

PEOPLE = [
    Person("ada", "Ada Abe Brown"),
    Person("gone", "Gone Costa", active=False),
    Person("teacher", "Tess Dunn", "Instructor"),
    Person("assistant", "Tom Eriksen", "TeachingAssistant"),
]
ANONYMOUS = {"status", "user_id", "lti11_legacy_user_id", "roles"}
NAME = {"name", "given_name", "family_name"}
Privacy = Literal["public", "name_only", "email_only", "anonymous"]


def school(**options: Any) -> RawTool:
    """
    Make a course with people, and a tool that may read them.
    """
    chosen = {"people": PEOPLE} | options
    return RawTool(Platform.create("canvas", clock=ManualClock(START), **chosen), (*ALL, MEMBERSHIPS))


def members_url(one: RawTool) -> str:
    """
    Return the address that a launch names.
    """
    claims = one.platform.launch_claims(one.users[0])
    claim = claims["https://purl.imsglobal.org/spec/lti-nrps/claim/namesroleservice"]
    return str(claim["context_memberships_url"])


def members(one: RawTool, **parameters: str) -> list[str]:
    """
    Return whom the membership service lists.
    """
    answer = one.list(members_url(one), **parameters)
    assert answer.status == 200, answer
    return [member["user_id"] for member in answer.json()["members"]]


def test_CV45_members_are_at_names_and_roles() -> None:
    one = school()
    assert members_url(one) == f"{one.platform.base_url}/api/lti/courses/1/names_and_roles"
    answer = one.list(members_url(one))
    assert answer.header("Content-Type") == "application/vnd.ims.lti-nrps.v2.membershipcontainer+json"
    assert answer.json()["id"] == members_url(one)
    one.platform.course.concluded = True
    assert one.list(members_url(one)).status == 200


def test_K3_CV46_fifty_on_a_page_and_never_more() -> None:
    one = school(people=None, users=60)
    assert [len(members(one, **asked)) for asked in ({}, {"limit": "100"}, {"per_page": "80"}, {"page": "2"})] == [
        50,
        50,
        50,
        10,
    ]
    link = one.list(members_url(one), limit="20", per_page="9", role=LEARNER).header("Link") or ""
    assert f'<{members_url(one)}?{urlencode({"role": LEARNER})}&page=2&per_page=20>; rel="next"' in link
    assert "limit" not in link
    assert members(one, page="9") == []


def test_K3_CV47_who_left_is_absent_and_roles_are_asked_for_in_full() -> None:
    one = school()
    assert members(one) == ["ada", "assistant", "teacher"]
    assert members(one, role=LEARNER) == ["ada"]
    assert members(one, role=INSTRUCTOR) == ["assistant", "teacher"]
    assert members(one, role=ASSISTANT) == ["assistant"]
    assert members(one, role="Learner") == []
    assert members(one, role="http://purl.imsglobal.org/vocab/lis/v2/membership#Odd") == []


def test_K3_CV47_a_link_that_is_none_is_400() -> None:
    one = school()
    foreign = one.platform.add_link("Theirs", tool=one.platform.add_tool("10000000000002"))
    for rlid, words in (
        ("", "Invalid 'rlid' parameter"),
        ("99", "Tool does not have access to rlid or rlid does not exist"),
        (foreign.id, "Tool does not have access to rlid or rlid does not exist"),
    ):
        answer = one.list(members_url(one), rlid=rlid)
        assert (answer.status, message(answer)) == (400, words)
    (first, *_) = one.list(members_url(one), rlid="1").json()["members"]
    assert first["message"][f"{LTI}message_type"] == "LtiResourceLinkRequest"
    assert members(one, rlid=one.platform.launch_claims("ada")[f"{LTI}context"]["id"]) == members(one)


@pytest.mark.parametrize(
    "privacy, told",
    [
        ("public", NAME | {"picture", "email", "lis_person_sourcedid"}),
        ("name_only", NAME | {"lis_person_sourcedid"}),
        ("email_only", {"email"}),
        ("anonymous", set()),
    ],
)
def test_CV48_a_member_is_told_by_privacy(privacy: Privacy, told: set[str]) -> None:
    one = school()
    one.platform.tool.privacy = privacy
    body = one.list(members_url(one)).json()
    course = one.platform.course
    assert body["context"] == {"id": "course-1", "title": course.title, "label": course.label}
    ada, assistant, _ = body["members"]
    assert set(ada) == ANONYMOUS | told
    assert (ada["status"], ada["roles"], assistant["roles"]) == ("Active", [LEARNER], [INSTRUCTOR, ASSISTANT])
    assert len(ada["lti11_legacy_user_id"]) == 40
    if "name" in told:
        assert (ada["given_name"], ada["family_name"]) == ("Ada Abe", "Brown")


def test_CV49_a_launch_says_where_it_comes_from_and_lives_for_an_hour() -> None:
    one = school()
    claims = one.platform.launch_claims("ada")
    assert claims["azp"] == claims["aud"] == one.platform.tool.client_id
    assert claims["exp"] == claims["iat"] + 3600
    assert claims["locale"] == claims[f"{LTI}launch_presentation"]["locale"]
    assert claims[f"{LTI}tool_platform"]["product_family_code"] == "canvas"
    assert claims[f"{LTI}tool_platform"]["version"] == "cloud"
    assert claims[f"{LTI}launch_presentation"]["document_target"] == "iframe"
    assert claims[f"{LTI}custom"] == {}
    assert claims[f"{LTI}context"]["label"] == one.platform.course.label
    assert LEARNER in claims[f"{LTI}roles"]
    assert len(claims[f"{LTI}roles"]) == 3
    assert claims[f"{LTI}lti11_legacy_user_id"]


@pytest.mark.parametrize(
    "privacy, told",
    [
        ("public", NAME | {"picture", "email"}),
        ("name_only", NAME),
        ("email_only", {"email"}),
        ("anonymous", set()),
    ],
)
def test_CV49_a_launch_tells_of_a_person_by_privacy(privacy: Privacy, told: set[str]) -> None:
    one = school()
    one.platform.tool.privacy = privacy
    claims = one.platform.launch_claims("ada")
    assert set(claims) & (NAME | {"picture", "email"}) == told
    assert (f"{LTI}lis" in claims) == ("name" in told)
