"""
Every statement that a SQLite outbox makes, once its tables are there.
"""

from __future__ import annotations

from aioags.outbox.model import DAY, FIRST_DEFERRAL

# A state that nobody knows was damaged: such a row is dead, wherever it is looked at.
_NOT_DEAD = "state IN ('due', 'deferred', 'sent')"

_COLUMNS = f"""
    line_item.registration, line_item.line_item, score.user_id, score.ts, score.payload, score.wire_ts, score.sent_ts,
    CASE WHEN score.{_NOT_DEAD} THEN score.state ELSE 'dead' END, score.attempts, score.not_before,
    CASE WHEN score.{_NOT_DEAD} OR score.state = 'dead' THEN score.last_error ELSE 'its state cannot be read' END,
    score.unsure, score.since,
    score.made_by, score.made_at, score.made_order, score.deferrals, score.waited, score.failed_at
"""

_SELECTED = """
    (:registration IS NULL OR registration = :registration) AND (:line_item IS NULL OR line_item = :line_item)
"""

ITEM = "SELECT id, endpoint FROM line_item WHERE registration = ? AND line_item = ?"

NEW_ITEM = "INSERT INTO line_item (registration, line_item, endpoint) VALUES (?, ?, ?)"

NEW_ENDPOINT = "UPDATE line_item SET endpoint = ? WHERE id = ?"

ENDPOINT = "SELECT endpoint FROM line_item WHERE registration = ? AND line_item = ?"

# wire_ts, wire_for and unsure stay: they tell what the platform may hold from an older score.
# Which one is newer: as in `aioags.outbox.order`.
PUT = """
    INSERT INTO score (item, user_id, ts, payload, state, since, made_by, made_at, made_order)
    VALUES (?, ?, ?, ?, 'due', ?, ?, ?, ?)
    ON CONFLICT (item, user_id) DO UPDATE SET
        ts = max(excluded.ts, score.ts + 1), payload = excluded.payload, since = excluded.since,
        state = 'due', attempts = 0, not_before = 0, last_error = NULL,
        made_by = excluded.made_by, made_at = excluded.made_at, made_order = excluded.made_order,
        deferrals = 0, waited = 0, failed_at = 0
    WHERE CASE
        WHEN excluded.made_by = score.made_by THEN excluded.made_order > score.made_order
        ELSE excluded.ts > score.ts OR coalesce(excluded.made_at >= ?, false)
    END
"""

# A time that is further ahead was written while a clock was wrong.
_HORIZON = f":now + {DAY:.0f}"


def _due(state: str, opens: str) -> str:
    # From one line item to the next by the index; counting them all would read every row.
    return f"""
        WITH RECURSIVE item (id) AS (
            SELECT min(item) FROM score WHERE state = '{state}'
            UNION ALL
            SELECT (SELECT min(score.item) FROM score WHERE state = '{state}' AND score.item > item.id)
            FROM item WHERE item.id IS NOT NULL
        )
        SELECT line_item.registration, line_item.line_item,
            CASE WHEN (SELECT max(not_before) FROM score WHERE state = '{state}' AND score.item = item.id) > {_HORIZON}
                THEN 0 ELSE (SELECT min(not_before) FROM score WHERE state = '{state}' AND score.item = item.id) END,
            max(coalesce((
                SELECT blocked_until FROM platform
                WHERE platform.registration = line_item.registration AND blocked_until <= {_HORIZON}
            ), 0), CASE WHEN deferrals > 0 AND {opens} <= {_HORIZON} THEN {opens} ELSE 0 END)
        FROM item JOIN line_item ON line_item.id = item.id
    """  # noqa: S608  Only our own text is put in.


DUE = (_due("due", f"deferred_at + {FIRST_DEFERRAL:.0f}"), _due("deferred", "deferred_until"))
"""Of the rows that are due, and of those that are deferred."""

DEFERRAL = """
    SELECT id, deferrals, deferred_at, deferred_until, reason, waited FROM line_item
    WHERE registration = ? AND line_item = ?
"""


def _pick(state: str, order: str) -> str:
    return f"""
        SELECT score.item, score.wire_for, {_COLUMNS}
        FROM line_item JOIN score ON score.item = line_item.id
        WHERE line_item.id = :item AND score.state = '{state}'
            AND (score.not_before <= :now OR score.not_before > {_HORIZON})
        ORDER BY {order} LIMIT :limit
    """  # noqa: S608  Only our own columns are put in.


PICK = {state: _pick(state, "score.not_before") for state in ("due", "deferred")}
"""By state: those that wait longest."""

PROBE = {state: _pick(state, "score.attempts, score.not_before") for state in ("due", "deferred")}
"""By state: those that were tried least often."""

BEGIN = """
    UPDATE score SET wire_ts = ?, wire_for = ts, unsure = 1, attempts = ? WHERE item = ? AND user_id = ?
"""

# What was recorded stays recorded, whatever a second drain of the same line item says that should not have been.
_APPLIES = "ts = :ts AND (state <> 'sent' OR :state = 'sent')"

# A platform that keeps what came last holds an older score now: the newer one goes out again, with its stamp.
_OVERTAKEN = "ts > :ts AND state = 'sent' AND :state = 'sent'"

SETTLE = f"""
    UPDATE score SET
        state = CASE WHEN {_APPLIES} THEN :state WHEN {_OVERTAKEN} THEN 'due' ELSE state END,
        since = CASE WHEN {_APPLIES} AND :state NOT IN ('due', 'deferred') OR {_OVERTAKEN} THEN :now ELSE since END,
        attempts = CASE WHEN {_APPLIES} THEN attempts - :given_back WHEN {_OVERTAKEN} THEN 0 ELSE attempts END,
        not_before = CASE WHEN {_APPLIES} THEN :not_before ELSE not_before END,
        last_error = CASE WHEN {_APPLIES} THEN :error ELSE last_error END,
        sent_ts = CASE WHEN :state = 'sent' THEN max(coalesce(sent_ts, :ts), :ts) ELSE sent_ts END,
        wire_ts = max(coalesce(wire_ts, :wire_ts), :wire_ts),
        unsure = CASE WHEN wire_for = :ts THEN :unsure ELSE unsure OR {_OVERTAKEN} END,
        deferrals = CASE WHEN {_APPLIES} THEN :deferrals WHEN {_OVERTAKEN} THEN 0 ELSE deferrals END,
        waited = CASE WHEN {_APPLIES} THEN :waited WHEN {_OVERTAKEN} THEN 0 ELSE waited END,
        failed_at = CASE WHEN {_APPLIES} THEN :failed_at ELSE failed_at END
    WHERE item = :item AND user_id = :user_id
"""  # noqa: S608

BLOCK = f"""
    INSERT INTO platform (registration, blocked_until, reason) VALUES (:registration, :until, :reason)
    ON CONFLICT (registration) DO UPDATE SET blocked_until = excluded.blocked_until, reason = excluded.reason
    WHERE excluded.blocked_until > platform.blocked_until OR platform.blocked_until > {_HORIZON}
"""  # noqa: S608

_BLOCKED = f"blocked_until > :now AND blocked_until <= {_HORIZON}"

BLOCK_OF = f"SELECT blocked_until, reason FROM platform WHERE registration = :registration AND {_BLOCKED}"  # noqa: S608

BLOCKS = f"SELECT registration, blocked_until, reason FROM platform WHERE {_BLOCKED}"  # noqa: S608

DELAY = """
    UPDATE score SET not_before = :until WHERE state = 'due' AND not_before < :until
        AND item = (SELECT id FROM line_item WHERE registration = :registration AND line_item = :line_item)
"""

DEFER_ITEM = """
    UPDATE line_item SET
        deferrals = :count, deferred_at = :at, deferred_until = :until, reason = :reason, waited = :waited
    WHERE registration = :registration AND line_item = :line_item
"""

DEFER = """
    UPDATE score SET state = 'deferred', last_error = :reason WHERE state = 'due'
        AND item = (SELECT id FROM line_item WHERE registration = :registration AND line_item = :line_item)
"""

LIFT_ITEM = "UPDATE line_item SET deferrals = 0 WHERE registration = :registration AND line_item = :line_item"

LIFT = """
    UPDATE score SET state = 'due', not_before = 0 WHERE state = 'deferred'
        AND item = (SELECT id FROM line_item WHERE registration = :registration AND line_item = :line_item)
"""

STATS = f"""
    SELECT line_item.registration, sum(state = 'due'),
        sum(state = 'due' AND not_before > :now AND not_before <= {_HORIZON}), sum(state = 'deferred'),
        sum(state = 'sent'), sum(NOT {_NOT_DEAD} AND NOT unsure), sum(NOT {_NOT_DEAD} AND unsure),
        min(CASE WHEN state = 'due' THEN since + 0.0 END)
    FROM score JOIN line_item ON line_item.id = score.item
    GROUP BY line_item.registration
"""  # noqa: S608


def _listed(place: str, order: str) -> str:
    return f"""
        SELECT {_COLUMNS}
        FROM score JOIN line_item ON line_item.id = score.item
        WHERE (score.state = :state OR :state = 'dead' AND NOT score.{_NOT_DEAD})
            AND (score.state <> 'due' OR score.last_error IS NOT NULL)
            AND {place} AND (:user_id IS NULL OR user_id = :user_id)
        ORDER BY {order} LIMIT :limit
    """  # noqa: S608


LISTED = _listed(
    f"{_SELECTED} AND (registration, line_item, user_id) > (:last_registration, :last_line_item, :last_user)",
    "registration, line_item, user_id",
)

# The same, where one line item is asked for: by the index, so that a page costs what is on it.
LISTED_OF_ITEM = _listed(
    "item = (SELECT id FROM line_item WHERE registration = :registration AND line_item = :line_item)"
    " AND user_id > :last_user",
    "user_id",
)

# With restamp the row forgets for which score its stamp was, and who made it: it goes out as of now.
RETRY = f"""
    UPDATE score SET
        state = 'due', since = :now, attempts = 0, not_before = 0, deferrals = 0, waited = 0, failed_at = 0,
        wire_for = CASE WHEN :restamp THEN NULL ELSE wire_for END,
        made_by = CASE WHEN :restamp THEN NULL ELSE made_by END,
        wire_ts = CASE WHEN :restamp THEN max(coalesce(wire_ts, 0), CAST(:now * 1000000 AS INTEGER)) ELSE wire_ts END
    WHERE state NOT IN ('due', 'sent') AND (:user_id IS NULL OR user_id = :user_id)
        AND item IN (SELECT id FROM line_item WHERE {_SELECTED})
"""  # noqa: S608

LIFT_ITEMS = f"""
    UPDATE line_item SET deferrals = 0
    WHERE deferrals > 0 AND {_SELECTED} AND (
        :user_id IS NULL OR EXISTS (SELECT 1 FROM score WHERE score.item = line_item.id AND user_id = :user_id)
    )
"""  # noqa: S608

HURRY = f"""
    UPDATE score SET not_before = 0
    WHERE state = 'due' AND not_before > :now AND (:user_id IS NULL OR user_id = :user_id)
        AND item IN (SELECT id FROM line_item WHERE {_SELECTED})
"""  # noqa: S608

UNBLOCK = "DELETE FROM platform WHERE :registration IS NULL OR registration = :registration"

PRUNE = f"""
    DELETE FROM score WHERE (item, user_id) IN (
        SELECT item, user_id FROM score
        WHERE (state = 'sent' OR :dead AND NOT {_NOT_DEAD}) AND since < :before LIMIT :limit
    )
"""  # noqa: S608

PRUNE_ITEMS = """
    DELETE FROM line_item
    WHERE NOT EXISTS (SELECT 1 FROM score WHERE score.item = line_item.id)
        AND NOT EXISTS (SELECT 1 FROM attempt WHERE attempt.item = line_item.id)
"""
