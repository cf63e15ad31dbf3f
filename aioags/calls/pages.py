"""
Page after page: how every listing of every service is read.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import Protocol, TypeVar

import attrs

from aioags.errors import BrokenError, MalformedError, NotFoundError
from aioags.model.policy import RetryPolicy
from aioags.protocol.dialect import Operation, Page
from aioags.protocol.trial import Trial

T = TypeVar("T")

MOST_PAGES = 5_000
"""Pages after which a listing is an error: at Canvas's ten a page, 50,000 records."""


class Perform(Protocol):
    """
    Performs an operation, as `Service.perform` does.
    """

    async def __call__(self, operation: Operation[T], *, trial: Trial[T] | None = None) -> T: ...


async def read_pages(
    perform: Perform,
    retry: RetryPolicy,
    first: Operation[Page[T]],
    further: Callable[[str], Operation[Page[T]]],
    *,
    instead: Operation[Page[T]] | None = None,
) -> AsyncGenerator[T, None]:
    """
    Yield the records of every page; only the absence of a next page ends them (AGS 3.2.4).

    Args:
        perform: Does the calls.

        retry: How often it tries one.

        further: Makes the operation for a page's key.

        instead: Performed when the first page fails at the platform.

    Raises:
        MalformedError: A page leads back to one already read, or there are more than `MOST_PAGES`.
    """
    operation = first
    seen = {first.request.url}
    page = await _first_page(perform, retry, first, instead)
    while True:
        for record in page.records:
            yield record
        if page.next is None:
            return
        if page.next in seen or len(seen) >= MOST_PAGES:
            raise _endless(operation, page.next in seen)
        seen.add(page.next)
        operation = further(page.next)
        page = await perform(operation)


async def _first_page(
    perform: Perform, retry: RetryPolicy, first: Operation[Page[T]], instead: Operation[Page[T]] | None
) -> Page[T]:
    if instead is None:
        return await perform(first)
    # Once: the other way to ask is better than the same way again.
    trial = Trial(first, attrs.evolve(retry, attempts=1))
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
