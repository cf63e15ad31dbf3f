"""
People of a table, found through the roster.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import AsyncIterator

import pytest

from aioags import Member
from aioags.cli.people import People
from aioags.cli.table_cells import CellError

MEMBERS = (
    Member("1", name="Lucas Khan", email="Lucas@school.example", lis_person_sourcedid="s-1"),
    Member("2", given_name="Zoë", family_name="Ek", email="zoe@school.example"),
    Member("3", name="Ann  Lee", email="ann@school.example", status="Inactive"),
    Member("4", name="Ann Lee", email="ann@school.example"),
    Member("5", name="Gone Girl", email="gone@school.example", status="http://purl.imsglobal.org/vocab#Deleted"),
    Member("6"),
)


async def members() -> AsyncIterator[Member]:
    for member in MEMBERS:
        yield member


@pytest.mark.parametrize(
    "by, person, user_id",
    [
        ("user_id", "6", "6"),
        ("email", "lucas@SCHOOL.example", "1"),
        ("sis_id", "S-1", "1"),
        ("name", "lucas  khan", "1"),
        ("name", "Khan, Lucas", "1"),
        ("name", "Zoe\u0308 Ek", "2"),
    ],
)
async def test_somebody_is_found(by: str, person: str, user_id: str) -> None:
    with People(by) as people:
        await people.read(members())
        assert people.user_id(person) == user_id


@pytest.mark.parametrize(
    "by, person, told",
    [
        ("user_id", "7", "'7' is not in the course"),
        ("user_id", "5", "'5' is not in the course"),
        ("email", "gone@school.example", "'gone@school.example' is not in the course"),
        (
            "name",
            "Ann Lee",
            "'Ann Lee' fits 2 people in the course, user ids 3, 4: use --by user_id",
        ),
    ],
)
async def test_who_is_not_found_or_fits_twice_is_told(by: str, person: str, told: str) -> None:
    with People(by) as people, pytest.raises(CellError) as raised:
        await people.read(members())
        people.user_id(person)
    assert str(raised.value) == told


async def test_a_roster_that_shows_no_addresses_is_told() -> None:
    async def bare() -> AsyncIterator[Member]:
        yield Member("1")

    refused = pytest.raises(CellError, match="the platform shows this tool nobody's email: use --by user_id")
    with People("email") as people, refused:
        await people.read(bare())
        people.user_id("a@b")


async def test_half_of_a_surrogate_pair_is_nobody_and_no_reason_to_fail() -> None:
    async def odd() -> AsyncIterator[Member]:
        yield Member("1", name="Ann \ud83d")
        yield Member("\ud83d", name="Ben")
        yield Member("2", name="Cy")

    with People("name") as people:
        await people.read(odd())
        assert people.user_id("cy") == "2"
        with pytest.raises(CellError, match="is not in the course"):
            people.user_id("Dee \udc00")


async def test_a_course_of_any_size_is_not_held_at_once() -> None:
    async def everybody() -> AsyncIterator[Member]:
        for number in range(10_000):
            yield Member(f"user-{number:05}", email=f"user-{number:05}@school.example")

    with People("email") as people:
        tracemalloc.start()
        try:
            await people.read(everybody())
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert people.user_id("user-09999@school.example") == "user-09999"
    assert peak < 1_000_000
