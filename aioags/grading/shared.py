"""
What all gradebooks of a `Client` share, so that what one does is known to the others.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any
from weakref import WeakValueDictionary

import attrs

from aioags.protocol.turns import Turns

# Line items that were made and not yet scored: a tool may make many and score none.
_MOST_NEW = 4096


@attrs.define(eq=False)
class _New:
    """
    A line item that no score was sent to.

    Attributes:
        first: Who sends the first score, alone. None: nobody yet.

        behind: What lets the others go on.
    """

    first: object | None = None
    behind: deque[Callable[[], None]] = attrs.field(factory=deque)


class Shared:
    """
    Order of scores, creations under way, and line items that are new.

    Brightspace makes a column for each of several first scores that race onto a new line item (hypothesis/lms #7224).
    So onto one that this client made one score goes first, alone, and the rest when its call has ended.

    Attributes:
        turns: Whose turn it is to be sent.

        creations: A lock for each identity that is being looked for or made.

        new: Line items that were made here and not yet scored. For others there is nothing to enter or leave.

        clock_told: It was logged that a platform's clock is too far ahead to be followed.
    """

    def __init__(self) -> None:
        self.turns = Turns()
        self.creations: WeakValueDictionary[tuple[Any, ...], asyncio.Lock] = WeakValueDictionary()
        self.clock_told = False
        self.new: dict[str, _New] = {}

    def made(self, item_id: str | None) -> None:
        """
        Note that a line item is new.
        """
        if item_id is None or item_id in self.new:
            return
        self.new[item_id] = _New()
        if len(self.new) > _MOST_NEW:
            self._open(next(iter(self.new)))

    def enter(self, item_id: str, who: object, start: Callable[[], None]) -> bool:
        """
        True when a score of this line item may be sent now.

        Args:
            who: Tells it from others; told again to `leave`.

            start: Called when it is worth another attempt to enter, where this one is in vain.
        """
        new = self.new.get(item_id)
        if new is None or new.first is who:
            return True
        if new.first is None:
            new.first = who
            return True
        new.behind.append(start)
        return False

    def leave(self, item_id: str, who: object, *, ended: bool) -> None:
        """
        Let go: the rest if the call has ended, else the next one alone.

        Args:
            ended: Its call came to an end: it was answered, or the tries are used up. False: it was not sent, or was
                cancelled.
        """
        new = self.new.get(item_id)
        if new is None or new.first is not who:
            return
        if ended:
            self._open(item_id)
            return
        new.first = None
        behind, new.behind = new.behind, deque()
        for start in behind:
            start()

    def _open(self, item_id: str) -> None:
        for start in self.new.pop(item_id).behind:
            start()
