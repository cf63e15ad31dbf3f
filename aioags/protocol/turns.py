"""
One score at a time for each (line item, user), in the given order.

A platform that gets two scores of one user at once may keep the older one: of twenty posted together with rising
timestamps Moodle 4.5 kept the wrong one in five rounds of six. So each key has a line: the first in it may send, the
rest wait, and whoever leaves starts the next. Keys do not wait for each other. The lines belong to the whole `Client`,
so the order holds across `post_score` and `post_scores`.

The same object remembers of each key the last stamp, in whole seconds, and who was sent last. Moodle compares whole
seconds and refuses an equal or earlier one (409). So a stamp that the package made is moved to the next whole second
when the key's last one lies in the same second or later; a caller's own never is.

Some stamps are not kept as they were sent: after a score without a value Moodle stores the time of its own clock, and
before 4.5.6 after every score of a coupled line item. So the platform's clock, as its answer tells it (`Date`), is
remembered as the last stamp then.

Moving is for what is newer. A score that this process made before the one that was sent last is older, and is not
lifted over it (`is_older`): a failed batch that was kept and is posted again must not undo a regrade. Between processes
the order of posting counts, since no clock can promise another.

Two scores of one user that lie more than `_REMEMBERED` other users apart may escape the rule.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

import attrs

from aioags.model.score import Score

Key = tuple[str, str]
"""Line item and user."""

# Keys in each of two generations, about 200 bytes each: what a batch holds must not grow with its length.
_REMEMBERED = 16_384


class _Last(NamedTuple):
    """
    What a platform may hold of one key: the stamp's second, and who was sent last.
    """

    second: int
    order: int = 0
    process: str | None = None


_NONE = _Last(-(2**62))


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
        self._lines: dict[Key, list[Turn]] = {}
        # hash of the key: the texts themselves would keep 100,000 user ids alive. Two generations, the older dropped
        # as a whole: deleting one key at a time from the front of a dict costs more the longer it lives.
        self._last: dict[int, _Last] = {}
        self._older: dict[int, _Last] = {}

    def join(self, key: Key, start: Callable[[Turn], None]) -> tuple[Turn, bool]:
        """
        Take a place at the end of a key's line; True when it is the first and may send now.
        """
        turn = Turn(key, start)
        line = self._lines.get(key)
        if line is None:
            self._lines[key] = [turn]
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
        if score.is_auto_stamped and second <= last.second:
            second = last.second + 1
            stamp = datetime.fromtimestamp(second, UTC)
        if second > last.second:
            self._remember(key, _Last(second, last.order, last.process))
        return stamp

    def sent(self, key: Key, score: Score, *, restamped: float | None = None) -> None:
        """
        Note that the platform may hold this score now: what this process made before is older.

        Args:
            restamped: The second of its own clock that the platform may have stored instead of the stamp. None: none.
        """
        made, last = score.stamp, self._latest(key)
        second = last.second if restamped is None else max(int(restamped), last.second)
        if made is None:
            self._remember(key, _Last(second))
        elif made.made_by != last.process or made.order > last.order:
            self._remember(key, _Last(second, made.order, made.made_by))
        elif second > last.second:
            self._remember(key, _Last(second, last.order, last.process))

    def is_older(self, key: Key, score: Score) -> bool:
        """
        True when a newer score of this key was sent before, made by the same process.
        """
        made, last = score.stamp, self._latest(key)
        return made is not None and made.made_by == last.process and made.order < last.order

    def is_stamped_before(self, key: Key, score: Score) -> bool:
        """
        True when the caller gave a score a stamp, and one of a later second was sent for this key before.
        """
        return not score.is_auto_stamped and int(score.timestamp.timestamp()) < self._latest(key).second

    def _remember(self, key: Key, last: _Last) -> None:
        self._last[hash(key)] = last
        if len(self._last) >= _REMEMBERED:
            self._older, self._last = self._last, {}

    def _latest(self, key: Key) -> _Last:
        place = hash(key)
        return self._last.get(place) or self._older.get(place) or _NONE
