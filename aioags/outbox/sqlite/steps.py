"""
What is done to single rows, within a transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence
from typing import Any

from aioags.outbox.damage import MOST_COUNTED
from aioags.outbox.model import Deferral, Entry, Outcome, State, StoredScore
from aioags.outbox.order import wire_stamp
from aioags.outbox.sqlite import sql
from aioags.outbox.sqlite.journal import note
from aioags.outbox.sqlite.reading import fetched, fetched_scores

# Beyond every date, and far from what SQLite takes for an integer: of a row that was damaged.
_LAST_STAMP = 10**18


def put_one(
    connection: sqlite3.Connection, entry: Entry, items: dict[tuple[str, str, str], int], now: float, since: int
) -> bool:
    """
    Store one score.

    Args:
        items: Numbers of line items that are known, by registration id, line item and endpoint; added to.

        since: As of `aioags.outbox.order.recent`.

    Returns:
        True when it is now the user's latest.
    """
    place = (entry.registration_id, entry.line_item, entry.endpoint)
    item = items.get(place)
    if item is None:
        item = items[place] = _item_number(connection, place)
    made_by, made_at, order = entry.made_by, entry.made_at, entry.order
    given = (item, entry.user_id, entry.ts, entry.payload, now, made_by, made_at, order, since)
    return connection.execute(sql.PUT, given).rowcount > 0


def _item_number(connection: sqlite3.Connection, place: tuple[str, str, str]) -> int:
    registration, line_item, endpoint = place
    rows = fetched(connection, sql.ITEM, (registration, line_item))
    if not rows:
        return connection.execute(sql.NEW_ITEM, place).lastrowid or 0
    number, known = rows[0]
    if known != endpoint:
        connection.execute(sql.NEW_ENDPOINT, (endpoint, number))
    return int(number)


def picked(
    connection: sqlite3.Connection,
    item: int,
    deferral: Deferral | None,
    now: float,
    limit: int,
    left_out: Collection[str],
    probe: bool,
) -> list[tuple[Any, ...]]:
    """
    Pick rows to begin an attempt with: those of `sql.PICK` or `sql.PROBE`.

    Args:
        item: Number of the line item.

        left_out: Users whose rows are under way.
    """
    found: list[tuple[Any, ...]] = []
    arguments = {"item": item, "now": now, "limit": limit + len(left_out)}
    for state in (State.DUE, State.DEFERRED):
        is_open = deferral is None or not deferral.opens_for(state, now)
        if is_open and (probe or len(found) < limit):
            rows = fetched_scores(connection, (sql.PROBE if probe else sql.PICK)[state], arguments)
            found.extend(row for row in rows if row[4] not in left_out)
    if probe:
        found.sort(key=lambda row: int(row[10]))
    return found[:limit]


def begin(connection: sqlite3.Connection, row: tuple[Any, ...], now: float) -> StoredScore:
    """
    Begin an attempt with a picked row.
    """
    item, wire_for, *columns = row
    user_id, ts, wire_ts, attempts, unsure = (columns[place] for place in (2, 3, 5, 8, 11))
    again = wire_for == ts
    columns[5] = wire_ts if again else min(wire_stamp(ts, wire_ts, bool(unsure), now), _LAST_STAMP)
    columns[8] = min(max(attempts, 0), MOST_COUNTED) + 1
    columns[11] = unsure and again
    connection.execute(sql.BEGIN, (columns[5], columns[8], item, user_id))
    return StoredScore(*columns)


def settle(connection: sqlite3.Connection, outcomes: Sequence[Outcome], now: float) -> None:
    """
    Store what became of attempts, and write them into the journal.
    """
    places = {(outcome.registration_id, outcome.line_item) for outcome in outcomes}
    items = {place: rows[0][0] for place in places if (rows := fetched(connection, sql.ITEM, place))}
    known = [(items[place], outcome) for outcome in outcomes if (place := outcome.key[:2]) in items]
    # First: a row that is settled knows of an attempt, whether it did before or not.
    note(connection, known)
    connection.executemany(sql.SETTLE, [_settlement(item, outcome, now) for item, outcome in known])


def _settlement(item: int, outcome: Outcome, now: float) -> dict[str, Any]:
    return {
        "item": item,
        "user_id": outcome.user_id,
        "ts": outcome.ts,
        "state": outcome.state,
        "wire_ts": outcome.wire_ts,
        "not_before": outcome.not_before,
        "given_back": not outcome.counted,
        "unsure": outcome.unsure,
        "error": outcome.error,
        "deferrals": outcome.deferrals,
        "waited": outcome.waited,
        "failed_at": outcome.failed_at,
        "now": now,
    }
