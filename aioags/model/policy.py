"""
How hard to try, how long to wait, how much at once: the settings of a `Client`.
"""

from __future__ import annotations

import math
from typing import Any

import attrs


def positive_seconds(_: Any, attribute: attrs.Attribute[float], value: float) -> None:
    """
    Refuse what is no finite number of seconds above zero: a validator of attrs.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{attribute.name} must be seconds as a number, got {value!r}")
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{attribute.name} must be more than 0 seconds and finite, got {value!r}")


def _count(_: Any, attribute: attrs.Attribute[int], value: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{attribute.name} must be an int, got {value!r}")
    if value < 1:
        raise ValueError(f"{attribute.name} must be at least 1, got {value!r}")


def full_jitter(count: int, *, first: float, longest: float, jitter: float) -> float:
    """
    Return how long to wait: exponential back-off with full jitter.

    Args:
        count: Failures in a row, at least 1.

        first: Longest wait after the first of them, seconds; it doubles for each further one.

        longest: Where the doubling stops, seconds.

        jitter: Share of the longest wait to take, 0 to 1; drawn evenly, so that those who failed together come back
            one by one.
    """
    # 2 ** 60 of any wait is longer than all; 2.0 ** 1024 is an OverflowError.
    return min(longest, first * 2.0 ** min(count - 1, 60)) * jitter


@attrs.frozen
class RetryPolicy:
    """
    How often and how long one call is tried.

    Attributes:
        attempts: Most tries of one call, the first included. A throttled answer and a renewed token do not count:
            they are bounded by `total_time` and by once.

        first_wait: Longest wait before the second try, seconds; it doubles for each further try. The wait itself is
            drawn evenly between 0 and that length ("full jitter").

        longest_wait: Where the doubling stops, seconds.

        total_time: Seconds within which a try may still begin, waits included. A platform that asks for a longer wait
            ends the call at once, with its `retry_after` on the error.
    """

    attempts: int = attrs.field(default=5, validator=_count)
    first_wait: float = attrs.field(default=0.5, validator=positive_seconds)
    longest_wait: float = attrs.field(default=30.0, validator=positive_seconds)
    total_time: float = attrs.field(default=120.0, validator=positive_seconds)

    def wait(self, count: int, jitter: float) -> float:
        """
        Return how long to wait where the platform did not say, in seconds.

        Args:
            count: Failures in a row, at least 1.

            jitter: Drawn evenly from 0 to 1.
        """
        return full_jitter(count, first=self.first_wait, longest=self.longest_wait, jitter=jitter)


@attrs.frozen
class Pace:
    """
    How many requests one platform may have in flight. Between the two the number follows the platform.

    Attributes:
        floor: Fewest, also while the platform throttles. At least 1.

        ceiling: Most. Not below `floor`. With 32, 640 answers of 50 ms a second. Raise it only for a platform that is
            known to have more workers than that to spare: to find out, it must be filled, and others wait meanwhile.
    """

    floor: int = attrs.field(default=1, validator=_count)
    ceiling: int = attrs.field(default=32, validator=_count)

    def __attrs_post_init__(self) -> None:
        if self.floor > self.ceiling:
            raise ValueError(f"floor must not be above ceiling, got floor={self.floor}, ceiling={self.ceiling}")


@attrs.frozen
class Timeouts:
    """
    How long one try may take. All in seconds, none can be switched off.

    Attributes:
        connect: To get a connection: address, TCP, TLS, and a place in the pool.

        read: The longest silence of the platform.

        total: The whole try, from the first byte sent to the last one read.
    """

    connect: float = attrs.field(default=10.0, validator=positive_seconds)
    read: float = attrs.field(default=30.0, validator=positive_seconds)
    total: float = attrs.field(default=60.0, validator=positive_seconds)
