"""
Page after page: how every listing of every service is read.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Any, Protocol, TypeVar

import attrs

from aioags.errors import BrokenError, MalformedError, NotFoundError
from aioags.model.policy import RetryPolicy
from aioags.model.unreadable import OnUnreadable
from aioags.protocol.dialect import Operation, Page
from aioags.protocol.trial import Trial

T = TypeVar("T")

MOST_PAGES = 5_000
"""Pages after which a listing is an error: at Canvas's ten a page, 50,000 records."""

# Records of a page after which whoever else waits has a turn: nothing else here waits for anything.
_A_TURN = 256


class Perform(Protocol):
    """
    Performs an operation, as `Service.perform` does.
    """

    def __call__(self, operation: Operation[T], *, trial: Trial[T] | None = None) -> Coroutine[Any, Any, T]: ...


async def read_pages(
    perform: Perform,
    retry: RetryPolicy,
    first: Operation[Page[T]],
    further: Callable[[str], Operation[Page[T]]],
    *,
    instead: Operation[Page[T]] | None = None,
    patient: bool = True,
    whole: Operation[Page[T]] | None = None,
    limit: int | None = None,
    on_unreadable: OnUnreadable | None = None,
) -> AsyncGenerator[T, None]:
    """
    Yield the records of every page; only the absence of a next page ends them (AGS 3.2.4).

    Where the first page holds just as many as it may and links to no other, the platform may have cut there: Open edX
    and ILIAS do. Then all is asked for once more without the limit, and what was there before comes twice.

    Args:
        perform: Does the calls.

        retry: How often it tries one.

        further: Makes the operation for a page's key.

        instead: Performed when the first page fails at the platform.

        patient: Wait while the platform is away, for that first try as `perform` does for the others.

        whole: The first page without its limit. None: it has none.

        limit: How many records the first page may hold.

        on_unreadable: Is given what cannot be read of a page, before the rest of it is yielded. None: the first such
            record is an error.

    Raises:
        MalformedError: A page leads back to one already read, or there are more than `MOST_PAGES`; or a record cannot
            be read.
    """
    operation = first
    seen = {first.request.url}
    page = await _first_page(perform, attrs.evolve(retry, attempts=1), first, instead, patient=patient)
    while True:
        cut = whole is not None and _may_be_cut(page, limit)
        for unreadable in page.unreadable:
            if on_unreadable is None:
                raise unreadable.error
            if not cut:
                on_unreadable(unreadable)
        for number, record in enumerate(page.records, 1):
            yield record
            if not number % _A_TURN:
                await asyncio.sleep(0)
        if whole is not None and cut:
            operation = whole
        elif page.next is None:
            return
        else:
            if page.next in seen or len(seen) >= MOST_PAGES:
                raise _endless(operation, page.next in seen)
            seen.add(page.next)
            operation = further(page.next)
        # Whoever named a next page does not cut.
        whole = None
        page = await perform(operation)


def _may_be_cut(page: Page[Any], limit: int | None) -> bool:
    return page.next is None and not page.linked and len(page.records) + len(page.unreadable) == limit


async def _first_page(
    perform: Perform, once: RetryPolicy, first: Operation[Page[T]], instead: Operation[Page[T]] | None, *, patient: bool
) -> Page[T]:
    if instead is None:
        return await perform(first)
    # Once: the other way to ask is better than the same way again.
    trial = Trial(first, once, waits=patient)
    try:
        return await perform(first, trial=trial)
    except (BrokenError, NotFoundError):
        return await perform(instead)


def _endless(operation: Operation[Page[T]], again: bool) -> MalformedError:
    why = "its next page is one already read" if again else f"it has more than {MOST_PAGES} pages"
    return MalformedError(
        f"the listing does not end: {why}",
        status=200,
        method=operation.request.method,
        url=operation.request.url,
        spec="AGS 3.2.4",
    )
