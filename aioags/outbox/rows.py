"""
What both SQL stores ask and read: they select the same columns in the same order.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import starmap
from typing import Any

from aioags.outbox.model import Block, PlatformStats, Selection, State, Stats

_NOTHING = (0, 0, 0, 0, None)


def counted(rows: Iterable[Sequence[Any]], blocks: Iterable[Sequence[Any]]) -> Stats:
    """
    Make the counts of an outbox.

    Args:
        rows: For each registration that has scores: its id, due, delayed, sent, dead, oldest.

        blocks: For each registration that is left alone: its id, until when, why.
    """
    counts = {row[0]: row[1:] for row in rows}
    left_alone = {row[0]: Block(*row) for row in blocks}
    names = sorted({*left_alone, *counts})
    facts = ((name, *counts.get(name, _NOTHING), left_alone.get(name)) for name in names)
    return Stats(tuple(starmap(PlatformStats, facts)))


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
    selection: Selection, waiting: bool, after: tuple[str, str, str] | None, limit: int
) -> dict[str, Any]:
    """
    Return the arguments that pick one page of rows, those behind a key.
    """
    last = dict(zip(("last_registration", "last_line_item", "last_user"), after or ("", "", ""), strict=True))
    state = str(State.DUE if waiting else State.DEAD)
    return {**selection_arguments(selection), **last, "state": state, "limit": limit}
