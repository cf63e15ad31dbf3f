"""
`Gradebook` for threads that wait.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

import aioags.client
import aioags.gradebook
from aioags.blocking.posting import Deliveries, Options, Plan, Scores, checked
from aioags.blocking.running import Running, called
from aioags.calls.callers_thread import CallersThread
from aioags.grading.creating import Duplicates
from aioags.model.checks import Number
from aioags.model.delivery import Delivery, Report
from aioags.model.line_item import LineItem
from aioags.model.member import Member
from aioags.model.result import Result
from aioags.model.score import Score
from aioags.model.unreadable import OnUnreadable

if TYPE_CHECKING:
    from aioags.grading.plan import LastSentSource

T = TypeVar("T")


class Gradebook:
    """
    `aioags.Gradebook` for programs without an event loop. Made by `Client.gradebook`; threads may share it.
    """

    def __init__(self, running: Running, opened: Callable[[aioags.client.Client], aioags.gradebook.Gradebook]) -> None:
        self._running = running
        self._opened = opened

    @property
    def coupled(self) -> str | None:
        """
        URL of the line item that belongs to the launched link. None: there is none, or several.
        """
        return self._running.run(called(lambda client: self._opened(client).coupled))

    def line_items(
        self,
        *,
        resource_link_id: str | None = None,
        resource_id: str | None = None,
        tag: str | None = None,
        limit: int | None = None,
        on_unreadable: OnUnreadable | None = None,
    ) -> Iterator[LineItem]:
        """
        List this tool's line items, as `aioags.Gradebook.line_items`; read ahead as `Client.memberships` does.
        """
        return self._running.iterate(
            lambda client: self._opened(client).line_items(
                resource_link_id=resource_link_id,
                resource_id=resource_id,
                tag=tag,
                limit=limit,
                on_unreadable=on_unreadable,
            )
        )

    def get_line_item(self, line_item: LineItem | str | None = None, *, patient: bool = True) -> LineItem:
        """
        Read one line item, as `aioags.Gradebook.get_line_item`.
        """
        return self._run(lambda book: book.get_line_item(line_item, patient=patient))

    def create_line_item(self, item: LineItem) -> LineItem:
        """
        Create a line item, as `aioags.Gradebook.create_line_item`.
        """
        return self._run(lambda book: book.create_line_item(item))

    def find_or_create_line_item(
        self,
        *,
        label: str,
        score_maximum: Number,
        resource_id: str | None = None,
        tag: str | None = None,
        resource_link_id: str | None = None,
        start_date_time: datetime | None = None,
        end_date_time: datetime | None = None,
        grades_released: bool | None = None,
        extensions: Mapping[str, Any] | None = None,
    ) -> LineItem:
        """
        Return the line item with this resource id, tag and link, or create it, as
        `aioags.Gradebook.find_or_create_line_item`.
        """
        return self._run(
            lambda book: book.find_or_create_line_item(
                label=label,
                score_maximum=score_maximum,
                resource_id=resource_id,
                tag=tag,
                resource_link_id=resource_link_id,
                start_date_time=start_date_time,
                end_date_time=end_date_time,
                grades_released=grades_released,
                extensions=extensions,
            )
        )

    def dedupe_line_items(
        self,
        *,
        resource_id: str | None = None,
        tag: str | None = None,
        resource_link_id: str | None = None,
        delete: bool = False,
    ) -> Duplicates:
        """
        Show, and with `delete` delete, what is there twice, as `aioags.Gradebook.dedupe_line_items`.
        """
        return self._run(
            lambda book: book.dedupe_line_items(
                resource_id=resource_id, tag=tag, resource_link_id=resource_link_id, delete=delete
            )
        )

    def update_line_item(self, item: LineItem) -> LineItem:
        """
        Write a line item back, as `aioags.Gradebook.update_line_item`.
        """
        return self._run(lambda book: book.update_line_item(item))

    def delete_line_item(self, line_item: LineItem | str | None, *, force: bool = False) -> None:
        """
        Delete a line item and its grades, as `aioags.Gradebook.delete_line_item`.
        """
        self._run(lambda book: book.delete_line_item(line_item, force=force))

    def post_score(self, score: Score, *, line_item: LineItem | str | None = None, confirm: bool = False) -> Delivery:
        """
        Post one score, as `aioags.Gradebook.post_score`. The stamp says when the score was made, in whichever thread.
        """
        return self._run(lambda book: book.post_score(score, line_item=line_item, confirm=confirm))

    def post_scores(
        self,
        scores: Scores,
        *,
        line_item: LineItem | str | None = None,
        coalesce: bool = False,
        confirm: bool = False,
        patient: bool = True,
    ) -> Report:
        """
        Post many scores, a bounded number at once, as `aioags.Gradebook.post_scores` does when it is awaited.

        Args:
            scores: Pulled in this thread as they are needed, 64 ahead at the most.
        """
        thread = CallersThread[Delivery]()
        source = thread.pulled(checked(scores))
        options = Options(line_item, coalesce, confirm, patient)
        return self._running.wait(thread, lambda client: options.post(self._opened(client), source))

    @contextmanager
    def stream_scores(
        self,
        scores: Scores,
        *,
        line_item: LineItem | str | None = None,
        coalesce: bool = False,
        confirm: bool = False,
        patient: bool = True,
    ) -> Iterator[Deliveries]:
        """
        Post many scores and see each delivery, in order of completion: what ``async with`` makes of
        `aioags.Gradebook.post_scores`. Leaving the block early lets the requests in flight finish, and starts no more.

        Args:
            scores: Pulled in this thread as they are needed, while it waits for a delivery.

        Example:
            >>> from aioags import blocking
            >>> with blocking.Client() as ags:
            ...     with ags.gradebook(registration, endpoint).stream_scores(scores) as deliveries:
            ...         for delivery in deliveries:
            ...             assert delivery.recorded
        """
        thread = CallersThread[Delivery](most=1)
        source = thread.pulled(checked(scores))
        options = Options(line_item, coalesce, confirm, patient)
        deliveries = Deliveries(self._running, thread)
        deliveries.begin(lambda client: options.posting(self._opened(client), source))
        try:
            yield deliveries
        finally:
            deliveries.leave()

    def plan(
        self,
        scores: Iterable[Score],
        *,
        line_item: LineItem | str | None = None,
        last_sent: LastSentSource | None = None,
        members: Iterable[Member] | Iterable[str] | None = None,
    ) -> Plan:
        """
        Compare what is wanted with what the platform shows, as `aioags.Gradebook.plan`.

        Args:
            scores, members: Pulled in this thread, such as a cursor and `Client.memberships`.
        """
        thread = CallersThread[None]()
        wanted = thread.pulled(checked(scores))
        people: Any = None if members is None else thread.pulled(checked(members))
        made = self._running.wait(
            thread,
            lambda client: self._opened(client).plan(wanted, line_item=line_item, last_sent=last_sent, members=people),
        )
        return Plan(self._running, made)

    def results(
        self,
        *,
        line_item: LineItem | str | None = None,
        user_id: str | None = None,
        limit: int | None = None,
        on_unreadable: OnUnreadable | None = None,
    ) -> Iterator[Result]:
        """
        Read what the gradebook shows, as `aioags.Gradebook.results`; read ahead as `Client.memberships` does.
        """
        return self._running.iterate(
            lambda client: self._opened(client).results(
                line_item=line_item, user_id=user_id, limit=limit, on_unreadable=on_unreadable
            )
        )

    def get_result(
        self, user_id: str, *, line_item: LineItem | str | None = None, patient: bool = True
    ) -> Result | None:
        """
        Read the platform's current word on one user, as `aioags.Gradebook.get_result`.
        """
        return self._run(lambda book: book.get_result(user_id, line_item=line_item, patient=patient))

    def __repr__(self) -> str:
        return f"<blocking Gradebook of {self._running!r}>"

    def _run(self, call: Callable[[aioags.gradebook.Gradebook], Awaitable[T]]) -> T:
        return self._running.run(lambda client: call(self._opened(client)))
