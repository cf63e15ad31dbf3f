"""
What may follow from an answer: one call's next step, as a value.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeAlias, TypeVar

import attrs

from aioags.errors import AGSError
from aioags.model.value import value
from aioags.protocol.dialect import Operation, Page

T = TypeVar("T")


@value
class Done(Generic[T]):
    """
    The call is done, with this value.
    """

    value: T


@attrs.frozen
class Again:
    """
    Try again after so many seconds.
    """

    after: float
    error: AGSError


@attrs.frozen
class Renew:
    """
    Drop the token that was used, get another, and try again at once.
    """


@attrs.frozen
class Follow:
    """
    Send the same request to this URL, which may be trusted with the token.
    """

    url: str


@attrs.frozen
class Look:
    """
    Read this page, to find out what a lost answer left at the platform, and hand it to `Trial.looked`.
    """

    operation: Operation[Page[Any]]


@attrs.frozen
class GiveUp:
    """
    The call failed.
    """

    error: AGSError


@attrs.frozen
class Differs:
    """
    What was searched for is not what stands there.
    """


Verdict: TypeAlias = "Done[T] | Again | Renew | Follow | Look | GiveUp"


@attrs.frozen
class Search(Generic[T]):
    """
    How to recognise what a lost answer may have left at the platform.

    Attributes:
        first: Lists what may hold it.

        further: Makes the operation for a further page.

        recognise: What a record says: the call is done, or something else stands in its place (where `creates`: it may
            be what was made). None: nothing.

        may_be: True when a record that cannot be read, as the platform sent it, may be what is searched for.

        creates: What is searched for is new: when it is nowhere, it was not made and may be made again. False: its
            absence proves nothing.
    """

    first: Operation[Page[Any]]
    further: Callable[[str], Operation[Page[Any]]]
    recognise: Callable[[Any], Done[T] | Differs | None]
    may_be: Callable[[object], bool] = lambda _: False
    creates: bool = False
