"""
What a 404 for one user means: the line item is gone, or the platform does not know the user.

AGS has one status for both. Reading the line item tells them apart, where its scope is offered: once for a batch, since
a class may hold a hundred people whom the platform does not know. A proxy that answers for a platform says 404 of
everything: so a line item is gone only where the platform lists the others, and still does not know it.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from typing import Any

import attrs

from aioags.calls.service import Service
from aioags.errors import AGSError, NotFoundError, RefusedError, UserNotGradableError
from aioags.protocol.dialect import Dialect, Operation
from aioags.protocol.trial import Trial

# Seconds after which a batch looks again: a line item may be deleted while it runs.
_KEPT = 60.0
# Seconds for the question: the refusal itself is known already.
_BRIEFLY = 10.0


class Presence:
    """
    Which line items are there, as far as one batch has asked.

    Args:
        waits: Wait while the platform is away. False: then it is not known.
    """

    def __init__(self, service: Service[Dialect], *, waits: bool = True) -> None:
        self._service = service
        self._waits = waits
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        # Of a line item: when it was asked for, on the engine's clock, and what was said.
        self._said: dict[str, tuple[float, bool | None]] = {}

    async def is_there(self, item_id: str) -> bool | None:
        """
        Read a line item, unless that was done a moment ago. None: it cannot be told.
        """
        async with self._locks[item_id]:
            now = self._service.engine.runtime.clock()
            said = self._said.get(item_id)
            if said is None or now - said[0] > _KEPT:
                said = self._said[item_id] = (now, await self._ask(item_id))
            return said[1]

    async def _ask(self, item_id: str) -> bool | None:
        dialect = self._service.dialect
        one = partial(dialect.get_line_item, item_id, maximum=1)
        others = partial(dialect.line_items, resource_link_id=None, resource_id=None, tag=None, limit=1, maximum=1)
        try:
            if await self._is_found(one):
                return True
            # Again, since what said 404 of it may be gone when the others are listed.
            return await self._is_found(one) if await self._is_found(others) else None
        except AGSError:
            return None

    async def _is_found(self, asked: Callable[[], Operation[Any]]) -> bool:
        retry = self._service.engine.retry
        policy = attrs.evolve(retry, attempts=1, total_time=min(_BRIEFLY, retry.total_time))
        operation = asked()
        try:
            await self._service.perform(operation, trial=Trial(operation, policy, waits=self._waits))
        except NotFoundError:
            return False
        return True

    async def explain(self, item_id: str, error: NotFoundError) -> RefusedError:
        """
        Return the refusal of a score as what it is, as far as that can be told.
        """
        there = await self.is_there(item_id)
        if there is None:
            return error
        if not there:
            return attrs.evolve(error, message="the line item is not there any more", gone=True)
        return UserNotGradableError(
            "the line item is there, so the platform does not know this user here",
            recorded=error.recorded,
            status=error.status,
            method=error.method,
            url=error.url,
            words=error.words,
            body=error.body,
        )
