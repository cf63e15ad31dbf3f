"""
The fan-out: many scores, a bounded number in flight, exactly one delivery for each.

A puller takes scores from the source and joins each to its user's line. A score that is first in its line is *ready*;
one whose user is busy, here or elsewhere in the `Client`, is *parked* until its turn comes; so are all but one of a
line item that is new, until the call of that one has ended. Workers, at most as many as the pace's ceiling, send what
is ready, of each line item in turn, and put the delivery where the consumer finds it. While all of them are busy with
other line items, one that has a score ready gets a worker beside them: they may wait for a column that is broken by
itself, and at the gate its score is the probe that finds the platform well.

One number bounds it all: scores taken from the source and not yet consumed as deliveries. At the bound the puller
stops, so a slow consumer is not flooded and the source is not drained. Nothing else ever waits for the consumer: a
score that was taken is sent, so a consumer may itself post a score of a user who has one parked here.

The end comes in one order: the source ends, or fails; what was taken is delivered; then the consumer sees the end, or
the source's own exception, bare. When the block is left early the puller is stopped, what was not sent is counted as
`NotSentError`, and what is in flight runs to its end; cancellation cancels it.
"""

from __future__ import annotations

import asyncio
import warnings
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Coroutine, Generator, Iterable
from contextlib import aclosing
from contextvars import Context, copy_context
from functools import partial
from types import TracebackType
from typing import Any, Self

from aioags.calls.log import INFO
from aioags.errors import AGSError, AuthorizationError, LostAnswerError, NotOfferedError, NotSentError, SupersededError
from aioags.grading.sending import Sender, delivered, has_ended
from aioags.grading.shared import Shared
from aioags.grading.sources import as_async
from aioags.model.delivery import Delivery, Report
from aioags.model.event import BatchEvent
from aioags.model.line_item import LineItem, item_url
from aioags.model.mistakes import NeedsAsyncWith
from aioags.model.score import Score
from aioags.protocol.breaker import FEWEST
from aioags.protocol.trial import is_final_for_all
from aioags.protocol.turns import Key, Turn
from aioags.protocol.urls import own_spelling

Source = (
    Iterable[Score] | AsyncIterable[Score] | Iterable[tuple[LineItem | str | None, Score]]
    | AsyncIterable[tuple[LineItem | str | None, Score]]
)  # fmt: skip
"""What `Gradebook.post_scores` takes: scores, or pairs of a line item (or its id, or None) and a score."""

_TAKEN_PER_WORKER = 4
# Line items that get a worker beside the others.
_MOST_BESIDE = 8


class ScorePosting(NeedsAsyncWith):
    """
    Scores on their way: await it for a `Report`, or use it as an async context manager for the deliveries.

    Attributes:
        report: Counts so far; complete once the block is left.
    """

    def __init__(
        self,
        source: Source,
        sender: Sender,
        shared: Shared,
        *,
        line_item: str | None,
        concurrency: int,
        coalesce: bool,
        confirm: bool,
    ) -> None:
        self.report = Report()
        self._source = source
        self._sender = sender
        self._shared = shared
        self._line_item = line_item
        self._concurrency = concurrency
        self._bound = concurrency * _TAKEN_PER_WORKER
        self._half = self._bound // 2
        self._coalesce = coalesce
        self._confirm = confirm
        # Taken and not sent: parked, or ready as well.
        self._unsent: dict[Turn, Score] = {}
        # By line item, so that they take turns.
        self._ready: dict[str, deque[Turn]] = {}
        self._waiting: dict[Key, Turn] = {}
        # None: nobody reads them. Then a delivery is consumed by being counted.
        self._deliveries: asyncio.Queue[Delivery | None] | None = asyncio.Queue()
        self._over = asyncio.Event()
        self._begun = False
        # Set by the puller that waits for room.
        self._room: asyncio.Future[None] | None = None
        self._puller: asyncio.Task[None] | None = None
        self._workers: set[asyncio.Task[None]] = set()
        # Line items that a worker of their own sends.
        self._beside: set[str] = set()
        # How many workers send: scores of each line item, and any.
        self._sending: dict[str, int] = {}
        self._busy = 0
        self._unconsumed = 0
        self._undelivered = 0
        self._puller_done = False
        # Whose scores nobody was let in with, in a row; and with what the rest is refused.
        self._turned_away: set[str] = set()
        self._refused_all: AGSError | None = None
        self._failure: BaseException | None = None
        # What listeners set when it begins, such as a span, holds for its tasks and not for whoever reads deliveries.
        self._context = Context()
        self._began_at = 0.0

    def __await__(self) -> Generator[Any, None, Report]:
        return self._collect().__await__()

    def __del__(self) -> None:
        if not self._begun:
            # As Python warns of a coroutine: a forgotten await must not lose grades in silence.
            warnings.warn("post_scores was never awaited: nothing was posted", RuntimeWarning, stacklevel=2)

    async def _collect(self) -> Report:
        try:
            async with self:
                self._deliveries = None
                await self._over.wait()
        except Exception as error:
            error.add_note(f"before that: {self.report}")
            raise
        return self.report

    async def __aenter__(self) -> Self:
        if self._puller is not None:
            raise RuntimeError("post_scores was used already: its source is spent, call it again")
        self._begun = True
        self._sender.service.engine.check_loop()
        self._context = copy_context()
        self._began_at = self._sender.service.engine.runtime.clock()
        self._tell(is_over=False)
        self._puller = asyncio.create_task(self._pull(), name="aioags post_scores", context=self._context.copy())
        return self

    def __aiter__(self) -> AsyncIterator[Delivery]:
        return self

    async def __anext__(self) -> Delivery:
        if self._puller is None:
            raise RuntimeError("read deliveries inside: async with gradebook.post_scores(...) as deliveries")
        assert self._deliveries is not None  # noqa: S101 - it is None for who awaits, and awaits nothing else
        delivery = await self._deliveries.get()
        if delivery is not None:
            self._unconsumed -= 1
            self._make_room()
            return delivery
        self._deliveries.put_nowait(None)
        self._raise_failure()
        raise StopAsyncIteration

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._puller is None:
            return
        try:
            await self._end(self._puller, error)
        finally:
            self._tell(is_over=True)

    async def _end(self, puller: asyncio.Task[None], error: BaseException | None) -> None:
        tasks = {puller, *self._workers}
        self._end_now()
        if isinstance(error, asyncio.CancelledError):
            await self._cancel(tasks)
            return
        try:
            await asyncio.wait(tasks)
        except asyncio.CancelledError:
            await self._cancel(tasks)
            raise
        if error is None:
            self._raise_failure()

    def _tell(self, *, is_over: bool) -> None:
        engine, report = self._sender.service.engine, self.report
        if engine.told.wants(INFO):
            seconds = engine.runtime.clock() - self._began_at
            event = BatchEvent(id(self), is_over, report.total, report.recorded, seconds)
            self._context.run(engine.told.tell, event)

    def _end_now(self) -> None:
        if self._puller is not None:
            self._puller.cancel()
        # A puller that is cancelled before its first step notes nothing itself.
        self._puller_done = True
        self._abandon_unsent()
        self._end_if_delivered()

    async def _cancel(self, tasks: set[asyncio.Task[None]]) -> None:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

    def _raise_failure(self) -> None:
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    def _abandon_unsent(self) -> None:
        self._ready.clear()
        # All at once: so nobody who leaves starts another of ours.
        unsent, self._unsent = self._unsent, {}
        for turn, score in unsent.items():
            self._shared.turns.leave(turn)
            self._shared.leave(turn.key[0], turn, ended=False)
            error = NotSentError("the batch ended before this score was sent", transient=True)
            self._deliver(Delivery(score, turn.key[0], error=error))

    async def _pull(self) -> None:
        try:
            await self._pull_all()
        except asyncio.CancelledError as error:
            # Cancelled by us, or a source that was cancelled inside: then the consumer must hear of it.
            self._failure = self._failure or (None if _is_being_cancelled() else error)
        except BaseException as error:  # noqa: BLE001 - the caller's own, raised again where the caller iterates
            self._failure = self._failure or error
        finally:
            self._puller_done = True
            self._end_if_delivered()

    async def _pull_all(self) -> None:
        if not isinstance(self._source, AsyncIterable):
            source = iter(self._source)
            while True:
                if self._unconsumed >= self._bound:
                    await self._wait_for_room()
                try:
                    given: object = next(source)
                except StopIteration:
                    return
                self._take(given)
        async with aclosing(as_async(self._source)) as stream:
            while True:
                if self._unconsumed >= self._bound:
                    await self._wait_for_room()
                try:
                    given = await anext(stream)
                except StopAsyncIteration:
                    return
                self._take(given)

    async def _wait_for_room(self) -> None:
        while self._unconsumed >= self._bound:
            self._room = asyncio.get_running_loop().create_future()
            try:
                await self._room
            finally:
                self._room = None

    def _make_room(self) -> None:
        if self._room is not None and not self._room.done():
            self._room.set_result(None)

    def _take(self, given: object) -> None:
        if type(given) is Score:
            score, item_id = given, self._line_item
        else:
            item, score = _pair(given)
            coupled = self._sender.service.dialect.coupled
            item_id = self._line_item if item is None else own_spelling(item_url(item), coupled)
        self._unconsumed += 1
        self._undelivered += 1
        if item_id is None:
            error = NotOfferedError("the endpoint has no line item of its own: pass line_item=", spec="AGS 3.1")
            self._deliver(Delivery(score, None, error=error))
            return
        key = (item_id, score.user_id)
        if self._waiting and (waiting := self._waiting.get(key)) is not None:
            self._supersede(waiting, score)
            return
        turn, first = self._shared.turns.join(key, self._make_ready)
        self._unsent[turn] = score
        if self._coalesce:
            self._waiting[key] = turn
        if first:
            self._line_up(turn)

    def _supersede(self, waiting: Turn, newer: Score) -> None:
        older = self._unsent[waiting]
        # The platform keeps the later stamp, whatever the order (AGS 3.4.9).
        if newer.timestamp < older.timestamp:
            older, newer = newer, older
        self._unsent[waiting] = newer
        self._deliver(Delivery(older, waiting.key[0], error=SupersededError("a newer score took its place")))

    def _make_ready(self, turn: Turn) -> None:
        # Behind a first score it may have been left behind: the batch ended early.
        if turn in self._unsent:
            self._line_up(turn)

    def _line_up(self, turn: Turn) -> None:
        item_id = turn.key[0]
        if item_id in self._shared.new and not self._shared.enter(item_id, turn, partial(self._make_ready, turn)):
            return
        line = self._ready.get(item_id)
        if line is None:
            self._ready[item_id] = deque((turn,))
        else:
            line.append(turn)
        if len(self._workers) < self._concurrency:
            self._start(self._work(None))
        elif item_id not in self._sending and self._busy == len(self._workers) and len(self._beside) < _MOST_BESIDE:
            # All workers may be waiting for a line item that is broken by itself.
            self._beside.add(item_id)
            self._start(self._work(item_id))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        # Not the context of whoever makes it: another batch may, whose score it waited for.
        worker = asyncio.create_task(work, name="aioags post_scores worker", context=self._context.copy())
        self._workers.add(worker)
        worker.add_done_callback(self._workers.discard)

    async def _work(self, only: str | None) -> None:
        ready, sending = self._ready, None
        self._busy += 1
        try:
            while ready if only is None else only in ready:
                item_id = next(iter(ready)) if only is None else only
                if item_id is not sending:
                    sending = self._turn_to(item_id, sending)
                turn = self._next_of(item_id)
                score, delivery = self._unsent.pop(turn), None
                try:
                    if self._refused_all is None:
                        delivery = await self._sender.send(turn.key, score, confirm=self._confirm)
                    else:
                        delivery = Delivery(score, item_id, error=self._refused_all.copied())
                except Exception as failure:  # noqa: BLE001 - a bug, ours or a transport's: it ends the batch, bare
                    self._failure = self._failure or failure
                    self._end_now()
                finally:
                    self._handled(turn, score, delivery)
        finally:
            self._busy -= 1
            self._turn_to(None, sending)
        if only is not None:
            self._beside.discard(only)
        # Not by the callback alone, a turn of the loop later: what becomes ready until then would find no worker.
        if (worker := asyncio.current_task()) is not None:
            self._workers.discard(worker)

    def _next_of(self, item_id: str) -> Turn:
        line = self._ready[item_id]
        turn = line.popleft()
        if not line:
            del self._ready[item_id]
        elif len(self._ready) > 1:
            # The other line items come first.
            self._ready[item_id] = self._ready.pop(item_id)
        if self._waiting:
            self._waiting.pop(turn.key, None)
        return turn

    def _turn_to(self, item_id: str | None, before: str | None) -> str | None:
        if item_id is not None:
            self._sending[item_id] = self._sending.get(item_id, 0) + 1
        if before is not None:
            self._sending[before] -= 1
            if not self._sending[before]:
                del self._sending[before]
        return item_id

    def _handled(self, turn: Turn, score: Score, delivery: Delivery | None) -> None:
        item_id = turn.key[0]
        if delivery is not None and delivery.error is not None:
            self._note_refusal(score.user_id, delivery.error)
        elif self._turned_away and delivery is not None:
            self._turned_away.clear()
        self._shared.turns.leave(turn)
        if item_id in self._shared.new:
            self._shared.leave(item_id, turn, ended=delivery is not None and has_ended(delivery))
        self._deliver(delivery or _cancelled(score, item_id))

    def _note_refusal(self, user_id: str, error: AGSError) -> None:
        if self._refused_all is not None:
            return
        if not is_final_for_all(error):
            self._turned_away.clear()
            return
        self._turned_away.add(user_id)
        # A 401 may be about one person.
        if isinstance(error, AuthorizationError) or len(self._turned_away) >= FEWEST:
            self._refused_all = error.copied()
            self._refused_all.recorded = False

    def _deliver(self, delivery: Delivery) -> None:
        self._undelivered -= 1
        self.report.add(delivery)
        if self._deliveries is None:
            # Nobody looks on, and to wake the puller costs as much as a tenth of a score: so not for each.
            self._unconsumed -= 1
            if self._room is not None and self._unconsumed <= self._half:
                self._make_room()
        else:
            self._deliveries.put_nowait(delivery)
        if self._puller_done:
            self._end_if_delivered()
        told = self._sender.service.engine.told
        if told.listener is not None:
            told.tell(delivered(delivery))

    def _end_if_delivered(self) -> None:
        if self._puller_done and not self._undelivered:
            self._over.set()
            if self._deliveries is not None:
                self._deliveries.put_nowait(None)


def _cancelled(score: Score, item_id: str) -> Delivery:
    error = LostAnswerError("cancelled while it was being sent", recorded=None, transient=True)
    return Delivery(score, item_id, error=error)


def _is_being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _pair(given: object) -> tuple[LineItem | str | None, Score]:
    item, score = given if isinstance(given, tuple) and len(given) == 2 else (None, given)
    if not isinstance(score, Score):
        raise TypeError(
            f"post_scores takes Scores, or (line item, Score) pairs; its source gave {type(given).__name__}"
        )
    return item, score
