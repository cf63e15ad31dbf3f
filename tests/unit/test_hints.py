"""
When to come back: ``Retry-After`` in both forms, Brightspace's ``X-Rate-Limit-Reset``, and garbage (facts N2).
"""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioags.protocol.hints import number_header, wait_hint
from tests.fakes import WALL, answer

NINE = "Thu, 01 Jan 2026 09:00:00 GMT"  # WALL
THREE_PAST = "Thu, 01 Jan 2026 09:03:00 GMT"
WRONG_CLOCK = "Thu, 01 Jan 2026 09:02:30 GMT"


def hint(*headers: tuple[str, str], status: int = 429) -> float | None:
    """
    Read the hint of an answer with these headers.
    """
    return wait_hint(answer(status, b"", *headers), throttled=status == 429, wall=WALL)


@pytest.mark.parametrize(
    "text, seconds",
    [
        ("0", 0.0),
        ("300", 300.0),
        (" 7 ", 7.0),
        ("1.5", 1.5),
        ("-5", 0.0),
        (THREE_PAST, 180.0),
        ("Thu, 01 Jan 2026 11:03:00 +0200", 180.0),
        ("Thursday, 01-Jan-26 09:03:00 GMT", 180.0),
        ("Thu Jan  1 09:03:00 2026", 180.0),
        ("Thu, 01 Jan 2026 08:00:00 GMT", 0.0),
    ],
)
def test_retry_after_in_seconds_or_as_a_date(text: str, seconds: float) -> None:
    assert hint(("Retry-After", text)) == seconds
    assert hint(("retry-after", text)) == seconds


def test_a_date_counts_from_the_answers_own_date() -> None:
    assert hint(("Date", WRONG_CLOCK), ("Retry-After", THREE_PAST)) == 30.0
    assert hint(("Date", "yesterday"), ("Retry-After", THREE_PAST)) == 180.0
    assert hint(("Date", THREE_PAST), ("Retry-After", NINE)) == 0.0


@pytest.mark.parametrize(
    "text, seconds", [("45", 45.0), ("0", 0.0), ("0.5", 0.5), (str(int(WALL) + 60), 60.0), (str(int(WALL) - 60), 0.0)]
)
def test_n2_reset_is_seconds_to_wait_or_a_moment(text: str, seconds: float) -> None:
    assert hint(("X-Rate-Limit-Reset", text)) == seconds
    assert hint(("X-Rate-Limit-Reset", text), ("X-Rate-Limit-Remaining", "0")) == seconds


def test_n2_retry_after_beats_reset() -> None:
    assert hint(("X-Rate-Limit-Reset", "45"), ("Retry-After", "3")) == 3.0
    assert hint(("X-Rate-Limit-Reset", "45"), ("Retry-After", THREE_PAST)) == 180.0
    assert hint(("X-Rate-Limit-Reset", "45"), ("Retry-After", "soon")) == 45.0


@pytest.mark.parametrize("status", [500, 502, 503, 408])
def test_n2_a_reset_does_not_count_while_something_is_left(status: int) -> None:
    # Brightspace sends its counters with every answer, also with one that failed for another cause.
    left = (("X-Rate-Limit-Remaining", "49990"), ("X-Rate-Limit-Reset", "45"))
    assert hint(*left, status=status) is None
    assert hint(*left, ("Retry-After", "2"), status=status) == 2.0


@pytest.mark.parametrize(
    "text",
    ["", "soon", "nan", "inf", "-inf", "1e999", "5 seconds", "Thu, 01 Jan", "Thu, 99 Jan 2026 09:00:00 GMT", "\x00"],
)
def test_garbage_is_no_hint(text: str) -> None:
    assert hint(("Retry-After", text)) is None
    assert hint(("X-Rate-Limit-Reset", text)) is None
    assert hint() is None


@given(st.text(max_size=30), st.text(max_size=30), st.text(max_size=30))
def test_a_hint_is_none_or_a_wait_whatever_the_headers(retry_after: str, date: str, reset: str) -> None:
    seconds = hint(("Retry-After", retry_after), ("Date", date), ("X-Rate-Limit-Reset", reset))
    assert seconds is None or (seconds >= 0 and math.isfinite(seconds))


@pytest.mark.parametrize(
    "text, number",
    [("0.0", 0.0), ("723.5", 723.5), ("-1", -1.0), ("", None), ("lots", None), ("nan", None), ("inf", None)],
)
def test_a_header_with_a_number(text: str, number: float | None) -> None:
    assert number_header(answer(200, b"", ("X-Rate-Limit-Remaining", text)), "x-rate-limit-remaining") == number
    assert number_header(answer(200), "X-Rate-Limit-Remaining") is None
