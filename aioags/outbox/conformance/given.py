"""
What the tests of a store are given.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import attrs

from aioags.model.endpoint import Endpoint
from aioags.model.progress import Scope
from aioags.model.score import Score
from aioags.outbox.model import SECOND, Entry, Outcome, State, StoredScore, from_micros
from aioags.outbox.store import Store

OpenStore = Callable[[], Store]

SCHOOL = "school"
ITEM = "https://lms.example/items/1"
NOW = 1_800_000_000.0
"""Unix time at which these tests play."""

TS = int(NOW) * SECOND
"""The same as a stamp of a score."""


def entry(user: str = "ada", ts: int = TS, points: float = 1, *, school: str = SCHOOL, item: str = ITEM) -> Entry:
    """
    Make an entry, a grade.
    """
    endpoint = Endpoint(None, item, [Scope.SCORE])
    score = Score.graded(user, points, score_maximum=10, timestamp=from_micros(ts), comment="Well done")
    return Entry.of(school, endpoint, score)


def stamped(by: str, order: int, ts: int, points: float = 1, *, made_at: int | None = None, user: str = "ada") -> Entry:
    """
    Make an entry that the package stamped.

    Args:
        by: In which process.

        made_at: What the clock of that process showed. None: the timestamp.
    """
    made = ts if made_at is None else made_at
    return attrs.evolve(entry(user, ts, points), made_by=by, made_at=made, order=order)


def outcome(row: StoredScore, state: State = State.SENT, **changes: object) -> Outcome:
    """
    Make the outcome of an attempt.
    """
    facts: dict[str, object] = {"wire_ts": row.wire_ts, **changes}
    return Outcome(row.registration_id, row.line_item, row.user_id, row.ts, state, **facts)  # type: ignore[arg-type]


async def take(
    store: Store, *, now: float = NOW, limit: int = 100, item: str = ITEM, busy: Sequence[str] = ()
) -> list[StoredScore]:
    """
    Take from the line item of most tests.
    """
    return (await store.take(SCHOOL, item, now=now, limit=limit, busy=busy)).rows


async def take_one(store: Store, *, now: float = NOW) -> StoredScore:
    """
    Take the only due row.
    """
    (row,) = await take(store, now=now)
    return row


async def kill(store: Store, *entries: Entry) -> None:
    """
    Put scores, and let each be refused.
    """
    await store.put(entries, now=NOW)
    for school, item in {(each.registration_id, each.line_item) for each in entries}:
        taken = await store.take(school, item, now=NOW, limit=100)
        await store.settle([outcome(row, State.DEAD, error="refused") for row in taken.rows], now=NOW)
