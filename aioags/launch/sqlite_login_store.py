"""
A store that the processes of one machine share: a file of SQLite.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from aioags.launch.login_store import MOST_ENTRIES, no_room, share_of
from aioags.launch.sqlite_file import SQLiteFile

# As `share_of`, of the row that comes or goes.
_SHARE_IN = "substr(new.key, 1, max(instr(new.key, '/') - 1, 0))"
_SHARE_OUT = "substr(old.key, 1, max(instr(old.key, '/') - 1, 0))"

# How many values each share holds, and under the empty one all of them: counting them would cost a step for each. By
# triggers, so that a process of an older version counts as well; it inserts with OR IGNORE, which would overrule an
# ON CONFLICT in here.
_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS aioags_logins (key TEXT PRIMARY KEY, value TEXT NOT NULL, expires_at REAL NOT NULL)",
    "CREATE INDEX IF NOT EXISTS aioags_logins_end ON aioags_logins (expires_at)",
    "CREATE TABLE IF NOT EXISTS aioags_login_shares (share TEXT PRIMARY KEY, held INTEGER NOT NULL)",
    "INSERT OR IGNORE INTO aioags_login_shares SELECT '', COUNT(*) FROM aioags_logins",
    f"""
    CREATE TRIGGER IF NOT EXISTS aioags_login_comes AFTER INSERT ON aioags_logins BEGIN
        INSERT OR IGNORE INTO aioags_login_shares VALUES ({_SHARE_IN}, 0);
        UPDATE aioags_login_shares SET held = held + 1 WHERE share = '';
        UPDATE aioags_login_shares SET held = held + 1 WHERE share = {_SHARE_IN} AND share <> '';
    END
    """,  # noqa: S608 - texts of this module
    f"""
    CREATE TRIGGER IF NOT EXISTS aioags_login_goes AFTER DELETE ON aioags_logins BEGIN
        UPDATE aioags_login_shares SET held = held - 1 WHERE share = '';
        UPDATE aioags_login_shares SET held = held - 1 WHERE share = {_SHARE_OUT} AND share <> '';
        DELETE FROM aioags_login_shares WHERE share = {_SHARE_OUT} AND share <> '' AND held <= 0;
    END
    """,  # noqa: S608
)


class SQLiteLoginStore(SQLiteFile):
    """
    A store in a file, opened at the first use. SQLite lets one process write at a time, so each step is atomic.

    It forgets no value before its time.

    Args:
        path: The file; made when it is absent. Not on a network drive.

        most: How many values it holds, 0.2 KB each; of one platform no more than are left for all others.

        clock: Unix time, seconds: the processes must agree on it.
    """

    def __init__(self, path: str | Path, *, most: int = MOST_ENTRIES, clock: Callable[[], float] = time.time) -> None:
        super().__init__(path, _SCHEMA)
        self._most = most
        self._clock = clock

    async def put(self, key: str, value: str, *, seconds: float) -> bool:
        """
        Keep a value, unless the key is in use. Values that are over are deleted on the way.

        Raises:
            LaunchError: The key is free, and there is no room.
        """
        return await asyncio.to_thread(self._put, key, value, seconds)

    async def take(self, key: str) -> str | None:
        """
        Return a value and forget it.
        """
        return await asyncio.to_thread(self._take, key)

    def _put(self, key: str, value: str, seconds: float) -> bool:
        now = self._clock()
        with self._transaction() as connection:
            connection.execute("DELETE FROM aioags_logins WHERE expires_at <= ?", (now,))
            if connection.execute("SELECT 1 FROM aioags_logins WHERE key = ?", (key,)).fetchone():
                return False
            share = share_of(key)
            shares = "SELECT share, held FROM aioags_login_shares WHERE share IN ('', ?)"
            refusal = no_room(share, dict(connection.execute(shares, (share,))), self._most)
            if refusal is None:
                connection.execute("INSERT INTO aioags_logins VALUES (?, ?, ?)", (key, value, now + seconds))
                return True
        # Not before: what was deleted on the way stays deleted.
        raise refusal

    def _take(self, key: str) -> str | None:
        question = "DELETE FROM aioags_logins WHERE key = ? RETURNING value, expires_at"
        with self._transaction() as connection:
            row = connection.execute(question, (key,)).fetchone()
        return None if row is None or row[1] <= self._clock() else str(row[0])
