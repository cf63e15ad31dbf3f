"""
Access tokens: the signed assertion that asks for one, and the answer (SEC 4.1, CORE 6.2).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import attrs

from aioags.errors import (
    AGSError,
    BrokenError,
    GrantMalformedError,
    GrantRefusedError,
    ThrottledError,
    printable,
)
from aioags.model.registration import Registration
from aioags.protocol.dialect import Operation, Repeat
from aioags.protocol.hints import moment
from aioags.protocol.messages import WORD_BYTES, Request, Response
from aioags.protocol.redaction import platform_words, shown_words
from aioags.protocol.refusals import platform_refusal
from aioags.protocol.signed import sign_message
from aioags.protocol.trust import Trust
from aioags.protocol.urls import origin
from aioags.wire import media_types
from aioags.wire.links import resolve
from aioags.wire.scalars import WORD_VALUES, NotReadableError, load_json, load_number

DEPLOYMENT_CLAIM = "https://purl.imsglobal.org/spec/lti/claim/deployment_id"
"""Name of the deployment's claim (CORE 6.2.1)."""

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

TOKEN = "token"
"""Name of the operation that asks for one; the gate in front of it is called so, too."""

DEFAULT_LIFE = 3600.0
"""Seconds that a token lives when the platform does not say (SEC 4.1 recommends it)."""


@attrs.frozen
class Grant:
    """
    An access token and what it is good for.

    Attributes:
        access_token: Opaque. Never shown.

        scopes: What was granted, which may be less than what was asked for.

        expires_in: Seconds it lives from the moment of the answer.
    """

    access_token: str = attrs.field(repr=False)
    scopes: frozenset[str]
    expires_in: float


def sign_assertion(registration: Registration, *, now: float, jti: str) -> str:
    """
    Return the signed JWT by which the tool names itself (SEC 4.1.1).

    Args:
        now: Unix time, seconds.

        jti: Unique for each try: Canvas and Sakai refuse a second use.
    """
    claims: dict[str, Any] = {
        "iss": registration.client_id,
        "sub": registration.client_id,
        # One string: Brightspace fails on an array.
        "aud": registration.audience or registration.token_url,
        "jti": jti,
    }
    if registration.deployment_id is not None:
        claims[DEPLOYMENT_CLAIM] = registration.deployment_id
    return sign_message(registration, claims, now=now)


def request_token(
    registration: Registration, scopes: frozenset[str], *, wall: Callable[[], float], new_jti: Callable[[], str]
) -> Operation[Grant]:
    """
    Ask for a token with these scopes; the assertion is signed anew for each try.

    A refusal says how far our clock was ahead of the platform's when the latest one was signed.
    """
    signed_at: float | None = None

    def fresh() -> Request:
        nonlocal signed_at
        signed_at = wall()
        assertion = sign_assertion(registration, now=signed_at, jti=new_jti())
        return _token_request(registration.token_url, scopes, assertion)

    def refused(operation: Operation[Any], response: Response, wall_then: float) -> AGSError:
        error = token_refusal(operation, response, wall_then)
        told = moment(response.header("Date") or "")
        if isinstance(error, GrantRefusedError) and signed_at is not None and told is not None:
            error.clock_ahead = signed_at - told
        return error

    return Operation(
        TOKEN,
        Request("POST", registration.token_url),
        (),
        lambda response: read_grant(response, scopes),
        repeat=Repeat.FREELY,
        trust=Trust.at(registration.token_url),
        fresh=fresh,
        public_only=registration.public_only,
        refusal=refused,
    )


def _token_request(url: str, scopes: frozenset[str], assertion: str) -> Request:
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": assertion,
        "scope": " ".join(sorted(scopes)),
    }
    headers = (("Accept", media_types.JSON), ("Content-Type", media_types.FORM))
    return Request("POST", url, headers, urlencode(form).encode(), WORD_BYTES)


def read_grant(response: Response, asked: frozenset[str]) -> Grant:
    """
    Read a 2xx of the token endpoint, whatever its content type (Moodle sends text/html).

    Raises:
        GrantRefusedError: It is an error object, as some send with a 200.

        GrantMalformedError: It holds no usable access token.
    """
    try:
        fields = load_json(response.body, WORD_VALUES)
    except NotReadableError as error:
        raise _unusable(response, str(error)) from None
    if not isinstance(fields, dict):
        raise _unusable(response, "the body is not an object")
    token = fields.get("access_token")
    if not token and fields.get("error"):
        raise grant_refusal(response)
    if not isinstance(token, str) or not token or not token.isascii() or not token.isprintable():
        # Moodle's /login/token.php, often registered by mistake, answers with "token".
        hint = "; is it the token URL for LTI?" if "token" in fields else ""
        raise _unusable(response, f"it has no access_token{hint}")
    token_type = fields.get("token_type")
    if token_type is not None and str(token_type).lower() != "bearer":
        raise _unusable(response, "its token_type is not Bearer")
    return Grant(token, _granted(fields.get("scope"), asked), _life(fields.get("expires_in")))


def _granted(scope: object, asked: frozenset[str]) -> frozenset[str]:
    # Absent means "as asked" (RFC 6749 5.1); Open edX sends "" when it grants none.
    if isinstance(scope, str):
        return frozenset(re.split(r"[\s,]+", scope.strip())) - {""}
    if isinstance(scope, list):
        return frozenset(str(name) for name in scope)
    return asked


def _life(expires_in: object) -> float:
    try:
        seconds = load_number("expires_in", expires_in)
    except NotReadableError:
        # "3600s", true, a date: the token is good all the same, and a 401 would renew it.
        return DEFAULT_LIFE
    return DEFAULT_LIFE if seconds is None else max(0.0, float(seconds))


def _unusable(response: Response, why: str) -> GrantMalformedError:
    return GrantMalformedError(
        f"the token endpoint answered {response.status}, but {why}", status=response.status, spec="SEC 4.1"
    )


def token_refusal(operation: Operation[Any], response: Response, wall: float) -> AGSError:
    """
    Read an answer of the token endpoint that is no success: it broke, it throttles, or it refuses the grant.
    """
    error = platform_refusal(operation, response, wall)
    return error if isinstance(error, (ThrottledError, BrokenError)) else grant_refusal(response)


def grant_refusal(response: Response) -> GrantRefusedError:
    """
    Read a 4xx of the token endpoint (RFC 6749 5.2), in any shape: Moodle's may not be JSON.
    """
    try:
        fields = load_json(response.body, WORD_VALUES)
    except NotReadableError:
        fields = None
    said = fields.get("error") if isinstance(fields, dict) else None
    code = said if isinstance(said, str) and re.fullmatch(r"\w{1,64}", said) else None
    words = shown_words(platform_words(response.reason, response.body), ())
    return GrantRefusedError(
        f"the token endpoint answered {response.status}: {words or 'nothing readable'}{_hint(response)}",
        status=response.status,
        code=code,
        description=words or None,
        spec="SEC 4.1",
    )


def _hint(response: Response) -> str:
    if 300 <= response.status < 400:
        return f"; it sends {_elsewhere(response)}, where no assertion is sent: correct the registration's token_url"
    if response.status == 404 and response.body.lstrip()[:1] == b"<":
        # Moodle 4.5 throws, with a 404 page, when the tool's key set cannot be fetched or parsed.
        return (
            "; the registration's token_url may be wrong. Moodle answers so, too, when it cannot read the tool's public"
            " key set"
        )
    return ""


def _elsewhere(response: Response) -> str:
    try:
        target = origin(resolve(response.header("Location") or "", response.url))
    except ValueError:
        return "elsewhere"
    # Where to is all that is told: a query may hold what was sent.
    return f"to {printable(target)[:200]}"
