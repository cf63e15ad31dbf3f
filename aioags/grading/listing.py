"""
Line items and results, page after page.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from functools import partial
from operator import attrgetter
from typing import TypeVar

import attrs

from aioags.calls.service import Service
from aioags.errors import NotFoundError
from aioags.grading.picking import Picking, pick
from aioags.grading.presence import Presence
from aioags.model.checks import Number
from aioags.model.line_item import LineItem
from aioags.model.result import Result
from aioags.model.unreadable import OnUnreadable, Unreadable
from aioags.protocol.dialect import Dialect

T = TypeVar("T")


@attrs.frozen
class Filters:
    """
    Which line items are wanted. None: any.

    Attributes:
        resource_link_id, resource_id, tag: Exactly this value.
    """

    resource_link_id: str | None = None
    resource_id: str | None = None
    tag: str | None = None

    def admit(self, item: LineItem) -> bool:
        """
        True when an item has every wanted value. Sakai knows the link filter by another name and ignores ours.
        """
        return (
            self.resource_link_id in (None, item.resource_link_id)
            and self.resource_id in (None, item.resource_id)
            and self.tag in (None, item.tag)
        )

    def signs(self, item: LineItem) -> frozenset[tuple[str, str | None]]:
        """
        Return what an item has of that which is wanted.
        """
        return frozenset((name, getattr(item, name)) for name, wanted in self.wanted.items() if wanted is not None)

    @property
    def wanted(self) -> dict[str, str | None]:
        """
        The three, by name.
        """
        return {"resource_link_id": self.resource_link_id, "resource_id": self.resource_id, "tag": self.tag}


def list_line_items(
    service: Service[Dialect],
    filters: Filters,
    *,
    limit: int | None = None,
    maximum: Number | None = None,
    on_unreadable: OnUnreadable | None = None,
    aloud: bool = False,
) -> AsyncGenerator[LineItem, None]:
    """
    Return the line items that the filters admit, each once.

    Args:
        maximum: As for a `Dialect`.

        on_unreadable: As for `read_pages`.

        aloud: Say so if the filters may have left out what the platform chose.
    """
    ask = partial(
        service.dialect.line_items,
        resource_link_id=filters.resource_link_id,
        resource_id=filters.resource_id,
        tag=filters.tag,
        maximum=maximum,
    )
    first = ask(limit=limit)
    pages = service.pages(
        first,
        partial(service.dialect.line_items_page, maximum=maximum),
        whole=None if limit is None else ask(limit=None),
        limit=limit,
        on_unreadable=on_unreadable,
    )
    picking = Picking[LineItem](_id_of, None if filters == Filters() else filters.admit, filters.signs)
    return pick(pages, picking, partial(picking.tell, service.engine, first) if aloud else None)


def list_results(
    service: Service[Dialect],
    item_id: str,
    *,
    user_id: str | None = None,
    limit: int | None = None,
    on_unreadable: OnUnreadable | None = None,
) -> AsyncGenerator[Result, None]:
    """
    Return the results of a line item, each user's once. Open edX and Sakai ignore the user filter.

    OpenOLAT answers 404 for a user without a result, others for one whom they do not know: none, if the item is there.
    """
    return _pick_results(service, item_id, user_id, _picking(user_id), limit=limit, on_unreadable=on_unreadable)


def listed_results(service: Service[Dialect], item_id: str) -> AsyncGenerator[Result, None]:
    """
    Return everybody's results as the platform lists them; a user may come twice. Nothing is kept of them.
    """
    dialect = service.dialect
    return service.pages(dialect.results(item_id, user_id=None, limit=None), partial(dialect.results_page, item_id))


def _pick_results(
    service: Service[Dialect],
    item_id: str,
    user_id: str | None,
    picking: Picking[Result],
    *,
    limit: int | None = None,
    on_unreadable: OnUnreadable | None = None,
) -> AsyncGenerator[Result, None]:
    ask = partial(service.dialect.results, item_id, user_id=user_id)
    first = ask(limit=limit)
    # Moodle 4.5 answers results with a limit by a 404 page of HTML, others by a 5xx: then once without.
    whole = None if limit is None else ask(limit=None)
    pages = partial(
        service.pages,
        first,
        partial(service.dialect.results_page, item_id),
        instead=whole,
        whole=whole,
        limit=limit,
        on_unreadable=on_unreadable,
    )
    asked = {operation.request.url for operation in (first, whole) if operation is not None}
    results = pages() if user_id is None else _none_of_unknown(pages, service, item_id, asked)
    return pick(results, picking, partial(picking.tell, service.engine, first))


async def _none_of_unknown(
    pages: Callable[[], AsyncGenerator[Result, None]], service: Service[Dialect], item_id: str, asked: set[str]
) -> AsyncGenerator[Result, None]:
    # Again, since what said 404 of the user may be gone when the line item is read.
    for last in (False, True):
        try:
            async for result in pages():
                yield result
            return
        except NotFoundError as error:
            # A further page that is not found is no end of the listing.
            if error.url not in asked:
                raise
            if last:
                return
            told = await Presence(service, waits=service.patient).explain(item_id, error)
            if isinstance(told, NotFoundError):
                raise told from error


def _picking(user_id: str | None) -> Picking[Result]:
    if user_id is None:
        return Picking(_user_of)
    return Picking(_user_of, lambda result: result.user_id == user_id, lambda result: frozenset({result.user_id}))


async def read_result(service: Service[Dialect], item_id: str, user_id: str) -> Result | None:
    """
    Return one user's result, None when there is none.

    An answer that shows one other user and nobody else may be the answer to somebody else's question: it is asked
    again, once. Open edX and Sakai, which ignore the filter, show everybody.

    Raises:
        MalformedError: All that the platform shows cannot be read: it may be this user's. Beside those of other users
            it is somebody's.
    """
    result, odd, picking = await _read_once(service, item_id, user_id)
    if result is None and picking.alike and not odd:
        result, odd, picking = await _read_once(service, item_id, user_id)
    if result is None and odd and not picking.left_out:
        raise odd[0].error
    return result


async def _read_once(
    service: Service[Dialect], item_id: str, user_id: str
) -> tuple[Result | None, list[Unreadable], Picking[Result]]:
    odd: list[Unreadable] = []
    picking = _picking(user_id)
    results = _pick_results(service, item_id, user_id, picking, on_unreadable=odd.append)
    return await first_of(results), odd, picking


def is_of_one_other(shown: set[str], user_id: str) -> bool:
    """
    True when one user is shown, and not the one that was asked for: it may answer somebody else's question.
    """
    return len(shown) == 1 and user_id not in shown


async def holds_results(service: Service[Dialect], item_id: str) -> bool:
    """
    True when there is any record, also one without a value: Moodle has such for a progress that was recorded. One that
    cannot be read is one.
    """
    odd: list[Unreadable] = []
    return await first_of(list_results(service, item_id, on_unreadable=odd.append)) is not None or bool(odd)


async def first_of(items: AsyncGenerator[T, None]) -> T | None:
    """
    Return the first record, None when there is none; reads no further page.
    """
    try:
        return await anext(items, None)
    finally:
        await items.aclose()


_id_of: Callable[[LineItem], str | None] = attrgetter("id")
_user_of: Callable[[Result], str | None] = attrgetter("user_id")
