"""
Erasing from a file, to its last byte.

Deleting a row leaves its bytes: in its page, in pages that are free now, in the write-ahead log. SQLite's secure_delete
overwrites most of it, at every change, but not the copies that are left behind when a page is split: of 1,500 deleted
rows one was still there. So the file is made anew from what is left in it (VACUUM), which leaves out older remains too,
and the log is written back and cut off. Whoever reads an older state keeps the log, and is told of.
"""

from __future__ import annotations

import sqlite3

from aioags.outbox.erasing import Erased, is_of_course
from aioags.outbox.sqlite.reading import fetched

_ITEMS = """
    SELECT id, endpoint FROM line_item
    WHERE registration = :registration AND (:line_item IS NULL OR line_item = :line_item)
"""

# Milliseconds in which those who are reading may come to their end.
_PATIENCE = 1_000


def erase(
    connection: sqlite3.Connection,
    registration_id: str,
    user_id: str | None,
    line_item: str | None,
    lineitems: str | None,
) -> Erased:
    """
    Delete rows, within the caller's transaction. Their bytes may still be there.
    """
    found = fetched(connection, _ITEMS, {"registration": registration_id, "line_item": line_item})
    items = [number for number, endpoint in found if is_of_course(endpoint, lineitems)]
    theirs = [(number, user_id) for number in items]
    scores = connection.executemany("DELETE FROM score WHERE item = ? AND user_id = coalesce(?, user_id)", theirs)
    # Of no statement at all SQLite says -1.
    gone = max(scores.rowcount, 0)
    written = connection.executemany("DELETE FROM attempt WHERE item = ? AND user_id = coalesce(?, user_id)", theirs)
    struck = max(written.rowcount, 0)
    if user_id is not None:
        return Erased(gone, attempts=struck)
    connection.executemany("DELETE FROM line_item WHERE id = ?", [(number,) for number in items])
    if line_item is lineitems is None:
        connection.execute("DELETE FROM platform WHERE registration = ?", (registration_id,))
    return Erased(gone, len(items), attempts=struck)


def leave_nothing(connection: sqlite3.Connection) -> str | None:
    """
    Make the file anew and cut off its log, outside of a transaction.

    Returns:
        What prevents it, and what to do then. None: nothing that was deleted is in any of the files.
    """
    try:
        connection.execute("VACUUM")
        connection.execute(f"PRAGMA busy_timeout = {_PATIENCE}")
        (busy, _, _) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.Error as error:
        return f"the file could not be made anew, and may hold bytes of what is gone ({error}): erase once more"
    if busy:
        return "somebody reads an older state of the file, and -wal keeps bytes of it: end that, and erase once more"
    return None
