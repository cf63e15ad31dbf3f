"""
How a PostgreSQL outbox settles: one statement for many outcomes, which writes the journal too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, LiteralString

from aioags.outbox.model import Outcome
from aioags.outbox.postgres.journal import NOTE, note_arguments

# What was recorded stays recorded, whatever a second drain of the same line item says that should not have been.
_APPLIES: LiteralString = "score.ts = given.ts AND (score.state <> 'sent' OR given.state = 'sent')"

# A platform that keeps what came last holds an older score now: the newer one goes out again, with its stamp.
_OVERTAKEN: LiteralString = "score.ts > given.ts AND score.state = 'sent' AND given.state = 'sent'"

_SETTLE: LiteralString = f"""
    UPDATE aioags_outbox_score AS score SET
        state = CASE WHEN {_APPLIES} THEN given.state WHEN {_OVERTAKEN} THEN 'due' ELSE score.state END,
        since = CASE
            WHEN {_APPLIES} AND given.state NOT IN ('due', 'deferred') OR {_OVERTAKEN} THEN %(now)s ELSE score.since
        END,
        attempts = CASE
            WHEN {_APPLIES} THEN score.attempts - given.given_back WHEN {_OVERTAKEN} THEN 0 ELSE score.attempts
        END,
        not_before = CASE WHEN {_APPLIES} THEN given.not_before ELSE score.not_before END,
        last_error = CASE WHEN {_APPLIES} THEN given.error ELSE score.last_error END,
        sent_ts = CASE WHEN given.state = 'sent' THEN greatest(score.sent_ts, given.ts) ELSE score.sent_ts END,
        wire_ts = greatest(score.wire_ts, given.wire_ts),
        unsure = CASE WHEN score.wire_for = given.ts THEN given.unsure ELSE score.unsure OR {_OVERTAKEN} END,
        deferrals = CASE WHEN {_APPLIES} THEN given.deferrals WHEN {_OVERTAKEN} THEN 0 ELSE score.deferrals END,
        waited = CASE WHEN {_APPLIES} THEN given.waited WHEN {_OVERTAKEN} THEN 0 ELSE score.waited END,
        failed_at = CASE WHEN {_APPLIES} THEN given.failed_at ELSE score.failed_at END
"""  # noqa: S608  Only our own text is put in.

_OUTCOMES: LiteralString = """
    unnest(%(registrations)s::text[], %(line_items)s::text[], %(users)s::text[], %(stamps)s::bigint[],
        %(states)s::text[], %(wire_stamps)s::bigint[], %(not_befores)s::float8[], %(given_back)s::integer[],
        %(unsure)s::boolean[], %(errors)s::text[], %(deferrals)s::integer[], %(waited)s::float8[],
        %(failed_at)s::float8[])
    AS given (registration, line_item, user_id, ts, state, wire_ts, not_before, given_back, unsure, error, deferrals,
        waited, failed_at)
"""

_SAME_KEY: LiteralString = """
    score.registration = given.registration AND score.line_item = given.line_item AND score.user_id = given.user_id
"""

# Those that nobody else holds.
SETTLE_FREE: LiteralString = f"""
    WITH given AS (SELECT * FROM {_OUTCOMES}),
    free AS (
        SELECT registration, line_item, user_id, score.wire_ts IS NOT NULL AS tried FROM aioags_outbox_score AS score
        JOIN given USING (registration, line_item, user_id)
        FOR UPDATE OF score SKIP LOCKED
    )
    {NOTE}
    {_SETTLE}
    FROM given JOIN free USING (registration, line_item, user_id)
    WHERE {_SAME_KEY}
    RETURNING score.registration, score.line_item, score.user_id
"""  # noqa: S608  Only our own text is put in.

# Of outcomes that were not settled, those that are held: the rest is gone.
STILL_THERE: LiteralString = f"""
    SELECT registration, line_item, user_id FROM aioags_outbox_score
    JOIN {_OUTCOMES} USING (registration, line_item, user_id)
"""  # noqa: S608  Only our own text is put in.


def settle_arguments(outcomes: Sequence[Outcome], now: float) -> dict[str, Any]:
    """
    Return the arguments of `SETTLE_FREE` and `STILL_THERE`.
    """
    return {
        **note_arguments(outcomes),
        "now": now,
        "registrations": [outcome.registration_id for outcome in outcomes],
        "line_items": [outcome.line_item for outcome in outcomes],
        "users": [outcome.user_id for outcome in outcomes],
        "stamps": [outcome.ts for outcome in outcomes],
        "states": [str(outcome.state) for outcome in outcomes],
        "wire_stamps": [outcome.wire_ts for outcome in outcomes],
        "not_befores": [outcome.not_before for outcome in outcomes],
        "given_back": [int(not outcome.counted) for outcome in outcomes],
        "unsure": [outcome.unsure for outcome in outcomes],
        "errors": [outcome.error for outcome in outcomes],
        "deferrals": [outcome.deferrals for outcome in outcomes],
        "waited": [outcome.waited for outcome in outcomes],
        "failed_at": [outcome.failed_at for outcome in outcomes],
    }
