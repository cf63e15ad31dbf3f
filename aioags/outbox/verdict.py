"""
What follows from one attempt: for the score, and for the platform. Pure functions, as in `aioags.protocol.trial`.

The client has tried for as long as its policy allows before an attempt ends here. The rules, by error:

none                                recorded
stale, and an earlier attempt with  recorded: it was that attempt
this very score may have landed
stale otherwise                     refused: the platform holds a newer score from elsewhere
stale, and stamped by a gateway     later: its next stamp is a later one
throttled, or 5xx with a hint       the score is untouched, the attempt not counted; the platform is left alone as told
no token, or 401                    the same; nobody told how long, so it is left alone for longer each time
other 4xx, not offered              refused
5xx, no answer, redirected,         later, after an exponential back-off; several in a row and the platform is left
unreadable answer                   alone

A score is refused too when it has been due for `Backoff.give_up_after`, so that nothing is tried for ever. What is
refused is a dead letter: it stays, with its reason, and `Outbox.failed` lists it.
"""

from __future__ import annotations

from enum import Enum

import attrs

from aioags.errors import (
    AGSError,
    AuthorizationError,
    BrokenError,
    RefusedError,
    StaleScoreError,
    ThrottledError,
    UntrustedURLError,
)
from aioags.model.policy import full_jitter, positive_seconds
from aioags.outbox.model import SECOND, Outcome, State, StoredScore
from aioags.protocol.trial import is_final_for_all

_DAY = 86_400.0


@attrs.frozen
class Backoff:
    """
    How an outbox tries again: exponential back-off.

    Attributes:
        first_wait: Longest wait after the first attempt, seconds; it doubles for each further one. The wait itself is
            drawn evenly between half of that and all of it.

        longest_wait: Where the doubling stops, seconds.

        give_up_after: Seconds after which a score that is still due counts as refused.
    """

    first_wait: float = attrs.field(default=5.0, validator=positive_seconds)
    longest_wait: float = attrs.field(default=900.0, validator=positive_seconds)
    give_up_after: float = attrs.field(default=30 * _DAY, validator=positive_seconds)

    def wait(self, count: int, jitter: float) -> float:
        """
        Return how long to wait, in seconds.

        Args:
            count: Failures in a row, at least 1.

            jitter: Drawn evenly from 0 to 1.
        """
        # Never soon: the client has waited its own, shorter turns before.
        share = 0.5 + jitter / 2
        return full_jitter(count, first=self.first_wait, longest=self.longest_wait, jitter=share)


class Standing(Enum):
    """
    What an attempt says about its platform.
    """

    HEALTHY = "it gave a proper answer"
    BUSY = "it asked to be left alone for a time"
    CLOSED = "it lets nobody in"
    SHAKY = "it gave no proper answer"


@attrs.frozen
class Verdict:
    """
    What follows from one attempt.

    Attributes:
        outcome: For the store.

        standing: For the platform's other scores.

        hold: Seconds the platform asked for. None: it did not say.

        error: Why the score is not recorded. None: it is.
    """

    outcome: Outcome
    standing: Standing
    hold: float | None = None
    error: AGSError | None = None

    @property
    def is_unknown(self) -> bool:
        """
        True when nobody knows whether the platform recorded the score in this attempt.
        """
        return self.error is not None and self.error.recorded is None


def judge(row: StoredScore, error: AGSError | None, *, now: float, jitter: float, backoff: Backoff) -> Verdict:
    """
    Say what follows from an attempt with a row.

    Args:
        row: As it was taken.

        error: The attempt's. None: the score is recorded.

        now: Unix time, when the attempt ended.
    """
    if error is None or (isinstance(error, StaleScoreError) and row.unsure and not error.transient):
        return Verdict(_recorded(row, now), Standing.HEALTHY)
    if _is_refusal(error):
        return Verdict(_refused(row, error, describe(error)), Standing.HEALTHY, error=error)
    standing = _standing(error)
    if now - row.since >= backoff.give_up_after:
        days = backoff.give_up_after / _DAY
        return Verdict(_refused(row, error, f"gave up after {days:g} days: {describe(error)}"), standing, error=error)
    counted = standing in (Standing.SHAKY, Standing.HEALTHY)
    later = Outcome(
        *row.key,
        row.ts,
        State.DUE,
        _stamp(row),
        not_before=now + backoff.wait(row.attempts, jitter) if counted else 0.0,
        counted=counted,
        unsure=_may_have_landed(row, error),
        error=describe(error),
    )
    return Verdict(later, standing, error.retry_after, error)


def untouched(row: StoredScore) -> Outcome:
    """
    Return the outcome for a row that was taken and not sent.
    """
    return Outcome(*row.key, row.ts, State.DUE, _stamp(row), counted=False, unsure=row.unsure, error=row.last_error)


def describe(error: AGSError) -> str:
    """
    Return an error as one line for the table: its class and its text, which is free of grade data.
    """
    return f"{type(error).__name__}: {error}"


def _recorded(row: StoredScore, now: float) -> Outcome:
    # Without a value some platforms store the time of their own clock (Moodle 4.5, items made by the tool).
    valueless = row.wire_score.score_given is None
    held = max(_stamp(row), int(now * SECOND)) if valueless else _stamp(row)
    return Outcome(*row.key, row.ts, State.SENT, held)


def _refused(row: StoredScore, error: AGSError, reason: str) -> Outcome:
    return Outcome(*row.key, row.ts, State.DEAD, _stamp(row), unsure=_may_have_landed(row, error), error=reason)


def _stamp(row: StoredScore) -> int:
    return row.ts if row.wire_ts is None else row.wire_ts


def _may_have_landed(row: StoredScore, error: AGSError) -> bool:
    return row.unsure or error.recorded is None


def _is_refusal(error: AGSError) -> bool:
    if isinstance(error, (AuthorizationError, UntrustedURLError)) or is_final_for_all(error):
        # A line item of another origin was refused when it was put; here it can only be the target of a redirect.
        return False
    if isinstance(error, RefusedError):
        # A login page or a notice of maintenance in somebody's proxy is no word about the score.
        return not error.transient and not 300 <= error.status < 400
    return error.recorded is False and not error.transient


def _standing(error: AGSError) -> Standing:
    if isinstance(error, ThrottledError) or (isinstance(error, BrokenError) and error.retry_after is not None):
        return Standing.BUSY
    if isinstance(error, AuthorizationError) or is_final_for_all(error):
        return Standing.BUSY if error.retry_after is not None else Standing.CLOSED
    return Standing.HEALTHY if isinstance(error, StaleScoreError) else Standing.SHAKY
