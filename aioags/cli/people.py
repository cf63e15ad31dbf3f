"""
From what a table calls somebody to the user id of the platform, through the roster.
"""

from __future__ import annotations

import unicodedata
from collections.abc import AsyncIterable, Iterator
from typing import Self

import attrs

from aioags.cli.table_cells import CellError
from aioags.model.member import Member

_SHOWN = 3


@attrs.frozen
class People:
    """
    Who is in the course, by what the table calls them. Make it with `read`.

    Attributes:
        by: One of `aioags.cli.table_columns.BY`.

        user_ids: Of everybody in the course.
    """

    by: str
    user_ids: frozenset[str] = attrs.field(repr=False)
    _found: dict[str, tuple[str, ...]] = attrs.field(repr=False)

    @classmethod
    async def read(cls, members: AsyncIterable[Member], by: str) -> Self:
        """
        Read a roster. Who was removed from the course is left out.
        """
        found: dict[str, tuple[str, ...]] = {}
        user_ids: set[str] = set()
        async for member in members:
            if member.status.rpartition("#")[2].casefold() != "deleted":
                user_ids.add(member.user_id)
                for key in set(_keys(member, by)):
                    found[key] = tuple({*found.get(key, ()), member.user_id})
        return cls(by, frozenset(user_ids), found)

    def user_id(self, person: str) -> str:
        """
        Return the user id of somebody.

        Raises:
            CellError: Nobody in the course is called so, or several are.
        """
        found = next((self._found[key] for key in _spellings(person, self.by) if key in self._found), ())
        if len(found) == 1:
            return found[0]
        if found:
            shown = ", ".join(sorted(found)[:_SHOWN])
            raise CellError(f"{person!r} fits {len(found)} people in the course, user ids {shown}: use --by user_id")
        if not self._found and self.by != "user_id":
            raise CellError(f"the platform shows this tool nobody's {self.by}: use --by user_id")
        raise CellError(f"{person!r} is not in the course")


def _keys(member: Member, by: str) -> Iterator[str]:
    """
    Yield all that a member may be called.
    """
    if by == "user_id":
        yield member.user_id
    elif by == "email":
        yield from _spellings(member.email or "", by)
    elif by == "sis_id":
        yield from _spellings(member.lis_person_sourcedid or "", by)
    else:
        yield from _spellings(member.name or "", by)
        if member.given_name and member.family_name:
            yield from _spellings(f"{member.given_name} {member.family_name}", by)


def _spellings(person: str, by: str) -> Iterator[str]:
    """
    Yield how somebody's name is compared: without regard to case, blanks and the way accents are written.

    Canvas exports ``Khan, Lucas``, and its roster has ``Lucas Khan``.
    """
    if by == "user_id":
        yield person
        return
    plain = " ".join(unicodedata.normalize("NFKC", person).casefold().split())
    if plain:
        yield plain
    family, comma, given = plain.partition(",")
    if by == "name" and comma and given.strip() and family.strip():
        yield f"{given.strip()} {family.strip()}"
