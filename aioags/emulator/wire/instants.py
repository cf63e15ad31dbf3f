"""
Instants as text: ISO 8601, written and read.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime

import attrs

# AGS 3.4.9: date, time, sub-second precision and a zone; Z, +hh:mm, +hhmm and +hh are ISO 8601's zones.
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d([.,]\d+)?(Z|[+-]\d\d(?::?\d\d)?)?")

# Of what a datetime holds, less a day for zones.
EARLIEST = datetime(1, 1, 2, tzinfo=UTC).timestamp()
LATEST = datetime(9999, 12, 30, 23, 59, 59, tzinfo=UTC).timestamp()


@attrs.frozen
class Instant:
    """
    What a text says of a date and time.

    Attributes:
        at: Seconds since 1970, as UTC where no zone is given.

        has_fraction: It has digits below the second.

        has_zone: It says of which zone it is.
    """

    at: float
    has_fraction: bool
    has_zone: bool


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


def http_date(instant: float) -> str:
    """
    Write an instant as a ``Date`` header (RFC 9110 5.6.7).

    Args:
        instant: As for `iso`.
    """
    moment = datetime.fromtimestamp(max(EARLIEST, min(instant, LATEST)), UTC)
    return format_datetime(moment, usegmt=True)


def parse_instant(text: object) -> Instant | None:
    """
    Read an ISO 8601 date and time.

    Returns:
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
    return Instant(moment.timestamp(), match[1] is not None, match[2] is not None)
