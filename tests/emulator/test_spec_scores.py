"""
The strict platform's score and result services: AGS 3.3 and 3.4.
"""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from aioags.emulator import PROFILES, Person
from tests.emulator.raw_tool import LINE_ITEM_TYPE, RESULT_TYPE, SCORE_TYPE, score, spliced, stamp, tool


def test_3_4_a_score_becomes_a_result() -> None:
    one = tool()
    user = one.users[1]
    body = score(user, 8.25, 100, comment="“Gut” 👍", scoringUserId="teacher-1")
    answer = one.post(body)
    assert (answer.status, answer.body) == (204, b"")
    listed = one.results()
    assert listed.header("Content-Type") == RESULT_TYPE
    assert listed.json() == [
        {
            "id": f"{one.item_url}/results/{user}",
            "scoreOf": one.item_url,
            "userId": user,
            "resultScore": 8.25,
            "resultMaximum": 100,
            "scoringUserId": "teacher-1",
            "comment": "“Gut” 👍",
        }
    ]
    assert one.platform.result(None, user) == listed.json()[0]
    assert one.platform.score(one.item_url, user) == body


def test_3_3_4_2_a_results_id_can_be_read() -> None:
    one = tool()
    one.post(score(one.users[0]))
    record = one.results().json()[0]
    assert one.ask("GET", record["id"], accept=RESULT_TYPE).json() == record
    assert one.ask("GET", record["id"] + "x", accept=RESULT_TYPE).status == 404


def test_3_4_4_one_of_three_on_an_item_of_six_is_two() -> None:
    one = tool()
    item = one.platform.add_line_item("Six", 6)
    user = one.users[0]
    assert one.post(score(user, 1, 3), one.platform.site.item_url(item)).status == 204
    result = one.platform.result(item, user)
    assert result is not None
    assert (result["resultScore"], result["resultMaximum"]) == (2, 6)


def test_3_4_4_more_than_the_maximum_counts() -> None:
    one = tool()
    one.post(score(one.users[0], 12, 10))
    assert one.results().json()[0]["resultScore"] == 120


def test_3_4_4_zero_is_a_score() -> None:
    one = tool()
    one.post(score(one.users[0], 0, 10))
    assert one.results().json()[0]["resultScore"] == 0


@pytest.mark.parametrize("clearing", [{}, {"scoreGiven": None}])
def test_3_4_4_a_score_without_points_clears(clearing: dict[str, Any]) -> None:
    one = tool()
    user = one.users[0]
    one.post(score(user))
    assert one.post(score(user, None, None, timestamp=stamp(1)) | clearing).status == 204
    assert one.results().json() == []
    assert one.platform.result(None, user) is None


BAD: list[tuple[dict[str, Any], str]] = [
    ({"userId": None}, "AGS 3.4.5"),
    ({"userId": ""}, "AGS 3.4.5"),
    ({"userId": 7}, "AGS 3.4.5"),
    ({"activityProgress": None}, "AGS 3.4.7"),
    ({"activityProgress": "completed"}, "AGS 3.4.7"),
    ({"gradingProgress": None}, "AGS 3.4.8"),
    ({"gradingProgress": "Graded"}, "AGS 3.4.8"),
    ({"timestamp": None}, "AGS 3.4.9"),
    ({"timestamp": "2026-01-01T10:00:00Z"}, "AGS 3.4.9"),
    ({"timestamp": "2026-01-01T10:00:00.123"}, "AGS 3.4.9"),
    ({"timestamp": 1767261600}, "AGS 3.4.9"),
    ({"timestamp": "yesterday"}, "AGS 3.4.9"),
    ({"scoreGiven": -0.5}, "AGS 3.4.4"),
    ({"scoreGiven": "8"}, "AGS 3.4.4"),
    ({"scoreGiven": True}, "AGS 3.4.4"),
    ({"scoreMaximum": None}, "AGS 3.4.4"),
    ({"scoreMaximum": 0}, "AGS 3.4.4"),
    ({"scoringUserId": ""}, "AGS 3.4.6"),
    ({"comment": 5}, "AGS 3.4.11"),
    ({"submission": "late"}, "AGS 3.4.10"),
    ({"submission": {"startedAt": "2026-01-01T10:00:00Z"}}, "AGS 3.4.10.1"),
    ({"submission": {"submittedAt": "2026-01-01T10:00:00.1"}}, "AGS 3.4.10.2"),
    ({"submission": {"startedAt": stamp(5), "submittedAt": stamp(4)}}, "AGS 3.4.10.2"),
    ({"score": 5}, "AGS 3.1.2"),
]


@pytest.mark.parametrize("change, spec", BAD)
def test_a_bad_field_is_refused_with_its_section(change: dict[str, Any], spec: str) -> None:
    one = tool()
    user = one.users[0]
    answer = one.post(score(user) | change if None not in change.values() else _without(score(user), change))
    assert (answer.status, answer.json()["spec"]) == (400, spec)
    assert one.platform.history(None, user) == []


def _without(body: dict[str, Any], names: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name not in names}


@pytest.mark.parametrize("text", ["null", "NaN", "1e999"])
def test_3_4_4_what_is_no_finite_number_is_refused(text: str) -> None:
    one = tool()
    body = f'{{"userId":"{one.users[0]}","scoreGiven":{text}}}'.encode()
    assert one.post(body).status == 400


@pytest.mark.parametrize("zone", ["Z", "+00:00", "+00", "-0530", "+02:00"])
def test_3_4_9_every_zone_designator_is_taken(zone: str) -> None:
    one = tool()
    assert one.post(score(one.users[0], timestamp="2026-01-01T10:00:00.5" + zone)).status == 204


def test_3_4_9_an_older_or_equal_stamp_changes_nothing() -> None:
    one = tool()
    user = one.users[0]
    assert one.post(score(user, 5, timestamp=stamp(10))).status == 204
    older, equal = one.post(score(user, 1, timestamp=stamp(9.999))), one.post(score(user, 1, timestamp=stamp(10)))
    assert (older.status, older.json()["error"], older.json()["spec"]) == (409, "stale", "AGS 3.4.9")
    assert (equal.status, equal.json()["error"]) == (409, "same_stamp")
    assert one.results().json()[0]["resultScore"] == 50
    assert one.post(score(user, 1, timestamp=stamp(10.001))).status == 204
    assert [entry["scoreGiven"] for entry in one.platform.history(None, user)] == [5, 1]


def test_3_4_9_stamps_of_different_zones_are_compared_as_instants() -> None:
    one = tool()
    user = one.users[0]
    assert one.post(score(user, timestamp="2026-01-01T10:00:00.5+02:00")).status == 204
    assert one.post(score(user, timestamp="2026-01-01T08:00:00.4Z")).status == 409
    assert one.post(score(user, timestamp="2026-01-01T08:00:00.6Z")).status == 204


@pytest.mark.parametrize("clearing", [None, "", "absent"])
def test_3_4_11_an_absent_comment_clears_the_earlier_one(clearing: str | None) -> None:
    one = tool()
    user = one.users[0]
    one.post(score(user, comment="first"))
    body = score(user, timestamp=stamp(1))
    one.post(body if clearing == "absent" else body | {"comment": clearing})
    assert "comment" not in one.results().json()[0]


def test_3_4_10_times_of_the_submission_are_kept_filled_and_cleared() -> None:
    one = tool()
    user = one.users[0]
    grade = lambda: one.platform.grade(None, user)  # noqa: E731
    start = one.platform.site.now()
    steps: list[tuple[str, float, dict[str, Any], float | None, float | None]] = [
        ("Started", 1, {}, 1, None),
        ("InProgress", 2, {}, 1, None),
        ("Submitted", 3, {}, 1, 3),
        ("Completed", 4, {"submittedAt": stamp(2.5)}, 1, 2.5),
        ("Completed", 5, {}, 1, 2.5),
        ("InProgress", 6, {"startedAt": stamp(0.5)}, 0.5, None),
        ("Initialized", 7, {}, None, None),
    ]
    for activity, at, submission, started, submitted in steps:
        body = score(user, timestamp=stamp(at), activityProgress=activity, submission=submission or None)
        assert one.post(body).status == 204
        assert grade().started_at == (None if started is None else start + started), activity
        assert grade().submitted_at == (None if submitted is None else start + submitted), activity


def test_3_4_5_who_is_not_a_learner_of_the_course_is_refused() -> None:
    people = [Person("a"), Person("t", role="Instructor"), Person("gone", active=False)]
    one = tool(people=people)
    one.platform.add_course("Two", people=[Person("b")])
    kinds = {user: one.post(score(user)) for user in ("t", "gone", "b", "nobody")}
    assert {user: answer.status for user, answer in kinds.items()} == dict.fromkeys(kinds, 422)
    assert [answer.json()["error"] for answer in kinds.values()] == [
        "user_not_gradable",
        "user_not_in_context",
        "user_not_in_context",
        "user_unknown",
    ]


def test_3_4_a_score_container_cannot_be_read() -> None:
    one = tool()
    answer = one.ask("GET", spliced(one.item_url, "/scores"))
    assert (answer.status, answer.header("Allow")) == (405, "POST")


def test_3_4_3_the_type_of_a_score_is_needed() -> None:
    one = tool()
    url = spliced(one.item_url, "/scores")
    body = score(one.users[0])
    assert one.ask("POST", url, body, content_type="application/json").status == 415
    assert one.ask("POST", url, body, content_type=LINE_ITEM_TYPE).status == 415
    assert one.ask("POST", url, body, content_type=SCORE_TYPE, accept="application/json").status == 204


def test_3_3_results_are_sparse_and_filtered_by_user() -> None:
    one = tool(users=5)
    for user in one.users[:3]:
        one.post(score(user))
    assert [record["userId"] for record in one.results().json()] == one.users[:3]
    assert [record["userId"] for record in one.results(user_id=one.users[1]).json()] == [one.users[1]]
    assert one.results(user_id=one.users[4]).json() == []
    assert one.results(user_id="nobody").json() == []


def test_3_3_6_results_are_paged() -> None:
    one = tool(attrs.evolve(PROFILES["spec"], page_size=2), users=5)
    for user in one.users:
        one.post(score(user))
    seen: list[str] = []
    answer = one.results()
    while True:
        seen += [record["userId"] for record in answer.json()]
        link = answer.header("Link")
        if link is None:
            break
        assert link.endswith('>; rel="next"')
        answer = one.ask("GET", link[1 : link.index(">")], accept=RESULT_TYPE)
    assert seen == one.users


def test_3_3_a_teachers_override_changes_the_result_and_not_the_score() -> None:
    one = tool()
    user = one.users[0]
    body = score(user, 5, comment="tool")
    one.post(body)
    one.platform.override(None, user, 99, comment="by hand", teacher="t1")
    result = one.results().json()[0]
    assert (result["resultScore"], result["comment"], result["scoringUserId"]) == (99, "by hand", "t1")
    assert one.platform.score(None, user) == body
    one.platform.release_override(None, user)
    assert one.results().json()[0]["resultScore"] == 50


def test_a_locked_grade_or_item_or_course_refuses_scores() -> None:
    one = tool()
    first, second = one.users[:2]
    one.platform.lock(None, first)
    assert (one.post(score(first)).json()["error"], one.post(score(second)).status) == ("locked", 204)
    one.platform.lock(None)
    assert one.post(score(second, timestamp=stamp(1))).status == 403
    one.platform.lock(None, locked=False)
    one.platform.course.concluded = True
    assert one.post(score(second, timestamp=stamp(2))).json()["error"] == "concluded"


def test_every_request_is_recorded_and_told_to_subscribers() -> None:
    one = tool(keep_requests=2)
    heard: list[str] = []
    stop = one.platform.subscribe(lambda exchange: heard.append(exchange.operation))
    one.list()
    one.post(score(one.users[0]))
    stop()
    one.post({})
    assert heard == ["token", "list_line_items", "post_score"]
    kept = list(one.platform.requests)
    assert [(exchange.operation, exchange.number) for exchange in kept] == [("post_score", 3), ("post_score", 4)]
    assert kept[1].answer is not None
    assert kept[1].answer.status == 400
    assert kept[1].refusal is not None
    assert kept[1].refusal.kind == "bad_score"
    assert one.platform.counts["post_score"] == 2
    assert not one.platform.in_flight
