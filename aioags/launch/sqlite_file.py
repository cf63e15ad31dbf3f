"""
Internal. A file of SQLite that a store keeps its rows in, opened at the first use.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

# Another process writes for a few milliseconds; a disk that sleeps takes seconds.
_BUSY_SECONDS = 10.0


class SQLiteFile:
    """
    One connection, and a lock that every use holds, from whatever thread.

    Args:
        path: The file; made when it is absent. Not on a network drive.

        schema: Statements that make the tables where they are absent.
    """

    def __init__(self, path: str | Path, schema: Sequence[str]) -> None:
        self._path = path
        self._schema = schema
        self._connection: sqlite3.Connection | None = None
        self._lock = threading.Lock()

    def close(self) -> None:
        """
        Close the file. Can be called twice; the next use opens it again.
        """
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._connection = self._connection or self._opened()
            with self._connection:
                yield self._connection

    def _opened(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=_BUSY_SECONDS, check_same_thread=False)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            with connection:
                # In one step: what another process puts meanwhile would not be counted.
                connection.execute("BEGIN IMMEDIATE")
                for statement in self._schema:
                    connection.execute(statement)
        except sqlite3.Error:
            connection.close()
            raise
        return connection
