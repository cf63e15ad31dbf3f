"""
When to leave a platform alone: a circuit breaker for each platform, and a small one for each line item.

Theory of operation. A score that fails waits for its own next attempt. But a platform that is down for a weekend would
still be asked once for each of ten thousand scores, again and again. So failures without a proper answer are counted
for each platform: after some in a row it is blocked (the circuit opens). When the block ends, one score is sent to see
(it is half open): if that fails too the next block is longer, and one proper answer ends the suspicion. A platform
that lets nobody in is blocked at the first sign, one that says how long for that long. What was in flight when a block
began says nothing new: until its end only an answer that asks for a longer silence counts.

One line item may be in trouble by itself: Moodle answers 500 for a column that is locked. So failures are counted for
each line item too. Of one that is known to be in trouble a further failure makes its own silence longer, and says
nothing of the platform, whose other line items go on.
"""

from __future__ import annotations

import attrs

from aioags.outbox.verdict import Backoff, Standing, Verdict

# A page of users who each run into a lock or a bug of the platform must not stop the rest: with one failure in five,
# eight in a row come once in 400,000.
_FAILURES_IN_A_ROW = 8
# A Retry-After of years is a mistake, and would outlast whoever could notice it.
_LONGEST_HOLD = 86_400.0


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
        if now < self.blocked_until:
            return None
        self.failures += 1
        if self.failures < enough and not self.is_suspect:
            return None
        self.failures = 0
        self.level += 1
        return self.block(now + backoff.wait(self.level, jitter))

    def block(self, until: float) -> float | None:
        """
        Be silent until a time; what `stumble` returns.
        """
        # Many answers that ask for the same silence are one block.
        if until <= self.blocked_until + 0.5:
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
            return self.block(now + min(verdict.hold, _LONGEST_HOLD))
        if verdict.standing is Standing.CLOSED:
            return self.stumble(now=now, jitter=jitter, backoff=backoff, enough=1)
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
