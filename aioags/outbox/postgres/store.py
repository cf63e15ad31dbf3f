"""
The store for more than one machine: three tables in PostgreSQL. Needs psycopg: the extra ``procrastinate``.

It holds state only. Who drains when is the business of a job engine, such as procrastinate in the same database
(`aioags.contrib.procrastinate`): there is no lease and no worker loop here.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, LiteralString

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg_pool import AsyncConnectionPool, PoolClosed

from aioags.outbox.erasing import Erased
from aioags.outbox.group_commit import Commit, GroupCommit
from aioags.outbox.in_sql import ChangesInSQL
from aioags.outbox.model import (
    DAY,
    SECOND,
    Block,
    Deferral,
    DueItem,
    Entry,
    Outcome,
    Selection,
    State,
    StoredScore,
    StoreError,
    Taken,
)
from aioags.outbox.order import Newest
from aioags.outbox.postgres import schema, settling, sql
from aioags.outbox.postgres.erasing import erase
from aioags.outbox.postgres.errors import check_conninfo, held_error, store_error
from aioags.outbox.postgres.journal import JournalInPostgres
from aioags.outbox.postgres.locks import Locks
from aioags.outbox.postgres.reading import bury, fetched
from aioags.outbox.rows import counted, listed_score, page_arguments, soonest
from aioags.outbox.stats import Stats
from aioags.outbox.store import lock_name

_CONNECT_TIMEOUT = 10

Connection = psycopg.AsyncConnection[Any]
Pool = AsyncConnectionPool[Connection]

Wake = Callable[[Connection, Sequence[tuple[str, str]]], Awaitable[None]]
"""
Called in the transaction of each put, with its line items as (registration id, line item): lets a job engine that lives
in the same database hear of them when the transaction commits.
"""


class PostgresStore(JournalInPostgres, ChangesInSQL):
    """
    Scores in PostgreSQL. Nothing is opened before the first call.

    Args:
        conninfo: URL or connection string of the database.

        pool: A pool to use instead; it stays the caller's, and must be open.

        most_connections: Of the store's own pool.

        wake: See `Wake`. None: nobody is woken; a job engine finds what is due by itself.

        patience: How long a put or a settlement is tried again when somebody's open transaction holds its row, seconds.
            Others do not wait for it.

        proxied: The database is behind a proxy that hands out a connection for one transaction at a time, such as
            PgBouncer in transaction mode. Then no statement is prepared, and `alone` refuses. A pool of the caller's
            must see to the first itself: ``prepare_threshold=None`` for its connections.
    """

    statements = sql

    def __init__(
        self,
        conninfo: str | None = None,
        *,
        pool: Pool | None = None,
        most_connections: int = 10,
        wake: Wake | None = None,
        patience: float = 30.0,
        proxied: bool = False,
    ) -> None:
        if (conninfo is None) == (pool is None):
            raise ValueError("give a conninfo or a pool, exactly one of the two")
        if conninfo is not None:
            check_conninfo(conninfo)
        self.wake = wake
        self._conninfo = conninfo
        self._owned = pool is None
        self._proxied = proxied
        # psycopg's own 5; a statement that was prepared on another connection is not there.
        self._settings: dict[str, Any] = {"autocommit": True, "prepare_threshold": None if proxied else 5}
        self._pool = pool or AsyncConnectionPool(
            conninfo or "", kwargs=self._settings, min_size=1, max_size=most_connections, open=False
        )
        self._puts: GroupCommit[Entry, list[bool]] = GroupCommit(self._put_group, patience=patience)
        self._settlements: GroupCommit[Outcome, None] = GroupCommit(self._settle_group, patience=patience)
        self._locks = Locks(self.single)
        self._opening = asyncio.Lock()
        self._ready = False
        self._looking: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return "<PostgresStore>"

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """
        Hold a connection in a transaction, which commits at the end of the block.

        Raises:
            StoreError: PostgreSQL failed or cannot be reached.
        """
        async with self.single() as connection, connection.transaction():
            yield connection

    @asynccontextmanager
    async def single(self) -> AsyncIterator[Connection]:
        """
        Hold a connection for statements that need no transaction around them: that saves two ways to the server.

        Raises:
            StoreError: As `connection`.
        """
        try:
            if not self._ready:
                await self._open()
            async with self._pool.connection() as connection:
                try:
                    yield connection
                finally:
                    if connection.broken:
                        self._look_at_the_others()
        except PoolClosed:
            raise StoreError("the store is closed") from None
        except psycopg.Error as error:
            raise store_error(error) from None

    def _look_at_the_others(self) -> None:
        # A server that has cut one connection has cut all, and each would cost somebody an error. To look before each
        # use costs a way to the server; and who looks takes them out of the pool, so nobody needs to wait for him.
        if self._owned and (self._looking is None or self._looking.done()):
            self._looking = asyncio.create_task(self._pool.check(), name="aioags outbox connections")

    async def _open(self) -> None:
        async with self._opening:
            if self._ready:
                return
            async with self._first() as connection:
                schema.check_encoding(connection)
                schema.check_version(await schema.version_of(connection))
            if self._owned:
                await self._pool.open()
            self._ready = True

    @asynccontextmanager
    async def _first(self) -> AsyncIterator[Connection]:
        """
        Hold a connection that is not of our own pool, which would try for half a minute and not say why there is none.
        """
        if self._conninfo is None:
            async with self._pool.connection() as connection:
                yield connection
            return
        timeout = conninfo_to_dict(self._conninfo).get("connect_timeout", _CONNECT_TIMEOUT)
        opened = psycopg.AsyncConnection.connect(self._conninfo, **self._settings, connect_timeout=timeout)
        async with await opened as connection:
            yield connection

    async def migrate(self) -> None:
        """
        Make the tables, or bring them to the newest version; all at once or not at all. Several processes may try.

        Raises:
            StoreError: They were made by a newer version of this package.
        """
        try:
            async with self._first() as connection, connection.transaction():
                schema.check_encoding(connection)
                await connection.execute(schema.LOCK_SCHEMA)
                version = await schema.version_of(connection)
                if version > len(schema.MIGRATIONS):
                    schema.check_version(version)
                for migration in schema.MIGRATIONS[version:]:
                    for statement in migration:
                        await connection.execute(statement)
                await connection.execute(schema.SET_VERSION, (len(schema.MIGRATIONS),))
        except psycopg.Error as error:
            raise store_error(error) from None

    async def put(self, entries: Sequence[Entry], *, now: float) -> list[bool]:
        """
        Store scores; durable when this returns. Callers who come together share a transaction.

        Raises:
            StoreError: PostgreSQL failed, or somebody's open transaction has held a row for longer than our patience.
        """
        return await self._puts.commit(entries, now) if entries else []

    async def _put_group(self, group: list[Commit[Entry, list[bool]]]) -> None:
        entries = [entry for commit in group for entry in commit.items]
        now = max(commit.now for commit in group)
        newest = Newest.of(entries, now)
        async with self.connection() as connection:
            # Whoever waits for a row here keeps a connection, and in the line also everybody behind.
            await connection.execute(sql.PATIENCE_ALONE if group[0].parted else sql.PATIENCE_TOGETHER)
            await connection.execute(sql.PUT_ENDPOINTS, sql.endpoint_arguments(entries, now))
            cursor = await connection.execute(sql.PUT, sql.put_arguments(newest.entries, now))
            keys = set(await cursor.fetchall())
            if self.wake is not None and keys:
                await self.wake(connection, sorted({(registration, item) for registration, item, _ in keys}))
        answers = iter(newest.answers(len(entries), keys))
        for commit in group:
            commit.settle([next(answers) for _ in commit.items])

    async def due(self, *, now: float) -> list[DueItem]:
        """
        List the line items that have due scores.
        """
        async with self.single() as connection:
            cursor = await connection.execute(sql.DUE, {"now": now})
            return soonest(await fetched(cursor))

    async def endpoint(self, registration_id: str, line_item: str) -> str | None:
        """
        Return the JSON of the endpoint that was put last for a line item.
        """
        async with self.single() as connection:
            cursor = await connection.execute(sql.ENDPOINT, (registration_id, line_item))
            rows = await fetched(cursor)
            return str(rows[0][0]) if rows else None

    async def take(
        self,
        registration_id: str,
        line_item: str,
        *,
        now: float,
        limit: int,
        busy: Collection[str] = (),
        probe: bool = False,
    ) -> Taken:
        """
        Begin an attempt with due scores of one line item.
        """
        arguments = {
            "registration": registration_id,
            "line_item": line_item,
            "now": now,
            "now_micros": int(now * SECOND),
            "limit": limit,
            "busy": list(busy),
        }
        async with self.single() as connection:
            cursor = await connection.execute(sql.PROBE if probe else sql.TAKE, arguments)
            if rows := await bury(connection, await fetched(cursor)):
                *_, count, at, until, reason, waited = rows[0]
                deferral = None if count is None else Deferral(count, at, until, reason, waited)
                return Taken([StoredScore(*row[:-5]) for row in rows], deferral=deferral)
            cursor = await connection.execute(sql.BLOCK_OF, arguments)
            blocks = await fetched(cursor)
            return Taken([], Block(registration_id, *blocks[0]) if blocks else None)

    async def settle(self, outcomes: Sequence[Outcome], *, now: float) -> None:
        """
        Store what became of attempts; durable when this returns. Drains that come together share a transaction.
        """
        if outcomes:
            await self._settlements.commit(outcomes, now)

    async def _settle_group(self, group: list[Commit[Outcome, None]]) -> None:
        outcomes = [outcome for commit in group for outcome in commit.items]
        async with self.single() as connection:
            arguments = settling.settle_arguments(outcomes, max(commit.now for commit in group))
            settled = set(await (await connection.execute(settling.SETTLE_FREE, arguments)).fetchall())
            if len(settled) < len(outcomes):
                held = set(await (await connection.execute(settling.STILL_THERE, arguments)).fetchall()) - settled
            else:
                held = set()
        for commit in group:
            commit.items = [outcome for outcome in commit.items if outcome.key in held]
            if not commit.items:
                commit.settle(None)
        if held:
            raise held_error()

    async def _execute(self, arguments: Mapping[str, Any], *statements: LiteralString) -> list[int]:
        async with self.connection() if len(statements) > 1 else self.single() as connection:
            return [(await connection.execute(statement, arguments)).rowcount for statement in statements]

    async def stats(self, *, now: float) -> Stats:
        """
        Count the rows.
        """
        clock = {"now": now}
        async with self.single() as connection:
            blocks = await fetched(await connection.execute(sql.BLOCKS, clock))
            return counted(await fetched(await connection.execute(sql.STATS, clock)), blocks)

    async def listed(
        self, selection: Selection, state: State, *, after: tuple[str, str, str] | None = None, limit: int = 500
    ) -> list[StoredScore]:
        """
        List rows of a state, by key, one page.
        """
        async with self.single() as connection:
            arguments = page_arguments(selection, state, after, limit)
            found = await fetched(await connection.execute(sql.LISTED, arguments))
            if len(await bury(connection, found)) < len(found):
                # They have other names now, and their own places among the rest.
                found = await fetched(await connection.execute(sql.LISTED, arguments))
            return [listed_score(row) for row in found]

    async def prune(self, *, before: float, dead: bool = False) -> int:
        """
        Delete rows that are done since before a time, and endpoints that nothing has used since two days before it.
        """
        async with self.connection() as connection:
            deleted = (await connection.execute(sql.PRUNE, {"dead": dead, "before": before})).rowcount
            # A transaction that is still open counts on the one it found, which was at most a day old.
            await connection.execute(sql.PRUNE_ENDPOINTS, (before - 2 * DAY,))
            await connection.execute(sql.PRUNE_DEFERRALS)
            return deleted

    async def erase(
        self,
        registration_id: str,
        *,
        user_id: str | None = None,
        line_item: str | None = None,
        lineitems: str | None = None,
    ) -> Erased:
        """
        Delete rows in whatever state: those that fit everything that is given.

        Raises:
            StoreError: PostgreSQL failed, or somebody's open transaction holds one of the rows. Nothing was erased.
        """
        async with self.connection() as connection:
            return await erase(connection, registration_id, user_id, line_item, lineitems)

    @asynccontextmanager
    async def alone(self, registration_id: str, line_item: str) -> AsyncIterator[bool]:
        """
        Hold a line item for oneself while the block runs: for job engines without locks. procrastinate has its own.

        The lock is PostgreSQL's and dies with its connection, which all locks of a store share. A proxy that hands out
        connections for one transaction at a time does not keep it, such as PgBouncer in that mode.

        Yields:
            True: nobody else may drain it now. False: somebody else does.

        Raises:
            StoreError: The store is `proxied`; or PostgreSQL failed.
        """
        if self._proxied:
            raise StoreError(
                "a proxy that hands out connections by transactions keeps no lock: let the job engine lock by "
                "lock_name(...), or hold line items with a store that is connected to PostgreSQL itself"
            )
        try:
            async with self._locks.hold(f"drain {lock_name(registration_id, line_item)}") as mine:
                yield mine
        except psycopg.Error as error:
            raise store_error(error) from None

    async def lead(self) -> bool:
        """
        Refuse: in PostgreSQL mode a job engine drains.

        Raises:
            StoreError: Always.
        """
        raise StoreError(
            "scores in PostgreSQL are drained by a job engine: aioags.contrib.procrastinate, or Outbox.drain in yours"
        )

    async def aclose(self) -> None:
        """
        Finish what was begun, within the store's patience, and close its own pool. Can be called twice.
        """
        await self._puts.aclose()
        await self._settlements.aclose()
        self._ready = False
        if self._looking is not None:
            await asyncio.wait({self._looking})
        if self._owned:
            await self._pool.close()
