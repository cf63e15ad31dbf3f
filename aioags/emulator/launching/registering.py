"""
The platform's side of dynamic registration (LTI DR 1.0): a page to begin at, what the platform says of itself, and the
endpoint that a tool posts itself to. Its own eyes: what a tool must send is checked here by the standard alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

from aioags.emulator.launching.desk import ROOT, LaunchDesk
from aioags.emulator.launching.pages import error_page, page
from aioags.emulator.profiles.profile import ALL_SCOPES
from aioags.emulator.wire.html import fill
from aioags.emulator.wire.messages import Answer, Asked, json_answer

REGISTER = f"{ROOT}/register"
CONFIGURATION = f"{ROOT}/openid-configuration"
REGISTRATIONS = f"{ROOT}/registrations"

TOKEN_SECONDS = 3600.0
"""How long a registration token serves, as at Moodle and Canvas. It serves once."""

_LTI = "https://purl.imsglobal.org/spec/lti-"
_TOOL = _LTI + "tool-configuration"
_MESSAGES = ("LtiResourceLinkRequest", "LtiDeepLinkingRequest")
_FIXED = {
    "application_type": "web",
    "token_endpoint_auth_method": "private_key_jwt",
}
_HAS = {"response_types": ["id_token"], "grant_types": ["implicit", "client_credentials"]}
_FORM = (
    '<h1>Register a tool</h1><form action="{action}"><label>Registration URL of the tool'
    ' <input name="tool" type="url" size="60" required></label> <button>Register</button></form>'
)


class RegistrationRefusal(Exception):
    """
    A registration cannot be.

    Attributes:
        status: Of the answer.

        code: Of RFC 7591 3.2.2, or for a token Moodle's word.
    """

    def __init__(self, status: int, code: str, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.code = code


def begin(desk: LaunchDesk, asked: Asked) -> Answer:
    """
    Show the page to begin at; or, with ``tool``, send the browser to that registration URL.
    """
    tool = asked.parameter("tool")
    if tool is None:
        return page("Register a tool", fill(_FORM, action=REGISTER))
    if not tool.startswith(("https://", "http://")):
        return error_page(400, "The registration URL of the tool must begin with https: or http:.")
    return Answer(302, (("Location", registration_url(desk, tool)),))


def registration_url(desk: LaunchDesk, tool: str) -> str:
    """
    Return what a browser opens to register a tool, with a new token in it.

    Args:
        tool: The tool's registration URL.
    """
    site = desk.classroom.site
    token = f"{site.rng.getrandbits(160):040x}"
    desk.registration_tokens[token] = site.now() + TOKEN_SECONDS
    base = desk.classroom.base_url
    query = {
        # As at Canvas the token is in the URL as well: a tool that cuts the query off comes to nothing.
        "openid_configuration": f"{base}{CONFIGURATION}?registration_token={token}",
        "registration_token": token,
    }
    return f"{tool}{'&' if '?' in tool else '?'}{urlencode(query)}"


def configuration(desk: LaunchDesk, asked: Asked) -> Answer:
    """
    Say what the platform is.
    """
    try:
        _check_token(desk, asked.parameter("registration_token"))
    except RegistrationRefusal as refusal:
        return _refused(refusal)
    agreed = desk.classroom.registration_args()
    return json_answer(
        200,
        {
            "issuer": agreed["issuer"],
            "authorization_endpoint": agreed["authorization_url"],
            "token_endpoint": agreed["token_url"],
            "jwks_uri": agreed["jwks_url"],
            "registration_endpoint": f"{desk.classroom.base_url}{REGISTRATIONS}",
            "scopes_supported": ["openid", *ALL_SCOPES],
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "token_endpoint_auth_methods_supported": ["private_key_jwt"],
            "token_endpoint_auth_signing_alg_values_supported": ["RS256"],
            "claims_supported": ["iss", "sub", "name", "given_name", "family_name", "email"],
            _LTI + "platform-configuration": {
                "product_family_code": f"aioags-{desk.classroom.profile.name}",
                "messages_supported": [{"type": name, "placements": ["ContentArea"]} for name in _MESSAGES],
                "variables": ["User.id", "Context.id", "ResourceLink.id"],
            },
        },
    )


def register(desk: LaunchDesk, asked: Asked) -> Answer:
    """
    Register a tool, and give it a link and a column in the first course.
    """
    if asked.method != "POST":
        return error_page(405, "A registration is posted.")
    token = asked.headers.get("authorization", "").removeprefix("Bearer ").strip() or None
    try:
        _check_token(desk, token)
        document = _document(asked)
        answer = _registered(desk, document)
    except RegistrationRefusal as refusal:
        return _refused(refusal)
    # Only now: a tool that was refused may mend its request and post it again.
    desk.registration_tokens[token or ""] = None
    return answer


def _check_token(desk: LaunchDesk, token: str | None) -> None:
    if token is None:
        raise RegistrationRefusal(401, "missing_registration_token", "There is no registration token.")
    if token not in desk.registration_tokens:
        raise RegistrationRefusal(401, "invalid_token", "Nobody gave this registration token out.")
    end = desk.registration_tokens[token]
    if end is None:
        raise RegistrationRefusal(401, "token_already_used", "This registration token was used.")
    if desk.classroom.site.now() >= end:
        raise RegistrationRefusal(401, "invalid_token", "This registration token is too old.")


def _document(asked: Asked) -> dict[str, Any]:
    try:
        document = json.loads(asked.body)
    except (ValueError, RecursionError):
        raise _invalid("The body is no JSON.") from None
    if not isinstance(document, dict) or not isinstance(document.get(_TOOL), dict):
        raise _invalid(f"The body must be an object with {_TOOL}.")
    for name, wanted in _FIXED.items():
        if document.get(name) != wanted:
            raise _invalid(f"{name} must be {wanted}.")
    for name, values in _HAS.items():
        given = document.get(name)
        if not isinstance(given, list) or any(value not in given for value in values):
            raise _invalid(f"{name} must hold {' and '.join(values)}.")
    _check_urls(document)
    return document


def _check_urls(document: Mapping[str, Any]) -> None:
    tool = document[_TOOL]
    for name, value in (*((one, document.get(one)) for one in ("initiate_login_uri", "jwks_uri")), _target(tool)):
        if not _is_url(value):
            raise _invalid(f"{name} must be a URL.")
    uris = document.get("redirect_uris")
    if not isinstance(uris, list) or not uris or not all(map(_is_url, uris)):
        raise RegistrationRefusal(400, "invalid_redirect_uri", "redirect_uris must be URLs, one at least.")
    if urlsplit(tool["target_link_uri"]).netloc != tool.get("domain"):
        raise _invalid("domain must be host and port of target_link_uri.")
    if not isinstance(document.get("client_name"), str) or not document["client_name"]:
        raise _invalid("client_name is missing.")
    if not isinstance(document.get("scope", ""), str):
        raise _invalid("scope must be one text, with blanks between the scopes.")


def _target(tool: Mapping[str, Any]) -> tuple[str, Any]:
    return "target_link_uri", tool.get("target_link_uri")


def _is_url(value: Any) -> bool:
    return isinstance(value, str) and value.startswith(("https://", "http://")) and bool(urlsplit(value).netloc)


def _registered(desk: LaunchDesk, document: dict[str, Any]) -> Answer:
    classroom = desk.classroom
    number = len(classroom.site.state.tools) + 1
    given = tuple(scope for scope in ALL_SCOPES if scope in document.get("scope", "").split())
    tool = classroom.add_tool(classroom.profile.client_ids.format(n=number), scopes=given)
    classroom.register_keys(jwks_url=document["jwks_uri"], tool=tool)
    configured = document[_TOOL]
    desk.connect(
        login_url=document["initiate_login_uri"],
        redirect_uri=document["redirect_uris"][0],
        target_link_uri=configured["target_link_uri"],
        tool=tool,
    )
    link = classroom.add_link(document["client_name"], tool=tool)
    classroom.add_line_item(document["client_name"], 100, link=link)
    return json_answer(
        200,
        document
        | {
            "client_id": tool.client_id,
            "scope": " ".join(given),
            _TOOL: configured | {"deployment_id": tool.deployment_id},
        },
    )


def _invalid(reason: str) -> RegistrationRefusal:
    return RegistrationRefusal(400, "invalid_client_metadata", reason)


def _refused(refusal: RegistrationRefusal) -> Answer:
    return json_answer(refusal.status, {"error": refusal.code, "error_description": str(refusal)})


PAGES = {REGISTER: begin, CONFIGURATION: configuration, REGISTRATIONS: register}
