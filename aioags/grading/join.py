"""
Results with a roster: who has one, who has none, and who is not on the list.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable
from contextlib import aclosing
from typing import Any, Generic, TypeVar

import attrs

from aioags.grading.sources import as_async, check_source
from aioags.model.mistakes import lists
from aioags.model.result import Result

P = TypeVar("P")


@attrs.frozen
class Joined(Generic[P]):
    """
    One row of a full outer join.

    Attributes:
        user_id: LTI user id.

        person: The entry of the roster. None: the result's user is not on it.

        result: What the platform holds. None: it holds no result for this person. Results are sparse, so that is
            neither zero nor absence from the course.
    """

    user_id: str
    person: P | None
    result: Result | None


def user_id_of(person: Any) -> str:
    """
    Return the user id of somebody on a roster: a user id itself, or what has one.

    Raises:
        TypeError: A result, or what has none.
    """
    if isinstance(person, Result):
        raise TypeError("the roster holds a Result: the roster comes first, then the results")
    if isinstance(person, str):
        return person
    user_id = getattr(person, "user_id", None)
    if not isinstance(user_id, str):
        raise TypeError(f"cannot tell the user id of a {type(person).__name__}: pass key=")
    return user_id


@lists
async def join_results(
    roster: Iterable[P] | AsyncIterable[P],
    results: Iterable[Result] | AsyncIterable[Result],
    *,
    key: Callable[[P], str] = user_id_of,
) -> AsyncGenerator[Joined[P], None]:
    """
    Join a roster with results, both complete: nobody is left out.

    Args:
        roster: People, each once. Read whole before the first result.

        results: Such as ``gradebook.results()``. Read as they are needed.

        key: The LTI user id of a person. By default the person itself when it is a str, else its ``user_id``.

    Yields:
        One row for each result, in the order of the results, then one for each person without a result, in the
        roster's order. A platform that sends a user twice yields two rows.

    Raises:
        ValueError: The roster holds a user id twice.

        TypeError: What is no roster, or no results; such as one in place of the other.
    """
    for name, source in (("roster", roster), ("results", results)):
        check_source(name, source)
    people: dict[str, P] = {}
    async with aclosing(as_async(roster)) as persons:
        async for person in persons:
            user_id = key(person)
            if user_id in people:
                raise ValueError(f"the roster holds the user id {user_id!r} twice")
            people[user_id] = person
    seen: set[str] = set()
    async with aclosing(as_async(results)) as records:
        async for result in records:
            if not isinstance(result, Result):
                raise TypeError(
                    f"results must hold Results, got {type(result).__name__}: the roster comes first, then the results"
                )
            seen.add(result.user_id)
            yield Joined(result.user_id, people.get(result.user_id), result)
    for user_id, person in people.items():
        if user_id not in seen:
            yield Joined(user_id, person, None)
