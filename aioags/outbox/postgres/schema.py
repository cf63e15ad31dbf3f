"""
The tables of a PostgreSQL outbox, and how older ones become newer ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, LiteralString

import psycopg

from aioags.outbox.model import StoreError

Migration = Sequence[LiteralString]
"""The statements that lead from one version to the next."""

MIGRATIONS: Sequence[Migration] = (
    (
        # Room on each page for the next versions of its rows: each is changed twice between put and sent.
        """
        CREATE TABLE aioags_outbox_score (
            registration text COLLATE "C" NOT NULL,
            line_item text COLLATE "C" NOT NULL,
            user_id text COLLATE "C" NOT NULL,
            ts bigint NOT NULL,
            payload text NOT NULL,
            wire_ts bigint,
            wire_for bigint,
            sent_ts bigint,
            state text COLLATE "C" NOT NULL,
            attempts integer NOT NULL DEFAULT 0,
            not_before double precision NOT NULL DEFAULT 0,
            last_error text,
            unsure boolean NOT NULL DEFAULT false,
            since double precision NOT NULL,
            PRIMARY KEY (registration, line_item, user_id)
        ) WITH (fillfactor = 70)
        """,
        """
        CREATE INDEX aioags_outbox_score_due ON aioags_outbox_score (registration, line_item, not_before)
            WHERE state = 'due'
        """,
        # Added to and never changed: nobody who puts ever waits here for somebody else's transaction.
        """
        CREATE TABLE aioags_outbox_endpoint (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            registration text COLLATE "C" NOT NULL,
            line_item text COLLATE "C" NOT NULL,
            endpoint text NOT NULL,
            since double precision NOT NULL
        )
        """,
        "CREATE INDEX aioags_outbox_endpoint_newest ON aioags_outbox_endpoint (registration, line_item, id)",
        """
        CREATE TABLE aioags_outbox_platform (
            registration text COLLATE "C" PRIMARY KEY,
            tat double precision NOT NULL DEFAULT 0,
            blocked_until double precision NOT NULL DEFAULT 0,
            reason text NOT NULL DEFAULT ''
        )
        """,
        "CREATE TABLE aioags_outbox_version (version integer NOT NULL)",
        "INSERT INTO aioags_outbox_version VALUES (1)",
    ),
    (
        # Who stamped a score; and what it remembers of its failures.
        """
        ALTER TABLE aioags_outbox_score
            ADD COLUMN made_by text COLLATE "C",
            ADD COLUMN made_at bigint,
            ADD COLUMN made_order bigint,
            ADD COLUMN deferrals integer NOT NULL DEFAULT 0,
            ADD COLUMN waited double precision NOT NULL DEFAULT 0,
            ADD COLUMN failed_at double precision NOT NULL DEFAULT 0
        """,
        """
        CREATE INDEX aioags_outbox_score_deferred ON aioags_outbox_score (registration, line_item, not_before)
            WHERE state = 'deferred'
        """,
        # Line items that refuse everything. Written by who drains, never by who puts.
        """
        CREATE TABLE aioags_outbox_deferral (
            registration text COLLATE "C" NOT NULL,
            line_item text COLLATE "C" NOT NULL,
            count integer NOT NULL,
            at double precision NOT NULL,
            until double precision NOT NULL,
            reason text NOT NULL,
            waited double precision NOT NULL,
            PRIMARY KEY (registration, line_item)
        )
        """,
    ),
    (
        # The journal: added to and never changed.
        """
        CREATE TABLE aioags_outbox_attempt (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            registration text COLLATE "C" NOT NULL,
            line_item text COLLATE "C" NOT NULL,
            user_id text COLLATE "C" NOT NULL,
            at bigint NOT NULL,
            stamp bigint NOT NULL,
            recorded boolean,
            facts text NOT NULL,
            reason text,
            comment text
        )
        """,
        # Also tells what was written before.
        """
        CREATE UNIQUE INDEX aioags_outbox_attempt_of
            ON aioags_outbox_attempt (registration, line_item, user_id, at, stamp)
        """,
        # What was written together is old together: a summary of each megabyte finds it, and costs nothing to keep.
        "CREATE INDEX aioags_outbox_attempt_at ON aioags_outbox_attempt USING brin (at)",
    ),
)
"""Index n leads from version n to version n + 1. What was released is never changed."""

LOCK_SCHEMA: LiteralString = "SELECT pg_advisory_xact_lock(hashtextextended('aioags outbox schema', 0))"

HAS_TABLES: LiteralString = "SELECT to_regclass('aioags_outbox_version') IS NOT NULL"

VERSION: LiteralString = "SELECT version FROM aioags_outbox_version"

SET_VERSION: LiteralString = "UPDATE aioags_outbox_version SET version = %s"


async def version_of(connection: psycopg.AsyncConnection[Any]) -> int:
    """
    Return the version of the tables. 0: there are none.
    """
    cursor = await connection.execute(HAS_TABLES)
    row = await cursor.fetchone()
    if row is None or not row[0]:
        return 0
    row = await (await connection.execute(VERSION)).fetchone()
    return 0 if row is None else int(row[0])


def check_version(version: int) -> None:
    """
    Accept tables of this package's version only.

    Raises:
        StoreError: They are older, newer, or not there.
    """
    newest_known = len(MIGRATIONS)
    if version == 0:
        raise StoreError("the outbox has no tables in this database: run aioags outbox migrate, or store.migrate()")
    if version < newest_known:
        raise StoreError(
            f"the outbox's tables have version {version}, this aioags needs {newest_known}: run aioags outbox migrate"
        )
    if version > newest_known:
        raise StoreError(
            f"the outbox's tables have version {version} and this aioags knows up to {newest_known}: "
            "update aioags wherever it is used"
        )


def check_encoding(connection: psycopg.AsyncConnection[Any]) -> None:
    """
    Accept databases that know what their texts are.

    Raises:
        StoreError: It takes any bytes for a text, and gives them back as such.
    """
    if connection.info.parameter_status("server_encoding") == "SQL_ASCII":
        raise StoreError("this database has the encoding SQL_ASCII: make one with ENCODING 'UTF8' for the outbox")
