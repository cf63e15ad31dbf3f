"""
Results of the canvas profile: the tool's own numbers, beside a gradebook that may say something else.
"""

from __future__ import annotations

from typing import Any

import pytest

from aioags.emulator import Person
from tests.emulator.canvas_tool import SUBMISSION, in_gradebook, one_of, post, shown
from tests.emulator.raw_tool import score, stamp, tool


def test_K1_CV1_a_result_has_the_tools_own_numbers() -> None:
    one = tool("canvas")
    post(one, 0, 3, 4)
    assert b'"resultScore":3.0,"resultMaximum":4.0' in one.results().body
    assert in_gradebook(one) == 75


def test_K1_CV2_a_score_without_a_value_leaves_a_row_without_one() -> None:
    one = tool("canvas")
    post(one, 0, None, None, gradingProgress="NotReady", activityProgress="Started")
    (row,) = one.results().json()
    assert set(row) == {"id", "userId", "scoreOf"}


def test_K1_CV2_a_pending_value_is_shown_and_counts_nothing() -> None:
    one = tool("canvas")
    post(one, 0, 8, 10)
    post(one, 1, 5, 10, gradingProgress="Pending")
    assert shown(one) == (5.0, 10.0)
    assert in_gradebook(one) is None


def test_K1_CV3_where_only_a_teacher_graded_there_is_no_result() -> None:
    one = tool("canvas")
    one.platform.override(None, one.users[0], 50)
    assert one.results().json() == []
    assert in_gradebook(one) == 50
    assert one.platform.result(None, one.users[0]) is None


def test_K1_CV4_a_teachers_grade_is_shown_out_of_the_tools_maximum() -> None:
    one = tool("canvas")
    post(one, 0, 3, 4)
    one.platform.override(None, one.users[0], 50)
    assert shown(one) == (2.0, 4.0)


def test_CV4_without_a_maximum_of_the_tool_the_items_stands_in() -> None:
    one = tool("canvas")
    post(one, 0, None, None, gradingProgress="NotReady")
    one.platform.override(None, one.users[0], 50)
    assert shown(one) == (50.0, 100.0)


@pytest.mark.parametrize("flag", ["preserve_score", "prioritize_non_tool_grade"])
def test_CV4_a_number_that_let_a_teachers_grade_stand_goes_through_the_same_formula(flag: str) -> None:
    one = tool("canvas")
    one.platform.override(None, one.users[0], 50)
    post(one, 0, 1, 4, **one_of(**{flag: True}))
    assert shown(one) == (0.04, 4.0)
    assert in_gradebook(one) == 50


def test_CV5_a_result_has_a_number_and_the_last_posts_extension() -> None:
    one = tool("canvas")
    last, first = sorted(one.users[:2])
    for user in (first, last):
        one.post(score(user) | one_of(submission_type="none"))
    rows = one.results().json()
    assert [row["userId"] for row in rows] == [first, last]
    assert [row["id"] for row in rows] == [f"{one.item_url}/results/{number}" for number in (1, 2)]
    assert rows[0][SUBMISSION] == {"submission_type": "none"}
    one.post(score(first, timestamp=stamp(1)))
    again = one.results(user_id=first).json()[0]
    assert SUBMISSION not in again
    assert again["id"] == rows[0]["id"]


def test_CV5_one_result_is_found_by_its_number_alone() -> None:
    one = tool("canvas")
    url = post(one, 0).json()["resultUrl"]
    assert one.ask("GET", url).json()["userId"] == one.users[0]
    other = one.create().json()["id"]
    for wrong in (f"{one.item_url}/results/{one.users[0]}", f"{other}/results/1"):
        assert (one.ask("GET", wrong).status, wrong) == (404, wrong)


@pytest.mark.parametrize("who", ["", "nobody", "teacher"])
def test_CV5_results_of_nobody_are_none(who: str) -> None:
    one = tool("canvas", people=[Person("a"), Person("teacher", role="Instructor")])
    post(one, 0)
    assert one.results(user_id=who).json() == []


@pytest.mark.parametrize("flag", [True, "true", 1])
def test_CV17_prioritize_keeps_any_score_the_tools_own_too(flag: Any) -> None:
    one = tool("canvas")
    post(one, 0, 3, 10, **one_of(prioritize_non_tool_grade=flag))
    assert in_gradebook(one) == 30, "there was none to keep"
    post(one, 1, 8, 10, **one_of(prioritize_non_tool_grade=flag))
    assert in_gradebook(one) == 30
    assert shown(one) == (8.0, 10.0)


def test_CV17_a_plain_score_overwrites_and_a_cleared_one_takes_the_teachers_grade_away() -> None:
    one = tool("canvas")
    one.platform.override(None, one.users[0], 50)
    post(one, 0, 8, 10)
    assert (in_gradebook(one), shown(one)) == (80, (8.0, 10.0))
    one.platform.override(None, one.users[0], 50)
    post(one, 1, None, None)
    assert (in_gradebook(one), shown(one)) == (None, (None, None))


@pytest.mark.parametrize("progress", ["FullyGraded", "PendingManual", "Pending", "NotReady", "Failed"])
def test_K2_CV18_preserve_score_keeps_the_old_one_whatever_the_new_one_is(progress: str) -> None:
    one = tool("canvas")
    post(one, 0, 3, 10)
    post(one, 1, 8, 10, gradingProgress=progress, **one_of(preserve_score=True))
    assert in_gradebook(one) == 30
    assert shown(one) == (8.0, 10.0)


@pytest.mark.parametrize("flag", [False, "false", "0", 0, None])
def test_CV18_a_flag_that_says_no_is_none(flag: Any) -> None:
    one = tool("canvas")
    post(one, 0, 3, 10)
    post(one, 1, 8, 10, **one_of(preserve_score=flag, prioritize_non_tool_grade=flag))
    assert in_gradebook(one) == 80
