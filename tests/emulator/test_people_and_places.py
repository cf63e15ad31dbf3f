"""
What each profile tells of people and places: memberships and launches, by privacy setting.
"""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from aioags.emulator import PROFILES, Answer, Database, Platform
from aioags.emulator.profiles.profile import MEMBERSHIPS_SCOPE, MEMBERSHIPS_TYPE
from aioags.emulator.profiles.sharing import PRIVACY, Disclosure, MembersStyle
from tests.emulator.raw_tool import START, RawTool, score, tool

LTI = "https://purl.imsglobal.org/spec/lti/claim/"
AGS = "https://purl.imsglobal.org/spec/lti-ags/claim/endpoint"
LEARNER = "http://purl.imsglobal.org/vocab/lis/v2/membership#Learner"
NAMES = {"name", "given_name", "family_name", "preferred_username", "ext_user_username", "picture"}


def class_of(profile: Any, **options: Any) -> RawTool:
    """
    Make a course of three learners, a teacher and one who left.
    """
    one = tool(profile, users=3, scopes=(MEMBERSHIPS_SCOPE,), **options)
    one.platform.course.enroll("teacher", "Tea Cher", "Instructor")
    one.platform.course.enroll("left", "Left Long Ago").active = False
    return one


def members(one: RawTool, query: str = "") -> Answer:
    """
    Read the members.
    """
    url = one.platform.site.memberships_url(one.platform.course, one.platform.tool.client_id)
    answer = one.ask("GET", url + query, accept=MEMBERSHIPS_TYPE)
    assert answer.status == 200, answer
    return answer


def ids(answer: Answer) -> set[str]:
    """
    Return whom an answer names.
    """
    return {member["user_id"] for member in answer.json()["members"]}


def told(profile: str, privacy: Any) -> tuple[set[str], set[str]]:
    """
    Return the fields of a member and the claims of a launch.
    """
    one = class_of(profile, privacy=privacy)
    member = members(one).json()["members"][0]
    claims = one.platform.launch_claims(one.users[0])
    return set(member), set(claims) | set(claims.get(f"{LTI}ext", {}))


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("privacy", PRIVACY)
def test_names_and_addresses_are_told_as_far_as_privacy_goes(profile: str, privacy: str) -> None:
    for fields in told(profile, privacy):
        # Open edX's members: both or none.
        both = profile != "openedx" or privacy in ("public", "anonymous")
        if both or "exp" in fields:
            assert ("name" in fields) == (privacy in ("public", "name_only"))
            assert ("email" in fields) == (privacy in ("public", "email_only"))
        if privacy in ("anonymous", "email_only"):
            assert not fields & NAMES
    member, claims = told(profile, privacy)
    assert {"user_id", "roles"} <= member and {"sub", f"{LTI}roles"} <= claims


def test_open_edx_members_have_both_or_none() -> None:
    assert told("openedx", "name_only")[0] == {"status", "user_id", "roles"}
    assert told("openedx", "public")[0] == {"status", "user_id", "roles", "name", "email"}


def test_what_moodle_and_sakai_tell_whatever_the_setting() -> None:
    assert told("moodle", "anonymous")[0] == {"status", "user_id", "roles", "lis_person_sourcedid"}
    assert told("sakai", "anonymous")[0] == {"status", "user_id", "roles", "lti11_legacy_user_id"}
    assert told("spec", "anonymous")[0] == {"status", "user_id", "roles"}


def test_a_privacy_that_is_none_is_an_error() -> None:
    with pytest.raises(ValueError, match="privacy is 'secret'; it must be one of public, name_only"):
        Platform.create(privacy="secret")  # type: ignore[arg-type]
    tool_of_it = Platform.create().tool
    with pytest.raises(ValueError, match="privacy is None"):
        tool_of_it.privacy = None  # type: ignore[assignment]
    assert tool_of_it.privacy == "public"


def test_privacy_stays_with_the_tool_in_a_reset_and_in_a_file(tmp_path: Any) -> None:
    path = tmp_path / "state.sqlite3"
    for options in ({"privacy": "anonymous"}, {}):
        platform = Platform.create("moodle", **options)
        database = Database.open(path)
        database.keep(platform)
        database.close()
        assert platform.tool.privacy == "anonymous"
        assert "name" not in platform.launch_claims("1")
    platform = Platform.create(privacy="email_only")
    platform.reset()
    assert platform.tool.privacy == "email_only"


def test_picture_and_other_fields_come_where_a_profile_names_them() -> None:
    style = MembersStyle(disclosure=Disclosure(name=(), email=(), public=("picture", "lti11_legacy_user_id")))
    one = class_of(attrs.evolve(PROFILES["spec"], members=style))
    assert members(one).json()["members"][0]["picture"] == "https://school.example/pictures/left.png"


# K5


def test_K5_sakai_pages_by_limit_looks_at_no_role_and_has_a_type_of_its_own() -> None:
    one = class_of("sakai")
    first = members(one, f"?limit=2&role={LEARNER.replace('#', '%23')}&rlid=none")
    url = one.platform.site.memberships_url(one.platform.course, one.platform.tool.client_id)
    assert "/imsblis/lti13/namesandroles/" in url
    assert first.header("Content-Type") == "application/json"
    assert first.header("Link") == f'<{url}?start=2&limit=2>; rel="next"'
    second = members(one, "?start=2&limit=2")
    assert second.header("Link") is None
    assert ids(first) | ids(second) == set(one.users) - {"left"}
    assert "message" not in first.json()["members"][0]


def test_K5_sakai_takes_660_seconds_and_calls_an_expired_token_a_signature_error() -> None:
    one = tool("sakai")
    assert one.grant(iat=int(START), exp=int(START) + 660).status == 200
    assert one.grant(iat=int(START), exp=int(START) + 661).status == 400
    _ = one.token
    one.platform.site.skew = 3601
    answer = one.list()
    assert (answer.status, answer.json()) == (403, {"error": "signature_error"})


def test_K5_open_edx_pages_members_by_number() -> None:
    one = class_of("openedx")
    url = one.platform.site.memberships_url(one.platform.course, one.platform.tool.client_id)
    first = members(one, "?limit=3&role=Instructor&rlid=none")
    assert first.header("Link") == f'<{url}?limit=3&page=2>; rel="next"'
    assert first.json()["id"] == f"{url}?limit=3&role=Instructor&rlid=none"
    assert set(first.json()["context"]) == {"id"}
    second = members(one, "?limit=3&page=2")
    assert second.header("Link") is None
    assert ids(first) | ids(second) == set(one.users) - {"left"}
    assert len(members(one, "?limit=x&page=2").json()["members"]) == 4


def test_K5_open_edx_results_may_end_with_a_slash() -> None:
    one = tool("openedx")
    assert one.ask("GET", one.item_url + "/results/").status == 200
    assert one.ask("GET", one.item_url + "/scores/").status == 404


def test_K5_open_edx_names_the_first_of_several_items() -> None:
    one = tool("openedx")
    link = next(iter(one.platform.course.links.values()))
    one.platform.add_line_item("Second", 10, link=link)
    claim = one.platform.launch_claims(one.users[0])[AGS]
    assert claim["lineitem"] == one.platform.line_items()[0]["id"]
    assert "lineitem" not in tool_with_two("spec").endpoint_claim()


def tool_with_two(profile: str) -> Platform:
    """
    Make a platform with two line items on one link.
    """
    platform = Platform.create(profile)
    platform.add_line_item("Second", 10, link=next(iter(platform.course.links.values())))
    return platform


# K4


@pytest.mark.parametrize("accept", ["application/json", "text/html"])
def test_K4_what_is_accepted_counts_where_something_is_read(accept: str) -> None:
    one = tool("spec")
    fields = {"label": "Essay", "scoreMaximum": 10}
    made = one.ask(
        "POST", one.items_url, fields, content_type="application/vnd.ims.lis.v2.lineitem+json", accept=accept
    )
    assert made.status == 201
    url = made.json()["id"]
    put = one.ask("PUT", url, fields, content_type="application/vnd.ims.lis.v2.lineitem+json", accept=accept)
    assert put.status == 200
    assert one.ask("GET", url, accept=accept).status == 406
    assert one.ask("GET", one.items_url, accept=accept).status == 406


# The standard, and the others


def test_a_strict_platform_filters_by_either_spelling_and_shows_who_left() -> None:
    one = class_of("spec")
    for role in ("Learner", LEARNER.replace("#", "%23")):
        assert ids(members(one, f"?role={role}")) == set(one.users) - {"teacher"}
    assert ids(members(one, "?role=Mentor")) == set()
    left = next(each for each in members(one).json()["members"] if each["user_id"] == "left")
    assert (left["status"], left["roles"]) == ("Inactive", [LEARNER])


def test_a_profile_may_know_full_roles_only() -> None:
    one = class_of(attrs.evolve(PROFILES["spec"], members=MembersStyle(role_filter="uri")))
    assert ids(members(one, "?role=Learner")) == set()
    assert ids(members(one, f"?role={LEARNER.replace('#', '%23')}")) == set(one.users) - {"teacher"}


def test_launches_say_where_they_come_from() -> None:
    for name in PROFILES:
        claims = Platform.create(name).launch_claims(Platform.create(name).users()[0])
        assert claims[f"{LTI}tool_platform"]["guid"], name
        assert claims[f"{LTI}launch_presentation"]["document_target"] == "iframe", name
        assert claims[f"{LTI}context"]["label"] == "C1", name


def test_open_edx_and_d2l_have_further_times_and_parties() -> None:
    edx, d2l = (
        Platform.create(name).launch_claims(Platform.create(name).users()[0]) for name in ("openedx", "brightspace")
    )
    assert edx["azp"] == edx["aud"]
    assert len(edx[f"{LTI}roles"]) == 3
    assert d2l["nbf"] == d2l["iat"]


def test_d2l_deletes_what_came_with_a_link_by_hiding_it() -> None:
    one = tool("brightspace")
    user, url = one.users[0], one.item_url
    assert one.post(score(user)).status == 204
    assert one.delete(url).status == 204
    assert one.get(url).status == 404
    assert "lineitem" not in one.platform.endpoint_claim()
    (kept,) = one.platform.course.orphans
    assert (one.platform.grade(kept, user).points, kept.link_id) == (80, None)


def test_d2l_deletes_what_a_tool_made_for_good() -> None:
    one = tool("brightspace")
    assert one.delete(one.create().json()["id"]).status == 204
    assert one.platform.course.orphans == []
