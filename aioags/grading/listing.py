"""
Line items and results, page after page.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from functools import partial
from typing import TypeVar

import attrs

from aioags.calls.service import Service
from aioags.model.line_item import LineItem
from aioags.model.result import Result
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


async def list_line_items(
    service: Service[Dialect], filters: Filters, limit: int | None = None
) -> AsyncGenerator[LineItem, None]:
    """
    Yield the line items that the filters admit; the platform filters, and so do we.
    """
    first = service.dialect.line_items(
        resource_link_id=filters.resource_link_id, resource_id=filters.resource_id, tag=filters.tag, limit=limit
    )
    async for item in service.pages(first, service.dialect.line_items_page):
        if filters.admit(item):
            yield item


async def list_results(
    service: Service[Dialect], item_id: str, user_id: str | None = None, limit: int | None = None
) -> AsyncGenerator[Result, None]:
    """
    Yield the results of a line item. Open edX and Sakai ignore the user filter, so it is applied here as well.
    """
    first = service.dialect.results(item_id, user_id=user_id, limit=limit)
    # Moodle 4.5 answers results with a limit by a 404 page of HTML, others by a 5xx: then once without.
    unlimited = None if limit is None else service.dialect.results(item_id, user_id=user_id, limit=None)
    further = partial(service.dialect.results_page, item_id)
    async for result in service.pages(first, further, instead=unlimited):
        if user_id in (None, result.user_id):
            yield result


async def first_of(items: AsyncGenerator[T, None]) -> T | None:
    """
    Return the first record, None when there is none; reads no further page.
    """
    try:
        return await anext(items, None)
    finally:
        await items.aclose()
