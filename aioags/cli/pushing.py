"""
The sending of a table: through an outbox, so that whatever ends it, the same command goes on.

Theory of operation. What is to be sent is put into an outbox beside the configuration, and drained; the outbox is the
truth from then on. Wherever that ends (Ctrl-C, a crash, a platform that is away), the next push first finishes what the
outbox holds for the line item, looking up what was under way before it is sent again, and compares only then: what is
recorded is unchanged by then, and the rest is sent. So a file can be pushed any number of times.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import attrs

from aioags.cli.config import OpenCourse
from aioags.cli.kinds import LineKind
from aioags.cli.spool import Spool, score_of
from aioags.model.delivery import Delivery
from aioags.model.event import Event, ThrottleEvent
from aioags.model.line_item import LineItem
from aioags.model.score import Score
from aioags.model.traffic import Traffic
from aioags.outbox import Drained, Outbox
from aioags.protocol.canvas import over_no_grade

_DRAWN_EVERY = 0.25
_BETWEEN = 0.05


class Drawn(Protocol):
    """
    Something that shows how it goes on, while a block runs.
    """

    def show(self, done: int, traffic: Sequence[Traffic]) -> None:
        """
        Draw it anew.

        Args:
            done: Of how many lines it is known what became of them.

            traffic: As of `Client.stats`.
        """
        ...

    def __enter__(self) -> object: ...

    def __exit__(self, *raised: object) -> None: ...


@attrs.define
class Throttles:
    """
    Counts how often a platform asked for patience. Give it to a client as ``on_event``.
    """

    count: int = 0

    def __call__(self, event: Event) -> None:
        """
        Take an event.
        """
        self.count += isinstance(event, ThrottleEvent)


class Outcomes:
    """
    The hooks of an outbox that note in a spool what became of each line.

    Attributes:
        done: Of how many lines it is known.
    """

    def __init__(self, spool: Spool) -> None:
        self.done = 0
        self._spool = spool

    def noting(self, kind: LineKind) -> Callable[[str, Delivery], None]:
        """
        Return a hook that notes a kind.
        """

        def note(_: str, delivery: Delivery) -> None:
            self.done += 1
            self._spool.conclude(delivery.score.user_id, kind, None if delivery.error is None else str(delivery.error))

        return note


@attrs.frozen
class Sending:
    """
    One push on its way.

    Attributes:
        outbox: Nobody else may drain it: its store leads.

        patience: How long a platform that is away is waited for, seconds.
    """

    course: OpenCourse
    item: LineItem
    outbox: Outbox
    outcomes: Outcomes
    patience: float

    async def is_begun(self) -> bool:
        """
        True when an earlier push left something in the outbox that can be sent now, or soon.
        """
        # Somebody asks for it: a platform that was to be left alone is asked at once. No row is: each has its time.
        await self.outbox.retry(registration_id=self.course.name, line_item=self.item, user_id="")
        wait = await self._wait()
        return wait is not None and wait <= self.patience

    async def finish(self, bar: Drawn) -> Drained:
        """
        Send what an earlier push left in the outbox.
        """
        return await self._drawn(bar)

    async def send(self, spool: Spool, kinds: Sequence[LineKind], bar: Drawn, *, cautious: bool) -> None:
        """
        Send the lines of some kinds, and note in the spool what became of each.

        Args:
            cautious: What is new is not to replace a grade that does not show.
        """
        name, item = self.course.name, self.item
        await self.outbox.put_many(name, self.course.endpoint, _scores(spool, kinds, cautious), line_item=item)
        # Somebody asks for it: what was to be left alone for a while is asked at once. None but theirs is tried again.
        first = next(spool.pages([LineKind.WAITING]))[0].user_id
        await self.outbox.retry(registration_id=name, line_item=item, user_id=first)
        await self._drawn(bar)
        # Of those that were deferred all together nobody was told.
        async for row in self.outbox.deferred(registration_id=name, line_item=item):
            spool.conclude(row.user_id, LineKind.DEFERRED, row.last_error)
        async for row in self.outbox.delayed(registration_id=name, line_item=item):
            spool.conclude(row.user_id, LineKind.WAITING, row.last_error)

    async def _drawn(self, bar: Drawn) -> Drained:
        drain = asyncio.ensure_future(self._drain())
        try:
            with bar:
                while not drain.done():
                    bar.show(self.outcomes.done, self.course.client.stats())
                    await asyncio.wait([drain], timeout=_DRAWN_EVERY)
                bar.show(self.outcomes.done, self.course.client.stats())
            return await drain
        except asyncio.CancelledError:
            # What is in flight ends; nothing more is begun.
            await self.outbox.aclose()
            raise
        finally:
            drain.cancel()

    async def _drain(self) -> Drained:
        done, silent_since = Drained(), time.monotonic()
        while True:
            one = await self.outbox.drain(self.course.name, self.item.id or "")
            done += one
            if one != Drained(postponed=one.postponed):
                silent_since = time.monotonic()
            wait = await self._wait()
            if wait is None or time.monotonic() + wait > silent_since + self.patience:
                return done
            await asyncio.sleep(max(wait, _BETWEEN))

    async def _wait(self) -> float | None:
        """
        Return for how many seconds nothing can be sent; None: nothing is left.
        """
        now = time.time()
        place = (self.course.name, self.item.id)
        due = await self.outbox.store.due(now=now)
        return next((item.at - now for item in due if (item.registration_id, item.line_item) == place), None)


def _scores(spool: Spool, kinds: Sequence[LineKind], cautious: bool) -> Iterator[Score]:
    for page in spool.pages(kinds):
        spool.mark((LineKind.WAITING, entry.shown, None, entry.line) for entry in page)
        for entry in page:
            if entry.row is not None and entry.user_id is not None:
                score = score_of(entry.user_id, entry.row)
                yield over_no_grade(score) if cautious and entry.kind == LineKind.NEW else score
