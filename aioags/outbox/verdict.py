"""
What follows from one attempt: for the score, and for the platform. Pure functions, as in `aioags.protocol.trial`.

The client has tried for as long as its policy allows before an attempt ends here. The rules, by error:

none                                recorded
stale                               dead: the platform holds a newer score. The drain has looked at the result before:
                                    what is judged here is not ours, or nobody knows; then it is dead and unknown. Not
                                    ours is unknown as well where an earlier attempt may have landed
stale or lost, and the client has   dead and unknown
looked and found nothing of ours
stale, and stamped by a gateway     later: its next stamp is a later one
not sent: the platform is away      the score is untouched; the platform is left alone until the client's breaker lets a
                                    probe through, and for longer each time
throttled, or 5xx with a hint       the score is untouched, the attempt not counted; the platform is left alone as told
no token, or 401                    the same; nobody told how long, so it is left alone for longer each time. After 401
                                    the attempt counts, so that another score finds out
401, where others were taken        deferred, as any refusal
other 4xx, 501, Moodle's lock       deferred: what a platform refuses today it may take tomorrow, and no words tell
the same, and the line item is      dead
itself gone
refused by this package             dead
5xx, no answer, redirected,         later, after an exponential back-off; several in a row and the platform is left
unreadable answer                   alone

A score is dead too when it has failed for `Backoff.give_up_after`, so that nothing is tried for ever. That is counted
from failure to failure, and of each gap a day at the most, so that no single reading of a clock ends it. What is dead
stays, with its reason, and `Outbox.dead` lists it: a dead letter.
"""

from __future__ import annotations

from enum import Enum

import attrs

from aioags.errors import (
    AGSError,
    AuthorizationError,
    BrokenError,
    LostAnswerError,
    NoAnswerError,
    PlatformError,
    RefusedError,
    StaleScoreError,
    ThrottledError,
    UnreachableError,
    UntrustedURLError,
)
from aioags.model.delivery import Delivery
from aioags.model.policy import full_jitter, positive_seconds
from aioags.outbox.damage import sane_count, sane_seconds
from aioags.outbox.model import DAY, FIRST_DEFERRAL, SECOND, Deferral, Outcome, State, StoredScore, to_micros
from aioags.protocol.trial import is_final_for_all


@attrs.frozen
class Backoff:
    """
    How an outbox tries again: exponential back-off.

    Attributes:
        first_wait: Longest wait after the first attempt, seconds; it doubles for each further one. The wait itself is
            drawn evenly between half of that and all of it.

        longest_wait: Where the doubling stops, seconds; a day at the most.

        give_up_after: Seconds after which a score that still fails, or is still deferred, is dead.
    """

    first_wait: float = attrs.field(default=5.0, validator=positive_seconds)
    longest_wait: float = attrs.field(default=900.0, validator=positive_seconds)
    give_up_after: float = attrs.field(default=30 * DAY, validator=positive_seconds)

    def wait(self, count: int, jitter: float) -> float:
        """
        Return how long to wait, in seconds.

        Args:
            count: Failures in a row, at least 1.

            jitter: Drawn evenly from 0 to 1.
        """
        # Never soon: the client has waited its own, shorter turns before.
        share = 0.5 + jitter / 2
        return min(full_jitter(count, first=self.first_wait, longest=self.longest_wait, jitter=share), DAY)


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

        is_refusal: The platform said no to the score, which may lift.
    """

    outcome: Outcome
    standing: Standing
    hold: float | None = None
    error: AGSError | None = None
    is_refusal: bool = False

    @property
    def is_unknown(self) -> bool:
        """
        True when nobody knows whether the platform recorded the score: in this attempt, or in any if it is dead.
        """
        return self.error is not None and self.error.recorded is None


def judge(
    row: StoredScore,
    error: AGSError | None,
    *,
    now: float,
    jitter: float,
    backoff: Backoff,
    delivery: Delivery | None = None,
    gone: bool = False,
    refusing: float = 0.0,
    others: bool = False,
) -> Verdict:
    """
    Say what follows from an attempt with a row.

    Args:
        row: As it was taken.

        error: The attempt's. None: the score is recorded.

        now: Unix time, when the attempt ended.

        delivery: The attempt. None: nothing more is known of it.

        gone: The line item is not there any more.

        refusing: For how long the line item has refused everything, seconds.

        others: Others of the line item were taken just before.
    """
    held = _held(row, delivery)
    if error is None:
        return Verdict(_recorded(row, now, held, delivery), Standing.HEALTHY)
    outcome = _failure(row, error, now, held)
    if _is_refused_by_platform(error, others=others and _was_sent(delivery)) and not gone:
        waited = max(outcome.waited, min(refusing, now - row.since))
        if waited < backoff.give_up_after:
            nth = outcome.deferrals + 1
            outcome = attrs.evolve(outcome, state=State.DEFERRED, not_before=now + deferral_wait(nth), deferrals=nth)
            return Verdict(outcome, Standing.HEALTHY, error=error, is_refusal=True)
        return _dead(_given_up(outcome, backoff), Standing.HEALTHY, error, is_refusal=True)
    if gone or _is_final(error):
        return _dead(outcome, Standing.HEALTHY, error)
    away = _is_away(error, delivery)
    standing = Standing.CLOSED if away else _standing(error)
    if outcome.waited >= backoff.give_up_after:
        return _dead(_given_up(outcome, backoff), standing, error)
    waits = standing in (Standing.SHAKY, Standing.HEALTHY) or (away and _was_sent(delivery))
    # So that the next one to find out is another: what nobody is let in with may be this one's own.
    counted = waits or (standing is Standing.CLOSED and _was_sent(delivery))
    wait = backoff.wait(max(sane_count(row.attempts), 1), jitter) if waits else 0.0
    not_before = now + wait if counted else 0.0
    state = State.DUE if waits else row.state
    later = attrs.evolve(outcome, state=state, not_before=not_before, counted=counted)
    # Whoever is told that nobody knows is told, too, that it is tried again.
    told = error if error.transient or error.recorded is False else attrs.evolve(error, transient=True)
    return Verdict(later, standing, error.retry_after, told)


def untouched(row: StoredScore) -> Outcome:
    """
    Return the outcome for a row that was taken and not sent.
    """
    return attrs.evolve(
        _outcome(row, _held(row, None)),
        state=row.state,
        counted=False,
        unsure=row.unsure,
        error=row.last_error,
        waited=row.waited,
        failed_at=row.failed_at,
    )


def deferral_wait(count: int) -> float:
    """
    Return the seconds until the next try after so many refusals.
    """
    return min(FIRST_DEFERRAL * 2.0 ** min(count - 1, 30), DAY)


def defer_again(before: Deferral | None, reason: str, now: float) -> Deferral:
    """
    Defer a line item that refuses everything.

    Args:
        before: What it was deferred with. None: it was not.
    """
    count = 1 if before is None else sane_count(before.count) + 1
    waited = 0.0 if before is None else sane_seconds(before.waited) + _gap(before.at, now)
    return Deferral(count, now, now + deferral_wait(count), reason, waited)


def describe(error: AGSError) -> str:
    """
    Return an error as one line for the table: its class and its text, which is free of grade data.
    """
    return f"{type(error).__name__}: {error}"


def _outcome(row: StoredScore, held: int) -> Outcome:
    return Outcome(*row.key, row.ts, State.DUE, held, deferrals=sane_count(row.deferrals))


def _failure(row: StoredScore, error: AGSError, now: float, held: int) -> Outcome:
    return attrs.evolve(
        _outcome(row, held),
        unsure=row.unsure or error.recorded is None,
        error=describe(error),
        waited=sane_seconds(row.waited) + _gap(sane_seconds(row.failed_at) or row.since, now),
        failed_at=now,
    )


def _dead(outcome: Outcome, standing: Standing, error: AGSError, *, is_refusal: bool = False) -> Verdict:
    """
    End a score. What is told then is about every attempt with it.
    """
    told = attrs.evolve(error, recorded=None if outcome.unsure else error.recorded, transient=False)
    return Verdict(attrs.evolve(outcome, state=State.DEAD), standing, error=told, is_refusal=is_refusal)


def _given_up(outcome: Outcome, backoff: Backoff) -> Outcome:
    return attrs.evolve(outcome, error=f"gave up after {backoff.give_up_after / DAY:g} days: {outcome.error}")


def _gap(since: float, now: float) -> float:
    return min(max(now - sane_seconds(since), 0.0), DAY)


def _recorded(row: StoredScore, now: float, held: int, delivery: Delivery | None) -> Outcome:
    # Without a value some platforms store the time of their own clock (Moodle 4.5, items made by the tool).
    if row.wire_score.score_given is None and (delivery is None or delivery.restamped is None):
        held = max(held, int(now * SECOND))
    return attrs.evolve(_outcome(row, held), state=State.SENT)


def _held(row: StoredScore, delivery: Delivery | None) -> int:
    """
    Return the latest stamp that the platform may hold: what was sent, or the time of its own clock.
    """
    sent = row.ts if row.wire_ts is None else row.wire_ts
    told = () if delivery is None else (delivery.timestamp, delivery.restamped)
    return max([sent, *(to_micros(one) for one in told if one is not None)])


def _was_sent(delivery: Delivery | None) -> bool:
    return delivery is not None and delivery.attempts > 0


def _is_away(error: AGSError, delivery: Delivery | None) -> bool:
    # What the client says of a platform that it takes to be away, without having asked, or asked again.
    told = delivery is not None and delivery.waited_for is not None
    return told and error.transient and isinstance(error, (NoAnswerError, BrokenError))


def _is_refused_by_platform(error: AGSError, *, others: bool) -> bool:
    if not isinstance(error, PlatformError) or isinstance(error, (StaleScoreError, ThrottledError)):
        return False
    if is_final_for_all(error):
        # Some say 401 of a person: with the same token others were taken.
        return others
    if isinstance(error, RefusedError):
        # A login page or a notice of maintenance in somebody's proxy is no word about the score.
        return not 300 <= error.status < 400
    return error.recorded is False and not error.transient


def _is_final(error: AGSError) -> bool:
    if isinstance(error, (AuthorizationError, UnreachableError, UntrustedURLError, RefusedError)) and not isinstance(
        error, StaleScoreError
    ):
        # A line item of another origin waits until its registration says that it is the same platform's. A certificate
        # that is over, or another aiohttp, are nothing of the score's.
        return False
    if error.transient:
        return False
    # Stale after a lost answer, and the platform shows something else, or nothing.
    return error.recorded is False or isinstance(error, (StaleScoreError, LostAnswerError))


def _standing(error: AGSError) -> Standing:
    if isinstance(error, ThrottledError) or (isinstance(error, BrokenError) and error.retry_after is not None):
        return Standing.BUSY
    if isinstance(error, AuthorizationError) or is_final_for_all(error):
        return Standing.BUSY if error.retry_after is not None else Standing.CLOSED
    return Standing.HEALTHY if isinstance(error, StaleScoreError) else Standing.SHAKY
