"""
Grade later: what is stored at the launch suffices hours afterwards, in another process, without the launch (AGS 3.1).
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest

from aioags import Client, Endpoint, Registration, Runtime, Score
from aioags.emulator import ManualClock, Platform
from aioags.emulator.doors.in_memory import InMemoryTransport
from aioags.emulator.wire.messages import Answer
from aioags.errors import IdTokenRefusedError, UnregisteredError
from aioags.launch import Launch, Tool, ToolSettings
from aioags.protocol.messages import Request
from tests.launch.surfer import Page

TOOL = "https://tool.example"
SIX_HOURS = 6 * 3600


class Course:
    """
    A platform without sockets, a tool, and the way between them that a browser goes.
    """

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.platform = Platform.create(clock=self.clock)
        self.platform.launches.connect(login_url=f"{TOOL}/lti/login", redirect_uri=f"{TOOL}/lti/launch")
        self.registration = Registration(**self.platform.registration_args())
        self.settings = ToolSettings(registrations=[self.registration], redirect_uri=f"{TOOL}/lti/launch")
        self.transport = InMemoryTransport(self.platform)
        self.runtime = Runtime(clock=self.clock, wall=self.clock)

    def ask(self, url: str) -> Answer:
        """
        Open a page of the platform.
        """
        return self.platform.answer(Request("GET", url))

    async def launch(self, user: str) -> Launch:
        """
        Launch as one person.
        """
        tool = Tool(self.settings, self.transport, runtime=self.runtime)
        start = self.ask(self.platform.launches.url(user)).header("Location")
        params = {name: values[0] for name, values in parse_qs(urlsplit(start or "").query).items()}
        login = await tool.login(params)
        page = Page(login.url, 200, [], self.ask(login.url).body.decode())
        assert login.cookie is not None
        return await tool.launch(page.forms[0].fields, {login.cookie.name: login.cookie.value})


def stored(launch: Launch) -> str:
    """
    Write down what a job will need, and nothing else.
    """
    assert launch.endpoint is not None
    return json.dumps(
        {
            "issuer": launch.issuer,
            "client_id": launch.client_id,
            "deployment_id": launch.deployment_id,
            "endpoint": launch.endpoint.to_claim(),
            "user_id": launch.user_id,
        }
    )


async def test_hours_later_a_job_posts_without_the_launch() -> None:
    course = Course()
    text = stored(await course.launch("user-0001"))
    course.clock.advance(SIX_HOURS)
    job = json.loads(text)
    handed_in = datetime.fromtimestamp(course.clock.now - SIX_HOURS, UTC)
    async with Client(transport=course.transport, runtime=course.runtime) as ags:
        tool = Tool(course.settings, course.transport, runtime=course.runtime)
        registration = await tool.registration(
            issuer=job["issuer"], client_id=job["client_id"], deployment_id=job["deployment_id"]
        )
        gradebook = ags.gradebook(registration, Endpoint.from_claim(job["endpoint"]))
        await gradebook.post_score(Score.graded(job["user_id"], 83, score_maximum=100, timestamp=handed_in))
    result = course.platform.result(None, "user-0001")
    assert result is not None
    assert result["resultScore"] == 83


async def test_what_is_stored_holds_no_name_no_key_and_no_token() -> None:
    text = stored(await Course().launch("user-0001"))
    for private in ("Björn", "Bj\\u00f6rn", "PRIVATE", "eyJ"):
        assert private not in text


async def test_a_registration_that_was_removed_meanwhile_is_said_to_be() -> None:
    course = Course()
    job = json.loads(stored(await course.launch("user-0001")))
    later = Tool(ToolSettings(registrations=[], redirect_uri=f"{TOOL}/lti/launch"), course.transport)
    with pytest.raises(UnregisteredError):
        await later.registration(issuer=job["issuer"], client_id=job["client_id"])


async def test_an_id_token_is_of_minutes_not_of_hours() -> None:
    course = Course()
    course.platform.launches.tamper = lambda header, claims: course.clock.advance(SIX_HOURS)
    with pytest.raises(IdTokenRefusedError) as caught:
        await course.launch("user-0001")
    assert caught.value.reason == "exp"


async def test_a_clock_of_the_platform_that_is_wrong_is_named() -> None:
    course = Course()
    course.platform.site.skew = 3600
    with pytest.raises(IdTokenRefusedError, match="compare the clocks") as caught:
        await course.launch("user-0001")
    assert caught.value.reason == "iat"
