"""
The score service (AGS 3.4).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from aioags.emulator.profiles.canvas import CANVAS_SUBMISSION
from aioags.emulator.refusals import Kind, Refusal
from aioags.emulator.services import openedx_fields
from aioags.emulator.services.attempts import Work
from aioags.emulator.services.call import ServiceCall
from aioags.emulator.services.canvas_scores import read_canvas
from aioags.emulator.services.grading import apply
from aioags.emulator.services.score_checks import Stated, check_user, read_plain, read_spec
from aioags.emulator.services.score_dialects import read_moodle, read_openedx, read_sakai
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
    # One progress to poll for each file that the platform is to fetch (Canvas).
    base = f"{call.site.base_url}/api/lti/courses/{call.course.number}/progress"
    files = [
        {name: file[name] for name in ("type", "url", "title") if name in file} | {"progress": f"{base}/{number}"}
        for number, file in enumerate(Work.of(stated.raw).files, 1)
    ]
    url = call.site.result_url(call.item, call.item.grade(stated.user_id))
    return json_answer(200, {CANVAS_SUBMISSION: {"content_items": files}, "resultUrl": url}, _type(call))


def _type(call: ServiceCall) -> str:
    return call.profile.response_types["post_score"] + call.profile.response_charset


SUCCESSES: dict[str, Callable[[ServiceCall, Stated], Answer]] = {
    "204": _no_content,
    "200_empty": _empty,
    "201_record": _record,
    "200_result_url": _result_url,
}

RULES: dict[str, Callable[[ServiceCall, dict[str, Any]], Stated]] = {
    "spec": read_spec,
    "plain": read_plain,
    "moodle": read_moodle,
    "canvas": read_canvas,
    "openedx": read_openedx,
    "sakai": read_sakai,
}
