"""
The score service (AGS 3.4).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from aioags.emulator.refusals import Kind, Refusal
from aioags.emulator.services import openedx_fields
from aioags.emulator.services.call import ServiceCall
from aioags.emulator.services.grading import apply
from aioags.emulator.services.score_checks import Stated, check_user
from aioags.emulator.services.score_dialects import CANVAS_SUBMISSION, RULES
from aioags.emulator.wire.messages import Answer, json_answer


def post_score(call: ServiceCall) -> Answer:
    """
    Answer a POST of a score.
    """
    stated = read_score(call)
    apply(call, stated)
    return SUCCESSES[call.profile.score_success](call, stated)


def read_score(call: ServiceCall) -> Stated:
    """
    Read a score from the request's body.

    Raises:
        Refusal: A rule of the profile is broken, or the person cannot be graded.
    """
    body = call.asked.json()
    if not isinstance(body, dict):
        if call.profile.score_rules == "openedx":
            raise Refusal(Kind.CRASH, "The body is not a JSON object.", "AGS 3.4.1")
        raise Refusal(Kind.BAD_SCORE, "The body is not a JSON object.", "AGS 3.4.1")
    stated = RULES[call.profile.score_rules](call, body)
    if call.profile.unknown_user == "refuse":
        check_user(call, stated.user_id)
    return stated


def _no_content(call: ServiceCall, stated: Stated) -> Answer:
    return Answer(204)


def _empty(call: ServiceCall, stated: Stated) -> Answer:
    return Answer(200, (("Content-Type", _type(call)),))


def _record(call: ServiceCall, stated: Stated) -> Answer:
    return json_answer(201, _openedx_record(stated, call.item.grade(stated.user_id).comment), _type(call))


def _openedx_record(stated: Stated, comment: str | None) -> dict[str, Any]:
    """
    Write a score as it was stored.

    Args:
        comment: The one that stands now.
    """
    return {
        "timestamp": openedx_fields.iso(datetime.fromtimestamp(stated.stamp, UTC)),
        "scoreGiven": stated.given,
        "scoreMaximum": stated.maximum,
        "comment": comment,
        "activityProgress": stated.activity_progress,
        "gradingProgress": stated.grading_progress,
        "userId": stated.user_id,
    }


def _result_url(call: ServiceCall, stated: Stated) -> Answer:
    body: dict[str, Any] = {"resultUrl": call.site.result_url(call.item, stated.user_id)}
    extension = stated.raw.get(CANVAS_SUBMISSION)
    files = extension.get("content_items") if isinstance(extension, dict) else None
    if isinstance(files, list) and files:
        # One progress to poll for each file that the platform is to fetch (Canvas).
        base = f"{call.site.base_url}/api/lti/courses/{call.course.number}/progress"
        shown = [{"type": "file", "progress": f"{base}/{index}"} for index, _ in enumerate(files, 1)]
        body[CANVAS_SUBMISSION] = {"content_items": shown}
    return json_answer(200, body, _type(call))


def _type(call: ServiceCall) -> str:
    return call.profile.response_types["post_score"] + call.profile.response_charset


SUCCESSES: dict[str, Callable[[ServiceCall, Stated], Answer]] = {
    "204": _no_content,
    "200_empty": _empty,
    "201_record": _record,
    "200_result_url": _result_url,
}
