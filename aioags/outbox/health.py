"""
When to leave a platform alone: what follows from its being away, for those who do not wait for it.

Theory of operation. Whether a platform is away, the client's circuit breaker knows (`aioags.protocol.breaker`): what it
does not let through comes back unsent, and the platform is blocked at the first such sign. The rest is for what the
breaker does not see: a platform that answers and lets nobody in, one whose line items cannot be opened, failures with
long pauses between them; and for long outages, in which one probe every ten seconds would still be many.

A score that fails waits for its own next attempt. Failures without a proper answer are counted for each platform, by a
breaker of the same kind that waits longer: after some in a row it is left alone too. When a silence ends, one score is
sent to see (the probe): if that fails the next silence is longer, and one proper answer ends the suspicion. A platform
that is away or lets nobody in is left alone at the first sign, one that says how long for that long. What was in flight
when a silence began says nothing new: until its end only an answer that asks for a longer one counts.

One line item may be in trouble by itself: Moodle answers 500 for a column that is locked. So there is a breaker for
each line item too. Of one that is known to be in trouble a further failure makes its own silence longer, and says
nothing of the platform, whose other line items go on.

Times are seconds on a clock that never goes back: what a wrong wall clock says holds back nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf

from aioags.outbox.model import DAY
from aioags.outbox.verdict import Standing, Verdict
from aioags.protocol.breaker import Breaker


class Silence:
    """
    Whether a platform, or a line item, is there, and until when it is left alone.

    Args:
        wait: Returns the seconds of a silence that nobody asked for, by how many there were in a row.

    Attributes:
        until: When it ends. In the past: there is none.
    """

    __slots__ = ("breaker", "until")

    def __init__(self, wait: Callable[[int], float]) -> None:
        self.breaker = Breaker(wait)
        self.until = -inf

    def stumble(self, now: float, *, at_once: bool = False, at_least: float = 0.0) -> float | None:
        """
        Take a failure.

        Args:
            at_once: It leads to a silence by itself, without others before it.

            at_least: Shortest such silence, seconds.

        Returns:
            Seconds of a silence that begins now. None: nothing new.
        """
        if now < self.until:
            return None
        probing = self.breaker.is_open
        if probing:
            self.breaker.probe(now)
        if not self.breaker.failed(now, 0, probe=now if probing else None, spent=at_once) and not probing:
            return None
        return self.keep(now, max(self.breaker.next_probe(now), at_least))

    def keep(self, now: float, seconds: float) -> float | None:
        """
        Be silent for so long; what `stumble` returns.
        """
        # Many answers that ask for the same silence are one.
        if now < self.until and now + seconds <= self.until + 0.5:
            return None
        self.until = now + seconds
        return seconds


class Health:
    """
    What this process knows of one platform.

    Args:
        wait: As for `Silence`.

    Attributes:
        platform: Of the whole platform.
    """

    def __init__(self, wait: Callable[[int], float]) -> None:
        self.platform = Silence(wait)
        self._wait = wait
        # Those without a proper answer of late.
        self._items: dict[str, Silence] = {}

    def doubts(self, line_item: str) -> bool:
        """
        True when one score of a line item at a time is enough: nobody knows whether the next would go well.
        """
        item = self._items.get(line_item)
        return self.platform.breaker.is_open or (item is not None and item.breaker.is_open)

    def silence_of(self, line_item: str) -> float:
        """
        When the silence of a line item ends, whose platform may be well otherwise.
        """
        return self._items[line_item].until if line_item in self._items else -inf

    def note(self, verdict: Verdict, line_item: str, now: float) -> float | None:
        """
        Take in one attempt.

        Returns:
            Seconds for which the whole platform is to be left alone from now on. None: nothing new.
        """
        if verdict.standing is Standing.HEALTHY:
            self.platform.breaker.answered()
            self._items.pop(line_item, None)
            return None
        # A Retry-After of years is a mistake, and would outlast whoever could notice it.
        hold = None if verdict.hold is None else min(verdict.hold, DAY)
        if verdict.standing is Standing.BUSY and hold is not None:
            return self.platform.keep(now, hold)
        if verdict.standing is Standing.CLOSED:
            # Not before the client would let a probe through.
            return self.platform.stumble(now, at_once=True, at_least=hold or 0.0)
        return self.stumble_at(line_item, now)

    def stumble_at(self, line_item: str, now: float, *, at_once: bool = False) -> float | None:
        """
        Take a failure of a line item; what `note` returns.

        Args:
            at_once: The line item is left alone at once.
        """
        item = self._items.setdefault(line_item, Silence(self._wait))
        known = item.breaker.is_open
        item.stumble(now, at_once=at_once)
        return None if known else self.platform.stumble(now)
