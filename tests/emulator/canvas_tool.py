"""
Short ways to what the tests of the canvas profile look at.
"""

from __future__ import annotations

from typing import Any

from aioags.emulator import Answer
from tests.emulator.raw_tool import RawTool, score, stamp

SUBMISSION = "https://canvas.instructure.com/lti/submission"
SUBMISSION_TYPE = "https://canvas.instructure.com/lti/submission_type"
LAUNCH_URL = "https://canvas.instructure.com/lti/launch_url"


def message(answer: Answer) -> str:
    """
    Return what a refusal of Canvas's LTI controllers says, one error or many.
    """
    errors = answer.json()["errors"]
    return str(errors["message"] if isinstance(errors, dict) else errors[0]["message"])


def one_of(**submission: Any) -> dict[str, Any]:
    """
    Write the submission extension of a score.
    """
    return {SUBMISSION: submission}


def post(one: RawTool, seconds: float, given: float | None = 8, maximum: float | None = 10, **more: Any) -> Answer:
    """
    Post a score for the first person, stamped so many seconds after START.
    """
    return one.post(score(one.users[0], given, maximum, timestamp=stamp(seconds)) | more)


def shown(one: RawTool) -> tuple[Any, Any]:
    """
    Return score and maximum of the first result; None: not there.
    """
    (row,) = one.results().json()
    return row.get("resultScore"), row.get("resultMaximum")


def in_gradebook(one: RawTool) -> float | None:
    """
    Return what stands in the gradebook for the first person.
    """
    return one.platform.published(None, one.users[0])
