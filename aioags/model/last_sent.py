"""
What was last sent for somebody, as a plan needs to know it; and who remembers it.
"""

from __future__ import annotations

from collections.abc import AsyncIterable
from datetime import datetime
from hashlib import sha256
from typing import Protocol, Self

import attrs

from aioags.model.checks import Number
from aioags.model.progress import ActivityProgress, GradingProgress
from aioags.model.score import Score
from aioags.model.value import value


@value
class LastSent:
    """
    What was last sent for one user to one line item.

    Attributes:
        user_id: LTI user id.

        timestamp: The stamp that went over the wire; aware.

        score_given: As it was sent. None: no value.

        score_maximum: As it was sent. None: no value.

        comment_digest: What `digest_of` makes of the comment. None: there was none.

        activity_progress: As it was sent. None: not known.

        grading_progress: As it was sent. None: not known.

        recorded: True: the platform took it. None: nobody knows. What it refused was not sent.
    """

    user_id: str = attrs.field(repr=False)
    timestamp: datetime
    score_given: Number | None = attrs.field(default=None, repr=False)
    score_maximum: Number | None = attrs.field(default=None, repr=False)
    comment_digest: str | None = attrs.field(default=None, repr=False)
    activity_progress: ActivityProgress | None = None
    grading_progress: GradingProgress | None = None
    recorded: bool | None = True

    @classmethod
    def of(cls, score: Score) -> Self:
        """
        Return what is to be remembered of a score that the platform took.
        """
        return cls(
            score.user_id,
            score.timestamp,
            score.score_given,
            score.score_maximum,
            digest_of(score.comment),
            score.activity_progress,
            score.grading_progress,
        )


class RemembersScores(Protocol):
    """
    Something that knows what was last sent: what `Gradebook.plan` takes as ``last_sent=``.
    """

    def last_sent(self, line_item: str) -> AsyncIterable[LastSent]:
        """
        Say what was last sent to one line item, in any order.

        Of each user: the newest that was recorded, and every newer one of which nobody knows; none that was refused.

        Args:
            line_item: Its URL, as the platform spells it.
        """
        ...


def digest_of(comment: str | None) -> str | None:
    """
    Return what is kept of a comment: 32 hexadecimal digits, the same for the same text. None: there is no comment.

    It tells whether a comment is the one that was sent. It hides no short comment from somebody who guesses.
    """
    return None if not comment else sha256(comment.encode()).hexdigest()[:32]
