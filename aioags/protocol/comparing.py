"""
What is wanted, against what stands there: what a plan makes of one user. Pure.

The order of the questions. Does the result show what is wanted? Then nothing is sent. Else, is what it shows ours, as
far as is known from what was sent? Then it may be replaced. Is there nothing to replace? Then it is new; unless a score
of ours was recorded and is gone, which somebody wanted. Anything else is somebody's, and stays unless it is said that
it is to be overwritten.

Progress is no part of a result. It is compared with what was last sent, where that is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from aioags.model.change import ChangeKind, PlannedChange, ShownGrade, in_points
from aioags.model.last_sent import LastSent, digest_of
from aioags.model.progress import GradingProgress
from aioags.model.result import Result
from aioags.model.score import Score
from aioags.protocol.canvas import keeps_comments
from aioags.protocol.confirm import has_odd_score, shown_at, shows_capped, shows_comment, shows_points

NO_GRADE = "no grade stands there"
NO_GRADE_SHOWN = "no grade shows; one that a teacher alone gave stays"
NO_RECORD = "replaces a value we have no record of"
NO_RECORD_OF_COMMENT = "replaces a comment we have no record of"
ADDS_COMMENT = "the comment is not there"
CAPPED = "the platform shows no more than its maximum"
AS_SENT = "it was sent; the platform does not show all of it"
OTHER_PROGRESS = "the progress is another than was sent"
CHANGED_SINCE = "changed on the platform since the plan was made"
NOT_WANTED = "no score for this user is wanted"
NOT_A_MEMBER = "not an active member of the course"

_Verdict = tuple[ChangeKind, str]

# A course of any size has few different grades, and a plan keeps one for each user.
_plain_grade = lru_cache(maxsize=4096, typed=True)(ShownGrade)


def compare(
    score: Score, result: Result | None, sent: Sequence[LastSent] | None = None, *, hides: bool = False
) -> PlannedChange:
    """
    Say what is to be done about one user.

    Args:
        score: What is wanted. Without a value: no grade.

        result: What the platform shows. None: nothing.

        sent: What was last sent for this user, in any order; see `RemembersScores.last_sent`. Empty, None: nothing is
            known.

        hides: The platform shows no grade that a teacher alone gave, and is to keep it.
    """
    if result is None and not sent and score.score_given is not None:
        return PlannedChange(score.user_id, ChangeKind.NEW, None, score, NO_GRADE_SHOWN if hides else NO_GRADE)
    shown = result or Result(user_id=score.user_id)
    records = sorted(sent or (), key=lambda record: record.timestamp, reverse=True)
    kind, why = _judge(score, shown, records)
    why = NO_GRADE_SHOWN if hides and kind is ChangeKind.NEW else why
    vain = next((record for record in records if _was_in_vain(score, shown, record)), None)
    if kind is not ChangeKind.OVERRIDDEN or vain is None:
        return PlannedChange(score.user_id, kind, grade_of(result), score, why)
    why = f"the platform keeps it: {_told(vain)}, which changed nothing"
    return PlannedChange(score.user_id, kind, grade_of(result), score, why, kept=True)


def compare_again(change: PlannedChange, result: Result | None) -> PlannedChange:
    """
    Say what is to be done about a user now that the platform shows this.

    Returns:
        The same change, if it shows what it showed before.
    """
    now = grade_of(result)
    if now == change.before or change.after is None:
        return change
    if change.kind is ChangeKind.NOT_IN_COURSE:
        return PlannedChange(change.user_id, change.kind, now, change.after, change.why)
    if _is_as_wanted(change.after, result or Result(user_id=change.user_id)):
        return PlannedChange(change.user_id, ChangeKind.UNCHANGED, now, change.after)
    return PlannedChange(change.user_id, ChangeKind.OVERRIDDEN, now, change.after, CHANGED_SINCE)


def is_ours(result: Result | None, sent: LastSent) -> bool:
    """
    True when a result shows what was sent, as far as the platform shows it at all.
    """
    shown = result or Result(user_id=sent.user_id)
    if not (_has_value(shown) or sent.score_given is None):
        # What is not final may not be shown: Moodle clears, Open edX publishes nothing.
        return sent.grading_progress not in (None, GradingProgress.FULLY_GRADED)
    return _shows(shown, sent) and _comment_is_ours(shown, sent)


def grade_of(result: Result | None) -> ShownGrade | None:
    """
    Return what a plan keeps of a result. None: it shows neither a grade nor a comment that somebody would miss.
    """
    if result is None:
        return None
    if not _has_value(result) and (result.comment is None or keeps_comments(result)):
        return None
    if result.comment is None and result.result_score is not None:
        return _plain_grade(result.result_score, result.result_maximum)
    return ShownGrade(result.result_score, result.result_maximum, result.comment, not has_odd_score(result))


def _judge(score: Score, shown: Result, records: Sequence[LastSent]) -> _Verdict:
    recorded = next((record for record in records if record.recorded), None)
    exact = shows_points(shown, score.score_given, score.score_maximum)
    # The whole maximum may be what we sent before, and not what the platform makes of what is wanted.
    if _is_as_wanted(score, shown) and (exact or recorded is None or _is_same_value(score, recorded)):
        if recorded is not None and not _is_same_progress(score, recorded):
            return ChangeKind.CHANGED, OTHER_PROGRESS
        return ChangeKind.UNCHANGED, "" if exact else CAPPED
    for record in records:
        if is_ours(shown, record):
            if _states_the_same(score, record):
                return ChangeKind.UNCHANGED, AS_SENT
            return (ChangeKind.CHANGED, _told(record)) if _has_value(shown) else (ChangeKind.NEW, NO_GRADE)
    return _judge_other(score, shown, recorded)


def _judge_other(score: Score, shown: Result, recorded: LastSent | None) -> _Verdict:
    """
    Judge what is not known to be ours.

    Args:
        recorded: The newest that the platform took.
    """
    there = _has_value(shown)
    if not there and recorded is not None and recorded.score_given is not None:
        return ChangeKind.OVERRIDDEN, f"it is gone: {_told(recorded)}"
    if there and not _shows(shown, score):
        return ChangeKind.OVERRIDDEN, NO_RECORD if recorded is None else f"somebody changed it: {_told(recorded)}"
    # What is left to replace is a comment.
    if grade_of(shown) is not None and shown.comment is not None and not shows_comment(shown, score.comment):
        return ChangeKind.OVERRIDDEN, NO_RECORD_OF_COMMENT
    return (ChangeKind.CHANGED, ADDS_COMMENT) if there else (ChangeKind.NEW, NO_GRADE)


def _is_as_wanted(score: Score, shown: Result) -> bool:
    return _shows(shown, score) and shows_comment(shown, score.comment)


def _shows(shown: Result, said: Score | LastSent) -> bool:
    given, maximum = said.score_given, said.score_maximum
    return shows_points(shown, given, maximum) or shows_capped(shown, given, maximum)


def _has_value(result: Result) -> bool:
    return result.result_score is not None or has_odd_score(result)


def _comment_is_ours(shown: Result, sent: LastSent) -> bool:
    # Not every platform shows comments. Canvas shows no teacher's, and those of earlier scores.
    if shown.comment is None or keeps_comments(shown):
        return True
    return digest_of(shown.comment) == sent.comment_digest


def _states_the_same(score: Score, sent: LastSent) -> bool:
    same_comment = digest_of(score.comment) == sent.comment_digest
    return same_comment and _is_same_value(score, sent) and _is_same_progress(score, sent)


def _is_same_value(score: Score, sent: LastSent) -> bool:
    stated = Result(user_id=sent.user_id, result_score=sent.score_given, result_maximum=sent.score_maximum or 1)
    return shows_points(stated, score.score_given, score.score_maximum)


def _is_same_progress(score: Score, sent: LastSent) -> bool:
    return sent.activity_progress in (None, score.activity_progress) and sent.grading_progress in (
        None,
        score.grading_progress,
    )


def _was_in_vain(score: Score, shown: Result, sent: LastSent) -> bool:
    """
    True when what is wanted was sent and taken, and what stands there is not younger: so it stayed.
    """
    at = shown_at(shown)
    # A teacher's edit moves the time in Moodle's results, and so does a score that changed nothing.
    return bool(
        sent.recorded and at is not None and int(at.timestamp()) <= int(sent.timestamp.timestamp())
    ) and _states_the_same(score, sent)


def _told(sent: LastSent) -> str:
    when = sent.timestamp.isoformat(sep=" ", timespec="minutes")
    return f"we sent {in_points(sent.score_given, sent.score_maximum)} on {when}"
