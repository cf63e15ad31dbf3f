"""
The canvas profile, as Canvas's source and documents have it.
"""

from __future__ import annotations

from typing import Any

import pytest

from aioags.emulator import ManualClock, Person
from aioags.protocol.messages import Request
from tests.emulator.canvas_tool import SUBMISSION, SUBMISSION_TYPE, message, one_of
from tests.emulator.raw_tool import ALL, LINE_ITEM, SCORE, START, score, stamp, tool


def test_T4_the_audience_is_compared_to_the_byte() -> None:
    one = tool("canvas")
    url = one.platform.registration_args()["token_url"]
    answer = one.grant(aud=url + "/")
    assert (answer.status, answer.json()) == (
        400,
        {"error": "invalid_request", "error_description": "the 'aud' is invalid"},
    )
    assert one.grant(aud=["https://other.example", url]).status == 200


@pytest.mark.parametrize(
    "claims, status",
    [
        ({"iat": START - 301, "exp": START + 60}, 400),
        ({"iat": START - 299, "exp": START + 60}, 200),
        ({"iat": START + 29}, 200),
        ({"iat": START + 31}, 400),
        ({"jti": None}, 400),
        ({"iss": "any"}, 200),
    ],
)
def test_T5_T6_times_and_claims(claims: dict[str, Any], status: int) -> None:
    assert tool("canvas").grant(**claims).status == status


def test_T5_a_jti_may_come_again() -> None:
    one = tool("canvas")
    form = one.form()
    assert [one.ask_token(form).status for _ in range(2)] == [200, 200]


def test_T8_one_scope_too_many_refuses_all() -> None:
    one = tool("canvas")
    one.platform.tool.scopes = (SCORE,)
    answer = one.ask_token(one.form(scope=f"{SCORE} {LINE_ITEM}"))
    assert (answer.status, answer.json()["error"]) == (400, "invalid_scope")
    assert LINE_ITEM in answer.json()["error_description"]
    assert one.ask_token(one.form(scope=SCORE)).json()["scope"] == SCORE


def test_T11_an_unknown_client_is_401_and_a_bad_signature_400() -> None:
    one = tool("canvas")
    unknown = one.grant(sub="10000000000099")
    assert (unknown.status, unknown.json()) == (
        401,
        {"error": "invalid_client", "error_description": "unknown client"},
    )
    kid = one.ask_token(one.form(one.sign(one.claims(), kid="other")))
    assert (kid.status, kid.json()["error"]) == (400, "invalid_request")
    assert kid.json()["error_description"] == "JWS signature invalid."


def test_A1_A2_messages_of_the_door() -> None:
    clock = ManualClock(START)
    one = tool("canvas", clock=clock, scopes=(SCORE,))
    missing = one.platform.answer(Request("GET", one.items_url))
    assert (missing.status, missing.json()) == (
        401,
        {"errors": {"type": "unauthorized", "message": "Missing access token"}},
    )
    scope = one.list()
    assert (scope.status, message(scope)) == (401, "Insufficient permissions")
    clock.advance(3600)
    assert message(one.list()) == "Access token expired"
    assert missing.header("WWW-Authenticate") is None


def test_A3_deleting_the_coupled_item_is_401_with_no_body() -> None:
    one = tool("canvas")
    answer = one.delete(one.item_url)
    assert (answer.status, answer.body) == (401, b"")
    made = one.create().json()["id"]
    assert one.delete(made).status == 204
    gone = one.get(made)
    assert (gone.status, gone.json()) == (404, {"errors": [{"message": "The specified resource does not exist."}]})


def test_another_prefix_meets_other_doors() -> None:
    one = tool("canvas")
    answer = one.get(one.item_url.replace("/lti", ""))
    assert (answer.status, answer.json()["status"]) == (401, "unauthenticated")


def test_P5_P8_ten_on_a_page_and_five_relations() -> None:
    one = tool("canvas", coupled_line_item=False)
    for n in range(25):
        one.create(label=f"Item {n}", tag="t")
    first = one.list(tag="t")
    base = f"<{one.items_url}?tag=t&page={{}}&per_page=10>"
    assert len(first.json()) == 10
    assert first.header("Link") == ",".join(
        f'{base.format(n)}; rel="{rel}"' for rel, n in (("current", 1), ("next", 2), ("first", 1), ("last", 3))
    )
    last = one.list(tag="t", page=3, per_page=10)
    assert len(last.json()) == 5
    assert 'rel="next"' not in (last.header("Link") or "")
    assert 'rel="prev"' in (last.header("Link") or "")
    assert one.list(page=9).json() == []
    assert "limit=7&page=2&per_page=7" in (one.list(limit=7).header("Link") or "")


def test_line_items_drop_nulls_and_need_two_fields() -> None:
    one = tool("canvas")
    made = one.create(tag=None)
    assert (made.status, set(made.json())) == (201, {"id", "label", "scoreMaximum"})
    assert one.create(label=None).status == 422


def test_L10_links_that_do_not_fit() -> None:
    one = tool("canvas")
    platform = one.platform
    foreign = platform.add_link("Theirs", tool=platform.add_tool("10000000000002"))
    elsewhere = platform.add_link("Elsewhere", course=platform.add_course("Two"))
    unknown, theirs, there = (one.create(resourceLinkId=name) for name in ("99", foreign.id, elsewhere.id))
    assert (unknown.status, unknown.json()["errors"][0]["message"]) == (404, "The specified resource does not exist.")
    assert (theirs.status, message(theirs)) == (
        422,
        "Resource link id points to Tool not associated with this Context",
    )
    assert (there.status, there.body) == (412, b"")
    other = one.put(one.item_url, resourceLinkId="9")
    assert (other.status, message(other)) == (
        412,
        "The specified LTI link ID is not associated with the line item.",
    )


def test_L3_a_put_may_be_partial() -> None:
    one = tool("canvas")
    made = one.create(tag="t", resourceId="r").json()
    assert one.put(made["id"], label="New").json() == made | {"label": "New"}


def test_L13_another_tools_item_is_412() -> None:
    one = tool("canvas")
    theirs = one.platform.add_line_item("Theirs", 10, tool=one.platform.add_tool("10000000000002"))
    answer = one.get(one.platform.site.item_url(theirs))
    assert (answer.status, message(answer)) == (412, "Tool does not have permission to view line_item")


def test_a_bad_submission_type_is_a_third_shape() -> None:
    answer = tool("canvas").create(**{SUBMISSION_TYPE: {"type": "odd"}})
    assert (answer.status, answer.json()) == (400, {"error": "Invalid submission_type for new assignment: odd"})
    kept = tool("canvas").create(**{SUBMISSION_TYPE: {"type": "none"}})
    assert kept.json()[SUBMISSION_TYPE] == {"type": "none"}


def test_S18_a_score_answers_with_the_results_url() -> None:
    one = tool("canvas")
    user = one.users[0]
    answer = one.post(score(user))
    assert (answer.status, set(answer.json())) == (200, {"resultUrl", SUBMISSION})
    assert one.ask("GET", answer.json()["resultUrl"]).json()["userId"] == user
    files = one_of(content_items=[{"type": "file", "url": "https://tool.example/a.pdf"}])
    assert len(one.post(score(user, timestamp=stamp(1)) | files).json()[SUBMISSION]["content_items"]) == 1


@pytest.mark.parametrize(
    "change, says",
    [
        ({"scoreGiven": -1}, "ScoreGiven must be greater than or equal to 0"),
        ({"scoreMaximum": -1}, "ScoreMaximum must be greater than or equal to 0"),
        ({"scoreMaximum": None}, "ScoreMaximum not supplied when ScoreGiven present."),
        ({"scoreMaximum": 0}, "ScoreMaximum cannot be zero if line item's maximum is not zero"),
        ({"userId": "nobody"}, "User not found in course or is not a student"),
    ],
)
def test_S15_S16_what_makes_no_sense_is_422(change: dict[str, Any], says: str) -> None:
    one = tool("canvas")
    body = {name: value for name, value in (score(one.users[0]) | change).items() if value is not None}
    answer = one.post(body)
    assert (answer.status, answer.json()["errors"]) == (422, {"type": "unprocessable_entity", "message": says})


def test_S16_a_teacher_is_no_student() -> None:
    one = tool("canvas", people=[Person("t", role="Instructor")])
    assert one.post(score("t")).status == 422


def test_S6_older_is_400_equal_is_fine() -> None:
    one = tool("canvas")
    user = one.users[0]
    assert [one.post(score(user, n, timestamp=stamp(10))).status for n in (1, 2)] == [200, 200]
    stale = one.post(score(user, timestamp=stamp(9.9)))
    assert stale.status == 400
    assert message(stale).startswith("Provided timestamp of 2026-01-01T09:00:09.900Z before last updated timestamp")
    assert one.post(score(user, timestamp="soon")).status == 400


@pytest.mark.parametrize("progress", ["NotReady", "Failed", "Pending"])
def test_S9_an_unfinished_score_clears_unless_told_otherwise(progress: str) -> None:
    one = tool("canvas")
    first, second = one.users[:2]
    for user, extension in ((first, {}), (second, one_of(preserve_score=True))):
        one.post(score(user))
        one.post(score(user, timestamp=stamp(1), gradingProgress=progress) | extension)
    assert [one.platform.published(None, user) for user in (first, second)] == [None, 80]


def test_S9_pending_manual_keeps_the_score() -> None:
    one = tool("canvas")
    one.post(score(one.users[0], gradingProgress="PendingManual"))
    assert one.results().json()[0]["resultScore"] == 8
    assert one.platform.published(None, one.users[0]) == 80


def test_S12_attempts() -> None:
    one = tool("canvas")
    user = one.users[0]
    count = lambda: len(one.platform.grade(None, user).attempts)  # noqa: E731
    steps: list[tuple[dict[str, Any], int]] = [
        ({"activityProgress": "Started"}, 0),
        ({"activityProgress": "Submitted"}, 1),
        ({"submission": {"submittedAt": stamp(1)}}, 2),
        ({"submission": {"submittedAt": stamp(1)}}, 2),
        (one_of(new_submission=False), 2),
        (one_of(submission_type="none"), 2),
        (one_of(submission_type="online_url", submission_data="https://tool.example"), 3),
    ]
    for n, (change, attempts) in enumerate(steps, 10):
        assert one.post(score(user, timestamp=stamp(n)) | change).status == 200
        assert count() == attempts, change
    one.platform.item().allowed_attempts = 3
    full = one.post(score(user, timestamp=stamp(100)))
    assert (full.status, count()) == (422, 3)


def test_S12_submitted_at_may_not_lie_in_the_future() -> None:
    one = tool("canvas")
    user = one.users[0]
    assert one.post(score(user) | one_of(submitted_at=stamp(59))).status == 200
    assert one.post(score(user, timestamp=stamp(1)) | one_of(submitted_at=stamp(61))).status == 400
    assert one.post(score(user, timestamp=stamp(1)) | one_of(submitted_at="late")).status == 400


def test_S13_comments_are_appended() -> None:
    one = tool("canvas")
    user = one.users[0]
    for n, comment in enumerate(["one", None, "one"]):
        one.post(score(user, timestamp=stamp(n), comment=comment))
    assert one.platform.grade(None, user).comments == ["one", "one"]
    assert one.results().json()[0]["comment"] == "one"


def test_S14_extra_credit_counts() -> None:
    one = tool("canvas")
    one.post(score(one.users[0], 12, 10))
    assert one.results().json()[0]["resultScore"] == 12
    assert one.platform.published(None, one.users[0]) == 120


def test_S17_courses_that_take_no_grades() -> None:
    one = tool("canvas")
    one.platform.course.concluded = True
    over = one.post(score(one.users[0]))
    assert (over.status, message(over)[:25]) == (422, "This course has concluded")
    one.platform.course.concluded = False
    one.platform.course.published = False
    assert message(one.post(score(one.users[0]))) == "This assignment is still unpublished"


def test_S19_a_second_item_of_a_link_does_not_reach_the_gradebook() -> None:
    one = tool("canvas")
    user = one.users[0]
    second = one.create(resourceLinkId="1").json()["id"]
    for url in (one.platform.site.item_url(one.platform.item(1)), second):
        assert one.post(score(user), url).status == 200
    assert one.platform.published(1, user) == 80
    assert one.platform.published(second, user) is None
    assert len(one.results(second).json()) == 1


def test_S20_a_teachers_grade_is_overwritten_unless_told_otherwise() -> None:
    one = tool("canvas")
    user = one.users[0]
    one.platform.override(None, user, 1)
    one.post(score(user) | one_of(prioritize_non_tool_grade=True))
    assert one.platform.published(None, user) == 1
    one.post(score(user, timestamp=stamp(1)))
    assert one.platform.published(None, user) == 80


def test_results_of_a_stranger_are_an_empty_list() -> None:
    one = tool("canvas")
    assert one.results(user_id="nobody").json() == []


def test_scopes_of_a_launch_are_those_of_the_tool() -> None:
    one = tool("canvas")
    one.platform.tool.scopes = (SCORE,)
    assert one.platform.endpoint_claim()["scope"] == [SCORE]
    assert len(ALL) == 4
