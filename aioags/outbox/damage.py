"""
What a disk that flips bits, a hand in the table or another program may have left in a row.

A row that cannot be sent ends dead, with a reason that quotes nothing of it, and holds up no other. A number that
cannot be is taken for none: it must cost neither a grade nor good manners.
"""

from __future__ import annotations

import math

from aioags.outbox.model import StoredScore
from aioags.outbox.payload import UNREADABLE

MOST_COUNTED = 1_000_000
"""What is higher was not counted. Far below what PostgreSQL takes for an integer."""

# The year 9999, in Unix time.
_END_OF_TIME = 253_370_764_800.0


def damage_of(row: StoredScore) -> str | None:
    """
    Say why a row cannot be sent. None: it can.
    """
    try:
        score = row.wire_score
    except OverflowError:
        return "its timestamp cannot be read"
    except Exception:  # noqa: BLE001  What it says could show the score.
        return UNREADABLE
    return None if score.user_id == row.user_id else UNREADABLE


def sane_count(count: int) -> int:
    """
    Return a stored count as one that can be reckoned with.
    """
    return min(max(count, 0), MOST_COUNTED)


def sane_seconds(seconds: float) -> float:
    """
    Return a stored Unix time or duration; one that cannot be as 0.0.
    """
    return seconds if math.isfinite(seconds) and 0.0 <= seconds <= _END_OF_TIME else 0.0
