"""
The tables of a SQLite outbox, and how an older file becomes a newer one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from aioags.outbox.model import StoreError

APPLICATION_ID = 0x41475331
"""Marks a file as an outbox: "AGS1" in ASCII."""

Migration = Sequence[str]
"""The statements that lead from one version to the next."""

MIGRATIONS: Sequence[Migration] = (
    (
        # Line items by number: their URLs are long, and each would stand in the table and in the index for every score.
        """
        CREATE TABLE line_item (
            id INTEGER PRIMARY KEY,
            registration TEXT NOT NULL,
            line_item TEXT NOT NULL,
            endpoint TEXT NOT NULL,
            UNIQUE (registration, line_item)
        )
        """,
        """
        CREATE TABLE score (
            item INTEGER NOT NULL REFERENCES line_item (id),
            user_id TEXT NOT NULL,
            ts INTEGER NOT NULL,
            payload TEXT NOT NULL,
            wire_ts INTEGER,
            wire_for INTEGER,
            sent_ts INTEGER,
            state TEXT NOT NULL,
            attempts INTEGER NOT NULL DEFAULT 0,
            not_before REAL NOT NULL DEFAULT 0,
            last_error TEXT,
            unsure INTEGER NOT NULL DEFAULT 0,
            since REAL NOT NULL,
            PRIMARY KEY (item, user_id)
        ) WITHOUT ROWID
        """,
        "CREATE INDEX score_due ON score (item, not_before) WHERE state = 'due'",
        """
        CREATE TABLE platform (
            registration TEXT PRIMARY KEY,
            blocked_until REAL NOT NULL,
            reason TEXT NOT NULL
        ) WITHOUT ROWID
        """,
    ),
    (
        # Who stamped a score; and what it remembers of its failures.
        "ALTER TABLE score ADD COLUMN made_by TEXT",
        "ALTER TABLE score ADD COLUMN made_at INTEGER",
        "ALTER TABLE score ADD COLUMN made_order INTEGER",
        "ALTER TABLE score ADD COLUMN deferrals INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE score ADD COLUMN waited REAL NOT NULL DEFAULT 0",
        "ALTER TABLE score ADD COLUMN failed_at REAL NOT NULL DEFAULT 0",
        "CREATE INDEX score_deferred ON score (item, not_before) WHERE state = 'deferred'",
        # A line item that refuses everything; 0 deferrals: it does not.
        "ALTER TABLE line_item ADD COLUMN deferrals INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE line_item ADD COLUMN deferred_at REAL NOT NULL DEFAULT 0",
        "ALTER TABLE line_item ADD COLUMN deferred_until REAL NOT NULL DEFAULT 0",
        "ALTER TABLE line_item ADD COLUMN reason TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE line_item ADD COLUMN waited REAL NOT NULL DEFAULT 0",
    ),
    (
        # The journal: added to and never changed. By number, so that what is old is found at its beginning.
        """
        CREATE TABLE attempt (
            id INTEGER PRIMARY KEY,
            item INTEGER NOT NULL REFERENCES line_item (id),
            user_id TEXT NOT NULL,
            at INTEGER NOT NULL,
            stamp INTEGER NOT NULL,
            recorded INTEGER,
            facts TEXT NOT NULL,
            reason TEXT,
            comment TEXT
        )
        """,
        # Also tells what was written before.
        "CREATE UNIQUE INDEX attempt_of ON attempt (item, user_id, at, stamp)",
    ),
)
"""Index n leads from version n to version n + 1. What was released is never changed."""


def migrate(connection: sqlite3.Connection, migrations: Sequence[Migration] = MIGRATIONS) -> None:
    """
    Bring a file to the newest version, all at once or not at all. Several processes may try.

    Raises:
        StoreError: The file is another program's, or was made by a newer version of this package.
    """
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        version = _version(connection, len(migrations))
        for migration in migrations[version:]:
            for statement in migration:
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(migrations)}")


def _version(connection: sqlite3.Connection, newest: int) -> int:
    (mark,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if mark != APPLICATION_ID and (mark or version or tables):
        raise StoreError("this SQLite file belongs to another program: give the outbox a file of its own")
    if version > newest:
        raise StoreError(
            f"this outbox has version {version} and this aioags knows up to {newest}: update aioags wherever it is used"
        )
    return int(version)
