"""
What if: one call, tried until it is done or given up.

A trial judges each answer, or the lack of one, and says what to do next. It holds what has to be remembered between
tries, and nothing else does:

``tries``      how many requests were sent for a cause that counts: not a throttle, not a renewed token, not a redirect.
``throttles``  how many answers said "later"; they lengthen the wait, and only time bounds them.
``lost``       an earlier try may have been applied. From then on "stale" means recorded and "not found" means deleted,
               and an error can no longer say that surely nothing was recorded.
``renewed``    the token was renewed once for this call. It is never renewed twice: 401 and 403 have many meanings.

The rules, by answer and by what the operation allows (`Repeat`):

never left                          again
lost, 408, 5xx, unreadable write    FREELY and STAMPED: again. NEVER and LOOK_FIRST: give up, recorded=None; for a new
                                    line item the caller of the engine then looks before it creates again
429, 403 in disguise, 503 + hint    again after the hint, whatever the operation: the platform did not act
425                                 again: the platform did not act
401, or 403 and a cached token      renew once, again
stale (409, 400 with the words)     after a lost answer: recorded. At the first attempt: give up. Where the back end
                                    puts its own stamp on each try (the error is transient): again
other                               give up

Every wait lies within the policy's total time, or the trial gives up at once: no wait is cut short, since coming back
before the platform said is rude, and coming back late is not what the caller asked for.
"""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import attrs

from aioags.errors import (
    AGSError,
    AuthorizationError,
    BrokenError,
    ForbiddenError,
    MalformedError,
    NoAnswerError,
    NotFoundError,
    StaleScoreError,
    ThrottledError,
    UntrustedURLError,
)
from aioags.model.policy import RetryPolicy
from aioags.protocol.acknowledgment import RejectionError
from aioags.protocol.dialect import Operation, Repeat
from aioags.protocol.grants import grant_refusal
from aioags.protocol.messages import Response
from aioags.protocol.refusals import malformed, refusal
from aioags.protocol.urls import check_trusted
from aioags.wire.links import resolve
from aioags.wire.scalars import NotReadableError

T = TypeVar("T")

_MOST_REDIRECTS = 3


@attrs.frozen
class Done(Generic[T]):
    """
    The call is done, with this value.
    """

    value: T


@attrs.frozen
class Again:
    """
    Try again after so many seconds.
    """

    after: float
    error: AGSError


@attrs.frozen
class Renew:
    """
    Drop the token that was used, get another, and try again at once.
    """


@attrs.frozen
class Follow:
    """
    Send the same request to this URL, which may be trusted with the token.
    """

    url: str


@attrs.frozen
class GiveUp:
    """
    The call failed.
    """

    error: AGSError


@attrs.define
class Trial(Generic[T]):
    """
    One call, with what has to be remembered between its tries.

    Attributes:
        operation: The call.

        policy: How often and how long.

        began: When the first try began, on the clock that `judge` is given. None: it has not.

        sent: How many requests went out, for whatever cause.
    """

    operation: Operation[T]
    policy: RetryPolicy
    began: float | None = None
    sent: int = 0
    tries: int = 0
    throttles: int = 0
    redirects: int = 0
    lost: bool = False
    renewed: bool = False

    def judge(
        self,
        answer: Response | AGSError,
        *,
        now: float,
        wall: float,
        jitter: float,
        cached: bool = False,
        renewable: bool = True,
    ) -> Done[T] | Again | Renew | Follow | GiveUp:
        """
        Say what follows from the answer to the latest try.

        Args:
            answer: The response, or the transport's error.

            now: Seconds, on the clock of `began`.

            wall: Unix time, seconds, for a ``Retry-After`` that is a date.

            jitter: Drawn evenly from 0 to 1.

            cached: The token of this try was used before.

            renewable: It can be renewed, and may be at fault.
        """
        if isinstance(answer, AGSError):
            return self._failed(answer, now, jitter)
        if 300 <= answer.status < 400 and (verdict := self._redirected(answer)) is not None:
            return verdict
        if answer.ok:
            return self._succeeded(answer, now, wall, jitter)
        error: AGSError = refusal(self.operation, answer, wall=wall)
        if self._is_token and not isinstance(error, (ThrottledError, BrokenError)):
            error = grant_refusal(answer)
        if isinstance(error, ForbiddenError) and renewable and self._may_renew(answer.status, cached):
            self.renewed = True
            return Renew()
        return self._failed(error, now, jitter)

    def time_left(self, now: float) -> float:
        """
        Return the seconds within which a further try may begin.
        """
        return self.policy.total_time - (now - (now if self.began is None else self.began))

    def _may_renew(self, status: int, cached: bool) -> bool:
        # Open edX and Sakai say 403 for an expired token; a token that was just fetched has not expired.
        return bool(self.operation.scopes) and not self.renewed and (status == 401 or cached)

    @property
    def _is_token(self) -> bool:
        return self.operation.name == "token"

    def _succeeded(self, answer: Response, now: float, wall: float, jitter: float) -> Done[T] | Again | GiveUp:
        try:
            return Done(self.operation.read(answer))
        except RejectionError:
            return GiveUp(self.settled(refusal(self.operation, answer, wall=wall)))
        except NotReadableError as error:
            return self._failed(malformed(self.operation, answer, str(error)), now, jitter)
        except AGSError as error:
            return GiveUp(error)

    def _failed(self, error: AGSError, now: float, jitter: float) -> Done[Any] | Again | GiveUp:
        if not self.operation.writes:
            error.recorded = False
        if self.lost and self._means_done(error):
            return Done(None)
        if isinstance(error, ThrottledError):
            self.throttles += 1
            return self._again(error, self.throttles, now, jitter)
        self.tries += 1
        ambiguous = error.recorded is None
        if ambiguous and self.operation.repeat in (Repeat.NEVER, Repeat.LOOK_FIRST):
            return GiveUp(error)
        self.lost = self.lost or ambiguous
        if not self._repeats(error) or self.tries >= self.policy.attempts:
            return GiveUp(self.settled(error))
        return self._again(error, self.tries, now, jitter)

    def _means_done(self, error: AGSError) -> bool:
        # A repeat that is stale was recorded the first time: Moodle 409, Open edX 400. A DELETE likewise.
        if isinstance(error, NotFoundError):
            return self.operation.request.method == "DELETE"
        return isinstance(error, StaleScoreError) and not error.transient

    def _repeats(self, error: AGSError) -> bool:
        if isinstance(error, MalformedError):
            return error.transient or self.operation.writes
        return isinstance(error, (NoAnswerError, BrokenError, StaleScoreError)) and error.transient

    def _again(self, error: AGSError, count: int, now: float, jitter: float) -> Again | GiveUp:
        wait = self.policy.wait(count, jitter) if error.retry_after is None else error.retry_after
        if wait > self.time_left(now):
            return GiveUp(self.settled(error))
        return Again(wait, error)

    def settled(self, error: AGSError) -> AGSError:
        """
        Return the error, honest about the earlier tries: one may have been applied, whatever the last answer said.
        """
        if self.lost and self.operation.writes:
            error.recorded = None
        return error

    def _redirected(self, answer: Response) -> Follow | GiveUp | None:
        target = answer.header("Location")
        # 301, 302 and 303 turn a POST into a GET: following one would drop the score in silence.
        if target is None or not (answer.status in {307, 308} or self.operation.request.method == "GET"):
            return None
        self.redirects += 1
        if self.redirects > _MOST_REDIRECTS:
            return None
        url = resolve(target, answer.url or self.operation.request.url)
        try:
            return Follow(check_trusted(url, self.operation.trusted, "the target of a redirect"))
        except UntrustedURLError as error:
            return GiveUp(self.settled(error))


def is_final_for_all(error: AGSError | None) -> bool:
    """
    True when every further call with the same credential would fail the same way: a permanent authorization failure.
    """
    if isinstance(error, ForbiddenError):
        return error.status == 401
    return isinstance(error, AuthorizationError) and not error.transient
