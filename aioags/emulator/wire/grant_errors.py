"""
What a refused grant looks like, platform by platform.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from aioags.emulator.profiles.profile import Profile
from aioags.emulator.refusals import GrantRefusal
from aioags.emulator.wire.error_styles import html_page
from aioags.emulator.wire.instants import iso
from aioags.emulator.wire.messages import Answer, json_answer

NO_STORE = (("Cache-Control", "no-store"), ("Pragma", "no-cache"))

# What Moodle puts into "error", by what is wrong; all of it seen. php-jwt's words come out as they are, unescaped.
MOODLE_WORDS: Mapping[str, str] = {
    "early": "Cannot handle token with iat prior to {at}",
    "expired": "Expired token",
    "unknown_client": "invalid_client",
    "no_sub": "invalid_request",
    "no_jwt": "invalid_request",
    "bad_claims": "invalid_request",
    "bad_header": "Unexpected control character found",
    "signature": "Signature verification failed",
    "alg": "Incorrect key for this algorithm",
    "alg_none": "Algorithm not supported",
    "no_alg": "Empty algorithm",
    "no_kid": "error/Error: kid must be provided in JWT header.",
    "kid": '"kid" invalid, unable to lookup correct key',
    "no_keys": "JWK Set did not contain any keys",
    "assertion_type": "unsupported_grant_type",
    "scope_denied": "invalid_scope",
}
MOODLE_FATAL = (
    "Exception - mod_lti\\local\\ltiopenid\\jwks_helper::fix_jwks_alg(): "
    "Argument #1 ($jwks) must be of type array, null given"
)

# Canvas: the words by what is wrong with an assertion that has an active key (read).
CANVAS_SIGNATURE = frozenset({"signature", "kid", "no_kid", "no_keys", "key_set", "alg", "no_alg", "alg_none"})
# What leads to no key, or is taken for a request with a client secret.
CANVAS_NOBODY = frozenset(
    {
        "unknown_client",
        "no_sub",
        "no_jwt",
        "bad_header",
        "bad_claims",
        "assertion_type",
        "basic",
        "missing_client_assertion",
        "missing_client_assertion_type",
    }
)
CANVAS_SCOPES = (
    "A requested scope is invalid, unknown, malformed, or exceeds the scope granted by the resource owner. "
    "The following scopes were requested, but not granted: "
)

# Open edX: the code by what is wrong (seen).
OPENEDX_CODES: Mapping[str, str] = {
    "expired": "unidentified_error",
    "early": "unidentified_error",
    "alg": "unidentified_error",
    "time_type": "invalid_grant",
    "no_jwt": "invalid_grant",
    "bad_claims": "invalid_grant",
    "bad_header": "invalid_grant",
}


def answer(profile: Profile, refusal: GrantRefusal, now: float) -> Answer:
    """
    Build the answer to a token request that is refused, in the profile's shape.

    Args:
        now: The platform's time, seconds since 1970; some tell it.
    """
    if refusal.what == "aud_array":
        return html_page(500, "Internal Server Error", 400)
    return STYLES[profile.grant_error_style](profile, refusal, now)


def _rfc6749(profile: Profile, refusal: GrantRefusal, now: float) -> Answer:
    body = {"error": refusal.error, "error_description": refusal.description, "spec": refusal.spec}
    return json_answer(400, body, headers=NO_STORE)


def _moodle(profile: Profile, refusal: GrantRefusal, now: float) -> Answer:
    if refusal.what == "key_set":
        return html_page(404, MOODLE_FATAL).with_headers(*profile.page_headers)
    words = MOODLE_WORDS.get(refusal.what, refusal.error)
    # date(ISO8601) of PHP: no colon in the zone (seen).
    ahead = iso(now if refusal.at is None else refusal.at, profile.site_zone, whole=True)
    words = words.format(at="".join(ahead.rsplit(":", 1)))
    text = f'{{\n  "error" : "{words}"\n}}'
    return Answer(400, (("Content-Type", profile.token_content_type),), text.encode())


def moodle_json(members: dict[str, Any]) -> bytes:
    """
    Write an object as Moodle's token endpoint does: two blanks before each member, one on both sides of the colon.
    """
    lines = ",\n".join(f'  "{name}" : {json.dumps(value)}' for name, value in members.items())
    return f"{{\n{lines}\n}}".encode()


def _canvas(profile: Profile, refusal: GrantRefusal, now: float) -> Answer:
    if refusal.what in CANVAS_NOBODY:
        body = {"error": "invalid_client", "error_description": "unknown client"}
        return json_answer(401, body, headers=(("WWW-Authenticate", "Canvas OAuth 2.0"),))
    code, words = refusal.error, refusal.description
    if refusal.what in ("grant_type", "missing_grant_type"):
        code, words = "unsupported_grant_type", "The grant_type you requested is not currently supported"
    elif refusal.what == "scope_denied":
        words = CANVAS_SCOPES + _sentence(refusal.refused)
    elif refusal.what in CANVAS_SIGNATURE:
        code, words = "invalid_request", "JWS signature invalid."
    return json_answer(400, {"error": code, "error_description": words})


def _sentence(names: Sequence[str]) -> str:
    """
    Write names as Rails does: "a", "a and b", "a, b, and c".
    """
    if len(names) < 3:
        return " and ".join(names)
    return f"{', '.join(names[:-1])}, and {names[-1]}"


def _brightspace(profile: Profile, refusal: GrantRefusal, now: float) -> Answer:
    code, words = refusal.error, refusal.description
    if refusal.what == "kid":
        words = "KeyId not found in token"
    if code == "invalid_client" and refusal.what not in ("iss", "sub", "no_sub", "unknown_client"):
        code, words = "invalid_grant", f"Error validating assertion: {words}"
    return json_answer(400, {"error": code, "error_description": words})


def _openedx(profile: Profile, refusal: GrantRefusal, now: float) -> Answer:
    if refusal.what == "method":
        return Answer(405, (("Content-Type", "text/html; charset=utf-8"),))
    return json_answer(400, {"error": OPENEDX_CODES.get(refusal.what, refusal.error)})


def _sakai(profile: Profile, refusal: GrantRefusal, now: float) -> Answer:
    body = json.dumps({"error": refusal.error}, indent=2).encode()
    words = "Replayed client_assertion" if refusal.what == "replay" else refusal.description
    headers = (("Content-Type", "application/json"), ("X-Tsugi-LTI13-Error-Detail", words))
    return Answer(400, headers, body)


def _blackboard(profile: Profile, refusal: GrantRefusal, now: float) -> Answer:
    return json_answer(400, {"error": refusal.error, "error_description": refusal.description})


STYLES: dict[str, Callable[[Profile, GrantRefusal, float], Answer]] = {
    "rfc6749": _rfc6749,
    "moodle": _moodle,
    "canvas": _canvas,
    "brightspace": _brightspace,
    "openedx": _openedx,
    "sakai": _sakai,
    "blackboard": _blackboard,
}
