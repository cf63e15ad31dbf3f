"""
What the SQLite store makes of a disk: power that fails, bits that flip, no room, no right to write.
"""

from __future__ import annotations

import asyncio
import random
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from aioags.outbox import Outbox, Selection, SQLiteStore, State, StoreError
from aioags.outbox.conformance.given import ITEM, NOW, SCHOOL, TS, entry, outcome, take
from tests.outbox.kit import new_desk

PEOPLE = 150
USER = "somebody"
"""How the name of everybody begins, which no error may show."""


def log_of(path: Path) -> Path:
    """
    The write-ahead log of a file.
    """
    return path.with_name(path.name + "-wal")


def after_the_power_failed(path: Path, where: Path, synced: int, dice: random.Random) -> Path:
    """
    Copy what a disk may hold: all that was synced, and of what was written since anything or nothing.

    Args:
        synced: Bytes of the log that were on the disk for sure.
    """
    where.mkdir()
    image = where / path.name
    shutil.copyfile(path, image)
    log = bytearray(log_of(path).read_bytes())
    kept = dice.randrange(synced, len(log) + 1)
    for place in range(synced, kept, 512):
        if dice.random() < 0.5:
            # A sector that was not written yet.
            log[place : place + 512] = dice.randbytes(min(512, kept - place))
    log_of(image).write_bytes(bytes(log[:kept]))
    return image


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.soak), pytest.param(3, marks=pytest.mark.soak)])
async def test_what_was_acknowledged_is_there_after_a_power_failure(tmp_path: Path, seed: int) -> None:
    """
    In an image of the files from each moment at which something was acknowledged, torn behind what was synced then.
    """
    dice = random.Random(seed)
    store = SQLiteStore(tmp_path / "grades.db")
    acknowledged: dict[str, int] = {}
    for turn in range(25):
        users = {f"user-{dice.randrange(60)}" for _ in range(dice.choice([1, 7, 40]))}
        await store.put([entry(user, TS + turn) for user in users], now=NOW)
        acknowledged.update(dict.fromkeys(users, TS + turn))
        synced = log_of(store.path).stat().st_size
        # Written, and acknowledged to nobody when the power fails.
        await store.put([entry(f"late-{turn}", TS)], now=NOW)
        found = SQLiteStore(after_the_power_failed(store.path, tmp_path / f"image-{turn}", synced, dice))
        assert await found.lead()
        rows = {row.user_id: row.ts for row in await take(found, limit=1_000)}
        await found.aclose()
        assert acknowledged.items() <= rows.items()
        assert set(rows) - set(acknowledged) <= {f"late-{turn}"}
        acknowledged[f"late-{turn}"] = TS
    await store.aclose()


async def a_closed_outbox(path: Path) -> bytes:
    """
    Make a file with due, deferred, sent and dead rows, and return its bytes.
    """
    store = SQLiteStore(path)
    await store.put([entry(f"{USER}-{number}", item=f"{ITEM}{number % 3}") for number in range(PEOPLE)], now=NOW)
    rows = await take(store, item=f"{ITEM}0")
    states = (State.SENT, State.DEAD, State.DEFERRED)
    await store.settle([outcome(row, states[place % 3], error="no") for place, row in enumerate(rows)], now=NOW)
    await store.aclose()
    return path.read_bytes()


async def everybody_in(store: SQLiteStore) -> int:
    """
    Count the rows in every way, as a drain and a person would.

    Raises:
        StoreError: The file is damaged.
    """
    assert await store.lead()
    for state in (State.DEAD, State.DEFERRED):
        # Whoever comes across something that cannot be read mends it, and then it is dead.
        await store.listed(Selection(), state, limit=1_000)
    stats = await store.stats(now=NOW)
    for state, count in ((State.DEAD, stats.dead + stats.unknown), (State.DEFERRED, stats.deferred)):
        assert len(await store.listed(Selection(), state, limit=1_000)) == count
    for place in await store.due(now=NOW):
        await store.take(place.registration_id, place.line_item, now=NOW, limit=1_000)
    stats = await store.stats(now=NOW)
    return stats.due + stats.deferred + stats.sent + stats.dead + stats.unknown


async def flip_one(whole: bytes, path: Path, dice: random.Random) -> str:
    """
    Flip one bit, and say what is seen of it: an error in words, or nothing, and then nothing is lost.
    """
    damaged = bytearray(whole)
    damaged[dice.randrange(len(damaged))] ^= 1 << dice.randrange(8)
    path.write_bytes(bytes(damaged))
    store = SQLiteStore(path)
    error: StoreError | None = None
    try:
        assert await everybody_in(store) == PEOPLE
    except StoreError as raised:
        error = raised
    finally:
        await store.aclose()
        log_of(path).unlink(missing_ok=True)
    assert USER not in f"{error} {error and error.__cause__}"
    return "told" if error else "whole"


@pytest.mark.parametrize("flips", [60, pytest.param(3_000, marks=pytest.mark.soak)])
async def test_a_flipped_bit_loses_nothing_in_silence(tmp_path: Path, flips: int) -> None:
    whole = await a_closed_outbox(tmp_path / "grades.db")
    dice = random.Random(flips)
    seen = [await flip_one(whole, tmp_path / "flipped.db", dice) for _ in range(flips)]
    assert seen.count("told") > flips / 100
    assert seen.count("whole") > flips / 100


async def test_a_row_that_an_index_leaves_out_is_found_before_anything_is_drained(tmp_path: Path) -> None:
    """
    It would never be due: nobody would send it, and nobody would hear of it.
    """
    path = tmp_path / "grades.db"
    store = SQLiteStore(path)
    await store.put([entry("ada"), entry("bob")], now=NOW)
    await store.aclose()
    narrower = "CREATE INDEX score_due ON score (item, not_before) WHERE state = 'due' AND user_id <> 'ada'"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("DROP INDEX score_due")
        connection.execute(narrower)
        connection.execute("PRAGMA writable_schema = ON")
        as_it_was = narrower.removesuffix(" AND user_id <> 'ada'")
        connection.execute("UPDATE sqlite_master SET sql = ? WHERE name = 'score_due'", (as_it_was,))
    store = SQLiteStore(path)
    # Nor later: it is looked at each time, until it is mended.
    for _ in range(2):
        with pytest.raises(StoreError, match=r"is damaged and is not drained \(.*missing from index score_due\)"):
            await store.lead()
    await store.aclose()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("REINDEX")
    store = SQLiteStore(path)
    assert await store.lead()
    assert len(await take(store)) == 2
    await store.aclose()


async def test_a_row_without_a_line_item_is_found_before_anything_is_drained(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "grades.db")
    await store.put([entry("ada"), entry("bob")], now=NOW)
    with closing(sqlite3.connect(store.path)) as connection, connection:
        connection.execute("UPDATE score SET item = 77 WHERE user_id = 'ada'")
    with pytest.raises(StoreError, match="scores without a line item: 1"):
        await store.lead()
    await store.aclose()


async def test_a_full_disk_is_said_and_what_was_acknowledged_stays(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "grades.db")
    await store._writer.run(lambda connection: connection.execute("PRAGMA max_page_count = 40").fetchone())
    acknowledged = 0
    with pytest.raises(StoreError, match="database or disk is full"):
        while acknowledged < 10_000:
            await store.put([entry(f"user-{acknowledged + number}") for number in range(20)], now=NOW)
            acknowledged += 20
    assert (await store.stats(now=NOW)).due == acknowledged
    # What needs no room goes on; and once there is some, so does everything.
    (row, *_) = await take(store, limit=1)
    await store.settle([outcome(row)], now=NOW)
    await store._writer.run(lambda connection: connection.execute("PRAGMA max_page_count = 4000").fetchone())
    assert all(await store.put([entry(f"more-{number}") for number in range(200)], now=NOW))
    await store.aclose()


def test_no_right_to_write_is_said(tmp_path: Path) -> None:
    """
    By a process that is not root, whom no right keeps from writing.
    """
    program = f"""
import asyncio, os, tempfile
from aioags.outbox import SQLiteStore, StoreError
from aioags.outbox.conformance.given import NOW, entry
folder = tempfile.mkdtemp(dir={str(tmp_path)!r} if os.geteuid() else None)
path = os.path.join(folder, "grades.db")
async def main():
    store = SQLiteStore(path)
    await store.put([entry()], now=NOW)
    await store.aclose()
    os.chmod(path, 0o444)
    os.chmod(folder, 0o555)
    if not os.geteuid():
        os.setuid(65534)
    store = SQLiteStore(path)
    for call in (store.put([entry("bob")], now=NOW), store.stats(now=NOW), store.lead()):
        try:
            print(await call)
        except StoreError as error:
            print("StoreError:", error)
    await store.aclose()
asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert len(lines) == 3
    assert all(line.startswith("StoreError: ") for line in lines), lines
    assert "attempt to write a readonly database" in lines[0]


async def test_two_who_drain_one_line_item_do_no_harm(tmp_path: Path) -> None:
    """
    Nobody should; each grade is there, once, and the newest is the last.
    """
    desk = new_desk(users=40, store=SQLiteStore(tmp_path / "grades.db"))
    other = Outbox(SQLiteStore(tmp_path / "grades.db"), desk.client, {SCHOOL: desk.registration})
    users = desk.platform.users()
    for points in (3, 5):
        await desk.put(*(desk.grade(points, user, at=points) for user in users))
        await asyncio.gather(desk.drain(), other.drain(SCHOOL, desk.item))
    await desk.drain()
    assert all(desk.applied(user) == [3, 5] for user in users)
    assert (await desk.outbox.stats()).sent == 40
    await other.aclose()
    await desk.outbox.aclose()
