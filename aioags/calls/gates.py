"""
Who may send now: the waiting line in front of each platform.

A `Pacer` decides how many requests a platform may have in flight, a `Breaker` whether it is there at all; a gate makes
callers wait for both. There is one gate for each (origin, client id), shared by everything a `Client` does, so that a
slow or dead platform fills its own line and nobody else's (a bulkhead). Callers pass in the order they came, but for
probes: those are of another line item than the one before, where one waits.

Nobody waits for longer than a call may take. While a platform has asked for silence for longer, a call fails at once,
with the time to come back. While the platform is away, a call waits for its own total time since the outage began, and
whoever comes later for one probe at the least.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable
from math import inf

import attrs

from aioags.errors import AGSError
from aioags.model.policy import Pace
from aioags.model.value import value
from aioags.protocol.breaker import LONGEST_WAIT, Breaker
from aioags.protocol.pace import Pacer
from aioags.protocol.pace_figures import START, TICK
from aioags.protocol.signals import Signal


@value
class Admission:
    """
    A place in flight, to be given back.

    Attributes:
        begun: When it was taken, on the gate's clock.

        probe: The call finds out whether the platform is back.

        recoveries: How often the platform had come back by then.

        waited_for: Class name of the error of an outage that was waited for. None: there was none.

        subject: What the call is about.
    """

    begun: float
    probe: bool = False
    recoveries: int = 0
    waited_for: str | None = None
    subject: str = ""


@attrs.define(eq=False)
class _Waiter:
    admitted: asyncio.Future[Admission]
    patience: float
    subject: str
    # Moments on the gate's clock: it has no time left; it has waited for one probe at the least.
    ends: float
    fair: float
    # Seconds of an outage that it sits out.
    total: float
    waits: bool = True
    waited_for: str | None = None


# An empty deque takes 0.8 KB, and at most platforms nobody ever waits. Nothing is put into this one.
_NOBODY: deque[_Waiter] = deque()
_NOTHING: frozenset[str] = frozenset()


class Gate:
    """
    The line in front of one platform.

    Args:
        clock: Seconds that never step back.

        sleep: Waits for so many of them.

        start: First window of the pacer.

    Attributes:
        backing_off: How many callers wait before they come again. Whoever has them wait counts them.

        accounts: Whose tokens were sent, as far as is remembered; the latest last.

        is_forgotten: Another has taken its place, or will.
    """

    __slots__ = (
        "_alarm",
        "_clock",
        "_closed",
        "_last_outage",
        "_last_throttle",
        "_probed",
        "_rings_at",
        "_sleep",
        "_waiting",
        "accounts",
        "backing_off",
        "breaker",
        "is_forgotten",
        "pacer",
    )

    def __init__(
        self,
        pace: Pace,
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        start: int = START,
    ) -> None:
        self.accounts: tuple[Hashable, ...] = ()
        self.pacer = Pacer(pace, start)
        self.breaker = Breaker()
        self.backing_off = 0
        self.is_forgotten = False
        self._clock = clock
        self._sleep = sleep
        self._waiting = _NOBODY
        self._probed = _NOTHING
        self._alarm: asyncio.Task[None] | None = None
        self._rings_at = 0.0
        self._last_throttle: AGSError | None = None
        self._last_outage: AGSError | None = None
        self._closed = False

    @property
    def waiting(self) -> int:
        """
        How many callers wait for a place.
        """
        return len(self._waiting)

    @property
    def why(self) -> str | None:
        """
        Class name of the error behind the outage, or behind the hold. None: there is neither; starts may be spaced.
        """
        if self.breaker.is_open:
            error = self._last_outage
        else:
            error = self._last_throttle if self.pacer.silent_for(self._clock()) else None
        return None if error is None else type(error).__name__

    def is_idle(self, now: float) -> bool:
        """
        True when nobody is in it, and a new one would know as much, but for the limits that the pacer learned.
        """
        busy = (
            self._waiting
            or self.backing_off
            or self._alarm is not None
            or self.breaker.is_open
            or self.breaker.failures
        )
        return not busy and self.pacer.is_idle(now)

    def closed_for(self, now: float) -> float:
        """
        Return the seconds until anything may be sent; 0.0 when it may now, as far as holds and outages go.
        """
        away = self.breaker.next_probe(now) if self.breaker.is_open else 0.0
        return max(self.pacer.held_for(now), away)

    def __repr__(self) -> str:
        pacer = self.pacer
        return f"<Gate: {pacer.in_flight} of {pacer.window} in flight, {self.waiting} waiting>"

    def starts(self, now: float) -> bool:
        """
        Take a place in flight, if one is free, nobody waits for it and the platform is there. False: `enter` sees.
        """
        return not (self._waiting or self._closed or self.breaker.is_open) and self.pacer.starts(now)

    def enter_now(self, subject: str = "") -> Admission | None:
        """
        Take a place in flight as `starts` does. None: `enter` sees.
        """
        now = self._clock()
        return Admission(now, False, self.breaker.recoveries, None, subject) if self.starts(now) else None

    async def enter(
        self,
        patience: float,
        subject: str = "",
        *,
        waits: bool = True,
        since: float | None = None,
        total: float | None = None,
    ) -> Admission:
        """
        Wait for a place in flight.

        Args:
            patience: Seconds that this caller can wait for a platform that holds it up or is away. Its place in the
                line is not counted.

            subject: What the call is about, such as the URL of a line item.

            waits: False: where the platform is away, fail at once.

            since: When the call first came, on the gate's clock. None: now.

            total: Longest outage that it sits out, seconds. None: as long as its patience.

        Raises:
            ThrottledError: The platform asked for a longer silence.

            BrokenError, NoAnswerError: The platform is away, and has been for too long.

            RuntimeError: The client was closed.
        """
        if self._closed:
            raise _closed()
        now = self._clock()
        if not self._waiting and self._may_start(now):
            return self._start(now, subject, None)
        self._check_hold(now, patience)
        if not waits and self.breaker.is_open and self._last_outage is not None:
            raise self._outage_error(now)
        waiter = self._waiter(now, patience, subject, waits, now if since is None else since, total or patience)
        if self._waiting is _NOBODY:
            self._waiting = deque()
        self._waiting.append(waiter)
        self._admit()
        try:
            return await waiter.admitted
        except asyncio.CancelledError:
            self._withdraw(waiter)
            raise

    def _waiter(self, now: float, patience: float, subject: str, waits: bool, since: float, total: float) -> _Waiter:
        admitted: asyncio.Future[Admission] = asyncio.get_running_loop().create_future()
        waited_for = self.why if self.breaker.is_open else None
        return _Waiter(admitted, patience, subject, now + patience, since + LONGEST_WAIT, total, waits, waited_for)

    def _may_start(self, now: float) -> bool:
        if self.breaker.is_open:
            # What is in flight is silence, and may have brought the window down to one.
            return self.breaker.may_probe(now) and self.pacer.may_start(now, knocks=True)
        return self.pacer.may_start(now)

    def _start(self, now: float, subject: str, waited_for: str | None) -> Admission:
        self.pacer.started(now)
        probe = self.breaker.is_open
        if probe:
            self.breaker.probe(now)
            self._probed |= {subject}
        return Admission(now, probe, self.breaker.recoveries, waited_for, subject)

    def _check_hold(self, now: float, patience: float) -> None:
        if (error := self._hold_error(now, patience)) is not None:
            raise error

    def _hold_error(self, now: float, patience: float) -> AGSError | None:
        held = self.pacer.silent_for(now)
        if held <= patience or self._last_throttle is None:
            return None
        error = self._last_throttle.copied()
        error.retry_after = held
        error.recorded = False
        return error

    def _outage_error(self, now: float) -> AGSError:
        assert self._last_outage is not None  # noqa: S101 - what opened the breaker
        error = self._last_outage.copied()
        error.retry_after = max(self.breaker.next_probe(now), TICK)
        error.recorded = False
        error.transient = True
        return error

    def _withdraw(self, waiter: _Waiter) -> None:
        if waiter.admitted.done() and not waiter.admitted.cancelled() and waiter.admitted.exception() is None:
            self.abandon(waiter.admitted.result())
        elif waiter in self._waiting:
            self._waiting.remove(waiter)

    def leave(
        self,
        place: Admission,
        signal: Signal,
        throttle: AGSError | None = None,
        outage: AGSError | None = None,
        *,
        tries: int = 0,
        own: bool = False,
    ) -> None:
        """
        Give the place back, with what the answer said.

        Args:
            throttle: The error of a throttled answer; those in the line who cannot wait so long fail with it.

            outage: The error of what was no proper answer.

            tries: How many attempts the call has made, when that was its last. 0: it has more.

            own: What it failed with is its own: see `Trial.own`.
        """
        now = self._clock()
        self.pacer.ended(now, signal, begun=place.begun)
        if throttle is not None:
            self._last_throttle = throttle.copied()
            self._turn_away(now)
        if outage is None:
            if self.breaker.answered(place.subject, place.begun):
                self._probed = _NOTHING
        else:
            self._note_outage(now, place, outage, tries, own=own)
        if self._waiting:
            self._admit()

    def answered(self, now: float, seconds: float, begun: float, subject: str) -> None:
        """
        Give the place back after an answer that was a yes and said nothing about limits.

        Args:
            seconds: How long it took.

            begun: When the place was taken.
        """
        self.pacer.answered(now, seconds, begun=begun)
        if self.breaker.answered(subject, begun):
            self._probed = _NOTHING
        if self._waiting:
            self._admit()

    def _note_outage(self, now: float, place: Admission, outage: AGSError, tries: int, *, own: bool) -> None:
        self._last_outage = outage.copied()
        # A small batch has used up a call before there were eight failures. Nobody got through while it tried.
        others = bool(self._waiting) or self.pacer.in_flight > 0 or self.backing_off > 0
        spent = 0 < tries <= self.breaker.failures + 1 and others
        probe = place.begun if place.probe else None
        self.breaker.failed(now, self.pacer.window, probe=probe, spent=spent, subject=place.subject, own=own)
        if self.breaker.is_open:
            for waiter in self._waiting:
                waiter.waited_for = type(outage).__name__

    def abandon(self, place: Admission) -> None:
        """
        Give the place back without an answer.
        """
        self.pacer.abandoned(self._clock())
        if place.probe:
            self.breaker.abandon_probe(place.begun)
        self._admit()

    def _turn_away(self, now: float) -> None:
        kept: deque[_Waiter] = deque()
        for waiter in self._waiting:
            error = self._hold_error(now, waiter.patience)
            if error is None or waiter.admitted.done():
                kept.append(waiter)
            else:
                waiter.admitted.set_exception(error)
        self._waiting = kept

    def _admit(self) -> None:
        now = self._clock()
        if self.breaker.is_open:
            self._turn_away_late(now)
        while self._waiting and self._may_start(now):
            waiter = self._next()
            if not waiter.admitted.done():
                # The moment of the start: what is learned until the waiter wakes is of before.
                waiter.admitted.set_result(self._start(now, waiter.subject, waiter.waited_for))
        # Nobody in flight may come back to open the gate: the end of the hold, or the time of the next probe, has to.
        if self._waiting and (seconds := self._until_alarm(now)) > 0:
            self._set_alarm(now, seconds)

    def _next(self) -> _Waiter:
        """
        Take the next caller out of the line: for a probe, one whose subject was not tried since the outage began.
        """
        if self.breaker.is_open:
            fresh = next((waiter for waiter in self._waiting if waiter.subject not in self._probed), None)
            if fresh is not None:
                self._waiting.remove(fresh)
                return fresh
            self._probed = _NOTHING
        return self._waiting.popleft()

    def _deadline(self, waiter: _Waiter) -> float:
        if not waiter.waits:
            return -inf
        return min(waiter.ends, max((self.breaker.opened_at or 0.0) + waiter.total, waiter.fair))

    def _turn_away_late(self, now: float) -> None:
        late = [waiter for waiter in self._waiting if now + TICK >= self._deadline(waiter)]
        for waiter in late:
            self._waiting.remove(waiter)
            if not waiter.admitted.done():
                waiter.admitted.set_exception(self._outage_error(now))

    def _until_alarm(self, now: float) -> float:
        if not self.breaker.is_open:
            return self.pacer.held_for(now)
        until_late = min(self._deadline(waiter) for waiter in self._waiting) - now
        until_probe = self.closed_for(now)
        return min(until_late, until_probe) if until_probe > 0 else until_late

    def _set_alarm(self, now: float, seconds: float) -> None:
        if self._alarm is not None:
            if self._rings_at <= now + seconds + TICK:
                return
            self._alarm.cancel()
        self._rings_at = now + seconds
        self._alarm = asyncio.create_task(self._ring(seconds), name="aioags gate")

    async def _ring(self, seconds: float) -> None:
        await self._sleep(seconds)
        self._alarm = None
        self._admit()

    async def aclose(self) -> None:
        """
        Send everybody in the line away, and stop waiting for the end of a hold.
        """
        self._closed = True
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.admitted.done():
                waiter.admitted.set_exception(_closed())
        if self._alarm is not None:
            alarm = self._alarm
            alarm.cancel()
            await asyncio.gather(alarm, return_exceptions=True)


def _closed() -> RuntimeError:
    return RuntimeError("the Client is closed")
