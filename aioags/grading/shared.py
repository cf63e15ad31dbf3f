"""
What all gradebooks of a `Client` share, so that what one does is known to the others.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Hashable
from typing import Any
from weakref import WeakValueDictionary

import attrs

from aioags.calls.log import OncePerHost
from aioags.protocol.turns import Turns
from aioags.protocol.urls import origin

# Line items that were made and not yet scored: a tool may make many and score none.
_MOST_NEW = 4096
REFUSED = 1 / 8
"""A line item that refuses everybody must not be asked for a whole class one by one."""
AWAY = 1 / 2
"""Two calls of five attempts open the breaker, and its probe goes first, alone; who waits for more waits for long."""
# Platforms whose clocks differ from ours; what is forgotten is learnt anew.
_MOST_CLOCKS = 1024
UNSURE = 1.0
"""Seconds that a `Date` leaves open: it has no fractions."""


@attrs.define(eq=False)
class _New:
    """
    A line item that no score was sent to.

    Attributes:
        first: Who sends the first score, alone. None: nobody yet.

        behind: What lets the others go on.

        ended: What first scores said so far for letting the rest go.
    """

    first: object | None = None
    ended: float = 0.0
    behind: deque[Callable[[], None]] = attrs.field(factory=deque)


class Shared:
    """
    Order of scores, creations under way, and line items that are new.

    Brightspace makes a column for each of several first scores that race onto a new line item (hypothesis/lms #7224).
    So onto one that this client made one score goes first, alone, and the rest when it is recorded. Is it not, or does
    nobody know, the next one goes alone, and so on for some.

    Attributes:
        turns: Whose turn it is to be sent.

        creations: A lock for each identity that is being looked for or made.

        new: Line items that were made here and not yet scored. For others there is nothing to enter or leave.

        clocks_told: The hosts whose clock is too far ahead to be followed, as was logged.

        agreed: A `Date`, the second of the stamp that it answered, and its Unix time: the last that was found right.

        in_doubt: Identities of which a line item may have been made without our being told: who finds one finds it new.

        ahead: By how many seconds the clocks of platforms are ahead of ours (negative: behind), by origin, where they
            were last seen to differ.
    """

    def __init__(self) -> None:
        self.turns = Turns()
        self.creations: WeakValueDictionary[tuple[Any, ...], asyncio.Lock] = WeakValueDictionary()
        self.clocks_told = OncePerHost()
        self.agreed: tuple[str | None, int, float] = (None, 0, 0.0)
        self.ahead: dict[str, float] = {}
        self.new: dict[str, _New] = {}
        self.in_doubt: set[Hashable] = set()

    def note_clock(self, item_id: str, ahead: float) -> None:
        """
        Note by how many seconds the clock of a line item's platform is ahead of ours, as a `Date` tells it.
        """
        if abs(ahead) <= UNSURE:
            if self.ahead:
                self.ahead.pop(origin(item_id), None)
            return
        if len(self.ahead) >= _MOST_CLOCKS:
            self.ahead.clear()
        self.ahead[origin(item_id)] = ahead

    def ahead_of_us(self, item_id: str) -> float:
        """
        Return by how many seconds the clock of a line item's platform is ahead of ours at the most, as far as is known.
        """
        return UNSURE + (self.ahead.get(origin(item_id), 0.0) if self.ahead else 0.0)

    def made(self, item_id: str | None) -> None:
        """
        Note that a line item is new.
        """
        if item_id is None or item_id in self.new:
            return
        self.new[item_id] = _New()
        if len(self.new) > _MOST_NEW:
            self._open(next(iter(self.new)))

    def doubt(self, identity: Hashable) -> bool:
        """
        Note, until it is taken out of `in_doubt`, that a line item of this identity may be made and we not told.

        Returns:
            Whether that was so already: an earlier call ended with an error, or was cancelled.
        """
        before = identity in self.in_doubt
        if len(self.in_doubt) >= _MOST_NEW:
            self.in_doubt.clear()
        self.in_doubt.add(identity)
        return before

    def enter(self, item_id: str, who: object, start: Callable[[], None]) -> bool:
        """
        True when a score of this line item may be sent now.

        Args:
            who: Tells it from others; told again to `leave`.

            start: Called when it is worth another attempt to enter, where this one is in vain.
        """
        new = self.new.get(item_id) or _New()
        if new.first not in (None, who):
            new.behind.append(start)
            return False
        new.first = who
        return True

    def leave(self, item_id: str, who: object, *, ended: float) -> None:
        """
        Let go: the rest if a score may be taken to stand there, else the next one alone.

        Args:
            ended: What its call says for that. True: it is recorded. False: it was not sent, or was cancelled. Else a
                part: `REFUSED`, also where nobody knows, or `AWAY`. So many as make a whole let the rest go.
        """
        new = self.new.get(item_id)
        if new is None or new.first is not who:
            return
        new.ended += ended
        if new.ended >= 1:
            self._open(item_id)
            return
        new.first = None
        behind, new.behind = new.behind, deque()
        for start in behind:
            start()

    def _open(self, item_id: str) -> None:
        for start in self.new.pop(item_id).behind:
            start()
