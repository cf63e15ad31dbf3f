"""
Erasing from PostgreSQL: the rows. What its log, dead rows and backups keep is its administrator's.
"""

from __future__ import annotations

from typing import Any, LiteralString

import psycopg

from aioags.outbox.erasing import Erased, is_of_course

# Who erases wants all or nothing, so a row that somebody's open transaction has changed is waited for.
_PATIENCE: LiteralString = "SET LOCAL lock_timeout = '5s'"

_PLACES: LiteralString = """
    SELECT DISTINCT line_item, endpoint FROM aioags_outbox_endpoint
    WHERE registration = %(registration)s AND (%(line_item)s::text IS NULL OR line_item = %(line_item)s)
"""

_CHOSEN: LiteralString = """
    registration = %(registration)s AND (%(line_items)s::text[] IS NULL OR line_item = ANY (%(line_items)s::text[]))
"""

# In the order of the keys, as puts lock them: two who wait for each other are a deadlock.
_SCORES: LiteralString = f"""
    WITH theirs AS (
        SELECT registration, line_item, user_id FROM aioags_outbox_score
        WHERE {_CHOSEN} AND (%(user_id)s::text IS NULL OR user_id = %(user_id)s)
        ORDER BY registration, line_item, user_id FOR UPDATE
    )
    DELETE FROM aioags_outbox_score AS score USING theirs
    WHERE score.registration = theirs.registration AND score.line_item = theirs.line_item
        AND score.user_id = theirs.user_id
"""  # noqa: S608  Only our own text is put in.

_ATTEMPTS: LiteralString = f"""
    DELETE FROM aioags_outbox_attempt WHERE {_CHOSEN} AND (%(user_id)s::text IS NULL OR user_id = %(user_id)s)
"""  # noqa: S608

_ENDPOINTS: LiteralString = f"DELETE FROM aioags_outbox_endpoint WHERE {_CHOSEN}"  # noqa: S608

_DEFERRALS: LiteralString = f"DELETE FROM aioags_outbox_deferral WHERE {_CHOSEN}"  # noqa: S608

# The row stays: a shared limit counts on it.
_BLOCK: LiteralString = """
    UPDATE aioags_outbox_platform SET blocked_until = 0, reason = '' WHERE registration = %(registration)s
"""


async def erase(
    connection: psycopg.AsyncConnection[Any],
    registration_id: str,
    user_id: str | None,
    line_item: str | None,
    lineitems: str | None,
) -> Erased:
    """
    Delete rows, within the caller's transaction.
    """
    await connection.execute(_PATIENCE)
    asked = {"registration": registration_id, "line_item": line_item}
    places = await (await connection.execute(_PLACES, asked)).fetchall()
    known = {item for item, endpoint in places if is_of_course(endpoint, lineitems)}
    # A line item whose endpoint is missing has rows too; of which course it is nobody knows.
    chosen = sorted(known) if lineitems is not None else None if line_item is None else [line_item]
    arguments = {"registration": registration_id, "line_items": chosen, "user_id": user_id}
    scores = (await connection.execute(_SCORES, arguments)).rowcount
    # After the scores, which are held until the end: nobody who settles writes another.
    struck = (await connection.execute(_ATTEMPTS, arguments)).rowcount
    if user_id is not None:
        # What is known of the line item stays: somebody's transaction, still open, may count on it.
        return Erased(scores, attempts=struck)
    await connection.execute(_ENDPOINTS, arguments)
    await connection.execute(_DEFERRALS, arguments)
    if line_item is lineitems is None:
        await connection.execute(_BLOCK, arguments)
    return Erased(scores, len(known), attempts=struck)
