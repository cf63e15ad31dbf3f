"""
A store that the processes of one machine share: a file of SQLite.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path

from aioags.launch.login_store import MOST_ENTRIES, store_full

# Another process writes for a few milliseconds; a disk that sleeps takes seconds.
_BUSY_SECONDS = 10.0

_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS aioags_logins (key TEXT PRIMARY KEY, value TEXT NOT NULL, expires_at REAL NOT NULL)"
)


class SQLiteLoginStore:
    """
    A store in a file, opened at the first use. SQLite lets one process write at a time, so each step is atomic.

    It forgets no value before its time.

    Args:
        path: The file; made when it is absent. Not on a network drive.

        most: How many values it holds, 0.2 KB each.

        clock: Unix time, seconds: the processes must agree on it.
    """

    def __init__(self, path: str | Path, *, most: int = MOST_ENTRIES, clock: Callable[[], float] = time.time) -> None:
        self._most = most
        self._path = path
        self._clock = clock
        self._connection: sqlite3.Connection | None = None
        self._lock = threading.Lock()

    async def put(self, key: str, value: str, *, seconds: float) -> bool:
        """
        Keep a value, unless the key is in use. Values that are over are deleted on the way.

        Raises:
            LaunchError: There is no room.
        """
        return await asyncio.to_thread(self._put, key, value, seconds)

    async def take(self, key: str) -> str | None:
        """
        Return a value and forget it.
        """
        return await asyncio.to_thread(self._take, key)

    def close(self) -> None:
        """
        Close the file. Can be called twice; the next use opens it again.
        """
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _put(self, key: str, value: str, seconds: float) -> bool:
        now = self._clock()
        with self._lock, self._opened() as connection:
            connection.execute("DELETE FROM aioags_logins WHERE expires_at <= ?", (now,))
            if _is_full(connection, self._most):
                raise store_full(self._most)
            row = (key, value, now + seconds)
            return connection.execute("INSERT OR IGNORE INTO aioags_logins VALUES (?, ?, ?)", row).rowcount == 1

    def _take(self, key: str) -> str | None:
        question = "DELETE FROM aioags_logins WHERE key = ? RETURNING value, expires_at"
        with self._lock, self._opened() as connection:
            row = connection.execute(question, (key,)).fetchone()
        return None if row is None or row[1] <= self._clock() else str(row[0])

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            # Every use holds the lock, from whatever thread.
            connection = sqlite3.connect(self._path, timeout=_BUSY_SECONDS, check_same_thread=False)
            connection.execute("PRAGMA journal_mode = WAL")
            with connection:
                connection.execute(_SCHEMA)
                connection.execute("CREATE INDEX IF NOT EXISTS aioags_logins_end ON aioags_logins (expires_at)")
            self._connection = connection
        return self._connection


def _is_full(connection: sqlite3.Connection, most: int) -> bool:
    # Rows are numbered as they come: this costs two steps down a tree, counting them would cost each of them.
    (span,) = connection.execute("SELECT MAX(rowid) - MIN(rowid) FROM aioags_logins").fetchone()
    if span is None or span < most - 1:
        return False
    (count,) = connection.execute("SELECT COUNT(*) FROM aioags_logins").fetchone()
    return bool(count >= most)
