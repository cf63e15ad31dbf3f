"""
One score at a time for each (line item, user), in the given order.

A platform that gets two scores of one user at once may keep the older one: of twenty posted together with rising
timestamps Moodle 4.5 kept the wrong one in five rounds of six. So each key has a line: the first in it may send, the
rest wait, and whoever leaves starts the next. Keys do not wait for each other. The lines belong to the whole `Client`,
so the order holds across `post_score` and `post_scores`.

The same object remembers the last stamp of each key, in whole seconds. Moodle compares whole seconds and refuses an
equal or earlier one (409), and after a score without a value it stores the time of its own clock. So a stamp that the
package made is moved to the next whole second when the key's last one lies in the same second or later; a caller's own
never is. Two scores of one user that lie more than `_REMEMBERED` other users apart may escape the rule.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime

import attrs

from aioags.model.score import Score

Key = tuple[str, str]
"""Line item and user."""

# Keys in each of two generations, about 70 bytes each: what a batch holds must not grow with its length.
_REMEMBERED = 16_384


@attrs.define(eq=False)
class Turn:
    """
    A place in the line of one key.

    Attributes:
        key: Whose line.

        start: Called with the turn, once, when it becomes the first. Not called for one that is first at once.
    """

    key: Key
    start: Callable[[Turn], None]


class Turns:
    """
    The lines of one `Client`.
    """

    def __init__(self) -> None:
        self._lines: dict[Key, deque[Turn]] = {}
        # hash of the key: the texts themselves would keep 100,000 user ids alive. Two generations, the older dropped
        # as a whole: deleting one key at a time from the front of a dict costs more the longer it lives.
        self._last: dict[int, int] = {}
        self._older: dict[int, int] = {}

    def join(self, key: Key, start: Callable[[Turn], None]) -> tuple[Turn, bool]:
        """
        Take a place at the end of a key's line; True when it is the first and may send now.
        """
        turn = Turn(key, start)
        line = self._lines.get(key)
        if line is None:
            self._lines[key] = deque((turn,))
            return turn, True
        line.append(turn)
        return turn, False

    def leave(self, turn: Turn) -> None:
        """
        Give a place up, first or not; when it was the first, the next one starts.
        """
        line = self._lines[turn.key]
        was_first = line[0] is turn
        line.remove(turn)
        if not line:
            del self._lines[turn.key]
        elif was_first:
            line[0].start(line[0])

    def stamp(self, key: Key, score: Score) -> datetime:
        """
        Return the stamp to send for a score, and remember it.
        """
        last = self._latest(key)
        stamp = score.timestamp
        second = int(stamp.timestamp())
        if score.is_auto_stamped and last is not None and second <= last:
            second = last + 1
            stamp = datetime.fromtimestamp(second, UTC)
        self._remember(key, second)
        return stamp

    def is_older(self, key: Key, score: Score) -> bool:
        """
        True when the caller gave a score a stamp, and one of a later second was sent for this key before.
        """
        last = self._latest(key)
        return not score.is_auto_stamped and last is not None and int(score.timestamp.timestamp()) < last

    def wiped(self, key: Key, wall: float) -> None:
        """
        Note that a score without a value was recorded: the platform may have stored the time of its own clock.
        """
        self._remember(key, int(wall))

    def _remember(self, key: Key, second: int) -> None:
        # Never an earlier second: what the caller stamped long ago takes nothing back from the platform.
        last = self._latest(key)
        self._last[hash(key)] = second if last is None or last < second else last
        if len(self._last) >= _REMEMBERED:
            self._older, self._last = self._last, {}

    def _latest(self, key: Key) -> int | None:
        return self._last.get(hash(key), self._older.get(hash(key)))
