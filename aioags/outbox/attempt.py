"""
One line of the journal: what was sent for somebody, and what the platform said to it.
"""

from __future__ import annotations

from datetime import datetime

import attrs

from aioags.model.checks import Number
from aioags.model.last_sent import LastSent
from aioags.model.progress import ActivityProgress, GradingProgress
from aioags.model.value import value


@value
class Attempt:
    """
    One attempt to have a score recorded, as the journal keeps it: written once, never changed.

    Attributes:
        registration_id: Your name for the registration.

        line_item: URL of the line item.

        user_id: Whose score it was.

        at: When it was known what became of it, by the clock of the process that sent it; UTC.

        timestamp: The stamp that went over the wire, UTC.

        score_given: As it was sent. None: no value.

        score_maximum: As it was sent. None: no value.

        activity_progress: As it was sent.

        grading_progress: As it was sent.

        recorded: True: the platform has it. False: surely not. None: nobody knows.

        final: Nothing more is tried for this score: it is recorded, or was given up. False: it will be tried again.

        requests: How often it was sent in this attempt, the client's own repeats included. 0: not at all; what became
            of it was found out otherwise.

        status: HTTP status of the answer that failed. None: it did not fail, or there was no answer.

        reason: Why it is not recorded: class and text of the error. None: it is.

        comment_digest: What `digest_of` makes of the comment. None: there was none.

        comment: The comment. None: there was none, or the journal keeps no comments, which is the default.
    """

    registration_id: str
    line_item: str
    user_id: str = attrs.field(repr=False)
    at: datetime
    timestamp: datetime
    score_given: Number | None = attrs.field(repr=False)
    score_maximum: Number | None = attrs.field(repr=False)
    activity_progress: ActivityProgress
    grading_progress: GradingProgress
    recorded: bool | None
    final: bool
    requests: int = 1
    status: int | None = None
    reason: str | None = None
    comment_digest: str | None = attrs.field(default=None, repr=False)
    comment: str | None = attrs.field(default=None, repr=False)

    @property
    def key(self) -> tuple[str, str, str]:
        """
        Registration, line item, user.
        """
        return (self.registration_id, self.line_item, self.user_id)

    @property
    def identity(self) -> tuple[str, str, str, datetime, datetime]:
        """
        What tells it from every other: its key, when it ended, and its stamp.
        """
        return (*self.key, self.at, self.timestamp)

    def as_last_sent(self) -> LastSent:
        """
        Return what a plan needs to know of it.
        """
        return LastSent(
            self.user_id,
            self.timestamp,
            self.score_given,
            self.score_maximum,
            self.comment_digest,
            self.activity_progress,
            self.grading_progress,
            self.recorded,
        )
