"""
Line items and results, page after page; and line items made once.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from functools import partial
from typing import TypeVar

import attrs

from aioags.calls.engine import Credential, Engine
from aioags.errors import AGSError
from aioags.model.line_item import LineItem
from aioags.model.result import Result
from aioags.calls.pages import read_pages
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


@attrs.frozen
class Reader:
    """
    Reads and changes line items, and reads results, for one gradebook.
    """

    engine: Engine
    dialect: Dialect
    credential: Credential

    async def line_items(self, filters: Filters, limit: int | None = None) -> AsyncGenerator[LineItem, None]:
        """
        Yield the line items that the filters admit; the platform filters, and so do we.
        """
        first = self.dialect.line_items(
            resource_link_id=filters.resource_link_id, resource_id=filters.resource_id, tag=filters.tag, limit=limit
        )
        async for item in read_pages(self.engine, self.credential, first, self.dialect.line_items_page):
            if filters.admit(item):
                yield item

    async def results(
        self, item_id: str, user_id: str | None = None, limit: int | None = None
    ) -> AsyncGenerator[Result, None]:
        """
        Yield the results of a line item. Open edX and Sakai ignore the user filter, so it is applied here as well.
        """
        first = self.dialect.results(item_id, user_id=user_id, limit=limit)
        # Moodle 4.5 answers results with a limit by a 404 page of HTML, others by a 5xx: then once without.
        unlimited = None if limit is None else self.dialect.results(item_id, user_id=user_id, limit=None)
        further = partial(self.dialect.results_page, item_id)
        async for result in read_pages(self.engine, self.credential, first, further, instead=unlimited):
            if user_id in (None, result.user_id):
                yield result

    async def create(self, item: LineItem, *, missed: bool = False) -> LineItem:
        """
        Create a line item, once: after a lost answer look for it before creating it again.

        Args:
            missed: It was looked for a moment ago and not there: what is there now is ours, whatever its label.
        """
        operation = self.dialect.create_line_item(item)
        clock = self.engine.runtime.clock
        began = clock()
        tries = 0
        while True:
            try:
                return await self.engine.perform(operation, self.credential)
            except AGSError as error:
                tries += 1
                if error.recorded is not None:
                    raise
                found = await self._look(item, error, missed=missed)
                if found is not None:
                    return found
                if tries >= self.engine.retry.attempts or clock() - began > self.engine.retry.total_time:
                    raise
                await self._wait(tries)

    async def _wait(self, tries: int) -> None:
        retry = self.engine.retry
        longest = min(retry.longest_wait, retry.first_wait * 2.0 ** (tries - 1))
        await self.engine.runtime.sleep(longest * self.engine.runtime.jitter())

    async def _look(self, item: LineItem, lost: AGSError, *, missed: bool) -> LineItem | None:
        """
        Find what a lost answer may have created. When even that is not possible, `lost` is raised.
        """
        wanted = Filters(resource_link_id=item.resource_link_id, resource_id=item.resource_id, tag=item.tag)
        try:
            async for candidate in self.line_items(wanted):
                if _is_same(item, candidate, missed=missed):
                    return candidate
        except AGSError as error:
            raise lost from error
        return None


def _is_same(item: LineItem, candidate: LineItem, *, missed: bool) -> bool:
    # A platform keeps resource id and tag as sent (AGS 3.2.5). They are not unique: an older item may have the same.
    ours = (item.resource_link_id, item.resource_id, item.tag)
    theirs = (candidate.resource_link_id, candidate.resource_id, candidate.tag)
    return ours == theirs and (missed or item.label == candidate.label)


async def first_of(items: AsyncGenerator[T, None]) -> T | None:
    """
    Return the first record, None when there is none; reads no further page.
    """
    try:
        return await anext(items, None)
    finally:
        await items.aclose()
