"""
The embedded store: one SQLite file, written by one thread in each process.

Several processes may put into the same file; one of them drains it, the one that holds the lock beside it. Claims are
not stored: after a crash everything that is not sent is simply due.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, TypeVar

import attrs

from aioags.outbox.erasing import Erased
from aioags.outbox.in_sql import ChangesInSQL
from aioags.outbox.model import (
    Block,
    DueItem,
    Entry,
    Outcome,
    Selection,
    State,
    StoredScore,
    StoreError,
    Taken,
)
from aioags.outbox.order import Newest, recent
from aioags.outbox.rows import counted, listed_score, page_arguments, soonest
from aioags.outbox.sqlite import sql
from aioags.outbox.sqlite.erasing import erase, leave_nothing
from aioags.outbox.sqlite.files import NETWORK_FILE_SYSTEMS, FileLock, file_system_of, identity_of, mount_table
from aioags.outbox.sqlite.journal import JournalInFile
from aioags.outbox.sqlite.reading import (
    FAILURES,
    Damage,
    fetched,
    fetched_item,
    fetched_scores,
    first_damage,
    mend,
    told,
)
from aioags.outbox.sqlite.schema import migrate
from aioags.outbox.sqlite.steps import begin, picked, put_one, settle
from aioags.outbox.sqlite.writer import Writer
from aioags.outbox.stats import Stats

T = TypeVar("T")

# Seconds to wait for another process that writes.
_PATIENCE = 30.0
# As many processes may make a new file together and get into each other's way one by one.
_TRIES = 100
_LOG_BYTES = 64 * 1024 * 1024


class SQLiteStore(JournalInFile, ChangesInSQL):
    """
    Scores in a SQLite file. Nothing is opened before the first call.

    Args:
        path: The file, on a local disk. It is made, readable for its owner only, if it is not there. Beside it lie
            ``-wal``, ``-shm`` and ``-drainer``. It holds grades: keep it where backups of grades may be.

        create: False: a file that is not there is an error.

        mounts: Returns the table of mounts, as in ``/proc/mounts``.

    Raises:
        ValueError: The path is empty or ``:memory:``, which SQLite takes for no file at all.
    """

    statements = sql

    def __init__(
        self, path: str | os.PathLike[str], *, create: bool = True, mounts: Callable[[], str] = mount_table
    ) -> None:
        if os.fspath(path) in ("", ":memory:"):
            raise ValueError(f"an outbox is kept in a file: name one, not {os.fspath(path)!r}")
        self.path = Path(path).absolute()
        self._create = create
        self._mounts = mounts
        # What was opened: a path may lead elsewhere later. None: nothing yet.
        self._opened: tuple[int, int] | None = None
        self._writer = Writer(self._open, self._require_same)
        self._leader: FileLock | None = None

    def __repr__(self) -> str:
        return f"<SQLiteStore {str(self.path)!r}>"

    def _open(self) -> sqlite3.Connection:
        real = self.path.resolve()
        kind = file_system_of(real, self._mounts())
        if kind in NETWORK_FILE_SYSTEMS:
            raise StoreError(
                f"{self.path} lies on a network file system ({kind}), where SQLite may lose or damage it: "
                "choose a local disk, or PostgresStore"
            )
        if not self._create and not real.exists():
            raise StoreError(f"there is no outbox at {self.path}")
        _require_place(real)
        # Before SQLite makes it, which would let everybody read. One that is there is not opened: closing it would let
        # go of the locks of another store of this process, and the log that it writes could be deleted.
        with suppress(FileExistsError):
            os.close(os.open(real, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        # Before it is opened: one that takes its place in between is noticed then.
        identity = identity_of(self.path)
        try:
            connection = self._prepared()
        except FAILURES as error:
            raise StoreError(told(error).replace(":", f": {self.path}:", 1)) from error
        self._opened = identity
        return connection

    def _prepared(self) -> sqlite3.Connection:
        connection = self._connect()
        try:
            # Every commit is on the disk before it is answered; NORMAL would lose the last ones with the power.
            connection.execute("PRAGMA synchronous = FULL")
            # On macOS an fsync leaves the data in the disk's own cache; elsewhere this changes nothing.
            connection.execute("PRAGMA fullfsync = ON")
            migrate(connection)
            write_ahead(connection)
            connection.execute(f"PRAGMA journal_size_limit = {_LOG_BYTES}")
        except Exception:
            connection.close()
            raise
        return connection

    def _require_same(self) -> None:
        try:
            found = identity_of(self.path)
        except (FileNotFoundError, NotADirectoryError):
            found = None
        if found != self._opened:
            raise StoreError(
                f"the file {self.path} was removed or replaced while it was open: nothing is stored any more; "
                "put it back, or start every process that uses it again and put the scores of the meantime again"
            )

    def _connect(self) -> sqlite3.Connection:
        # Not made here, where everybody could read it.
        existing = f"{self.path.as_uri()}?mode=rw"
        return sqlite3.connect(existing, uri=True, timeout=_PATIENCE, isolation_level=None, check_same_thread=False)

    async def _read(self, query: Callable[[sqlite3.Connection], T]) -> T:
        if self._opened is None:
            await self.migrate()

        def read() -> T:
            try:
                self._require_same()
                # A connection of its own: counting stops no put.
                with closing(self._connect()) as connection:
                    connection.execute("PRAGMA query_only = ON")
                    return query(connection)
            except FAILURES as error:
                raise StoreError(told(error)) from error

        try:
            return await asyncio.to_thread(read)
        except Damage:
            await self._writer.run(mend)
        return await asyncio.to_thread(read)

    async def _execute(self, arguments: Mapping[str, Any], *statements: str) -> list[int]:
        def write(connection: sqlite3.Connection) -> list[int]:
            return [connection.execute(statement, arguments).rowcount for statement in statements]

        return await self._writer.run(write)

    async def migrate(self) -> None:
        """
        Make the file, or bring it to the newest version. Any other call does so too.
        """
        await self._writer.run(lambda _: None)

    async def put(self, entries: Sequence[Entry], *, now: float) -> list[bool]:
        """
        Store scores; durable when this returns.
        """
        newest = Newest.of(entries, now)

        def write(connection: sqlite3.Connection) -> list[tuple[str, str, str]]:
            items: dict[tuple[str, str, str], int] = {}
            since = recent(now)
            return [entry.key for entry in newest.entries if put_one(connection, entry, items, now, since)]

        return newest.answers(len(entries), await self._writer.run(write))

    async def due(self, *, now: float) -> list[DueItem]:
        """
        List the line items that have due scores.
        """
        clock = {"now": now}
        return await self._read(
            lambda connection: soonest(row for statement in sql.DUE for row in fetched(connection, statement, clock))
        )

    async def endpoint(self, registration_id: str, line_item: str) -> str | None:
        """
        Return the JSON of the endpoint that was put last for a line item.
        """
        place = (registration_id, line_item)
        rows = await self._writer.run(lambda connection: fetched(connection, sql.ENDPOINT, place))
        return (rows[0][0] or None) if rows else None

    async def take(
        self,
        registration_id: str,
        line_item: str,
        *,
        now: float,
        limit: int,
        busy: Collection[str] = (),
        probe: bool = False,
    ) -> Taken:
        """
        Begin an attempt with due scores of one line item.
        """
        place = (registration_id, line_item)
        left_out = frozenset(busy)

        def write(connection: sqlite3.Connection) -> Taken:
            known = fetched_item(connection, place)
            if known is None:
                return Taken([])
            item, deferral = known
            rows = picked(connection, item, deferral, now, limit, left_out, probe)
            if not rows:
                return Taken([], deferral=deferral)
            blocks = fetched(connection, sql.BLOCK_OF, {"registration": registration_id, "now": now})
            if blocks:
                return Taken([], Block(registration_id, *blocks[0]))
            return Taken([begin(connection, row, now) for row in rows], deferral=deferral)

        return await self._writer.run(write)

    async def settle(self, outcomes: Sequence[Outcome], *, now: float) -> None:
        """
        Store what became of attempts; durable when this returns.
        """
        await self._writer.run(lambda connection: settle(connection, outcomes, now))

    async def stats(self, *, now: float) -> Stats:
        """
        Count the rows.
        """
        clock = {"now": now}

        def read(connection: sqlite3.Connection) -> Stats:
            return counted(fetched(connection, sql.STATS, clock), fetched(connection, sql.BLOCKS, clock))

        return await self._read(read)

    async def listed(
        self, selection: Selection, state: State, *, after: tuple[str, str, str] | None = None, limit: int = 500
    ) -> list[StoredScore]:
        """
        List rows of a state, by key, one page.
        """
        arguments = page_arguments(selection, state, after, limit)
        place = (selection.registration_id, selection.line_item)
        of_item = None not in place and (after is None or after[:2] == place)
        statement = sql.LISTED_OF_ITEM if of_item else sql.LISTED
        return await self._read(
            lambda connection: [listed_score(row) for row in fetched_scores(connection, statement, arguments)]
        )

    async def prune(self, *, before: float, dead: bool = False) -> int:
        """
        Delete rows that are done since before a time.
        """
        deleted = await self._pruned(sql.PRUNE, {"dead": dead, "before": before})
        await self._execute({}, sql.PRUNE_ITEMS)
        return deleted

    async def erase(
        self,
        registration_id: str,
        *,
        user_id: str | None = None,
        line_item: str | None = None,
        lineitems: str | None = None,
    ) -> Erased:
        """
        Delete rows in whatever state: those that fit everything that is given. The whole file is written anew, so that
        nothing of them is left in it, and meanwhile nobody can put: seconds, where it holds a million rows.
        """
        erased = await self._writer.run(
            lambda connection: erase(connection, registration_id, user_id, line_item, lineitems)
        )

        def rewrite() -> str | None:
            with closing(self._connect()) as connection:
                return leave_nothing(connection)

        return attrs.evolve(erased, remains=await asyncio.to_thread(rewrite))

    async def lead(self) -> bool:
        """
        Try to become the one process that drains this file. True: it is this one, until `aclose`.

        Raises:
            StoreError: The file is damaged, which whoever begins to drain it looks for: what a damaged index leaves out
                would never be sent, and nobody would hear of it. A second or two for a million rows.
        """
        try:
            _require_place(self.path)
            if self._leader is None:
                # Beside the file itself: two links to it must not have two drainers.
                real = self.path.resolve()
                self._leader = FileLock(real.with_name(real.name + "-drainer"))
            if self._leader.held:
                return True
            if not self._leader.acquire():
                return False
        except OSError as error:
            raise StoreError(f"the lock beside the outbox cannot be opened: {error}") from error
        await self._require_sound(self._leader)
        return True

    async def _require_sound(self, leader: FileLock) -> None:
        try:
            damage = await self._read(first_damage)
            if damage is not None:
                raise StoreError(f"the file {self.path} is damaged and is not drained ({damage}): see the guide")
        except BaseException:
            # Or it would count as looked at.
            leader.release()
            raise

    async def aclose(self) -> None:
        """
        Finish what was begun, close the file, let another process drain it.
        """
        await self._writer.aclose()
        if self._leader is not None:
            self._leader.release()


def write_ahead(connection: sqlite3.Connection) -> None:
    """
    Turn on SQLite's write-ahead log; harmless when it is on.

    Raises:
        sqlite3.Error: Somebody has kept the file locked for as long as the connection waits.
    """
    for _ in range(_TRIES):
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError:
            # SQLite does not wait here for others, such as processes that make the same new file. So wait until none
            # is there, and try again.
            connection.execute("BEGIN EXCLUSIVE")
            connection.execute("ROLLBACK")
    connection.execute("PRAGMA journal_mode = WAL")


def _require_place(path: Path) -> None:
    if not path.parent.is_dir():
        raise StoreError(f"the folder {path.parent} does not exist: make it first")
    if path.is_dir():
        raise StoreError(f"{path} is a directory: name a file in it")
