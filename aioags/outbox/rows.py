"""
What both SQL stores ask and read: they select the same columns in the same order.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import starmap
from typing import Any

import attrs

from aioags.outbox.damage import sane_count, sane_seconds
from aioags.outbox.model import Block, DueItem, Selection, State, StoredScore
from aioags.outbox.stats import PlatformStats, Stats

_NOTHING = (0, 0, 0, 0, 0, 0, None)


def counted(rows: Iterable[Sequence[Any]], blocks: Iterable[Sequence[Any]]) -> Stats:
    """
    Make the counts of an outbox.

    Args:
        rows: For each registration that has scores: its id, due, delayed, deferred, sent, dead, unknown, oldest.

        blocks: For each registration that is left alone: its id, until when, why.
    """
    counts = {row[0]: (*row[1:-1], _oldest(row[-1])) for row in rows}
    left_alone = {row[0]: Block(*row) for row in blocks}
    names = sorted({*left_alone, *counts})
    facts = ((name, *counts.get(name, _NOTHING), left_alone.get(name)) for name in names)
    return Stats(tuple(starmap(PlatformStats, facts)))


def _oldest(since: float | None) -> float | None:
    return None if since is None else sane_seconds(since)


def listed_score(columns: Sequence[Any]) -> StoredScore:
    """
    Make a row of a list of all columns; a number in it that cannot be is 0.
    """
    row = StoredScore(*columns)
    return attrs.evolve(
        row,
        attempts=sane_count(row.attempts),
        not_before=sane_seconds(row.not_before),
        since=sane_seconds(row.since),
        deferrals=sane_count(row.deferrals),
        waited=sane_seconds(row.waited),
        failed_at=sane_seconds(row.failed_at),
    )


def soonest(rows: Iterable[Sequence[Any]]) -> list[DueItem]:
    """
    List each line item once, with its earliest time; what has waited longest first, whatever holds it.

    Args:
        rows: Registration id, line item, Unix time of the earliest row, Unix time before which something else holds it
            back; a line item may be there several times.
    """
    times: dict[tuple[str, str], float] = {}
    for registration_id, line_item, not_before, held in sorted(rows, key=lambda row: row[2]):
        place, at = (registration_id, line_item), max(not_before, held)
        times[place] = min(times.get(place, at), at)
    return [DueItem(*place, at) for place, at in times.items()]


def selection_arguments(selection: Selection) -> dict[str, str | None]:
    """
    Return the arguments that pick rows.
    """
    return {
        "registration": selection.registration_id,
        "line_item": selection.line_item,
        "user_id": selection.user_id,
    }


def page_arguments(
    selection: Selection, state: State, after: tuple[str, str, str] | None, limit: int
) -> dict[str, Any]:
    """
    Return the arguments that pick one page of rows, those behind a key.
    """
    last = dict(zip(("last_registration", "last_line_item", "last_user"), after or ("", "", ""), strict=True))
    return {**selection_arguments(selection), **last, "state": str(state), "limit": limit}
