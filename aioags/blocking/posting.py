"""
Many scores from a thread that waits: their deliveries, and plans.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

import attrs

import aioags.client
from aioags.blocking.running import Running
from aioags.calls.callers_thread import CallersThread
from aioags.model.change import PlannedChange
from aioags.model.delivery import Delivery, Report
from aioags.model.line_item import LineItem
from aioags.model.score import Score

if TYPE_CHECKING:
    import aioags.gradebook
    from aioags.grading.plan import Plan as AsyncPlan
    from aioags.grading.posting import ScorePosting

T = TypeVar("T")

Scores = Iterable[Score] | Iterable[tuple[LineItem | str | None, Score]]
"""What is posted: scores, or pairs of a line item and a score; pulled in the caller's thread."""

_ROOM = 64


class Deliveries:
    """
    The deliveries of `Gradebook.stream_scores`, in order of completion: iterate over them.

    Attributes:
        report: Counts so far; complete once the block is left.
    """

    def __init__(self, running: Running, thread: CallersThread[Delivery]) -> None:
        self.report = Report()
        self._running = running
        self._thread = thread
        self._task: asyncio.Task[Any] | None = None
        self._left = False
        self._room = asyncio.Semaphore(_ROOM)

    @property
    def unsent(self) -> tuple[Any, ...]:
        """
        What was pulled from the source and not taken, since the block was left early: at most one score.
        """
        return tuple(self._thread.left_over)

    def __iter__(self) -> Iterator[Delivery]:
        for delivery in self._events:
            self._running.call_soon(self._room.release)
            yield delivery

    def begin(self, opened: Callable[[aioags.client.Client], ScorePosting]) -> None:
        """
        Start sending.
        """
        self._future = self._running.begin(lambda client: self._send(opened(client)))
        self._events = self._thread.events(self._future)

    async def _send(self, posting: ScorePosting) -> None:
        self._task, self.report = asyncio.current_task(), posting.report
        async with posting as deliveries:
            try:
                async for delivery in deliveries:
                    await self._room.acquire()
                    self._thread.tell(delivery)
            except asyncio.CancelledError:
                # Inside the block: so what is in flight finishes, and nothing else is begun.
                if self._task is None or not self._left:
                    raise
                self._task.uncancel()

    def leave(self) -> None:
        """
        Have what is in flight finish, and wait for it.
        """
        self._thread.stop_pulling()
        self._running.call_soon(self._stop)
        for _ in self._events:
            pass
        self._future.result()

    def _stop(self) -> None:
        self._left = True
        if self._task is not None and not self._task.done():
            self._task.cancel()


class Plan:
    """
    `aioags.Plan` for programs without an event loop. Made by `Gradebook.plan`; nothing was sent yet.
    """

    def __init__(self, running: Running, plan: AsyncPlan) -> None:
        self._running = running
        self._plan = plan

    @property
    def new(self) -> tuple[PlannedChange, ...]:
        """
        As `aioags.Plan.new`.
        """
        return self._plan.new

    @property
    def changed(self) -> tuple[PlannedChange, ...]:
        """
        As `aioags.Plan.changed`.
        """
        return self._plan.changed

    @property
    def unchanged(self) -> tuple[PlannedChange, ...]:
        """
        As `aioags.Plan.unchanged`.
        """
        return self._plan.unchanged

    @property
    def overridden(self) -> tuple[PlannedChange, ...]:
        """
        As `aioags.Plan.overridden`.
        """
        return self._plan.overridden

    @property
    def only_on_platform(self) -> tuple[PlannedChange, ...]:
        """
        As `aioags.Plan.only_on_platform`.
        """
        return self._plan.only_on_platform

    @property
    def not_in_course(self) -> tuple[PlannedChange, ...] | None:
        """
        As `aioags.Plan.not_in_course`.
        """
        return self._plan.not_in_course

    def __str__(self) -> str:
        return str(self._plan)

    def __repr__(self) -> str:
        return repr(self._plan)

    def apply(self, *, overwrite: bool = False) -> Report:
        """
        Post what is new and what is changed, as `aioags.Plan.apply` does when it is awaited.
        """

        async def apply(client: aioags.client.Client) -> Report:
            return await self._plan.apply(overwrite=overwrite)

        return self._running.run(apply)


@attrs.frozen
class Options:
    """
    What is said of many scores besides the scores.
    """

    line_item: LineItem | str | None
    coalesce: bool
    confirm: bool
    patient: bool

    def posting(self, book: aioags.gradebook.Gradebook, source: AsyncIterable[Any]) -> ScorePosting:
        """
        Begin in a gradebook.
        """
        return book.post_scores(
            source, line_item=self.line_item, coalesce=self.coalesce, confirm=self.confirm, patient=self.patient
        )

    async def post(self, book: aioags.gradebook.Gradebook, source: AsyncIterable[Any]) -> Report:
        """
        Post, and wait for the end.
        """
        return await self.posting(book, source)


def checked(source: Iterable[T]) -> Iterable[T]:
    """
    Return what can be pulled in a thread.

    Raises:
        TypeError: It is no iterable, or an asynchronous one.
    """
    if not isinstance(source, Iterable) or isinstance(source, (str, bytes, Score)):
        kind = type(source).__name__
        hint = ": that is for aioags.Client" if isinstance(source, AsyncIterable) else ""
        raise TypeError(f"scores and members must be iterables, got {kind}{hint}")
    return source
