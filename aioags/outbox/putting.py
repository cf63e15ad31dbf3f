"""
How one process puts scores: those of one row one after another, in the order in which they were handed in.

A row remembers the process that stamped it last, and no other. Where a score of another process came in between, an
older one of this process, put late or again after an error, would pass for newer than what it has itself put since. So
this process remembers what it stored last for each row (`OwnOrder`). That is known when a put has returned, not before:
one that fails may have stored nothing. What was not stored, since something as new or newer is there, counts as well:
that may be itself, from a put that failed after its commit. So a put waits while another one of the same row is under
way here; puts of other rows do not.

What the process has posted itself, past the outbox, no row knows. Its client does (`Turns`): with which stamp, or with
that of the platform's own clock. What was made later is put with a later one, since another process may send it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from operator import attrgetter

import attrs

from aioags.outbox.model import SECOND, Entry
from aioags.outbox.order import OwnOrder, dated
from aioags.outbox.store import Store
from aioags.protocol.turns import Key, Last

# In C: this is done for each score.
_key = attrgetter("key")


class Putting:
    """
    The puts of one process into one store.

    Args:
        wall: Unix time, seconds.

        last: What the process's client sent last for a line item and a user.
    """

    def __init__(self, store: Store, wall: Callable[[], float], last: Callable[[Key], Last]) -> None:
        self._store = store
        self._wall = wall
        self._last = last
        self._own = OwnOrder()
        # Hashes of keys, as `OwnOrder` has them, and who waits for any of them to be free.
        self._under_way: set[int] = set()
        self._waiting: list[asyncio.Event] = []

    async def put(self, entries: list[Entry]) -> list[bool]:
        """
        Store scores; say of each whether it is now the user's latest.
        """
        rows = list(map(hash, map(_key, entries)))
        while not self._under_way.isdisjoint(rows):
            await self._one_to_return()
        self._under_way.update(rows)
        try:
            now = self._wall()
            given = [self._past_what_was_posted(entry) for entry in dated(entries, now)]
            old = [self._own.has_newer_than(entry, row) for entry, row in zip(entries, rows, strict=True)]
            if any(old):
                given = [entry for entry, is_old in zip(given, old, strict=True) if not is_old]
            taken = iter(await self._store.put(given, now=now) if given else ())
            stored = [not is_old and next(taken) for is_old in old]
            for entry, row, is_old in zip(entries, rows, old, strict=True):
                if not is_old:
                    self._own.note(entry, row)
            return stored
        finally:
            self._under_way.difference_update(rows)
            for returned in self._waiting:
                returned.set()

    def _past_what_was_posted(self, entry: Entry) -> Entry:
        last = self._last((entry.line_item, entry.user_id))
        if entry.made_by is None or entry.made_by != last.process or (entry.order or 0) <= last.order:
            return entry
        return attrs.evolve(entry, ts=max(entry.ts, (last.second + 1) * SECOND))

    async def _one_to_return(self) -> None:
        returned = asyncio.Event()
        self._waiting.append(returned)
        try:
            await returned.wait()
        finally:
            self._waiting.remove(returned)
