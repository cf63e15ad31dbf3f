"""
Where a login waits for its launch: kept once, taken once.

That a state can be taken only once is what makes state and nonce single-use: the nonce lives nowhere but with it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol, runtime_checkable

import attrs
from cachetools import TLRUCache

_MOST_ENTRIES = 100_000


@runtime_checkable
class LoginStore(Protocol):
    """
    Small texts under unguessable keys, for minutes. All processes of an application must see the same ones.
    """

    async def put(self, key: str, value: str, *, seconds: float) -> bool:
        """
        Keep a value, unless the key is in use.

        Args:
            seconds: How long; after that it is as if it had never been there.

        Returns:
            False: the key is in use, and nothing was changed.
        """
        ...

    async def take(self, key: str) -> str | None:
        """
        Return a value and forget it, in one step: of two callers one gets it. None: not there, or no more.
        """
        ...


@attrs.frozen
class _Entry:
    value: str = attrs.field(repr=False)
    expires_at: float


class MemoryLoginStore:
    """
    A store in this process: for one process, and for tests. It keeps the newest 100,000 values.

    Args:
        clock: Seconds that never step back.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._entries: TLRUCache[str, _Entry] = TLRUCache(
            _MOST_ENTRIES, lambda _, entry, now: entry.expires_at, timer=clock
        )

    async def put(self, key: str, value: str, *, seconds: float) -> bool:
        """
        Keep a value, unless the key is in use.
        """
        if key in self._entries:
            return False
        self._entries[key] = _Entry(value, self._clock() + seconds)
        return True

    async def take(self, key: str) -> str | None:
        """
        Return a value and forget it.
        """
        entry = self._entries.pop(key, None)
        return None if entry is None else entry.value
