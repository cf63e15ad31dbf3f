"""
From the emulator's page to the first grade: the tool registers itself, and no value is typed by hand.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from starlette.applications import Starlette
from starlette.requests import Request as WebRequest
from starlette.responses import PlainTextResponse, Response

from aioags import Gradebook, Score
from aioags.contrib.fastapi import LTI
from aioags.emulator import ManualClock, Platform, serve
from aioags.launch import (
    KeyRing,
    Launch,
    MemoryRegistrationStore,
    Registrar,
    StoredRegistrations,
    ToolOffer,
    ToolSettings,
)
from aioags.protocol.messages import Request
from tests.fakes import private_key
from tests.launch.examples import free_port, under_uvicorn
from tests.launch.surfer import surfer

TOOL = "https://purl.imsglobal.org/spec/lti-tool-configuration"


async def test_from_the_page_to_the_first_grade() -> None:
    platform = Platform.create()
    listener = free_port()
    tool = f"http://127.0.0.1:{listener.getsockname()[1]}"
    ring = KeyRing(private_key)
    settings = ToolSettings(
        registrations=StoredRegistrations(MemoryRegistrationStore(), ring),
        redirect_uri=f"{tool}/lti/launch",
        keys=ring,
    )
    # Loopback, where the platform of this test is, is allowed by the operator.
    registrar = Registrar(settings, ToolOffer(name="Quiz"), private_networks=["127.0.0.0/8"])
    lti = LTI(settings, registrar=registrar)

    @lti.on_launch
    async def launched(request: WebRequest, launch: Launch, gradebook: Gradebook | None) -> Response:
        assert gradebook is not None
        await gradebook.post_score(Score.graded(launch.user_id, 83, score_maximum=100))
        return PlainTextResponse("graded")

    app = Starlette(lifespan=lti.lifespan)
    app.mount("/lti", lti.app)
    async with serve(platform), under_uvicorn(app, listener), surfer() as browser:
        link = await registrar.invite()
        page = await browser.open(f"{platform.launches.register_url}?tool={quote(link, safe='')}")
        assert "The tool is registered" in page.text, page.text
        user = next(iter(platform.course.people))
        placed = list(platform.course.links.values())[-1]
        assert (await browser.open(platform.launches.url(user, placed))).text == "graded"
    item = list(platform.course.items.values())[-1]
    result = platform.result(item, user)
    assert result is not None
    assert (item.fields["label"], result["resultScore"]) == ("Quiz", 83)


class Counter:
    """
    The platform's desk without sockets, and a good request.
    """

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.platform = Platform.create(clock=self.clock)
        self.document: dict[str, Any] = {
            "application_type": "web",
            "response_types": ["id_token"],
            "grant_types": ["implicit", "client_credentials"],
            "initiate_login_uri": "https://tool.example/login",
            "redirect_uris": ["https://tool.example/launch"],
            "client_name": "Quiz",
            "jwks_uri": "https://tool.example/jwks",
            "token_endpoint_auth_method": "private_key_jwt",
            "scope": "https://purl.imsglobal.org/spec/lti-ags/scope/score https://unknown.example/scope",
            TOOL: {"domain": "tool.example", "target_link_uri": "https://tool.example/launch"},
        }

    def begin(self) -> tuple[str, str]:
        """
        Begin a registration, and return the configuration's URL and the token.
        """
        url = f"{self.platform.launches.register_url}?tool=https%3A%2F%2Ftool.example%2Fregister%3Fa%3D1"
        location = self.platform.answer(Request("GET", url)).header("Location") or ""
        assert location.startswith("https://tool.example/register?a=1&")
        query = parse_qs(urlsplit(location).query)
        return query["openid_configuration"][0], query["registration_token"][0]

    def post(self, token: str | None, document: Any = None) -> Any:
        """
        Post a registration.
        """
        headers = () if token is None else (("Authorization", f"Bearer {token}"),)
        body = json.dumps(document or self.document).encode()
        return self.platform.answer(Request("POST", f"{self.platform.base_url}/launch/registrations", headers, body))


def test_the_page_to_begin_at() -> None:
    desk = Counter()
    page = desk.platform.answer(Request("GET", desk.platform.launches.register_url))
    assert b'name="tool"' in page.body
    odd = desk.platform.answer(Request("GET", f"{desk.platform.launches.register_url}?tool=javascript%3Aalert(1)"))
    assert odd.status == 400


def test_a_tool_is_registered_with_what_both_know() -> None:
    desk = Counter()
    configuration, token = desk.begin()
    said = desk.platform.answer(Request("GET", configuration)).json()
    assert said["registration_endpoint"].startswith(desk.platform.base_url)
    answer = desk.post(token)
    assert answer.status == 200
    assert answer.json()["scope"] == "https://purl.imsglobal.org/spec/lti-ags/scope/score"
    assert answer.json()["client_id"] in desk.platform.site.state.tools
    assert answer.json()[TOOL]["deployment_id"]


def test_a_token_serves_once_and_for_an_hour() -> None:
    desk = Counter()
    configuration, token = desk.begin()
    assert desk.post(token).status == 200
    assert (desk.post(token).status, desk.post(token).json()["error"]) == (401, "token_already_used")
    configuration, token = desk.begin()
    desk.clock.advance(3600)
    assert desk.platform.answer(Request("GET", configuration)).status == 401
    assert desk.post(token).json()["error"] == "invalid_token"
    assert desk.post("another").json()["error"] == "invalid_token"
    assert desk.post(None).json()["error"] == "missing_registration_token"
    assert desk.platform.answer(Request("GET", configuration.partition("?")[0])).status == 401


@pytest.mark.parametrize(
    "change, code",
    [
        ({"grant_types": ["implict", "client_credentials"]}, "invalid_client_metadata"),
        ({"token_endpoint_auth_method": "client_secret_post"}, "invalid_client_metadata"),
        ({"scope": ["score"]}, "invalid_client_metadata"),
        ({"redirect_uris": []}, "invalid_redirect_uri"),
        ({"redirect_uris": ["tool"]}, "invalid_redirect_uri"),
        ({"jwks_uri": None}, "invalid_client_metadata"),
        ({"client_name": ""}, "invalid_client_metadata"),
        (
            {TOOL: {"domain": "https://tool.example", "target_link_uri": "https://tool.example/"}},
            "invalid_client_metadata",
        ),
        ({TOOL: None}, "invalid_client_metadata"),
    ],
)
def test_what_is_refused_may_be_mended_and_posted_again(change: dict[str, Any], code: str) -> None:
    desk = Counter()
    _, token = desk.begin()
    tools = len(desk.platform.site.state.tools)
    refused = desk.post(token, desk.document | change)
    assert (refused.status, refused.json()["error"]) == (400, code)
    assert len(desk.platform.site.state.tools) == tools
    assert desk.post(token).status == 200
