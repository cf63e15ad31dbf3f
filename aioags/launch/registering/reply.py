"""
The registration itself: the request, and what the platform says that it made of it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import attrs

from aioags.errors import RegistrationRefusedError
from aioags.launch.registering.offer import TOOL_CONFIGURATION
from aioags.launch.registering.platform import PlatformConfiguration, refused
from aioags.model.secure import url_fault
from aioags.protocol.messages import Request, Response
from aioags.protocol.redaction import platform_words, shown_words
from aioags.wire import media_types
from aioags.wire.scalars import RECORD_VALUES, NotReadableError, load_json

_LONGEST_ID = 255
_LONGEST_REPLY = 256 * 1024
_LONGEST_TOKEN = 8 * 1024
_AGAIN = "begin the registration anew in the platform"

# Words of a refusal, all of Moodle's mod_lti: what they mean.
_HINTS = {
    "token_already_used": f"this registration was begun before; {_AGAIN}",
    "missing_registration_token": "the platform's web server may drop the Authorization header",
    "missing_domain": "set target_link_uri of the tool's offer",
    "domain_targetlinkuri_mismatch": "target_link_uri must be of the tool's own host and port",
    "Incorrect scope": f"the platform's link is of another kind; {_AGAIN}",
}


@attrs.frozen(kw_only=True)
class Reply:
    """
    What the platform says that it made.

    Attributes:
        deployment_id: None: not said; the launches will say it.

        scopes: What it says that it gives. Not to be believed: the launch's are the truth.

        missing: What was asked for and is not given, as far as the platform can be believed.

        client_uri: Where it lets the registration be read. None: nowhere.
    """

    client_id: str
    deployment_id: str | None
    scopes: tuple[str, ...]
    missing: tuple[str, ...]
    client_uri: str | None


def request_registration(platform: PlatformConfiguration, document: Mapping[str, Any], token: str | None) -> Request:
    """
    Post the registration.

    Args:
        token: The platform's. None or empty: none came; Brightspace sends none.

    Raises:
        RegistrationRefusedError: It is no token.
    """
    headers = [("Accept", media_types.JSON), ("Content-Type", media_types.JSON)]
    if token:
        if len(token) > _LONGEST_TOKEN or not token.isascii() or not token.isprintable():
            raise refused("the registration_token cannot be read", "registration_token")
        headers.append(("Authorization", f"Bearer {token}"))
    body = json.dumps(document, ensure_ascii=False).encode()
    return Request("POST", platform.registration_endpoint, tuple(headers), body, _LONGEST_REPLY)


def read_reply(
    response: Response, document: Mapping[str, Any], platform: PlatformConfiguration, token: str | None
) -> Reply:
    """
    Read the platform's answer to a registration.

    Args:
        document: What was posted.

        token: The platform's, kept out of every word.

    Raises:
        RegistrationRefusedError: It refused, or its answer is none.
    """
    if not response.ok:
        raise _refusal(response, token)
    try:
        fields = load_json(response.body, RECORD_VALUES)
    except NotReadableError as error:
        raise _odd(f"its answer cannot be read: {error}") from None
    if not isinstance(fields, dict):
        raise _odd("its answer is no object")
    tool = fields.get(TOOL_CONFIGURATION)
    tool = tool if isinstance(tool, dict) else {}
    scopes = _scopes(fields.get("scope"))
    return Reply(
        client_id=_client_id(fields.get("client_id")),
        # Canvas has it at the top.
        deployment_id=_id(tool.get("deployment_id")) or _id(fields.get("deployment_id")),
        scopes=scopes,
        missing=_missing(document, scopes, platform) if "scope" in fields else (),
        client_uri=_client_uri(fields.get("registration_client_uri")),
    )


def _missing(document: Mapping[str, Any], given: tuple[str, ...], platform: PlatformConfiguration) -> tuple[str, ...]:
    if not platform.product.scope_is_told:
        return ()
    return tuple(one for one in str(document.get("scope", "")).split() if one not in given)


def _client_id(value: Any) -> str:
    client_id = _id(value)
    if client_id is None:
        raise _odd("its answer has no client_id")
    return client_id


def _id(value: Any) -> str | None:
    # A number is written without quotes by some.
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63 else value
    return text if isinstance(text, str) and text.strip() and text.isprintable() and len(text) <= _LONGEST_ID else None


def _scopes(value: Any) -> tuple[str, ...]:
    names = value.split() if isinstance(value, str) else value if isinstance(value, list) else []
    return tuple(dict.fromkeys(one for one in names if isinstance(one, str)))


def _client_uri(value: Any) -> str | None:
    return value if isinstance(value, str) and url_fault(value) is None else None


def _odd(what: str) -> RegistrationRefusedError:
    return refused(
        f"the platform may have registered the tool, but {what}. Remove the tool there before you try again", "reply"
    )


def _refusal(response: Response, token: str | None) -> RegistrationRefusedError:
    words = shown_words(platform_words(response.reason, response.body), [token] if token else [])
    said = words or "no reason given"
    hint = next((hint for word, hint in _HINTS.items() if word in said), None)
    if hint is None and response.status in (401, 403):
        hint = f"its token is spent or too old; {_AGAIN}"
    if 300 <= response.status < 400:
        hint = "it sends elsewhere, where nothing is posted to"
    tail = f": {hint}" if hint else ""
    return refused(f"the platform refused the registration with {response.status}, {said}{tail}", "refused")
