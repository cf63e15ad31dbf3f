"""
Where rows of registrations are kept: the protocol, and a store in memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import attrs

from aioags.launch.registry.row import RegistrationRow, RowState

PAGE_ROWS = 1000
"""How many rows a page has unless told otherwise."""


class RowChangedError(Exception):
    """
    Inside of a store: a row is not as it was read, so the transaction goes back.
    """


@runtime_checkable
class RegistrationStore(Protocol):
    """
    A table of `RegistrationRow`. `aioags.launch.registry.conformance` holds any store to what is said here.
    """

    async def save(self, *rows: RegistrationRow) -> bool:
        """
        Save rows in one step: all of them or none.

        Args:
            rows: One of version 0 is new; another takes the place of the one that it was read as.

        Returns:
            False: one of them is not as it was read, or its id is taken; nothing was changed. Read again and decide
            again.
        """
        ...

    async def find(self, issuer: str, client_id: str | None) -> Sequence[RegistrationRow]:
        """
        Return every row with this issuer and client id, in any state, ordered by id.

        Args:
            client_id: None: any.
        """
        ...

    async def get(self, row_id: str) -> RegistrationRow | None:
        """
        Return one row. None: there is none of this id.
        """
        ...

    async def page(
        self, *, state: RowState | None = None, after: str = "", limit: int = PAGE_ROWS
    ) -> Sequence[RegistrationRow]:
        """
        Return rows ordered by id.

        Args:
            state: None: of any state.

            after: Id of the last row of the page before; empty: from the beginning.

            limit: Most rows. A page of fewer is the last.
        """
        ...

    async def rekey(self, old: str | None, new: str) -> int:
        """
        Let every row that names one key name another, in one step.

        Args:
            old: None: rows that name none.

        Returns:
            How many rows there were.
        """
        ...


def saved(row: RegistrationRow) -> RegistrationRow:
    """
    Return a row as it is after a save.
    """
    return attrs.evolve(row, version=row.version + 1)


class MemoryRegistrationStore:
    """
    A store in this process, for tests and trials: a restart forgets it.
    """

    def __init__(self) -> None:
        self._rows: dict[str, RegistrationRow] = {}

    async def save(self, *rows: RegistrationRow) -> bool:
        """
        Save rows: all of them or none.
        """
        held = {row_id: row.version for row_id, row in self._rows.items()}
        for row in rows:
            if held.get(row.id, 0) != row.version:
                return False
            held[row.id] = row.version + 1
        self._rows.update({row.id: saved(row) for row in rows})
        return True

    async def find(self, issuer: str, client_id: str | None) -> Sequence[RegistrationRow]:
        """
        Return every row with this issuer and client id.
        """
        return [row for row in self._sorted() if row.issuer == issuer and client_id in (None, row.client_id)]

    async def get(self, row_id: str) -> RegistrationRow | None:
        """
        Return one row.
        """
        return self._rows.get(row_id)

    async def page(
        self, *, state: RowState | None = None, after: str = "", limit: int = PAGE_ROWS
    ) -> Sequence[RegistrationRow]:
        """
        Return rows ordered by id.
        """
        return [row for row in self._sorted() if row.id > after and state in (None, row.state)][:limit]

    async def rekey(self, old: str | None, new: str) -> int:
        """
        Let every row that names one key name another.
        """
        changed = [row for row in self._rows.values() if row.kid == old]
        self._rows.update({row.id: saved(attrs.evolve(row, kid=new)) for row in changed})
        return len(changed)

    def _sorted(self) -> list[RegistrationRow]:
        return sorted(self._rows.values(), key=lambda row: row.id)
