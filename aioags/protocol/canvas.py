"""
What Canvas does otherwise, where the calls of the standard have to know.

Canvas opens an attempt for each score that says ``Submitted`` or ``Completed``, and again for each repeat of one. What
it takes for the same attempt is the time of submission. So a score that says none is sent with its own: when it was
made. It is the same in every try, whoever sends it, and two tries are one attempt, also where the network repeats.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import attrs

from aioags.model.canvas import CANVAS_SUBMISSION, HANDED_IN, CanvasSubmissionType, is_canvas
from aioags.model.result import Result
from aioags.model.score import Score, Submission


def keeps_comments(result: Result) -> bool:
    """
    True when a comment in a result may be that of an earlier score: a score without one leaves it there.
    """
    return is_canvas(result.score_of or result.id)


def keeps_grades(score: Score) -> bool:
    """
    True when a score lets another grade stand.
    """
    said = _said(score)
    return bool(said.get("preserve_score") or said.get("prioritize_non_tool_grade"))


def over_no_grade(score: Score) -> Score:
    """
    Return a score that Canvas takes only where no grade is, whoever gave it; unless it says itself what is to be done.

    A grade that a teacher alone gave shows in no result.
    """
    said = _said(score)
    if "prioritize_non_tool_grade" in said:
        return score
    return attrs.evolve(
        score, extensions={**score.extensions, CANVAS_SUBMISSION: {**said, "prioritize_non_tool_grade": True}}
    )


def dated(score: Score, now: float | None = None) -> Score:
    """
    Return a score that says when the work was handed in, as far as Canvas opens an attempt for it: when it was made.

    Args:
        now: Unix time, which it is no later than. None: not known.
    """
    if not _opens_attempts(score):
        return score
    # Not a stamp of ours, which may be moved ahead, nor the reading of a clock that was ahead: Canvas refuses what lies
    # a minute in its future.
    at = score.stamped_at or score.timestamp
    if now is not None and at.timestamp() > now:
        at = datetime.fromtimestamp(now, UTC)
    begun = None if score.submission is None else score.submission.started_at
    submitted = at if begun is None else max(at, begun)
    return attrs.evolve(score, submission=Submission(started_at=begun, submitted_at=submitted))


def _opens_attempts(score: Score) -> bool:
    if score.activity_progress not in HANDED_IN:
        return False
    said = _said(score)
    dated = (score.submission is not None and score.submission.submitted_at) or said.get("submitted_at")
    # Only what Canvas surely reads as a no: another spelling is dated in vain.
    refused = said.get("new_submission") is False or said.get("submission_type") == CanvasSubmissionType.NONE
    return not dated and not refused


def _said(score: Score) -> Mapping[str, Any]:
    said = score.extensions.get(CANVAS_SUBMISSION)
    return said if isinstance(said, Mapping) else {}
