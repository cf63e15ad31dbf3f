"""
A platform without sockets, a tool, and the way between them that a browser goes.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from aioags import Registration, Runtime
from aioags.emulator import ManualClock, Platform
from aioags.emulator.doors.in_memory import InMemoryTransport
from aioags.emulator.wire.messages import Answer
from aioags.launch import DeepLinkingResponse, Launch, Tool, ToolSettings
from aioags.protocol.messages import Request
from tests.launch.surfer import Page

TOOL = "https://tool.example"
FORM = (("Content-Type", "application/x-www-form-urlencoded"),)


class Course:
    """
    One emulated course, and one tool that it launches.
    """

    def __init__(self, **platform: Any) -> None:
        self.clock = ManualClock()
        self.platform = Platform.create(clock=self.clock, **platform)
        self.platform.launches.connect(login_url=f"{TOOL}/lti/login", redirect_uri=f"{TOOL}/lti/launch")
        self.registration = Registration(**self.platform.registration_args())
        self.settings = ToolSettings(registrations=[self.registration], redirect_uri=f"{TOOL}/lti/launch")
        self.transport = InMemoryTransport(self.platform)
        self.runtime = Runtime(clock=self.clock, wall=self.clock)
        self.tool = Tool(self.settings, self.transport, runtime=self.runtime)

    def ask(self, url: str) -> Answer:
        """
        Open a page of the platform.
        """
        return self.platform.answer(Request("GET", url))

    async def launch(self, user: str | None = None, **options: Any) -> Launch:
        """
        Launch as one person. None: the first in the course.
        """
        user = user or next(iter(self.platform.course.people))
        start = self.ask(self.platform.launches.url(user, **options)).header("Location")
        params = {name: values[0] for name, values in parse_qs(urlsplit(start or "").query).items()}
        login = await self.tool.login(params)
        page = Page(login.url, 200, [], self.ask(login.url).body.decode())
        assert login.cookie is not None
        return await self.tool.launch(page.forms[0].fields, {login.cookie.name: login.cookie.value})

    def hand_back(self, response: DeepLinkingResponse) -> Answer:
        """
        Post the tool's answer to deep linking to the platform.
        """
        return self.platform.answer(Request("POST", response.url, FORM, urlencode({"JWT": response.jwt}).encode()))
