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
from heapq import heappop, heappush
from typing import Protocol, runtime_checkable

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
        # Until when, and what.
        self._entries: dict[str, tuple[float, str]] = {}
        # A heap: what to forget next. It still holds some of what was taken.
        self._order: list[tuple[float, str]] = []
        # Of each share; under the empty one all. What holds nothing is not in it.
        self._held: Counter[str] = Counter()

    async def put(self, key: str, value: str, *, seconds: float) -> bool:
        """
        Keep a value, unless the key is in use.

        Raises:
            LaunchError: The key is free, and there is no room.
        """
        self._forget_old()
        if key in self._entries:
            return False
        share, expires_at = share_of(key), self._clock() + seconds
        if (refusal := no_room(share, self._held, self._most)) is not None:
            raise refusal
        self._entries[key] = expires_at, value
        heappush(self._order, (expires_at, key))
        for one in {"", share}:
            self._held[one] += 1
        return True

    async def take(self, key: str) -> str | None:
        """
        Return a value and forget it.
        """
        self._forget_old()
        if key not in self._entries:
            return None
        value = self._forget(key)
        if len(self._order) > 2 * len(self._entries):
            self._order = sorted((expires_at, each) for each, (expires_at, _) in self._entries.items())
        return value

    def _forget_old(self) -> None:
        now = self._clock()
        while self._order and self._order[0][0] <= now:
            expires_at, key = heappop(self._order)
            # Or it was taken, and perhaps put again.
            if key in self._entries and self._entries[key][0] == expires_at:
                self._forget(key)

    def _forget(self, key: str) -> str:
        for share in {"", share_of(key)}:
            self._held[share] -= 1
            if not self._held[share]:
                del self._held[share]
        return self._entries.pop(key)[1]
