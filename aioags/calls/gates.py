"""
Who may send now: the waiting line in front of each platform.

A `Pacer` decides how many requests a platform may have in flight; a gate makes callers wait for that. There is one
gate for each (origin, client id), shared by everything a `Client` does, so that a slow or dead platform fills its own
line and nobody else's. Callers pass in the order they came. While a platform has asked for silence longer than a call
may take, nobody waits: the call fails at once, with the time to come back.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

import attrs

from aioags.errors import AGSError
from aioags.model.policy import Pace
from aioags.protocol.pace import Pacer
from aioags.protocol.signals import Signal


@attrs.define(eq=False)
class _Waiter:
    admitted: asyncio.Future[float]
    patience: float


class Gate:
    """
    The line in front of one platform.

    Args:
        clock: Seconds that never step back.

        sleep: Waits for so many of them.
    """

    def __init__(self, pace: Pace, *, clock: Callable[[], float], sleep: Callable[[float], Awaitable[None]]) -> None:
        self.pacer = Pacer(pace)
        self._clock = clock
        self._sleep = sleep
        self._waiting: deque[_Waiter] = deque()
        self._alarm: asyncio.Task[None] | None = None
        self._last_throttle: AGSError | None = None
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
        Class name of the error behind the latest hold. None: there was none.
        """
        return None if self._last_throttle is None else type(self._last_throttle).__name__

    def __repr__(self) -> str:
        pacer = self.pacer
        return f"<Gate: {pacer.in_flight} of {pacer.window} in flight, {self.waiting} waiting>"

    async def enter(self, patience: float) -> float:
        """
        Wait for a place in flight.

        Args:
            patience: Seconds of a platform's hold that this caller can wait. Its place in the line is not counted.

        Returns:
            Now, for `leave`.

        Raises:
            ThrottledError: The platform asked for a longer silence.

            RuntimeError: The client was closed.
        """
        if self._closed:
            raise _closed()
        now = self._clock()
        if not self._waiting and self.pacer.may_start(now):
            self.pacer.started(now)
            return now
        self._check_hold(now, patience)
        waiter = _Waiter(asyncio.get_running_loop().create_future(), patience)
        self._waiting.append(waiter)
        self._admit()
        try:
            return await waiter.admitted
        except asyncio.CancelledError:
            self._withdraw(waiter)
            raise

    def _check_hold(self, now: float, patience: float) -> None:
        if (error := self._hold_error(now, patience)) is not None:
            raise error

    def _hold_error(self, now: float, patience: float) -> AGSError | None:
        held = self.pacer.held_for(now)
        if held <= patience or self._last_throttle is None:
            return None
        error = self._last_throttle.copied()
        error.retry_after = held
        error.recorded = False
        return error

    def _withdraw(self, waiter: _Waiter) -> None:
        if waiter.admitted.done() and not waiter.admitted.cancelled() and waiter.admitted.exception() is None:
            self.abandon()
        elif waiter in self._waiting:
            self._waiting.remove(waiter)

    def leave(self, begun: float, signal: Signal, throttle: AGSError | None = None) -> None:
        """
        Give the place back, with what the answer said.

        Args:
            throttle: The error of a throttled answer; those in the line who cannot wait so long fail with it.
        """
        now = self._clock()
        self.pacer.ended(now, signal, begun=begun)
        if throttle is not None:
            self._last_throttle = throttle.copied()
            self._turn_away(now)
        self._admit()

    def abandon(self) -> None:
        """
        Give the place back without an answer.
        """
        self.pacer.abandoned(self._clock())
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
        while self._waiting and self.pacer.may_start(now):
            waiter = self._waiting.popleft()
            if not waiter.admitted.done():
                self.pacer.started(now)
                # The moment of the start: what is learned until the waiter wakes is of before.
                waiter.admitted.set_result(now)
        # Nobody in flight will come back to open the gate: the end of the hold has to.
        if self._waiting and self._alarm is None and (held := self.pacer.held_for(now)) > 0:
            self._alarm = asyncio.create_task(self._ring(held), name="aioags gate")

    async def _ring(self, seconds: float) -> None:
        try:
            await self._sleep(seconds)
        finally:
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
