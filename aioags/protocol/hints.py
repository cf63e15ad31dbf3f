"""
What an answer says about when to come back.
"""

from __future__ import annotations

import math
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import lru_cache

from aioags.protocol.messages import Response

# A reset larger than this is a moment in Unix time, not a number of seconds.
_UNIX_TIME = 1_000_000_000.0


def wait_hint(response: Response, *, throttled: bool, wall: float) -> float | None:
    """
    Return how many seconds the platform asks to wait. None: it does not say.

    ``Retry-After`` (seconds, or a date taken relative to the answer's own ``Date``) beats ``X-Rate-Limit-Reset``.

    Args:
        throttled: The answer is a throttle. Brightspace puts ``X-Rate-Limit-Reset`` on every answer, as the seconds
            until its count starts anew; only on a throttle is that a wait.

        wall: Unix time, seconds; serves when the answer has no ``Date``.
    """
    told = response.header("Retry-After")
    if told is not None and (seconds := _seconds(told)) is not None:
        return seconds
    if told is not None and (date := moment(told)) is not None:
        sent = moment(response.header("Date") or "")
        return max(0.0, date - (wall if sent is None else sent))
    if not throttled:
        return None
    reset = _seconds(response.header("X-Rate-Limit-Reset") or "")
    if reset is not None and reset > _UNIX_TIME:
        return max(0.0, reset - wall)
    return reset


# A platform answers many calls within one second.
@lru_cache(maxsize=64)
def moment(text: str) -> float | None:
    """
    Return the Unix time of an HTTP date, None when it is none.
    """
    try:
        read = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    try:
        return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def number_header(response: Response, name: str) -> float | None:
    """
    Return a header's finite number. None: absent or garbage.
    """
    try:
        value = float(response.header(name) or "")
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _seconds(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return max(0.0, value) if math.isfinite(value) else None
