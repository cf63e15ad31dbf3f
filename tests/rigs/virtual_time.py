"""
Time that passes only when nobody has anything else to do.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools

import attrs

from tests.rigs.carrying import is_quiet

# Turns of the event loop after which whoever could go on without time passing has done so. A request of the stands
# takes a dozen.
_SETTLED = 100


@attrs.define
class VirtualTime:
    """
    A clock for many sleepers: the one that is due first moves it, once everybody else has come to rest and nothing is
    on the wire.

    Attributes:
        now: Seconds since the test began.

        start: Unix time when it did.

        slept: Every wait that was asked for, in order.
    """

    now: float = 0.0
    start: float = 1_900_000_000.0
    slept: list[float] = attrs.field(factory=list)
    _due: list[tuple[float, int]] = attrs.field(factory=list)
    _numbers: itertools.count[int] = attrs.field(factory=itertools.count)

    def clock(self) -> float:
        """
        Return seconds that never step back.
        """
        return self.now

    def wall(self) -> float:
        """
        Return Unix time.
        """
        return self.start + self.now

    async def sleep(self, seconds: float) -> None:
        """
        Wait; in real time this takes a hundred turns of the loop.
        """
        self.slept.append(seconds)
        place = (self.now + seconds, next(self._numbers))
        heapq.heappush(self._due, place)
        try:
            await self._wait(place)
        finally:
            self._due.remove(place)
            heapq.heapify(self._due)

    async def _wait(self, place: tuple[float, int]) -> None:
        calm = 0
        seen = self.now
        while self.now < place[0]:
            await asyncio.sleep(0)
            calm = calm + 1 if self.now == seen and self._due[0] is place else 0
            seen = self.now
            if calm >= _SETTLED and is_quiet():
                self.now = place[0]
