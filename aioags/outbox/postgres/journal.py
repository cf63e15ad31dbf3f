"""
The journal in PostgreSQL: a table that is added to, by the statement that settles.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, LiteralString

import psycopg

from aioags.outbox.attempt import Attempt
from aioags.outbox.journal import COLUMNS, dumped, readable
from aioags.outbox.model import SECOND, Outcome, Selection
from aioags.outbox.postgres.reading import fetched

_COLUMNS: LiteralString = """
    registration, line_item, user_id, at, stamp, given, maximum, activity, grading, recorded, final, requests, status,
    reason, comment_digest, comment
"""

# Part of a statement in which `free` are the rows that are settled. Beside a score of which an attempt was noted: one
# that was erased gets no history, and one that is put anew not that of the one before.
NOTE: LiteralString = f"""
    , noted AS (
        INSERT INTO aioags_outbox_attempt ({_COLUMNS})
        SELECT {_COLUMNS}
        FROM unnest(%(attempt_registration)s::text[], %(attempt_line_item)s::text[], %(attempt_user_id)s::text[],
            %(attempt_at)s::bigint[], %(attempt_stamp)s::bigint[], %(attempt_given)s::text[],
            %(attempt_maximum)s::text[], %(attempt_activity)s::text[], %(attempt_grading)s::text[],
            %(attempt_recorded)s::boolean[], %(attempt_final)s::boolean[], %(attempt_requests)s::integer[],
            %(attempt_status)s::integer[], %(attempt_reason)s::text[], %(attempt_comment_digest)s::text[],
            %(attempt_comment)s::text[])
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


class JournalInPostgres(ABC):
    """
    The part of a store that reads the journal.
    """

    @abstractmethod
    def single(self) -> AbstractAsyncContextManager[psycopg.AsyncConnection[Any]]:
        """
        Hold a connection.
        """

    async def attempts(self, selection: Selection, *, after: int = 0, limit: int = 500) -> list[tuple[int, Attempt]]:
        """
        List what the journal holds, in the order in which it was written, one page.
        """
        arguments = {
            "registration": selection.registration_id,
            "line_item": selection.line_item,
            "user_id": selection.user_id,
            "limit": limit,
        }
        while True:
            rows = await self._fetched(_LISTED, {**arguments, "after": after})
            page = readable(rows)
            if page or not rows:
                return page
            after = rows[-1][0]

    async def last_sent(
        self, registration_id: str, line_item: str, *, after: str = "", limit: int = 500
    ) -> list[Attempt]:
        """
        List, of each user of a line item, the attempt that was recorded last and every later one of which nobody knows.
        """
        arguments = {"registration": registration_id, "line_item": line_item, "limit": limit}
        while True:
            rows = await self._fetched(_LAST_SENT, {**arguments, "after": after})
            page = readable(rows)
            if page or not rows:
                return [attempt for _, attempt in page]
            after = rows[-1][3]

    async def prune_attempts(self, *, before: float) -> int:
        """
        Delete from the journal what ended before a time.
        """
        async with self.single() as connection:
            return (await connection.execute(_PRUNE, (int(before * SECOND),))).rowcount

    async def _fetched(self, statement: LiteralString, arguments: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        async with self.single() as connection:
            return await fetched(await connection.execute(statement, arguments))
