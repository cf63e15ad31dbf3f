"""
When to leave a platform alone: what follows from its being away, for those who do not wait for it.

Theory of operation. Whether a platform is away, the client's circuit breaker knows (`aioags.protocol.breaker`): what it
does not let through comes back unsent, and the platform is blocked at the first such sign. The rest is for what the
breaker does not see: a platform that answers and lets nobody in, one whose line items cannot be opened, failures with
long pauses between them; and for long outages, in which one probe every ten seconds would still be many.

A score that fails waits for its own next attempt. Failures without a proper answer are counted for each platform: after
some in a row it is blocked too. When a block ends, one score is sent to see (half open): if that fails the next block
is longer, and one proper answer ends the suspicion. A platform that is away or lets nobody in is blocked at the first
sign, one that says how long for that long. What was in flight when a block began says nothing new: until its end only
an answer that asks for a longer silence counts.

One line item may be in trouble by itself: Moodle answers 500 for a column that is locked. So failures are counted for
each line item too. Of one that is known to be in trouble a further failure makes its own silence longer, and says
nothing of the platform, whose other line items go on.
"""

from __future__ import annotations

import attrs

from aioags.outbox.model import DAY, holds
from aioags.outbox.verdict import Backoff, Standing, Verdict
from aioags.protocol.breaker import FEWEST

# A page of users who each run into a lock or a bug of the platform must not stop the rest: with one failure in five,
# eight in a row come once in 400,000.
_FAILURES_IN_A_ROW = FEWEST


@attrs.define
class Streak:
    """
    Failures in a row, and the silences that followed.

    Attributes:
        failures: Attempts without a proper answer, in a row.

        level: Silences in a row that nobody asked for.

        blocked_until: Unix time.
    """

    failures: int = 0
    level: int = 0
    blocked_until: float = 0.0

    @property
    def is_suspect(self) -> bool:
        """
        True when it is not known whether it would go well again.
        """
        return self.level > 0

    def stumble(self, *, now: float, jitter: float, backoff: Backoff, enough: int = _FAILURES_IN_A_ROW) -> float | None:
        """
        Count one failure.

        Args:
            now: Unix time.

            enough: How many in a row lead to a silence.

        Returns:
            Unix time until which there is to be silence from now on. None: nothing new.
        """
        if holds(self.blocked_until, now):
            return None
        self.failures += 1
        if self.failures < enough and not self.is_suspect:
            return None
        self.failures = 0
        self.level += 1
        return self.block(now + backoff.wait(self.level, jitter), now=now)

    def block(self, until: float, *, now: float) -> float | None:
        """
        Be silent until a time; what `stumble` returns.
        """
        # Many answers that ask for the same silence are one block.
        if until <= self.blocked_until + 0.5 and holds(self.blocked_until, now):
            return None
        self.blocked_until = until
        return until


@attrs.define
class Health(Streak):
    """
    What this process knows of one platform.

    Attributes:
        items: Line items without a proper answer of late.
    """

    items: dict[str, Streak] = attrs.field(factory=dict)

    def doubts(self, line_item: str) -> bool:
        """
        True when one score of a line item at a time is enough.
        """
        return self.is_suspect or (line_item in self.items and self.items[line_item].is_suspect)

    def silence_of(self, line_item: str) -> float:
        """
        Unix time until which a line item is left alone, of a platform that may be well otherwise.
        """
        return self.items[line_item].blocked_until if line_item in self.items else 0.0

    def note(self, verdict: Verdict, line_item: str, *, now: float, jitter: float, backoff: Backoff) -> float | None:
        """
        Take in one attempt.

        Returns:
            Unix time until which the whole platform is to be left alone from now on. None: nothing new.
        """
        if verdict.standing is Standing.HEALTHY:
            self.failures = self.level = 0
            self.items.pop(line_item, None)
            return None
        if verdict.hold is not None and verdict.standing is Standing.BUSY:
            # A Retry-After of years is a mistake, and would outlast whoever could notice it.
            return self.block(now + min(verdict.hold, DAY), now=now)
        if verdict.standing is Standing.CLOSED:
            until = self.stumble(now=now, jitter=jitter, backoff=backoff, enough=1)
            # Not before the client would let a probe through.
            told = None if until is None or verdict.hold is None else self.block(now + verdict.hold, now=now)
            return told or until
        return self.stumble_at(line_item, now=now, jitter=jitter, backoff=backoff)

    def stumble_at(
        self, line_item: str, *, now: float, jitter: float, backoff: Backoff, enough: int = _FAILURES_IN_A_ROW
    ) -> float | None:
        """
        Count one failure of a line item; what `note` returns.

        Args:
            enough: How many in a row lead to a silence for the line item.
        """
        item = self.items.setdefault(line_item, Streak())
        known = item.is_suspect
        item.stumble(now=now, jitter=jitter, backoff=backoff, enough=enough)
        return None if known else self.stumble(now=now, jitter=jitter, backoff=backoff)
