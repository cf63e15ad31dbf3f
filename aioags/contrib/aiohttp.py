"""
Launches in aiohttp.

Example::

    lti = LTI(ToolSettings(registrations=[...], redirect_uri="https://tool.example/lti/launch", keys=[...]))
    app = web.Application()
    lti.setup(app, "/lti")  # /lti/login, /lti/launch, /lti/jwks

    @lti.on_launch
    async def quiz(request: web.Request, launch: Launch, gradebook: Gradebook | None) -> web.StreamResponse: ...

    async def answers(request: web.Request) -> web.Response:
        ags = request.app[CLIENT]
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from aiohttp import web

from aioags.client import Client
from aioags.contrib.base import JWKS_HEADERS, BrowserAnswer, LTIBase, read_form
from aioags.gradebook import Gradebook
from aioags.launch import Cookie, Launch
from aioags.model.registration import Registration

Handler = Callable[[web.Request, Launch, Gradebook | None], Awaitable[web.StreamResponse]]
"""What `LTI.on_launch` marks."""

CLIENT = web.AppKey("aioags.client", Client)
"""Key of the `Client` in the application: ``request.app[CLIENT]``."""

# aiohttp 3.14 warns of plain names; before it there was nothing else.
LAUNCH: Any = getattr(web, "RequestKey", lambda name, _: name)("aioags.launch", Launch)
"""Key of the `Launch` in the request that brought it, for middlewares: ``request[LAUNCH]``."""


class LTI(LTIBase[Handler]):
    """
    The routes of launches, and the client, for one application.
    """

    def setup(self, app: web.Application, prefix: str = "/lti") -> None:
        """
        Add the routes, and be open from the application's start-up to its shutdown.

        Args:
            prefix: Before ``/login``, ``/launch`` and ``/jwks``, with a registrar ``/register``. Empty: none.
        """
        app.router.add_route("*", f"{prefix}/login", self.login)
        app.router.add_post(f"{prefix}/launch", self.launch)
        app.router.add_get(f"{prefix}/jwks", self.jwks)
        if self.registrar is not None:
            app.router.add_get(f"{prefix}/register", self.register)
        app.cleanup_ctx.append(self.cleanup_context)

    async def cleanup_context(self, app: web.Application) -> AsyncIterator[None]:
        """
        Be open while the application runs.
        """
        async with self.opened() as client:
            app[CLIENT] = client
            yield

    async def login(self, request: web.Request, *, registration: Registration | None = None) -> web.StreamResponse:
        """
        Answer a login request: GET or POST.

        Args:
            registration: For a login URL of a route of your own that is for one registration; see `Tool.login`. None:
                the request says.
        """
        if request.method not in {"GET", "POST"}:
            raise web.HTTPMethodNotAllowed(request.method, ["GET", "POST"])
        return _answered(await self.begin(_params(request), registration))

    async def launch(self, request: web.Request) -> web.StreamResponse:
        """
        Take a launch, and let the handler answer it.
        """
        taken = await self.take(_params(request), request.cookies)
        if isinstance(taken, BrowserAnswer):
            return _answered(taken)
        request[LAUNCH] = taken.launch
        response = await self.handler(request, taken.launch, taken.gradebook)
        if taken.spent is not None and not response.prepared:
            _set(response, taken.spent)
        return response

    async def register(self, request: web.Request) -> web.StreamResponse:
        """
        Register the tool with the platform that opened this, in a frame or a tab.
        """
        return _answered(await self.enroll(dict(request.query)))

    async def jwks(self, request: web.Request) -> web.StreamResponse:
        """
        Answer with the tool's public keys.
        """
        return web.json_response(self.jwks_document(), headers=JWKS_HEADERS)


async def _params(request: web.Request) -> dict[str, str]:
    return await read_form(request.content.iter_any()) if request.method == "POST" else dict(request.query)


def _answered(answer: BrowserAnswer) -> web.Response:
    response = web.Response(
        text=answer.text, status=answer.status, content_type=answer.content_type, headers=answer.headers
    )
    if answer.cookie is not None:
        _set(response, answer.cookie)
    return response


def _set(response: web.StreamResponse, cookie: Cookie) -> None:
    for value in cookie.headers:
        response.headers.add("Set-Cookie", value)
