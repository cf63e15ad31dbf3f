"""
One wrong value of a registration at a time, on the emulator: what comes of it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import attrs

from aioags import Client, Endpoint, Registration, Score
from aioags.emulator import Platform
from aioags.emulator.doors.in_memory import InMemoryTransport
from aioags.errors import AGSError
from aioags.launch import Launch, Tool, ToolSettings, dump_key, generate_key
from aioags.launch.lms_fields import Step
from aioags.protocol.messages import Request
from tests.launch.surfer import Page

TOOL = "https://tool.example"
LOGIN, REDIRECT = f"{TOOL}/lti/login", f"{TOOL}/lti/launch"
ELSEWHERE = "https://other.example/quiz"
OTHER_KEY = dump_key(generate_key())


@attrs.frozen
class Desk:
    """
    One emulated LMS, and a tool that is registered with it.
    """

    platform: Platform
    registration: Registration
    transport: InMemoryTransport

    @classmethod
    def of(cls, profile: str) -> Desk:
        """
        Agree on everything.
        """
        platform = Platform.create(profile)
        platform.launches.connect(login_url=LOGIN, redirect_uri=REDIRECT)
        return cls(platform, Registration(**platform.registration_args()), InMemoryTransport(platform))

    def believing(self, **wrong: Any) -> Desk:
        """
        Write something wrong down at the tool.
        """
        return attrs.evolve(self, registration=attrs.evolve(self.registration, **wrong))

    def click(self) -> dict[str, str]:
        """
        Click the tool's link, and return what the LMS tells its login URL.
        """
        url = self.platform.launches.url(self.platform.users()[0])
        location = self.platform.answer(Request("GET", url)).header("Location") or ""
        return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}

    async def launch(self) -> Launch | str:
        """
        Launch; return the page where the LMS does not let the browser go on.
        """
        settings = ToolSettings(registrations=[self.registration], redirect_uri=REDIRECT)
        tool = Tool(settings, self.transport)
        login = await tool.login(self.click())
        answer = self.platform.answer(Request("GET", login.url))
        page = Page(login.url, answer.status, [], answer.body.decode())
        if not page.forms:
            return page.text
        return await tool.launch(page.forms[0].fields, {login.cookie.name: login.cookie.value})

    async def grade(self) -> None:
        """
        Launch, and post one score.
        """
        launch = await self.launch()
        assert isinstance(launch, Launch)
        assert launch.endpoint is not None
        await self.post(launch.endpoint)

    async def post(self, endpoint: Endpoint) -> None:
        """
        Post one score, whatever was launched before.
        """
        user, item = self.platform.users()[0], self.platform.line_items()[0]["id"]
        async with Client(transport=self.transport) as client:
            score = Score.graded(user, 1, score_maximum=1)
            await client.gradebook(self.registration, endpoint).post_score(score, line_item=item)

    async def post_to_first(self) -> None:
        """
        Post one score to what a launch with the right values offers.
        """
        await self.post(Endpoint.from_claim(self.platform.endpoint_claim()))

    async def login_at_redirect(self) -> None:
        """
        Begin a login where launches end.
        """
        settings = ToolSettings(registrations=[self.registration], redirect_uri=REDIRECT)
        await Tool(settings, self.transport).launch(self.click(), {})


Outcome = Awaitable[Launch | str | None]


def _redirect(desk: Desk) -> Outcome:
    desk.platform.launches.connect(login_url=LOGIN, redirect_uri=f"{REDIRECT}/")
    return desk.launch()


def _target(desk: Desk) -> Outcome:
    desk.platform.launches.connect(login_url=LOGIN, redirect_uri=REDIRECT, target_link_uri=ELSEWHERE)
    return desk.launch()


def _key_set(desk: Desk) -> Outcome:
    # Port 9 discards, and nothing listens there.
    desk.platform.register_keys(jwks_url="http://127.0.0.1:9/jwks")
    return desk.post_to_first()


def _scopes(desk: Desk) -> Outcome:
    tool = desk.platform.tool
    tool.scopes = tuple(scope for scope in tool.scopes if not scope.endswith("/score"))
    return desk.grade()


MADE: Mapping[tuple[str, Step], tuple[Mapping[str, str], Callable[[Desk], Outcome]]] = {
    ("redirect_uri", Step.BROWSER): ({}, _redirect),
    ("login_url", Step.LAUNCH): ({}, Desk.login_at_redirect),
    ("key_set_url", Step.TOKEN): ({}, _key_set),
    ("public_key", Step.TOKEN): ({"key": OTHER_KEY}, Desk.post_to_first),
    ("target_link_uri", Step.LAUNCH): ({}, _target),
    ("scopes", Step.SCORE): ({}, _scopes),
    ("issuer", Step.LAUNCH): ({"issuer": "https://wrong.example"}, Desk.launch),
    ("client_id", Step.LAUNCH): ({"client_id": "99"}, Desk.launch),
    ("client_id", Step.TOKEN): ({"client_id": "99"}, Desk.post_to_first),
    ("deployment_id", Step.LAUNCH): ({"deployment_id": "wrong"}, Desk.launch),
    ("token_url", Step.TOKEN): ({"token_url": "<jwks_url>"}, Desk.post_to_first),
    ("authorization_url", Step.BROWSER): ({"authorization_url": "<jwks_url>"}, Desk.launch),
    ("jwks_url", Step.LAUNCH): ({"jwks_url": "<issuer>/wrong"}, Desk.launch),
    ("audience", Step.TOKEN): ({"audience": "https://wrong.example/token"}, Desk.post_to_first),
}
"""Value and where it shows: what is written down wrong at the tool, and what is done then."""


async def said(profile: str, value: str, step: Step) -> tuple[str, Mapping[str, str]]:
    """
    Make one mistake on the emulator.

    Returns:
        What is said of it, and what its placeholders stand for: what was launched, and for ``audience`` and the client
        id of a token what was sent.
    """
    desk = Desk.of(profile)
    right = {name: str(getattr(desk.registration, name)) for name in ("issuer", "client_id", "jwks_url", "token_url")}
    right["deployment_id"] = desk.click()["lti_deployment_id"]
    changes, make = MADE[value, step]
    wrong = {
        name: text.replace("<jwks_url>", right["jwks_url"]).replace("<issuer>", right["issuer"])
        for name, text in changes.items()
    }
    facts = {**right, "tool_origin": "https://tool.example:443"}
    facts |= {name: text for name, text in wrong.items() if step is Step.TOKEN or name == "jwks_url"}
    try:
        outcome = await make(desk.believing(**wrong))
    except AGSError as error:
        return str(error), facts
    assert isinstance(outcome, str), f"{value} may be wrong on {profile}"
    return outcome, facts
