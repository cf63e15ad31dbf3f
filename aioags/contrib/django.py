"""
Launches in Django, with async views.

Example::

    # settings.py
    AIOAGS = "project.lti.settings"  # dotted path of a ToolSettings, or of a function that returns one; or the object

    # project/quiz.py
    lti = LTI.from_settings()

    @lti.on_launch
    async def quiz(request: HttpRequest, launch: Launch, gradebook: Gradebook | None) -> HttpResponse: ...

    # urls.py
    urlpatterns = [path("lti/", include(lti.urls))]  # lti/login, lti/launch, lti/jwks

    # asgi.py
    application = lti.lifespan(get_asgi_application())

Django itself knows neither start-up nor shutdown; `LTI.lifespan` tells them from the server (uvicorn, hypercorn,
granian). Under a server that does not speak of them (Daphne), the client is opened at the first request. Under WSGI
every request has an event loop of its own, and nothing could be kept open: launches are refused there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import AsyncExitStack
from typing import Any, Self

from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotAllowed, JsonResponse
from django.urls import URLPattern, path
from django.utils.module_loading import import_string

from aioags.contrib.base import JWKS_HEADERS, BrowserAnswer, LTIBase, Opened
from aioags.gradebook import Gradebook
from aioags.launch import Cookie, Launch, Registrar, ToolSettings
from aioags.model.registration import Registration

Handler = Callable[[HttpRequest, Launch, Gradebook | None], Awaitable[HttpResponseBase]]
"""What `LTI.on_launch` marks."""

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApplication = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]


class LTI(LTIBase[Handler]):
    """
    The routes of launches, and the client, for one project.
    """

    _loop: asyncio.AbstractEventLoop | None = None

    @classmethod
    def from_settings(cls, *, registrar: Callable[[ToolSettings], Registrar] | None = None) -> Self:
        """
        Make it as ``settings.AIOAGS`` says.

        Args:
            registrar: Makes the registrar of these settings. None: there is none.

        Raises:
            ImproperlyConfigured: The setting is missing, or is no `ToolSettings`.
        """
        value = getattr(django_settings, "AIOAGS", None)
        if isinstance(value, str):
            value = import_string(value)
        if callable(value):
            value = value()
        if not isinstance(value, ToolSettings):
            raise ImproperlyConfigured("settings.AIOAGS must be an aioags.launch.ToolSettings, or the path of one")
        return cls(value, registrar=None if registrar is None else registrar(value))

    @property
    def urls(self) -> list[URLPattern]:
        """
        The routes, for ``include``: ``login``, ``launch``, ``jwks``, with a registrar ``register``; also their names.
        """
        views = {"login": self.login, "launch": self.launch, "jwks": self.jwks}
        if self.registrar is not None:
            views["register"] = self.register
        return [path(name, _plain(view), name=name) for name, view in views.items()]

    def lifespan(self, application: Any) -> ASGIApplication:
        """
        Wrap the project's ASGI application, to be open from start-up to shutdown.
        """

        async def wrapped(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
            if scope["type"] == "lifespan":
                await self._live(receive, send)
            else:
                await application(scope, receive, send)

        return wrapped

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        async with AsyncExitStack() as stack:
            try:
                await stack.enter_async_context(self.opened())
            except Exception as error:
                await send({"type": "lifespan.startup.failed", "message": f"aioags: {error}"})
                raise
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})

    def _open(self) -> Opened:
        self._loop = asyncio.get_running_loop()
        return super()._open()

    def _running(self) -> Opened:
        # The loop of an earlier test, or of a reloaded server, is gone with all that it had open.
        if self._opened is None or self._loop is not asyncio.get_running_loop():
            self._opened = self._open()
        return self._opened

    async def login(self, request: HttpRequest, *, registration: Registration | None = None) -> HttpResponseBase:
        """
        Answer a login request: GET or POST.

        Args:
            registration: For a login URL of a route of your own that is for one registration; see `Tool.login`. None:
                the request says.
        """
        if request.method not in {"GET", "POST"}:
            return HttpResponseNotAllowed(["GET", "POST"])
        _check_server(request)
        return _answered(await self.begin(_params(request), registration))

    async def launch(self, request: HttpRequest) -> HttpResponseBase:
        """
        Take a launch, and let the handler answer it.
        """
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        _check_server(request)
        taken = await self.take(_params(request), request.COOKIES)
        if isinstance(taken, BrowserAnswer):
            return _answered(taken)
        response = await self.handler(request, taken.launch, taken.gradebook)
        if taken.spent is not None:
            _set(response, taken.spent)
        return _framable(response)

    async def register(self, request: HttpRequest) -> HttpResponseBase:
        """
        Register the tool with the platform that opened this, in a frame or a tab.
        """
        if request.method != "GET":
            return HttpResponseNotAllowed(["GET"])
        _check_server(request)
        return _answered(await self.enroll(request.GET.dict()))

    async def jwks(self, request: HttpRequest) -> HttpResponseBase:
        """
        Answer with the tool's public keys.
        """
        if request.method not in {"GET", "HEAD"}:
            return HttpResponseNotAllowed(["GET", "HEAD"])
        return JsonResponse(self.jwks_document(), headers=JWKS_HEADERS)


def _plain(view: Callable[[HttpRequest], Awaitable[HttpResponseBase]]) -> Any:
    async def exempt(request: HttpRequest) -> HttpResponseBase:
        return await view(request)

    # The platform's page posts the launch, and cannot have our token; state and cookie are the guard (SEC 7.3.1).
    exempt.csrf_exempt = True  # type: ignore[attr-defined]
    return exempt


def _check_server(request: HttpRequest) -> None:
    if not isinstance(request, ASGIRequest):
        raise ImproperlyConfigured("aioags takes launches under ASGI only: serve the project with an ASGI server")


def _framable(response: HttpResponseBase) -> HttpResponseBase:
    # Platforms show tools in frames; Django's middleware would forbid it.
    response.xframe_options_exempt = True  # type: ignore[attr-defined]
    return response


async def _params(request: HttpRequest) -> dict[str, Any]:
    return (request.POST if request.method == "POST" else request.GET).dict()


def _answered(answer: BrowserAnswer) -> HttpResponseBase:
    content_type = f"{answer.content_type}; charset=utf-8"
    response = HttpResponse(answer.text, status=answer.status, content_type=content_type, headers=answer.headers)
    if answer.cookie is not None:
        _set(response, answer.cookie)
    return _framable(response)


def _set(response: HttpResponseBase, cookie: Cookie) -> None:
    # Django has room for one header of a name, beside its own jar, which cannot spell Partitioned before Python 3.14.
    _, response.headers["Set-Cookie"] = cookie.headers
    response.set_cookie(cookie.name, cookie.value, cookie.seconds, secure=True, httponly=True, samesite="None")
