"""
Draining in the background, for stores without a job engine.

Theory of operation. There is a queue of line items for each platform, and each platform is drained by a bounded number
of tasks of its own, so that a slow one holds up nobody else. A line item enters its queue when this process puts a
score for it, and when a look into the store finds it due; it is never in the queue twice and never drained twice at
once. One that is woken while it is drained is drained again afterwards.

The store is looked into at start, then every `poll` seconds or when the next score comes due, whichever is sooner: that
finds what other processes have put, what waits for its time, and whatever a lost wake-up has missed.

Only the process that leads the store drains (leader election, by a lock that dies with its owner). The others keep
trying to lead, so one of them takes over when it dies.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator

import attrs

from aioags.calls.engine import Runtime
from aioags.calls.log import ERROR, log
from aioags.outbox.drain import Drained
from aioags.outbox.model import StoreError
from aioags.outbox.store import Store

_Place = tuple[str, str]

_HOUR = 3600.0
_FIRST_TIDYING = 120.0


@attrs.define(eq=False)
class _Platform:
    queue: dict[str, None] = attrs.field(factory=dict)
    running: dict[str, asyncio.Task[None]] = attrs.field(factory=dict)


class Background:
    """
    The tasks that drain.

    Args:
        drain: Drains one line item.

        tidy: Forgets what is old; called every hour.

        stopping: Set by `stop`; drains watch it.

        at_once: Line items of one platform drained at once.
    """

    def __init__(
        self,
        store: Store,
        drain: Callable[[str, str], Awaitable[Drained]],
        tidy: Callable[[], Awaitable[int]],
        runtime: Runtime,
        *,
        stopping: asyncio.Event,
        at_once: int,
        poll: float,
        grace: float,
    ) -> None:
        self._store = store
        self._drain = drain
        self._tidy = tidy
        # Not at once: the first readings of a clock are believed for want of others.
        self._tidied = runtime.clock() - _HOUR + _FIRST_TIDYING
        self._runtime = runtime
        self._stopping = stopping
        self._at_once = at_once
        self._poll = poll
        self._grace = grace
        self._platforms: dict[str, _Platform] = {}
        self._looker: asyncio.Task[None] | None = None
        self._look_now = asyncio.Event()
        self._leading = False

    @property
    def waiting(self) -> int:
        """
        How many line items wait for a drain.
        """
        return sum(len(platform.queue) for platform in self._platforms.values())

    async def start(self) -> None:
        """
        Begin to drain. The first attempt to lead the store is made here, so that a store that cannot work says so.
        """
        if self._stopping.is_set():
            raise RuntimeError("this outbox is closed: make a new one")
        if self._looker is not None:
            raise RuntimeError("this outbox is open already")
        self._leading = await self._store.lead()
        self._looker = asyncio.create_task(self._look_for_ever(), name="aioags outbox")

    def wake(self, places: Iterable[_Place]) -> None:
        """
        Drain these line items soon.
        """
        if self._looker is None or not self._leading or self._stopping.is_set():
            return
        for registration_id, line_item in places:
            self._enqueue(registration_id, line_item)

    def look(self) -> None:
        """
        Look into the store soon.
        """
        self._look_now.set()

    def _enqueue(self, registration_id: str, line_item: str) -> None:
        platform = self._platforms.setdefault(registration_id, _Platform())
        platform.queue[line_item] = None
        self._start_some(registration_id, platform)

    def _start_some(self, registration_id: str, platform: _Platform) -> None:
        while len(platform.running) < self._at_once:
            item = next((item for item in platform.queue if item not in platform.running), None)
            if item is None:
                return
            del platform.queue[item]
            task = asyncio.create_task(self._run(registration_id, platform, item), name="aioags outbox drain")
            platform.running[item] = task

    async def _run(self, registration_id: str, platform: _Platform, line_item: str) -> None:
        try:
            await self._drain(registration_id, line_item)
        except Exception:  # noqa: BLE001 - nothing is lost: the scores are due, and the next look finds them
            log(ERROR, "outbox: draining %(registration)s stopped", trace=True, registration=registration_id)
        finally:
            del platform.running[line_item]
            if not self._stopping.is_set():
                self._start_some(registration_id, platform)

    async def _look_for_ever(self) -> None:
        while not self._stopping.is_set():
            begun = self._runtime.clock()
            try:
                wait = await self._look_once()
            except Exception:  # noqa: BLE001 - logged
                # A full disk may have room again; to stop looking would keep every grade back without a word.
                log(ERROR, "outbox: the store cannot be used", trace=True)
                wait = self._poll
            # With a hundred thousand line items a look takes a while: it must not be all that is done.
            took = self._runtime.clock() - begun
            await self._nap(max(wait, 10 * min(took, self._poll)))

    async def _look_once(self) -> float:
        self._look_now.clear()
        if not self._leading:
            self._leading = await self._store.lead()
        if not self._leading:
            return self._poll
        wait = self._poll
        now = self._runtime.wall()
        for item in await self._store.due(now=now):
            if item.at <= now:
                self._enqueue(item.registration_id, item.line_item)
            else:
                wait = min(wait, item.at - now)
        if self._runtime.clock() - self._tidied >= _HOUR:
            self._tidied = self._runtime.clock()
            await self._tidy()
        return wait

    async def _nap(self, seconds: float) -> None:
        sleeper = asyncio.ensure_future(self._runtime.sleep(seconds))
        woken = [asyncio.ensure_future(event.wait()) for event in (self._look_now, self._stopping)]
        try:
            await asyncio.wait({sleeper, *woken}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for waiter in (sleeper, *woken):
                waiter.cancel()
            await asyncio.gather(sleeper, *woken, return_exceptions=True)

    async def drain_all(self) -> Drained:
        """
        Drain what is due now, and wait for it.
        """
        if self._looker is not None:
            raise RuntimeError("this outbox drains in the background already")
        if not await self._store.lead():
            raise StoreError("another process drains this outbox")
        seen: set[_Place] = set()
        done = Drained()
        while fresh := await self._due_besides(seen):
            seen.update(fresh)
            done += await self._drain_together(fresh)
        return done

    async def _due_besides(self, seen: set[_Place]) -> list[_Place]:
        now = self._runtime.wall()
        places = [(item.registration_id, item.line_item) for item in await self._store.due(now=now) if item.at <= now]
        return [place for place in places if place not in seen]

    async def _drain_together(self, places: list[_Place]) -> Drained:
        by_platform: dict[str, list[_Place]] = {}
        for place in places:
            by_platform.setdefault(place[0], []).append(place)
        try:
            async with asyncio.TaskGroup() as group:
                workers = [
                    group.create_task(self._drain_each(queue), name="aioags outbox drain")
                    for queue in map(iter, by_platform.values())
                    for _ in range(self._at_once)
                ]
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from None
        return sum((worker.result() for worker in workers), Drained())

    async def _drain_each(self, queue: Iterator[_Place]) -> Drained:
        done = Drained()
        # Shared by the workers of a platform.
        for place in queue:
            done += await self._drain(*place)
        return done

    async def stop(self) -> None:
        """
        Start nothing more, and wait for what runs: for `grace` seconds, then it is cancelled.
        """
        self._stopping.set()
        tasks = {task for platform in self._platforms.values() for task in platform.running.values()}
        if self._looker is not None:
            tasks.add(self._looker)
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=self._grace)
        while late:
            # Again and again: a cancelled drain still waits for the store, and for a hook that may never end.
            for task in late:
                task.cancel()
            _, late = await asyncio.wait(late, timeout=max(self._grace, 0.1))
