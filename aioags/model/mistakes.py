"""
Internal. Mistakes that Python words for whoever knows its insides, said with what to write instead.

A type checker finds each of them before; what is here is made so that it still does.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Coroutine
from difflib import get_close_matches
from functools import wraps
from typing import TYPE_CHECKING, Any, NoReturn, Self, TypeVar, cast

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

# What others call it: PyLTI1p3, LTIAAS, Canvas and people.
_CALLED_HERE = {
    "score_maximum": ("max_score", "maximum_score", "max_points", "maximum", "max", "points_possible", "out_of"),
    "score_given": ("score", "given_score", "points", "grade", "value"),
    "user_id": ("user", "sub", "student", "student_id", "learner_id", "lti_user_id"),
    "label": ("title", "name"),
    "comment": ("feedback", "message"),
    "start_date_time": ("start", "starts_at", "unlock_at", "start_date"),
    "end_date_time": ("end", "ends_at", "due", "due_at", "due_date", "deadline", "end_date"),
    "timestamp": ("time", "date", "when", "graded_at"),
}
_OTHER_NAMES = {other: name for name, others in _CALLED_HERE.items() for other in others}
_LONGEST_SHOWN = 40


def tells_unknown(name: str) -> Callable[[F], F]:
    """
    Return a decorator that says what an unknown keyword argument is called here.

    Args:
        name: What the caller wrote before the parenthesis.
    """

    def decorate(function: F) -> F:
        @wraps(function)
        def told(*args: Any, **given: Any) -> Any:
            # A call that goes well costs nothing but this one.
            try:
                return function(*args, **given)
            except TypeError:
                known = inspect.signature(function).parameters
                if (unknown := next((one for one in given if one not in known), None)) is None:
                    raise
                wrong = _unknown(name, unknown, [one for one in known if one not in {"self", "cls"} and one[0] != "_"])
            raise wrong

        return cast("F", told)

    return decorate


def _unknown(name: str, given: str, known: Collection[str]) -> TypeError:
    shown = f"{given}=" if given.isidentifier() and len(given) <= _LONGEST_SHOWN else "argument of that name"
    snake = re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", given).lower()
    meant = next((one for one in (snake, _OTHER_NAMES.get(snake, "")) if one in known), None)
    meant = meant or next(iter(get_close_matches(snake, known, n=1)), None)
    # No word that is like it: then all there are.
    return TypeError(f"{name} takes no {shown}: " + (f"write {meant}=" if meant else f"it takes {', '.join(known)}"))


class AsyncListing(AsyncGenerator[T, None]):
    """
    An asynchronous generator that says so to whoever awaits it, or loops over it with a plain ``for``.

    Args:
        records: What it is.

        name: The verb that made it.
    """

    __slots__ = ("__weakref__", "_name", "_records")

    def __init__(self, records: AsyncGenerator[T, None], name: str) -> None:
        self._records = records
        self._name = name

    def __repr__(self) -> str:
        return f"<{self._name}(…): to be read with async for>"

    def __aiter__(self) -> AsyncIterator[T]:
        # Not itself: so a record costs no call more.
        return self._records

    def __anext__(self) -> Coroutine[Any, Any, T]:
        return self._records.__anext__()

    def asend(self, value: None) -> Coroutine[Any, Any, T]:
        """
        Go on, as `anext` does.
        """
        return self._records.asend(value)

    def athrow(self, *error: Any) -> Coroutine[Any, Any, T]:
        """
        Raise an error where it stopped.
        """
        return self._records.athrow(*error)

    def aclose(self) -> Coroutine[Any, Any, None]:
        """
        Read no further.
        """
        return self._records.aclose()

    if not TYPE_CHECKING:

        def __await__(self) -> NoReturn:
            raise self._mistake("cannot be awaited")

        # Not __iter__: it would be an Iterable to whoever looks, and a for asks for the item 0 as well.
        def __getitem__(self, _: object) -> NoReturn:
            raise self._mistake("cannot be read without async")

    def _mistake(self, why: str) -> TypeError:
        return TypeError(
            f"{self._name}() {why}: it lists page by page; write `async for one in {self._name}(…)`, or"
            f" `[one async for one in {self._name}(…)]`; without an event loop take aioags.blocking"
        )


def lists(function: F) -> F:
    """
    Return the function, which returns an asynchronous generator, with a `AsyncListing` in its place.
    """

    @wraps(function)
    def listed(*args: Any, **given: Any) -> Any:
        return AsyncListing(function(*args, **given), function.__name__)

    return cast("F", listed)


class NeedsAsyncWith:
    """
    What is opened with ``async with``, and says so to a plain ``with``.
    """

    __slots__ = ()

    if not TYPE_CHECKING:

        def __enter__(self) -> NoReturn:
            name = type(self).__name__
            raise TypeError(
                f"{name} is opened with `async with`, inside an `async def`; a program without an event loop takes"
                " aioags.blocking.Client, which is opened with `with`"
            )

        # Asked for before __enter__ is called.
        def __exit__(self, *_: object) -> None: ...


class ClosedAtEnd(NeedsAsyncWith):
    """
    What ``async with`` closes at its end, and does nothing else for.
    """

    __slots__ = ()

    async def aclose(self) -> None:
        """
        Close what is open.
        """
        raise NotImplementedError

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()
