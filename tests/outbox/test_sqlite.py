"""
What the SQLite store owes to its file: durability, one drainer, no network, an old file becomes a new one.
"""

from __future__ import annotations

import asyncio
import re
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from aioags.outbox import Block, Selection, SQLiteStore, State, StoreError
from aioags.outbox.conformance.given import ITEM, NOW, SCHOOL, TS, entry, outcome, take
from aioags.outbox.sqlite import write_ahead
from aioags.outbox.sqlite.files import FileLock, file_system_of
from aioags.outbox.sqlite.schema import APPLICATION_ID, MIGRATIONS, migrate
from aioags.outbox.sqlite.writer import Writer

MOUNTS = """\
/dev/sda1 / ext4 rw 0 0
proc /proc proc rw 0 0
tmpfs /dev/shm tmpfs rw 0 0
filer:/home /home nfs4 rw 0 0
/dev/sdb1 /home/local ext4 rw 0 0
//server/share /mnt/with\\040blank cifs rw 0 0
broken line
host /srv 9p rw 0 0
/dev/sdc1 /srv ext4 rw 0 0
"""


@pytest.fixture
async def store(tmp_path: Path) -> Any:
    made = SQLiteStore(tmp_path / "grades.db")
    yield made
    await made.aclose()


@pytest.mark.parametrize(
    "path, kind",
    [
        ("/var/lib/grades.db", "ext4"),
        ("/home/ada/grades.db", "nfs4"),
        ("/home/local/grades.db", "ext4"),
        ("/homestead/grades.db", "ext4"),
        ("/mnt/with blank/grades.db", "cifs"),
        ("/srv/grades.db", "ext4"),
    ],
)
def test_the_nearest_mount_tells_the_file_system(path: str, kind: str) -> None:
    assert file_system_of(Path(path), MOUNTS) == kind


def test_where_there_is_no_table_nothing_is_known() -> None:
    assert file_system_of(Path("/home/ada"), "") is None


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs"])
async def test_a_network_file_system_is_refused_in_words(tmp_path: Path, kind: str) -> None:
    store = SQLiteStore(tmp_path / "grades.db", mounts=lambda: f"/dev/sda1 / ext4 rw 0 0\nx {tmp_path} {kind} rw 0 0\n")
    with pytest.raises(StoreError, match=rf"network file system \({kind}\).*choose a local disk, or PostgresStore"):
        await store.put([entry()], now=NOW)
    await store.aclose()
    assert list(tmp_path.iterdir()) == []


async def test_a_link_does_not_hide_the_network(tmp_path: Path) -> None:
    (tmp_path / "filer").mkdir()
    (tmp_path / "local").symlink_to(tmp_path / "filer")
    store = SQLiteStore(tmp_path / "local" / "grades.db", mounts=lambda: f"x {tmp_path / 'filer'} nfs rw 0 0")
    with pytest.raises(StoreError, match="network file system"):
        await store.lead()
        await store.put([entry()], now=NOW)


async def test_the_file_is_its_owners_alone(store: SQLiteStore) -> None:
    await store.put([entry()], now=NOW)
    for file in store.path.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0, file.name


async def test_every_commit_is_on_the_disk_before_it_is_answered(store: SQLiteStore) -> None:
    await store.put([entry()], now=NOW)
    settings = await store._writer.run(
        lambda connection: [
            connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous", "fullfsync")
        ]
    )
    assert settings == ["wal", 2, 1], "2 is FULL"


async def test_an_empty_folder_is_an_outbox_only_if_asked_to_be(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "grades.db", create=False)
    with pytest.raises(StoreError, match="there is no outbox at"):
        await store.stats(now=NOW)
    await store.aclose()
    assert list(tmp_path.iterdir()) == []


async def test_a_folder_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "nowhere" / "grades.db")
    words = re.escape(f"the folder {tmp_path / 'nowhere'} does not exist: make it first")
    with pytest.raises(StoreError, match=words):
        await store.put([entry()], now=NOW)
    with pytest.raises(StoreError, match=words):
        await store.lead()
    await store.aclose()


async def test_a_directory_is_no_file(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path)
    words = re.escape(f"{tmp_path} is a directory: name a file in it")
    with pytest.raises(StoreError, match=words):
        await store.put([entry()], now=NOW)
    with pytest.raises(StoreError, match=words):
        await store.lead()
    await store.aclose()


async def test_what_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database, but longer than the head of one. " * 20)
    store = SQLiteStore(path)
    with pytest.raises(StoreError, match=re.escape(f"SQLite: {path}: file is not a database")):
        await store.put([entry()], now=NOW)
    await store.aclose()


@pytest.mark.parametrize("path", ["", ":memory:"])
def test_what_means_no_file_to_sqlite_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="an outbox is kept in a file: name one"):
        SQLiteStore(path)


async def test_another_programs_file_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "theirs.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    before = path.read_bytes()
    store = SQLiteStore(path)
    with pytest.raises(StoreError, match="belongs to another program"):
        await store.put([entry()], now=NOW)
    await store.aclose()
    assert path.read_bytes() == before


async def test_a_file_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "grades.db"
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    connection.close()
    store = SQLiteStore(path)
    with pytest.raises(StoreError, match=f"has version {len(MIGRATIONS) + 1} and this aioags knows up to"):
        await store.put([entry()], now=NOW)
    await store.aclose()


async def test_a_file_of_the_first_version_keeps_its_scores(tmp_path: Path) -> None:
    path = tmp_path / "grades.db"
    given = entry()
    connection = sqlite3.connect(path, isolation_level=None)
    migrate(connection, MIGRATIONS[:1])
    place = (given.registration_id, given.line_item, given.endpoint)
    connection.execute("INSERT INTO line_item (registration, line_item, endpoint) VALUES (?, ?, ?)", place)
    row = (given.user_id, given.ts, given.payload, NOW)
    connection.execute(
        "INSERT INTO score (item, user_id, ts, payload, state, since) VALUES (1, ?, ?, ?, 'due', ?)", row
    )
    connection.close()
    store = SQLiteStore(path)
    (taken,) = (await store.take(SCHOOL, ITEM, now=NOW, limit=9)).rows
    assert (taken.score, taken.made_by, taken.deferrals) == (given.score, None, 0)
    await store.aclose()


def test_an_older_file_becomes_a_newer_one_with_its_rows(tmp_path: Path) -> None:
    steps = [["CREATE TABLE a (x)"], ["ALTER TABLE a ADD COLUMN y", "CREATE TABLE b (z)"]]
    with closing(connect(tmp_path / "grades.db")) as connection:
        migrate(connection, steps[:1])
        connection.execute("INSERT INTO a VALUES (1)")
        migrate(connection, steps)
        migrate(connection, steps)
        assert connection.execute("SELECT x, y FROM a").fetchall() == [(1, None)]
        assert connection.execute("PRAGMA user_version").fetchone() == (2,)


def test_a_migration_happens_whole_or_not_at_all(tmp_path: Path) -> None:
    steps = [["CREATE TABLE a (x)"], ["CREATE TABLE b (x)", "CREATE TABLE a (x)"]]
    with closing(connect(tmp_path / "grades.db")) as connection:
        migrate(connection, steps[:1])
        with pytest.raises(sqlite3.OperationalError, match="already exists"):
            migrate(connection, steps)
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("a",)]


def test_a_migration_that_sqlite_took_back_itself_says_why(tmp_path: Path) -> None:
    """
    As after some errors of a disk.
    """
    steps = [["CREATE TABLE a (x UNIQUE)", "INSERT INTO a VALUES (1)", "INSERT OR ROLLBACK INTO a VALUES (1)"]]
    with closing(connect(tmp_path / "grades.db")) as connection:
        with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
            migrate(connection, steps)
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == []


async def test_several_processes_may_open_a_new_file_together(tmp_path: Path) -> None:
    stores = [SQLiteStore(tmp_path / "grades.db") for _ in range(8)]
    await asyncio.gather(*(store.put([entry(f"user-{place}")], now=NOW) for place, store in enumerate(stores)))
    assert (await stores[0].stats(now=NOW)).due == 8
    for store in stores:
        await store.aclose()


def connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None)


def test_the_first_to_write_ahead_waits_for_whoever_is_in_the_way(tmp_path: Path) -> None:
    with closing(connect(tmp_path / "x.db")) as other, closing(connect(tmp_path / "x.db")) as connection:
        other.execute("CREATE TABLE t (x)")
        other.execute("BEGIN")
        other.execute("SELECT * FROM t").fetchall()

        def leave(statement: str) -> None:
            if statement == "BEGIN EXCLUSIVE":
                other.execute("ROLLBACK")

        connection.set_trace_callback(leave)
        write_ahead(connection)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert not connection.in_transaction


def test_who_never_gets_out_of_the_way_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    with closing(connect(tmp_path / "x.db")) as other, closing(connect(tmp_path / "x.db")) as connection:
        other.execute("BEGIN IMMEDIATE")
        connection.execute("PRAGMA busy_timeout = 0")
        with pytest.raises(sqlite3.OperationalError, match="database is locked"):
            write_ahead(connection)


def unwatched() -> None:
    """
    Look at nothing after a commit.
    """


async def test_callers_who_come_together_share_one_commit(tmp_path: Path) -> None:
    begun = threading.Event()
    statements: list[str] = []

    def open_it() -> sqlite3.Connection:
        connection = connect(tmp_path / "x.db")
        connection.execute("CREATE TABLE t (x)")
        connection.set_trace_callback(statements.append)
        return connection

    writer = Writer(open_it, unwatched)
    first = asyncio.create_task(writer.run(lambda _: begun.wait()))
    await asyncio.sleep(0)
    rest = [
        asyncio.create_task(writer.run(lambda connection, x=x: connection.execute("INSERT INTO t VALUES (?)", (x,))))
        for x in range(500)
    ]
    await asyncio.sleep(0)
    begun.set()
    await asyncio.gather(first, *rest)
    await writer.aclose()
    assert statements.count("COMMIT") <= 3
    assert sum(statement.startswith("INSERT") for statement in statements) == 500


def test_callers_of_several_event_loops_share_one_commit(tmp_path: Path) -> None:
    begun = threading.Event()
    handed_in = threading.Barrier(9)
    statements: list[str] = []

    def open_it() -> sqlite3.Connection:
        connection = connect(tmp_path / "x.db")
        connection.set_trace_callback(statements.append)
        return connection

    writer = Writer(open_it, unwatched)
    answers: list[int] = []

    async def call(number: int) -> None:
        answer = asyncio.ensure_future(writer.run(lambda _: number))
        await asyncio.sleep(0)
        # Blocks its own loop, and nobody else's.
        handed_in.wait()
        answers.append(await answer)

    threads = [threading.Thread(target=asyncio.run, args=[call(number)]) for number in range(8)]

    async def first() -> None:
        blocking = asyncio.ensure_future(writer.run(lambda _: begun.wait()))
        await asyncio.sleep(0)
        for thread in threads:
            thread.start()
        handed_in.wait()
        begun.set()
        await blocking
        await asyncio.to_thread(lambda: [thread.join() for thread in threads])
        await writer.aclose()

    asyncio.run(first())
    assert sorted(answers) == list(range(8))
    assert statements.count("COMMIT") <= 3


async def test_those_who_are_made_alone_do_not_wait_for_the_end_of_a_line_that_has_none(tmp_path: Path) -> None:
    writer = Writer(lambda: connect(tmp_path / "x.db"), unwatched)
    begun = threading.Event()
    over = False

    async def call_for_ever() -> None:
        while not over:
            await writer.run(lambda _: None)

    first = asyncio.create_task(writer.run(lambda _: begun.wait()))
    await asyncio.sleep(0)
    failing = [asyncio.create_task(writer.run(lambda _: 1 // 0)) for _ in range(3)]
    others = [asyncio.create_task(call_for_ever()) for _ in range(20)]
    await asyncio.sleep(0)
    begun.set()
    assert [type(error) for error in await asyncio.gather(*failing, return_exceptions=True)] == [ZeroDivisionError] * 3
    over = True
    await asyncio.gather(first, *others)
    await writer.aclose()


async def test_only_the_guilty_caller_hears_of_a_failure(tmp_path: Path) -> None:
    begun = threading.Event()

    def open_it() -> sqlite3.Connection:
        connection = connect(tmp_path / "x.db")
        connection.execute("CREATE TABLE t (x UNIQUE)")
        return connection

    def insert(value: int) -> Any:
        return lambda connection: connection.execute("INSERT INTO t VALUES (?)", (value,)).rowcount

    writer = Writer(open_it, unwatched)
    first = asyncio.create_task(writer.run(lambda _: begun.wait()))
    await asyncio.sleep(0)
    rest = [asyncio.create_task(writer.run(insert(value))) for value in (1, 2, 2, 3)]
    rest.append(asyncio.create_task(writer.run(lambda _: 1 // 0)))
    await asyncio.sleep(0)
    begun.set()
    results = await asyncio.gather(first, *rest, return_exceptions=True)
    assert results[1:3] == [1, 1]
    assert isinstance(results[3], StoreError)
    assert "UNIQUE" in str(results[3])
    assert results[4] == 1
    assert isinstance(results[5], ZeroDivisionError)
    assert await writer.run(lambda connection: connection.execute("SELECT count(*) FROM t").fetchone()) == (3,)
    await writer.aclose()


async def test_a_cancelled_caller_does_not_take_its_write_back(store: SQLiteStore) -> None:
    await store.put([entry("first")], now=NOW)
    task = asyncio.create_task(store.put([entry("ada")], now=NOW))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await store.put([entry("last")], now=NOW)
    assert {row.user_id for row in await take(store)} == {"first", "ada", "last"}


async def test_a_closed_store_says_so(store: SQLiteStore) -> None:
    await store.put([entry()], now=NOW)
    await store.aclose()
    with pytest.raises(StoreError, match="the store is closed"):
        await store.put([entry()], now=NOW)


def test_a_store_serves_one_event_loop_after_another(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "grades.db")
    for place in range(3):
        asyncio.run(store.put([entry(f"user-{place}")], now=NOW))
    assert asyncio.run(store.stats(now=NOW)).due == 3
    asyncio.run(store.aclose())


def remove(path: Path) -> None:
    path.unlink()


def replace(path: Path) -> None:
    """
    Put another outbox in its place.
    """
    other = path.with_name("other.db")
    with closing(connect(other)) as connection:
        migrate(connection)
    other.replace(path)


@pytest.mark.parametrize("mishap", [remove, replace])
async def test_nothing_is_acknowledged_once_the_file_is_gone(
    store: SQLiteStore, mishap: Callable[[Path], None]
) -> None:
    await store.put([entry("ada")], now=NOW)
    mishap(store.path)
    words = re.escape(f"the file {store.path} was removed or replaced while it was open")
    puts = [asyncio.create_task(store.put([entry(f"user-{place}")], now=NOW)) for place in range(3)]
    for answer in await asyncio.gather(*puts, return_exceptions=True):
        assert isinstance(answer, StoreError)
        assert re.match(words, str(answer))
    with pytest.raises(StoreError, match=words):
        await take(store)
    with pytest.raises(StoreError, match=words):
        await store.stats(now=NOW)


async def test_a_file_that_is_put_back_is_the_same(store: SQLiteStore) -> None:
    away = store.path.with_name("away.db")
    await store.put([entry("ada")], now=NOW)
    store.path.rename(away)
    with pytest.raises(StoreError, match="put it back, or start"):
        await store.put([entry("bob")], now=NOW)
    away.rename(store.path)
    assert await store.put([entry("eve")], now=NOW) == [True]
    assert (await store.stats(now=NOW)).due == 3


async def test_callers_who_share_a_commit_share_one_look_at_the_file(tmp_path: Path) -> None:
    begun = threading.Event()
    looks: list[None] = []
    writer = Writer(lambda: connect(tmp_path / "x.db"), lambda: looks.append(None))
    first = asyncio.create_task(writer.run(lambda _: begun.wait()))
    await asyncio.sleep(0)
    rest = [asyncio.create_task(writer.run(lambda _: None)) for _ in range(500)]
    await asyncio.sleep(0)
    begun.set()
    await asyncio.gather(first, *rest)
    await writer.aclose()
    assert 1 <= len(looks) <= 3


async def test_what_the_look_finds_is_told_to_every_caller(tmp_path: Path) -> None:
    def gone() -> None:
        raise FileNotFoundError("x.db")

    writer = Writer(lambda: connect(tmp_path / "x.db"), gone)
    answers = await asyncio.gather(*(writer.run(lambda _: 1) for _ in range(3)), return_exceptions=True)
    await writer.aclose()
    assert [str(answer) for answer in answers] == ["SQLite: x.db"] * 3


VISITOR = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
print(connection.execute("SELECT count(*) FROM score").fetchone()[0])
connection.close()
"""


async def test_a_second_store_in_the_process_takes_no_lock_away(store: SQLiteStore) -> None:
    second = SQLiteStore(store.path)
    for opened in (store, second):
        await opened.put([entry()], now=NOW)
    arguments = [sys.executable, "-c", VISITOR, str(store.path)]
    done = await asyncio.to_thread(subprocess.run, arguments, capture_output=True, text=True, check=True)
    assert done.stdout == "1\n"
    # The last one to close a file in WAL mode deletes the log: the visitor was not the last one.
    assert store.path.with_name("grades.db-wal").exists()
    await second.aclose()


async def test_counting_does_not_wait_for_a_writer(store: SQLiteStore) -> None:
    await store.put([entry()], now=NOW)
    other = connect(store.path)
    other.execute("BEGIN IMMEDIATE")
    assert (await store.stats(now=NOW)).due == 1
    assert len(await store.due(now=NOW)) == 1
    other.execute("ROLLBACK")
    other.close()


async def test_pruning_goes_in_portions_and_forgets_empty_line_items(store: SQLiteStore) -> None:
    users = [f"user-{number}" for number in range(12_000)]
    await store.put([entry(user) for user in users], now=NOW)
    await store.put([entry("ada", item="https://lms.example/items/2")], now=NOW)
    while rows := await take(store, limit=5_000):
        await store.settle([outcome(row) for row in rows], now=NOW)
    assert await store.prune(before=NOW + 1) == 12_000
    assert await store.endpoint(SCHOOL, ITEM) is None
    assert await store.endpoint(SCHOOL, "https://lms.example/items/2") is not None


async def test_one_store_leads_until_it_is_closed(tmp_path: Path) -> None:
    first, second = SQLiteStore(tmp_path / "grades.db"), SQLiteStore(tmp_path / "grades.db")
    assert await first.lead()
    assert await first.lead()
    assert not await second.lead()
    await second.put([entry()], now=NOW), "others may put"
    await first.aclose()
    assert await second.lead()
    await second.aclose()


async def test_a_link_to_the_file_has_no_drainer_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "link.db").symlink_to(tmp_path / "grades.db")
    first, second = SQLiteStore(tmp_path / "grades.db"), SQLiteStore(tmp_path / "link.db")
    assert await first.lead()
    assert not await second.lead()
    await first.aclose()
    assert await second.lead()
    await second.aclose()


HOLDER = """
import pathlib, sys
from aioags.outbox.sqlite.files import FileLock
lock = FileLock(pathlib.Path(sys.argv[1]))
print(lock.acquire(), flush=True)
sys.stdin.read()
"""


def test_the_lock_dies_with_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    arguments = [sys.executable, "-c", HOLDER, str(path)]
    process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "True\n"
    lock = FileLock(path)
    assert not lock.acquire()
    process.kill()
    process.communicate()
    assert lock.acquire()
    assert lock.held
    lock.release()
    lock.release()
    assert not lock.held


FORKER = """
import asyncio, os, pathlib, sys
from aioags.outbox import SQLiteStore, StoreError

path = pathlib.Path(sys.argv[1])
store = SQLiteStore(path)

async def lead():
    await store.migrate()
    assert await store.lead()

asyncio.run(lead())
if os.fork():
    sys.stdin.read()
    os._exit(0)
try:
    asyncio.run(store.migrate())
except StoreError as error:
    print(error, flush=True)
sys.stdin.read()
"""


def test_a_forked_child_is_told_and_holds_no_lock(tmp_path: Path) -> None:
    path = tmp_path / "grades.db"
    arguments = [sys.executable, "-c", FORKER, str(path)]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        assert "opened before this process was forked" in parent.stdout.readline()
        store = SQLiteStore(path)
        assert not asyncio.run(store.lead())
        parent.kill()
        parent.wait()
        assert asyncio.run(store.lead()), "the child lives, but it does not lead"
        asyncio.run(store.aclose())


async def test_whatever_happens_at_the_opening_somebody_hears_of_it(tmp_path: Path) -> None:
    def no_mounts() -> str:
        raise RuntimeError("no /proc here")

    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    stores = [SQLiteStore(tmp_path / "x.db", mounts=no_mounts), SQLiteStore(tmp_path / "a\0b"), SQLiteStore(loop)]
    for store in stores:
        with pytest.raises((RuntimeError, ValueError, StoreError)):
            await store.put([entry()], now=NOW)
        await store.aclose()


async def test_a_locked_database_fails_everybody_at_once(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    tries: list[str] = []

    def open_it() -> sqlite3.Connection:
        connection = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
        connection.set_trace_callback(tries.append)
        return connection

    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        writer = Writer(open_it, unwatched)
        results = await asyncio.gather(*(writer.run(lambda _: None) for _ in range(50)), return_exceptions=True)
        assert {str(error) for error in results} == {"SQLite: database is locked"}
        assert len(tries) < 10, "not once for each of them"
    assert await writer.run(lambda _: 1) == 1
    await writer.aclose()


async def test_a_block_and_dead_rows_survive_a_restart(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "grades.db")
    await store.put([entry("ada"), entry("bob")], now=NOW)
    row, _ = await take(store)
    await store.settle([outcome(row, State.DEAD, error="refused")], now=NOW)
    await store.block(Block(SCHOOL, NOW + 60, "busy"), now=NOW)
    await store.aclose()
    again = SQLiteStore(tmp_path / "grades.db", create=False)
    (platform,) = (await again.stats(now=NOW)).platforms
    assert platform.block == Block(SCHOOL, NOW + 60, "busy")
    assert [dead.last_error for dead in await again.listed(Selection(), State.DEAD)] == ["refused"]
    assert (await take(again, now=NOW + 60))[0].wire_ts == TS
    await again.aclose()
