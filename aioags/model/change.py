"""
One line of a plan: what the gradebook shows of one user, what is wanted, and what follows.
"""

from __future__ import annotations

from enum import StrEnum

import attrs

from aioags.model.checks import Number
from aioags.model.score import Score
from aioags.model.value import value


class ChangeKind(StrEnum):
    """
    What a plan does about one user.
    """

    NEW = "new"
    """No grade stands there: it is posted."""

    CHANGED = "changed"
    """What stands there is ours, and another is wanted: it is posted."""

    UNCHANGED = "unchanged"
    """What is wanted stands there: nothing is sent."""

    OVERRIDDEN = "overridden"
    """Something stands there that we are not known to have sent: posted only when told to overwrite."""

    ONLY_ON_PLATFORM = "only_on_platform"
    """A grade of somebody for whom none is wanted: nothing is sent."""

    NOT_IN_COURSE = "not_in_course"
    """A score for somebody who is not among the members: nothing is sent."""


@value
class ShownGrade:
    """
    What the gradebook shows of one user, without what a plan has no need for.

    Attributes:
        result_score: Points out of `result_maximum`. Zero is a grade. None: no grade, or none that is a number.

        result_maximum: What the score is out of: the platform's scale, which may not be that of the score.

        comment: Plain text. None: there is none.

        is_number: False: a grade is there that cannot be read as a number, such as ``"A+"``.
    """

    result_score: Number | None
    result_maximum: Number
    comment: str | None = attrs.field(default=None, repr=False)
    is_number: bool = True

    @property
    def has_value(self) -> bool:
        """
        True when a grade is there, and not a comment alone.
        """
        return self.result_score is not None or not self.is_number

    def __str__(self) -> str:
        if not self.is_number:
            return "a grade that is no number"
        return in_points(self.result_score, self.result_maximum)


# No weak references: a plan holds one for each user, and bytes count.
@attrs.frozen(weakref_slot=False)
class PlannedChange:
    """
    What stands there for one user, what is wanted, and what a plan makes of the two.

    ``str(change)`` is one line, without the comments.

    Attributes:
        user_id: LTI user id.

        kind: In which of the plan's lists it is.

        before: What the gradebook shows. None: neither a grade nor a comment.

        after: What is wanted. None: nothing, the user is on the platform only.

        why: One sentence about the two, for people. Empty: there is nothing to say.

        kept: True: the platform keeps what is there whatever is sent, as it showed after our last score. It is not sent
            again, not even to overwrite.
    """

    user_id: str = attrs.field(repr=False)
    kind: ChangeKind
    before: ShownGrade | None = attrs.field(repr=False)
    after: Score | None = attrs.field(repr=False)
    why: str = attrs.field(default="", repr=False)
    kept: bool = False

    def __str__(self) -> str:
        before = "nothing" if self.before is None else str(self.before)
        after = "" if self.after is None else f" → {in_points(self.after.score_given, self.after.score_maximum)}"
        return f"{self.user_id}: {before}{after}{f' ({self.why})' if self.why else ''}"


def in_points(points: Number | None, maximum: Number | None) -> str:
    """
    Say points and what they are out of, in words.
    """
    return "no grade" if points is None else f"{points} of {maximum}"
