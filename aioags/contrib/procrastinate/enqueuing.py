"""
Scores that are put in the caller's own transaction.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

import psycopg
from psycopg.rows import tuple_row

from aioags.calls.log import WARNING, log
from aioags.contrib.procrastinate.waking import wake, wake_sync
from aioags.outbox import Entry
from aioags.outbox.order import Newest, dated
from aioags.outbox.postgres import sql


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
        How many are now their user's latest. That others were dropped, for newer ones, is logged.

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
    keys = cursor.execute(sql.PUT, sql.put_arguments(Newest.of(dated(entries, now), now).entries, now)).fetchall()
    _say_what_was_dropped(entries, len(keys))
    if keys:
        wake_sync(connection, sorted({(key[0], key[1]) for key in keys}))
    return len(keys)


def _say_what_was_dropped(entries: list[Entry], stored: int) -> None:
    if stored < len(entries):
        dropped = len(entries) - stored
        log(
            WARNING,
            "outbox: %(dropped)d of %(total)d scores were not stored, since newer ones are there",
            dropped=dropped,
            total=len(entries),
        )


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
    keys = await (
        await cursor.execute(sql.PUT, sql.put_arguments(Newest.of(dated(entries, now), now).entries, now))
    ).fetchall()
    _say_what_was_dropped(entries, len(keys))
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
