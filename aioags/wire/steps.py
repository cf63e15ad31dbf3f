"""
Long work in steps, so that whoever else waits gets a turn between two of them.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeAlias, TypeVar

T = TypeVar("T")

Steps: TypeAlias = Generator[None, None, T]
"""Each `next` does a little of it, a millisecond or two; it returns what all of it made."""


def finished(steps: Steps[T]) -> T:
    """
    Do all of it at once.
    """
    while True:
        try:
            next(steps)
        except StopIteration as done:
            made: T = done.value
            return made
