"""
The calls of the REST API, each answered by what AGS says.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from typing import Any, Literal

import attrs

from aioags.emulator.ltiaas.launches import GatewayLaunch, idtoken, raw_claims
from aioags.emulator.ltiaas.lms import LMS, service
from aioags.emulator.ltiaas.refusals import NOT_FOR_CONTEXT, invalid, unavailable
from aioags.emulator.profiles.profile import CONTAINER_TYPE, LINE_ITEM_TYPE, MEMBERSHIPS_TYPE, RESULTS_TYPE, SCORE_TYPE
from aioags.emulator.services.score_checks import ACTIVITY, GRADING
from aioags.emulator.wire.instants import iso
from aioags.emulator.wire.messages import Answer, Asked, json_answer
from aioags.emulator.wire.names import DEEP_LINKING_CLAIM, DEEP_LINKING_RESPONSE, DL, LTI, NRPS_CLAIM, VERSION

# "own": the time of sending. "tool": as the tool says.
Stamps = Literal["own", "tool"]


@attrs.frozen
class GatewayCall:
    """
    One authorized request.

    Attributes:
        lms: The way to the platform.

        stamps: As `Gateway.stamps`.

        item: The line item's id, decoded once; empty where the path has none.
    """

    lms: LMS
    stamps: Stamps
    asked: Asked
    launch: GatewayLaunch
    item: str

    def now(self) -> float:
        """
        Return the gateway's time, seconds since 1970.
        """
        return self.lms.platform.site.clock()

    def offered(self) -> dict[str, Any]:
        """
        Return the AGS claim of the launch.

        Raises:
            GatewayRefusal: It has none.
        """
        claim = self.lms.claim(self.launch.course, self.launch.link)
        if not self.launch.offers_services or not claim["scope"]:
            raise unavailable(NOT_FOR_CONTEXT, "Assignment and Grades is not available in this context.")
        return claim

    def item_url(self) -> str:
        """
        Return the line item's URL.

        Raises:
            GatewayRefusal: The path's segment was none, or encoded otherwise than once.
        """
        self.offered()
        return _lms_url(self, "lineItemID", self.item)


def list_line_items(call: GatewayCall) -> Answer:
    """
    Answer ``GET /api/lineitems``.
    """
    names = {"resource_link_id": "resourceLinkId", "resource_id": "resourceId", "tag": "tag", "limit": "limit"}
    return _page(call, "lineItems", call.offered()["lineitems"], CONTAINER_TYPE, names)


def get_line_item(call: GatewayCall) -> Answer:
    """
    Answer ``GET /api/lineitems/{id}``.
    """
    return json_answer(200, call.lms.ask("GET", call.item_url(), LINE_ITEM_TYPE).json())


def create_line_item(call: GatewayCall) -> Answer:
    """
    Answer ``POST /api/lineitems``.
    """
    body = json.dumps(_line_item(call)).encode()
    return json_answer(201, call.lms.ask("POST", call.offered()["lineitems"], LINE_ITEM_TYPE, body).json())


def update_line_item(call: GatewayCall) -> Answer:
    """
    Answer ``PUT /api/lineitems/{id}``: 201, as the reference has it.
    """
    fields = _line_item(call)
    answer = call.lms.ask("PUT", call.item_url(), LINE_ITEM_TYPE, json.dumps(fields).encode())
    return json_answer(201, json.loads(answer.body) if answer.body.strip() else {**fields, "id": call.item})


def delete_line_item(call: GatewayCall) -> Answer:
    """
    Answer ``DELETE /api/lineitems/{id}``.
    """
    call.lms.ask("DELETE", call.item_url(), LINE_ITEM_TYPE)
    return Answer(204)


def post_score(call: GatewayCall) -> Answer:
    """
    Answer ``POST /api/lineitems/{id}/scores``: 204, whatever the LMS said besides yes.
    """
    score = _body(call)
    problems = list(_score_problems(score))
    if problems:
        raise invalid(*problems)
    if call.stamps == "own" or "timestamp" not in score:
        score["timestamp"] = iso(call.now())
    # On one line: a score with line breaks that Moodle rejects comes back as 200.
    call.lms.ask("POST", service(call.item_url(), "scores"), SCORE_TYPE, json.dumps(score).encode())
    return Answer(204)


def get_scores(call: GatewayCall) -> Answer:
    """
    Answer ``GET /api/lineitems/{id}/scores``: the results.
    """
    url = service(call.item_url(), "results")
    return _page(call, "scores", url, RESULTS_TYPE, {"user_id": "userId", "limit": "limit"})


def get_idtoken(call: GatewayCall) -> Answer:
    """
    Answer ``GET /api/idtoken``.
    """
    # Python tools write True (reported).
    build = raw_claims if (call.asked.parameter("raw") or "").lower() == "true" else idtoken
    return json_answer(200, build(call.lms.platform, call.launch))


def get_memberships(call: GatewayCall) -> Answer:
    """
    Answer ``GET /api/memberships``: what the LMS's membership service says, with keys in camel case.
    """
    service_claim = raw_claims(call.lms.platform, call.launch).get(NRPS_CLAIM)
    if service_claim is None:
        raise unavailable(NOT_FOR_CONTEXT, "Names and Roles is not available in this context.")
    names = {"role": "role", "rlid": "resourceLinkId", "limit": "limit"}
    told, neighbours = _ask(call, service_claim["context_memberships_url"], MEMBERSHIPS_TYPE, names)
    members = [{_camel(name): value for name, value in member.items()} for member in told["members"]]
    return json_answer(200, {**told, "members": members, **neighbours})


def deep_linking_form(call: GatewayCall) -> Answer:
    """
    Answer ``POST /api/deeplinking/form``.
    """
    message, target = _deep_linking(call)
    html = (
        f'<form id="ltiaas_dl" style="display: none;" action="{target}" method="POST">'
        f'<input type="hidden" name="JWT" value="{message}" /></form>'
        '<script>document.getElementById("ltiaas_dl").submit()</script>'
    )
    return json_answer(200, {"form": html})


def deep_linking_message(call: GatewayCall) -> Answer:
    """
    Answer ``POST /api/deeplinking``.
    """
    message, target = _deep_linking(call)
    return json_answer(200, {"message": message, "target": target})


def _page(call: GatewayCall, field: str, url: str, accept: str, names: dict[str, str]) -> Answer:
    records, neighbours = _ask(call, url, accept, names)
    return json_answer(200, {field: records, **neighbours})


def _ask(call: GatewayCall, url: str, accept: str, names: dict[str, str]) -> tuple[Any, dict[str, str]]:
    """
    Get one page from the LMS; ``url`` makes every other parameter ignored.

    Args:
        names: Our parameter by the LMS's.
    """
    given = call.asked.parameter("url")
    if given is not None:
        return call.lms.list(_lms_url(call, "url", given), accept, {})
    return call.lms.list(url, accept, {theirs: call.asked.parameter(ours) for theirs, ours in names.items()})


def _lms_url(call: GatewayCall, name: str, value: str) -> str:
    # A guess, and what a careful gateway does: the LMS's token goes nowhere else.
    if not value.startswith(call.lms.platform.base_url + "/"):
        raise invalid(f"{name} must be a URL of the platform, encoded once")
    return value


def _body(call: GatewayCall) -> dict[str, Any]:
    try:
        body = json.loads(call.asked.body)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict) or call.asked.content_type != "application/json":
        raise invalid("the body must be a JSON object, sent as application/json")
    return body


def _line_item(call: GatewayCall) -> dict[str, Any]:
    fields = _body(call)
    if not isinstance(fields.get("label"), str):
        raise invalid("label is required")
    if isinstance(fields.get("scoreMaximum"), bool) or not isinstance(fields.get("scoreMaximum"), (int, float)):
        raise invalid("scoreMaximum is required")
    # A guess: the reference has no id here, and platforms refuse one.
    return {name: value for name, value in fields.items() if name != "id"}


def _score_problems(score: dict[str, Any]) -> Iterable[str]:
    if not isinstance(score.get("userId"), str):
        yield "userId is required"
    # One page of the reference has Initiated for the first of them. That it is refused is a guess.
    if score.get("activityProgress") not in ACTIVITY:
        yield "activityProgress must be one of the allowed values"
    if score.get("gradingProgress") not in GRADING:
        yield "gradingProgress must be one of the allowed values"
    if score.get("scoreGiven") is not None and not score.get("scoreMaximum"):
        yield "scoreMaximum is required beside scoreGiven"


def _camel(name: str) -> str:
    # As the reference has them: userId, givenName.
    return re.sub("_([a-z0-9])", lambda match: match[1].upper(), name)


def _deep_linking(call: GatewayCall) -> tuple[str, str]:
    body = _body(call)
    if not call.launch.deep_linking:
        raise unavailable(NOT_FOR_CONTEXT, "Deep Linking is not available in this context.")
    items, options = body.get("contentItems"), body.get("options") or {}
    if not isinstance(items, list):
        raise invalid("contentItems is required")
    launch = raw_claims(call.lms.platform, call.launch)
    names = {"message": "msg", "log": "log", "errMessage": "errormsg", "errLog": "errorlog"}
    claims = {
        "iss": launch["aud"],
        "aud": launch["iss"],
        "iat": int(call.now()),
        "exp": int(call.now()) + 60,
        "nonce": f"{call.lms.platform.site.rng.getrandbits(128):032x}",
        f"{LTI}deployment_id": launch[f"{LTI}deployment_id"],
        f"{LTI}message_type": DEEP_LINKING_RESPONSE,
        f"{LTI}version": VERSION,
        f"{DL}content_items": items,
        f"{DL}data": launch[DEEP_LINKING_CLAIM]["data"],
    }
    claims |= {f"{DL}{names[name]}": value for name, value in options.items() if name in names}
    return call.lms.sign(claims), str(launch[DEEP_LINKING_CLAIM]["deep_link_return_url"])


@attrs.frozen
class GatewayOperation:
    """
    One documented call: how it is answered, and whether a service key suffices.
    """

    name: str
    answer: Callable[[GatewayCall], Answer]
    ltik_only: bool = False


OPERATIONS = {
    ("GET", "api/lineitems"): GatewayOperation("list_line_items", list_line_items),
    ("POST", "api/lineitems"): GatewayOperation("create_line_item", create_line_item),
    ("GET", "api/lineitems/{id}"): GatewayOperation("get_line_item", get_line_item),
    ("PUT", "api/lineitems/{id}"): GatewayOperation("update_line_item", update_line_item),
    ("DELETE", "api/lineitems/{id}"): GatewayOperation("delete_line_item", delete_line_item),
    ("POST", "api/lineitems/{id}/scores"): GatewayOperation("post_score", post_score),
    ("GET", "api/lineitems/{id}/scores"): GatewayOperation("results", get_scores),
    ("GET", "api/idtoken"): GatewayOperation("idtoken", get_idtoken, ltik_only=True),
    ("GET", "api/memberships"): GatewayOperation("memberships", get_memberships),
    ("POST", "api/deeplinking/form"): GatewayOperation("deep_linking_form", deep_linking_form, ltik_only=True),
    ("POST", "api/deeplinking"): GatewayOperation("deep_linking_message", deep_linking_message, ltik_only=True),
}
