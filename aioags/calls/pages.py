"""
Page after page: how every listing of every service is read.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import TypeVar

import attrs

from aioags.calls.engine import Credential, Engine
from aioags.errors import BrokenError, MalformedError, NotFoundError
from aioags.protocol.dialect import Operation, Page
from aioags.protocol.trial import Trial

T = TypeVar("T")

MOST_PAGES = 5_000
"""Pages after which a listing is an error: at Canvas's ten a page, 50,000 records."""


async def read_pages(
    engine: Engine,
    credential: Credential,
    first: Operation[Page[T]],
    further: Callable[[str], Operation[Page[T]]],
    *,
    instead: Operation[Page[T]] | None = None,
) -> AsyncGenerator[T, None]:
    """
    Yield the records of every page; only the absence of a next page ends them (AGS 3.2.4).

    Args:
        further: Makes the operation for a page's key.

        instead: Performed when the first page fails at the platform.

    Raises:
        MalformedError: A page leads back to one already read, or there are more than `MOST_PAGES`.
    """
    operation = first
    seen = {first.request.url}
    page = await _first_page(engine, credential, first, instead)
    while True:
        for record in page.records:
            yield record
        if page.next is None:
            return
        if page.next in seen or len(seen) >= MOST_PAGES:
            raise _endless(operation, page.next in seen)
        seen.add(page.next)
        operation = further(page.next)
        page = await engine.perform(operation, credential)


async def _first_page(
    engine: Engine, credential: Credential, first: Operation[Page[T]], instead: Operation[Page[T]] | None
) -> Page[T]:
    if instead is None:
        return await engine.perform(first, credential)
    # Once: the other way to ask is better than the same way again.
    trial = Trial(first, attrs.evolve(engine.retry, attempts=1))
    try:
        return await engine.perform(first, credential, trial=trial)
    except (BrokenError, NotFoundError):
        return await engine.perform(instead, credential)


def _endless(operation: Operation[Page[T]], again: bool) -> MalformedError:
    why = "its next page is one already read" if again else f"it has more than {MOST_PAGES} pages"
    return MalformedError(
        f"the listing does not end: {why}",
        status=200,
        method=operation.request.method,
        url=operation.request.url,
        spec="AGS 3.2.4",
    )
