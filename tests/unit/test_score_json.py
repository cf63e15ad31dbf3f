"""
Scores on the wire (AGS 3.4, facts of Moodle, Canvas, Open edX): strict, compact, on one line, numbers as given.
"""

from __future__ import annotations

import json
import math
import re
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioags import ActivityProgress, GradingProgress, Score, Submission
from aioags.wire.codec import dump_score
from aioags.wire.scalars import dump_instant, dump_json, dump_number

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
URL = "https://tool.example/lti/extra"

# AGS 3.4.9: a fraction and a zone designator are compulsory; platforms agree on this spelling alone.
STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.(\d{3}|\d{6})Z")


def sent(score: Score) -> dict[str, Any]:
    """
    Read what would be sent, numbers without any rounding.
    """
    value: dict[str, Any] = json.loads(dump_score(score), parse_float=Decimal)
    return value


def test_the_bytes_of_a_grade() -> None:
    score = Score.graded("u-1", 83, score_maximum=100, timestamp=NOON)
    assert dump_score(score) == (
        b'{"userId":"u-1","activityProgress":"Completed","gradingProgress":"FullyGraded",'
        b'"timestamp":"2026-01-01T12:00:00.000Z","scoreGiven":83,"scoreMaximum":100}'
    )


def test_the_bytes_of_everything() -> None:
    score = Score.graded(
        "u-1",
        Decimal("8.250"),
        score_maximum=10.0,
        timestamp=NOON,
        comment='„Gut“\n"ok" \\ 👍',
        scoring_user_id="t-1",
        submission=Submission(started_at=NOON, submitted_at=NOON + timedelta(seconds=90)),
        extensions={URL: {"a": [1, None]}},
    )
    assert dump_score(score).decode() == (
        '{"userId":"u-1","activityProgress":"Completed","gradingProgress":"FullyGraded",'
        '"timestamp":"2026-01-01T12:00:00.000Z","scoreGiven":8.250,"scoreMaximum":10,'
        '"comment":"„Gut“\\n\\"ok\\" \\\\ 👍","scoringUserId":"t-1",'
        '"submission":{"startedAt":"2026-01-01T12:00:00.000Z","submittedAt":"2026-01-01T12:01:30.000Z"},'
        '"https://tool.example/lti/extra":{"a":[1,null]}}'
    )


@pytest.mark.parametrize(
    "number, text",
    [
        (83, "83"),
        (0, "0"),
        (10**20, "1" + "0" * 20),
        (83.0, "83"),
        (0.0, "0"),
        (-0.0, "0"),
        (60.5, "60.5"),
        (0.1, "0.1"),
        (1e16, "1e+16"),
        (1.5e300, "1.5e+300"),
        (1 / 3, "0.3333333333333333"),
        (Decimal("87.25"), "87.25"),
        (Decimal("87.250"), "87.250"),
        (Decimal("0.1"), "0.1"),
        (Decimal("60"), "60"),
        (Decimal("0.12345678901234567890123"), "0.12345678901234567890123"),
    ],
)
def test_pitfall_10_numbers_go_out_as_given(number: Any, text: str) -> None:
    # L5: Open edX and Blackboard take a whole maximum only as an integer.
    assert dump_number(number) == text


numbers = st.one_of(
    st.integers(0, 10**30),
    st.floats(0, allow_nan=False, allow_infinity=False),
    st.decimals(0, allow_nan=False, allow_infinity=False).filter(lambda value: value < Decimal("1e300")),
)


@given(numbers)
def test_every_number_reads_back_as_it_was(number: Any) -> None:
    text = dump_number(number)
    assert re.fullmatch(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?", text), text
    if isinstance(number, float):
        assert float(text) == number
    else:
        assert Decimal(text) == number


@pytest.mark.parametrize("zero", [0, 0.0, Decimal(0)])
def test_pitfall_11_a_zero_is_sent(zero: Any) -> None:
    body = sent(Score.graded("u1", zero, score_maximum=10))
    assert body["scoreGiven"] == 0
    assert body["scoreMaximum"] == 10


def test_pitfall_11_an_empty_comment_is_sent() -> None:
    assert sent(Score.graded("u1", 1, score_maximum=1, comment=""))["comment"] == ""


def test_s10_what_is_none_is_left_out() -> None:
    for score in (Score.cleared("u1"), Score.progress("u1", "Started", submission=Submission())):
        assert set(sent(score)) == {"userId", "activityProgress", "gradingProgress", "timestamp"}
        assert b"null" not in dump_score(score)


@pytest.mark.parametrize(
    "instant, text",
    [
        (NOON, "2026-01-01T12:00:00.000Z"),
        (NOON.replace(microsecond=120_000), "2026-01-01T12:00:00.120Z"),
        (NOON.replace(microsecond=123_456), "2026-01-01T12:00:00.123456Z"),
        (datetime(2026, 1, 1, 12, tzinfo=timezone(timedelta(hours=-5))), "2026-01-01T17:00:00.000Z"),
        (datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=5, minutes=30))), "2025-12-31T19:30:00.000Z"),
        (datetime(1, 1, 1, tzinfo=UTC), "0001-01-01T00:00:00.000Z"),
        (datetime(9999, 12, 31, 23, 59, 59, 999_999, UTC), "9999-12-31T23:59:59.999999Z"),
    ],
)
def test_3_4_9_an_instant_has_fraction_and_zone(instant: datetime, text: str) -> None:
    assert dump_instant(instant) == text


@given(st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=st.timezones()))  # noqa: DTZ001
def test_3_4_9_every_instant_reads_back_as_it_was(instant: datetime) -> None:
    text = dump_instant(instant)
    assert STAMP.fullmatch(text), text
    assert datetime.fromisoformat(text) == instant.astimezone(UTC)


@given(st.lists(st.integers(-2_000_000, 2_000_000), min_size=2, max_size=20))
def test_3_4_9_instants_around_one_second_are_told_apart(steps: list[int]) -> None:
    """
    What was written last is remembered, to the second: the next one may be just before or after it.
    """
    instants = [NOON + timedelta(microseconds=step) for step in steps]
    assert [datetime.fromisoformat(dump_instant(instant)) for instant in instants] == instants


def test_s8_stamps_of_the_package_are_spelled_the_same_way() -> None:
    for _ in range(50):
        assert STAMP.fullmatch(sent(Score.cleared("u1"))["timestamp"])


def test_a_stamp_can_be_given_for_the_wire() -> None:
    score = Score.cleared("u1", timestamp=NOON)
    assert json.loads(dump_score(score, NOON + timedelta(seconds=1)))["timestamp"] == "2026-01-01T12:00:01.000Z"
    assert score.timestamp == NOON


LINE_BREAKS = ["\n", "\r", "\r\n", "\x0b", "\x0c", "\0", "\x1b"]


@pytest.mark.parametrize("breaks", LINE_BREAKS, ids=repr)
def test_s2_no_line_break_ever_leaves(breaks: str) -> None:
    # Moodle answers a rejected score that holds one with 200, as if it had taken it.
    text = f"one{breaks}two"
    score = Score.graded("u" + breaks + "1", 1, score_maximum=1, comment=text, extensions={URL: {text: [text]}})
    body = dump_score(score)
    assert not any(byte < 0x20 for byte in body)
    assert sent(score)["comment"] == text
    assert sent(score)["userId"] == "u" + breaks + "1"


def test_what_json_has_not_is_never_written() -> None:
    assert dump_json({"é": ["👍", 1]}) == '{"é":["👍",1]}'
    for number in (math.nan, math.inf):
        with pytest.raises(ValueError):
            dump_json([number])


def test_s2_the_json_is_compact() -> None:
    score = Score.graded(
        "u1", 1, score_maximum=1, submission=Submission(started_at=NOON), extensions={URL: {"a": [1, 2]}}
    )
    assert b" " not in dump_score(score)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**15), 10**15) | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=3)
    ),
    max_leaves=8,
)
text = st.text(st.characters(codec="utf-8"), min_size=1).filter(str.strip)
zoned = st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=st.timezones())  # noqa: DTZ001
scores = st.builds(
    Score.graded,
    text,
    numbers,
    score_maximum=numbers.filter(lambda value: value > 0),
    activity_progress=st.sampled_from(ActivityProgress),
    grading_progress=st.sampled_from(GradingProgress),
    timestamp=st.none() | zoned,
    comment=st.none() | st.text(st.characters(codec="utf-8")),
    scoring_user_id=st.none() | text,
    submission=st.none() | st.builds(Submission, started_at=st.none() | zoned),
    extensions=st.dictionaries(text.map("https://tool.example/{}".format), json_values, max_size=2),
)


@given(scores)
def test_what_is_sent_reads_back_as_it_was(score: Score) -> None:
    raw = dump_score(score)
    assert not any(byte < 0x20 for byte in raw)
    body = sent(score)
    started = score.submission and score.submission.started_at
    expected = {
        "userId": score.user_id,
        "activityProgress": score.activity_progress.value,
        "gradingProgress": score.grading_progress.value,
        "comment": score.comment,
        "scoringUserId": score.scoring_user_id,
        "submission": {"startedAt": dump_instant(started)} if started else None,
    }
    assert {name: body.get(name) for name in expected} == expected
    assert datetime.fromisoformat(body["timestamp"]) == score.timestamp.astimezone(UTC)
    assert score.score_given is not None
    assert score.score_maximum is not None
    assert same(body["scoreGiven"], score.score_given)
    assert same(body["scoreMaximum"], score.score_maximum)
    assert {key: body[key] for key in body if key.startswith("https:")} == score.extensions
    assert dump_score(score) == raw


def same(read: Any, given: Any) -> bool:
    """
    Compare a number that was read exactly with what was given: a float is its shortest text.
    """
    return float(read) == given if isinstance(given, float) else Decimal(read) == given


def test_pitfall_12_no_key_is_sent_twice() -> None:
    score = attrs.evolve(Score.graded("u1", 1, score_maximum=1, comment="x"), extensions={URL: {"userId": "u2"}})
    pairs: list[tuple[str, Any]] = json.loads(dump_score(score), object_pairs_hook=lambda found: found)
    names = [name for name, _ in pairs]
    assert len(names) == len(set(names))
    assert dict(pairs)["userId"] == "u1"
