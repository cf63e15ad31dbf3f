"""
One score at a time for each (line item, user), in the given order.

A platform that gets two scores of one user at once may keep the older one: of twenty posted together with rising
timestamps Moodle 4.5 kept the wrong one in five rounds of six. So each key has a line: the first in it may send, the
rest wait, and whoever leaves starts the next. Keys do not wait for each other. The lines belong to the whole `Client`,
so the order holds across `post_score` and `post_scores`.

The same object remembers of each key the last stamp, in whole seconds, and who was sent last (`Last`): looked at when a
score's turn has come, noted when its call has ended. Nobody else does either in between.

Moodle compares whole seconds and refuses an equal or earlier one (409). So a stamp that the package made is moved to
the next whole second when the key's last one lies in the same second or later; a caller's own never is.

Some stamps are not kept as they were sent: after a score without a value Moodle stores the time of its own clock, and
before 4.5.6 after every score of a coupled line item. So the platform's clock, as its answer tells it (`Date`), is
remembered as the last stamp then. Of one whose answer was lost nobody heard when it came, or whether it is still on its
way: what is sent next is stamped as of the moment when it first leaves.

Moving is for what is newer. A score that this process made before the one that was sent last is older, and is not
lifted over it (`Last.is_newer`): a failed batch that was kept and is posted again must not undo a regrade. Between
processes the order of posting counts, since no clock can promise another.

Two scores of one user that lie more than `_REMEMBERED` other users apart may escape the rule.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import attrs

from aioags.model.score import Score
from aioags.model.value import value

Key = tuple[str, str]
"""Line item and user."""

# Keys in each of two generations, about 200 bytes each: what a batch holds must not grow with its length.
_REMEMBERED = 16_384


@value
class Last:
    """
    What a platform may hold of one key.

    Attributes:
        second: Of the latest stamp, in Unix time.

        order: Of the score that was sent last, among those of the process that made it.

        process: Who made that one. None: nobody knows.

        may_come: What was sent last may come yet, to be stamped then.

        other: Of the score that was sent last among those that another process made: who made it, and its order. An
            outbox sends what others made in between one's own.
    """

    second: int
    order: int = 0
    process: str | None = None
    may_come: bool = False
    other: tuple[str | None, int] = (None, 0)

    def is_newer(self, score: Score) -> bool:
        """
        True when a newer score than this one was sent before, made by the same process.
        """
        made = score.stamp
        if made is None or made.made_by != self.process:
            return made is not None and made.made_by == self.other[0] and made.order < self.other[1]
        return made.order < self.order

    def _is_older(self, score: Score) -> bool:
        # An outbox settles a stamp by what it sent itself, and knows nothing of what went past it.
        made = score.stamp
        return made is not None and made.made_by == self.process and self.order < made.order

    def is_stamped_later(self, score: Score) -> bool:
        """
        True when the caller gave a score a stamp, and one of a later second was sent before.
        """
        return not score.is_auto_stamped and int(score.timestamp.timestamp()) < self.second

    def stamp(self, score: Score, now: float | None = None) -> tuple[datetime, int]:
        """
        Return the stamp to send for a score, and its second.

        Args:
            now: Unix time at the platform, as far as is known: by then what may come yet may have come. None: that is
                left out of account.
        """
        stamp = score.timestamp
        second = int(stamp.timestamp())
        last = self.second if now is None else max(self.second, int(now))
        if second <= last and (score.is_auto_stamped or self._is_older(score)):
            second = last + 1
            stamp = datetime.fromtimestamp(second, UTC)
        return stamp, second

    def refused(self, second: int) -> Last:
        """
        Return what is known after a score that was sent with this second and is not recorded: that it was refused as
        stale, so that something as new stands there; or that it was moved there, and may be moved again.
        """
        return self if second <= self.second else Last(second, self.order, self.process, self.may_come, self.other)

    def sent(self, score: Score, second: int, *, may_come: bool = False) -> Last:
        """
        Return what is known after a score that the platform may hold: what its process made before is older.

        Args:
            second: With which it was sent, or that of the platform's own clock, where it may have stored that instead.

            may_come: It may store a later one yet.
        """
        second = max(second, self.second)
        if self is not NOTHING and self.is_newer(score):
            return Last(second, self.order, self.process, self.may_come, self.other)
        maker, order = (None, 0) if (made := score.stamp) is None else (made.made_by, made.order)
        other = self.other if self.process in (None, maker) else (self.process, self.order)
        return Last(second, order, maker, may_come, other)


NOTHING = Last(-(2**62))
"""Of a key that nothing was sent of yet: whatever comes is newer."""


@attrs.define(eq=False)
class Turn:
    """
    A place in the line of one key.

    Attributes:
        key: Whose line.

        start: Called with the turn, once, when it becomes the first. Not called for one that is first at once.

        behind: Those who wait behind the first, in order. None: nobody does, or it is not the first.
    """

    key: Key
    start: Callable[[Turn], None]
    behind: list[Turn] | None = None


class Turns:
    """
    The lines of one `Client`.
    """

    def __init__(self) -> None:
        # Who is first.
        self._lines: dict[Key, Turn] = {}
        # By the hash of the key: the texts themselves would keep 100,000 user ids alive. Two generations, the older
        # dropped as a whole: deleting one key at a time from the front of a dict costs more the longer it lives.
        self._last: dict[int, Last] = {}
        self._older: dict[int, Last] = {}

    def join(self, key: Key, start: Callable[[Turn], None]) -> tuple[Turn, bool]:
        """
        Take a place at the end of a key's line; True when it is the first and may send now.
        """
        turn = Turn(key, start)
        first = self._lines.get(key)
        if first is None:
            self._lines[key] = turn
            return turn, True
        if first.behind is None:
            first.behind = []
        first.behind.append(turn)
        return turn, False

    def leave(self, turn: Turn) -> None:
        """
        Give a place up, first or not; when it was the first, the next one starts.
        """
        first, behind = self._lines[turn.key], turn.behind
        if first is not turn:
            assert first.behind is not None  # noqa: S101 - it waits there
            first.behind.remove(turn)
        elif not behind:
            del self._lines[turn.key]
        else:
            following = self._lines[turn.key] = behind.pop(0)
            following.behind = behind
            following.start(following)

    def last(self, key: Key) -> Last:
        """
        Return what a platform may hold of a key whose turn it is.
        """
        place = hash(key)
        return self._last.get(place) or self._older.get(place) or NOTHING

    def note(self, key: Key, last: Last) -> None:
        """
        Remember what a platform may hold now.
        """
        self._last[hash(key)] = last
        if len(self._last) >= _REMEMBERED:
            self._older, self._last = self._last, {}
