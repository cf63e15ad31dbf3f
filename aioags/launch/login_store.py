"""
Where it is noted that a launch was taken: put once, and no second time while it counts.

That is what makes state and nonce single-use. Nothing is put for a login that is not launched, so who only begins
logins takes no room here; and what is there is never pushed out by what comes later. A store that is full says so.

Who signs launches without end fills no store either. What stands before the first slash of a key is the share that its
value counts for, a platform's; and a share that holds as much as is still free is full, for itself alone. So one flood
has half of the store at most, and a second one half of the rest.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Protocol, runtime_checkable

import attrs
from cachetools import TLRUCache

from aioags.errors import LaunchError

MOST_ENTRIES = 250_000
"""
How many values a store of this package holds unless told otherwise. For ten minutes of launches: 400 a second, 200 of
one platform.
"""


@runtime_checkable
class LoginStore(Protocol):
    """
    Small texts under unguessable keys, for minutes. All processes of an application must see the same ones.

    Launches need `put` alone; `take` is for what the tool itself keeps between two pages.

    The key of a launch is ``<platform>/<launch>``. A store that has a bound should give no platform more room than it
    leaves to all others; one that knows nothing of shares works too, but a platform's flood then refuses everybody. A
    key without a slash, or that begins with one, is in no share.
    """

    async def put(self, key: str, value: str, *, seconds: float) -> bool:
        """
        Keep a value, unless the key is in use.

        Args:
            seconds: How long; after that it is as if it had never been there.

        Returns:
            False: the key is in use, and nothing was changed.

        Raises:
            LaunchError: The key is free, and there is no room; transient. Nothing that still counts may be forgotten
                for it.
        """
        ...

    async def take(self, key: str) -> str | None:
        """
        Return a value and forget it, in one step: of two callers one gets it. None: not there, or no more.
        """
        ...


def share_of(key: str) -> str:
    """
    Return the share that a key's value counts for. Empty: none.
    """
    return key[: max(key.find("/"), 0)]


def no_room(share: str, held: Mapping[str, int], most: int) -> LaunchError | None:
    """
    Return why one more value may not come. None: it may.

    Args:
        share: What it counts for. Empty: none.

        held: How many values that still count are there: under this share, and under the empty one all there are.
    """
    total, own = held.get("", 0), held.get(share, 0) if share else 0
    if total >= most:
        full = f"the store of launches holds {total} values, its most,"
    elif own >= most - total:
        full = f"one registration holds {own} of the {most} values that the store of launches has room for,"
    else:
        return None
    return LaunchError(f"{full} and all of them still count: try again in minutes", reason="store", transient=True)


@attrs.frozen
class _Entry:
    value: str = attrs.field(repr=False)
    expires_at: float


class MemoryLoginStore:
    """
    A store in this process: for one process, and for tests. It forgets no value before its time.

    Args:
        most: How many values it holds, 0.4 KB each; of one platform no more than are left for all others.

        clock: Seconds that never step back.
    """

    def __init__(self, *, most: int = MOST_ENTRIES, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._clock = clock
        self._now = 0.0
        # One more than it is given, so that the cache itself never chooses what to forget. Its time passes in
        # `_held_now` alone, so that it forgets nothing uncounted.
        self._entries: TLRUCache[str, _Entry] = TLRUCache(
            most + 1, lambda _, entry, now: entry.expires_at, timer=lambda: self._now
        )
        # Of each share; under the empty one all. What holds nothing is not in it.
        self._held: Counter[str] = Counter()

    async def put(self, key: str, value: str, *, seconds: float) -> bool:
        """
        Keep a value, unless the key is in use.

        Raises:
            LaunchError: The key is free, and there is no room.
        """
        held = self._held_now()
        if key in self._entries:
            return False
        share, expires_at = share_of(key), self._now + seconds
        if (refusal := no_room(share, held, self._most)) is not None:
            raise refusal
        # The cache does not keep what is over already.
        if expires_at > self._now:
            self._entries[key] = _Entry(value, expires_at)
            for one in {"", share}:
                held[one] += 1
        return True

    async def take(self, key: str) -> str | None:
        """
        Return a value and forget it.
        """
        self._held_now()
        entry = self._entries.pop(key, None)
        if entry is None:
            return None
        self._uncount(key)
        return entry.value

    def _held_now(self) -> Counter[str]:
        self._now = self._clock()
        for key, _ in self._entries.expire(self._now):
            self._uncount(key)
        return self._held

    def _uncount(self, key: str) -> None:
        for share in {"", share_of(key)}:
            self._held[share] -= 1
            if not self._held[share]:
                del self._held[share]
