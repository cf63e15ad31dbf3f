"""
Outcomes on their way into the store: whatever came while one write was under way goes into the next.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from aioags.outbox.model import Outcome
from aioags.outbox.store import Store


class Settler:
    """
    Writes outcomes.
    """

    def __init__(self, store: Store, wall: Callable[[], float], settled: Callable[[Outcome], Awaitable[None]]) -> None:
        self._store = store
        self._wall = wall
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
            await self._store.settle(batch, now=self._wall())
            for outcome in batch:
                await self._settled(outcome)
        self._task = None

    async def finish(self) -> None:
        """
        Wait until everything handed in is durable.

        Raises:
            StoreError: The store failed. What was not settled is due, and will be attempted again.
        """
        while self._task is not None:
            await self._task
