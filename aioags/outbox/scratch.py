"""
What is compared, on the disk: a course may have a hundred thousand people. Not public.

It lies in a private SQLite file without a name, which is gone with the process. In memory is some of its pages.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from aioags.model.last_sent import LastSent
from aioags.model.progress import ActivityProgress, GradingProgress
from aioags.outbox.journal import read_number

_PRAGMAS = """
    PRAGMA journal_mode = OFF;
    PRAGMA cache_size = -1024;
    PRAGMA temp_store = FILE;
"""
_SENT = "CREATE TABLE sent (user_id, stamp INTEGER, record, PRIMARY KEY (user_id, stamp)) WITHOUT ROWID"


def scratch(tables: str = "") -> sqlite3.Connection:
    """
    Open such a file; it is the caller's to close.
    """
    data = sqlite3.connect("", isolation_level=None)
    data.executescript(_PRAGMAS + tables)
    return data


def encodable(text: str | None) -> str | None:
    """
    Return a text as SQLite can hold it. A platform's may hold half of a surrogate pair, which equals nothing of ours.
    """
    return text if text is None or text.isascii() else text.encode("utf-8", "replace").decode()


class SentRecords:
    """
    What was last sent for everybody: the table ``sent`` of a scratch file.
    """

    def __init__(self, data: sqlite3.Connection) -> None:
        self._data = data
        data.execute(_SENT)

    def add(self, record: LastSent) -> None:
        """
        Take one record; of one user there may be several.
        """
        said = (
            *(record.timestamp.timestamp(), _text(record.score_given), _text(record.score_maximum)),
            *(record.comment_digest, record.activity_progress, record.grading_progress, record.recorded),
        )
        columns = (record.user_id, int(record.timestamp.timestamp() * 1e6), json.dumps(said))
        self._data.execute("INSERT OR REPLACE INTO sent VALUES (?, ?, ?)", columns)

    def pop(self, user_id: str) -> list[LastSent]:
        """
        Return the records of one user, and forget them.
        """
        key = (encodable(user_id),)
        rows = self._data.execute("SELECT record FROM sent WHERE user_id = ?", key).fetchall()
        self._data.execute("DELETE FROM sent WHERE user_id = ?", key)
        return [load_sent(user_id, *json.loads(text)) for (text,) in rows]

    def rest(self) -> Iterator[list[LastSent]]:
        """
        Yield the records of each user who is left, by user id.
        """
        while first := self._data.execute("SELECT user_id FROM sent ORDER BY user_id LIMIT 1").fetchone():
            yield self.pop(*first)


def load_sent(user_id: str, stamp: float, given: str | None, maximum: str | None, *more: Any) -> LastSent:
    """
    Read what a record says, as it stands in its JSON.
    """
    digest, activity, grading, recorded = more
    return LastSent(
        *(user_id, datetime.fromtimestamp(stamp, UTC), read_number(given), read_number(maximum), digest),
        None if activity is None else ActivityProgress(activity),
        None if grading is None else GradingProgress(grading),
        recorded,
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)
