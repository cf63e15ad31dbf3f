"""
Timestamps that strictly rise in this process.

The platform keeps the score with the latest timestamp and drops the rest (AGS 3.4.9), so two scores of this process
must never carry the same one. A wall clock can stand still or step back: then the last stamp plus a microsecond is
used. The type of a stamp remembers that nobody chose it: only such a stamp may later be moved to satisfy a platform
that compares whole seconds.
"""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any


class AutoStamp(datetime):
    """
    A timestamp that the package made, not the caller.

    What the caller computes from it is a plain `datetime`, the caller's own.
    """

    def __add__(self, other: Any, /) -> Any:
        return self._plain() + other

    __radd__ = __add__

    def __sub__(self, other: Any, /) -> Any:
        return self._plain() - other

    def replace(self, *args: Any, **changes: Any) -> Any:
        """
        Return a plain `datetime` with other parts.
        """
        return self._plain().replace(*args, **changes)

    def astimezone(self, tz: tzinfo | None = None) -> Any:
        """
        Return the same instant as a plain `datetime` in another zone.
        """
        return self._plain().astimezone(tz)

    def _plain(self) -> datetime:
        return datetime.combine(self.date(), self.timetz())


def as_auto_stamp(instant: datetime) -> AutoStamp:
    """
    Return the same instant, in UTC, marked as made by the package.
    """
    utc = instant.astimezone(UTC)
    parts: Any = (utc.year, utc.month, utc.day, utc.hour, utc.minute, utc.second, utc.microsecond, UTC)
    return AutoStamp(*parts)


_SMALLEST_STEP = timedelta(microseconds=1)


class _Stamps:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = AutoStamp(1970, 1, 1, tzinfo=UTC)

    def next(self) -> AutoStamp:
        with self._lock:
            now = AutoStamp.now(UTC)
            self._last = now if now > self._last else as_auto_stamp(self._last + _SMALLEST_STEP)
            return self._last


_stamps = _Stamps()


def next_stamp() -> AutoStamp:
    """
    Return the current time in UTC, later than every stamp before it. Safe to call from several threads.
    """
    return _stamps.next()
