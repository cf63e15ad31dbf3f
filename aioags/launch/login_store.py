"""
Where it is noted that a launch was taken: put once, and no second time while it counts.

That is what makes state and nonce single-use. Nothing is put for a login that is not launched, so who only begins
logins takes no room here; and what is there is never pushed out by what comes later. A store that is full says so.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol, runtime_checkable

import attrs
from cachetools import TLRUCache

from aioags.errors import LaunchError

MOST_ENTRIES = 250_000
"""How many values a store of this package holds unless told otherwise. For ten minutes of launches: 400 a second."""


@runtime_checkable
class LoginStore(Protocol):
    """
    Small texts under unguessable keys, for minutes. All processes of an application must see the same ones.

    Launches need `put` alone; `take` is for what the tool itself keeps between two pages.
    """

    async def put(self, key: str, value: str, *, seconds: float) -> bool:
        """
        Keep a value, unless the key is in use.

        Args:
            seconds: How long; after that it is as if it had never been there.

        Returns:
            False: the key is in use, and nothing was changed.

        Raises:
            LaunchError: There is no room; transient. Nothing that still counts may be forgotten for it.
        """
        ...

    async def take(self, key: str) -> str | None:
        """
        Return a value and forget it, in one step: of two callers one gets it. None: not there, or no more.
        """
        ...


def store_full(most: int) -> LaunchError:
    """
    Make the error for a store without room.
    """
    return LaunchError(
        f"the store of launches holds {most} values, its most, and all of them still count: try again in minutes",
        reason="store",
        transient=True,
    )


@attrs.frozen
class _Entry:
    value: str = attrs.field(repr=False)
    expires_at: float


class MemoryLoginStore:
    """
    A store in this process: for one process, and for tests. It forgets no value before its time.

    Args:
        most: How many values it holds, 0.4 KB each.

        clock: Seconds that never step back.
    """

    def __init__(self, *, most: int = MOST_ENTRIES, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._clock = clock
        # One more than it is given, so that the cache itself never chooses what to forget.
        self._entries: TLRUCache[str, _Entry] = TLRUCache(most + 1, lambda _, entry, now: entry.expires_at, timer=clock)

    async def put(self, key: str, value: str, *, seconds: float) -> bool:
        """
        Keep a value, unless the key is in use.

        Raises:
            LaunchError: There is no room.
        """
        if key in self._entries:
            return False
        # Asking for the size drops what is over.
        if self._entries.currsize >= self._most:
            raise store_full(self._most)
        self._entries[key] = _Entry(value, self._clock() + seconds)
        return True

    async def take(self, key: str) -> str | None:
        """
        Return a value and forget it.
        """
        entry = self._entries.pop(key, None)
        return None if entry is None else entry.value
