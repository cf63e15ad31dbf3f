"""
What the platform shows of scores whose fate nobody knows, read for many of them together.

A look asks for one user's result. Open edX and Sakai ignore that filter and list everybody; a batch with a hundred lost
answers would then list the line item a hundred times. So the first look goes alone, and tells whether the platform
ignores it. If it does, one listing of a line item serves every look that was asked for before the listing began; those
that come meanwhile share the next. Each waits for no longer than its own call may take, and a listing that nobody waits
for any more ends.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import Any

import attrs

from aioags.calls.service import Service
from aioags.errors import LostAnswerError
from aioags.grading.listing import is_of_one_other, list_results
from aioags.model.result import Result
from aioags.protocol.dialect import Dialect, Page
from aioags.protocol.trial import Trial

# Seconds that a listing has at the least, as a request of one's own would: its call may have no time left.
_BRIEFLY = 1.0
_SHORTEST = 1e-3


@attrs.define(eq=False)
class _Listing:
    """
    One listing of a line item, and how many wait for it.
    """

    task: asyncio.Task[dict[str, list[Result]]]
    waiting: int = 0


class Looks:
    """
    The looks of one gradebook.
    """

    def __init__(self, service: Service[Dialect]) -> None:
        self._service = service
        # The platform was seen to list everybody.
        self._unfiltered = False
        self._first: asyncio.Future[None] | None = None
        # Of a line item: the listing that runs, and the one that has not begun.
        self._running: dict[str, _Listing] = {}
        self._next: dict[str, _Listing] = {}

    async def read(self, item_id: str, user_id: str, trial: Trial[Page[Any]]) -> Page[Any]:
        """
        Read what the platform shows of one user.

        Args:
            trial: Of the page that the look asks for. A listing for many has the client's own policy for each of its
                pages; it is waited for within the trial's total time.

        Raises:
            AGSError: The platform cannot be asked, or a listing takes longer than that.
        """
        if self._first is None:
            self._first = asyncio.get_running_loop().create_future()
            try:
                return await self._read_one(user_id, trial)
            finally:
                self._first.set_result(None)
        await asyncio.wait({self._first})
        if self._unfiltered:
            return Page(list((await self._listed(item_id, trial)).get(user_id, ())), None)
        return await self._read_one(user_id, trial)

    async def _read_one(self, user_id: str, trial: Trial[Page[Any]]) -> Page[Any]:
        page = await self._service.perform(trial.operation, trial=trial)
        if page.next is None and is_of_one_other({result.user_id for result in page.records}, user_id):
            left = trial.time_left(self._service.engine.runtime.clock())
            policy = attrs.evolve(trial.policy, total_time=max(left, _SHORTEST))
            again = Trial(trial.operation, policy, waits=trial.waits)
            page = await self._service.perform(trial.operation, trial=again)
        # Where this user is the only one with a result nothing can be told: so each look tells.
        self._unfiltered = self._unfiltered or any(result.user_id != user_id for result in page.records)
        return page

    async def _listed(self, item_id: str, trial: Trial[Page[Any]]) -> dict[str, list[Result]]:
        listing = self._next.get(item_id) or self._begin(item_id, patient=trial.waits)
        listing.waiting += 1
        sleep = self._service.engine.runtime.sleep
        alarm = asyncio.ensure_future(sleep(max(trial.policy.total_time, _BRIEFLY)))
        try:
            await asyncio.wait({listing.task, alarm}, return_when=asyncio.FIRST_COMPLETED)
            if not listing.task.done():
                raise LostAnswerError("the results were not listed in time", recorded=False, transient=True)
            return listing.task.result()
        finally:
            alarm.cancel()
            listing.waiting -= 1
            if not listing.waiting:
                listing.task.cancel()
                self._end(item_id, listing)

    def _begin(self, item_id: str, *, patient: bool) -> _Listing:
        # One that is running may have read past what we look for: ours begins when it has ended.
        running = self._running.get(item_id)
        work = self._list(item_id, None if running is None else running.task, patient=patient)
        listing = self._next[item_id] = _Listing(asyncio.create_task(work, name="aioags looks"))
        return listing

    async def _list(self, item_id: str, running: asyncio.Task[Any] | None, *, patient: bool) -> dict[str, list[Result]]:
        if running is not None:
            await asyncio.wait({running})
        self._running[item_id] = self._next.pop(item_id)
        service = self._service if patient else self._service.impatient()
        found: dict[str, list[Result]] = defaultdict(list)
        # Who looks finds nothing in what cannot be read: then nobody knows.
        async for result in list_results(service, item_id, on_unreadable=lambda _: None):
            found[result.user_id].append(result)
        return found

    def _end(self, item_id: str, listing: _Listing) -> None:
        if listing.task.done() and not listing.task.cancelled():
            # Told to those who waited; nobody may have.
            listing.task.exception()
        for kept in (self._running, self._next):
            if kept.get(item_id) is listing:
                del kept[item_id]
