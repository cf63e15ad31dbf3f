"""
A limit on how many scores a platform gets per second, where processes on several machines share it.

Within one process a `Client` already paces itself by what the platform says; most tools need no more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

import attrs

CHUNK = 5
"""How many permits are fetched at once: few, so that a block found by one process soon stops the others."""


@attrs.frozen
class Permits:
    """
    What a limiter grants.

    Attributes:
        granted: How many scores may go now. 0: none.

        wait: Seconds until asking again makes sense. 0 when something was granted.
    """

    granted: int
    wait: float = 0.0


class Limiter(Protocol):
    """
    Grants permits, shared by everybody who asks.
    """

    async def take(self, registration_id: str, wanted: int) -> Permits:
        """
        Take up to `wanted` permits for one platform; a platform that is blocked grants none.
        """
        ...


@attrs.define
class PermitCache:
    """
    The permits that this process has fetched and not used.
    """

    limiter: Limiter
    sleep: Callable[[float], Awaitable[None]]
    _left: dict[str, int] = attrs.field(factory=dict)
    _fetching: dict[str, asyncio.Lock] = attrs.field(factory=dict)

    async def spend(self, registration_id: str, *, patience: float) -> bool:
        """
        Use one permit, waiting for it if need be. False: it would take longer than `patience` seconds.
        """
        while not self._left.get(registration_id):
            # One asks and waits for all.
            async with self._fetching.setdefault(registration_id, asyncio.Lock()):
                if not self._left.get(registration_id) and not await self._fetch(registration_id, patience):
                    return False
        self._left[registration_id] -= 1
        return True

    async def _fetch(self, registration_id: str, patience: float) -> bool:
        permits = await self.limiter.take(registration_id, CHUNK)
        if permits.granted:
            self._left[registration_id] = permits.granted
        elif permits.wait > patience:
            return False
        else:
            await self.sleep(permits.wait)
        return True

    def drop(self, registration_id: str) -> None:
        """
        Forget the permits of a platform that must not be asked now.
        """
        self._left.pop(registration_id, None)
