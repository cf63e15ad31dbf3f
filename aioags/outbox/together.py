"""
Calls that come while another is under way are made together.

Theory of operation. The first call runs at once. Those that come before it is done wait, and then run as one; under
load a hundred callers share one transaction, and a lone one waits for nobody. A caller that is cancelled does not take
its call back. If calls that run together fail, each is made again alone, so that only the guilty one's caller hears.

A call that needs what somebody else holds (a row that an open transaction has changed, which may last) must hold up
nobody. Whoever makes calls waits for such a thing only briefly and then raises `HeldError`. The call leaves the line
and is made again by itself, between pauses in which it has nothing that others need, until it succeeds or its patience
is at an end. At any time only few who were found held are trying, and few who were merely in bad company; the two do
not wait for each other.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, TypeVar

import attrs

from aioags.outbox.model import StoreError

T = TypeVar("T")
R = TypeVar("R")

# As many items as one statement takes well.
_MOST_TOGETHER = 2_000

# Each takes a connection, of which a pool has ten.
_FEW = 2

_PAUSE = 0.25


class HeldError(StoreError):
    """
    Somebody else holds what a call needs, and may do so for long.
    """


@attrs.define(eq=False)
class Call(Generic[T, R]):
    """
    One call.

    Attributes:
        items: What it is about. Who makes a call in parts leaves here what is still to be made.

        now: Unix time.

        answer: What its caller waits for.

        made: False while it is still to be made, whether its caller waits or was cancelled.

        parted: True when it has left the line and is made alone.
    """

    items: Sequence[T]
    now: float
    answer: asyncio.Future[R]
    made: bool = False
    parted: bool = False

    def settle(self, value: R) -> None:
        """
        Answer the caller, if it still waits.
        """
        self.made = True
        if not self.answer.done():
            self.answer.set_result(value)

    def fail(self, error: Exception) -> None:
        """
        Let the caller fail, if it still waits.
        """
        self.made = True
        if not self.answer.done():
            self.answer.set_exception(error)


class Together(Generic[T, R]):
    """
    Makes calls together.

    Args:
        run: Makes calls, and settles each. One that it has settled before it raises is not made again.

        patience: How long a call is tried again that somebody else holds up, seconds.

        clock: Reads seconds that never step back.

        sleep: Waits for so many seconds.
    """

    def __init__(
        self,
        run: Callable[[list[Call[T, R]]], Awaitable[None]],
        *,
        patience: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._run = run
        self._patience = patience
        self._clock = clock
        self._sleep = sleep
        self._parted = asyncio.Semaphore(_FEW)
        self._held = asyncio.Semaphore(_FEW)
        self._waiting: list[Call[T, R]] = []
        self._tasks: set[asyncio.Task[Any]] = set()
        self._running = False

    async def call(self, items: Sequence[T], now: float) -> R:
        """
        Make a call, together with whoever waits.
        """
        call: Call[T, R] = Call(items, now, asyncio.get_running_loop().create_future())
        self._waiting.append(call)
        if not self._running:
            self._running = True
            self._spawn(self._run_all())
        return await call.answer

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run_all(self) -> None:
        try:
            while self._waiting:
                group = self._next_group()
                try:
                    await self._run(group)
                except Exception as error:  # noqa: BLE001  Whatever it is, it belongs to a caller, who gets it.
                    self._part(group, error)
        finally:
            self._running = False

    def _next_group(self) -> list[Call[T, R]]:
        count = size = 0
        while count < len(self._waiting) and (count == 0 or size + len(self._waiting[count].items) <= _MOST_TOGETHER):
            size += len(self._waiting[count].items)
            count += 1
        group, self._waiting = self._waiting[:count], self._waiting[count:]
        return group

    def _part(self, group: list[Call[T, R]], error: Exception) -> None:
        is_held = isinstance(error, HeldError)
        if len(group) == 1 and not is_held:
            group[0].fail(error)
            return
        for call in group:
            if not call.made:
                self._spawn(self._make_alone(call, known_held=is_held and len(group) == 1))

    async def _make_alone(self, call: Call[T, R], *, known_held: bool) -> None:
        call.parted = True
        last = self._clock() + self._patience
        turns = self._held if known_held else self._parted
        while not call.made:
            if turns is self._held:
                await self._sleep(_PAUSE)
            async with turns:
                await self._try(call, is_last=self._clock() >= last)
            turns = self._held

    async def _try(self, call: Call[T, R], *, is_last: bool) -> None:
        try:
            await self._run([call])
        except HeldError as error:
            if is_last:
                call.fail(error)
        except Exception as error:  # noqa: BLE001  As above.
            call.fail(error)

    async def aclose(self) -> None:
        """
        Wait until every call is made or has failed: longer than its patience none takes.
        """
        while self._tasks:
            await asyncio.wait(set(self._tasks))
