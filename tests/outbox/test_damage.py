"""
Rows that somebody or something has damaged: each ends dead with a reason, and the others go.
"""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import attrs
import psycopg
import pytest

from aioags.cli import main
from aioags.cli.command import World
from aioags.cli.stores import VARIABLE
from aioags.outbox import Selection, SQLiteStore, State, StoreError
from aioags.outbox.conformance.given import ITEM, NOW, SCHOOL, entry, outcome, take
from aioags.outbox.postgres import PostgresStore
from aioags.protocol.messages import Response
from tests.outbox.kit import Desk, new_desk
from tests.rigs.faults import Fault

SECRET = "7.125"
"""Points that no log line, error or reason may show."""

# What befalls the row of one user: the statement, and the reason of its end; None: it is sent nevertheless.
PAYLOAD, STAMP = "its payload cannot be read", "its timestamp cannot be read"
BAD_HANDS: dict[str, tuple[str, str | None]] = {
    "payload not UTF-8": ("SET payload = CAST(replace(payload, 'Well', 'W') AS BLOB) || X'ff'", PAYLOAD),
    "payload cut": ("SET payload = substr(payload, 1, 30)", PAYLOAD),
    "payload empty": ("SET payload = ''", PAYLOAD),
    "payload JSON, no object": ("SET payload = '[7.125]'", PAYLOAD),
    "payload JSON, no score": ("""SET payload = '{"scoreGiven": 7.125}'""", PAYLOAD),
    "payload a blob": ("SET payload = CAST(payload AS BLOB)", PAYLOAD),
    "payload of another": ("""SET payload = replace(payload, '"userId":"', '"userId":"x')""", PAYLOAD),
    "payload nested": ("SET payload = replace(hex(zeroblob(50000)), '0', '[')", PAYLOAD),
    "user not UTF-8": ("SET user_id = CAST(X'61ff' AS TEXT)", "its user id cannot be read"),
    "user a blob": ("SET user_id = X'61'", "its user id cannot be read"),
    "stamp a text": ("SET ts = 'yesterday'", STAMP),
    "stamp beyond time": ("SET ts = 9223372036854775807", STAMP),
    "stamp on the wire beyond time": ("SET wire_ts = 9223372036854775807", STAMP),
    "state unknown": ("SET state = '99'", "its state cannot be read"),
    "state a blob": ("SET state = X'ff'", "its state cannot be read"),
    "attempts negative": ("SET attempts = -9223372036854775807", None),
    "attempts a text": ("SET attempts = 'many'", None),
    "attempts without end": ("SET attempts = 9223372036854775807", None),
    "not before the end of time": ("SET not_before = 1e300", None),
    "not before a word": ("SET not_before = 'soon'", None),
    "numbers that are words": ("SET since = 'x', waited = 'x', failed_at = X'', deferrals = 'x', unsure = 'x'", None),
    "stamps that are words": ("SET made_at = 'x', made_order = 'x', sent_ts = 'x', wire_ts = 'x'", None),
    "made by bytes": ("SET made_by = CAST(X'ff' AS TEXT), last_error = CAST(X'ff' AS TEXT)", None),
}


def damage(path: Path, change: str, user: str | None = None, table: str = "score") -> None:
    """
    Change rows behind the store's back.
    """
    with closing(sqlite3.connect(path)) as connection, connection:
        where = "" if user is None else " WHERE user_id = ?"
        arguments = () if user is None else (user,)
        # A blob that is joined to a text becomes a text of the same bytes.
        assert connection.execute(f"UPDATE {table} {change}{where}", arguments).rowcount


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """
    An outbox in a file, with five grades that nobody may read in a log.
    """
    made = new_desk(users=5, store=SQLiteStore(tmp_path / "grades.db"))
    await made.put(*(made.grade(float(SECRET), user, comment="Well done") for user in made.platform.users()))
    yield made
    await made.outbox.aclose()


def path_of(desk: Desk) -> Path:
    store = desk.outbox.store
    assert isinstance(store, SQLiteStore)
    return store.path


@pytest.mark.parametrize("change, reason", BAD_HANDS.values(), ids=BAD_HANDS)
async def test_a_damaged_row_ends_with_a_reason_and_the_others_go(
    desk: Desk, change: str, reason: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    damaged, *others = desk.platform.users()
    damage(path_of(desk), change, damaged)
    await desk.drain()
    assert all(desk.applied(user) == [float(SECRET)] for user in others)
    assert desk.applied(damaged) == ([float(SECRET)] if reason is None else [])
    stats = await desk.outbox.stats()
    assert (stats.sent, stats.dead + stats.unknown, stats.due) == ((5, 0, 0) if reason is None else (4, 1, 0))
    dead = [row async for row in desk.outbox.dead()]
    assert [row.last_error for row in dead] == ([] if reason is None else [reason])
    assert SECRET not in caplog.text
    assert SECRET not in str([row.last_error for row in dead])
    for row in dead:
        assert isinstance(row.user_id, str)
        done = await desk.outbox.erase(SCHOOL, user_id=row.user_id)
        assert done.scores == 1
    assert (await desk.outbox.stats()).dead == 0


@pytest.mark.parametrize("change, reason", BAD_HANDS.values(), ids=BAD_HANDS)
async def test_the_command_shows_damaged_rows(
    desk: Desk, change: str, reason: str | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = path_of(desk)
    damage(path, "SET state = 'dead'")
    damage(path, change, desk.user)
    monkeypatch.setenv(VARIABLE, str(path))
    await desk.outbox.store.aclose()
    for call in (["stats", "--json"], ["dead", "--json"], ["dead"], ["deferred"], ["delayed"], ["retry", "--all"]):
        assert _run(call) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert SECRET not in printed.out
    lines = printed.out.splitlines()
    assert len([json.loads(line) for line in lines[1:6]]) == 5
    assert lines[-1].startswith("5 scores due again")


def _run(call: list[str]) -> int:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(main, ["outbox", *call], world=World(now=lambda: NOW)).result()


async def test_a_damaged_row_of_which_an_attempt_may_have_landed_counts_as_unknown(desk: Desk) -> None:
    desk.fail("reset-after-effect")
    await desk.drain()
    damage(path_of(desk), "SET payload = substr(payload, 1, 30), not_before = 0")
    desk.heal()
    done = await desk.outbox.drain(SCHOOL, desk.item)
    stats = await desk.outbox.stats()
    assert (done.refused, done.unknown) == (stats.dead, stats.unknown)
    assert stats.unknown == 5


async def test_what_is_retried_and_cannot_be_read_is_dead_again(desk: Desk) -> None:
    """
    Nothing that was made readable for people goes out as somebody's grade.
    """
    damage(path_of(desk), "SET payload = CAST(replace(payload, 'Well done', '') AS BLOB) || X'ff'", desk.user)
    await desk.drain()
    assert await desk.outbox.retry() == 1
    await desk.drain()
    assert desk.applied() == []
    (row,) = [row async for row in desk.outbox.dead()]
    assert row.last_error == PAYLOAD
    assert SECRET in row.payload
    with pytest.raises(ValueError, match=r"^its payload cannot be read$"):
        _ = row.score


async def test_a_newer_score_replaces_a_damaged_one(desk: Desk) -> None:
    damage(path_of(desk), "SET payload = X'ff', state = '99'", desk.user)
    assert await desk.put(desk.grade(9, at=1)) == 1
    await desk.drain()
    assert desk.applied() == [9]


@pytest.mark.parametrize("column", ["registration", "line_item"])
async def test_a_line_item_that_cannot_be_read_stops_no_other(tmp_path: Path, column: str) -> None:
    store = SQLiteStore(tmp_path / "grades.db")
    await store.put([entry("ada"), entry("bob", item=f"{ITEM}0")], now=NOW)
    damage(store.path, f"SET {column} = CAST({column} || X'ff' AS TEXT) WHERE id = 2", table="line_item")
    assert [item.line_item for item in await store.due(now=NOW)] == [ITEM]
    assert [row.user_id for row in await take(store)] == ["ada"]
    stats = await store.stats(now=NOW)
    assert (stats.due, stats.dead) == (1, 1)
    (row,) = await store.listed(Selection(), State.DEAD)
    assert row.last_error == f"its {column.replace('_', ' ')} cannot be read"
    assert (await store.erase(row.registration_id, line_item=row.line_item)).scores == 1
    await store.aclose()


async def test_an_endpoint_that_cannot_be_read_waits_for_the_next_put(desk: Desk) -> None:
    damage(path_of(desk), "SET endpoint = CAST(endpoint || X'ff' AS TEXT)", table="line_item")
    assert await desk.drain() == (0, 0, 5)
    (row, *_) = [row async for row in desk.outbox.delayed()]
    assert "put any score for it again" in str(row.last_error)
    await desk.put(desk.grade(9, at=1))
    desk.time.now += 60
    assert await desk.drain() == (5, 0, 0)


@pytest.mark.parametrize("value", ["'x'", "X'ff'", "CAST(X'ff' AS TEXT)", "-9223372036854775807", "1e300"])
async def test_a_deferral_that_cannot_be_read_defers_nothing_for_long(desk: Desk, value: str) -> None:
    columns = ("deferrals", "deferred_at", "deferred_until", "reason", "waited")
    damage(path_of(desk), "SET " + ", ".join(f"{column} = {value}" for column in columns), table="line_item")
    damage(path_of(desk), f"SET since = {value}", desk.user)
    assert (await desk.outbox.stats()).due == 5
    assert len(await desk.outbox.store.due(now=desk.time.wall())) == 1
    await desk.drain()
    desk.time.now += 86_400
    await desk.drain()
    assert (await desk.outbox.stats()).sent == 5


async def test_a_block_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "grades.db")
    await store.put([entry()], now=NOW)
    with closing(sqlite3.connect(store.path)) as connection, connection:
        connection.execute("INSERT INTO platform VALUES (?, ?, CAST(X'ff' AS TEXT))", (SCHOOL, NOW + 60))
    (platform,) = (await store.stats(now=NOW)).platforms
    assert platform.block is None
    assert len(await take(store)) == 1
    await store.aclose()


async def test_nobody_who_puts_hears_of_a_damaged_row(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "grades.db")
    await store.put([entry("ada")], now=NOW)
    damage(store.path, "SET endpoint = CAST(X'ff' AS TEXT)", table="line_item")
    assert await store.put([entry("bob"), entry("eve", item=f"{ITEM}0")], now=NOW) == [True, True]
    await store.aclose()


async def test_many_are_read_page_by_page(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "grades.db")
    await store.put([entry(f"user-{number}") for number in range(20)], now=NOW)
    damage(store.path, "SET user_id = CAST(user_id || X'ff' AS TEXT), state = 'dead'")
    seen: list[tuple[str, str, str]] = []
    while page := await store.listed(Selection(), State.DEAD, after=seen[-1] if seen else None, limit=3):
        seen.extend(row.key for row in page)
    assert len(set(seen)) == len(seen) == 20
    await store.aclose()


# In PostgreSQL columns have types and texts are checked: what is left are numbers, states, and a damaged page.
IN_POSTGRESQL: dict[str, tuple[str, str | None]] = {
    "payload not UTF-8": ("payload = convert_to(payload || '7.125', 'UTF8') || '\\xff'::bytea", PAYLOAD),
    "payload almost UTF-8": ("payload = convert_to(replace(payload, 'done', ''), 'UTF8') || '\\xff'::bytea", PAYLOAD),
    "payload no score": ("payload = '7.125'", PAYLOAD),
    "user not UTF-8": ("user_id = '\\x61ff'::bytea", "its user id cannot be read"),
    "reason not UTF-8": ("last_error = '\\xff'::bytea, made_by = '\\xff'::bytea", None),
    "state unknown": ("state = '99'", "its state cannot be read"),
    "attempts negative": ("attempts = -2147483648, deferrals = -2147483648", None),
    "attempts without end": ("attempts = 2147483647, deferrals = 2147483647", None),
    "no times": ("not_before = 'NaN', since = 'NaN', waited = 'NaN', failed_at = 'NaN'", None),
    "endless times": ("not_before = 'inf', since = '-inf', waited = 'inf', failed_at = 1e300", None),
    "stamp beyond time": ("ts = 9223372036854775807", STAMP),
    "stamp on the wire beyond time": ("wire_ts = 9223372036854775807", STAMP),
}


@pytest.mark.needs("postgres")
@pytest.mark.parametrize("change, reason", IN_POSTGRESQL.values(), ids=IN_POSTGRESQL)
async def test_a_damaged_row_in_postgresql(
    postgres: str, change: str, reason: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    store = PostgresStore(postgres)
    await store.migrate()
    desk = new_desk(users=5, store=store)
    await desk.put(*(desk.grade(float(SECRET), user) for user in desk.platform.users()))
    await spoil(postgres, change, desk.user)
    # A failure first: what a row remembers of its failures is counted on.
    desk.fail("500")
    await desk.drain()
    desk.heal()
    desk.time.now += 3600
    await desk.drain()
    assert all(desk.applied(user) == [float(SECRET)] for user in desk.platform.users()[1:])
    stats = await desk.outbox.stats()
    assert (stats.sent, stats.dead + stats.unknown) == ((5, 0) if reason is None else (4, 1))
    dead = [row async for row in desk.outbox.dead()]
    assert [row.last_error for row in dead] == ([] if reason is None else [reason])
    assert SECRET not in caplog.text
    if dead:
        assert await desk.outbox.retry() == 1
        assert (await desk.outbox.erase(SCHOOL, user_id=dead[0].user_id)).scores == 1
    await desk.outbox.aclose()


@pytest.mark.needs("postgres")
async def test_a_list_names_whom_it_cannot_read(postgres: str) -> None:
    store = PostgresStore(postgres)
    await store.migrate()
    await store.put([entry("ada"), entry("bob")], now=NOW)
    await spoil(postgres, "user_id = '\\x61ff'::bytea, state = 'dead'", "ada")
    (row,) = await store.listed(Selection(), State.DEAD)
    assert (row.user_id[:11], row.last_error) == ("unreadable-", "its user id cannot be read")
    await spoil(postgres, "line_item = '\\xff'::bytea, state = 'dead'", "bob", cast=False)
    with pytest.raises(StoreError, match="its table is damaged"):
        await store.listed(Selection(), State.DEAD)
    await store.aclose()


@pytest.mark.needs("postgres")
async def test_a_database_that_takes_any_bytes_for_a_text_is_refused(postgres: str) -> None:
    async with await psycopg.AsyncConnection.connect(postgres, autocommit=True) as connection:
        name = f"{connection.info.dbname}_ascii"
        await connection.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'SQL_ASCII'")  # type: ignore[arg-type]
        store = PostgresStore(postgres.replace(connection.info.dbname, name))
        for call in (store.migrate(), store.put([entry()], now=NOW)):
            with pytest.raises(StoreError, match="encoding SQL_ASCII: make one with ENCODING 'UTF8'"):
                await call
        await store.aclose()
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")  # type: ignore[arg-type]


async def spoil(url: str, change: str, user: str, *, cast: bool = True) -> None:
    """
    Change a row; a text may be given as bytes, which nobody checks.
    """
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        if cast:
            await connection.execute("CREATE CAST (bytea AS text) WITHOUT FUNCTION AS ASSIGNMENT")
        await connection.execute(
            f"UPDATE aioags_outbox_score SET {change} WHERE user_id = %s",  # type: ignore[arg-type]
            (user,),
        )


NUMBERS: list[dict[str, Any]] = [
    {"attempts": -(2**31), "deferrals": -(2**31)},
    {"attempts": 2**31, "deferrals": 2**31},
    {"since": float("nan"), "waited": float("nan"), "failed_at": float("nan")},
    {"since": float("-inf"), "waited": float("inf"), "failed_at": 1e300},
]


@pytest.mark.parametrize("numbers", NUMBERS, ids=str)
@pytest.mark.parametrize("fault", ["500", "refusal"])
async def test_impossible_numbers_cost_neither_patience_nor_manners(numbers: dict[str, Any], fault: str) -> None:
    """
    A score whose failures were counted wrong is tried again like any other: not at once, and not given up.
    """
    desk = new_desk()
    await desk.put(desk.grade())
    row = desk.row()
    desk.table.rows[row.key] = attrs.evolve(row, **numbers)
    if fault == "refusal":
        refusal = Fault("422", lambda *_: Response(422, "", (), b"", desk.item))
        desk.transport.choose = lambda request: refusal if "/scores" in request.url else None
    else:
        desk.fail(fault)
    await desk.drain()
    row = desk.row()
    assert row.state in (State.DUE, State.DEFERRED)
    assert 1 <= row.not_before - desk.time.wall() <= 86_400
    assert 0 <= row.waited <= 86_400


async def test_outcomes_of_impossible_numbers_can_be_stored(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "grades.db")
    await store.put([entry()], now=NOW)
    damage(store.path, "SET attempts = -9223372036854775807")
    (row,) = await take(store)
    await store.settle([outcome(row, State.DUE, counted=False, not_before=NOW)], now=NOW)
    (row,) = await take(store)
    assert row.attempts >= 0
    await store.aclose()
