"""
The outbox's store, as a process sees it: slow, failing before or after it has committed, and surviving every process.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

import attrs

from aioags.outbox import Entry, StoreError
from aioags.outbox.memory import MemoryStore, Table
from tests.simulation.clock import Process
from tests.simulation.ledger import Ledger
from tests.simulation.network import Network
from tests.simulation.places import SCORE_ID

__all__ = ["FaultyStore", "MemoryStore", "Table"]


@attrs.define(eq=False)
class FaultyStore:
    """
    A handle of one process on the world's store.

    Attributes:
        trouble: How likely a call fails, half before and half after it has committed.
    """

    inner: MemoryStore
    process: Process = attrs.field(repr=False)
    network: Network = attrs.field(repr=False)
    dice: random.Random = attrs.field(repr=False)
    ledger: Ledger = attrs.field(repr=False)
    trouble: dict[str, float] = attrs.field(repr=False)

    async def _call(self, name: str, *arguments: Any, **more: Any) -> Any:
        if self.network.loop.after_all:
            raise asyncio.CancelledError
        answer: asyncio.Future[Any] = self.network.loop.create_future()
        drawn = self.dice.random() / max(self.trouble["store"], 1e-9)
        self.network.later(self.dice.random() * 0.01, self._commit, answer, drawn, name, arguments, more)
        return await answer

    def _commit(self, answer: Any, drawn: float, name: str, arguments: Any, more: Any) -> None:
        # A transaction that had not reached the disk dies with its process.
        if not self.process.alive:
            return
        value = None
        if drawn > 0.5:
            value = _at_once(getattr(self.inner, name)(*arguments, **more))
            if name == "put":
                self._note_put(arguments[0], value)
            if name == "take":
                numbers = (json.loads(row.payload)[SCORE_ID] for row in value.rows)
                self.ledger.taken.update(((self.process.name, number), self.network.loop.now) for number in numbers)
        if drawn < 1:
            self.network.say(self.process.name, f"store: {name} fails {'before' if drawn <= 0.5 else 'after'} commit")
        self.network.later(self.dice.random() * 0.01, self._tell, answer, drawn, value)

    def _tell(self, answer: Any, drawn: float, value: Any) -> None:
        if answer.done() or not self.process.alive:
            return
        if drawn < 1:
            answer.set_exception(StoreError("the disk is full"))
        else:
            answer.set_result(value)

    def _note_put(self, entries: Sequence[Entry], stored: list[bool]) -> None:
        for entry, kept in zip(entries, stored, strict=True):
            made = self.ledger.made[json.loads(entry.payload)[SCORE_ID]]
            # Put again after an error, it may find itself there; and it is put anew, over what came meanwhile.
            made.stored, made.ended = kept or bool(made.stored), self.network.loop.now
            if kept and made.stored_at is None:
                made.stored_at = made.ended

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        """
        Pass any other method of a store on, with its troubles.
        """
        if name.startswith("_"):
            raise AttributeError(name)
        return partial(self._call, name)

    async def prune_attempts(self, *, before: float) -> int:
        """
        Forget old attempts, without troubles: there are none, and every other draw stays as it was.
        """
        return await self.inner.prune_attempts(before=before)

    async def lead(self) -> bool:
        """
        Try to lead.
        """
        return await self.inner.lead()

    async def aclose(self) -> None:
        """
        Let go.
        """
        await self.inner.aclose()


def _at_once(work: Any) -> Any:
    # The store in memory never waits.
    try:
        work.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("the store in memory waited")
