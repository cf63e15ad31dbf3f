"""
What a score says of the work behind it, on platforms that count attempts: Canvas's submission extension.
"""

from __future__ import annotations

from typing import Any

import attrs

from aioags.emulator.profiles.canvas import CANVAS_SUBMISSION
from aioags.emulator.refusals import Kind, Refusal
from aioags.emulator.site.state import Grade, Item, SubmissionAttempt

HANDED_IN = ("Submitted", "Completed")
USUAL_TYPE = "external_tool"
UPLOAD = "online_upload"
TYPES = ("none", "basic_lti_launch", "online_text_entry", "online_url", USUAL_TYPE, UPLOAD)
# What Rails takes for false; anything else that is there is true.
FALSE = (False, 0, "0", "f", "F", "false", "FALSE", "off", "OFF")


@attrs.frozen
class Work:
    """
    The submission extension of a score, read as leniently as Canvas does.

    Attributes:
        kind: One of `TYPES`.

        files: The content items that are files.

        is_new: False: the tool says that this is no new attempt.

        keeps_score: The gradebook stays as it is.

        keeps_any_score: The gradebook stays as it is if it has a score, whoever gave it.

    Source:
        Canvas, ``app/controllers/lti/ims/scores_controller.rb``.
    """

    kind: str = USUAL_TYPE
    data: str | None = None
    files: tuple[dict[str, Any], ...] = ()
    is_new: bool = True
    keeps_score: bool = False
    keeps_any_score: bool = False

    @classmethod
    def of(cls, body: dict[str, Any]) -> Work:
        """
        Read a score's extension; what makes no sense is as if it were not there.
        """
        found = body.get(CANVAS_SUBMISSION)
        said: dict[str, Any] = found if isinstance(found, dict) else {}
        items = said.get("content_items")
        listed = items if isinstance(items, list) else []
        files = tuple(one for one in listed if isinstance(one, dict) and one.get("type") == "file")
        kind = UPLOAD if files else said.get("submission_type")
        return cls(
            kind if kind in TYPES else USUAL_TYPE,
            said.get("submission_data"),
            files,
            is_set(said.get("new_submission"), otherwise=True),
            is_set(said.get("preserve_score"), otherwise=False),
            is_set(said.get("prioritize_non_tool_grade"), otherwise=False),
        )


def is_set(value: object, *, otherwise: bool) -> bool:
    """
    Read a flag as Rails does.

    Args:
        otherwise: What null and the empty text stand for.
    """
    if value is None or value == "":
        return otherwise
    return not any(value == one for one in FALSE)


def new_attempt(
    item: Item, grade: Grade, body: dict[str, Any], *, handed_in: bool, submitted_at: float | None
) -> SubmissionAttempt | None:
    """
    Return the attempt that a score opens; None: it opens none.

    Args:
        handed_in: The score says that there is work to look at.

        submitted_at: Seconds since 1970; None: not sent. The last attempt's own opens no other one.

    Raises:
        Refusal: There may be no more: whatever the score says about the work.
    """
    work = Work.of(body)
    if not work.is_new or work.kind == "none":
        return None
    if submitted_at is not None and grade.attempts and grade.attempts[-1].submitted_at == submitted_at:
        return None
    if item.allowed_attempts is not None and len(grade.attempts) >= item.allowed_attempts:
        raise Refusal(Kind.NO_ATTEMPTS_LEFT, "All attempts are used up.", field="submission")
    return SubmissionAttempt(submitted_at, work.kind, work.data) if handed_in else None
