"""
Rows of registrations in a file of SQLite, for the processes of one machine.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from aioags.errors import RegistryError
from aioags.launch.registry.row import RegistrationRow, RowState, dump_row, load_row
from aioags.launch.registry.store import PAGE_ROWS, RowChangedError
from aioags.launch.sqlite_file import SQLiteFile

T = TypeVar("T")

# issuer, client_id, state and kid stand beside the body because they are searched for, and are the same as in it.
_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS aioags_registrations (id TEXT PRIMARY KEY, issuer TEXT NOT NULL,"
    " client_id TEXT NOT NULL, state TEXT NOT NULL, kid TEXT, version INTEGER NOT NULL, body TEXT NOT NULL)",
    "CREATE INDEX IF NOT EXISTS aioags_registrations_party ON aioags_registrations (issuer, client_id)",
)
_INSERT = "INSERT OR IGNORE INTO aioags_registrations VALUES (?, ?, ?, ?, ?, 1, ?)"
_UPDATE = (
    "UPDATE aioags_registrations SET issuer = ?, client_id = ?, state = ?, kid = ?, version = version + 1, body = ?"
    " WHERE id = ? AND version = ?"
)
_FIND = "SELECT body, version FROM aioags_registrations WHERE issuer = ? AND (? IS NULL OR client_id = ?) ORDER BY id"
_GET = "SELECT body, version FROM aioags_registrations WHERE id = ?"
_PAGE = "SELECT body, version FROM aioags_registrations WHERE id > ? AND (? IS NULL OR state = ?) ORDER BY id LIMIT ?"
_REKEY = (
    "UPDATE aioags_registrations SET kid = ?, version = version + 1, body = json_set(body, '$.kid', ?) WHERE kid IS ?"
)


class SQLiteRegistrationStore(SQLiteFile):
    """
    A store in a file, opened at the first use.

    Args:
        path: The file; made when it is absent. Not on a network drive.
    """

    def __init__(self, path: str | Path) -> None:
        super().__init__(path, _SCHEMA)

    async def save(self, *rows: RegistrationRow) -> bool:
        """
        Save rows: all of them or none.
        """

        def step(connection: sqlite3.Connection) -> bool:
            for row in rows:
                _save(connection, row)
            return True

        try:
            return await self._run(step)
        except RowChangedError:
            return False

    async def find(self, issuer: str, client_id: str | None) -> Sequence[RegistrationRow]:
        """
        Return every row with this issuer and client id.
        """
        return await self._read(_FIND, issuer, client_id, client_id)

    async def get(self, row_id: str) -> RegistrationRow | None:
        """
        Return one row.
        """
        return next(iter(await self._read(_GET, row_id)), None)

    async def page(
        self, *, state: RowState | None = None, after: str = "", limit: int = PAGE_ROWS
    ) -> Sequence[RegistrationRow]:
        """
        Return rows ordered by id.
        """
        return await self._read(_PAGE, after, state, state, limit)

    async def rekey(self, old: str | None, new: str) -> int:
        """
        Let every row that names one key name another.
        """
        return await self._run(lambda connection: connection.execute(_REKEY, (new, new, old)).rowcount)

    async def _read(self, question: str, *arguments: str | int | None) -> list[RegistrationRow]:
        rows = await self._run(lambda connection: connection.execute(question, arguments).fetchall())
        return [load_row(body, version) for body, version in rows]

    async def _run(self, step: Callable[[sqlite3.Connection], T]) -> T:
        return await asyncio.to_thread(self._locked, step)

    def _locked(self, step: Callable[[sqlite3.Connection], T]) -> T:
        try:
            with self._transaction() as connection:
                return step(connection)
        except sqlite3.Error as error:
            raise RegistryError(
                f"the store of registrations failed ({type(error).__name__})", transient=True
            ) from error


def _save(connection: sqlite3.Connection, row: RegistrationRow) -> None:
    fields = (row.issuer, row.client_id, row.state, row.kid, dump_row(row))
    if row.version:
        done = connection.execute(_UPDATE, (*fields, row.id, row.version))
    else:
        done = connection.execute(_INSERT, (row.id, *fields))
    if done.rowcount != 1:
        raise RowChangedError
