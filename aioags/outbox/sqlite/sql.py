"""
Every statement that a SQLite outbox makes, once its tables are there.
"""

from __future__ import annotations

_COLUMNS = """
    line_item.registration, line_item.line_item, score.user_id, score.ts, score.payload, score.wire_ts, score.sent_ts,
    score.state, score.attempts, score.not_before, score.last_error, score.unsure, score.since
"""

_SELECTED = """
    (:registration IS NULL OR registration = :registration) AND (:line_item IS NULL OR line_item = :line_item)
"""

ITEM = "SELECT id, endpoint FROM line_item WHERE registration = ? AND line_item = ?"

NEW_ITEM = "INSERT INTO line_item (registration, line_item, endpoint) VALUES (?, ?, ?)"

NEW_ENDPOINT = "UPDATE line_item SET endpoint = ? WHERE id = ?"

ENDPOINT = "SELECT endpoint FROM line_item WHERE registration = ? AND line_item = ?"

# wire_ts, wire_for and unsure stay: they tell what the platform may hold from an older score.
PUT = """
    INSERT INTO score (item, user_id, ts, payload, state, since) VALUES (?, ?, ?, ?, 'due', ?)
    ON CONFLICT (item, user_id) DO UPDATE SET
        ts = excluded.ts, payload = excluded.payload, since = excluded.since,
        state = 'due', attempts = 0, not_before = 0, last_error = NULL
    WHERE excluded.ts > score.ts
"""

# From one due line item to the next by the index; counting them all would read every due row.
DUE = """
    WITH RECURSIVE item (id) AS (
        SELECT min(item) FROM score WHERE state = 'due'
        UNION ALL
        SELECT (SELECT min(score.item) FROM score WHERE state = 'due' AND score.item > item.id)
        FROM item WHERE item.id IS NOT NULL
    )
    SELECT line_item.registration, line_item.line_item, max(
        (SELECT min(not_before) FROM score WHERE state = 'due' AND score.item = item.id),
        coalesce((SELECT blocked_until FROM platform WHERE platform.registration = line_item.registration), 0)
    )
    FROM item JOIN line_item ON line_item.id = item.id
"""

PICK = f"""
    SELECT score.item, score.wire_for, {_COLUMNS}
    FROM line_item JOIN score ON score.item = line_item.id
    WHERE line_item.registration = :registration AND line_item.line_item = :line_item
        AND score.state = 'due' AND score.not_before <= :now
    ORDER BY score.not_before LIMIT :limit
"""  # noqa: S608  Only our own columns are put in.

BEGIN = """
    UPDATE score SET wire_ts = ?, wire_for = ts, unsure = 1, attempts = attempts + 1 WHERE item = ? AND user_id = ?
"""

# What was recorded stays recorded, whatever a second drain of the same line item says that should not have been.
_APPLIES = "ts = :ts AND (state <> 'sent' OR :state = 'sent')"

# A platform that keeps what came last holds an older score now: the newer one goes out again, with its stamp.
_OVERTAKEN = "ts > :ts AND state = 'sent' AND :state = 'sent'"

SETTLE = f"""
    UPDATE score SET
        state = CASE WHEN {_APPLIES} THEN :state WHEN {_OVERTAKEN} THEN 'due' ELSE state END,
        since = CASE WHEN {_APPLIES} AND :state <> 'due' OR {_OVERTAKEN} THEN :now ELSE since END,
        attempts = CASE WHEN {_APPLIES} THEN attempts - :given_back WHEN {_OVERTAKEN} THEN 0 ELSE attempts END,
        not_before = CASE WHEN {_APPLIES} THEN :not_before ELSE not_before END,
        last_error = CASE WHEN {_APPLIES} THEN :error ELSE last_error END,
        sent_ts = CASE WHEN :state = 'sent' THEN max(coalesce(sent_ts, :ts), :ts) ELSE sent_ts END,
        wire_ts = max(coalesce(wire_ts, :wire_ts), :wire_ts),
        unsure = CASE WHEN wire_for = :ts THEN :unsure ELSE unsure OR {_OVERTAKEN} END
    WHERE user_id = :user_id
        AND item = (SELECT id FROM line_item WHERE registration = :registration AND line_item = :line_item)
"""  # noqa: S608

BLOCK = """
    INSERT INTO platform (registration, blocked_until, reason) VALUES (?, ?, ?)
    ON CONFLICT (registration) DO UPDATE SET blocked_until = excluded.blocked_until, reason = excluded.reason
    WHERE excluded.blocked_until > platform.blocked_until
"""

BLOCK_OF = "SELECT blocked_until, reason FROM platform WHERE registration = ? AND blocked_until > ?"

BLOCKS = "SELECT registration, blocked_until, reason FROM platform WHERE blocked_until > ?"

DELAY = """
    UPDATE score SET not_before = :until WHERE state = 'due' AND not_before < :until
        AND item = (SELECT id FROM line_item WHERE registration = :registration AND line_item = :line_item)
"""

STATS = """
    SELECT line_item.registration, sum(state = 'due'), sum(state = 'due' AND not_before > ?),
        sum(state = 'sent'), sum(state = 'dead'), min(CASE WHEN state = 'due' THEN since END)
    FROM score JOIN line_item ON line_item.id = score.item
    GROUP BY line_item.registration
"""

FAILED = f"""
    SELECT {_COLUMNS}
    FROM score JOIN line_item ON line_item.id = score.item
    WHERE score.state = :state AND (score.state = 'dead' OR score.last_error IS NOT NULL)
        AND {_SELECTED} AND (:user_id IS NULL OR user_id = :user_id)
        AND (registration, line_item, user_id) > (:last_registration, :last_line_item, :last_user)
    ORDER BY registration, line_item, user_id LIMIT :limit
"""  # noqa: S608

# With restamp the row forgets for which score its stamp was, so that the next attempt makes a later one.
REQUEUE = f"""
    UPDATE score SET
        state = 'due', since = :now, attempts = 0, not_before = 0,
        wire_for = CASE WHEN :restamp THEN NULL ELSE wire_for END,
        wire_ts = CASE WHEN :restamp THEN max(coalesce(wire_ts, 0), CAST(:now * 1000000 AS INTEGER)) ELSE wire_ts END
    WHERE state = 'dead' AND (:user_id IS NULL OR user_id = :user_id)
        AND item IN (SELECT id FROM line_item WHERE {_SELECTED})
"""  # noqa: S608

HURRY = f"""
    UPDATE score SET not_before = 0
    WHERE state = 'due' AND not_before > :now AND (:user_id IS NULL OR user_id = :user_id)
        AND item IN (SELECT id FROM line_item WHERE {_SELECTED})
"""  # noqa: S608

UNBLOCK = "DELETE FROM platform WHERE :registration IS NULL OR registration = :registration"

PRUNE = """
    DELETE FROM score WHERE (item, user_id) IN (
        SELECT item, user_id FROM score WHERE state IN (?, ?) AND since < ? LIMIT ?
    )
"""

PRUNE_ITEMS = "DELETE FROM line_item WHERE NOT EXISTS (SELECT 1 FROM score WHERE score.item = line_item.id)"
