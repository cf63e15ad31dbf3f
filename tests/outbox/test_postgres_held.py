"""
Somebody's open transaction holds rows, for as long as it likes: nobody who wants others waits for it.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import psycopg
import pytest

from aioags.outbox import Entry, Outcome, State, StoreError
from aioags.outbox.conformance.given import ITEM, NOW, SCHOOL, TS, entry, outcome, take
from aioags.outbox.postgres import PostgresStore, sql

pytestmark = pytest.mark.needs("postgres")

DAY = 86_400.0


@pytest.fixture
async def store(postgres: str) -> AsyncIterator[PostgresStore]:
    made = PostgresStore(postgres, most_connections=4)
    await made.migrate()
    yield made
    await made.aclose()


@asynccontextmanager
async def held(url: str, *entries: Entry) -> AsyncIterator[psycopg.AsyncConnection]:
    """
    Put scores in a transaction that stays open while the block runs, and then commits.
    """
    async with await psycopg.AsyncConnection.connect(url) as connection:
        await connection.execute(sql.PUT_ENDPOINTS, sql.endpoint_arguments(entries, NOW))
        await connection.execute(sql.PUT, sql.put_arguments(entries, NOW))
        yield connection


async def waiters(store: PostgresStore) -> int:
    """
    How many wait for a transaction to end.
    """
    async with store.connection() as connection:
        row = await (await connection.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")).fetchone()
        assert row is not None
        return int(row[0])


async def test_one_who_came_first_and_alone_to_a_held_row_holds_up_nobody(store: PostgresStore, postgres: str) -> None:
    async with held(postgres, entry("held")):
        first = asyncio.create_task(store.put([entry("held", TS + 1)], now=NOW))
        while not await waiters(store):  # noqa: ASYNC110
            await asyncio.sleep(0)
        assert await store.put([entry("ada")], now=NOW) == [True]
        assert not first.done()
    assert await first == [True]


async def test_many_who_put_held_rows_leave_connections_to_others(store: PostgresStore, postgres: str) -> None:
    users = [f"held-{number}" for number in range(12)]
    async with held(postgres, *map(entry, users)):
        waiting = [asyncio.create_task(store.put([entry(user, TS + 1)], now=NOW)) for user in users]
        await store.put([entry("ada")], now=NOW)
        assert [item.line_item for item in await store.due(now=NOW)] == [ITEM]
        assert await store.put([entry("bob")], now=NOW) == [True]
        assert (await store.stats(now=NOW)).due == 2
        assert not any(put.done() for put in waiting)
    assert await asyncio.gather(*waiting) == [[True]] * 12


async def settle(store: PostgresStore, outcomes: Sequence[Outcome]) -> None:
    await store.settle(outcomes, now=NOW)


async def test_many_who_settle_held_rows_leave_connections_to_others(store: PostgresStore, postgres: str) -> None:
    items = [f"https://lms.example/items/{number}" for number in range(12)]
    await store.put([entry(user, item=item) for item in items for user in ("held", "free")], now=NOW)
    drains = [[outcome(row) for row in (await store.take(SCHOOL, item, now=NOW, limit=9)).rows] for item in items]
    async with held(postgres, *(entry("held", TS + 1, item=item) for item in items)):
        settling = [asyncio.create_task(settle(store, outcomes)) for outcomes in drains]
        while (await store.stats(now=NOW)).sent < 12:  # noqa: ASYNC110
            await asyncio.sleep(0)
        assert await store.put([entry("ada")], now=NOW) == [True]
        (row,) = (await store.take(SCHOOL, ITEM, now=NOW, limit=9)).rows
        await settle(store, [outcome(row)])
        assert (await store.stats(now=NOW)).sent == 13
        assert not any(task.done() for task in settling)
    await asyncio.gather(*settling)
    stats = await store.stats(now=NOW)
    assert (stats.sent, stats.due) == (13, 12), "the newer scores of those that were held are due"


async def test_what_is_gone_is_settled(store: PostgresStore, postgres: str) -> None:
    await store.put([entry("ada"), entry("bob")], now=NOW)
    rows = await take(store)
    async with store.connection() as connection:
        await connection.execute("DELETE FROM aioags_outbox_score WHERE user_id = 'ada'")
    await settle(store, [outcome(row) for row in rows])
    assert (await store.stats(now=NOW)).sent == 1


async def test_patience_ends_with_words_and_so_does_closing(postgres: str, store: PostgresStore) -> None:
    hasty = PostgresStore(postgres, patience=0.0)
    await store.put([entry("held")], now=NOW)
    rows = await take(store)
    async with held(postgres, entry("held", TS + 1)):
        calls = [hasty.put([entry("held", TS + 2)], now=NOW), settle(hasty, [outcome(row) for row in rows])]
        tasks = [asyncio.create_task(call) for call in calls]
        await asyncio.sleep(0)
        await hasty.aclose()
        for task in tasks:
            with pytest.raises(StoreError, match="somebody's open transaction holds a row"):
                await task
    assert await store.put([entry("held", TS + 2)], now=NOW) == [True]


async def test_a_held_row_is_not_pruned_and_holds_up_no_pruning(store: PostgresStore, postgres: str) -> None:
    await store.put([entry("held"), entry("ada")], now=NOW)
    await settle(store, [outcome(row) for row in await take(store)])
    async with held(postgres, entry("held", TS + 1)):
        assert await store.prune(before=NOW + DAY) == 1
    assert (await store.stats(now=NOW)).due == 1


async def test_an_endpoint_that_an_open_transaction_counts_on_is_not_pruned(
    store: PostgresStore, postgres: str
) -> None:
    await store.put([entry("ada")], now=NOW - 0.9 * DAY)
    await settle(store, [outcome(row) for row in await take(store)])
    async with held(postgres, entry("bob")):
        await store.prune(before=NOW + DAY)
    assert (await store.stats(now=NOW)).due == 1
    assert await store.endpoint(SCHOOL, ITEM) == entry().endpoint


async def test_a_server_that_cut_every_connection_costs_one_error(store: PostgresStore, postgres: str) -> None:
    await asyncio.gather(*(store.stats(now=NOW) for _ in range(40)))
    async with await psycopg.AsyncConnection.connect(postgres, autocommit=True) as killer:
        cut = await killer.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
        assert cut.rowcount == 4
    with pytest.raises(StoreError, match=r"PostgreSQL: AdminShutdown \(57P01\)"):
        await store.put([entry()], now=NOW)
    for number in range(8):
        assert await store.put([entry(f"user-{number}")], now=NOW) == [True]


async def test_an_error_tells_its_kind_and_nothing_of_the_row(store: PostgresStore) -> None:
    async with store.connection() as connection:
        await connection.execute("ALTER TABLE aioags_outbox_score ADD CHECK (length(payload) < 10)")
    secret = "-".join(("stranger", "77"))
    with pytest.raises(StoreError) as raised:
        await store.put([entry(secret)], now=NOW)
    assert str(raised.value).startswith("PostgreSQL: CheckViolation (23514): new row for relation")
    assert secret not in "".join(traceback.format_exception(raised.value))


@pytest.mark.parametrize("dead", [True, False])
async def test_pruning_takes_what_it_should(store: PostgresStore, dead: bool) -> None:
    await store.put([entry("ada"), entry("bob")], now=NOW)
    states = {"ada": State.SENT, "bob": State.DEAD}
    await settle(store, [outcome(row, states[row.user_id]) for row in await take(store)])
    assert await store.prune(before=NOW + 1, dead=dead) == 1 + dead
