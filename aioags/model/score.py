"""
A score: what the tool says about one user's work on one line item (AGS 3.4).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

import attrs

from aioags.model import checks
from aioags.model.canvas import CANVAS_SUBMISSION, CanvasSubmission
from aioags.model.checks import Number
from aioags.model.mistakes import tells_unknown
from aioags.model.progress import ActivityProgress, GradingProgress
from aioags.model.stamp import Stamp, next_stamp

SCORE_FIELDS = frozenset(
    {
        "userId", "activityProgress", "gradingProgress", "timestamp", "scoreGiven", "scoreMaximum",
        "comment", "scoringUserId", "submission",
    }
)  # fmt: skip
"""Wire names of a score; no extension may use one."""


def _activity_progress(value: ActivityProgress | str) -> ActivityProgress:
    if type(value) is ActivityProgress:
        return value
    try:
        return ActivityProgress(value)
    except ValueError:
        allowed = ", ".join(ActivityProgress)
        raise ValueError(f"activity_progress must be one of {allowed}; got {value!r} (AGS 3.4.7)") from None


def _grading_progress(value: GradingProgress | str) -> GradingProgress:
    if type(value) is GradingProgress:
        return value
    try:
        return GradingProgress(value)
    except ValueError:
        allowed = ", ".join(GradingProgress)
        raise ValueError(f"grading_progress must be one of {allowed}; got {value!r} (AGS 3.4.8)") from None


# Whole points below this need no further check. An int can be beyond every float.
_USUAL = 2**53


def _with_canvas(
    canvas: CanvasSubmission,
    extensions: Mapping[str, Any] | None,
    activity_progress: ActivityProgress | str,
    submission: Submission | None,
) -> Mapping[str, Any]:
    if not isinstance(canvas, CanvasSubmission):
        raise TypeError(f"canvas must be a CanvasSubmission or None, got {type(canvas).__name__}")
    submitted = submission.submitted_at if isinstance(submission, Submission) else None
    return canvas.beside(extensions, activity_progress=activity_progress, submitted_at=submitted)


_set = object.__setattr__
# Until __attrs_post_init__, which has two fields to fill.
_TO_BE_STAMPED = datetime.max.replace(tzinfo=UTC)


def _timestamp(value: datetime | None) -> datetime:
    return _TO_BE_STAMPED if value is None else value


@attrs.frozen(kw_only=True)
class Submission:
    """
    When the user worked on it (AGS 3.4.10).

    Attributes:
        started_at: When the work began. Aware. None: not said, the platform keeps what it has.

        submitted_at: When it was handed in; not before `started_at`. Aware. None: not said.
    """

    started_at: datetime | None = None
    submitted_at: datetime | None = None

    def __attrs_post_init__(self) -> None:
        started = checks.optional_instant("started_at", self.started_at)
        submitted = checks.optional_instant("submitted_at", self.submitted_at)
        if started and submitted and submitted < started:
            raise ValueError(f"submitted_at must not be before started_at, got {submitted} < {started} (AGS 3.4.10.2)")


if TYPE_CHECKING:
    _Draft = object
else:

    class _Draft:
        """
        A score that is being filled: its fields, and not frozen yet.

        To freeze an instance costs a third of making it, and a tool makes one for each grade. So what needs no check
        is put into a draft, which then becomes a score by its class alone.
        """

        __slots__ = (
            "__weakref__",
            "_stamp",
            "activity_progress",
            "comment",
            "extensions",
            "grading_progress",
            "score_given",
            "score_maximum",
            "scoring_user_id",
            "submission",
            "timestamp",
            "user_id",
        )


def _filled(
    user_id: str,
    activity_progress: ActivityProgress,
    grading_progress: GradingProgress,
    score_given: Number,
    score_maximum: Number,
) -> Any:
    made = next_stamp()
    score: Any = _Draft()
    score.user_id = user_id
    score.activity_progress = activity_progress
    score.grading_progress = grading_progress
    score.score_given = score_given
    score.score_maximum = score_maximum
    score.timestamp = made.instant
    score.comment = score.scoring_user_id = score.submission = None
    score.extensions = {}
    score._stamp = made
    score.__class__ = Score
    return score


@attrs.frozen
class Score(_Draft):
    """
    One statement about one user. Say what you mean with `graded`, `progress` or `cleared`.

    A platform overwrites: a score without `score_given` clears the grade, one without `comment` clears the comment.

    Attributes:
        user_id: LTI user id, the launch's ``sub``. Not blank.

        activity_progress: How far the user is. A wire value such as ``"Completed"`` will do.

        grading_progress: How far the grading is. Anything but ``FullyGraded`` may be ignored, or may clear the grade.

        score_given: Points, finite, at least 0; more than `score_maximum` is extra credit. None: no score now.

        score_maximum: What `score_given` is out of, above 0; the platform rescales it to the line item's own maximum.
            Given exactly when `score_given` is.

        timestamp: When this became so; aware. None: stamped now, in UTC, later than every score before it in this
            process. The platform keeps the latest (AGS 3.4.9).

        comment: Plain text for learner and instructor. None clears an earlier one. Canvas appends instead of replacing.

        scoring_user_id: Who graded it. None: a machine.

        submission: When it was worked on. At Canvas, where each time of submission is an attempt, a score that says
            ``Submitted`` or ``Completed`` and no time is sent with the one at which it was made.

        extensions: Fields beyond the standard, by fully qualified URL (AGS 3.1.2). JSON values.

    Raises:
        ValueError, TypeError: A field is not as said here; the message names it.
    """

    user_id: str
    activity_progress: ActivityProgress = attrs.field(converter=_activity_progress)
    grading_progress: GradingProgress = attrs.field(converter=_grading_progress)
    score_given: Number | None = attrs.field(default=None, kw_only=True)
    score_maximum: Number | None = attrs.field(default=None, kw_only=True)
    timestamp: datetime = attrs.field(default=None, converter=_timestamp, kw_only=True)
    comment: str | None = attrs.field(default=None, kw_only=True, repr=False)
    scoring_user_id: str | None = attrs.field(default=None, kw_only=True, repr=False)
    submission: Submission | None = attrs.field(default=None, kw_only=True)
    extensions: Mapping[str, Any] = attrs.field(factory=dict, kw_only=True, repr=False, hash=False)
    # An argument for `attrs.evolve`, which hands it on with the timestamp that it belongs to, or with another.
    _stamp: Stamp | None = attrs.field(default=None, kw_only=True, repr=False, eq=False, alias="_stamp")

    def __attrs_post_init__(self) -> None:
        # Here and below the usual kinds are recognised first: a check is a call, and most scores need none.
        user_id = self.user_id
        if type(user_id) is not str or not user_id.isascii() or not user_id.strip():
            checks.text("user_id", user_id)
        given, maximum = self.score_given, self.score_maximum
        if type(given) is not int or type(maximum) is not int or not (0 <= given < _USUAL and 0 < maximum < _USUAL):
            self._check_points()
        # Here, not a call further: most scores are stamped by us.
        if self.timestamp is _TO_BE_STAMPED:
            made = next_stamp()
            _set(self, "timestamp", made.instant)
            _set(self, "_stamp", made)
        else:
            self._check_timestamp()
        if self.comment is not None:
            checks.optional_text("comment", self.comment)
        if self.scoring_user_id is not None:
            checks.text("scoring_user_id", self.scoring_user_id)
        if self.submission is not None and not isinstance(self.submission, Submission):
            raise TypeError(f"submission must be a Submission or None, got {type(self.submission).__name__}")
        if type(self.extensions) is dict and not self.extensions:
            return
        if self.extensions:
            checked = checks.extensions("extensions", self.extensions, core=SCORE_FIELDS, urls_only=True)
            _set(self, "extensions", checked)
        elif not isinstance(self.extensions, Mapping):
            raise TypeError(f"extensions must be a mapping, got {type(self.extensions).__name__}")

    def _check_timestamp(self) -> None:
        checks.instant("timestamp", self.timestamp)
        stamp = self._stamp
        # asdict makes a dict of it, evolve may bring it with another timestamp: neither is ours any more.
        if stamp is not None and not (isinstance(stamp, Stamp) and stamp.instant == self.timestamp):
            _set(self, "_stamp", None)

    def _check_points(self) -> None:
        if self.score_given is None:
            if self.score_maximum is not None:
                raise ValueError(
                    "score_maximum without score_given would clear the grade: give both, or use Score.cleared"
                )
            return
        if checks.number("score_given", self.score_given) < 0:
            raise ValueError(f"score_given must be at least 0, got {self.score_given!r} (AGS 3.4.4)")
        if self.score_maximum is None:
            raise ValueError(f"score_maximum must accompany score_given={self.score_given!r} (AGS 3.4.4)")
        checks.positive("score_maximum", self.score_maximum, spec="AGS 3.4.4")

    @property
    def is_auto_stamped(self) -> bool:
        """
        True when the package chose `timestamp`, and may move it; a caller's own is never moved, nor is what an outbox
        has settled.
        """
        return self._stamp is not None and not self._stamp.settled

    @property
    def stamp(self) -> Stamp | None:
        """
        What the package stamped it with; None: the timestamp is the caller's.
        """
        return self._stamp

    @property
    def stamped_by(self) -> str | None:
        """
        Name of the process whose package chose `timestamp`; None: the caller did.
        """
        return None if self._stamp is None else self._stamp.made_by

    @property
    def stamped_at(self) -> datetime | None:
        """
        What the clock showed when the package chose `timestamp`, in UTC; None: the caller did.

        Earlier than `timestamp` when that had to rise: in a burst, or after the clock stepped back.
        """
        return None if self._stamp is None else self._stamp.made_at

    @property
    def appends(self) -> bool:
        """
        True when some platform would add to what it holds each time it takes this score, so that a blind repeat shows.
        """
        # Canvas appends each comment, and opens an attempt for each new_submission (scores_controller.rb).
        if not self.extensions:
            return bool(self.comment)
        canvas = self.extensions.get(CANVAS_SUBMISSION)
        return bool(self.comment) or (isinstance(canvas, Mapping) and canvas.get("new_submission") is True)

    @classmethod
    @tells_unknown("Score.graded")
    def graded(
        cls,
        user_id: str,
        score_given: Number,
        *,
        score_maximum: Number,
        activity_progress: ActivityProgress | str = ActivityProgress.COMPLETED,
        grading_progress: GradingProgress | str = GradingProgress.FULLY_GRADED,
        timestamp: datetime | None = None,
        comment: str | None = None,
        scoring_user_id: str | None = None,
        submission: Submission | None = None,
        canvas: CanvasSubmission | None = None,
        extensions: Mapping[str, Any] | None = None,
    ) -> Self:
        """
        Return a grade: final unless `grading_progress` says otherwise.

        Args:
            canvas: The work that it is for, for Canvas; it becomes one of the extensions.

        Raises:
            TypeError: `score_given` is None: `cleared` takes a grade back, `progress` reports without one.

            ValueError: `canvas` and the score or the extensions say the same thing twice.
        """
        if score_given is None:
            raise TypeError("score_given must be a number, got None: use Score.cleared or Score.progress")
        if (
            timestamp is None
            and comment is None
            and scoring_user_id is None
            and submission is None
            and canvas is None
            and not extensions
            and (type(score_given) is int or type(score_given) is float)
            and (type(score_maximum) is int or type(score_maximum) is float)
            and 0 <= score_given < _USUAL
            and 0 < score_maximum < _USUAL
            and type(activity_progress) is ActivityProgress
            and type(grading_progress) is GradingProgress
            and type(user_id) is str
            and user_id.isascii()
            and user_id.strip()
            and cls is Score
        ):
            filled: Self = _filled(user_id, activity_progress, grading_progress, score_given, score_maximum)
            return filled
        score = cls.__new__(cls)
        # Not cls(…): what tells mistakes would cost each score a call.
        getattr(cls.__init__, "__wrapped__", cls.__init__)(
            score,
            user_id,
            activity_progress,
            grading_progress,
            score_given=score_given,
            score_maximum=score_maximum,
            timestamp=timestamp,
            comment=comment,
            scoring_user_id=scoring_user_id,
            submission=submission,
            extensions=(extensions or {})
            if canvas is None
            else _with_canvas(canvas, extensions, activity_progress, submission),
        )
        return score

    @classmethod
    @tells_unknown("Score.progress")
    def progress(
        cls,
        user_id: str,
        activity_progress: ActivityProgress | str,
        *,
        grading_progress: GradingProgress | str = GradingProgress.NOT_READY,
        timestamp: datetime | None = None,
        comment: str | None = None,
        scoring_user_id: str | None = None,
        submission: Submission | None = None,
        canvas: CanvasSubmission | None = None,
        extensions: Mapping[str, Any] | None = None,
    ) -> Self:
        """
        Return a report of progress, without a score value.

        Most platforms clear an earlier grade when they get one (AGS 3.4.4): report progress before grading, not after.

        Args:
            canvas: As in `graded`. With ``preserve_score=True`` an earlier grade stays in Canvas.
        """
        score = cls.__new__(cls)
        # Not cls(…): what tells mistakes would cost each score a call.
        getattr(cls.__init__, "__wrapped__", cls.__init__)(
            score,
            user_id,
            activity_progress,
            grading_progress,
            timestamp=timestamp,
            comment=comment,
            scoring_user_id=scoring_user_id,
            submission=submission,
            extensions=(extensions or {})
            if canvas is None
            else _with_canvas(canvas, extensions, activity_progress, submission),
        )
        return score

    @classmethod
    @tells_unknown("Score.cleared")
    def cleared(
        cls, user_id: str, *, timestamp: datetime | None = None, extensions: Mapping[str, Any] | None = None
    ) -> Self:
        """
        Return the statement that takes grade, comment and submission times back (AGS 4.5).

        Open edX keeps a grade that it has published.
        """
        return cls.progress(user_id, ActivityProgress.INITIALIZED, timestamp=timestamp, extensions=extensions)


if not TYPE_CHECKING:
    # The constructor is attrs' own.
    Score.__init__ = tells_unknown("Score")(Score.__init__)
