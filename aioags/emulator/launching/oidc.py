"""
What a tool asks during a launch (SEC 5.1): who it is that was sent to it, and the keys that say so.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

import attrs
from joserfc import jwt

from aioags.emulator.launching.desk import Click, Connection, LaunchDesk
from aioags.emulator.launching.pages import error_page, posting_page
from aioags.emulator.site.claims import launch_claims, roles_of, told
from aioags.emulator.site.state import Link
from aioags.emulator.wire.messages import Answer, Asked, json_answer
from aioags.emulator.wire.names import (
    AGS_CLAIM,
    BASIC_OUTCOME_CLAIM,
    DEEP_LINKING,
    DEEP_LINKING_CLAIM,
    LTI,
    SUBMISSION_REVIEW,
)

# SEC 5.1.1.2, each with the one value that it may have.
REQUIRED = {"scope": "openid", "response_type": "id_token", "response_mode": "form_post", "prompt": "none"}


class AuthenticationRefusal(Exception):
    """
    An authentication request cannot be granted.

    Attributes:
        code: Of OIDC 3.1.2.6.
    """

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


def key_set(desk: LaunchDesk) -> Answer:
    """
    Answer with the platform's public keys (SEC 6.3).
    """
    return json_answer(200, desk.key.public_set.as_dict())


def authorize(desk: LaunchDesk, asked: Asked) -> Answer:
    """
    Answer an authentication request (SEC 5.1.1.2): a page that posts the id_token, or an error, to the tool.
    """
    parameters = dict(asked.query)
    if asked.method == "POST":
        parameters = dict(parse_qsl(asked.body.decode("utf-8", "replace"), keep_blank_values=True))
    connection = desk.connections.get(parameters.get("client_id", ""))
    redirect_uri = parameters.get("redirect_uri", "")
    if connection is None or redirect_uri not in connection.redirect_uris:
        # Never to an address that nobody registered (OIDC 3.1.2.1).
        return _unknown_redirect(desk)
    state = {"state": parameters["state"]} if "state" in parameters else {}
    try:
        return posting_page(redirect_uri, {"id_token": _id_token(desk, connection, parameters), **state})
    except AuthenticationRefusal as refusal:
        return posting_page(redirect_uri, {"error": refusal.code, "error_description": str(refusal), **state})


def _unknown_redirect(desk: LaunchDesk) -> Answer:
    style = desk.classroom.profile.launch
    if style.unknown_redirect_type is None:
        return error_page(400, style.unknown_redirect)
    return Answer(400, (("Content-Type", style.unknown_redirect_type),), style.unknown_redirect.encode())


def _id_token(desk: LaunchDesk, connection: Connection, parameters: dict[str, str]) -> str:
    for name, wanted in REQUIRED.items():
        if parameters.get(name) != wanted:
            raise AuthenticationRefusal("invalid_request", f"{name} must be {wanted}.")
    if not parameters.get("nonce"):
        raise AuthenticationRefusal("invalid_request", "nonce is missing.")
    click = desk.click(parameters.get("lti_message_hint", ""))
    if click is None:
        raise AuthenticationRefusal("invalid_request", "lti_message_hint must come back as it was given.")
    if click.tool.client_id != parameters["client_id"]:
        raise AuthenticationRefusal("unauthorized_client", "This launch is of another tool.")
    if click.hint != parameters.get("login_hint"):
        raise AuthenticationRefusal("login_required", "Somebody else than login_hint says is logged in.")
    claims = _claims(desk, click) | {"nonce": parameters["nonce"]}
    claims[LTI + "target_link_uri"] = desk.target(connection, click)
    return _sign(desk, claims)


def _claims(desk: LaunchDesk, click: Click) -> dict[str, Any]:
    if click.user_id is None:
        return _anonymous(desk, click)
    site, person = desk.classroom.site, click.course.people[click.user_id]
    if click.link is not None:
        claims = launch_claims(site, click.course, click.tool, click.link, person)
        custom = desk.placed.get(click.link.id, {}).get("custom")
        if click.review_of is not None:
            claims |= _review(desk, click, claims)
            custom = (custom or {}) | _reviewed(click).get("custom", {})
        return claims | ({LTI + "custom": claims.get(LTI + "custom", {}) | custom} if custom else {})
    claims = launch_claims(site, click.course, click.tool, Link("", "", ""), person)
    del claims[LTI + "resource_link"]
    claims[LTI + "message_type"] = DEEP_LINKING
    claims[DEEP_LINKING_CLAIM] = {
        "deep_link_return_url": f"{desk.page_url}/links",
        "accept_types": ["ltiResourceLink"],
        "accept_presentation_document_targets": ["iframe", "window"],
        "accept_multiple": True,
        "accept_lineitem": True,
        "data": desk.data,
    }
    return claims


def _anonymous(desk: LaunchDesk, click: Click) -> dict[str, Any]:
    """
    Build the claims of a launch by nobody in particular (CORE 5.3.6.1).
    """
    tool = attrs.evolve(click.tool, privacy="anonymous")
    claims = _claims(desk, attrs.evolve(click, user_id=next(iter(click.course.people)), tool=tool))
    for name in ("sub", BASIC_OUTCOME_CLAIM, LTI + "lti11_legacy_user_id", LTI + "lis", LTI + "ext"):
        claims.pop(name, None)
    return claims | {LTI + "roles": []}


def _reviewed(click: Click) -> dict[str, Any]:
    return {} if click.reviewed is None else dict(click.reviewed.fields.get("submissionReview") or {})


def _review(desk: LaunchDesk, click: Click, claims: dict[str, Any]) -> dict[str, Any]:
    """
    Build what differs where a teacher looks at one submission (Submission Review 1.0, 3).
    """
    person = click.course.people[click.review_of or ""]
    shown = told(person, click.course, desk.classroom.profile.launch.disclosure, click.tool.privacy)
    names = {name: value for name, value in shown.items() if name in ("name", "given_name", "family_name", "email")}
    column = {} if click.reviewed is None else {"lineitem": desk.classroom.site.item_url(click.reviewed)}
    return {
        LTI + "message_type": SUBMISSION_REVIEW,
        LTI + "for_user": {"user_id": person.user_id, "roles": roles_of(person), **names},
        AGS_CLAIM: claims[AGS_CLAIM] | column,
    }


def _sign(desk: LaunchDesk, claims: dict[str, Any]) -> str:
    header = {"alg": "RS256", "typ": "JWT", "kid": desk.key.kid}
    if desk.tamper is not None:
        desk.tamper(header, claims)
    return jwt.encode(header, claims, desk.key.key, algorithms=["RS256"])
