"""
When to leave a platform alone.

Theory of operation. A score that fails waits for its own next attempt. But a platform that is down for a weekend would
still be asked once for each of ten thousand scores, again and again. So failures without a proper answer are counted
for each platform: after some in a row it is blocked. When the block ends, one score is sent to see: if that fails too
the next block is longer, and one proper answer ends the suspicion. A platform that lets nobody in is blocked at the
first sign, one that says how long for that long. What was in flight when a block began says nothing new: until its end
only an answer that asks for a longer silence counts.
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
class Health:
    """
    What this process knows of one platform.

    Attributes:
        failures: Attempts without a proper answer, in a row.

        level: Blocks in a row that nobody asked for.

        blocked_until: Unix time.
    """

    failures: int = 0
    level: int = 0
    blocked_until: float = 0.0

    @property
    def is_suspect(self) -> bool:
        """
        True when it is not known whether the platform is back: one score at a time is enough.
        """
        return self.level > 0

    def note(self, verdict: Verdict, *, now: float, jitter: float, backoff: Backoff) -> float | None:
        """
        Take in one attempt.

        Args:
            now: Unix time.

        Returns:
            Unix time until which the platform is to be left alone from now on. None: nothing new.
        """
        if verdict.standing is Standing.HEALTHY:
            self.failures = self.level = 0
            return None
        if verdict.hold is not None and verdict.standing is Standing.BUSY:
            return self._block(now + min(verdict.hold, _LONGEST_HOLD))
        enough = 1 if verdict.standing is Standing.CLOSED else _FAILURES_IN_A_ROW
        return self.stumble(now=now, jitter=jitter, backoff=backoff, enough=enough)

    def stumble(self, *, now: float, jitter: float, backoff: Backoff, enough: int = _FAILURES_IN_A_ROW) -> float | None:
        """
        Count one failure; what `note` returns. So many in a row are enough to leave the platform alone.
        """
        if now < self.blocked_until:
            return None
        self.failures += 1
        if self.failures < enough and not self.is_suspect:
            return None
        self.failures = 0
        self.level += 1
        return self._block(now + backoff.wait(self.level, jitter))

    def _block(self, until: float) -> float | None:
        # Many answers that ask for the same silence are one block.
        if until <= self.blocked_until + 0.5:
            return None
        self.blocked_until = until
        return until
