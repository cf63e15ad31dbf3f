"""
Results (AGS 3.3.4): every field but the user is optional, and numbers stay what they are.
"""

from __future__ import annotations

import json
import pickle
from decimal import Decimal
from typing import Any

import pytest

from aioags import Result
from aioags.wire.codec import load_list, load_result
from aioags.wire.scalars import NotReadableError
from aioags.wire.steps import finished

RECORD = {
    "id": "https://lms.example/li/7/results/3",
    "scoreOf": "https://lms.example/li/7",
    "userId": "3",
    "resultScore": 7.5,
    "resultMaximum": 10,
    "scoringUserId": "t-1",
    "comment": "Gut 👍",
    "timestamp": "2026-11-22T07:00:00-05:00",
    "https://lms.example/x": {"a": 1},
}


def test_everything_is_read() -> None:
    assert load_result(RECORD) == Result(
        user_id="3",
        id="https://lms.example/li/7/results/3",
        score_of="https://lms.example/li/7",
        result_score=7.5,
        result_maximum=10,
        scoring_user_id="t-1",
        comment="Gut 👍",
        extensions={"timestamp": "2026-11-22T07:00:00-05:00", "https://lms.example/x": {"a": 1}},
    )


def test_r1_only_the_user_must_be_there() -> None:
    # Moodle leaves out scoreOf of a cleared grade, Sakai the score of whoever has none.
    assert load_result({"userId": "3"}) == Result(user_id="3")


NAMES = ("id", "scoreOf", "resultScore", "resultMaximum", "scoringUserId", "comment")


@pytest.mark.parametrize("nothing", [None, "", " "])
@pytest.mark.parametrize("name", NAMES)
def test_pitfall_9_absent_blank_and_null_are_the_same(name: str, nothing: Any) -> None:
    assert load_result({"userId": "3", name: nothing}) == Result(user_id="3")


@pytest.mark.parametrize(
    "user_id, read", [(3, "3"), (0, "0"), (-1, "-1"), ("3", "3"), ("0007", "0007"), (10**30, str(10**30))]
)
def test_pitfall_9_a_numeric_user_id_is_a_string(user_id: Any, read: str) -> None:
    assert load_result({"userId": user_id}).user_id == read


@pytest.mark.parametrize("written", [0, 0.0, "0", "0.00", " 0 ", "-0"])
def test_pitfall_5_zero_is_a_grade(written: Any) -> None:
    result = load_result({"userId": "3", "resultScore": written, "resultMaximum": 10})
    assert result.result_score == 0
    assert result.fraction == 0.0


@pytest.mark.parametrize(
    "written, read", [(83, 83), (83.5, 83.5), ("83", 83), ("83.5", 83.5), ("1e2", 100.0), ("-2", -2), (1e300, 1e300)]
)
def test_numbers_may_be_strings(written: Any, read: Any) -> None:
    result = load_result({"userId": "3", "resultScore": written})
    assert result.result_score == read
    assert type(result.result_score) is type(read)


def test_3_3_4_6_a_missing_maximum_is_one() -> None:
    assert load_result({"userId": "3", "resultScore": 0.83}).result_maximum == 1
    assert load_result({"userId": "3", "resultScore": 0.83}).fraction == 0.83
    assert load_result({"userId": "3", "resultScore": 0.83, "resultMaximum": None}).fraction == 0.83


@pytest.mark.parametrize(
    "score, maximum, fraction",
    [
        (None, 10, None),
        (0, 10, 0.0),
        (5, 10, 0.5),
        (12, 10, 1.2),
        (5, 0, None),
        (5, -1, None),
        (Decimal("7.5"), 10, 0.75),
    ],
)
def test_the_fraction(score: Any, maximum: Any, fraction: float | None) -> None:
    assert Result(user_id="3", result_score=score, result_maximum=maximum).fraction == fraction


UNREADABLE: list[tuple[Any, str]] = [
    ([], "not an object"),
    (None, "not an object"),
    ({}, "no userId"),
    ({"userId": None}, "no userId"),
    ({"userId": ""}, "no userId"),
    ({"userId": True}, "userId is not a string"),
    ({"userId": ["3"]}, "userId is not a string"),
]


@pytest.mark.parametrize("odd, why", UNREADABLE, ids=[why for _, why in UNREADABLE])
def test_one_odd_record_is_an_error_that_names_it_and_nobody(odd: Any, why: str) -> None:
    found = finished(load_list(json.dumps([RECORD, RECORD, odd]).encode(), load_result, bare=True))
    assert found.records == [load_result(RECORD)] * 2
    [(raw, error)] = found.odd
    assert raw == odd
    assert str(error).startswith("record 2: ")
    assert why in str(error)


ODD: list[tuple[str, Any]] = [
    ("resultScore", "A+"),
    ("resultScore", "5,5"),
    ("resultScore", "-"),
    ("resultScore", True),
    ("resultScore", {}),
    ("resultScore", 10**400),
    ("resultScore", float("inf")),
    ("resultScore", "1e999"),
    ("resultScore", "9" * 5000),
    ("resultScore", "0x10"),
    ("resultScore", "1_000"),
    ("resultScore", "NaN"),
    ("comment", ["x"]),
    ("comment", []),
    ("scoringUserId", {}),
    ("scoreOf", []),
    ("id", False),
]


@pytest.mark.parametrize("name, odd", ODD)
def test_a_field_that_cannot_be_read_stays_as_it_came(name: str, odd: Any) -> None:
    result = load_result({"userId": "3", "extra": 1, name: odd})
    assert (result.user_id, result.result_score, result.comment) == ("3", None, None)
    assert result.extensions == {"extra": 1, name: odd}


def test_a_score_out_of_nobody_knows_what_is_none() -> None:
    result = load_result({"userId": "3", "resultScore": 83, "resultMaximum": "hundred"})
    assert (result.result_score, result.fraction) == (None, None)
    assert result.extensions == {"resultScore": 83, "resultMaximum": "hundred"}


def test_relative_urls_are_resolved() -> None:
    result = load_result({"userId": "3", "id": "/r/3", "scoreOf": "../lineitem"}, "https://lms.example/7/results/page")
    assert (result.id, result.score_of) == ("https://lms.example/r/3", "https://lms.example/7/lineitem")


def test_r3_sakai_answers_for_one_user_without_an_array() -> None:
    assert finished(load_list(json.dumps(RECORD).encode(), load_result, bare=True)).records == [load_result(RECORD)]
    with pytest.raises(NotReadableError, match="not an array"):
        finished(load_list(json.dumps(RECORD).encode(), load_result))


@pytest.mark.parametrize("body", [b'"x"', b"5", b"null", b"true"])
def test_what_is_no_array_is_refused(body: bytes) -> None:
    with pytest.raises(NotReadableError, match="not an array"):
        finished(load_list(body, load_result, bare=True))


def test_an_empty_array_is_nobody() -> None:
    assert finished(load_list(b"[]", load_result, bare=True)).records == []


def test_a_result_is_a_value_and_hides_what_is_private() -> None:
    result = load_result(RECORD)
    assert pickle.loads(pickle.dumps(result)) == result
    assert hash(result) == hash(load_result(RECORD))
    assert "Gut" not in repr(result)
    assert "t-1" not in repr(result)
