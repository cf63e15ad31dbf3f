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

# What Rails still makes a time of: a blank for T, no zone, no separators, a date alone (read). Ten digits are a date
# and an hour, which is how seconds since 1970 end up in another century.
LOOSE = re.compile(
    r"(?P<year>\d{4})-?(?P<month>\d\d)-?(?P<day>\d\d)"
    r"(?:[T ]?(?P<hour>\d\d)(?::?(?P<minute>\d\d)(?::?(?P<second>\d\d)(?P<fraction>[.,]\d+)?)?)?)?"
    r" ?(?P<zone>Z|UTC|[+-]\d\d(?::?\d\d)?)?",
    re.ASCII | re.IGNORECASE,
)

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


def seconds_text(instant: float) -> str:
    """
    Write an instant in whole seconds, UTC, with ``Z``.

    Args:
        instant: As for `iso`.
    """
    return iso(instant, whole=True).replace("+00:00", "Z")


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


def loose_instant(value: object, zone_minutes: int = 0) -> float | None:
    """
    Read a date and time as Rails does.

    Args:
        value: A text, or a number, which counts as its digits.

        zone_minutes: Where it names no zone: minutes east of UTC.

    Returns:
        Seconds since 1970. None: it is nothing of the kind.
    """
    text = str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""
    match = LOOSE.fullmatch(text)
    if match is None:
        return None
    parts = match.groupdict()
    hour, minute, second = (int(parts[name] or 0) for name in ("hour", "minute", "second"))
    try:
        moment = datetime(int(parts["year"]), int(parts["month"]), int(parts["day"]), hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    fraction = float("0." + parts["fraction"][1:]) if parts["fraction"] else 0.0
    return moment.timestamp() + fraction - minutes_east(parts["zone"], zone_minutes) * 60


def minutes_east(zone: str | None, otherwise: int) -> int:
    """
    Read a zone, such as ``Z`` and ``+01:00``, as minutes.

    Args:
        otherwise: Where there is none.
    """
    if zone is None:
        return otherwise
    if zone.upper() in ("Z", "UTC"):
        return 0
    digits = zone[1:].replace(":", "").ljust(4, "0")
    minutes = int(digits[:2]) * 60 + int(digits[2:])
    return -minutes if zone[0] == "-" else minutes
