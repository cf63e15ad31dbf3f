"""
The score service (AGS 3.4).
"""

from __future__ import annotations

from collections.abc import Callable

from aioags.emulator.grading import apply
from aioags.emulator.messages import Answer, json_answer
from aioags.emulator.score_checks import Stated, read_score
from aioags.emulator.site import Call


def post_score(call: Call) -> Answer:
    """
    Answer a POST of a score.
    """
    stated = read_score(call)
    apply(call, stated)
    return SUCCESSES[call.profile.score_success](call, stated)


def _no_content(call: Call, stated: Stated) -> Answer:
    return Answer(204)


def _empty(call: Call, stated: Stated) -> Answer:
    return Answer(200, (("Content-Type", _type(call)),))


def _echo(call: Call, stated: Stated) -> Answer:
    return json_answer(201, stated.raw, _type(call))


def _result_url(call: Call, stated: Stated) -> Answer:
    return json_answer(200, {"resultUrl": call.site.result_url(call.item, stated.user_id)}, _type(call))


def _type(call: Call) -> str:
    return call.profile.response_types["post_score"] + call.profile.response_charset


SUCCESSES: dict[str, Callable[[Call, Stated], Answer]] = {
    "204": _no_content,
    "200_empty": _empty,
    "201_echo": _echo,
    "200_result_url": _result_url,
}
