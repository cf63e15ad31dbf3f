"""
What the PostgreSQL store owes to those who share its database: nobody waits for anybody's open transaction.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from typing import Any

import psycopg
import pytest
from psycopg_pool import AsyncConnectionPool

from aioags.outbox import Block, Outbox, Permits, Selection, State, StoreError
from aioags.outbox.conformance.given import ITEM, NOW, SCHOOL, TS, entry, outcome, take
from aioags.outbox.postgres import PostgresLimiter, PostgresStore, schema, sql
from tests.outbox.kit import new_desk

pytestmark = pytest.mark.needs("postgres")


@pytest.fixture
async def store(postgres: str) -> AsyncIterator[PostgresStore]:
    made = PostgresStore(postgres)
    await made.migrate()
    yield made
    await made.aclose()


async def test_a_database_without_tables_is_said_so(postgres: str) -> None:
    store = PostgresStore(postgres)
    with pytest.raises(StoreError, match="no tables in this database: run aioags outbox migrate"):
        await store.put([entry()], now=NOW)
    await store.aclose()


async def test_tables_of_another_version_are_said_so(store: PostgresStore, postgres: str) -> None:
    newest = len(schema.MIGRATIONS)
    for version, message in ((newest - 1, "no tables|run aioags outbox migrate"), (newest + 1, "update aioags")):
        async with await psycopg.AsyncConnection.connect(postgres, autocommit=True) as connection:
            await connection.execute(schema.SET_VERSION, (version,))
        other = PostgresStore(postgres)
        with pytest.raises(StoreError, match=message):
            await other.put([entry()], now=NOW)
        if version > newest:
            with pytest.raises(StoreError, match="update aioags"):
                await other.migrate()
        await other.aclose()


async def test_tables_of_the_first_version_keep_their_scores(postgres: str) -> None:
    given = entry()
    async with await psycopg.AsyncConnection.connect(postgres, autocommit=True) as connection:
        for statement in schema.MIGRATIONS[0]:
            await connection.execute(statement)
        await connection.execute(
            "INSERT INTO aioags_outbox_score (registration, line_item, user_id, ts, payload, state, since)"
            " VALUES (%s, %s, %s, %s, %s, 'due', %s)",
            (*given.key, given.ts, given.payload, NOW),
        )
    store = PostgresStore(postgres)
    await store.migrate()
    (taken,) = await take(store)
    assert (taken.score, taken.made_by, taken.deferrals) == (given.score, None, 0)
    await store.aclose()


async def test_several_processes_may_make_the_tables_together(postgres: str) -> None:
    stores = [PostgresStore(postgres) for _ in range(5)]
    await asyncio.gather(*(store.migrate() for store in stores))
    await asyncio.gather(*(store.put([entry(f"user-{place}")], now=NOW) for place, store in enumerate(stores)))
    assert (await stores[0].stats(now=NOW)).due == 5
    for store in stores:
        await store.aclose()


async def test_a_database_that_is_away_is_a_store_error() -> None:
    pool: Any = AsyncConnectionPool("postgresql://nobody@127.0.0.1:1/none", open=False, timeout=0.05)
    await pool.open()
    store = PostgresStore(pool=pool)
    with pytest.raises(StoreError, match="PostgreSQL: "):
        await store.put([entry()], now=NOW)
    await pool.close()
    with pytest.raises(StoreError, match="the store is closed"):
        await store.put([entry()], now=NOW)


async def test_a_server_that_cannot_be_reached_is_told_at_once_and_asked_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store = PostgresStore("postgresql://nobody:hush@127.0.0.1:1/none")
    for call in (store.put([entry()], now=NOW), store.migrate(), store.due(now=NOW)):
        with pytest.raises(
            StoreError, match=r"PostgreSQL: OperationalError: .* port 1 failed: Connection refused"
        ) as it:
            await call
        assert "hush" not in str(it.value)
        assert "\n" not in str(it.value)
    await store.aclose()
    assert caplog.records == [], "no pool tries behind one's back"


async def test_a_pool_of_the_callers_stays_open(postgres: str, store: PostgresStore) -> None:
    async with AsyncConnectionPool(postgres, open=False) as pool:
        other = PostgresStore(pool=pool)
        await other.put([entry()], now=NOW)
        await other.aclose()
        async with pool.connection() as connection:
            assert (await (await connection.execute("SELECT 1")).fetchone()) == (1,)


def test_a_store_has_one_source_of_connections(postgres: str) -> None:
    with pytest.raises(ValueError, match="exactly one"):
        PostgresStore()


@pytest.mark.parametrize(
    "conninfo, message",
    [
        ("postgresql+psycopg://app:hush@db/grades", "without the name of a driver"),
        ("host=db password=hu sh", "cannot be read"),
        ("grades?hush", "cannot be read"),
    ],
)
def test_a_conninfo_that_libpq_does_not_take_is_said_and_not_shown(conninfo: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        PostgresStore(conninfo)
    assert "hu" not in str(caught.value)
    assert caught.value.__cause__ is None


async def test_it_is_not_drained_in_the_background(store: PostgresStore) -> None:
    desk = new_desk()
    outbox = Outbox(store, desk.client, {SCHOOL: desk.registration})
    with pytest.raises(StoreError, match=r"drained by a job engine: aioags\.contrib\.procrastinate"):
        await outbox.__aenter__()
    with pytest.raises(StoreError, match="job engine"):
        await outbox.drain_all()


async def test_a_row_that_an_open_transaction_has_changed_holds_up_no_drain(
    store: PostgresStore, postgres: str
) -> None:
    await store.put([entry("ada"), entry("bob")], now=NOW)
    async with await psycopg.AsyncConnection.connect(postgres) as open_one:
        await open_one.execute(sql.PUT, sql.put_arguments([entry("ada", TS + 1)], NOW))
        assert [row.user_id for row in await take(store)] == ["bob"]
        await open_one.commit()
    assert [(row.user_id, row.ts) for row in await take(store, busy=["bob"])] == [("ada", TS + 1)]


async def test_a_row_that_is_held_is_settled_last_and_alone(store: PostgresStore, postgres: str) -> None:
    await store.put([entry("ada"), entry("bob")], now=NOW)
    rows = await take(store)
    async with await psycopg.AsyncConnection.connect(postgres) as open_one:
        await open_one.execute(sql.PUT, sql.put_arguments([entry("ada", TS + 1)], NOW))
        settling = asyncio.create_task(store.settle([outcome(row) for row in rows], now=NOW))
        while (await store.stats(now=NOW)).sent < 1:  # noqa: ASYNC110
            await asyncio.sleep(0)
        assert not settling.done()
        await open_one.commit()
    await settling
    (again,) = await take(store)
    assert (again.user_id, again.ts, again.sent_ts) == ("ada", TS + 1, TS)


async def test_two_who_open_a_line_item_do_not_wait_for_each_other(store: PostgresStore, postgres: str) -> None:
    async with await psycopg.AsyncConnection.connect(postgres) as open_one:
        given = [entry("ada")]
        await open_one.execute(sql.PUT_ENDPOINTS, sql.endpoint_arguments(given, NOW))
        await open_one.execute(sql.PUT, sql.put_arguments(given, NOW))
        assert await store.put([entry("bob")], now=NOW) == [True]
        await open_one.commit()
    assert await store.endpoint(SCHOOL, ITEM) == entry().endpoint


async def test_a_line_item_is_held_by_one_at_a_time(store: PostgresStore, postgres: str) -> None:
    other = PostgresStore(postgres)
    async with store.alone(SCHOOL, ITEM) as mine:
        assert mine
        async with other.alone(SCHOOL, ITEM) as theirs, other.alone(SCHOOL, "https://lms.example/items/2") as another:
            assert (theirs, another) == (False, True)
    async with other.alone(SCHOOL, ITEM) as theirs:
        assert theirs
    with pytest.raises(ZeroDivisionError):
        async with store.alone(SCHOOL, ITEM):
            raise ZeroDivisionError
    async with other.alone(SCHOOL, ITEM) as theirs:
        assert theirs
    await other.aclose()


async def test_those_who_hold_line_items_leave_connections_to_work_with(postgres: str) -> None:
    small = PostgresStore(postgres, most_connections=2)
    await small.migrate()
    async with AsyncExitStack() as stack:
        for number in range(50):
            assert await stack.enter_async_context(small.alone(SCHOOL, f"https://lms.example/items/{number}"))
        assert await small.put([entry()], now=NOW) == [True]
        async with small.alone(SCHOOL, ITEM) as twice:
            assert not twice, "also not for another task of the same process"
    await small.aclose()


async def test_a_cancelled_caller_holds_nothing(store: PostgresStore, postgres: str) -> None:
    async def hold(item: str) -> None:
        async with store.alone(SCHOOL, item):
            await asyncio.Event().wait()

    items = [f"https://lms.example/items/{number}" for number in range(30)]
    async with store.alone(SCHOOL, "https://lms.example/other"):
        for turns, item in enumerate(items):
            task = asyncio.create_task(hold(item))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        other = PostgresStore(postgres)
        for item in items:
            async with other.alone(SCHOOL, item) as theirs:
                assert theirs, item
        await other.aclose()


async def test_a_lock_that_died_with_its_connection_is_no_trouble(store: PostgresStore, postgres: str) -> None:
    async with store.alone(SCHOOL, ITEM) as mine:
        assert mine
        async with await psycopg.AsyncConnection.connect(postgres, autocommit=True) as killer:
            await killer.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND pid <> pg_backend_pid()"
            )
    async with store.alone(SCHOOL, ITEM) as mine:
        assert mine


async def test_callers_who_come_together_share_a_transaction(store: PostgresStore) -> None:
    woken: list[int] = []

    async def wake(connection: psycopg.AsyncConnection[Any], places: Sequence[tuple[str, str]]) -> None:
        woken.append(len(places))

    store.wake = wake
    items = [f"https://lms.example/items/{number}" for number in range(50)]
    stored = await asyncio.gather(*(store.put([entry(item=item)], now=NOW) for item in items))
    assert stored == [[True]] * 50
    assert sum(woken) == 50
    assert len(woken) <= 3


async def test_one_who_waits_for_an_open_transaction_holds_up_nobody_who_came_with_him(
    store: PostgresStore, postgres: str
) -> None:
    await store.put([entry("held")], now=NOW)
    async with await psycopg.AsyncConnection.connect(postgres) as open_one:
        await open_one.execute(sql.PUT, sql.put_arguments([entry("held", TS + 1)], NOW))
        users = ["first", "held", "ada", "bob"]
        puts = [asyncio.create_task(store.put([entry(user, TS + 2)], now=NOW)) for user in users]
        done = await asyncio.gather(*(put for user, put in zip(users, puts, strict=True) if user != "held"))
        assert done == [[True]] * 3
        assert not puts[1].done()
        await open_one.commit()
    assert await puts[1] == [True]


async def test_one_who_is_cancelled_does_not_take_his_put_back(store: PostgresStore) -> None:
    put = asyncio.create_task(store.put([entry()], now=NOW))
    await asyncio.sleep(0)
    put.cancel()
    await asyncio.gather(put, return_exceptions=True)
    await store.put([entry("bob")], now=NOW)
    assert {row.user_id for row in await take(store)} == {"ada", "bob"}


async def endpoints(store: PostgresStore) -> int:
    async with store.connection() as connection:
        row = await (await connection.execute("SELECT count(*) FROM aioags_outbox_endpoint")).fetchone()
        assert row is not None
        return int(row[0])


async def test_an_endpoint_is_written_again_once_a_day_and_pruned_when_nothing_uses_it(store: PostgresStore) -> None:
    day = 86_400.0
    for hours in (0, 1, 23, 25, 26):
        await store.put([entry(ts=TS + hours)], now=NOW + hours * 3600)
    assert await endpoints(store) == 2
    await store.prune(before=NOW + 2 * day)
    assert await endpoints(store) == 2
    await store.prune(before=NOW + 2 * day + 1)
    assert await endpoints(store) == 1
    (row,) = await take(store)
    await store.settle([outcome(row)], now=NOW)
    await store.prune(before=NOW + 3 * day)
    assert await endpoints(store) == 1, "it was used later than that"
    await store.prune(before=NOW + 4 * day)
    assert await endpoints(store) == 0


async def test_whoever_is_woken_is_told_in_the_transaction(store: PostgresStore) -> None:
    woken: list[Sequence[tuple[str, str]]] = []

    async def wake(connection: psycopg.AsyncConnection[Any], places: Sequence[tuple[str, str]]) -> None:
        cursor = await connection.execute("SELECT count(*) FROM aioags_outbox_score")
        assert await cursor.fetchone() == (len(woken) * 2 + 2,)
        woken.append(places)
        if len(woken) == 2:
            raise ZeroDivisionError

    store.wake = wake
    other = "https://lms.example/items/2"
    await store.put([entry("ada"), entry("bob", item=other), entry("bob", TS - 1, item=other)], now=NOW)
    assert woken == [[(SCHOOL, ITEM), (SCHOOL, other)]]
    assert await store.put([entry("ada")], now=NOW) == [False]
    assert len(woken) == 1, "nothing changed, nobody is woken"
    with pytest.raises(ZeroDivisionError):
        await store.put([entry("eve"), entry("joe")], now=NOW)
    assert (await store.stats(now=NOW)).due == 2, "it went back with the transaction"


async def test_a_drain_from_postgresql_to_the_platform(store: PostgresStore) -> None:
    desk = new_desk(users=250, store=store)
    users = desk.platform.users()
    await desk.put(*(desk.grade(5, user) for user in users), desk.grade(5, "stranger"))
    done = await desk.outbox.drain(SCHOOL, desk.item)
    assert (done.recorded, done.refused, done.deferred) == (250, 0, 1)
    assert [desk.applied(user) for user in users] == [[5]] * 250
    assert [row.user_id for row in await store.listed(Selection(), State.DEFERRED)] == ["stranger"]


async def test_a_limit_grants_its_rate_and_no_more(store: PostgresStore) -> None:
    clock = [NOW]
    limiters = [PostgresLimiter(store, rate=100.0, burst=20, wall=lambda: clock[0]) for _ in range(3)]

    assert [(await limiters[number % 3].take(SCHOOL, 5)).granted for number in range(6)] == [5, 5, 5, 5, 0, 0]
    granted = 0
    while clock[0] < NOW + 2:
        answers = await asyncio.gather(*(limiter.take(SCHOOL, 5) for limiter in limiters))
        granted += sum(permits.granted for permits in answers)
        waits = [permits.wait for permits in answers if not permits.granted]
        clock[0] += min(waits, default=0.001)
    assert 195 <= granted <= 205
    assert (await limiters[0].take("elsewhere", 5)).granted == 5, "each platform has a limit of its own"


async def test_a_limit_says_when_to_ask_again(store: PostgresStore) -> None:
    limiter = PostgresLimiter(store, rate=100.0, burst=5, wall=lambda: NOW)
    assert await limiter.take(SCHOOL, 5) == Permits(5)
    assert (await limiter.take(SCHOOL, 5)).wait == pytest.approx(0.05)


async def test_the_servers_clock_serves_everybody(store: PostgresStore) -> None:
    limiter = PostgresLimiter(store, rate=0.01, burst=5)
    assert (await limiter.take(SCHOOL, 5)).granted == 5
    wait = (await limiter.take(SCHOOL, 5)).wait
    assert 400 < wait <= 500


async def test_a_blocked_platform_gets_no_permits(store: PostgresStore) -> None:
    limiter = PostgresLimiter(store, rate=1000.0)
    await store.block(Block(SCHOOL, time.time() + 60, "busy"), now=NOW)
    permits = await limiter.take(SCHOOL, 5)
    assert permits.granted == 0
    assert 50 < permits.wait <= 60
    await store.retry(Selection(), now=NOW)
    assert (await limiter.take(SCHOOL, 5)).granted == 5


@pytest.mark.parametrize("rate", [0, -1, float("nan")])
def test_a_rate_is_more_than_nothing(rate: float) -> None:
    with pytest.raises(ValueError, match="rate must be more than 0"):
        PostgresLimiter(PostgresStore("postgresql://"), rate)


async def test_a_limited_outbox_posts_everything_in_the_end(store: PostgresStore) -> None:
    desk = new_desk(users=12, store=store)
    limiter = PostgresLimiter(store, rate=500.0)
    outbox = Outbox(store, desk.client, {SCHOOL: desk.registration}, limiter=limiter)
    await outbox.put_many(SCHOOL, desk.endpoint, [desk.grade(5, user) for user in desk.platform.users()])
    assert (await outbox.drain(SCHOOL, desk.item)).recorded == 12


async def test_rows_are_compared_by_code_point_whatever_the_locale(store: PostgresStore) -> None:
    users = ["a", "B", "_", "ä", "Z", "~"]
    await store.put([entry(user) for user in users], now=NOW)
    rows = await take(store)
    await store.settle([outcome(row, State.DEAD) for row in rows], now=NOW)
    assert [row.user_id for row in await store.listed(Selection(), State.DEAD)] == sorted(users)
