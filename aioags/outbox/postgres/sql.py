"""
Every statement that a PostgreSQL outbox makes, once its tables are there.

Keys are compared by code point, whatever the database's locale. Waiting for a row that somebody's open transaction has
changed is avoided wherever the caller holds other rows, since two who wait for each other are a deadlock.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, LiteralString

from aioags.outbox.model import Entry
from aioags.outbox.order import recent

TRY_LOCK: LiteralString = "SELECT pg_try_advisory_lock(hashtextextended(%s, 0))"

UNLOCK: LiteralString = "SELECT pg_advisory_unlock(hashtextextended(%s, 0))"

UNLOCK_ALL: LiteralString = "SELECT pg_advisory_unlock_all()"

# For a row that somebody's open transaction has changed. Together: as long as one who commits at once may take. Alone:
# hardly at all, since whoever is alone has been found in company with a held row, and comes again.
PATIENCE_TOGETHER: LiteralString = "SET LOCAL lock_timeout = '200ms'"

PATIENCE_ALONE: LiteralString = "SET LOCAL lock_timeout = '25ms'"

# A state that nobody knows was damaged: such a row is dead, wherever it is looked at.
_NOT_DEAD: LiteralString = "state IN ('due', 'deferred', 'sent')"

_COLUMNS: LiteralString = f"""
    score.registration, score.line_item, score.user_id, score.ts, score.payload, score.wire_ts, score.sent_ts,
    CASE WHEN score.{_NOT_DEAD} THEN score.state ELSE 'dead' END, score.attempts, score.not_before,
    CASE WHEN score.{_NOT_DEAD} OR score.state = 'dead' THEN score.last_error ELSE 'its state cannot be read' END
"""

# After `unsure` and `since`.
_MORE_COLUMNS: LiteralString = """
    score.made_by, score.made_at, score.made_order, score.deferrals, score.waited, score.failed_at
"""

# `DAY` from now: a time that is further ahead was written while a clock was wrong.
_HORIZON: LiteralString = "%(now)s::float8 + 86400"

_SELECTED: LiteralString = """
    (%(registration)s::text IS NULL OR score.registration = %(registration)s)
    AND (%(line_item)s::text IS NULL OR score.line_item = %(line_item)s)
    AND (%(user_id)s::text IS NULL OR score.user_id = %(user_id)s)
"""

# wire_ts, wire_for and unsure stay: they tell what the platform may hold from an older score.
# Which one is newer: as in `aioags.outbox.order`.
PUT: LiteralString = """
    INSERT INTO aioags_outbox_score AS score
        (registration, line_item, user_id, ts, payload, state, since, made_by, made_at, made_order)
    SELECT registration, line_item, user_id, ts, payload, 'due', %(now)s, made_by, made_at, made_order
    FROM unnest(%(registrations)s::text[], %(line_items)s::text[], %(users)s::text[], %(stamps)s::bigint[],
        %(payloads)s::text[], %(made_by)s::text[], %(made_at)s::bigint[], %(made_order)s::bigint[])
        AS given (registration, line_item, user_id, ts, payload, made_by, made_at, made_order)
    ON CONFLICT (registration, line_item, user_id) DO UPDATE SET
        ts = greatest(excluded.ts, score.ts + 1), payload = excluded.payload, since = excluded.since,
        state = 'due', attempts = 0, not_before = 0, last_error = NULL,
        made_by = excluded.made_by, made_at = excluded.made_at, made_order = excluded.made_order,
        deferrals = 0, waited = 0, failed_at = 0
    WHERE CASE
        WHEN excluded.made_by = score.made_by THEN excluded.made_order > score.made_order
        ELSE excluded.ts > score.ts OR excluded.made_at >= %(recent)s
    END
    RETURNING registration, line_item, user_id
"""

# Written again once a day, so that one that is in use is never old enough to be pruned, which takes two days more.
PUT_ENDPOINTS: LiteralString = """
    INSERT INTO aioags_outbox_endpoint (registration, line_item, endpoint, since)
    SELECT given.registration, given.line_item, given.endpoint, %(now)s
    FROM unnest(%(registrations)s::text[], %(line_items)s::text[], %(endpoints)s::text[])
        AS given (registration, line_item, endpoint)
    LEFT JOIN LATERAL (
        SELECT endpoint, since FROM aioags_outbox_endpoint AS known
        WHERE known.registration = given.registration AND known.line_item = given.line_item
        ORDER BY id DESC LIMIT 1
    ) AS newest ON true
    WHERE newest.endpoint IS DISTINCT FROM given.endpoint OR newest.since < %(now)s - 86400
"""

ENDPOINT: LiteralString = """
    SELECT endpoint FROM aioags_outbox_endpoint WHERE registration = %s AND line_item = %s ORDER BY id DESC LIMIT 1
"""


def _due(state: LiteralString, opens: LiteralString) -> LiteralString:
    # From one line item to the next by the index; counting them all would read every row.
    return f"""
    WITH RECURSIVE item AS (
        (
            SELECT registration, line_item, not_before FROM aioags_outbox_score WHERE state = '{state}'
            ORDER BY registration, line_item, not_before LIMIT 1
        )
        UNION ALL
        SELECT next.* FROM item, LATERAL (
            SELECT registration, line_item, not_before FROM aioags_outbox_score AS score
            WHERE state = '{state}' AND (score.registration, score.line_item) > (item.registration, item.line_item)
            ORDER BY registration, line_item, not_before LIMIT 1
        ) AS next
    )
    SELECT registration, line_item,
        CASE WHEN EXISTS (
            SELECT 1 FROM aioags_outbox_score AS score
            WHERE state = '{state}' AND not_before > {_HORIZON}
                AND score.registration = item.registration AND score.line_item = item.line_item
        ) THEN 0 ELSE not_before END,
        greatest(
            CASE WHEN blocked_until <= {_HORIZON} THEN blocked_until ELSE 0 END,
            CASE WHEN {opens} <= {_HORIZON} THEN {opens} ELSE 0 END
        )
    FROM item
    LEFT JOIN aioags_outbox_platform USING (registration)
    LEFT JOIN aioags_outbox_deferral AS deferral USING (registration, line_item)
    """  # noqa: S608  Only our own text is put in.


# `FIRST_DEFERRAL` after a line item was found to refuse everything, a score that was put since then is tried.
_OPENS_FOR_DUE: LiteralString = "deferral.at + 300"

DUE: LiteralString = f"({_due('due', _OPENS_FOR_DUE)}) UNION ALL ({_due('deferred', 'deferral.until')})"


def _pick(state: LiteralString, opens: LiteralString, order: LiteralString) -> LiteralString:
    # A row that somebody is just changing is passed over: it will be due anew, and wake its line item.
    return f"""
        SELECT registration, line_item, user_id, unsure, wire_for IS NOT DISTINCT FROM ts AS again,
            state, attempts, not_before
        FROM aioags_outbox_score
        WHERE registration = %(registration)s AND line_item = %(line_item)s
            AND state = '{state}' AND (not_before <= %(now)s OR not_before > {_HORIZON})
            AND user_id <> ALL (%(busy)s::text[])
            AND NOT EXISTS (
                SELECT 1 FROM aioags_outbox_platform
                WHERE registration = %(registration)s AND blocked_until > %(now)s AND blocked_until <= {_HORIZON}
            )
            AND NOT EXISTS (
                SELECT 1 FROM aioags_outbox_deferral AS deferral
                WHERE registration = %(registration)s AND line_item = %(line_item)s
                    AND {opens} > %(now)s AND {opens} <= {_HORIZON}
            )
        ORDER BY {order} LIMIT %(limit)s
        FOR UPDATE SKIP LOCKED
    """  # noqa: S608


def _take(order: LiteralString, first: LiteralString) -> LiteralString:
    return f"""
    WITH due AS ({_pick("due", _OPENS_FOR_DUE, order)}),
    deferred AS ({_pick("deferred", "deferral.until", order)}),
    picked AS (
        SELECT * FROM (SELECT * FROM due UNION ALL SELECT * FROM deferred) AS either
        ORDER BY {first} state = 'deferred', not_before LIMIT %(limit)s
    )
    UPDATE aioags_outbox_score AS score SET
        attempts = least(greatest(score.attempts, 0), 1000000) + 1,
        unsure = true,
        wire_for = score.ts,
        wire_ts = CASE
            WHEN picked.again THEN score.wire_ts
            WHEN score.wire_ts IS NULL THEN score.ts
            -- 10^18 is beyond every date, and far from what is an integer: of a row that was damaged.
            ELSE greatest(score.ts, (least(1000000000000000000, CASE
                WHEN picked.unsure THEN greatest(score.wire_ts, %(now_micros)s) ELSE score.wire_ts
            END) / 1000000 + 1) * 1000000)
        END
    FROM picked LEFT JOIN aioags_outbox_deferral AS deferral USING (registration, line_item)
    WHERE score.registration = picked.registration AND score.line_item = picked.line_item
        AND score.user_id = picked.user_id
    RETURNING {_COLUMNS}, picked.unsure AND picked.again, score.since, {_MORE_COLUMNS},
        deferral.count, deferral.at, deferral.until, deferral.reason, deferral.waited
    """  # noqa: S608


TAKE: LiteralString = _take("not_before", "")
"""Those that wait longest."""

PROBE: LiteralString = _take("attempts, not_before", "attempts,")
"""Those that were tried least often."""

BLOCK_OF: LiteralString = f"""
    SELECT blocked_until, reason FROM aioags_outbox_platform
    WHERE registration = %(registration)s AND blocked_until > %(now)s AND blocked_until <= {_HORIZON} AND EXISTS (
        SELECT 1 FROM aioags_outbox_score
        WHERE registration = %(registration)s AND line_item = %(line_item)s
            AND state IN ('due', 'deferred') AND not_before <= %(now)s AND user_id <> ALL (%(busy)s::text[])
    )
"""  # noqa: S608

BLOCK: LiteralString = f"""
    INSERT INTO aioags_outbox_platform AS platform (registration, blocked_until, reason)
    VALUES (%(registration)s, %(until)s, %(reason)s)
    ON CONFLICT (registration) DO UPDATE SET blocked_until = excluded.blocked_until, reason = excluded.reason
    WHERE excluded.blocked_until > platform.blocked_until OR platform.blocked_until > {_HORIZON}
"""  # noqa: S608

BLOCKS: LiteralString = f"""
    SELECT registration, blocked_until, reason FROM aioags_outbox_platform
    WHERE blocked_until > %(now)s AND blocked_until <= {_HORIZON}
"""  # noqa: S608

UNBLOCK: LiteralString = """
    UPDATE aioags_outbox_platform SET blocked_until = 0
    WHERE %(registration)s::text IS NULL OR registration = %(registration)s
"""


def _each(state: LiteralString, changes: LiteralString, *, also: LiteralString = "") -> LiteralString:
    # A row that somebody is just changing is in use: it is passed over.
    return f"""
        WITH waiting AS (
            SELECT user_id FROM aioags_outbox_score
            WHERE registration = %(registration)s AND line_item = %(line_item)s AND state = '{state}' {also}
            FOR UPDATE SKIP LOCKED
        )
        UPDATE aioags_outbox_score AS score SET {changes} FROM waiting
        WHERE registration = %(registration)s AND line_item = %(line_item)s AND score.user_id = waiting.user_id
    """  # noqa: S608  Only our own text is put in.


DELAY: LiteralString = _each("due", "not_before = %(until)s", also="AND not_before < %(until)s")

DEFER_ITEM: LiteralString = """
    INSERT INTO aioags_outbox_deferral (registration, line_item, count, at, until, reason, waited)
    VALUES (%(registration)s, %(line_item)s, %(count)s, %(at)s, %(until)s, %(reason)s, %(waited)s)
    ON CONFLICT (registration, line_item) DO UPDATE SET
        count = excluded.count, at = excluded.at, until = excluded.until, reason = excluded.reason,
        waited = excluded.waited
"""

DEFER: LiteralString = _each("due", "state = 'deferred', last_error = %(reason)s")

LIFT_ITEM: LiteralString = """
    DELETE FROM aioags_outbox_deferral WHERE registration = %(registration)s AND line_item = %(line_item)s
"""

# One that is passed over is tried at its own time.
LIFT: LiteralString = _each("deferred", "state = 'due', not_before = 0")

STATS: LiteralString = f"""
    SELECT registration, count(*) FILTER (WHERE state = 'due'),
        count(*) FILTER (WHERE state = 'due' AND not_before > %(now)s AND not_before <= {_HORIZON}),
        count(*) FILTER (WHERE state = 'deferred'), count(*) FILTER (WHERE state = 'sent'),
        count(*) FILTER (WHERE NOT {_NOT_DEAD} AND NOT unsure), count(*) FILTER (WHERE NOT {_NOT_DEAD} AND unsure),
        min(since) FILTER (WHERE state = 'due')
    FROM aioags_outbox_score GROUP BY registration
"""  # noqa: S608

LISTED: LiteralString = f"""
    SELECT {_COLUMNS}, unsure, since, {_MORE_COLUMNS} FROM aioags_outbox_score AS score
    WHERE (state = %(state)s OR %(state)s = 'dead' AND NOT {_NOT_DEAD})
        AND (state <> 'due' OR last_error IS NOT NULL) AND {_SELECTED}
        AND (registration, line_item, user_id) > (%(last_registration)s, %(last_line_item)s, %(last_user)s)
    ORDER BY registration, line_item, user_id LIMIT %(limit)s
"""  # noqa: S608  Only our own text is put in.

# With restamp the row forgets for which score its stamp was, and who made it: it goes out as of now.
RETRY: LiteralString = f"""
    UPDATE aioags_outbox_score AS score SET
        state = 'due', since = %(now)s, attempts = 0, not_before = 0, deferrals = 0, waited = 0, failed_at = 0,
        wire_for = CASE WHEN %(restamp)s THEN NULL ELSE wire_for END,
        made_by = CASE WHEN %(restamp)s THEN NULL ELSE made_by END,
        wire_ts = CASE WHEN %(restamp)s THEN greatest(wire_ts, %(now_micros)s) ELSE wire_ts END
    WHERE state NOT IN ('due', 'sent') AND {_SELECTED}
"""  # noqa: S608  Only our own text is put in.

LIFT_ITEMS: LiteralString = f"""
    DELETE FROM aioags_outbox_deferral AS deferral WHERE EXISTS (
        SELECT 1 FROM aioags_outbox_score AS score
        WHERE score.registration = deferral.registration AND score.line_item = deferral.line_item AND {_SELECTED}
    )
"""  # noqa: S608

HURRY: LiteralString = f"""
    UPDATE aioags_outbox_score AS score SET not_before = 0
    WHERE state = 'due' AND not_before > %(now)s AND {_SELECTED}
"""  # noqa: S608  Only our own text is put in.

# A row that somebody is just changing is in use.
PRUNE: LiteralString = f"""
    WITH old AS (
        SELECT registration, line_item, user_id FROM aioags_outbox_score
        WHERE (state = 'sent' OR %(dead)s AND NOT {_NOT_DEAD}) AND since < %(before)s
        FOR UPDATE SKIP LOCKED
    )
    DELETE FROM aioags_outbox_score AS score USING old
    WHERE score.registration = old.registration AND score.line_item = old.line_item AND score.user_id = old.user_id
"""  # noqa: S608

PRUNE_ENDPOINTS: LiteralString = """
    DELETE FROM aioags_outbox_endpoint AS old WHERE since < %s AND (
        EXISTS (
            SELECT 1 FROM aioags_outbox_endpoint AS newer
            WHERE newer.registration = old.registration AND newer.line_item = old.line_item AND newer.id > old.id
        )
        OR NOT EXISTS (
            SELECT 1 FROM aioags_outbox_score AS score
            WHERE score.registration = old.registration AND score.line_item = old.line_item
        )
        AND NOT EXISTS (
            SELECT 1 FROM aioags_outbox_attempt AS attempt
            WHERE attempt.registration = old.registration AND attempt.line_item = old.line_item
        )
    )
"""

PRUNE_DEFERRALS: LiteralString = """
    DELETE FROM aioags_outbox_deferral AS old WHERE NOT EXISTS (
        SELECT 1 FROM aioags_outbox_score AS score
        WHERE score.registration = old.registration AND score.line_item = old.line_item
    )
"""


def put_arguments(entries: Sequence[Entry], now: float) -> dict[str, Any]:
    """
    Return the arguments of `PUT`, for entries of different keys.
    """
    return {
        "now": now,
        "registrations": [entry.registration_id for entry in entries],
        "line_items": [entry.line_item for entry in entries],
        "users": [entry.user_id for entry in entries],
        "stamps": [entry.ts for entry in entries],
        "payloads": [entry.payload for entry in entries],
        "made_by": [entry.made_by for entry in entries],
        "made_at": [entry.made_at for entry in entries],
        "made_order": [entry.order for entry in entries],
        "recent": recent(now),
    }


def endpoint_arguments(entries: Sequence[Entry], now: float) -> dict[str, Any]:
    """
    Return the arguments of `PUT_ENDPOINTS`: the last endpoint of each line item.
    """
    endpoints = {(entry.registration_id, entry.line_item): entry.endpoint for entry in entries}
    return {
        "now": now,
        "registrations": [place[0] for place in endpoints],
        "line_items": [place[1] for place in endpoints],
        "endpoints": list(endpoints.values()),
    }
