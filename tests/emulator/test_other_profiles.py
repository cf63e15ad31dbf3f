"""
Blackboard, Brightspace, Sakai and Schoology, one test for each row of the quirk table that they show.
"""

from __future__ import annotations

import json
from typing import Any

import attrs
import pytest

from aioags.emulator import PROFILES, ManualClock, Person
from aioags.protocol.messages import Request
from tests.emulator.raw_tool import (
    ALL,
    CONTAINER_TYPE,
    LINE_ITEM_TYPE,
    SCORE,
    SCORE_TYPE,
    START,
    score,
    spliced,
    stamp,
    tool,
)

CLOSED = ("blackboard", "brightspace", "schoology")


@pytest.mark.parametrize("name", CLOSED)
def test_profiles_of_closed_platforms_say_what_they_are_worth(name: str) -> None:
    assert PROFILES[name].basis == "modelled on documents and reports"


@pytest.mark.parametrize("name", PROFILES)
def test_every_profile_takes_a_tool_through_its_whole_day(name: str) -> None:
    one = tool(name, users=3)
    user = one.users[0]
    made = one.create(resourceId="quiz", tag="grade")
    url = made.json()["id"]
    assert made.status in (200, 201)
    assert url in [item["id"] for item in one.list().json()]
    assert one.get(url).json()["label"] == "Essay"
    assert one.post(score(user, 5, 10, timestamp=stamp(1)), url).status in (200, 201, 204)
    assert one.post(score(user, 7, 10, timestamp=stamp(3)), url).status in (200, 201, 204)
    (found,) = [record for record in one.results(url).json() if record["userId"] == user]
    assert found["resultScore"] / found["resultMaximum"] == 0.7
    assert one.platform.result(url, user) == found
    assert len(one.platform.history(url, user)) == 2
    assert one.put(url, label="New", scoreMaximum=10, resourceId="quiz", tag="grade").status == 200
    assert one.get(url).json()["label"] == "New"
    assert one.delete(url).status in (200, 204, 403)


# Blackboard


def test_T10_T12_blackboard_hands_out_the_same_token_again() -> None:
    clock = ManualClock(START)
    one = tool("blackboard", clock=clock)
    first = one.ask_token().json()
    clock.advance(1000)
    second = one.ask_token().json()
    assert first["token_type"] == "bearer"
    assert first["access_token"] == second["access_token"]
    assert (first["expires_in"], second["expires_in"]) == (3600, 2600)
    clock.advance(2600)
    assert one.ask_token().json()["access_token"] != first["access_token"]


def test_T13_blackboard_limits_token_calls() -> None:
    clock = ManualClock(START)
    one = tool("blackboard", clock=clock)
    answers = [one.ask_token() for _ in range(61)]
    assert [answer.status for answer in answers] == [200] * 60 + [429]
    assert answers[-1].header("Retry-After") == "60"
    clock.advance(60)
    assert one.ask_token().status == 200


def test_U1_blackboard_ids_have_underscores() -> None:
    one = tool("blackboard")
    assert one.item_url.endswith("/learn/api/v1/lti/courses/_1_1/lineItems/_1_1")
    assert one.get(one.item_url.replace("_1_1/lineItems/_1_1", "1/lineItems/1")).status == 404


def test_L4_blackboard_refuses_an_id_in_a_put() -> None:
    one = tool("blackboard")
    answer = one.put(one.item_url, id=one.item_url, label="x", scoreMaximum=1)
    assert (answer.status, set(answer.json())) == (400, {"status", "message", "extraInfo"})
    assert one.create(id="x").status == 201


def test_L5_blackboard_wants_whole_maxima() -> None:
    one = tool("blackboard")
    assert one.create(scoreMaximum=60.5, resourceId="r").status == 400
    assert one.create(scoreMaximum=60, resourceId="r").status == 201


def test_L10_blackboard_sets_no_link_by_post_and_releases_grades() -> None:
    made = tool("blackboard").create(resourceLinkId="1").json()
    assert "resourceLinkId" not in made
    assert made["gradesReleased"] is True


def test_S8_blackboard_needs_a_zone() -> None:
    one = tool("blackboard")
    answer = one.post(score(one.users[0], timestamp="2026-01-01T10:00:00.000"))
    assert answer.status == 400
    assert answer.json()["message"] == "JSON parse error: Invalid date string: 2026-01-01T10:00:00.000"
    assert one.post(score(one.users[0], timestamp="2017-01-01T10:00:00Z")).status == 204


def test_S16_blackboard_cannot_find_the_user() -> None:
    answer = tool("blackboard").post(score("nobody"))
    assert (answer.status, answer.json()["message"]) == (400, "User could not be found: nobody")


def test_R2_blackboard_loses_the_comment_when_filtered() -> None:
    one = tool("blackboard")
    user = one.users[0]
    one.post(score(user, comment="c"))
    assert one.results().json()[0]["comment"] == "c"
    assert "comment" not in one.results(user_id=user).json()[0]


def test_N2_blackboard_and_d2l_count_requests_and_hint_in_their_own_way() -> None:
    clock = ManualClock(START)
    blackboard = tool(attrs.evolve(PROFILES["blackboard"], throttle_capacity=2), clock=clock)
    d2l = tool(attrs.evolve(PROFILES["brightspace"], throttle_capacity=20), clock=clock)
    for one, hint, value in ((blackboard, "Retry-After", "86400"), (d2l, "X-Rate-Limit-Reset", "60")):
        first, _, third = one.list(), one.list(), one.list()
        assert first.header("X-Rate-Limit-Remaining") == ("1" if one is blackboard else "10")
        assert (third.status, third.header(hint)) == (429, value)
    assert d2l.list().header("Retry-After") is None
    clock.advance(60)
    assert (d2l.list().status, blackboard.list().status) == (200, 429)


# Brightspace


def test_T2_T3_d2l_wants_its_own_audience_and_no_list() -> None:
    one = tool("brightspace")
    args = one.platform.registration_args()
    assert args["audience"] == "https://api.brightspace.com/auth/token"
    wrong = one.grant(aud=args["token_url"])
    assert (wrong.status, wrong.json()["error"]) == (400, "invalid_grant")
    assert wrong.json()["error_description"].startswith("Error validating assertion")
    assert one.grant(aud=[args["audience"], args["token_url"]]).status == 500


def test_T5_d2l_compares_iss_and_sub_and_finds_the_kid() -> None:
    one = tool("brightspace")
    assert one.grant(iss="other").json()["error"] == "invalid_client"
    kid = one.ask_token(one.form(one.sign(one.claims(), kid="other"))).json()
    assert "KeyId not found in token" in kid["error_description"]


def test_P5_d2l_puts_200_on_a_page() -> None:
    one = tool(attrs.evolve(PROFILES["brightspace"], throttle="none"))
    for n in range(201):
        one.platform.add_line_item(f"Item {n}", 10)
    first = one.list()
    assert len(first.json()) == 200
    assert (first.header("Link") or "").endswith('>; rel="next"')


def test_L9_a_link_without_an_item() -> None:
    one = tool("brightspace", coupled_line_item=False)
    assert "lineitem" not in one.platform.endpoint_claim()
    assert one.create(resourceLinkId="1").status == 201
    assert "lineitem" in one.platform.endpoint_claim()


def test_S16_d2l_tells_three_kinds_of_wrong_user_apart() -> None:
    one = tool("brightspace", people=[Person("t", role="Instructor")])
    one.platform.add_course("Two", people=[Person("b")])
    url = one.create().json()["id"]
    answers = [one.post(score(user), url) for user in ("t", "b", "nobody")]
    assert [answer.status for answer in answers] == [422, 403, 404]
    assert answers[1].json()["detail"] == "User in requested score is not enrolled in the org unit"


def test_S14_d2l_caps_at_the_maximum() -> None:
    one = tool("brightspace")
    url = one.create().json()["id"]
    one.post(score(one.users[0], 12, 10), url)
    assert one.results(url).json()[0]["resultScore"] == 10


# Open edX and Sakai


@pytest.mark.parametrize("name, key", [("openedx", "detail"), ("sakai", "error")])
def test_A1_a_bad_token_is_403(name: str, key: str) -> None:
    clock = ManualClock(START)
    one = tool(name, clock=clock)
    assert one.list().status == 200
    clock.advance(3600)
    answer = one.list()
    assert (answer.status, set(answer.json())) == (403, {key})
    assert one.platform.answer(Request("GET", one.items_url)).status == 403


def test_A2_sakai_calls_a_missing_scope_a_bad_request() -> None:
    assert tool("sakai", scopes=(SCORE,)).list().status == 400
    assert tool("openedx", scopes=(SCORE,)).list().status == 403


# Sakai


def test_T5_T6_sakai_refuses_replays_and_long_lives() -> None:
    one = tool("sakai")
    form = one.form()
    assert one.ask_token(form).status == 200
    replay = one.ask_token(form)
    assert replay.status == 400
    assert replay.header("X-Tsugi-LTI13-Error-Detail") == "Replayed client_assertion"
    assert one.grant(exp=START + 661).status == 400
    assert one.grant(exp=START + 660, iat=START).status == 200
    assert one.grant(iat=START + 59, exp=START + 100).status == 200


def test_T8_sakai_refuses_all_scopes_for_one() -> None:
    one = tool("sakai")
    answer = one.ask_token(one.form(scope=" ".join((*ALL, "https://example.org/other"))))
    assert (answer.status, answer.json()) == (400, {"error": "invalid_scope"})
    assert b"\n" in answer.body


def test_U2_sakais_placements_are_compared_byte_for_byte() -> None:
    one = tool("sakai")
    assert ":::content%3A1" in one.item_url
    assert one.get(one.item_url).status == 200
    assert one.get(one.item_url.replace("%3A", ":")).status == 400


def test_U5_U6_sakais_type_of_results_and_name_of_the_link_filter() -> None:
    one = tool("sakai")
    one.create(label="Unbound")
    assert one.results().header("Content-Type") == "application/json"
    assert len(one.list(resource_link_id="1").json()) == 2
    assert len(one.list(lti_link_id="1").json()) == 1
    assert one.list(limit=1).header("Link") is None


def test_L1_L2_L8_sakai_answers_200_to_everything() -> None:
    one = tool("sakai")
    made = one.create(tag="a|b", unknown=1)
    assert (made.status, made.json()["unknown"], made.json()["tag"]) == (200, 1, "a|b")
    url = made.json()["id"]
    assert one.get(url).json()["tag"] == "ab"
    deleted = one.delete(url)
    assert (deleted.status, deleted.body) == (200, b"")


def test_L7_sakai_overwrites_the_item_of_the_same_label() -> None:
    one = tool("sakai")
    first, second = one.create(tag="1").json(), one.create(tag="2").json()
    assert first["id"] == second["id"]
    assert one.get(first["id"]).json()["tag"] == "2"


def test_sakai_guesses_maxima_and_looks_at_no_time() -> None:
    one = tool("sakai")
    user = one.users[0]
    shown = lambda: (one.platform.result(None, user) or {})["resultScore"]  # noqa: E731
    steps: list[tuple[dict[str, Any], float]] = [
        (score(user, 0.5, None), 50),
        (score(user, 50, None, timestamp=stamp(-100)), 50),
        (score(user, -5, 10), 0),
    ]
    for body, expected in steps:
        answer = one.post(body)
        assert (answer.status, answer.body) == (200, b"")
        assert shown() == expected
    assert "scoreMaximum" not in json.loads(one.platform.requests[1].request.body or b"")


def test_S16_sakai_wants_a_member_of_any_role() -> None:
    one = tool("sakai", people=[Person("t", role="Instructor")])
    assert one.post(score("t")).status == 200
    answer = one.post(score("nobody"))
    assert (answer.status, answer.json()) == (400, {"error": "User does not belong to site"})


def test_R1_R2_R3_sakais_results_are_the_roster_and_one_is_bare() -> None:
    one = tool("sakai")
    user = one.users[1]
    one.post(score(user))
    records = one.results(user_id=user).json()
    assert sorted(record["userId"] for record in records) == sorted(one.users)
    assert [record["userId"] for record in records if "resultScore" in record] == [user]
    bare = one.ask("GET", spliced(one.item_url, f"/results/{user}")).json()
    assert (type(bare), bare["userId"]) == (dict, user)


# Schoology


def test_L4_schoology_refuses_an_id_in_a_post() -> None:
    answer = tool("schoology").create(id="x")
    assert (answer.status, answer.json()) == (400, {"error": 'Invalid parameter "body.id": "id" is not allowed'})


@pytest.mark.parametrize("accept", ["application/json", f"{LINE_ITEM_TYPE}, {CONTAINER_TYPE}"])
def test_U4_schoology_is_strict_about_accept(accept: str) -> None:
    one = tool("schoology")
    answer = one.ask("GET", one.items_url, accept=accept)
    assert (answer.status, answer.json()) == (406, {"error": "Invalid Accept Header"})


def test_schoology_checks_the_score_type() -> None:
    one = tool("schoology")
    url = spliced(one.item_url, "/scores")
    assert one.ask("POST", url, score(one.users[0]), content_type="application/json").status == 415
    assert one.ask("POST", url, score(one.users[0]), content_type=SCORE_TYPE).status == 204


# Links that no named platform writes, and the standard allows


@pytest.mark.parametrize(
    "switches, link",
    [
        ({"link_relative": True}, '</lti/contexts/1/line_items?cursor={}>; rel="next"'),
        (
            {"link_offsite": "https://evil.example"},
            '<https://evil.example/lti/contexts/1/line_items?cursor={}>; rel="next"',
        ),
        ({"link_quotes": "none"}, "<https://lms.example/lti/contexts/1/line_items?cursor={}>; rel=next"),
    ],
)
def test_P10_links_of_other_kinds(switches: dict[str, Any], link: str) -> None:
    one = tool(attrs.evolve(PROFILES["spec"], page_size=1, **switches))
    one.create()
    written = one.list().header("Link") or ""
    cursor = written.partition("cursor=")[2].partition(">")[0]
    assert written == link.format(cursor)


def test_P8_a_header_for_each_relation() -> None:
    one = tool(attrs.evolve(PROFILES["canvas"], link_split=True))
    links = [value for name, value in one.list().headers if name == "Link"]
    assert [value.rpartition("=")[2] for value in links] == ['"current"', '"first"', '"last"']
