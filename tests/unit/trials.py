"""
Trials made by hand, for table tests without an event loop.
"""

from __future__ import annotations

import copy
from typing import Any

from aioags import AGSError, LostAnswerError, RetryPolicy, UnreachableError
from aioags.protocol.acknowledgment import acknowledgment
from aioags.protocol.dialect import Operation, Repeat
from aioags.protocol.grants import token_refusal
from aioags.protocol.messages import Request, Response
from aioags.protocol.refusals import score_refusal
from aioags.protocol.trial import Again, Trial
from aioags.protocol.trust import Trust
from aioags.wire.scalars import load_json
from tests.fakes import ITEM, TOKEN_URL, WALL, answer

POLICY = RetryPolicy(attempts=3, first_wait=1.0, longest_wait=8.0, total_time=60.0)
TRUST = Trust.at("https://lms.example")
SCORE = "https://purl.imsglobal.org/spec/lti-ags/scope/score"


def operation(name: str, method: str, repeat: Repeat = Repeat.FREELY, **changes: Any) -> Operation[Any]:
    """
    Return an operation made by hand; a GET reads JSON, anything else wants a yes.
    """
    fields: dict[str, Any] = {"scopes": (SCORE,), "trust": TRUST, "repeat": repeat} | changes

    def read(response: Response) -> Any:
        return load_json(response.body) if method == "GET" else acknowledgment(response)

    return Operation(name, Request(method, fields.pop("url", ITEM)), read=read, **fields)


KINDS = {
    "get": operation("get_line_item", "GET"),
    "update": operation("update_line_item", "PUT"),
    "delete": operation("delete_line_item", "DELETE"),
    "score": operation("post_score", "POST", Repeat.STAMPED, refusal=score_refusal),
    "comment": operation("post_score", "POST", Repeat.NEVER, refusal=score_refusal),
    "create": operation("create_line_item", "POST", Repeat.LOOK_FIRST),
    "token": operation("token", "POST", scopes=(), url=TOKEN_URL, refusal=token_refusal),
}
READS = {"get", "token"}
WRITES = set(KINDS) - READS
REPEATABLE_WRITES = {"update", "delete", "score"}
FREE = {"get", "update", "delete", "score", "token"}


def unreachable() -> AGSError:
    """
    Return the error of a request that never left.
    """
    return UnreachableError("no connection", transient=True)


def lost() -> AGSError:
    """
    Return the error of a request that left and was not answered.
    """
    return LostAnswerError("no whole answer", recorded=None, transient=True)


def trial(kind: str, policy: RetryPolicy = POLICY, **state: Any) -> Trial[Any]:
    """
    Return a trial that began at second 0.
    """
    return Trial(KINDS[kind], policy, **({"began": 0.0} | state))


def judged(one: Trial[Any], said: Response | AGSError, now: float = 1.0, jitter: float = 0.5, **more: Any) -> Any:
    """
    Judge an answer of which nothing else may be kept.
    """
    return one.judge(copy.copy(said), now=now, wall=WALL, jitter=jitter, **more)


def after_loss(kind: str) -> Trial[Any]:
    """
    Return a trial whose first try may have been applied.
    """
    one = trial(kind)
    assert isinstance(judged(one, lost(), now=0.0), Again)
    return one


HTML = answer(200, "<html>proxy</html>")
"""
A success that nobody can read.
"""
