"""
What if: one call, tried until it is done or given up.

A trial judges each answer, or the lack of one, and says what to do next. It holds what has to be remembered between
tries, and nothing else does:

``tries``      how many requests were sent for a cause that counts: not a throttle, not a renewed token, not a redirect.
``throttles``  how many answers said "later"; they lengthen the wait, and only time bounds them.
``lost``       an earlier try may have been applied. From then on "not found" means deleted, "stale" may be our own
               doing, and an error can no longer say that surely nothing was recorded.
``renewed``    the status for which the token was renewed for this call. It is not renewed again within a minute: 400,
               401 and 403 have many meanings; nor after its time, or slow tokens would keep it for ever.
``doubt``      nobody knows what became of what was sent, and the platform is being searched for it: the error that says
               so, which stands when the search settles nothing.

The rules, by answer and by what the operation allows (`Repeat`):

never left                          again
lost, 408, 5xx, unreadable write    FREELY and STAMPED: again. NEVER: give up, recorded=None. LOOK_FIRST: search; what
                                    is nowhere is made again
429, 403 in disguise, 503 + hint    again after the hint, whatever the operation: the platform did not act
425                                 again: the platform did not act
401, or a token called invalid      renew once, again
400, 403, and the token may be over renew once, again, unless the words say what else it is
stale (409, 400 with the words)     after a lost answer or a 503: search; what is newer may be ours or anybody's. At the
                                    first attempt: give up. Where the back end puts its own stamp on each try (the error
                                    is transient): again
2xx that denies it                  as the refusal that it names
2xx that is no JSON                 a score, a changed line item: search, else nobody knows. Never again: somebody
                                    else may have said it
201 for a new line item             made, whatever the body says: search once for what it is called, never make again
locked (Moodle's 500 with ``[]``)   again, once
2xx that holds no token             the token request: again, once
the same 5xx twice for a new item   give up, where the listing works
other                               give up

Before a trial gives up for want of an answer, it searches if its caller said so (`confirm`). What a search settles is
settled; what it does not leaves the doubt: recorded None.

While the platform is away (`Breaker`) a failed probe is no try, until another call succeeds. It is one for a call that
had failed before another began that succeeded.

Every wait lies within the policy's total time, or the trial gives up at once: no wait is cut short, since coming back
before the platform said is rude, and coming back late is not what the caller asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any, Generic, TypeVar

import attrs

from aioags.errors import (
    AGSError,
    AuthorizationError,
    BrokenError,
    ForbiddenError,
    GrantMalformedError,
    LostAnswerError,
    MalformedError,
    NoAnswerError,
    NotFoundError,
    RefusedError,
    StaleScoreError,
    ThrottledError,
    UntrustedURLError,
)
from aioags.model.policy import RetryPolicy
from aioags.protocol.acknowledgment import RejectionError
from aioags.protocol.answers import OtherAnswerError, UnseenError
from aioags.protocol.breaker import is_outage
from aioags.protocol.dialect import Operation, Page, Repeat
from aioags.protocol.grants import TOKEN
from aioags.protocol.messages import Response
from aioags.protocol.refusals import malformed, may_mean_token, refusal
from aioags.protocol.verdicts import Again, Done, Follow, GiveUp, Look, Renew, Search, Verdict
from aioags.wire.links import resolve
from aioags.wire.scalars import NotReadableError

T = TypeVar("T")

_MOST_REDIRECTS = 3
# Seconds: a token that was forgotten later than that was forgotten anew.
_RENEWED_FOR = 60.0
# Pages of a search: at Canvas's ten a page, 50,000 records.
_MOST_PAGES = 5_000


@attrs.define
class Trial(Generic[T]):
    """
    One call, with what has to be remembered between its tries.

    Attributes:
        operation: The call.

        policy: How often and how long.

        began: When the first try began, on the clock that `judge` is given. None: it has not.

        sent: How many requests went out, for whatever cause; those of a search are not counted.

        left: The platform may have seen one: not every connection was refused.

        search: How to find out what a lost answer left. None: there is no way to look.

        confirm: Search also when nobody knows for want of an answer. False: only when the platform said something that
            a search can explain, or what is created must not be created twice.

        waits: Wait while the platform is away. False: give up at once.

        subject: What it is about, as far as one may be broken by itself. None: its URL.

        waited_for: Class name of the error of an outage that it waited for. None: there was none.

        read: What the answer that comes next to `judge` was read as, by who read it in steps. None: it was not.

        own: What it failed with last is its own: others that began after it had failed were answered.
    """

    operation: Operation[T]
    policy: RetryPolicy
    search: Callable[[], Search[T]] | None = None
    confirm: bool = False
    waits: bool = True
    subject: str | None = None
    waited_for: str | None = None
    read: Callable[[Response], T] | None = None
    own: bool = False
    began: float | None = None
    sent: int = 0
    left: bool = False
    tries: int = 0
    throttles: int = 0
    redirects: int = 0
    lost: bool = False
    renewed: int = 0
    doubt: AGSError | None = None
    # Failed probes, which cost an attempt each once another call succeeds.
    _unpaid: int = 0
    _hinted: bool = False
    _failed_at: float = inf
    _well_at: float = -inf
    _renewed_at: float = 0.0
    _recoveries: int = 0
    _broke: int | None = None
    _answer: Response | None = None
    _searching: Search[T] | None = None
    # Made with the search: a set is a fifth of a trial, and most trials search for nothing.
    _looks: set[str] | None = None
    _resembled: bool = False

    def judge(
        self,
        answer: Response | AGSError,
        *,
        now: float,
        wall: float,
        jitter: float,
        cached: bool = False,
        renewable: bool = True,
        probe: bool = False,
    ) -> Verdict[T]:
        """
        Say what follows from the answer to the latest try.

        Args:
            answer: The response, or the transport's error.

            now: Seconds, on the clock of `began`.

            wall: Unix time, seconds, for a ``Retry-After`` that is a date.

            jitter: Drawn evenly from 0 to 1.

            cached: The token of this try was used before.

            renewable: It can be renewed, and a refusal with this status may be its fault.

            probe: It was sent to find out whether the platform is back.
        """
        # Who allows one attempt wants no second, whatever it is called.
        if probe and not self.own and self.policy.attempts > 1 and is_outage(answer):
            self._unpaid, self.tries = self._unpaid + 1, self.tries - 1
        if isinstance(answer, AGSError):
            self.left = self.left or answer.recorded is not False
            return self._failed(answer, now, jitter)
        self._answer, self.left = answer, True
        if 300 <= answer.status < 400 and (verdict := self._redirected(answer)) is not None:
            return verdict
        if answer.ok:
            return self._succeeded(answer, now, wall, jitter)
        error = refusal(self.operation, answer, wall=wall)
        if isinstance(error, RefusedError) and renewable and self._may_renew(error, answer, cached, now):
            self.renewed, self._renewed_at = answer.status, now
            return Renew()
        return self._failed(error, now, jitter)

    @property
    def date(self) -> str | None:
        """
        ``Date`` header of the latest answer. None: it had none.
        """
        return None if self._answer is None else self._answer.header("Date")

    def entered(self, now: float, recoveries: int, waited_for: str | None, well_at: float = -inf) -> None:
        """
        Note that the next try begins.

        Args:
            now: Seconds, on the clock that `judge` is given.

            recoveries: How often the platform had come back from an outage by then.

            waited_for: What was waited for at an open breaker. None: nothing.

            well_at: When the latest call began that was answered by then (`Breaker.well_beside`).
        """
        if self.began is None:
            self.began = now
        if recoveries != self._recoveries:
            self.tries += self._unpaid
            self._unpaid, self._recoveries = 0, recoveries
        self._well_at, self.waited_for = well_at, waited_for or self.waited_for

    def stumbled(self, now: float, well_at: float, began: float) -> None:
        """
        Note that the latest try, which began then, got no proper answer; `well_at` as for `entered`, but by now.
        """
        # Who is asked after it began, and answered, says nothing of a try that an outage swallowed.
        self.own = (well_at if well_at <= began else self._well_at) > self._failed_at
        self._failed_at = min(self._failed_at, now)

    def steadied(self) -> None:
        """
        Note that the latest try got one, though not a yes.
        """
        self.own, self._failed_at = False, inf

    def time_left(self, now: float) -> float:
        """
        Return the seconds within which a further try may begin.
        """
        return self.policy.total_time - (now - (now if self.began is None else self.began))

    def _may_renew(self, error: RefusedError, answer: Response, cached: bool, now: float) -> bool:
        again = now - self._renewed_at > _RENEWED_FOR and self.time_left(now) > 0
        may = bool(self.operation.scopes) and (again or not self.renewed)
        return may and may_mean_token(error, answer, cached=cached)

    def _succeeded(self, answer: Response, now: float, wall: float, jitter: float) -> Verdict[T]:
        read, self.read = self.read or self.operation.read, None
        try:
            return Done(read(answer))
        except RejectionError as denial:
            said = answer if denial.status is None else attrs.evolve(answer, status=denial.status)
            return self._failed(refusal(self.operation, said, wall=wall), now, jitter)
        except NotReadableError as error:
            return self._unreadable(malformed(self.operation, answer, str(error)), error, now, jitter)
        except GrantMalformedError as error:
            # Perhaps somebody's in between, such as a notice of maintenance: and no token ends a whole batch.
            self.tries += 1
            return self._again(error, 1, now, jitter) if self.tries < self._most_tries(error) else GiveUp(error)
        except AGSError as error:
            return GiveUp(error)

    def _unreadable(self, error: MalformedError, why: NotReadableError, now: float, jitter: float) -> Verdict[T]:
        error.transient = isinstance(why, OtherAnswerError)
        if isinstance(why, UnseenError):
            # Made is made: it is looked for, and never made again.
            error.recorded = True
            return self._search_for(error)
        if self._is_said_in_between(why):
            # Somebody in between may have said it, without the platform's knowing: what stands there tells.
            return self._search_for(error)
        return self._failed(error, now, jitter)

    def _is_said_in_between(self, why: NotReadableError) -> bool:
        if self.operation.repeat is Repeat.FREELY:
            return self.operation.writes and self.search is not None and not isinstance(why, OtherAnswerError)
        return self.operation.repeat is not Repeat.LOOK_FIRST

    def _failed(self, error: AGSError, now: float, jitter: float) -> Verdict[Any]:
        if not self.operation.writes:
            error.recorded = False
        if self.lost and isinstance(error, NotFoundError) and self.operation.request.method == "DELETE":
            return Done(None)
        if (self.lost or self._hinted) and isinstance(error, StaleScoreError) and not error.transient:
            return self._overtaken(error)
        if isinstance(error, ThrottledError):
            self.throttles += 1
            # A proxy's 503 may be about what it has passed on.
            self._hinted = self._hinted or error.status == 503
            return self._again(error, self.throttles, now, jitter)
        self.tries += 1
        ambiguous = error.recorded is None
        if ambiguous and self.operation.repeat in (Repeat.NEVER, Repeat.LOOK_FIRST):
            return self.give_up(error)
        self.lost = self.lost or ambiguous
        if not self._repeats(error) or self.tries >= self._most_tries(error):
            return self.give_up(error)
        return self._again(error, self.tries, now, jitter)

    def _overtaken(self, stale: StaleScoreError) -> Look | GiveUp:
        # What is newer may be the lost try, another machine's, or a teacher's touch (Moodle restamps).
        doubt = LostAnswerError(
            "an earlier try was not answered, and the platform holds a score as new or newer: nobody knows whose",
            recorded=None,
            spec=stale.spec,
        )
        doubt.__cause__ = stale
        return self._search_for(doubt)

    def _repeats(self, error: AGSError) -> bool:
        if isinstance(error, MalformedError):
            return error.transient or self.operation.writes
        return isinstance(error, (NoAnswerError, BrokenError, RefusedError)) and error.transient

    def _most_tries(self, error: AGSError) -> int:
        # A refusal that may lift within a moment is asked once more, and not again.
        passing = isinstance(error, (RefusedError, GrantMalformedError)) and not isinstance(error, StaleScoreError)
        return min(2, self.policy.attempts) if passing else self.policy.attempts

    def _again(self, error: AGSError, count: int, now: float, jitter: float) -> Again | Look | GiveUp:
        wait = self._wait(error, count, jitter)
        if wait > self.time_left(now):
            return self.give_up(error)
        return Again(wait, error)

    def _wait(self, error: AGSError, count: int, jitter: float) -> float:
        return self.policy.wait(count, jitter) if error.retry_after is None else error.retry_after

    def settled(self, error: AGSError) -> AGSError:
        """
        Return the error, honest about the earlier tries: one may have been applied, whatever the last answer said.
        """
        if self.lost and self.operation.writes:
            error.recorded = None
        return error

    def give_up(self, error: AGSError) -> Look | GiveUp:
        """
        End with this error, unless the platform can be searched for what is in doubt.
        """
        self.settled(error)
        return self._search_for(error) if error.recorded is None and self.confirm else GiveUp(error)

    def _search_for(self, error: AGSError) -> Look | GiveUp:
        if self.search is None:
            return GiveUp(error)
        self.doubt = error
        try:
            self._searching = self._searching or self.search()
        except AGSError as unable:
            return self._in_doubt(unable)
        self._looks, self._resembled = set(), False
        return Look(self._searching.first)

    def _in_doubt(self, cause: AGSError | None) -> GiveUp:
        assert self.doubt is not None  # noqa: S101 - a search has a cause
        if cause is not None:
            self.doubt.__cause__ = cause
        return GiveUp(self.doubt)

    def looked(self, found: Page[Any] | AGSError, *, now: float, jitter: float) -> Verdict[T]:
        """
        Say what follows from a page of the search.

        Args:
            found: The page that a `Look` asked for, or why it cannot be had.
        """
        search = self._searching
        if isinstance(found, AGSError) or search is None:
            return self._in_doubt(found if isinstance(found, AGSError) else None)
        for record in found.records:
            said = search.recognise(record)
            if isinstance(said, Done):
                return said
            if said is not None and not search.creates:
                return self._differs()
            # Beside one that may be it, the very one may stand.
            self._resembled = self._resembled or said is not None
        for unreadable in found.unreadable:
            if search.may_be(unreadable.raw):
                return self._in_doubt(unreadable.error)
        if found.next is not None:
            return self._look_further(search, found.next)
        return self._nowhere(search, now, jitter)

    def _differs(self) -> GiveUp:
        # Where the platform called ours stale: something newer stands there, whether ours did in between or not.
        stale = None if self.doubt is None else self.doubt.__cause__
        if isinstance(stale, StaleScoreError):
            return GiveUp(attrs.evolve(stale, recorded=None))
        return self._in_doubt(None)

    def _look_further(self, search: Search[T], key: str) -> Look | GiveUp:
        assert self._looks is not None  # noqa: S101 - the search began
        if key in self._looks or len(self._looks) >= _MOST_PAGES:
            return self._in_doubt(None)
        self._looks.add(key)
        try:
            return Look(search.further(key))
        except AGSError as untrusted:
            return self._in_doubt(untrusted)

    def _nowhere(self, search: Search[T], now: float, jitter: float) -> Again | GiveUp:
        doubt = self.doubt
        if (
            doubt is None
            or doubt.recorded
            or not search.creates
            or self._resembled
            or self.tries >= self.policy.attempts
        ):
            return self._in_doubt(None)
        if isinstance(doubt, BrokenError):
            # Where the listing works the platform is well, and the same failure again is about this line item: Moodle
            # answers 502 for a tag of 300 characters, and makes a column each time that nobody can delete.
            if doubt.status == self._broke:
                return self._in_doubt(None)
            self._broke = doubt.status
        wait = self._wait(doubt, self.tries, jitter)
        return self._in_doubt(None) if wait > self.time_left(now) else Again(wait, doubt)

    def _redirected(self, answer: Response) -> Follow | Look | GiveUp | None:
        target = answer.header("Location")
        # 301, 302 and 303 turn a POST into a GET: following one would drop the score in silence.
        if target is None or not (answer.status in {307, 308} or self.operation.request.method == "GET"):
            return None
        self.redirects += 1
        if self.redirects > _MOST_REDIRECTS:
            return None
        url = resolve(target, answer.url or self.operation.request.url)
        try:
            return Follow(self.operation.trust.check(url, "the target of a redirect"))
        except UntrustedURLError as error:
            # A token request's own refusal says which setting to correct.
            return None if self.operation.name == TOKEN else self.give_up(error)


def is_final_for_all(error: AGSError | None) -> bool:
    """
    True when every further call with the same credential would fail the same way: a permanent authorization failure.
    """
    if isinstance(error, ForbiddenError):
        return error.status == 401
    return isinstance(error, AuthorizationError) and not error.transient
