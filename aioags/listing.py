"""
Line items and results, page after page; and line items made once.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from functools import partial
from typing import TypeVar

import attrs

from aioags.engine import Credential, Engine
from aioags.errors import AGSError, BrokenError, MalformedError, NotFoundError
from aioags.model.line_item import LineItem
from aioags.model.result import Result
from aioags.protocol.dialect import Dialect, Operation, Page

T = TypeVar("T")

MOST_PAGES = 5_000
"""Pages after which a listing is an error: at Canvas's ten a page, 50,000 records."""


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

    async def pages(
        self,
        first: Operation[Page[T]],
        further: Callable[[str], Operation[Page[T]]],
        *,
        instead: Operation[Page[T]] | None = None,
    ) -> AsyncGenerator[T, None]:
        """
        Yield the records of every page; only the absence of a next page ends them (AGS 3.2.4).

        Args:
            instead: Performed when the first page fails at the platform.

        Raises:
            MalformedError: A page leads back to one already read, or there are more than `MOST_PAGES`.
        """
        operation = first
        seen = {first.request.url}
        page = await self._first_page(first, instead)
        while True:
            for record in page.records:
                yield record
            if page.next is None:
                return
            if page.next in seen or len(seen) >= MOST_PAGES:
                raise _endless(operation, page.next in seen)
            seen.add(page.next)
            operation = further(page.next)
            page = await self.engine.perform(operation, self.credential)

    async def _first_page(self, first: Operation[Page[T]], instead: Operation[Page[T]] | None) -> Page[T]:
        try:
            return await self.engine.perform(first, self.credential)
        except (BrokenError, NotFoundError):
            if instead is None:
                raise
        return await self.engine.perform(instead, self.credential)

    async def line_items(self, filters: Filters, limit: int | None = None) -> AsyncGenerator[LineItem, None]:
        """
        Yield the line items that the filters admit; the platform filters, and so do we.
        """
        first = self.dialect.line_items(
            resource_link_id=filters.resource_link_id, resource_id=filters.resource_id, tag=filters.tag, limit=limit
        )
        async for item in self.pages(first, self.dialect.line_items_page):
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
        async for result in self.pages(first, partial(self.dialect.results_page, item_id), instead=unlimited):
            if user_id in (None, result.user_id):
                yield result

    async def create(self, item: LineItem) -> LineItem:
        """
        Create a line item, once: after a lost answer look for it before creating it again.
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
                found = await self._look(item, error)
                if found is not None:
                    return found
                if tries >= self.engine.retry.attempts or clock() - began > self.engine.retry.total_time:
                    raise
                await self._wait(tries)

    async def _wait(self, tries: int) -> None:
        retry = self.engine.retry
        longest = min(retry.longest_wait, retry.first_wait * 2.0 ** (tries - 1))
        await self.engine.runtime.sleep(longest * self.engine.runtime.jitter())

    async def _look(self, item: LineItem, lost: AGSError) -> LineItem | None:
        """
        Find what a lost answer may have created. When even that is not possible, `lost` is raised.
        """
        wanted = Filters(resource_link_id=item.resource_link_id, resource_id=item.resource_id, tag=item.tag)
        try:
            async for candidate in self.line_items(wanted):
                if _is_same(item, candidate):
                    return candidate
        except AGSError as error:
            raise lost from error
        return None


def _is_same(item: LineItem, candidate: LineItem) -> bool:
    # A platform keeps resource id and tag as sent (AGS 3.2.5); a label is all there is without a resource id.
    ours = (item.resource_link_id, item.resource_id, item.tag)
    theirs = (candidate.resource_link_id, candidate.resource_id, candidate.tag)
    return ours == theirs and (item.resource_id is not None or item.label == candidate.label)


def _endless(operation: Operation[Page[T]], again: bool) -> MalformedError:
    why = "its next page is one already read" if again else f"it has more than {MOST_PAGES} pages"
    return MalformedError(
        f"the listing does not end: {why}",
        status=200,
        method=operation.request.method,
        url=operation.request.url,
        spec="AGS 3.2.4",
    )


async def first_of(items: AsyncGenerator[T, None]) -> T | None:
    """
    Return the first record, None when there is none; reads no further page.
    """
    try:
        return await anext(items, None)
    finally:
        await items.aclose()
