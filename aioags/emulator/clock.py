"""
Time, as the platform sees it: seconds since 1970, from a function that is passed in.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

import attrs

Clock = Callable[[], float]

# AGS 3.4.9: date, time, sub-second precision and a zone; Z, +hh:mm, +hhmm and +hh are ISO 8601's zones.
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d([.,]\d+)?(Z|[+-]\d\d(?::?\d\d)?)?")

# Of what a datetime holds, less a day for zones.
EARLIEST = datetime(1, 1, 2, tzinfo=UTC).timestamp()
LATEST = datetime(9999, 12, 30, 23, 59, 59, tzinfo=UTC).timestamp()


@attrs.define
class ManualClock:
    """
    A clock that moves only when told.

    Example:
        >>> clock = ManualClock(1_000.0)
        >>> clock.advance(2.5)
        >>> clock()
        1002.5
    """

    now: float = 1_767_258_000.0

    def __call__(self) -> float:
        """
        Return seconds since 1970.
        """
        return self.now

    def advance(self, seconds: float) -> None:
        """
        Move on.
        """
        self.now += seconds


def iso(instant: float, zone_minutes: int = 0, *, whole: bool = False) -> str:
    """
    Write an instant as ISO 8601: UTC with milliseconds and ``Z``, or whole seconds with an offset.

    Args:
        instant: Seconds since 1970; before the year 1 and after 9999 it is the first or last that can be written.
    """
    instant = max(EARLIEST, min(instant, LATEST))
    zone = timezone(timedelta(minutes=zone_minutes)) if zone_minutes else UTC
    moment = datetime.fromtimestamp(instant, zone)
    if whole:
        return moment.isoformat(timespec="seconds")
    text = moment.isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def parse_instant(text: object) -> tuple[float, bool, bool] | None:
    """
    Read an ISO 8601 date and time.

    Returns:
        Seconds since 1970 (as UTC where no zone is given), whether it has a fraction, whether it has a zone.
        None: it is no such text.
    """
    if not isinstance(text, str):
        return None
    match = INSTANT.fullmatch(text)
    if match is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment.timestamp(), match[1] is not None, match[2] is not None
