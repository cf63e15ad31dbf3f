"""
Calls that come while another is under way are made together.

Theory of operation. The first call runs at once. Those that come before it is done wait, and then run as one; under
load a hundred callers share one transaction, and a lone one waits for nobody. A caller that is cancelled does not take
its call back. If calls that run together fail, each is made again alone, so that only the guilty one's caller hears.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, TypeVar

import attrs

T = TypeVar("T")
R = TypeVar("R")

# As many items as one statement takes well.
_MOST_TOGETHER = 2_000


@attrs.define(eq=False)
class Call(Generic[T, R]):
    """
    One call.

    Attributes:
        items: What it is about.

        now: Unix time.

        answer: What its caller waits for.
    """

    items: Sequence[T]
    now: float
    answer: asyncio.Future[R]

    def settle(self, value: R) -> None:
        """
        Answer the caller, if it still waits.
        """
        if not self.answer.done():
            self.answer.set_result(value)

    def fail(self, error: Exception) -> None:
        """
        Let the caller fail, if it still waits.
        """
        if not self.answer.done():
            self.answer.set_exception(error)


class Together(Generic[T, R]):
    """
    Makes calls together.

    Args:
        run: Makes calls, and settles each, now or later; alone: there is only one.
    """

    def __init__(self, run: Callable[[list[Call[T, R]]], Awaitable[None]]) -> None:
        self._run = run
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
            self.spawn(self._run_all())
        return await call.answer

    def spawn(self, work: Awaitable[None]) -> None:
        """
        Let something run by itself.
        """
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
        if len(group) == 1:
            group[0].fail(error)
            return
        for call in group:
            self.spawn(self._alone(call))

    async def _alone(self, call: Call[T, R]) -> None:
        try:
            await self._run([call])
        except Exception as error:  # noqa: BLE001  As above.
            call.fail(error)

    async def aclose(self) -> None:
        """
        Wait until every call is answered.
        """
        while self._tasks:
            await asyncio.wait(set(self._tasks))
