"""
What the platform shows of scores whose fate nobody knows, read for many of them together.

A look asks for one user's result. Open edX and Sakai ignore that filter and list everybody; a batch with a hundred lost
answers would then list the line item a hundred times. So the first look goes alone, and tells whether the platform
ignores it. If it does, one listing of a line item serves every look that was asked for before the listing began; those
that come meanwhile share the next.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import Any

from aioags.calls.service import Service
from aioags.grading.listing import list_results
from aioags.model.policy import RetryPolicy
from aioags.model.result import Result
from aioags.protocol.dialect import Dialect, Operation, Page
from aioags.protocol.trial import Trial

_Listing = asyncio.Task[dict[str, list[Result]]]


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

    async def read(self, item_id: str, user_id: str, operation: Operation[Page[Any]], policy: RetryPolicy) -> Page[Any]:
        """
        Read what the platform shows of one user.

        Args:
            operation: The page that the look asks for.

            policy: For its request; a listing for many has the client's own.
        """
        if self._first is None:
            self._first = asyncio.get_running_loop().create_future()
            try:
                return await self._read_one(user_id, operation, policy)
            finally:
                self._first.set_result(None)
        await asyncio.wait({self._first})
        if self._unfiltered:
            return Page(list((await self._listed(item_id)).get(user_id, ())), None)
        return await self._read_one(user_id, operation, policy)

    async def _read_one(self, user_id: str, operation: Operation[Page[Any]], policy: RetryPolicy) -> Page[Any]:
        page = await self._service.perform(operation, trial=Trial(operation, policy))
        # Where this user is the only one with a result nothing can be told: so each look tells.
        self._unfiltered = self._unfiltered or any(result.user_id != user_id for result in page.records)
        return page

    async def _listed(self, item_id: str) -> dict[str, list[Result]]:
        listing = self._next.get(item_id)
        if listing is None:
            # One that is running may have read past what we look for: ours begins when it has ended.
            running = self._running.get(item_id)
            listing = asyncio.create_task(self._list(item_id, running), name="aioags looks")
            self._next[item_id] = listing
            listing.add_done_callback(lambda task: self._end(item_id, task))
        return await asyncio.shield(listing)

    async def _list(self, item_id: str, running: _Listing | None) -> dict[str, list[Result]]:
        if running is not None:
            await asyncio.wait({running})
        self._running[item_id] = self._next.pop(item_id)
        found: dict[str, list[Result]] = defaultdict(list)
        async for result in list_results(self._service, item_id):
            found[result.user_id].append(result)
        return found

    def _end(self, item_id: str, listing: _Listing) -> None:
        for kept in (self._running, self._next):
            if kept.get(item_id) is listing:
                del kept[item_id]
        if not listing.cancelled():
            # Told to those who wait; nobody may.
            listing.exception()
