"""
A record of a listing that cannot be read, for a caller who wants the others.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeAlias

import attrs

from aioags.errors import MalformedError


@attrs.frozen
class Unreadable:
    """
    One record of a listing that cannot be read.

    Attributes:
        raw: What the platform sent, decoded from JSON. It may hold names and grades, so it is kept out of `repr`.

        error: What cannot be read, and which record it is: a line item by its id, every other by its place on the page,
            from 0. It holds nothing of the record.
    """

    raw: Any = attrs.field(repr=False)
    error: MalformedError


OnUnreadable: TypeAlias = Callable[[Unreadable], object]
"""Is given each record that cannot be read."""


def check_listener(listener: object) -> None:
    """
    Check what is to be called with each record that cannot be read; None: nothing is.

    Raises:
        TypeError: It cannot be called, or only be awaited.
    """
    if listener is not None and (not callable(listener) or inspect.iscoroutinefunction(listener)):
        raise TypeError(f"on_unreadable must be a plain function or None, got {type(listener).__name__}")
