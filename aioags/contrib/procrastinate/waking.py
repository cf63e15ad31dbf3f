"""
The jobs that wake line items, written in a transaction of somebody else's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import psycopg
from procrastinate import PsycopgConnector, SyncPsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException
from procrastinate.jobs import Job
from procrastinate.manager import JobManager
from psycopg.rows import tuple_row

from aioags.contrib.procrastinate.doors import Place
from aioags.outbox import StoreError, lock_name
from aioags.outbox.postgres.errors import told

QUEUE = "aioags"
"""Every job of an outbox is in this queue."""

_DRAIN = f"{QUEUE}:drain"
# Each holds a lock of PostgreSQL until its transaction ends, of which the whole server has 6,400 by default.
_MOST_WOKEN = 1_000
# Undefined table, function, column, type.
_NO_SUCH_THING = frozenset({"42P01", "42883", "42703", "42704"})

# One whose queueing lock is taken would fail, which fills PostgreSQL's log. And where another transaction is just
# waking the line item, waiting for its end could be long, or a deadlock: the sweep finds what its job has missed.
_TO_WAKE = """
    SELECT name FROM unnest(%s::text[]) AS name
    WHERE NOT EXISTS (SELECT 1 FROM procrastinate_jobs WHERE queueing_lock = name AND status = 'todo')
        AND pg_try_advisory_xact_lock(hashtextextended(name, 0))
"""

# Never opened: they only write jobs on connections of others.
_manager = JobManager(PsycopgConnector())
_sync_manager = JobManager(SyncPsycopgConnector())


def _names(places: Sequence[Place]) -> list[str]:
    return [lock_name(*place) for place in places[:_MOST_WOKEN]]


def _jobs(places: Sequence[Place], names: Iterable[str]) -> list[Job]:
    by_name = dict(zip(_names(places), places, strict=False))
    return [
        Job(
            queue=QUEUE,
            lock=name,
            queueing_lock=name,
            task_name=_DRAIN,
            task_kwargs={"registration_id": by_name[name][0], "line_item": by_name[name][1]},
        )
        for name in names
    ]


async def wake(connection: psycopg.AsyncConnection[Any], places: Sequence[Place]) -> None:
    """
    Defer a drain for each line item, as (registration id, line item), in the connection's open transaction.

    One that has a job waiting gets no second one. Nothing here can spoil the transaction, or wait for another one. Of
    more than a thousand line items the first thousand are woken; the sweep finds the others.

    Raises:
        StoreError: procrastinate's tables are missing, or older than itself.

        psycopg.Error: PostgreSQL failed.
    """
    try:
        cursor = await connection.cursor(row_factory=tuple_row).execute(_TO_WAKE, (_names(places),))
        jobs = _jobs(places, [row[0] for row in await cursor.fetchall()])
        # One that is refused refuses the whole batch; then each gets a savepoint of its own.
        for batch in (jobs, *([job] for job in jobs)):
            if batch and await _defer(connection, batch) and batch is jobs:
                return
    except (psycopg.Error, ConnectorException) as error:
        raise _wake_error(error) from None


async def _defer(connection: psycopg.AsyncConnection[Any], batch: list[Job]) -> bool:
    try:
        async with connection.transaction():
            await _manager.batch_defer_jobs_async(batch, connection=connection)
    except AlreadyEnqueued:
        return False
    return True


def wake_sync(connection: psycopg.Connection[Any], places: Sequence[Place]) -> None:
    """
    Do as `wake`, on a connection that blocks.
    """
    try:
        cursor = connection.cursor(row_factory=tuple_row).execute(_TO_WAKE, (_names(places),))
        jobs = _jobs(places, [row[0] for row in cursor.fetchall()])
        for batch in (jobs, *([job] for job in jobs)):
            if batch and _defer_sync(connection, batch) and batch is jobs:
                return
    except (psycopg.Error, ConnectorException) as error:
        raise _wake_error(error) from None


def _defer_sync(connection: psycopg.Connection[Any], batch: list[Job]) -> bool:
    try:
        with connection.transaction():
            _sync_manager.batch_defer_jobs(batch, connection=connection)
    except AlreadyEnqueued:
        return False
    return True


def _wake_error(error: Exception) -> Exception:
    cause = error if isinstance(error, psycopg.Error) else error.__cause__ or error.__context__
    if not isinstance(cause, psycopg.Error):
        return StoreError(f"procrastinate: {type(error).__name__}: {error}")
    if cause.sqlstate in _NO_SUCH_THING:
        return StoreError(
            "procrastinate has no tables in this database, or they are older than itself: "
            f"run procrastinate schema --apply, or its migrations ({told(cause)})"
        )
    return cause
