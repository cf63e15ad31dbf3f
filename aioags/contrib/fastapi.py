"""
Launches in FastAPI, and in plain Starlette.

Example::

    lti = LTI(ToolSettings(registrations=[...], redirect_uri="https://tool.example/lti/launch", keys=[...]))
    app = FastAPI(lifespan=lti.lifespan)
    app.mount("/lti", lti.app)  # /lti/login, /lti/launch, /lti/jwks

    @lti.on_launch
    async def quiz(request: Request, launch: Launch, gradebook: Gradebook | None) -> Response: ...

    @app.post("/answers")
    async def answers(ags: Annotated[Client, Depends(lti.client)]) -> Response: ...

An application with a lifespan of its own enters ``lti.opened()`` in it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import cached_property
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route, Router

from aioags.contrib.base import (
    JWKS_HEADERS,
    NO_STORE,
    AnsweredPage,
    LTIBase,
    read_form,
    refusal_status,
    refusal_text,
)
from aioags.errors import LaunchError
from aioags.gradebook import Gradebook
from aioags.launch import Cookie, Launch
from aioags.model.registration import Registration

Handler = Callable[[Request, Launch, Gradebook | None], Awaitable[Response]]
"""What `LTI.on_launch` marks."""


class LTI(LTIBase[Handler]):
    """
    The routes of launches, and the client, for one application.

    """

    @cached_property
    def app(self) -> Router:
        """
        An ASGI application with ``/login``, ``/launch`` and ``/jwks``, to be mounted; with a registrar ``/register``.
        """
        routes = [
            Route("/login", self.login, methods=["GET", "POST"]),
            Route("/launch", self.launch, methods=["POST"]),
            Route("/jwks", self.jwks, methods=["GET"]),
        ]
        if self.registrar is not None:
            routes.append(Route("/register", self.register, methods=["GET"]))
        return Router(routes)

    @asynccontextmanager
    async def lifespan(self, app: Any) -> AsyncIterator[None]:
        """
        Be open from the application's start-up to its shutdown.
        """
        async with self.opened():
            yield

    async def login(self, request: Request, *, registration: Registration | None = None) -> Response:
        """
        Answer a login request: GET or POST.

        Args:
            registration: For a login URL of a route of your own that is for one registration; see `Tool.login`. None:
                the request says.
        """
        try:
            params = await read_form(request.stream()) if request.method == "POST" else dict(request.query_params)
            login = await self.begin(params, registration=registration)
        except LaunchError as error:
            return _refused(error)
        response = (
            RedirectResponse(login.url, status_code=302, headers=NO_STORE)
            if login.page is None
            else _shown(AnsweredPage(login.page, 200))
        )
        _set(response, login.cookie)
        return response

    async def launch(self, request: Request) -> Response:
        """
        Take a launch, and let the handler answer it.
        """
        try:
            taken = await self.take(await read_form(request.stream()), request.cookies)
        except LaunchError as error:
            return _refused(error)
        if isinstance(taken, AnsweredPage):
            return _shown(taken)
        response = await self.handler(request, taken.launch, taken.gradebook)
        if taken.spent is not None:
            _set(response, taken.spent)
        return response

    async def register(self, request: Request) -> Response:
        """
        Register the tool with the platform that opened this, in a frame or a tab.
        """
        return _shown(await self.enroll(dict(request.query_params)))

    async def jwks(self, request: Request) -> Response:
        """
        Answer with the tool's public keys.
        """
        return JSONResponse(self.jwks_document(), headers=JWKS_HEADERS)


def _shown(page: AnsweredPage) -> Response:
    return HTMLResponse(page.html, page.status, NO_STORE)


def _set(response: Response, cookie: Cookie) -> None:
    for value in cookie.headers:
        response.headers.append("Set-Cookie", value)


def _refused(error: LaunchError) -> Response:
    return PlainTextResponse(refusal_text(error), refusal_status(error), NO_STORE)
