"""
Scores that are stored with the caller's own work or not at all, on every kind of connection.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy
from psycopg.rows import dict_row, namedtuple_row, scalar_row
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session

from aioags import Score
from aioags.contrib.procrastinate import enqueue, enqueue_async, wake
from aioags.outbox import Entry, StoreError
from aioags.outbox.conformance.given import ITEM, NOW, SCHOOL, TS, entry
from aioags.outbox.postgres import PostgresStore

pytestmark = pytest.mark.needs("postgres")

COUNTS = "SELECT (SELECT count(*) FROM aioags_outbox_score), (SELECT count(*) FROM procrastinate_jobs)"


def counts(url: str) -> tuple[int, int]:
    """
    How many scores and jobs are there for everybody to see.
    """
    with psycopg.connect(url) as connection:
        row = connection.execute(COUNTS).fetchone()
        assert row is not None
        return row[0], row[1]


def sqlalchemy_url(url: str) -> str:
    return url.replace("postgresql://", "postgresql+psycopg://")


@contextmanager
def psycopg_connection(url: str) -> Iterator[tuple[Any, Any]]:
    with psycopg.connect(url) as connection:
        yield connection, connection


@contextmanager
def sqlalchemy_connection(url: str) -> Iterator[tuple[Any, Any]]:
    engine = sqlalchemy.create_engine(sqlalchemy_url(url))
    with engine.connect() as connection:
        yield connection, connection
    engine.dispose()


@contextmanager
def sqlalchemy_session(url: str) -> Iterator[tuple[Any, Any]]:
    engine = sqlalchemy.create_engine(sqlalchemy_url(url))
    with Session(engine) as session:
        yield session, session
    engine.dispose()


OPENED = [psycopg_connection, sqlalchemy_connection, sqlalchemy_session]


@pytest.mark.parametrize("rows", [dict_row, namedtuple_row, scalar_row])
async def test_whatever_the_callers_connection_makes_of_rows(rows: Any, prepared: str) -> None:
    with psycopg.connect(prepared, row_factory=rows) as connection:
        assert enqueue(connection, [entry("ada")]) == 1
    assert counts(prepared) == (1, 1)
    async with await psycopg.AsyncConnection.connect(prepared, row_factory=rows) as another:
        assert await enqueue_async(another, [entry("bob", item="https://lms.example/items/2")]) == 1
    assert counts(prepared) == (2, 2)


@pytest.mark.parametrize("wrong", [entry(), [entry(), "ada"], [Score.graded("ada", 1, score_maximum=2)]])
def test_what_is_no_entry_is_said_before_anything_is_put(wrong: Any, prepared: str) -> None:
    with psycopg.connect(prepared) as connection:
        with pytest.raises(TypeError, match="enqueue takes"):
            enqueue(connection, wrong)
        assert connection.info.transaction_status is psycopg.pq.TransactionStatus.IDLE


@pytest.mark.parametrize("opened", OPENED)
def test_scores_and_their_wake_up_come_with_the_commit(opened: Any, prepared: str) -> None:
    with opened(prepared) as (connection, owner):
        assert enqueue(connection, [entry("ada"), entry("bob"), entry("ada", TS - 1)]) == 2
        assert counts(prepared) == (0, 0)
        owner.commit()
    assert counts(prepared) == (2, 1)


@pytest.mark.parametrize("opened", OPENED)
def test_scores_and_their_wake_up_go_with_the_rollback(opened: Any, prepared: str) -> None:
    with opened(prepared) as (connection, owner):
        enqueue(connection, [entry("ada")])
        owner.rollback()
        enqueue(connection, [entry("bob"), entry("eve")])
        owner.commit()
    assert counts(prepared) == (2, 1)


def test_djangos_atomic_holds_scores_and_the_callers_rows(prepared: str) -> None:
    # In a process of its own: Django can be configured once, and other tests do so too.
    program = [sys.executable, "-m", "tests.outbox.django_atomic", prepared]
    done = subprocess.run(program, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "within (0, 0)",
        "after the commit (1, 1)",
        "after a rollback (1, 1)",
        "after a rollback within (2, 1)",
        "without atomic (3, 1)",
    ]


def test_with_autocommit_it_is_stored_at_once_and_whole(prepared: str) -> None:
    with psycopg.connect(prepared, autocommit=True) as connection:
        enqueue(connection, [entry("ada")])
        assert counts(prepared) == (1, 1)
        with pytest.raises(ZeroDivisionError), connection.transaction():
            enqueue(connection, [entry("bob")])
            raise ZeroDivisionError
        assert counts(prepared) == (1, 1)


def test_nothing_to_put_opens_no_transaction(prepared: str) -> None:
    with psycopg.connect(prepared) as connection:
        assert enqueue(connection, []) == 0
        assert connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE


def test_older_scores_wake_nobody(prepared: str) -> None:
    with psycopg.connect(prepared) as connection:
        enqueue(connection, [entry()])
        connection.execute("DELETE FROM procrastinate_jobs")
        assert enqueue(connection, [entry(), entry(ts=TS - 1)]) == 0
        connection.commit()
    assert counts(prepared) == (1, 0)


def test_many_line_items_are_woken_with_one_call(prepared: str) -> None:
    with psycopg.connect(prepared) as connection:
        items = [f"https://lms.example/items/{number}" for number in range(40)]
        enqueue(connection, [entry(user, item=item) for item in items for user in ("ada", "bob")])
        connection.commit()
    assert counts(prepared) == (80, 40)


def test_of_very_many_line_items_a_thousand_are_woken(prepared: str) -> None:
    # Each takes a lock, and a server that has none left fails whoever asks for one.
    with psycopg.connect(prepared) as connection:
        enqueue(connection, [entry(item=f"https://lms.example/items/{number}") for number in range(1_100)])
        locks = connection.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'").fetchone()
        connection.commit()
    assert locks == (1_000,)
    assert counts(prepared) == (1_100, 1_000)


async def test_of_very_many_line_items_a_thousand_are_woken_asynchronously(prepared: str) -> None:
    async with await psycopg.AsyncConnection.connect(prepared) as connection:
        entries = [entry(item=f"https://lms.example/items/{number}") for number in range(1_100)]
        assert await enqueue_async(connection, entries) == 1_100
        await connection.commit()
    assert counts(prepared) == (1_100, 1_000)


def test_the_time_is_a_parameter(prepared: str) -> None:
    with psycopg.connect(prepared) as connection:
        enqueue(connection, [entry()], now=lambda: NOW)
        assert connection.execute("SELECT since FROM aioags_outbox_score").fetchone() == (NOW,)


WITHOUT = [
    "DROP TABLE procrastinate_jobs CASCADE",
    "DROP FUNCTION procrastinate_defer_jobs_v1 CASCADE",
    "ALTER TYPE procrastinate_job_to_defer_v1 RENAME TO old",
]


@pytest.mark.parametrize("change", WITHOUT)
async def test_what_to_do_is_said_when_procrastinate_has_no_tables_or_old_ones(prepared: str, change: str) -> None:
    with psycopg.connect(prepared) as connection:
        connection.execute(change)  # type: ignore[call-overload]
    store = PostgresStore(prepared, wake=wake)
    for entries in ([entry("ada")], [entry("ada"), entry("bob")]):
        with pytest.raises(StoreError, match="run procrastinate schema --apply"):
            await store.put(entries, now=NOW)
    assert (await store.stats(now=NOW)).due == 0
    await store.aclose()
    with psycopg.connect(prepared) as connection, pytest.raises(StoreError, match="run procrastinate schema --apply"):
        enqueue(connection, [entry()])


async def test_a_wake_up_that_fails_is_a_failed_put(prepared: str) -> None:
    with psycopg.connect(prepared) as connection:
        connection.execute(
            "CREATE FUNCTION boom() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END $$"
        )
        connection.execute("CREATE TRIGGER boom BEFORE INSERT ON procrastinate_jobs EXECUTE FUNCTION boom()")
    store = PostgresStore(prepared, wake=wake)
    with pytest.raises(StoreError, match=r"PostgreSQL: AdminShutdown \(57P01\)"):
        await store.put([entry()], now=NOW)
    assert (await store.stats(now=NOW)).due == 0
    await store.aclose()


async def test_asynchronous_psycopg(prepared: str) -> None:
    async with await psycopg.AsyncConnection.connect(prepared) as connection:
        assert await enqueue_async(connection, [entry("ada")]) == 1
        await connection.rollback()
        assert await enqueue_async(connection, []) == 0
        await enqueue_async(connection, [entry("bob")])
        assert counts(prepared) == (0, 0)
        await connection.commit()
        assert counts(prepared) == (1, 1)
        await connection.set_autocommit(True)
        await enqueue_async(connection, [entry("eve")])
        assert counts(prepared) == (2, 1)


async def test_asynchronous_sqlalchemy(prepared: str) -> None:
    engine = create_async_engine(sqlalchemy_url(prepared))
    async with engine.connect() as connection:
        await enqueue_async(connection, [entry("ada")])
        await connection.rollback()
        await enqueue_async(connection, [entry("bob")])
        await connection.commit()
    async with AsyncSession(engine) as session:
        await enqueue_async(session, [entry("eve")])
        assert counts(prepared) == (1, 1)
        await session.commit()
    assert counts(prepared) == (2, 1)
    await engine.dispose()


def test_another_driver_is_said_so() -> None:
    engine = sqlalchemy.create_engine("sqlite://")
    with engine.connect() as connection, pytest.raises(TypeError, match=r"psycopg 3, got sqlite3\.Connection"):
        enqueue(connection, [entry()])
    engine.dispose()
    with pytest.raises(TypeError, match=r"psycopg 3, got builtins\.str"):
        enqueue("postgresql://", [entry()])


async def test_another_asynchronous_driver_is_said_so(prepared: str) -> None:
    with (
        psycopg.connect(prepared) as connection,
        pytest.raises(TypeError, match="asynchronous connection of psycopg 3"),
    ):
        await enqueue_async(connection, [entry()])


def test_an_entry_of_another_back_end_is_put_like_any_other(prepared: str) -> None:
    reference = {"service_key": "hush", "line_item": ITEM}
    with psycopg.connect(prepared) as connection:
        enqueue(connection, [Entry.of(SCHOOL, reference, Score.graded("ada", 1, score_maximum=2))])
        assert connection.execute("SELECT args FROM procrastinate_jobs").fetchall() == [
            ({"registration_id": SCHOOL, "line_item": ITEM},)
        ]
