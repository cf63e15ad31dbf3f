"""
A tool's answer to a deep linking launch, checked with the platform's own eyes (SEC 5.2, DL 4.5), and placed.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs

from joserfc import jwt
from joserfc.errors import JoseError

from aioags.emulator.launching.desk import LaunchDesk
from aioags.emulator.launching.pages import error_page, page
from aioags.emulator.site.claims import issuer
from aioags.emulator.site.state import RegisteredTool
from aioags.emulator.site.tool_keys import agreed_key, jwt_part
from aioags.emulator.wire.amounts import is_number
from aioags.emulator.wire.html import fill
from aioags.emulator.wire.messages import Answer, Asked
from aioags.emulator.wire.names import DEEP_LINKING_RESPONSE, DL, LTI, VERSION

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "ES512"]
# DL 3.2.
LINE_ITEM_FIELDS = {"label", "scoreMaximum", "resourceId", "tag", "gradesReleased"}


class ResponseError(Exception):
    """
    The answer cannot be taken; the text says why.
    """


def place(desk: LaunchDesk, asked: Asked) -> Answer:
    """
    Answer a POST of a tool's answer: place its links, and say which.
    """
    form = parse_qs(asked.body.decode("utf-8", "replace"))
    try:
        tool, claims = _opened(desk, form.get("JWT", [""])[0])
        _check(desk, tool, claims)
        titles = [_place(desk, tool, item) for item in _items(claims)]
    except ResponseError as error:
        return error_page(400, str(error))
    return page("Links", fill("<h1>{count} links were added</h1>", count=len(titles)))


def _opened(desk: LaunchDesk, token: str) -> tuple[RegisteredTool, dict[str, Any]]:
    try:
        claims = jwt_part(token.split(".")[1])
        tool = desk.classroom.site.state.tools[claims["iss"]]
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise ResponseError("JWT is missing, or its iss is no client id of this platform.") from error
    if tool.key_set is None:
        why = f" ({tool.key_trouble})" if tool.key_trouble else ""
        raise ResponseError(f"The tool's keys cannot be fetched{why}.")
    keys = agreed_key(tool, pasted=False) or tool.key_set
    try:
        return tool, jwt.decode(token, keys, algorithms=ALGORITHMS).claims
    except (JoseError, ValueError) as error:
        raise ResponseError(f"The signature is not the tool's ({type(error).__name__}).") from error


def _check(desk: LaunchDesk, tool: RegisteredTool, claims: dict[str, Any]) -> None:
    now, leeway = desk.classroom.site.now(), desk.classroom.site.profile.leeway
    aud = claims.get("aud")
    rules = {
        "aud must be the issuer": issuer(desk.classroom.site) in (aud if isinstance(aud, list) else [aud]),
        "exp must be a number ahead": is_number(claims.get("exp")) and claims["exp"] > now - leeway,
        "iat must be a number, not ahead": is_number(claims.get("iat")) and claims["iat"] <= now + leeway,
        "nonce is missing": bool(claims.get("nonce")),
        "message_type must be LtiDeepLinkingResponse": claims.get(LTI + "message_type") == DEEP_LINKING_RESPONSE,
        "version must be 1.3.0": claims.get(LTI + "version") == VERSION,
        "deployment_id is another": claims.get(LTI + "deployment_id") == tool.deployment_id,
        "data must come back as it was given": _same_json(claims.get(DL + "data"), desk.data),
    }
    broken = [rule for rule, holds in rules.items() if not holds]
    if broken:
        raise ResponseError("; ".join(broken))


def _same_json(one: Any, other: Any) -> bool:
    # True is 1 in Python, and not in JSON.
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _items(claims: dict[str, Any]) -> list[dict[str, Any]]:
    items = claims.get(DL + "content_items", [])
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise ResponseError("content_items must be an array of objects.")
    for item in items:
        if item.get("type") != "ltiResourceLink":
            raise ResponseError("Only ltiResourceLink is accepted here.")
        _check_line_item(item.get("lineItem"))
    return items


def _check_line_item(declared: Any) -> None:
    if declared is None:
        return
    maximum = declared.get("scoreMaximum") if isinstance(declared, dict) else None
    if isinstance(maximum, bool) or not isinstance(maximum, (int, float)) or maximum <= 0:
        raise ResponseError("lineItem.scoreMaximum must be a number above 0.")
    if unknown := set(declared) - LINE_ITEM_FIELDS:
        raise ResponseError(f"lineItem has fields that it cannot have: {', '.join(sorted(unknown))}.")


def _place(desk: LaunchDesk, tool: RegisteredTool, item: dict[str, Any]) -> str:
    title = str(item.get("title") or "Link")
    link = desk.classroom.add_link(title, tool=tool)
    desk.placed[link.id] = {"url": item.get("url"), "custom": item.get("custom")}
    declared = item.get("lineItem")
    if declared is not None:
        desk.classroom.add_line_item(
            str(declared.get("label") or title),
            declared["scoreMaximum"],
            link=link,
            resource_id=declared.get("resourceId"),
            tag=declared.get("tag"),
        )
    return title
