"""
Time, as the platform sees it: seconds since 1970, from a function that is passed in.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs

Clock = Callable[[], float]


@attrs.define
class ManualClock:
    """
    A clock that moves only when told.

    Example:
        >>> clock = ManualClock(1_000.0)
        >>> clock.advance(2.5)
        >>> clock()
        1002.5
    """

    now: float = 1_767_258_000.0

    def __call__(self) -> float:
        """
        Return seconds since 1970.
        """
        return self.now

    def advance(self, seconds: float) -> None:
        """
        Move on.
        """
        self.now += seconds
