"""
The moodle profile's scores and results, line by line as a live Moodle 4.5.6 answered.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from aioags.emulator import Answer, ManualClock, Person
from tests.emulator.raw_tool import SCORE_TYPE, START, RawTool, score, spliced, stamp, tool

KINDS = ("coupled", "made")


def on(one: RawTool, kind: str) -> str:
    """
    Return the URL of a coupled or of a tool-made item.
    """
    return one.item_url if kind == "coupled" else str(one.create(scoreMaximum=100).json()["id"])


def row(one: RawTool, url: str, user: str) -> dict[str, Any] | None:
    """
    Return one person's result as the service gives it.
    """
    records: list[dict[str, Any]] = one.results(url, user_id=user).json()
    return records[0] if records else None


def refused(answer: Answer) -> bool:
    return answer.status == 400 and answer.body == b"[]" and answer.phrase.startswith("Incorrect score received")


def test_S1_success_is_200_with_no_body() -> None:
    one = tool("moodle")
    answer = one.post(score(one.users[0]))
    assert (answer.status, answer.phrase, answer.body) == (200, "OK", b"")
    assert answer.header("Content-Type") == SCORE_TYPE + "; charset=utf-8"


def test_S3_the_reason_phrase_holds_the_request() -> None:
    one = tool("moodle")
    body = b'{"userId": "4", "comment": "na\xc3\xafve"}'
    answer = one.post(body)
    assert (answer.status, answer.phrase, answer.body) == (
        400,
        'Incorrect score received{"userId": "4", "comment": "naïve"}',
        b"[]",
    )


def test_S3_php_fpm_cuts_the_status_line_and_apache_does_not() -> None:
    body = score("999", comment="ü" * 2000)
    fpm, apache = tool("moodle").post(body), tool("moodle-apache").post(body)
    assert len(f"HTTP/1.1 400 {fpm.phrase}".encode()) in (1023, 1024)
    assert len(apache.phrase.encode()) > 4000
    assert (apache.manner.http_version, apache.manner.close) == ("1.0", True)


@pytest.mark.parametrize("profile", ["moodle", "moodle-apache"])
def test_S2_moodle_rejects_with_200_and_empty_list(profile: str) -> None:
    one = tool(profile)
    answer = one.post(json.dumps(score("999"), indent=2).encode())
    assert (answer.status, answer.phrase, answer.body) == (200, "OK", b"[]")
    assert answer.manner.http_version == "1.1"
    assert refused(one.post(json.dumps(score("999")).encode() + b"\n"))
    assert one.platform.results() == []


def test_S2_pretty_json_that_is_valid_is_a_success_and_stale_a_409() -> None:
    one = tool("moodle")
    pretty = json.dumps(score(one.users[0]), indent=2).encode()
    assert (one.post(pretty).status, one.post(pretty).status) == (200, 409)


@pytest.mark.parametrize("kind", KINDS)
def test_S5_S6_whole_seconds_decide(kind: str) -> None:
    one = tool("moodle")
    url, user = on(one, kind), one.users[0]
    at = lambda text, given: one.post(score(user, given, timestamp=text), url)  # noqa: E731
    assert at("2026-01-01T10:00:00.100Z", 1).status == 200
    stale = at("2026-01-01T10:00:00.900Z", 2)
    number = one.platform.item(url).number
    assert (stale.status, stale.body) == (409, b"[]")
    assert stale.phrase == f"Refusing score with an earlier timestamp for item {number} and user {user}"
    assert at("2026-01-01T09:00:00Z", 3).status == 409
    assert at("2026-01-01T12:00:00+02:00", 4).status == 409
    assert at("2026-01-01T10:00:01Z", 5).status == 200
    assert at("2026-01-01T12:00:02+02:00", 6).status == 200


@pytest.mark.parametrize(
    "change",
    [
        {"userId": "999"},
        {"userId": ""},
        {"userId": "0"},
        {"timestamp": "2026-01-01T24:00:00Z"},
        {"timestamp": "2026-01-01T10:00:60Z"},
        {"timestamp": "2026-01-01T10:00:00.Z"},
        {"timestamp": "now"},
        {"timestamp": "1767261600"},
        {"timestamp": 1767261600},
        {"timestamp": None},
        {"scoreMaximum": None},
        {"scoreGiven": "five"},
        {"activityProgress": None},
        {"gradingProgress": None},
    ],
)
def test_S16_every_rejection_looks_the_same(change: dict[str, Any]) -> None:
    one = tool("moodle")
    body = {name: value for name, value in (score(one.users[0]) | change).items() if value is not None}
    assert refused(one.post(body))


def test_S16_teachers_are_refused_and_the_suspended_are_not() -> None:
    one = tool("moodle", people=[Person("3", role="Instructor"), Person("4", active=False)])
    assert refused(one.post(score("3")))
    assert one.post(score("4")).status == 200
    assert row(one, one.item_url, "4") is not None


@pytest.mark.parametrize("user", ["0a9ddf0c-33a8", {"a": 1}, ["4"]])
@pytest.mark.parametrize("profile, status", [("moodle", 502), ("moodle-apache", 500)])
def test_a_user_id_that_is_no_number_is_a_database_error(user: Any, profile: str, status: int) -> None:
    one = tool(profile)
    assert one.post(score("x") | {"userId": user}).status == status


def test_user_ids_and_numbers_may_be_of_other_types() -> None:
    one = tool("moodle")
    assert one.post(score("x") | {"userId": 1}).status == 200
    assert one.post(score(" 2 ", scoreGiven="5", scoreMaximum="10")).status == 200
    assert [record["resultScore"] for record in one.results().json()] == [80, 50]


@pytest.mark.parametrize("clearing", [{"gradingProgress": "Pending"}, {"scoreGiven": None}, {"gradingProgress": "odd"}])
def test_S9_S10_a_clearing_score_on_a_coupled_item_forgets_the_time(clearing: dict[str, Any]) -> None:
    one = tool("moodle")
    url, user = one.item_url, one.users[0]
    one.post(score(user, timestamp=stamp(-100), comment="old"))
    body = score(user, timestamp=stamp(-50)) | clearing
    assert one.post(body).status == 200
    assert row(one, url, user) is None
    assert one.post(score(user, timestamp=stamp(-200))).status == 200


@pytest.mark.parametrize("clearing", [{"gradingProgress": "Pending"}, {"scoreGiven": None}])
def test_S9_S10_a_clearing_score_on_a_made_item_stamps_it_with_now(clearing: dict[str, Any]) -> None:
    one = tool("moodle")
    url, user = on(one, "made"), one.users[0]
    one.post(score(user, timestamp=stamp(-100), comment="old"), url)
    assert one.post(score(user, timestamp=stamp(-50)) | clearing, url).status == 200
    assert set(row(one, url, user) or ()) == {"id", "userId"}
    assert one.post(score(user, timestamp=stamp(-10)), url).status == 409
    assert one.post(score(user, timestamp=stamp(1)), url).status == 200


@pytest.mark.parametrize("kind", KINDS)
def test_S9_a_clearing_score_with_a_comment_stamps_both_kinds_with_now(kind: str) -> None:
    one = tool("moodle")
    url, user = on(one, kind), one.users[0]
    one.post(score(user, timestamp=stamp(-50), gradingProgress="Pending", comment="wait"), url)
    assert set(row(one, url, user) or ()) == {"id", "userId"}
    assert one.post(score(user, timestamp=stamp(-10)), url).status == 409


def test_S9_a_late_backlog_loses_the_grade_on_a_made_item_only() -> None:
    one = tool("moodle")
    user = one.users[0]
    statuses = {}
    for kind in KINDS:
        url = on(one, kind)
        first = one.post(score(user, None, None, gradingProgress="NotReady", timestamp=stamp(-3600)), url)
        second = one.post(score(user, timestamp=stamp(-1800)), url)
        statuses[kind] = (first.status, second.status)
    assert statuses == {"coupled": (200, 200), "made": (200, 409)}


def test_the_same_value_moves_the_time_of_a_coupled_item_only() -> None:
    one = tool("moodle")
    user = one.users[0]
    between = {}
    for kind in KINDS:
        url = on(one, kind)
        assert one.post(score(user, 5, timestamp=stamp(-100)), url).status == 200
        assert one.post(score(user, 5, timestamp=stamp(-50)), url).status == 200
        between[kind] = one.post(score(user, 6, timestamp=stamp(-70)), url).status
    assert between == {"coupled": 409, "made": 200}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "given, maximum, shown",
    [(12, 10, 100), (-3, 10, 0), (0, 10, 0), (5, 0, 5), (5, -10, 0), (1, 3, 33.33333), ("5", "10", 50)],
)
def test_S14_S15_grades_are_scaled_cut_and_rounded(kind: str, given: Any, maximum: Any, shown: float) -> None:
    one = tool("moodle")
    url, user = on(one, kind), one.users[0]
    assert one.post(score(user, given, maximum), url).status == 200
    assert (row(one, url, user) or {})["resultScore"] == shown


def test_a_huge_number_is_a_database_error_on_a_coupled_item_only() -> None:
    one = tool("moodle")
    statuses = [one.post(score(one.users[0], 1e300, 10), on(one, kind)).status for kind in KINDS]
    assert statuses == [502, 200]


@pytest.mark.parametrize("comment", ["é 漢字 👍 <b>", "two\nlines", "x" * 200_000])
def test_S13_comments_come_back_whole(comment: str) -> None:
    one = tool("moodle")
    assert one.post(score(one.users[0], comment=comment)).status == 200
    assert one.results().json()[0]["comment"] == comment


@pytest.mark.parametrize("comment", [None, "", "0"])
def test_S13_no_comment_removes_the_earlier_one(comment: str | None) -> None:
    one = tool("moodle")
    user = one.users[0]
    one.post(score(user, timestamp=stamp(-5), comment="old"))
    assert one.post(score(user, comment=comment)).status == 200
    assert "comment" not in one.results().json()[0]


def test_locked_is_500_with_an_empty_list() -> None:
    one = tool("moodle")
    first, second = one.users[:2]
    one.platform.lock(None, first)
    answer = one.post(score(first))
    assert (answer.status, answer.phrase, answer.body) == (500, "Internal Server Error", b"[]")
    one.platform.lock(None)
    assert one.post(score(second)).status == 500
    assert one.put(one.item_url, label="Renamed", scoreMaximum=100).status == 200


def test_S20_a_teachers_grade_stays_on_coupled_items_and_goes_on_made_ones() -> None:
    one = tool("moodle")
    user = one.users[0]
    shown = {}
    for kind in KINDS:
        url = on(one, kind)
        one.post(score(user, 5, timestamp=stamp(-100)), url)
        one.platform.override(url, user, 77, comment="teacher")
        assert one.post(score(user, 6, timestamp=stamp(-50)), url).status == 409
        answer = one.post(score(user, 6, timestamp=stamp(1), comment="tool"), url)
        assert (answer.status, answer.body) == (200, b"")
        found = row(one, url, user) or {}
        shown[kind] = (found["resultScore"], found["comment"])
    assert shown == {"coupled": (77, "teacher"), "made": (60, "tool")}


@pytest.mark.parametrize(
    "text, shown",
    [
        ("2026-01-01T10:00:00", "2026-01-01T10:00:00-05:00"),
        ("2026-01-01T10:00:03.123456Z", "2026-01-01T05:00:03-05:00"),
        ("2026-01-01T10:00:03.123456789Z", "2026-01-01T05:00:03-05:00"),
        ("2026-01-01T10:00:00+0000", "2026-01-01T05:00:00-05:00"),
        ("2026-01-01T10:00:00-00:00", "2026-01-01T05:00:00-05:00"),
        ("2026-01-01T10:00:00z", "2026-01-01T05:00:00-05:00"),
        ("2026-01-01 10:00:00Z", "2026-01-01T05:00:00-05:00"),
        ("2026-01-01T10:00Z", "2026-01-01T05:00:00-05:00"),
        ("2026-01-01T10Z", "2026-01-01T05:00:00-05:00"),
        ("20260101T100008Z", "2026-01-01T05:00:08-05:00"),
        ("2026", "2026-01-01T20:26:00-05:00"),
        ("2026-02-30T10:00:00Z", "2026-03-02T05:00:00-05:00"),
    ],
)
def test_S8_timestamps_that_moodle_reads(text: str, shown: str) -> None:
    one = tool("moodle")
    assert one.post(score(one.users[0], timestamp=text)).status == 200
    assert one.results().json()[0]["timestamp"] == shown


def test_S8_a_comma_is_taken_and_never_again() -> None:
    one = tool("moodle")
    user = one.users[0]
    comma = "2026-01-01T10:00:01,5Z"
    coupled, made = (on(one, kind) for kind in KINDS)
    assert one.post(score(user, timestamp=comma), coupled).status == 200
    assert (row(one, coupled, user) or {})["timestamp"] == "2026-01-01T04:00:00-05:00"
    assert one.post(score(user, timestamp=comma), coupled).status == 409
    assert one.post(score(user, timestamp=comma), made).status == 200
    assert row(one, made, user) is None


def test_a_stamp_of_the_far_future_closes_the_door_until_a_teacher_edits() -> None:
    clock = ManualClock(START)
    one = tool("moodle", clock=clock)
    user = one.users[0]
    assert one.post(score(user, timestamp="2099-01-01T00:00:00Z")).status == 200
    assert one.post(score(user)).status == 409
    one.platform.override(None, user, 10)
    clock.advance(10)
    assert one.post(score(user, timestamp=stamp(5))).status == 200


def test_content_type_and_url_of_a_score() -> None:
    one = tool("moodle")
    url, body = spliced(one.item_url, "/scores"), score(one.users[0])
    assert one.ask("POST", url, body, content_type="application/json").status == 400
    assert one.ask("POST", url.partition("?")[0], body, content_type=SCORE_TYPE + "; charset=utf-8").status == 200
    assert one.ask("PUT", url, body, content_type=SCORE_TYPE).status == 405


def test_R1_R5_a_row_of_the_results() -> None:
    one = tool("moodle")
    user = one.users[0]
    one.post(score(user, 2, 20, timestamp="2026-11-22T12:00:00.5Z", comment="c"))
    item = one.item_url
    assert one.results().json() == [
        {
            "id": f"{spliced(item, '/results')}&user_id={user}",
            "userId": user,
            "resultScore": 10,
            "resultMaximum": 100,
            "scoreOf": item,
            "comment": "c",
            "timestamp": "2026-11-22T07:00:00-05:00",
        }
    ]


def test_R2_filters_of_the_results() -> None:
    one = tool("moodle")
    for user in one.users[:3]:
        one.post(score(user))
    users = lambda **filters: [record["userId"] for record in one.results(**filters).json()]  # noqa: E731
    assert users(user_id="2") == ["2"]
    assert users(user_id="5") == []
    assert users(user_id="99") == []
    assert users(user_id="") == users(user_id="abc") == users(userId="2") == ["1", "2", "3"]


def test_P7_results_with_a_limit_are_404_and_a_page() -> None:
    one = tool("moodle")
    assert one.results(limit=5).json() == []
    one.post(score(one.users[0]))
    answer = one.results(limit=5)
    assert (answer.status, answer.header("Content-Type"), len(answer.body)) == (404, "text/html; charset=utf-8", 26_482)
    assert b"Call to a member function out() on null" in answer.body
    assert len(one.results(limit=0).json()) == 1


def test_P9_without_type_id_a_limit_works_and_the_link_loses_the_filter() -> None:
    one = tool("moodle")
    for user in one.users:
        one.post(score(user))
    bare = spliced(one.item_url, "/results").partition("?")[0]
    answer = one.ask("GET", f"{bare}?limit=2&user_id=abc")
    assert len(answer.json()) == 2
    assert "type_id" not in answer.json()[0]["id"] + answer.json()[0]["scoreOf"]
    assert "user_id" not in (answer.header("Link") or "")
    assert f"<{bare}?limit=2&amp;from=2>; rel=“next”" in (answer.header("Link") or "")


def test_posts_for_different_people_at_once_are_safe() -> None:
    one = tool("moodle", users=20)
    posts = [one.request("POST", spliced(one.item_url, "/scores"), score(user), SCORE_TYPE) for user in one.users]
    visits = [one.platform.arrive(request) for request in posts]
    assert {visit.apply().status for visit in visits} == {200}
    assert len(one.platform.results()) == 20


def test_posts_for_one_person_at_once_are_not() -> None:
    one = tool("moodle")
    user = one.users[0]
    visits, answers = [], []
    for n in range(20):
        body = score(user, n, 20, timestamp=stamp(n))
        visits.append(one.platform.arrive(one.request("POST", spliced(one.item_url, "/scores"), body, SCORE_TYPE)))
        answers.append(visits[-1].apply().status)
    for visit in visits:
        visit.leave()
    assert {200, 409, 502} == set(answers)
    assert answers.count(200) > len(one.platform.history(None, user))
    assert not one.platform.site.busy
    assert one.post(score(user, 1, timestamp=stamp(100))).status == 200
