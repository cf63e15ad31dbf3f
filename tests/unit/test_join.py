"""
Results with a roster: a full outer join, since results are sparse (AGS 3.3.5).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Any

import attrs
import pytest

from aioags import Joined, Result, join_results


@attrs.frozen
class Person:
    """
    Somebody of a roster.
    """

    user_id: str
    name: str = ""


def results(*user_ids: str) -> list[Result]:
    """
    Return a result for each user.
    """
    return [Result(user_id=user_id, result_score=5, result_maximum=10) for user_id in user_ids]


async def trickle(entries: Iterable[Any], closed: list[str] | None = None) -> AsyncIterator[Any]:
    """
    Yield entries asynchronously, and say when it is closed.
    """
    try:
        for entry in entries:
            yield entry
    finally:
        if closed is not None:
            closed.append("closed")


async def joined(roster: Any, found: Any, **more: Any) -> list[tuple[str, Any, bool]]:
    """
    Return the rows as user id, person, and whether there is a result.
    """
    return [(row.user_id, row.person, row.result is not None) async for row in join_results(roster, found, **more)]


async def test_nobody_is_left_out() -> None:
    rows = await joined(["u1", "u2", "u3"], results("u3", "u9", "u1"))
    assert rows == [("u3", "u3", True), ("u9", None, True), ("u1", "u1", True), ("u2", "u2", False)]


@pytest.mark.parametrize("wrap", [list, tuple, iter, trickle])
async def test_both_sides_may_be_asynchronous(wrap: Any) -> None:
    rows = await joined(wrap(["u1", "u2"]), wrap(results("u2")))
    assert rows == [("u2", "u2", True), ("u1", "u1", False)]


async def test_people_are_recognised_by_their_user_id_or_by_a_key() -> None:
    ada, bob = Person("u1", "Ada"), Person("u2", "Bob")
    assert await joined([ada, bob], results("u2")) == [("u2", bob, True), ("u1", ada, False)]
    members = [{"sub": "u1"}, {"sub": "u2"}]
    assert await joined(members, results("u2"), key=lambda member: member["sub"]) == [
        ("u2", {"sub": "u2"}, True),
        ("u1", {"sub": "u1"}, False),
    ]


@pytest.mark.parametrize("person", [{"user_id": "u1"}, 5, None, Person(5)])  # type: ignore[arg-type]
async def test_who_cannot_be_recognised_is_an_error(person: Any) -> None:
    with pytest.raises(TypeError, match="pass key="):
        await joined([person], [])


async def test_a_roster_that_names_somebody_twice_is_an_error() -> None:
    with pytest.raises(ValueError, match="'u1' twice"):
        await joined(["u1", "u2", "u1"], [])


async def test_a_platform_that_sends_somebody_twice_yields_two_rows() -> None:
    assert await joined(["u1"], results("u1", "u1")) == [("u1", "u1", True), ("u1", "u1", True)]


async def test_a_person_without_a_grade_differs_from_one_without_a_result() -> None:
    cleared = Result(user_id="u1")
    rows = [row async for row in join_results(["u1", "u2"], [cleared])]
    assert rows == [Joined("u1", "u1", cleared), Joined("u2", "u2", None)]
    assert rows[0].result is not None
    assert rows[0].result.fraction is None


@pytest.mark.parametrize("roster, found, rows", [([], [], 0), (["u1"], [], 1), ([], results("u1"), 1)])
async def test_either_side_may_be_empty(roster: list[str], found: list[Result], rows: int) -> None:
    assert len(await joined(roster, found)) == rows


async def test_results_are_read_as_they_are_needed_and_closed_when_left() -> None:
    closed: list[str] = []
    rows = join_results(["u1"], trickle(results("u1", "u2"), closed))
    assert (await anext(rows)).user_id == "u1"
    assert closed == []
    await rows.aclose()
    assert closed == ["closed"]


async def test_an_error_of_the_results_comes_out_bare() -> None:
    async def broken() -> AsyncIterator[Result]:
        yield results("u1")[0]
        raise OSError("the platform went away")

    with pytest.raises(OSError, match="went away"):
        await joined(["u1"], broken())
