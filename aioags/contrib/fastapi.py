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
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, Router

from aioags.contrib.base import JWKS_HEADERS, BrowserAnswer, LTIBase, read_form
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
        return _answered(await self.begin(_params(request), registration))

    async def launch(self, request: Request) -> Response:
        """
        Take a launch, and let the handler answer it.
        """
        taken = await self.take(_params(request), request.cookies)
        if isinstance(taken, BrowserAnswer):
            return _answered(taken)
        response = await self.handler(request, taken.launch, taken.gradebook)
        if taken.spent is not None:
            _set(response, taken.spent)
        return response

    async def register(self, request: Request) -> Response:
        """
        Register the tool with the platform that opened this, in a frame or a tab.
        """
        return _answered(await self.enroll(dict(request.query_params)))

    async def jwks(self, request: Request) -> Response:
        """
        Answer with the tool's public keys.
        """
        return JSONResponse(self.jwks_document(), headers=JWKS_HEADERS)


async def _params(request: Request) -> dict[str, str]:
    return await read_form(request.stream()) if request.method == "POST" else dict(request.query_params)


def _answered(answer: BrowserAnswer) -> Response:
    response = Response(answer.text, answer.status, answer.headers, answer.content_type)
    if answer.cookie is not None:
        _set(response, answer.cookie)
    return response


def _set(response: Response, cookie: Cookie) -> None:
    for value in cookie.headers:
        response.headers.append("Set-Cookie", value)
