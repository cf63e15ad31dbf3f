"""
Rows of registrations in PostgreSQL, for any number of machines. Needs psycopg: the extra ``procrastinate``.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout

from aioags.errors import RegistryError
from aioags.launch.registry.row import RegistrationRow, RowState, dump_row, load_row
from aioags.launch.registry.store import PAGE_ROWS, RowChangedError

Connection = psycopg.AsyncConnection[Any]
Pool = AsyncConnectionPool[Connection]

# One process at a time makes the table: CREATE IF NOT EXISTS alone fails where two run at once. Any number will do.
_LOCK = "SELECT pg_advisory_xact_lock(7236118004)"
_EXISTS = "SELECT to_regclass('aioags_registrations') IS NOT NULL"
# COLLATE "C": ids in the order of their bytes, as the other stores have them.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS aioags_registrations (id TEXT COLLATE "C" PRIMARY KEY, issuer TEXT NOT NULL,
    client_id TEXT NOT NULL, state TEXT NOT NULL, kid TEXT, version BIGINT NOT NULL, body JSONB NOT NULL)
"""
_INDEX = "CREATE INDEX IF NOT EXISTS aioags_registrations_party ON aioags_registrations (issuer, client_id)"
_INSERT = "INSERT INTO aioags_registrations VALUES (%s, %s, %s, %s, %s, 1, %s) ON CONFLICT DO NOTHING"
_UPDATE = (
    "UPDATE aioags_registrations SET issuer = %s, client_id = %s, state = %s, kid = %s, version = version + 1,"
    " body = %s WHERE id = %s AND version = %s"
)
_READ = "SELECT body::text, version FROM aioags_registrations WHERE "
_FIND = _READ + "issuer = %s AND (%s::text IS NULL OR client_id = %s) ORDER BY id"
_GET = _READ + "id = %s"
_PAGE = _READ + "id > %s AND (%s::text IS NULL OR state = %s) ORDER BY id LIMIT %s"
_REKEY = (
    "UPDATE aioags_registrations SET kid = %s, version = version + 1,"
    " body = jsonb_set(body, '{kid}', to_jsonb(%s::text)) WHERE kid IS NOT DISTINCT FROM %s"
)


class PostgresRegistrationStore:
    """
    A store in PostgreSQL. Nothing is opened before the first call.

    Args:
        conninfo: URL or connection string of the database.

        pool: A pool to use instead; it stays the caller's, and must be open. Best the one of the outbox.
    """

    def __init__(self, conninfo: str | None = None, *, pool: Pool | None = None) -> None:
        if (conninfo is None) == (pool is None):
            raise ValueError("give a conninfo or a pool, exactly one of the two")
        self._owned = pool is None
        self._pool = pool or AsyncConnectionPool(conninfo or "", min_size=1, max_size=4, open=False)
        self._opening = asyncio.Lock()
        self._ready = False

    def __repr__(self) -> str:
        return "<PostgresRegistrationStore>"

    async def save(self, *rows: RegistrationRow) -> bool:
        """
        Save rows: all of them or none.
        """
        try:
            async with self._transaction() as connection:
                # In one order everywhere, so that two that save the same rows do not wait for each other.
                for row in sorted(rows, key=lambda row: row.id):
                    await _save(connection, row)
        except RowChangedError:
            return False
        return True

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
        async with self._transaction() as connection:
            return (await connection.execute(_REKEY, (new, new, old))).rowcount

    async def aclose(self) -> None:
        """
        Close the pool, if it was opened here. Can be called twice.
        """
        if self._owned:
            await self._pool.close()

    async def _read(self, question: str, *arguments: str | int | None) -> list[RegistrationRow]:
        async with self._transaction() as connection:
            cursor = await connection.execute(question.encode(), arguments)
            rows = await cursor.fetchall()
        return [load_row(body, version) for body, version in rows]

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[Connection]:
        try:
            await self._open()
            async with self._pool.connection() as connection, connection.transaction():
                yield connection
        except (psycopg.Error, PoolClosed, PoolTimeout) as error:
            # Not the error's own words: they may hold the connection string.
            raise RegistryError(f"the store of registrations failed ({type(error).__name__})", transient=True) from None

    async def _open(self) -> None:
        async with self._opening:
            if self._ready:
                return
            if self._owned:
                await self._pool.open()
            async with self._pool.connection() as connection, connection.transaction():
                await _make_table(connection)
            self._ready = True


async def _make_table(connection: Connection) -> None:
    # A role that may not make tables can use one that is there.
    found = await (await connection.execute(_EXISTS)).fetchone()
    if found == (True,):
        return
    for statement in (_LOCK, _SCHEMA, _INDEX):
        await connection.execute(statement)


async def _save(connection: Connection, row: RegistrationRow) -> None:
    fields = (row.issuer, row.client_id, row.state, row.kid, dump_row(row))
    if row.version:
        done = await connection.execute(_UPDATE, (*fields, row.id, row.version))
    else:
        done = await connection.execute(_INSERT, (row.id, *fields))
    if done.rowcount != 1:
        raise RowChangedError
