"""
What is erased is gone: from the files of SQLite to the last byte, from PostgreSQL's tables, and for good.
"""

from __future__ import annotations

import json
import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from aioags.cli import main
from aioags.cli.command import World
from aioags.cli.stores import VARIABLE
from aioags.outbox import Erased, MemoryStore, SQLiteStore, State, StoreError
from aioags.outbox.conformance.given import ITEM, NOW, SCHOOL, TS, entry, outcome, take
from aioags.outbox.postgres import PostgresStore
from aioags.outbox.sqlite.erasing import leave_nothing
from aioags.protocol.messages import Request
from tests.outbox.kit import SCHOOL as DESKS_SCHOOL
from tests.outbox.kit import new_desk

VICTIM = "VICTIM-4711"


def bytes_of(path: Path) -> bytes:
    """
    Everything that lies in the file and beside it.
    """
    return b"".join(file.read_bytes() for file in path.parent.iterdir() if file.name.startswith(path.name))


async def live(store: SQLiteStore, users: list[str], rounds: int = 4) -> None:
    """
    Put and settle scores, again and again, so that pages are split and rows move about.
    """
    dice = random.Random(7)
    for turn in range(rounds):
        dice.shuffle(users)
        await store.put([entry(user, TS + turn, points=dice.choice([1, 2.25, 1 / 3])) for user in users], now=NOW)
        rows = await take(store, limit=len(users))
        chosen = [row for row in rows if dice.random() < 0.5]
        errors = [f"{row.user_id} was refused {'again ' * dice.randrange(40)}" for row in chosen]
        await store.settle(
            [outcome(row, State.DEAD, error=error) for row, error in zip(chosen, errors, strict=True)], now=NOW
        )


async def test_no_byte_of_a_person_is_left_in_any_file(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "grades.db")
    users = [f"person-{number:04}-{number * 7919 % 10007}" for number in range(600)]
    await live(store, [*users, VICTIM])
    assert VICTIM.encode() in bytes_of(store.path)
    assert await store.erase(SCHOOL, user_id=VICTIM) == Erased(1, 0, None)
    held = bytes_of(store.path)
    assert VICTIM.encode() not in held
    # Of many some had copies where SQLite leaves them behind: in the gaps of pages that were split.
    for user in users[:60]:
        await store.erase(SCHOOL, user_id=user)
    held = bytes_of(store.path)
    assert [user for user in users[:60] if user.encode() in held] == []
    assert all(user.encode() in held for user in users[60:])
    assert (await store.stats(now=NOW)).due + (await store.stats(now=NOW)).dead == 540
    await store.aclose()


async def test_no_byte_of_a_column_or_a_registration_is_left(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "grades.db")
    column = "https://lms.example/columns/4711"
    await store.put([entry("ada"), entry("ada", item=column), entry("eve", school="other-school")], now=NOW)
    assert await store.erase(SCHOOL, line_item=column) == Erased(1, 1)
    assert column.encode() not in bytes_of(store.path)
    assert await store.erase("other-school") == Erased(1, 1)
    assert b"other-school" not in bytes_of(store.path)
    assert b"ada" in bytes_of(store.path)
    await store.aclose()


async def test_older_remains_go_too(tmp_path: Path) -> None:
    """
    Rows that were pruned, or replaced, before anybody thought of erasing.
    """
    store = SQLiteStore(tmp_path / "grades.db")
    await store.put([entry(VICTIM), *(entry(f"user-{number}") for number in range(50))], now=NOW)
    await store.settle([outcome(row) for row in await take(store)], now=NOW)
    await store.prune(before=NOW + 1)
    assert VICTIM.encode() in bytes_of(store.path)
    assert await store.erase(SCHOOL, user_id=VICTIM) == Erased(0, 0)
    assert VICTIM.encode() not in bytes_of(store.path)
    await store.aclose()


async def test_who_reads_an_older_state_is_told_of(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "grades.db")
    await store.put([entry(VICTIM), entry("bob")], now=NOW)
    with closing(sqlite3.connect(store.path)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM score").fetchone()
        erased = await store.erase(SCHOOL, user_id=VICTIM)
        assert (erased.scores, erased.remains) == (
            1,
            "somebody reads an older state of the file, and -wal keeps bytes of it: end that, and erase once more",
        )
        assert VICTIM.encode() in bytes_of(store.path)
    assert await store.erase(SCHOOL, user_id=VICTIM) == Erased(0, 0, None)
    assert VICTIM.encode() not in bytes_of(store.path)
    await store.aclose()


async def test_a_file_that_cannot_be_made_anew_is_told_of(tmp_path: Path) -> None:
    """
    The rows are gone, and whoever asked knows that their bytes may not be.
    """
    store = SQLiteStore(tmp_path / "grades.db")
    await store.put([entry(VICTIM)], now=NOW)
    with closing(sqlite3.connect(store.path, isolation_level=None)) as connection:
        connection.execute("PRAGMA query_only = ON")
        assert "may hold bytes of what is gone" in str(leave_nothing(connection))
    await store.aclose()


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"user_id": " "}, "user_id must not be blank"),
        ({"user_id": 7}, "user_id must be a str"),
        ({"line_item": ""}, "line_item must not be blank"),
        ({"line_item": ITEM, "lineitems": ITEM}, "not both"),
        ({"lineitems": ""}, "lineitems must not be blank"),
    ],
)
async def test_what_is_to_be_erased_is_said_clearly(arguments: dict[str, Any], message: str) -> None:
    desk = new_desk()
    await desk.put(desk.grade())
    with pytest.raises((TypeError, ValueError), match=message):
        await desk.outbox.erase(DESKS_SCHOOL, **arguments)
    with pytest.raises(ValueError, match="registration_id must not be blank"):
        await desk.outbox.erase("")
    assert len(desk.table.rows) == 1


async def test_who_is_erased_while_being_posted_stays_erased() -> None:
    """
    By another process, which has no say in what is on its way.
    """
    desk = new_desk()
    users = desk.platform.users()
    elsewhere = MemoryStore(desk.table)

    async def erase_once(request: Request) -> None:
        if "/scores" in request.url and desk.applied(users[1]) == []:
            await elsewhere.erase(DESKS_SCHOOL, user_id=users[0])

    desk.transport.before = erase_once
    await desk.put(*(desk.grade(5, user) for user in users))
    await desk.drain()
    assert {row.user_id for row in desk.table.rows.values()} == set(users[1:])
    assert {row.state for row in desk.table.rows.values()} == {State.SENT}
    assert await desk.put(desk.grade(7, at=1)) == 1
    assert await desk.drain() == (1, 0, 0)


async def test_a_course_by_the_endpoints_claim() -> None:
    desk = new_desk()
    await desk.put(desk.grade())
    assert await desk.outbox.erase(DESKS_SCHOOL, lineitems=str(desk.endpoint.lineitems)) == Erased(1, 1)
    assert desk.table.endpoints == {}


@pytest.mark.needs("postgres")
async def test_a_row_that_somebody_holds_is_waited_for_and_said(postgres: str) -> None:
    """
    All or nothing: to pass over it would be to say that it is gone.
    """
    store = PostgresStore(postgres)
    await store.migrate()
    await store.put([entry("ada"), entry("bob")], now=NOW)
    async with await psycopg.AsyncConnection.connect(postgres) as connection:
        await connection.execute("UPDATE aioags_outbox_score SET payload = payload WHERE user_id = 'bob'")
        with pytest.raises(StoreError, match="somebody's open transaction holds a row"):
            await store.erase(SCHOOL)
        assert (await store.stats(now=NOW)).due == 2
    assert await store.erase(SCHOOL) == Erased(2, 1)
    await store.aclose()


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """
    Run the command at a fixed time on an outbox of three rows.
    """
    import asyncio

    async def fill() -> None:
        store = SQLiteStore(tmp_path / "grades.db")
        await store.put([entry("ada"), entry("bob"), entry("ada", item=f"{ITEM}0")], now=NOW)
        await store.aclose()

    asyncio.run(fill())
    monkeypatch.setenv(VARIABLE, str(tmp_path / "grades.db"))
    return lambda *arguments: main(["outbox", "erase", *arguments], world=World(now=lambda: NOW))


def test_the_command_erases(call: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    assert call("--registration", SCHOOL, "--user", "ada", "--line-item", ITEM, "--yes") == 0
    assert capsys.readouterr().out == "1 score erased\n"
    assert call("--registration", SCHOOL, "--user", "ada", "--yes", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"scores": 1, "line_items": 0, "remains": None, "attempts": 0}
    assert call("--registration", SCHOOL, "--yes") == 0
    assert capsys.readouterr().out == "1 score and 2 line items erased\n"


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--registration", SCHOOL], "nothing was erased: say --yes"),
        (["--user", "ada", "--yes"], "--registration"),
        (["--registration", SCHOOL, "--line-item", ITEM, "--lineitems", ITEM, "--yes"], "not both"),
    ],
)
def test_the_command_erases_nothing_by_mistake(
    call: Callable[..., int], arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        status: object = main(["outbox", "erase", *arguments])
    except SystemExit as ended:
        status = ended.code
    assert status == 2
    assert words in capsys.readouterr().err
    assert call("--registration", SCHOOL, "--yes") == 0
    assert capsys.readouterr().out == "3 scores and 2 line items erased\n"


def test_the_command_says_what_remains(
    call: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(sqlite3.connect(tmp_path / "grades.db")) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM score").fetchone()
        assert call("--registration", SCHOOL, "--user", "ada", "--yes") == 1
    printed = capsys.readouterr()
    assert printed.out == "2 scores erased\n"
    assert "end that, and erase once more" in printed.err
