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
from aioags.launch import DeepLinkingResponse, Launch, Login, Tool, ToolSettings
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

    async def begin(self, url: str) -> Login:
        """
        Open the address of a launch, and begin the login that it leads to.
        """
        start = self.ask(url).header("Location")
        return await self.tool.login(
            {name: values[0] for name, values in parse_qs(urlsplit(start or "").query).items()}
        )

    async def launch(self, user: str | None = None, **options: Any) -> Launch:
        """
        Launch as one person. None: the first in the course.
        """
        return await self._open(user or next(iter(self.platform.course.people)), **options)

    async def launch_anonymously(self) -> Launch:
        """
        Launch as nobody in particular.
        """
        return await self._open(None)

    async def _open(self, user: str | None, **options: Any) -> Launch:
        login = await self.begin(self.platform.launches.url(user, **options))
        page = Page(login.url, 200, [], self.ask(login.url).body.decode())
        return await self.tool.launch(page.forms[0].fields, {login.cookie.name: login.cookie.value})

    def hand_back(self, response: DeepLinkingResponse) -> Answer:
        """
        Post the tool's answer to deep linking to the platform.
        """
        return self.platform.answer(Request("POST", response.url, FORM, urlencode({"JWT": response.jwt}).encode()))
