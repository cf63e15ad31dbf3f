"""
What callers hand over to be iterated, synchronous or asynchronous, as one kind.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Iterable
from contextlib import aclosing
from typing import TypeVar

P = TypeVar("P")


async def as_async(source: Iterable[P] | AsyncIterable[P]) -> AsyncGenerator[P, None]:
    """
    Iterate over a source of either kind; a generator that is left early is closed.
    """
    if isinstance(source, AsyncGenerator):
        async with aclosing(source):
            async for entry in source:
                yield entry
    elif isinstance(source, AsyncIterable):
        async for entry in source:
            yield entry
    else:
        for entry in source:
            yield entry
