"""
Timestamps that strictly rise in this process, and remember who made them.

The platform keeps the score with the latest timestamp and drops the rest (AGS 3.4.9), so two scores of this process
must never carry the same one. A wall clock can stand still or step back a little: then the last stamp plus a
microsecond is used. One that steps back far was wrong before, and is followed again. Between processes no clock can
promise an order: so a stamp says which process made it, and what its clock showed. How long ago it was made, the
process that made it knows by a clock that never steps (`Timekeeper.age`).
"""

from __future__ import annotations

import os
import threading
import time
import uuid
from collections.abc import Callable
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta

import attrs

from aioags.model.value import value

_SMALLEST_STEP = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# A clock that is set right by NTP moves by seconds. What moves further was wrong before.
_STEP_BACK = timedelta(minutes=1)


@value
class Stamp:
    """
    A timestamp that the package made, not the caller.

    Attributes:
        instant: The timestamp itself, in UTC.

        made_by: Name of the process that made it.

        made_at: What the clock of that process showed, in UTC. Earlier than `instant` when that had to rise: in a
            burst, or after the clock stepped back a little.

        order: Rises with each stamp of the process, whatever its clock does. Says nothing between processes.

        settled: The instant has been chosen for good: nobody moves it any more.

        ticks: What a clock of that process showed which never steps, seconds. Says something in that process alone.
            None: it is not known any more.
    """

    instant: datetime
    made_by: str
    made_at: datetime
    order: int = 0
    settled: bool = False
    ticks: float | None = attrs.field(default=None, eq=False)

    def precedes(self, other: Stamp) -> bool:
        """
        True when the same process made this one before the other. Between processes nobody knows.
        """
        return self.made_by == other.made_by and self.order < other.order


def _random_name() -> str:
    return uuid.uuid4().hex


class Timekeeper:
    """
    Makes the stamps of one process. Safe to use from several threads.

    Args:
        clock: Unix time, seconds.

        process: Name of the process, unlike that of any other that grades the same people. None: a random one.

        steady: Seconds that never step.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.time,
        *,
        process: str | None = None,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self.process = process or _random_name()
        self._clock = clock
        self._steady = steady
        self._lock = threading.Lock()
        self._last = _EPOCH
        self._order = 0

    def next(self) -> Stamp:
        """
        Return the current time, or as much later as it takes to be later than every stamp before.

        After a step back of more than a minute it is the current time all the same: a clock that was a year ahead for a
        moment must not put every later stamp there. The order of one user's scores is then kept by who sends them.
        """
        with self._lock:
            seconds = self._clock()
            now = datetime.fromtimestamp(seconds, UTC)
            last = self._last
            self._last = stamp = now if now > last or last - now > _STEP_BACK else last + _SMALLEST_STEP
            order = int(seconds * 1e6)
            if order <= self._order:
                order = self._order + 1
            self._order = order
            return Stamp(stamp, self.process, now, order, False, self._steady())

    def age(self, made_by: str | None, ticks: float | None) -> float | None:
        """
        Return for how many seconds a stamp of this process is made, whatever its wall clock did since. None: it is of
        another process, or nobody knows.
        """
        if ticks is None or made_by != self.process:
            return None
        return max(self._steady() - ticks, 0.0)

    def now(self, stamp: Stamp) -> float | None:
        """
        Return what the wall clock shows by its reading when a stamp was made, Unix time: one that is wrong for a moment
        changes nothing. None: as for `age`.
        """
        age = self.age(stamp.made_by, stamp.ticks)
        return None if age is None else stamp.made_at.timestamp() + age

    def reborn(self) -> None:
        """
        Go on as another process: under a random name, whoever held the lock in the one before.
        """
        self.process = _random_name()
        self._lock = threading.Lock()


_of_this_process = Timekeeper()

# Windows has no fork. A child must not pass for its parent: their stamps are not in one order.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_of_this_process.reborn)

timekeeper: ContextVar[Timekeeper] = ContextVar("aioags_timekeeper", default=_of_this_process)
"""Who stamps the scores made in this context. Set it where one loop plays several processes, each with its clock."""


def next_stamp() -> Stamp:
    """
    Return the next stamp of this context's `timekeeper`.
    """
    return timekeeper.get().next()
