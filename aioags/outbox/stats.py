"""
What is in an outbox, counted.
"""

from __future__ import annotations

import attrs

from aioags.outbox.model import Block


@attrs.frozen
class PlatformStats:
    """
    The rows of one registration, counted.

    Attributes:
        due: Not recorded yet.

        delayed: How many of these wait for a later time.

        deferred: Refused, which may lift: tried again at a slow pace. Not among `due`.

        sent: Recorded, and not pruned yet.

        dead: Given up, and surely not recorded.

        unknown: Given up, and nobody knows whether the platform has it. Not among `dead`.

        oldest: Unix time when the oldest due score was put. None: none is due.

        block: Until when and why the platform is left alone. None: it is not.
    """

    registration_id: str
    due: int = 0
    delayed: int = 0
    deferred: int = 0
    sent: int = 0
    dead: int = 0
    unknown: int = 0
    oldest: float | None = None
    block: Block | None = None


@attrs.frozen
class Stats:
    """
    The whole outbox, counted.

    Attributes:
        platforms: One for each registration, by its id.
    """

    platforms: tuple[PlatformStats, ...] = ()

    @property
    def due(self) -> int:
        """
        Scores not recorded yet.
        """
        return sum(platform.due for platform in self.platforms)

    @property
    def delayed(self) -> int:
        """
        Due scores that wait for a later time.
        """
        return sum(platform.delayed for platform in self.platforms)

    @property
    def deferred(self) -> int:
        """
        Scores that were refused and are tried again at a slow pace.
        """
        return sum(platform.deferred for platform in self.platforms)

    @property
    def sent(self) -> int:
        """
        Scores recorded, and not pruned yet.
        """
        return sum(platform.sent for platform in self.platforms)

    @property
    def dead(self) -> int:
        """
        Scores given up, and surely not recorded.
        """
        return sum(platform.dead for platform in self.platforms)

    @property
    def unknown(self) -> int:
        """
        Scores given up of which nobody knows whether they are recorded.
        """
        return sum(platform.unknown for platform in self.platforms)

    @property
    def oldest(self) -> float | None:
        """
        Unix time when the oldest due score was put. None: none is due.
        """
        return min((platform.oldest for platform in self.platforms if platform.oldest is not None), default=None)
