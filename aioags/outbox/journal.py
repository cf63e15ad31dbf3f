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

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import attrs

from aioags.calls.log import ERROR, log
from aioags.model.checks import Number
from aioags.model.delivery import Delivery
from aioags.model.last_sent import digest_of
from aioags.model.policy import positive_seconds
from aioags.model.progress import ActivityProgress, GradingProgress
from aioags.outbox.attempt import Attempt
from aioags.outbox.model import DAY, Outcome, Selection, State, StoredScore, from_micros, to_micros
from aioags.outbox.payload import read_decimal
from aioags.outbox.rows import selection_arguments
from aioags.outbox.verdict import Verdict

COLUMNS = ("registration", "line_item", "user_id", "at", "stamp", "recorded", "facts", "reason", "comment")
"""The columns of a journal's row, in their order. What no statement asks for is one text: a column costs more."""

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
        datetime.fromtimestamp(now, UTC),
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
    # It was just made, for this; to make another one takes longer, and this is done for each score.
    object.__setattr__(outcome, "attempt", attempt)
    return outcome


def dumped(attempt: Attempt) -> tuple[Any, ...]:
    """
    Return an attempt as the values of `COLUMNS` behind its key; numbers of a score as they are written, exactly.
    """
    facts = (
        f"{attempt.score_given} {attempt.score_maximum} {attempt.activity_progress.value} "
        f"{attempt.grading_progress.value} {attempt.final:d} {attempt.requests} {attempt.status} "
        f"{attempt.comment_digest}"
    )
    at, stamp = to_micros(attempt.at), to_micros(attempt.timestamp)
    return (at, stamp, attempt.recorded, facts, attempt.reason, attempt.comment)


def loaded(columns: Sequence[Any]) -> Attempt:
    """
    Read the values of `COLUMNS`.
    """
    registration_id, line_item, user_id, at, stamp, recorded, facts, reason, comment = columns
    given, maximum, activity, grading, final, requests, status, digest = facts.split(" ")
    return Attempt(
        *(registration_id, line_item, user_id, from_micros(at), from_micros(stamp)),
        *(read_number(_said(given)), read_number(_said(maximum))),
        ActivityProgress(activity),
        GradingProgress(grading),
        None if recorded is None else bool(recorded),
        final == "1",
        int(requests),
        None if status == "None" else int(status),
        reason,
        _said(digest),
        comment,
    )


def _said(word: str) -> str | None:
    return None if word == "None" else word


def readable(rows: Sequence[Sequence[Any]]) -> list[tuple[int, Attempt]]:
    """
    Read rows of a number and `COLUMNS`, but for those that a disk has damaged.
    """
    found: list[tuple[int, Attempt]] = []
    for number, *columns in rows:
        try:
            found.append((number, loaded(columns)))
        except (AttributeError, TypeError, ValueError, ArithmeticError):
            # What it says could show the score.
            log(ERROR, "outbox: a row of the journal cannot be read, and is left out")
    return found


def read_number(text: str | None) -> Number | None:
    """
    Read a number that was written as text: exactly, and of its kind.
    """
    if text is None:
        return None
    return int(text) if text.removeprefix("-").isdecimal() else read_decimal(text)


class JournalInSQL(ABC):
    """
    The part of an SQL store that reads the journal.
    """

    @abstractmethod
    async def _attempts(self, arguments: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """
        Return a page of rows of a number and `COLUMNS`, in the order of the numbers.
        """

    @abstractmethod
    async def _sent(self, arguments: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """
        Return a page of them, by user: those for `last_sent`.
        """

    async def attempts(self, selection: Selection, *, after: int = 0, limit: int = 500) -> list[tuple[int, Attempt]]:
        """
        List what the journal holds, in the order in which it was written, one page.
        """
        arguments = {**selection_arguments(selection), "after": after, "limit": limit}
        return await _next_page(self._attempts, arguments, 0)

    async def last_sent(
        self, registration_id: str, line_item: str, *, after: str = "", limit: int = 500
    ) -> list[Attempt]:
        """
        List, of each user of a line item, the attempt that was recorded last and every later one of which nobody knows.
        """
        arguments = {"registration": registration_id, "line_item": line_item, "after": after, "limit": limit}
        return [attempt for _, attempt in await _next_page(self._sent, arguments, 3)]


async def _next_page(
    read: Callable[[Mapping[str, Any]], Awaitable[list[tuple[Any, ...]]]], arguments: dict[str, Any], place: int
) -> list[tuple[int, Attempt]]:
    """
    Read pages until one has what can be read.

    Args:
        place: Of the column that pages go by.
    """
    while rows := await read(arguments):
        if page := readable(rows):
            return page
        arguments["after"] = rows[-1][place]
    return []
