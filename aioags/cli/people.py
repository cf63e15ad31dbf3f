"""
From what a table calls somebody to the user id of the platform, through the roster.
"""

from __future__ import annotations

import unicodedata
from collections.abc import AsyncIterable, Iterator
from typing import Self

from aioags.cli.table_cells import CellError
from aioags.model.member import Member
from aioags.outbox.scratch import encodable, scratch

_SHOWN = 3


class People:
    """
    Who is in the course, by what the table calls them; on the disk. Use it as a context manager.

    Attributes:
        by: One of `aioags.cli.table_columns.BY`.
    """

    def __init__(self, by: str) -> None:
        self.by = by
        self._data = scratch("CREATE TABLE called (name, user_id, PRIMARY KEY (name, user_id)) WITHOUT ROWID")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self._data.close()

    async def read(self, members: AsyncIterable[Member]) -> None:
        """
        Read a roster. Who was removed from the course is left out.
        """
        async for member in members:
            if member.status.rpartition("#")[2].casefold() != "deleted":
                user_id = encodable(member.user_id)
                called = ((encodable(key), user_id) for key in _keys(member, self.by))
                self._data.executemany("INSERT OR IGNORE INTO called VALUES (?, ?)", called)

    def user_id(self, person: str) -> str:
        """
        Return the user id of somebody.

        Raises:
            CellError: Nobody in the course is called so, or several are.
        """
        found = next(filter(None, map(self._called, _spellings(person, self.by))), [])
        if len(found) == 1:
            return found[0]
        if found:
            shown = ", ".join(found[:_SHOWN])
            raise CellError(f"{person!r} fits {len(found)} people in the course, user ids {shown}: use --by user_id")
        if self.by != "user_id" and not self._data.execute("SELECT 1 FROM called LIMIT 1").fetchone():
            raise CellError(f"the platform shows this tool nobody's {self.by}: use --by user_id")
        raise CellError(f"{person!r} is not in the course")

    def _called(self, name: str) -> list[str]:
        rows = self._data.execute("SELECT user_id FROM called WHERE name = ? ORDER BY user_id", (encodable(name),))
        return [user_id for (user_id,) in rows]


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
