"""
Circuit breaker: whether a platform is away, and when to knock again.

A call cannot tell an outage from its own misfortune; many calls in a row can. The breaker counts answers that are none
(`is_outage`) and is in one of three states:

closed      Calls go through. A proper answer, whatever it says, sets the count to zero. At `max(window, 8)` failures
            in a row, with no proper answer between, it opens.
open        Nothing goes through, and nothing is learned from what was in flight when it opened, unless that is a proper
            answer. After 1, 2, 4 … 10 s one call goes through: the probe.
half open   The probe is under way. Is it answered properly, the breaker closes; if not, it stays open for longer.

Who waits at an open breaker uses time, not attempts: a failed probe costs its call no attempt while no other call
succeeds, and one as soon as another does (`recoveries`). So a dead platform spends nobody's attempts, and a call that
fails beside others that succeed spends its own. Probes are different calls, of different line items where there are
some: a platform that is well apart from one bad column or one bad user is found to be well.

A line item that fails more than eight times in a row, others being answered between each two, is broken by itself. Its
failures say nothing of the platform until one of its calls is answered: it spends its own attempts, and does not keep
those waiting that come after it in one batch. So is a single call that fails, sees another answered that began after
that, and fails again (`Trial.own`): where only such calls are left, nobody waits for a platform that is well. Once
another fails as well, they count like any other: that is an outage.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf

import attrs

from aioags.errors import AGSError, BrokenError, NoAnswerError
from aioags.protocol.messages import Response
from aioags.protocol.refusals import is_throttled

FEWEST = 8
"""Failures in a row that open it, at the least: with one failure in five, eight in a row come once in 400,000."""

FIRST_WAIT, LONGEST_WAIT = 1.0, 10.0
"""Seconds to the first probe, and between two at the most."""

# Waits without a failure after which an open breaker knows nothing of now: nobody has asked.
_FORGOTTEN = 4

# Line items whose failures are counted, the latest ones.
_MOST_STREAKS = 256


def is_outage(answer: Response | AGSError) -> bool:
    """
    True for what is no proper answer: none at all, 408, and 5xx but for what means the call itself.
    """
    if isinstance(answer, AGSError):
        # What a token request failed with comes as an error, though it was answered.
        return isinstance(answer, (NoAnswerError, BrokenError)) and answer.transient
    if answer.status != 408 and answer.status < 500:
        return False
    # 501 is about the method; Moodle's empty array about a locked column; a throttle says that somebody is there.
    return answer.status != 501 and answer.body.strip() != b"[]" and not is_throttled(answer)


def probe_wait(count: int) -> float:
    """
    Return the seconds until a probe, by how many there have been since the breaker opened, this one included.
    """
    return min(FIRST_WAIT * 2.0 ** min(count - 1, 60), LONGEST_WAIT)


@attrs.define
class _Streak:
    """
    Failures of one line item in a row, those counted that an answer to others came before, since the one before. Many
    in an outage, and answers when it is over, are no failures beside answers.

    Attributes:
        answers: How many there had been at the latest.
    """

    answers: int = -1
    failures: int = 0


class Breaker:
    """
    What is known of one platform's being there. Times are seconds on a clock of the caller's that never goes back.

    Args:
        wait: Returns the seconds until a probe, as `probe_wait` does.

    Attributes:
        is_open: The platform is taken to be away.

        opened_at: When it opened. None: it is closed.

        recoveries: How often it has closed again.

        well_at: When the latest call began that was answered.
    """

    __slots__ = (
        "_answers",
        "_failed_at",
        "_failures",
        "_next",
        "_probed_at",
        "_probes",
        "_streaks",
        "_wait",
        "is_open",
        "opened_at",
        "recoveries",
        "well_at",
    )

    def __init__(self, wait: Callable[[int], float] = probe_wait) -> None:
        # Beside `opened_at` as a fact of its own: every call asks.
        self.is_open = False
        self.opened_at: float | None = None
        self.recoveries = 0
        self.well_at = -inf
        self._failures = 0
        self._wait = wait
        self._probes = 0
        self._next = inf
        self._failed_at = -inf
        # When the latest probe began. None: there is none that has not ended.
        self._probed_at: float | None = None
        self._answers = 0
        # None: nothing failed yet. There may be 10,000 platforms.
        self._streaks: dict[str, _Streak] | None = None

    @property
    def failures(self) -> int:
        """
        How many failures in a row.
        """
        return self._failures

    @property
    def well_beside(self) -> float:
        """
        When the latest call began that was answered, as far as that says that the platform is well: not while calls
        fail of which that was not known, since then those that were known to fail meet the same outage.
        """
        return -inf if self._failures else self.well_at

    def may_probe(self, now: float) -> bool:
        """
        Is it time for a probe, and none under way, but for those silent for long? Asked while it is open.
        """
        return now >= self._opens

    def next_probe(self, now: float) -> float:
        """
        Return the seconds until the next probe may go through, should one that is under way stay silent.
        """
        return max(0.0, self._opens - now)

    @property
    def _opens(self) -> float:
        return self._next if self._probed_at is None else max(self._next, self._probed_at + LONGEST_WAIT)

    def probe(self, now: float) -> None:
        """
        Take a call for the probe. `may_probe` was true.
        """
        self._probed_at = now

    def abandon_probe(self, begun: float) -> None:
        """
        Forget the probe that began then: its caller was cancelled. Another may go at once, if it was the latest.
        """
        if begun == self._probed_at:
            self._probed_at = None

    def answered(self, subject: str = "", begun: float = -inf) -> bool:
        """
        Take a proper answer, to whichever call.

        Args:
            subject: What the call was about.

            begun: When it began.

        Returns:
            True: it was open, and is closed now.
        """
        self._failures = 0
        self._answers += 1
        if begun > self.well_at:
            self.well_at = begun
        if self._streaks:
            self._streaks.pop(subject, None)
        if not self.is_open:
            return False
        self.is_open, self.opened_at = False, None
        self._probed_at = None
        self.recoveries += 1
        return True

    def failed(
        self,
        now: float,
        window: int,
        *,
        probe: float | None = None,
        spent: bool = False,
        subject: str = "",
        own: bool = False,
    ) -> bool:
        """
        Take the lack of a proper answer.

        Args:
            window: How many calls may be in flight: that many tell of one moment.

            probe: When it began, if it was a probe. None: it was none. Of an older one than the latest, or of another
                outage, nothing follows.

            spent: It was the last attempt of a call beside which others wait: as many tell as it has made.

            subject: What the call was about.

            own: It is the call's own failure, whatever becomes of others.

        Returns:
            True: it was closed, and is open now.
        """
        counts = not (self._is_broken_by_itself(subject) or own)
        self._failures += counts
        failed_before, self._failed_at = self._failed_at, now
        if self.is_open:
            if now - failed_before > _FORGOTTEN * max(LONGEST_WAIT, self._next - failed_before):
                # Nobody asked for long: this is an outage of its own, and those who wait sit it out from its beginning.
                self.opened_at, self._probes = now, 0
            if probe is not None and probe == self._probed_at:
                self._wait_for_probe(now)
            return False
        if not counts or (self._failures < max(window, FEWEST) and not spent):
            return False
        self.is_open, self.opened_at, self._probes = True, now, 0
        self._wait_for_probe(now)
        return True

    def _wait_for_probe(self, now: float) -> None:
        self._probed_at = None
        self._probes += 1
        self._next = now + self._wait(self._probes)

    def _is_broken_by_itself(self, subject: str) -> bool:
        if self._streaks is None:
            self._streaks = {}
        streak = self._streaks.get(subject)
        if streak is None:
            if len(self._streaks) >= _MOST_STREAKS:
                del self._streaks[next(iter(self._streaks))]
            streak = self._streaks[subject] = _Streak()
        streak.failures, streak.answers = streak.failures + (self._answers > streak.answers), self._answers
        return streak.failures > FEWEST
