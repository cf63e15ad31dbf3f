"""
What callers hand over to be iterated, synchronous or asynchronous, as one kind.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Iterable
from contextlib import aclosing
from typing import TypeVar

P = TypeVar("P")


def check_source(name: str, source: object) -> None:
    """
    Check that something can be iterated over, and say what it is if not.
    """
    if isinstance(source, (str, bytes)) or not isinstance(source, (Iterable, AsyncIterable)):
        hint = ": call it" if callable(source) and not isinstance(source, type) else ""
        raise TypeError(f"{name} must be an iterable, or an asynchronous one, got {type(source).__name__}{hint}")


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
