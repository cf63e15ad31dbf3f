"""
procrastinate as the job engine of an outbox in PostgreSQL: several machines drain, and take over from each other.

The truth is the outbox's table; a job only wakes a line item, so it may come twice, late or not at all:

- `enqueue` puts scores and wakes their line items in the caller's own transaction.
- ``aioags:drain`` drains one line item. Its lock keeps a second one waiting; its queueing lock keeps a third one out.
  It never raises for what a platform says, and has no retry: what is to be tried again says so in its row. Of one
  registration only some run at once in a process; the others come back when one ends.
- ``aioags:sweep``, every 10 seconds, wakes whatever is due and has no job: scores whose time has come, wake-ups that
  were spent before their transaction committed, and what a dead worker has left.
- ``aioags:tidy``, every hour, prunes the outbox and deletes finished jobs that a worker has kept.

A job holds the registration id and the line item's URL, nothing else: no grade and no user id reaches an engine's log.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypedDict

import psycopg
from procrastinate import App, Blueprint, JobContext, PsycopgConnector, SyncPsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException
from procrastinate.jobs import Job, Status
from procrastinate.manager import JobManager
from psycopg.rows import tuple_row

from aioags.outbox import Entry, Outbox, StoreError, lock_name
from aioags.outbox import postgres_sql as sql
from aioags.outbox.doors import Doors, in_turns
from aioags.outbox.model import newest
from aioags.outbox.postgres import PostgresStore
from aioags.outbox.postgres_errors import told

QUEUE = "aioags"
"""Every job of an outbox is in this queue."""

_Place = tuple[str, str]

_logger = logging.getLogger("aioags.outbox")

_DRAIN = f"{QUEUE}:drain"
_WOKEN_AT_ONCE = 100
# A queue that was empty when PostgreSQL last looked is planned for as if it still were: with 2,000 jobs each fetch then
# takes 170 ms instead of 0.1 ms (PostgreSQL 15, procrastinate 3.10). From so many jobs on it is told.
_MANY_JOBS = 100
# And again within a sweep that wakes very many, each batch of which looks for the jobs there are: 50,000 take 6 s
# instead of 57 s. A multiple of `_WOKEN_AT_ONCE`.
_TOLD_EVERY = 5_000
# Each holds a lock of PostgreSQL until its transaction ends, of which the whole server has 6,400 by default.
_MOST_WOKEN = 1_000
# Undefined table, function, column, type.
_NO_SUCH_THING = frozenset({"42P01", "42883", "42703", "42704"})
_HOURS_KEPT = 24
# A silence is waited out in a job slot only if that is shorter than until the next sweep, in all of one drain.
_PATIENCE = 2.0


class WorkerOptions(TypedDict):
    """
    Options of `procrastinate.App.run_worker_async`.
    """

    queues: list[str]
    concurrency: int
    delete_jobs: str
    shutdown_graceful_timeout: float
    fetch_job_polling_interval: float


WORKER: WorkerOptions = {
    "queues": [QUEUE],
    "concurrency": 64,
    "delete_jobs": "always",
    "shutdown_graceful_timeout": 5.0,
    # A notification that comes while a worker fetches is lost to it (procrastinate 3.10): this is how late it then is.
    "fetch_job_polling_interval": 1.0,
}
"""
For ``app.run_worker_async(**WORKER)``. A job waits for its platform most of the time, hence many at once. Finished jobs
are deleted, or procrastinate's tables grow with each wake-up. A worker that is stopped ends its drains after 5 seconds
instead of finishing whole line items; what they leave is due, and others post it.
"""

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


def add_tasks(
    app: App,
    outbox: Outbox,
    *,
    at_once: int = 16,
    sweep_every: int = 10,
    stalled_after: float = 30.0,
    now: Callable[[], float] = time.time,
) -> None:
    """
    Let the workers of an app drain an outbox. Its store should wake them: ``PostgresStore(…, wake=wake)``.

    Args:
        at_once: How many line items of one registration a process drains at once, at least 1. Well below the worker's
            ``concurrency``: a platform that hangs keeps so many job slots from the others.

        sweep_every: Seconds between two sweeps, 1 to 59.

        stalled_after: Seconds without a heartbeat after which a worker counts as dead, and its jobs are taken from it.
            Several times the worker's ``update_heartbeat_interval``, which is 10: taken from one that is alive, a line
            item would be drained twice at once.

        now: Reads Unix time.

    Raises:
        TypeError: The outbox is not in PostgreSQL.

        ValueError: `at_once` is less than 1.
    """
    if at_once < 1:
        raise ValueError(f"at_once must be at least 1, got {at_once!r}")
    blueprint = _blueprint(outbox, _store_of(outbox), Doors(at_once), sweep_every, stalled_after, now)
    app.add_tasks_from(blueprint, namespace=QUEUE)


def _store_of(outbox: Outbox) -> PostgresStore:
    if not isinstance(outbox.store, PostgresStore):
        raise TypeError(f"procrastinate needs an outbox in a PostgresStore, got {outbox.store!r}")
    return outbox.store


def _blueprint(
    outbox: Outbox,
    store: PostgresStore,
    doors: Doors,
    sweep_every: int,
    stalled_after: float,
    now: Callable[[], float],
) -> Blueprint:
    blueprint = Blueprint()

    @blueprint.task(name="drain", queue=QUEUE)
    async def drain(registration_id: str, line_item: str) -> None:
        if not doors.enter(registration_id, line_item):
            return
        try:
            await outbox.drain(registration_id, line_item, patience=_PATIENCE)
        except StoreError:
            # Its rows are due, and the next sweep finds them.
            _logger.exception("outbox: draining %s stopped", registration_id)
        finally:
            called = doors.leave(registration_id)
        await _call(store, called)

    # No lock: that of a sweep that died with its worker would stop every later one, which alone could free it.
    @blueprint.periodic(cron=f"* * * * * */{sweep_every}")
    @blueprint.task(name="sweep", queue=QUEUE, queueing_lock=f"{QUEUE}:sweep", priority=10, pass_context=True)
    async def sweep(context: JobContext, timestamp: int) -> None:
        manager = context.app.job_manager
        await _take_from_the_dead(manager, stalled_after)
        await _wake_what_is_due(manager, store, doors, now())

    @blueprint.periodic(cron="17 * * * *")
    @blueprint.task(name="tidy", queue=QUEUE, queueing_lock=f"{QUEUE}:tidy", pass_context=True)
    async def tidy(context: JobContext, timestamp: int) -> None:
        await outbox.prune()
        everything = {"include_failed": True, "include_cancelled": True, "include_aborted": True}
        await context.app.job_manager.delete_old_jobs(_HOURS_KEPT, queue=QUEUE, **everything)

    return blueprint


async def _take_from_the_dead(manager: JobManager, stalled_after: float) -> None:
    for job in await manager.get_stalled_jobs(queue=QUEUE, seconds_since_heartbeat=stalled_after):
        try:
            await manager.finish_job(job, status=Status.ABORTED, delete_job=True)
        except ConnectorException:
            # Another sweep was first.
            _logger.debug("outbox: the stalled job %s is gone already", job.id)


async def _call(store: PostgresStore, places: Sequence[_Place]) -> None:
    if not places:
        return
    try:
        async with store.connection() as connection:
            await wake(connection, places)
    except StoreError:
        _logger.warning("outbox: line items of %s wait for the next sweep", places[0][0], exc_info=True)


async def _wake_what_is_due(manager: JobManager, store: PostgresStore, doors: Doors, now: float) -> None:
    due = [(item.registration_id, item.line_item) for item in await store.due(now=now) if item.at <= now]
    if not due:
        return
    waiting = list(await manager.list_jobs_async(queue=QUEUE, status="todo"))
    running = await manager.list_jobs_async(queue=QUEUE, status="doing")
    known = {job.lock for job in (*waiting, *running)}
    places = in_turns(place for place in due if lock_name(*place) not in known and place not in doors)
    for start in range(0, len(places), _WOKEN_AT_ONCE):
        async with store.connection() as connection:
            await wake(connection, places[start : start + _WOKEN_AT_ONCE])
        if (start + _WOKEN_AT_ONCE) % _TOLD_EVERY == 0:
            await _tell_how_many(store)
    if len(waiting) + len(places) >= _MANY_JOBS:
        await _tell_how_many(store)


async def _tell_how_many(store: PostgresStore) -> None:
    async with store.connection() as connection:
        await connection.execute("ANALYZE procrastinate_jobs")


def _names(places: Sequence[_Place]) -> list[str]:
    return [lock_name(*place) for place in places[:_MOST_WOKEN]]


def _jobs(places: Sequence[_Place], names: Iterable[str]) -> list[Job]:
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


async def wake(connection: psycopg.AsyncConnection[Any], places: Sequence[_Place]) -> None:
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


def _wake_sync(connection: psycopg.Connection[Any], places: Sequence[_Place]) -> None:
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


def enqueue(connection: Any, entries: Iterable[Entry], *, now: Callable[[], float] = time.time) -> int:
    """
    Put scores in the caller's own transaction: they are stored if it commits, and then only.

    The first thousand line items of a call are woken by its commit; others are found by the sweep. Each that is woken
    holds a lock of PostgreSQL until then, so put very many with few calls.

    Args:
        connection: A psycopg 3 connection; or Django's ``connection``, inside `atomic` or not; or a SQLAlchemy
            ``Connection`` or ``Session`` on psycopg 3. With autocommit and no transaction open, one of its own is made.

        entries: Scores, each packed with `Entry.of`.

        now: Reads Unix time.

    Returns:
        How many are now their user's latest.

    Raises:
        TypeError: Not such a connection.

        StoreError: As `wake`.

        psycopg.Error: PostgreSQL failed, as with any statement of the caller's own.
    """
    driver = _driver(connection)
    given = _checked(entries)
    if not given:
        return 0
    if driver.autocommit:
        with driver.transaction():
            return _enqueue(driver, given, now())
    return _enqueue(driver, given, now())


def _checked(entries: Iterable[Entry]) -> list[Entry]:
    if isinstance(entries, Entry):
        raise TypeError("enqueue takes several Entries: put the one in a list")
    given = list(entries)
    for entry in given:
        if not isinstance(entry, Entry):
            raise TypeError(f"enqueue takes Entries, each made with Entry.of, got {type(entry).__name__}")
    return given


def _enqueue(connection: psycopg.Connection[Any], entries: list[Entry], now: float) -> int:
    # The caller's connection may make dicts of rows.
    cursor = connection.cursor(row_factory=tuple_row)
    cursor.execute(sql.PUT_ENDPOINTS, sql.endpoint_arguments(entries, now))
    keys = cursor.execute(sql.PUT, sql.put_arguments(newest(entries), now)).fetchall()
    if keys:
        _wake_sync(connection, sorted({(key[0], key[1]) for key in keys}))
    return len(keys)


async def enqueue_async(connection: Any, entries: Iterable[Entry], *, now: Callable[[], float] = time.time) -> int:
    """
    Do as `enqueue`, on a psycopg 3 ``AsyncConnection`` or a SQLAlchemy ``AsyncConnection`` or ``AsyncSession``.
    """
    driver = await _async_driver(connection)
    given = _checked(entries)
    if not given:
        return 0
    if driver.autocommit:
        async with driver.transaction():
            return await _enqueue_async(driver, given, now())
    return await _enqueue_async(driver, given, now())


async def _enqueue_async(connection: psycopg.AsyncConnection[Any], entries: list[Entry], now: float) -> int:
    cursor = connection.cursor(row_factory=tuple_row)
    await cursor.execute(sql.PUT_ENDPOINTS, sql.endpoint_arguments(entries, now))
    keys = await (await cursor.execute(sql.PUT, sql.put_arguments(newest(entries), now))).fetchall()
    if keys:
        await wake(connection, sorted({(key[0], key[1]) for key in keys}))
    return len(keys)


def _driver(connection: Any) -> psycopg.Connection[Any]:
    driver = connection
    if hasattr(connection, "ensure_connection"):
        # Django opens its connections late.
        connection.ensure_connection()
        driver = connection.connection
    elif hasattr(connection, "get_bind"):
        driver = _begun(connection.connection()).connection.driver_connection
    elif hasattr(connection, "exec_driver_sql"):
        driver = _begun(connection).connection.driver_connection
    if not isinstance(driver, psycopg.Connection):
        raise TypeError(
            f"enqueue needs a connection of psycopg 3, got {type(driver).__module__}.{type(driver).__name__}"
        )
    return driver


def _begun(connection: Any) -> Any:
    # SQLAlchemy commits only a transaction that it has begun itself, which its first own statement does.
    connection.exec_driver_sql("SELECT 1")
    return connection


async def _async_driver(connection: Any) -> psycopg.AsyncConnection[Any]:
    driver = connection
    if hasattr(connection, "get_bind"):
        connection = await connection.connection()
    if hasattr(connection, "exec_driver_sql"):
        await connection.exec_driver_sql("SELECT 1")
        driver = (await connection.get_raw_connection()).driver_connection
    if not isinstance(driver, psycopg.AsyncConnection):
        name = f"{type(driver).__module__}.{type(driver).__name__}"
        raise TypeError(f"enqueue_async needs an asynchronous connection of psycopg 3, got {name}")
    return driver
