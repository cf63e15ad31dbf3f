"""
An LMS on paper that registers tools: it keeps what it was asked, and answers as a test says.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from aioags.errors import UntrustedURLError
from aioags.launch import (
    MemoryLoginStore,
    MemoryRegistrationStore,
    Registered,
    Registrar,
    StoredRegistrations,
    ToolOffer,
    ToolSettings,
)
from aioags.launch.registry.key_ring import KeyRing
from aioags.protocol.messages import Request, Response
from tests.fakes import WALL, answer, private_key

LMS = "https://lms.example"
CONFIGURATION = f"{LMS}/openid-configuration?registration_token=T%2F1"
TOKEN = "platform-token-1"
TOOL = "https://tool.example"
PLATFORM = "https://purl.imsglobal.org/spec/lti-platform-configuration"
CONFIG = "https://purl.imsglobal.org/spec/lti-tool-configuration"
AGS = "https://purl.imsglobal.org/spec/lti-ags/scope/"
SCOPES = [AGS + "lineitem", AGS + "score", AGS + "result.readonly"]


def configuration(host: str = LMS, **changes: Any) -> dict[str, Any]:
    """
    Return what a platform says of itself; None leaves a field out.
    """
    fields = {
        "issuer": host,
        "authorization_endpoint": f"{host}/auth",
        "token_endpoint": f"{host}/token",
        "jwks_uri": f"{host}/jwks",
        "registration_endpoint": f"{host}/register?clientId=7",
        "scopes_supported": ["openid", *SCOPES],
        PLATFORM: {
            "product_family_code": "example",
            "version": "9",
            "messages_supported": [{"type": "LtiDeepLinkingRequest", "placements": ["ContentArea"]}],
        },
    } | changes
    return {name: value for name, value in fields.items() if value is not None}


Reply = Callable[[dict[str, Any]], Any]


def echo(document: dict[str, Any]) -> dict[str, Any]:
    """
    Take everything.
    """
    tool = document[CONFIG] | {"deployment_id": "1"}
    return document | {"client_id": "client-1", CONFIG: tool}


class PaperLMS:
    """
    A guarded transport that is the LMS.

    Attributes:
        said: Its configuration, or a whole answer.

        reply: What it answers to a registration.

        inside: URLs that `check` refuses.

        allowed: URLs that are not public, and that the operator allows.
    """

    def __init__(self) -> None:
        self.said: Any = configuration()
        self.reply: Reply = echo
        self.inside: set[str] = set()
        self.allowed: set[str] = set()
        self.sent: list[Request] = []

    async def send(self, request: Request) -> Response:
        """
        Keep the request and answer it.
        """
        self.sent.append(request)
        found = self.said if request.method == "GET" else self.reply(json.loads(request.body or b""))
        return found if isinstance(found, Response) else answer(200, found)

    async def check(self, url: str) -> bool:
        """
        Refuse what is inside.
        """
        if url in self.inside:
            raise UntrustedURLError("no public address")
        return url not in self.allowed

    async def aclose(self) -> None:
        """
        Do nothing.
        """

    @property
    def document(self) -> dict[str, Any]:
        """
        What the tool posted last.
        """
        found: dict[str, Any] = json.loads(self.sent[-1].body or b"")
        return found


class Desk:
    """
    A tool that registers itself, and the LMS.
    """

    def __init__(
        self,
        offer: ToolOffer | None = None,
        *,
        store: MemoryRegistrationStore | None = None,
        logins: MemoryLoginStore | None = None,
        **options: Any,
    ) -> None:
        self.lms = PaperLMS()
        self.now = WALL
        self.store = store or MemoryRegistrationStore()
        ring = KeyRing(private_key)
        self.settings = ToolSettings(
            registrations=StoredRegistrations(self.store, ring, seconds=0.001),
            redirect_uri=f"{TOOL}/lti/launch",
            keys=ring,
            store=logins or MemoryLoginStore(),
        )
        self.registrar = Registrar(
            self.settings,
            offer or ToolOffer(name="Quiz"),
            transport=self.lms,
            wall=lambda: self.now,
            **options,
        )

    async def invited(self, **options: Any) -> str:
        """
        Return the token of a new invitation.
        """
        return (await self.registrar.invite(**options)).partition("invitation=")[2]

    async def register(self, **changes: str | None) -> Registered:
        """
        Open the registration URL as the LMS does; None leaves a parameter out.
        """
        given = {"openid_configuration": CONFIGURATION, "registration_token": TOKEN} | changes
        return await self.registrar.register({name: value for name, value in given.items() if value is not None})
