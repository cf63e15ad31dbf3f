"""
The journal in PostgreSQL: a table that is added to, by the statement that settles.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, LiteralString

import psycopg

from aioags.outbox.journal import COLUMNS, JournalInSQL, dumped
from aioags.outbox.model import SECOND, Outcome
from aioags.outbox.postgres.reading import fetched

_COLUMNS: LiteralString = "registration, line_item, user_id, at, stamp, recorded, facts, reason, comment"

# Part of a statement in which `free` are the rows that are settled. Beside a score of which an attempt was noted: one
# that was erased gets no history, and one that is put anew not that of the one before.
NOTE: LiteralString = f"""
    , noted AS (
        INSERT INTO aioags_outbox_attempt ({_COLUMNS})
        SELECT {_COLUMNS}
        FROM unnest(%(attempt_registration)s::text[], %(attempt_line_item)s::text[], %(attempt_user_id)s::text[],
            %(attempt_at)s::bigint[], %(attempt_stamp)s::bigint[], %(attempt_recorded)s::boolean[],
            %(attempt_facts)s::text[], %(attempt_reason)s::text[], %(attempt_comment)s::text[])
        AS attempt ({_COLUMNS}) JOIN free USING (registration, line_item, user_id)
        WHERE free.tried
        ON CONFLICT (registration, line_item, user_id, at, stamp) DO NOTHING
    )
"""  # noqa: S608  Here and below: only our own text is put in.

_LISTED: LiteralString = f"""
    SELECT id, {_COLUMNS} FROM aioags_outbox_attempt
    WHERE registration = %(registration)s AND (%(line_item)s::text IS NULL OR line_item = %(line_item)s)
        AND (%(user_id)s::text IS NULL OR user_id = %(user_id)s) AND id > %(after)s
    ORDER BY id LIMIT %(limit)s
"""  # noqa: S608

_LAST_SENT: LiteralString = f"""
    WITH users AS (
        SELECT DISTINCT user_id FROM aioags_outbox_attempt
        WHERE registration = %(registration)s AND line_item = %(line_item)s AND user_id > %(after)s
            AND recorded IS NOT FALSE
        ORDER BY user_id LIMIT %(limit)s
    )
    SELECT id, {_COLUMNS} FROM aioags_outbox_attempt AS sent
    WHERE registration = %(registration)s AND line_item = %(line_item)s AND recorded IS NOT FALSE
        AND user_id IN (SELECT user_id FROM users) AND id >= coalesce((
            SELECT max(id) FROM aioags_outbox_attempt AS taken
            WHERE taken.registration = sent.registration AND taken.line_item = sent.line_item
                AND taken.user_id = sent.user_id AND taken.recorded
        ), 0)
    ORDER BY user_id, id
"""  # noqa: S608

_PRUNE: LiteralString = "DELETE FROM aioags_outbox_attempt WHERE at < %s"


def note_arguments(outcomes: Sequence[Outcome]) -> dict[str, list[Any]]:
    """
    Return the arguments of `NOTE`.
    """
    attempts = [outcome.attempt for outcome in outcomes if outcome.attempt is not None]
    rows = [(*attempt.key, *dumped(attempt)) for attempt in attempts]
    columns = zip(*rows, strict=True) if rows else ((),) * len(COLUMNS)
    return {f"attempt_{name}": list(column) for name, column in zip(COLUMNS, columns, strict=True)}


class JournalInPostgres(JournalInSQL):
    """
    The journal of a store.
    """

    @abstractmethod
    def single(self) -> AbstractAsyncContextManager[psycopg.AsyncConnection[Any]]:
        """
        Hold a connection.
        """

    async def _attempts(self, arguments: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        async with self.single() as connection:
            return await fetched(await connection.execute(_LISTED, arguments))

    async def _sent(self, arguments: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        async with self.single() as connection:
            return await fetched(await connection.execute(_LAST_SENT, arguments))

    async def prune_attempts(self, *, before: float) -> int:
        """
        Delete from the journal what ended before a time.
        """
        async with self.single() as connection:
            return (await connection.execute(_PRUNE, (int(before * SECOND),))).rowcount
