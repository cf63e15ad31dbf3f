"""
The journal: one row for each attempt, written with its settlement.

Theory of operation. An attempt is made in a drain, when it is judged, and travels with its `Outcome`: the store writes
both in one transaction, so that whatever is settled can be explained, and what is not settled was not written. It is
told from others by its key, its end and its stamp; a settlement that is made again writes it once. A row that was
erased meanwhile gets none: an attempt is written only where the score's row knows of one, which a score that was put
anew does not.

Not in it: attempts that were put off before anything was sent (the platform was away, the gradebook could not be
opened), since an outage would fill it with copies of one fact; the rows themselves say so meanwhile. Whatever reaches a
hook is in it.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import attrs

from aioags.model.checks import Number
from aioags.model.delivery import Delivery
from aioags.model.last_sent import digest_of
from aioags.model.policy import positive_seconds
from aioags.model.progress import ActivityProgress, GradingProgress
from aioags.outbox.attempt import Attempt
from aioags.outbox.model import DAY, SECOND, Outcome, State, StoredScore, from_micros, to_micros
from aioags.outbox.verdict import Verdict

_logger = logging.getLogger("aioags.outbox")

COLUMNS = (
    *("registration", "line_item", "user_id", "at", "stamp", "given", "maximum", "activity", "grading"),
    *("recorded", "final", "requests", "status", "reason", "comment_digest", "comment"),
)
"""The columns of a journal's row, in their order."""

_FINAL = (State.SENT, State.DEAD)


@attrs.frozen
class Journal:
    """
    What an outbox writes down of each attempt, and for how long.

    Attributes:
        keep: Seconds after which an attempt is forgotten; 400 days by default: a school year, and what is asked about
            it afterwards.

        comments: Keep the text of comments too. False: only a digest of each.
    """

    keep: float = attrs.field(default=400 * DAY, validator=positive_seconds)
    comments: bool = attrs.field(default=False, validator=attrs.validators.instance_of(bool))


def noted(journal: Journal | None, verdict: Verdict, row: StoredScore, delivery: Delivery, now: float) -> Outcome:
    """
    Return a verdict's outcome with what the journal is to keep of the attempt.

    Args:
        journal: None: it keeps nothing.

        row: As it was taken.

        now: Unix time, when the attempt ended.
    """
    outcome = verdict.outcome
    if journal is None or not (delivery.attempts or verdict.is_unknown or outcome.state is not State.DUE):
        return outcome
    score, error = row.wire_score, verdict.error
    attempt = Attempt(
        row.registration_id,
        row.line_item,
        row.user_id,
        from_micros(int(now * SECOND)),
        delivery.timestamp or score.timestamp,
        score.score_given,
        score.score_maximum,
        score.activity_progress,
        score.grading_progress,
        error is None or error.recorded,
        outcome.state in _FINAL,
        delivery.attempts,
        getattr(error, "status", None),
        outcome.error,
        digest_of(score.comment),
        score.comment if journal.comments else None,
    )
    return outcome.noting(attempt)


def dumped(attempt: Attempt) -> tuple[Any, ...]:
    """
    Return an attempt as the values of `COLUMNS` behind its key; numbers of a score as text, exactly.
    """
    return (
        to_micros(attempt.at),
        to_micros(attempt.timestamp),
        None if attempt.score_given is None else str(attempt.score_given),
        None if attempt.score_maximum is None else str(attempt.score_maximum),
        attempt.activity_progress.value,
        attempt.grading_progress.value,
        attempt.recorded,
        attempt.final,
        attempt.requests,
        attempt.status,
        attempt.reason,
        attempt.comment_digest,
        attempt.comment,
    )


def loaded(columns: Sequence[Any]) -> Attempt:
    """
    Read the values of `COLUMNS`.
    """
    registration_id, line_item, user_id, at, stamp, given, maximum, activity, grading, recorded, final, *rest = columns
    return Attempt(
        *(registration_id, line_item, user_id, from_micros(at), from_micros(stamp)),
        *(_number(given), _number(maximum), ActivityProgress(activity), GradingProgress(grading)),
        *(None if recorded is None else bool(recorded), bool(final)),
        *rest,
    )


def readable(rows: Sequence[Sequence[Any]]) -> list[tuple[int, Attempt]]:
    """
    Read rows of a number and `COLUMNS`, but for those that a disk has damaged.
    """
    found: list[tuple[int, Attempt]] = []
    for number, *columns in rows:
        try:
            found.append((number, loaded(columns)))
        except (TypeError, ValueError, ArithmeticError):
            # What it says could show the score.
            _logger.error("outbox: a row of the journal cannot be read, and is left out")
    return found


def _number(text: str | None) -> Number | None:
    if text is None:
        return None
    if text.removeprefix("-").isdecimal():
        return int(text)
    # What a float wrote is one again; the rest was a decimal.
    value = float(text)
    return value if repr(value) == text else Decimal(text)
