"""
Outcomes on their way into the store: whatever came while one write was under way goes into the next.

A write that fails is made again, for some seconds. What was learnt of the platform, that it has a score, and how late a
stamp it may hold, was paid for with a request and is nowhere else: without it a score would be sent again, for nothing,
and one without a value would end as unknown.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import attrs

from aioags.calls.engine import Runtime
from aioags.calls.log import DEBUG, WARNING, log
from aioags.outbox.model import Outcome, StoreError
from aioags.outbox.store import Store

# Seconds between the tries: a database that is restarted, or a failover, is over by then.
_WAITS = (0.5, 1.0, 2.0, 4.0, 8.0)


class Settler:
    """
    Writes outcomes.
    """

    def __init__(self, store: Store, runtime: Runtime, settled: Callable[[Outcome], Awaitable[None]]) -> None:
        self._store = store
        self._runtime = runtime
        self._settled = settled
        self._waiting: list[Outcome] = []
        self._task: asyncio.Task[None] | None = None

    @property
    def failed(self) -> bool:
        """
        True when a write failed: `finish` raises its error.
        """
        return self._task is not None and self._task.done()

    @property
    def backlog(self) -> int:
        """
        How many outcomes wait.
        """
        return len(self._waiting)

    def add(self, outcome: Outcome) -> None:
        """
        Hand in one outcome.
        """
        self._waiting.append(outcome)
        # One that failed stays, for `finish` to raise.
        if self._task is None:
            self._task = asyncio.create_task(self._write(), name="aioags outbox settle")

    async def _write(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            await self._settle(batch)
            for outcome in batch:
                await self._settled(outcome)
        self._task = None

    async def _settle(self, batch: list[Outcome]) -> None:
        for wait in _WAITS:
            try:
                await self._store.settle(batch, now=self._runtime.wall())
            except StoreError as error:
                # The first is news: the store is away.
                log(
                    WARNING if wait == _WAITS[0] else DEBUG,
                    "outbox: what became of %(count)d scores is not stored yet: %(error)s",
                    count=len(batch),
                    error=str(error),
                )
            else:
                return
            await self._runtime.sleep(wait)
            # It may have been committed all the same: no attempt is given back twice.
            batch = [attrs.evolve(outcome, counted=True) for outcome in batch]
        await self._store.settle(batch, now=self._runtime.wall())

    async def finish(self) -> None:
        """
        Wait until everything handed in is durable.

        Raises:
            StoreError: The store fails. What was not settled is due, and will be attempted again.
        """
        while self._task is not None:
            await self._task
