"""
A score as the text that is stored, and back: the same JSON that goes over the wire.
"""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from typing import Any

from aioags.model.score import SCORE_FIELDS, Score, Submission
from aioags.model.stamp import Stamp
from aioags.wire.codec import dump_score
from aioags.wire.scalars import load_instant

UNREADABLE = "its payload cannot be read"
"""Why a score is dead that was damaged, or written by something else."""


# Without what tells mistakes, which would cost each score a call.
_fill: Any = getattr(Score.__init__, "__wrapped__", Score.__init__)


def dump_payload(score: Score) -> str:
    """
    Write a score as it would be sent.
    """
    return dump_score(score).decode()


def load_score(payload: str, timestamp: datetime, stamp: Stamp | None = None) -> Score:
    """
    Read a stored score; every number comes back exactly as it was given.

    Args:
        timestamp: Its stamp: the one it was put with, or the one to send.

        stamp: Who made it. None: it is not to be moved.

    Raises:
        ValueError: It cannot be read. Nothing of it is in the error, not even in what led to it.
    """
    try:
        fields: dict[str, Any] = _decode(payload)
        score = Score.__new__(Score)
        _fill(
            score,
            fields["userId"],
            fields["activityProgress"],
            fields["gradingProgress"],
            score_given=fields.get("scoreGiven"),
            score_maximum=fields.get("scoreMaximum"),
            timestamp=timestamp,
            comment=fields.get("comment"),
            scoring_user_id=fields.get("scoringUserId"),
            submission=_load_submission(fields.get("submission")),
            extensions={name: value for name, value in fields.items() if name not in SCORE_FIELDS},
            _stamp=stamp,
        )
        return score
    except Exception:  # noqa: BLE001  Whatever stands there. A RecursionError is among it.
        error = ValueError(UNREADABLE)
    # Out here: raised above it would keep the other one, and a JSONDecodeError keeps the whole text.
    raise error


def read_decimal(text: str) -> float | Decimal:
    """
    Read a number that is not whole, exactly.
    """
    # What a float wrote is one again; the rest was a decimal, and must not be rounded.
    value = float(text)
    return value if float.__repr__(value) == text else Decimal(text)


_decode = json.JSONDecoder(parse_float=read_decimal).decode


def _load_submission(fields: dict[str, Any] | None) -> Submission | None:
    if fields is None:
        return None
    return Submission(
        started_at=load_instant("startedAt", fields.get("startedAt")),
        submitted_at=load_instant("submittedAt", fields.get("submittedAt")),
    )
