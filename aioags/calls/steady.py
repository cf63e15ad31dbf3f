"""
Unix time, as far as one reading can be believed.

A wall clock that is a year ahead for a moment must not have everything forgotten, blocked, or sent with a stamp from
there. So a reading is compared with what a clock that never steps makes of the readings before. One that lies further
off than any correction is not followed until it has stood for a minute: then a machine has slept, or its clock was
wrong before.
"""

from __future__ import annotations

from collections.abc import Callable

# Seconds. What NTP corrects is less.
_FURTHEST = 600.0
_CONFIRMED_AFTER = 60.0


class SteadyWall:
    """
    A wall clock whose odd readings are left out.

    Args:
        wall: Unix time, seconds.

        clock: Seconds that never step.
    """

    def __init__(self, wall: Callable[[], float], clock: Callable[[], float]) -> None:
        self._wall = wall
        self._clock = clock
        # How far the one clock was ahead of the other; and as of late, since when.
        self._apart = wall() - clock()
        self._odd: tuple[float, float] | None = None

    def __call__(self) -> float:
        """
        Return Unix time, seconds.
        """
        ticks = self._clock()
        apart = self._wall() - ticks
        if abs(apart - self._apart) <= _FURTHEST:
            self._apart, self._odd = apart, None
        elif self._odd is None or abs(apart - self._odd[0]) > _FURTHEST:
            self._odd = (apart, ticks)
        elif ticks - self._odd[1] >= _CONFIRMED_AFTER:
            self._apart, self._odd = apart, None
        return ticks + self._apart
