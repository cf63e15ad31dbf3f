"""
A platform's side of a launch on paper: it signs what a test tells it to sign, well or badly, and serves its key set.

It knows the standard and joserfc, and nothing of the package's launch code.
"""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import parse_qs, urlsplit

import attrs
from joserfc import jws
from joserfc.jwk import ECKey, Key, RSAKey

from aioags.launch import Launch, Login, Tool, ToolSettings
from aioags.protocol.messages import Request, Response
from tests.fakes import HOST, WALL, PaperTime, registration

AUTHORIZE = f"{HOST}/authorize?site=1"
JWKS = f"{HOST}/jwks"
TOOL = "https://tool.example"
REDIRECT = f"{TOOL}/lti/launch"
DEPLOYMENT = "deployment-1"
LTI = "https://purl.imsglobal.org/spec/lti/claim/"
AGS = "https://purl.imsglobal.org/spec/lti-ags/claim/endpoint"
NRPS = "https://purl.imsglobal.org/spec/lti-nrps/claim/namesroleservice"
DL = "https://purl.imsglobal.org/spec/lti-dl/claim/"
LEARNER = "http://purl.imsglobal.org/vocab/lis/v2/membership#Learner"
GONE = object()
"""As the value of a claim or header: leave it out."""


@cache
def platform_key(kid: str = "platform-1") -> RSAKey:
    """
    Return the platform's key of this id, made once.
    """
    return RSAKey.generate_key(2048, {"kid": kid})


@cache
def elliptic_key() -> ECKey:
    """
    Return an elliptic curve key of the platform.
    """
    return ECKey.generate_key("P-256", {"kid": "platform-ec"})


def public(*keys: Key) -> list[dict[str, Any]]:
    """
    Return the public halves, as a key set holds them.
    """
    return [dict(key.as_dict(private=False)) | {"kid": key.kid, "use": "sig"} for key in keys]


def lms_registration(**changes: Any) -> Any:
    """
    Return a registration that takes launches.
    """
    return registration(**({"authorization_url": AUTHORIZE, "jwks_url": JWKS, "deployment_id": DEPLOYMENT} | changes))


def without_gone(values: Mapping[str, Any]) -> dict[str, Any]:
    """
    Leave out what is `GONE`.
    """
    return {name: value for name, value in values.items() if value is not GONE}


def segment(value: bytes | Mapping[str, Any]) -> str:
    """
    Write one segment of a JWT.
    """
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def sign(claims: Mapping[str, Any] | bytes, key: Key | None = None, header: Mapping[str, Any] | None = None) -> str:
    """
    Sign claims, or any bytes. A header's value may be `GONE`.
    """
    key = key or platform_key()
    said = without_gone({"alg": "RS256", "kid": key.kid, "typ": "JWT"} | dict(header or {}))
    payload = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    registry = jws.JWSRegistry(algorithms=["RS256", "PS256", "ES256", "HS256", "none"], strict_check_header=False)
    registry.max_header_length = 100_000
    return jws.serialize_compact(said, payload, key, registry=registry)


def sign_hs256(claims: Mapping[str, Any], secret: bytes) -> str:
    """
    Sign claims with a shared secret, under the platform key's id.
    """
    signed = f"{segment({'alg': 'HS256', 'kid': platform_key().kid})}.{segment(claims)}"
    return f"{signed}.{segment(hmac.digest(secret, signed.encode(), 'sha256'))}"


def launch_claims(nonce: str, /, **changes: Any) -> dict[str, Any]:
    """
    Return the claims of a good launch by a learner at `WALL`. Names without a prefix are LTI's own where it has them.
    """
    claims: dict[str, Any] = {
        "iss": HOST,
        "aud": "tool-1",
        "sub": "user-1",
        "iat": WALL,
        "exp": WALL + 300,
        "nonce": nonce,
        "name": "Ada Abe",
        "email": "ada@school.example",
        f"{LTI}message_type": "LtiResourceLinkRequest",
        f"{LTI}version": "1.3.0",
        f"{LTI}deployment_id": DEPLOYMENT,
        f"{LTI}target_link_uri": f"{TOOL}/quiz/1",
        f"{LTI}resource_link": {"id": "link-1", "title": "Quiz one"},
        f"{LTI}context": {"id": "course-1", "title": "Course one", "label": "C1"},
        f"{LTI}roles": [LEARNER],
        f"{LTI}custom": {"chapter": "3"},
    }
    own = {name: LTI + name for name in changes if LTI + name in claims}
    return without_gone(claims | {own.get(name, name): value for name, value in changes.items()})


@attrs.define
class PaperKeys:
    """
    A transport that serves the platform's key set, and counts how often.

    Attributes:
        keys: What the set holds, or a response, or an error to raise.
    """

    keys: Any = attrs.field(factory=lambda: public(platform_key()))
    asked: list[Request] = attrs.field(factory=list)

    async def send(self, request: Request) -> Response:
        """
        Answer with the key set.
        """
        self.asked.append(request)
        if isinstance(self.keys, BaseException):
            raise self.keys
        if isinstance(self.keys, Response):
            return self.keys
        return Response(200, "OK", (("Content-Type", "application/json"),), json.dumps({"keys": self.keys}).encode())

    async def aclose(self) -> None:
        """
        Nothing to close.
        """


@attrs.define
class PaperLMS:
    """
    A tool, the platform that launches it, and one browser.

    Attributes:
        cookies: What the browser holds.
    """

    settings: ToolSettings = attrs.field(
        factory=lambda: ToolSettings(registrations=[lms_registration()], redirect_uri=REDIRECT)
    )
    keys: PaperKeys = attrs.field(factory=PaperKeys)
    time: PaperTime = attrs.field(factory=PaperTime)
    cookies: dict[str, str] = attrs.field(factory=dict)
    tool: Tool = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.tool = Tool(self.settings, self.keys, runtime=self.time.runtime())

    async def login(self, **changes: Any) -> Login:
        """
        Begin a login with this browser; a parameter may be `GONE`.
        """
        params = {
            "iss": HOST,
            "login_hint": "hint 1",
            "target_link_uri": f"{TOOL}/quiz/1",
            "client_id": "tool-1",
        } | changes
        login = await self.tool.login(without_gone(params))
        self.cookies[login.cookie.name] = login.cookie.value
        return login

    async def launch(
        self, *, header: Mapping[str, Any] | None = None, key: Key | None = None, **changes: Any
    ) -> Launch:
        """
        Log in, and post a launch whose claims and header are changed as told.
        """
        login = await self.login()
        return await self.post(login, sign(launch_claims(login.pending.nonce, **changes), key, header))

    async def post(self, login: Login, id_token: str) -> Launch:
        """
        Post an id_token as the answer to a login.
        """
        return await self.tool.launch({"state": login.state, "id_token": id_token}, self.cookies)


def query(url: str) -> dict[str, str]:
    """
    Return the parameters of a URL; each is there once.
    """
    values = parse_qs(urlsplit(url).query, keep_blank_values=True, strict_parsing=True)
    assert all(len(value) == 1 for value in values.values())
    return {name: value[0] for name, value in values.items()}
