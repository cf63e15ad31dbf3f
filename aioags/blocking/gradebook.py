"""
`Gradebook` for threads that wait.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import aioags.client
import aioags.gradebook
from aioags.blocking.posting import Deliveries, Options, Plan, Scores, checked
from aioags.blocking.running import Running, called
from aioags.calls.callers_thread import CallersThread
from aioags.model.delivery import Delivery, Report
from aioags.model.line_item import LineItem
from aioags.model.member import Member
from aioags.model.score import Score

if TYPE_CHECKING:
    from aioags.grading.plan import LastSentSource

P = ParamSpec("P")
T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])
_Theirs = aioags.gradebook.Gradebook


def _waited_for(theirs: Callable[Concatenate[_Theirs, P], Awaitable[T]]) -> Callable[Concatenate[Gradebook, P], T]:
    """
    Make of a method that is awaited one that waits.
    """

    def waits(self: Gradebook, /, *args: P.args, **given: P.kwargs) -> T:
        return self._running.run(lambda client: theirs(self._opened(client), *args, **given))

    return _told_as(theirs, waits)


def _listed(
    theirs: Callable[Concatenate[_Theirs, P], AsyncGenerator[T, None]],
) -> Callable[Concatenate[Gradebook, P], Iterator[T]]:
    """
    Make of a method that lists, page by page, one that reads ahead as `Client.memberships` does.
    """

    def lists(self: Gradebook, /, *args: P.args, **given: P.kwargs) -> Iterator[T]:
        return self._running.iterate(lambda client: theirs(self._opened(client), *args, **given))

    return _told_as(theirs, lists, "; read ahead as `Client.memberships` does")


def _told_as(theirs: Callable[..., Any], ours: F, more: str = "") -> F:
    """
    Give a method the name, the signature and the first sentence of what it stands for.
    """
    name, signature = theirs.__name__, inspect.signature(theirs)
    returned = re.sub(r"AsyncGenerator\[(.*), None\]", r"Iterator[\1]", signature.return_annotation)
    said = (inspect.getdoc(theirs) or "").partition("\n\n")[0].rstrip(".")
    ours.__name__, ours.__qualname__ = name, f"Gradebook.{name}"
    ours.__doc__ = f"{said}, as `aioags.Gradebook.{name}`{more}."
    ours.__signature__ = signature.replace(return_annotation=returned)  # type: ignore[attr-defined]
    return ours


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

    line_items = _listed(_Theirs.line_items)
    get_line_item = _waited_for(_Theirs.get_line_item)
    create_line_item = _waited_for(_Theirs.create_line_item)
    find_or_create_line_item = _waited_for(_Theirs.find_or_create_line_item)
    dedupe_line_items = _waited_for(_Theirs.dedupe_line_items)
    update_line_item = _waited_for(_Theirs.update_line_item)
    delete_line_item = _waited_for(_Theirs.delete_line_item)
    post_score = _waited_for(_Theirs.post_score)
    results = _listed(_Theirs.results)
    get_result = _waited_for(_Theirs.get_result)

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

    def __repr__(self) -> str:
        return f"<blocking Gradebook of {self._running!r}>"
