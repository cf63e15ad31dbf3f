"""
Scores at the canvas profile: what is refused, in which words, and what a refusal leaves behind.
"""

from __future__ import annotations

from typing import Any

import pytest

from aioags.emulator import ManualClock, Person, Platform
from tests.emulator.canvas_tool import SUBMISSION, in_gradebook, message, one_of, post, shown
from tests.emulator.raw_tool import START, RawTool, score, stamp, tool

NO_PERSON = {"type": "unprocessable_entity", "message": "User not found in course or is not a student"}
ZERO = "ScoreMaximum cannot be zero if line item's maximum is not zero"


def without(name: str, **more: Any) -> dict[str, Any]:
    """
    Write a score for somebody that lacks a field, whatever it holds otherwise.
    """
    body = score("somebody") | more
    del body[name]
    return body


@pytest.mark.parametrize("name", ["activityProgress", "gradingProgress", "timestamp"])
@pytest.mark.parametrize("value", ["absent", None, ""])
def test_CV10_a_missing_field_is_400_with_a_list(name: str, value: str | None) -> None:
    one = tool("canvas")
    body = score(one.users[0]) | {name: value}
    if value == "absent":
        del body[name]
    answer = one.post(body)
    assert (answer.status, answer.json()) == (400, {"errors": [{"message": f"{name} is missing"}]})


@pytest.mark.parametrize("change", [{}, {"userId": None}, {"userId": ""}, {"userId": ["a"]}, {"userId": True}])
def test_CV11_without_a_user_there_is_no_student(change: dict[str, Any]) -> None:
    one = tool("canvas")
    answer = one.post(without("userId") | change)
    assert (answer.status, answer.json()["errors"]) == (422, NO_PERSON)


def test_CV11_the_person_is_looked_at_before_all_else() -> None:
    answer = tool("canvas").post({})
    assert (answer.status, answer.json()["errors"]) == (422, NO_PERSON)


@pytest.mark.parametrize(
    "change, field",
    [
        ({"activityProgress": "Odd"}, "activity_progress"),
        ({"gradingProgress": "Odd"}, "grading_progress"),
        ({"scoreGiven": "eight"}, "result_score"),
    ],
)
def test_K2_CV12_what_the_record_does_not_take_is_422_with_an_attempt(change: dict[str, Any], field: str) -> None:
    one = tool("canvas")
    answer = post(one, 0, **change)
    (error,) = answer.json()["errors"]
    assert (answer.status, error["field"], set(error)) == (422, field, {"field", "message", "error_code"})
    grade = one.platform.grade(None, one.users[0])
    # An activity that is none hands nothing in.
    assert len(grade.attempts) == (0 if field == "activity_progress" else 1)
    assert (grade.points, grade.statement, grade.stamp) == (None, None, None)
    assert one.results().json() == []


@pytest.mark.parametrize("maximum", [0, None, "ten"])
def test_CV13_a_maximum_that_is_no_number_is_zero(maximum: Any) -> None:
    one = tool("canvas")
    answer = one.post(score(one.users[0]) | {"scoreMaximum": maximum})
    assert (answer.status, message(answer)) == (422, ZERO)


def test_CV13_a_maximum_is_looked_at_only_beside_a_score_that_counts() -> None:
    one = tool("canvas")
    for n, (change, status) in enumerate(
        [
            ({"scoreGiven": None, "scoreMaximum": 0}, 200),
            ({"gradingProgress": "NotReady", "scoreMaximum": 0}, 200),
            ({"gradingProgress": "PendingManual", "scoreMaximum": 0}, 422),
            ({"scoreMaximum": -1}, 422),
        ]
    ):
        body = score(one.users[0], timestamp=stamp(n)) | change
        assert one.post(body).status == status, change
    missing = score(one.users[0], maximum=None, timestamp=stamp(9))
    assert message(one.post(missing)) == "ScoreMaximum not supplied when ScoreGiven present."


def test_CV13_zero_of_zero_is_taken_by_an_item_of_zero() -> None:
    one = tool("canvas")
    url = one.create(scoreMaximum=0).json()["id"]
    assert one.post(score(one.users[0], 5, 0), url).status == 200


def test_CV14_numbers_may_be_texts() -> None:
    one = tool("canvas")
    assert post(one, 0, scoreGiven="8", scoreMaximum="10").status == 200
    assert shown(one) == (8.0, 10.0)
    assert in_gradebook(one) == 80


def test_CV15_a_negative_score_is_refused_only_where_it_would_count() -> None:
    one = tool("canvas")
    assert post(one, 0, -1, 10, gradingProgress="Pending").status == 200
    refused = post(one, 1, -1, 10)
    assert (refused.status, message(refused)) == (422, "ScoreGiven must be greater than or equal to 0")


@pytest.mark.parametrize(
    "text, at",
    [
        ("2026-01-01 09:00:01", 1),
        ("2026-01-01T09:00:01", 1),
        ("2026-01-01T11:00:01.5+02:00", 1.5),
        ("20260101T090001Z", 1),
        ("2026-01-02", 54_000),
    ],
)
def test_CV16_a_timestamp_may_be_loosely_written(text: str, at: float) -> None:
    one = tool("canvas")
    assert one.post(score(one.users[0]) | {"timestamp": text}).status == 200
    assert one.platform.grade(None, one.users[0]).stamp == START + at


@pytest.mark.parametrize("stamped, year", [("3022101316", 3022), (1637101316, 1637)])
def test_CV16_digits_are_a_date_in_another_century(stamped: Any, year: int) -> None:
    clock = ManualClock(START)
    one = tool("canvas", clock=clock)
    assert one.post(score(one.users[0]) | {"timestamp": stamped}).status == 200
    later = one.post(score(one.users[0]))
    assert later.status == (400 if year > 2026 else 200)


@pytest.mark.parametrize("wrong", ["soon", "1767258000", "2026-02-30T00:00:00Z", [1], True])
def test_CV16_what_is_no_time_is_400_and_an_older_one_too_with_it_as_sent(wrong: Any) -> None:
    one = tool("canvas")
    answer = one.post(score(one.users[0]) | {"timestamp": wrong})
    text = f"Provided timestamp of {wrong} not a valid timestamp"
    assert (answer.status, answer.json()) == (400, {"errors": {"type": "bad_request", "message": text}})
    post(one, 10)
    older = one.post(score(one.users[0]) | {"timestamp": "2026-01-01 09:00:09"})
    assert message(older) == (
        "Provided timestamp of 2026-01-01 09:00:09 before last updated timestamp of 2026-01-01T09:00:10.000Z"
    )


@pytest.mark.parametrize("activity", ["Started", "Completed"])
def test_CV19_attempts_used_up_refuse_every_post(activity: str) -> None:
    one = tool("canvas")
    one.platform.item().allowed_attempts = 1
    submitted = {"submission": {"submittedAt": stamp(-5)}}
    assert post(one, 0, **submitted).status == 200
    refused = post(one, 1, activityProgress=activity)
    assert (refused.status, message(refused)) == (
        422,
        "The maximum number of allowed attempts has been reached for this submission",
    )
    for n, fine in enumerate(
        [one_of(new_submission=False), one_of(new_submission="0"), one_of(submission_type="none")]
    ):
        assert post(one, 2 + n, activityProgress=activity, **fine).status == 200, fine
    assert post(one, 9, activityProgress=activity, **submitted).status == 200
    assert len(one.platform.grade(None, one.users[0]).attempts) == 1


def test_CV20_a_time_of_submission_in_the_future_is_400_and_needs_no_zone() -> None:
    one = tool("canvas")
    late = post(one, 0, submission={"submittedAt": stamp(600)})
    assert (late.status, message(late)) == (400, f"Provided submitted_at timestamp of {stamp(600)} in the future")
    bad = post(one, 0, submission={"submittedAt": "soon"})
    assert (bad.status, message(bad)) == (400, "Provided submitted_at timestamp of soon not a valid timestamp")
    assert post(one, 0, submission={"submittedAt": "2026-01-01T08:00:00", "startedAt": "never"}).status == 200
    assert one.platform.grade(None, one.users[0]).submitted_at == START - 3600


def test_CV20_the_standards_place_comes_before_canvass_own() -> None:
    one = tool("canvas")
    both = {"submission": {"submittedAt": stamp(-60)}} | one_of(submitted_at=stamp(-30))
    assert post(one, 0, **both).status == 200
    assert one.platform.grade(None, one.users[0]).submitted_at == START - 60
    assert post(one, 1, submittedAt=stamp(600)).status == 200, "at the top it is no field"


@pytest.mark.parametrize("items", [None, [], [{"type": "link", "url": "https://tool.example/a"}]])
def test_K2_CV21_an_upload_without_files_is_422(items: Any) -> None:
    answer = post(tool("canvas"), 0, **one_of(submission_type="online_upload", content_items=items))
    assert (answer.status, message(answer)) == (
        422,
        "Content items must be provided with submission type 'online_upload'",
    )


def test_K2_CV22_only_files_count_and_come_back_with_what_was_said_of_them() -> None:
    one = tool("canvas")
    file = {"type": "file", "url": "https://tool.example/a.pdf", "title": "a.pdf"}
    answer = post(one, 0, **one_of(content_items=[{"type": "link"}, {**file, "media_type": "application/pdf"}]))
    (item,) = answer.json()[SUBMISSION]["content_items"]
    assert item.pop("progress").startswith(f"{one.platform.base_url}/api/lti/courses/1/progress/")
    assert item == file
    assert one.platform.grade(None, one.users[0]).attempts[0].kind == "online_upload"


def test_K2_CV23_the_answer_always_has_the_extension() -> None:
    answer = post(tool("canvas"), 0)
    assert answer.status == 200
    assert answer.json()[SUBMISSION] == {"content_items": []}
    assert answer.json()["resultUrl"].endswith("/results/1")


def test_CV24_scores_and_results_of_another_tools_item_are_open() -> None:
    one = tool("canvas")
    theirs = one.platform.add_line_item("Theirs", 10, tool=one.platform.add_tool("10000000000002"))
    url = one.platform.site.item_url(theirs)
    answer = one.post(score(one.users[0]), url)
    assert answer.status == 200
    assert len(one.results(url).json()) == 1
    single = one.ask("GET", answer.json()["resultUrl"])
    assert [one.get(url).status, one.put(url, label="Mine").status, one.delete(url).status] == [412] * 3
    assert (single.status, message(single)) == (412, "Tool does not have permission to view line_item")


def test_K2_CV25_a_course_that_is_over_refuses_all_of_ags() -> None:
    one = tool("canvas")
    one.platform.course.concluded = True
    says = "This course has concluded. AGS requests will no longer be accepted for this course."
    for answer in (one.list(), one.results(), one.get(one.item_url), one.create(), post(one, 0)):
        assert (answer.status, message(answer)) == (422, says)


@pytest.mark.parametrize("form", [str, int])
def test_CV26_canvass_own_number_names_a_person(form: Any) -> None:
    one = tool("canvas")
    user = one.users[0]
    number = one.platform.course.people[user].local_id
    assert one.post(score("") | {"userId": form(number)}).status == 200
    (row,) = one.results(user_id=number).json()
    assert row["userId"] == user
    assert one.platform.grade(None, user).points == 80


def test_CV26_the_test_student_is_gradable_and_an_observer_is_not() -> None:
    people = [Person("test", role="TestUser"), Person("observer", role="Mentor"), Person("gone", active=False)]
    one = RawTool(Platform.create("canvas", clock=ManualClock(START), people=people))
    assert [one.post(score(user)).status for user in ("test", "observer", "gone")] == [200, 422, 422]


def test_S12_only_a_new_attempt_moves_the_time_of_submission() -> None:
    clock = ManualClock(START)
    one = tool("canvas", clock=clock)
    grade = one.platform.item().grade(one.users[0])
    post(one, 0, submission={"submittedAt": stamp(-60)})
    clock.advance(30)
    post(one, 1, submission={"submittedAt": stamp(-30)}, **one_of(new_submission=False))
    post(one, 2, activityProgress="Started")
    assert grade.submitted_at == START - 60
    post(one, 3)
    assert (grade.submitted_at, len(grade.attempts)) == (START + 30, 2)


def test_S13_S19_comments_of_a_second_item_reach_no_submission() -> None:
    one = tool("canvas")
    second = one.create(resourceLinkId="1").json()["id"]
    one.post(score(one.users[0], comment="well done"), second)
    assert one.platform.grade(second, one.users[0]).comments == []
    assert one.results(second).json()[0]["comment"] == "well done"
