"""
A launch from the click in the course to what the tool shows, with all that is in between.

Theory of operation. The browser asks the platform for the page behind a link of the course, and goes where it is sent:
redirects, and forms that post themselves between platform and tool. The platform is asked as a value; the tool is an
application that is started when it is launched first, and shut down with the launcher. Scripts are not run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any, Self
from urllib.parse import urlencode, urljoin, urlsplit

import attrs

from aioags.emulator.browser.apps import Ask, started
from aioags.emulator.browser.cookies import CookieJar
from aioags.emulator.browser.html_reader import Form, forms
from aioags.emulator.doors.key_fetch import fetch_keys
from aioags.emulator.launching.desk import Connection
from aioags.emulator.platform import Platform
from aioags.emulator.site.state import Link
from aioags.emulator.site.tool_keys import jwt_part
from aioags.emulator.wire.messages import Answer
from aioags.emulator.wire.names import DL
from aioags.protocol.messages import Request

LOGIN_URL, REDIRECT_URI = "https://tool.example/lti/login", "https://tool.example/lti/launch"
# Of redirects and forms that post themselves, one after the other.
MOST_STEPS = 20
FORM = "application/x-www-form-urlencoded"


@attrs.frozen
class DeepLinkAnswer:
    """
    What the tool answered to a deep linking launch.

    Attributes:
        claims: Of its JWT.

        content_items: Those among them, as the standard writes them (DL 3).

        links: What the platform placed in the course for them, in order; empty when it refused. Launch one with
            ``ags_launch(app, link=…)``.
    """

    claims: dict[str, Any] = attrs.field(repr=False)
    content_items: list[dict[str, Any]] = attrs.field(repr=False)
    links: list[Link]


@attrs.frozen
class LaunchedPage:
    """
    What the browser shows in the end.

    Attributes:
        url: Where it is.

        status: Of the answer. A redirect to a site that is neither platform nor tool is not followed but shown.

        headers: Of the answer, by lower-case name.

        text: The body as text.

        cookies: What the browser holds for this page, by name.

        deep_link: The tool's answer to deep linking. None: it gave none.
    """

    url: str
    status: int
    headers: Mapping[str, str] = attrs.field(repr=False)
    text: str = attrs.field(repr=False)
    cookies: dict[str, str] = attrs.field(repr=False)
    deep_link: DeepLinkAnswer | None = None
    _browser: _Browser = attrs.field(alias="browser", kw_only=True, repr=False, eq=False)

    async def submit(self, **fields: str) -> LaunchedPage:
        """
        Fill in the first form of the page, and send it.

        Args:
            fields: Values by name, beside those that stand in the form.

        Raises:
            LookupError: There is no form.
        """
        found = forms(self.text)
        if not found:
            raise LookupError(f"{self.url} has no form")
        form = found[0]
        form.fields |= fields
        return await self._browser.go(*_of_form(self.url, form), self.url)

    async def open(self, url: str) -> LaunchedPage:
        """
        Follow a link of the page; a path is of the same site.
        """
        return await self._browser.go("GET", urljoin(self.url, url), None, self.url)


@attrs.define(eq=False)
class _Browser:
    platform: Platform
    tool: Ask
    hosts: set[str]
    jar: CookieJar
    answered: DeepLinkAnswer | None = None

    async def go(self, method: str, url: str, fields: dict[str, str] | None, source: str | None) -> LaunchedPage:
        self.answered = None
        for _ in range(MOST_STEPS):
            answer = await self._ask(method, url, fields, source)
            step = self._next(url, answer)
            if step is None:
                return self._page(url, answer)
            source = url
            method, url, fields = step
        raise RuntimeError(f"after {MOST_STEPS} redirects and forms, {url} still leads elsewhere")

    def _next(self, url: str, answer: Answer) -> tuple[str, str, dict[str, str] | None] | None:
        if answer.status in (301, 302, 303, 307, 308):
            target = urljoin(url, answer.header("Location") or "")
            # A form is not sent again with 307 and 308: nothing in a launch asks for it.
            return ("GET", target, None) if self._is_near(target) else None
        text = _text(answer)
        found = forms(text) if ".submit(" in text else []
        for form in found:
            step = _of_form(url, form)
            # A tool's own form waits for the person, whatever scripts there are beside it.
            if self._is_platform(url) or self._is_platform(step[1]):
                return step if self._is_near(step[1]) else None
        return None

    def _is_platform(self, url: str) -> bool:
        return url.startswith(self.platform.base_url + "/")

    def _is_near(self, url: str) -> bool:
        return self._is_platform(url) or urlsplit(url).hostname in self.hosts

    async def _ask(self, method: str, url: str, fields: dict[str, str] | None, source: str | None) -> Answer:
        initiator = urlsplit(source).hostname if source is not None else None
        held = self.jar.sent(url, method, initiator)
        headers = [("Host", urlsplit(url).netloc)]
        if held:
            headers.append(("Cookie", "; ".join(f"{name}={value}" for name, value in held.items())))
        body = urlencode(fields).encode() if fields is not None else None
        if body is not None:
            origin = "{0.scheme}://{0.netloc}".format(urlsplit(source or url))
            headers += [("Content-Type", FORM), ("Content-Length", str(len(body))), ("Origin", origin)]
        request = Request(method, url, tuple(headers), body)
        answer = (
            await self._platform_says(request, fields or {}) if self._is_platform(url) else await self.tool(request)
        )
        for name, value in answer.headers:
            if name.lower() == "set-cookie":
                self.jar.keep(url, value)
        return answer

    async def _platform_says(self, request: Request, fields: dict[str, str]) -> Answer:
        await fetch_keys(self.platform, request)
        before = set(self.platform.course.links)
        answer = self.platform.answer(request)
        if "JWT" in fields:
            links = [link for name, link in self.platform.course.links.items() if name not in before]
            claims = _claims(fields["JWT"])
            self.answered = DeepLinkAnswer(claims, claims.get(DL + "content_items", []), links)
        return answer

    def _page(self, url: str, answer: Answer) -> LaunchedPage:
        headers: dict[str, str] = {}
        for name, value in answer.headers:
            known = headers.get(name.lower())
            headers[name.lower()] = value if known is None else f"{known}, {value}"
        held = self.jar.of(url)
        return LaunchedPage(url, answer.status, headers, _text(answer), held, self.answered, browser=self)


@attrs.define(eq=False)
class AppLauncher:
    """
    Launches applications from one platform: the fixture ``ags_launch``, and for other test runners
    ``async with AppLauncher(platform) as launch``.

    The tool fetches the platform's keys by itself: `serve` the platform, or `serve_in_thread`.
    """

    platform: Platform
    # By identity: an application need not be hashable. It is kept, so that no other one gets its number.
    _running: dict[int, tuple[Any, Ask]] = attrs.field(factory=dict, init=False, repr=False)
    _stack: AsyncExitStack = attrs.field(factory=AsyncExitStack, init=False, repr=False)
    _loop: asyncio.AbstractEventLoop | None = attrs.field(default=None, init=False, repr=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """
        Shut down the applications that were launched.
        """
        self._running.clear()
        await self._stack.aclose()

    def close(self) -> None:
        """
        Do as `aclose` from outside of the event loop, while it stands still; nothing where it is closed already.
        """
        if self._loop is not None and not self._loop.is_closed():
            self._loop.run_until_complete(self.aclose())

    async def __call__(
        self,
        app: Any,
        *,
        user: str | None = None,
        link: Link | None = None,
        deep_linking: bool = False,
        frame: bool = True,
        cookies: bool = True,
        login_url: str | None = None,
        redirect_uri: str | None = None,
        review_of: str | None = None,
        anonymous: bool = False,
    ) -> LaunchedPage:
        """
        Click a link of the course: login, launch, and what the tool shows then.

        Args:
            app: An application of ASGI (FastAPI, Starlette, Django), or an ``aiohttp.web.Application``. It is started
                by its first launch, and shut down in the end.

            user: User id of who clicks. None: the first learner, or with `deep_linking` or `review_of` the first
                instructor.

            link: None: the first of the course.

            deep_linking: Pick content for the course, instead of opening a link. What a page of the tool sends back by
                itself is sent.

            frame: The tool is shown in a frame of the course, as mostly: only cookies with ``SameSite=None; Secure``
                are kept. False: in a window of its own.

            cookies: False: the browser keeps none.

            login_url, redirect_uri: Where the tool takes launches. None: as `LaunchDesk.connect` was told, or else
                ``https://tool.example/lti/login`` and ``https://tool.example/lti/launch``.

            review_of: User id of whose submission is looked at, from the gradebook. None: the link is opened.

            anonymous: Nobody in particular clicks, as in a public course.

        Raises:
            LookupError: There is no such person in the course.

            TypeError: It is no application of ASGI or aiohttp.

            RuntimeError: The application does not start, or sends the browser round and round. What it raises itself
                comes as it is.

        Spec:
            SEC 5.1, DL 2
        """
        connection = self._connected(login_url, redirect_uri)
        who = None if anonymous else self._person(user, deep_linking or review_of is not None)
        if review_of is not None:
            self._person(review_of, False)
        urls = (connection.login_url, connection.target_link_uri, *connection.redirect_uris)
        hosts = {urlsplit(url).hostname or "" for url in urls}
        around = urlsplit(self.platform.base_url).hostname if frame else None
        browser = _Browser(self.platform, await self._started(app), hosts, CookieJar(around, cookies))
        start = self.platform.launches.url(who, link, deep_linking=deep_linking, review_of=review_of)
        return await browser.go("GET", start, None, self.platform.base_url)

    async def _started(self, app: Any) -> Ask:
        self._loop = asyncio.get_running_loop()
        if id(app) not in self._running:
            self._running[id(app)] = (app, await self._stack.enter_async_context(started(app)))
        return self._running[id(app)][1]

    def _connected(self, login_url: str | None, redirect_uri: str | None) -> Connection:
        desk, client_id = self.platform.launches, self.platform.tool.client_id
        known = desk.connections.get(client_id)
        if known is None or login_url is not None or redirect_uri is not None:
            told = known or Connection(LOGIN_URL, (REDIRECT_URI,), REDIRECT_URI)
            desk.connect(login_url=login_url or told.login_url, redirect_uri=redirect_uri or told.redirect_uris[0])
        return desk.connections[client_id]

    def _person(self, user: str | None, deep_linking: bool) -> str:
        people = self.platform.course.people
        if user is not None:
            if user not in people:
                raise LookupError(f"nobody in the course has the user id {user!r}")
            return user
        role = "Instructor" if deep_linking else "Learner"
        found = next((person.user_id for person in people.values() if person.role == role), None)
        if found is None:
            raise LookupError(f"the course has no {role}: name somebody with user=")
        return found


def _of_form(url: str, form: Form) -> tuple[str, str, dict[str, str] | None]:
    target = urljoin(url, form.action)
    if form.method == "POST":
        return "POST", target, form.fields
    return "GET", f"{target.partition('?')[0]}?{urlencode(form.fields)}", None


def _text(answer: Answer) -> str:
    return answer.body.decode("utf-8", "replace")


def _claims(token: str) -> dict[str, Any]:
    # For a test to look at; the platform has verified it, or said why not.
    try:
        claims = jwt_part(token.split(".")[1])
    except (ValueError, LookupError):
        return {}
    return claims if isinstance(claims, dict) else {}
