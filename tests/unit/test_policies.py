"""
The settings of a client: counts, seconds, and nothing that would try for ever or not at all.
"""

from __future__ import annotations

import math
from typing import Any

import attrs
import pytest

from aioags import Pace, RetryPolicy, Timeouts
from aioags.model.policy import full_jitter


def test_the_defaults() -> None:
    assert RetryPolicy() == RetryPolicy(attempts=5, first_wait=0.5, longest_wait=30.0, total_time=120.0)
    assert Pace() == Pace(floor=1, ceiling=32)
    assert Timeouts() == Timeouts(connect=10.0, read=30.0, total=60.0)


SECONDS = [(RetryPolicy, "first_wait"), (RetryPolicy, "longest_wait"), (RetryPolicy, "total_time")] + [
    (Timeouts, field.name) for field in attrs.fields(Timeouts)
]
COUNTS = [(RetryPolicy, "attempts"), (Pace, "floor"), (Pace, "ceiling")]


@pytest.mark.parametrize("kind, field", SECONDS)
@pytest.mark.parametrize(
    "value, error",
    [
        (0, ValueError),
        (-1.0, ValueError),
        (math.inf, ValueError),
        (math.nan, ValueError),
        (None, TypeError),
        ("5", TypeError),
        (True, TypeError),
    ],
)
def test_seconds_are_positive_and_finite(kind: Any, field: str, value: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=f"{field} must be .*seconds"):
        kind(**{field: value})
    assert getattr(kind(**{field: 7}), field) == 7


@pytest.mark.parametrize("kind, field", COUNTS)
@pytest.mark.parametrize(
    "value, error", [(0, ValueError), (-1, ValueError), (1.0, TypeError), (None, TypeError), (True, TypeError)]
)
def test_counts_are_at_least_one(kind: Any, field: str, value: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=f"{field} must be"):
        kind(**{field: value})
    assert getattr(kind(**{field: 1}), field) == 1


def test_the_floor_is_not_above_the_ceiling() -> None:
    assert Pace(4, 4).floor == 4
    with pytest.raises(ValueError, match="floor must not be above ceiling, got floor=5, ceiling=4"):
        Pace(5, 4)


@pytest.mark.parametrize("kind", [RetryPolicy, Pace, Timeouts])
def test_a_misspelt_setting_is_a_type_error(kind: Any) -> None:
    with pytest.raises(TypeError, match="retries"):
        kind(retries=3)


@pytest.mark.parametrize("count, longest", [(1, 2.0), (2, 4.0), (3, 8.0), (4, 10.0), (5, 10.0), (100_000, 10.0)])
def test_the_back_off_doubles_until_its_cap_and_jitter_takes_a_share_of_all_of_it(count: int, longest: float) -> None:
    policy = RetryPolicy(first_wait=2.0, longest_wait=10.0)
    assert policy.wait(count, 1.0) == longest
    assert policy.wait(count, 0.25) == longest / 4
    assert policy.wait(count, 0.0) == 0.0
    assert full_jitter(count, first=2.0, longest=10.0, jitter=0.5) == longest / 2


def test_a_first_wait_above_the_longest_is_cut_at_once() -> None:
    assert RetryPolicy(first_wait=60.0, longest_wait=5.0).wait(1, 1.0) == 5.0
