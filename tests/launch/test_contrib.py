"""
What the frameworks' files do beside the examples: start-up, shutdown, frames, settings, handlers.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import attrs
import pytest
from aiohttp import web
from django.conf import settings as django_project
from django.core.asgi import get_asgi_application
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse
from django.test import AsyncRequestFactory, RequestFactory, override_settings
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from aioags import AGS_CLAIM, Client, Registration
from aioags.calls.transport import Transport
from aioags.contrib import aiohttp as for_aiohttp
from aioags.contrib import django as for_django
from aioags.contrib import fastapi as for_starlette
from aioags.contrib.base import LTIBase, read_form
from aioags.errors import LaunchError
from aioags.launch import FixedRegistrations, Launch, ToolSettings
from tests.launch.examples import example, load, served, under_aiohttp, under_uvicorn
from tests.launch.paper_lms import REDIRECT, PaperKeys, lms_registration
from tests.launch.surfer import surfer

SETTINGS = ToolSettings(registrations=[lms_registration()], redirect_uri=REDIRECT)
NAMES = ["login", "launch", "jwks", "client", "opened", "on_launch", "registration", "register"]


@attrs.define
class Counting(PaperKeys):
    """
    A transport that counts how often it was closed.
    """

    closed: int = 0

    async def aclose(self) -> None:
        """
        Count.
        """
        self.closed += 1


async def test_one_client_from_start_up_to_shutdown_with_a_transport_shared_and_closed_once() -> None:
    transport, made = Counting(), []

    def client(shared: Transport) -> Client:
        made.append(shared)
        return Client(transport=shared)

    lti: LTIBase[Any] = LTIBase(SETTINGS, client=client, transport=lambda: transport)
    for times in (1, 2):
        async with lti.opened() as ags:
            assert lti.client() is ags
            assert lti.client() is lti.client()
            assert transport.closed == times - 1
        assert transport.closed == times
    assert made == [transport, transport]
    with pytest.raises(RuntimeError, match="nothing is open"):
        lti.client()


async def test_an_application_that_fails_is_closed_all_the_same() -> None:
    transport = Counting()
    lti: LTIBase[Any] = LTIBase(SETTINGS, transport=lambda: transport)
    with pytest.raises(ZeroDivisionError):
        async with lti.opened():
            raise ZeroDivisionError
    assert transport.closed == 1


async def test_a_handler_must_be_there() -> None:
    lti: LTIBase[Callable[[], None]] = LTIBase(SETTINGS)
    with pytest.raises(RuntimeError, match="on_launch"):
        _ = lti.handler

    @lti.on_launch
    def handler() -> None: ...

    assert lti.handler is handler


@pytest.mark.parametrize("kind", [for_aiohttp.LTI, for_django.LTI, for_starlette.LTI])
def test_the_verbs_are_the_same_everywhere(kind: type[LTIBase[Any]]) -> None:
    assert [name for name in NAMES if not callable(getattr(kind, name))] == []


async def test_plain_starlette_and_a_launch_without_grades() -> None:
    seen: list[Any] = []

    def create_app(settings: ToolSettings) -> Starlette:
        lti = for_starlette.LTI(settings)

        @lti.on_launch
        async def launched(request: Request, launch: Launch, gradebook: Any) -> Response:
            seen.extend([gradebook, launch.user_id])
            return PlainTextResponse("launched")

        app = Starlette(lifespan=lti.lifespan)
        app.mount("/lti", lti.app)
        return app

    async with served(create_app, under_uvicorn) as stand, surfer() as browser:
        stand.platform.launches.tamper = lambda header, claims: claims.pop(AGS_CLAIM)
        assert (await browser.open(stand.platform.launches.url("user-0001"))).text == "launched"
        assert (await browser.open(f"{stand.url}/lti/launch")).status == 405
    assert seen == [None, "user-0001"]


async def test_aiohttp_keys_of_the_client_and_of_the_launch() -> None:
    seen: list[Any] = []

    def create_app(settings: ToolSettings) -> web.Application:
        lti = for_aiohttp.LTI(settings)
        app = web.Application()
        lti.setup(app)

        @lti.on_launch
        async def launched(request: web.Request, launch: Launch, gradebook: Any) -> web.StreamResponse:
            seen.extend([request[for_aiohttp.LAUNCH] is launch, request.app[for_aiohttp.CLIENT] is lti.client()])
            return web.Response(text="launched")

        return app

    async with served(create_app, under_aiohttp) as stand, surfer() as browser:
        assert (await browser.open(stand.platform.launches.url("user-0001"))).text == "launched"
    assert seen == [True, True]


async def test_aiohttp_a_handler_that_has_sent_its_answer_is_left_alone() -> None:
    def create_app(settings: ToolSettings) -> web.Application:
        lti = for_aiohttp.LTI(settings)
        app = web.Application()
        lti.setup(app)

        @lti.on_launch
        async def launched(request: web.Request, launch: Launch, gradebook: Any) -> web.StreamResponse:
            response = web.StreamResponse()
            await response.prepare(request)
            await response.write(b"launched")
            return response

        return app

    async with served(create_app, under_aiohttp) as stand, surfer() as browser:
        assert (await browser.open(stand.platform.launches.url("user-0001"))).text == "launched"


class TestDjango:
    """
    Settings, frames, servers without a lifespan, and WSGI.
    """

    @pytest.fixture(autouse=True)
    def project(self) -> None:
        """
        A configured project, as the example makes it.
        """
        if not django_project.configured:
            load("django_tool").create_app(SETTINGS)

    @pytest.mark.parametrize("value", [SETTINGS, "tests.launch.test_contrib.SETTINGS", lambda: SETTINGS])
    def test_settings_name_the_tool(self, value: Any) -> None:
        with override_settings(AIOAGS=value):
            assert for_django.LTI.from_settings().settings.redirect_uri == REDIRECT

    @pytest.mark.parametrize("value", [None, {}, "os.path.join", 5])
    def test_settings_that_name_none(self, value: Any) -> None:
        with override_settings(AIOAGS=value), pytest.raises((ImproperlyConfigured, TypeError)):
            for_django.LTI.from_settings()

    async def test_the_tool_may_be_framed_and_needs_no_csrf_token(self) -> None:
        async with example("django_tool") as stand, surfer() as browser:
            page = await browser.open(stand.platform.launches.url("user-0001"))
            assert page.status == 200
            assert "X-Frame-Options" not in dict(page.headers)

    async def test_a_server_without_lifespan_opens_the_client_at_the_first_request(self) -> None:
        lti = for_django.LTI(SETTINGS, transport=Counting)
        client = lti.client()
        assert lti.client() is client
        response = await lti.login(AsyncRequestFactory().get("/lti/login"))
        assert response.status_code == 400
        await client.aclose()

    def test_another_event_loop_gets_a_client_of_its_own(self) -> None:
        lti = for_django.LTI(SETTINGS, transport=Counting)

        async def client() -> Client:
            return lti.client()

        assert asyncio.run(client()) is not asyncio.run(client())

    @pytest.mark.parametrize("method", ["get", "post"])
    async def test_under_wsgi_launches_are_refused_with_a_reason(self, method: str) -> None:
        lti = for_django.LTI(SETTINGS, transport=Counting)
        request = getattr(RequestFactory(), method)("/lti/login")
        view = lti.login if method == "get" else lti.launch
        with pytest.raises(ImproperlyConfigured, match="ASGI"):
            await view(request)

    @pytest.mark.parametrize("name, method", [("launch", "get"), ("login", "put"), ("jwks", "post")])
    async def test_other_methods(self, name: str, method: str) -> None:
        lti = for_django.LTI(SETTINGS, transport=Counting)
        response = await getattr(lti, name)(getattr(AsyncRequestFactory(), method)("/"))
        assert response.status_code == 405

    async def test_a_lifespan_that_cannot_start_is_told_to_the_server(self) -> None:
        def broken() -> Transport:
            raise OSError("no network")

        async def receive() -> Any:
            return {"type": "lifespan.startup"}

        told: list[Any] = []

        async def send(message: Any) -> None:
            told.append(message)

        application = for_django.LTI(SETTINGS, transport=broken).lifespan(None)
        with pytest.raises(OSError, match="no network"):
            await application({"type": "lifespan"}, receive, send)
        assert told == [{"type": "lifespan.startup.failed", "message": "aioags: no network"}]


async def pieces(*body: bytes) -> AsyncIterator[bytes]:
    """
    Send a body.
    """
    for piece in body:
        yield piece


async def test_a_form_without_bounds_is_refused_and_read_no_further() -> None:
    endless = pieces(*[b"x" * 100_000] * 7)
    with pytest.raises(LaunchError):
        await read_form(endless)
    assert [piece async for piece in endless] == [b"x" * 100_000]


async def test_a_form_of_too_many_fields_is_refused() -> None:
    with pytest.raises(LaunchError):
        await read_form(pieces(b"&".join(b"a=%d" % n for n in range(200))))


async def test_of_a_field_that_is_there_twice_the_first_counts() -> None:
    assert await read_form(pieces(b"state=a&sta", b"te=b&x=%ff&y=")) == {"state": "a", "x": "\ufffd", "y": ""}


def shared(settings: ToolSettings) -> tuple[ToolSettings, Registration]:
    """
    Register another school with the same issuer, client id and deployment; return the first one's registration as well.
    """
    assert isinstance(settings.registrations, FixedRegistrations)
    (ours,) = settings.registrations.registrations
    theirs = attrs.evolve(ours, authorization_url="https://south.example/auth", jwks_url="https://south.example/jwks")
    return attrs.evolve(settings, registrations=[theirs, ours]), ours


def starlette_school(settings: ToolSettings) -> Starlette:
    """
    Give a school a login URL of its own, in Starlette.
    """
    both, ours = shared(settings)
    lti = for_starlette.LTI(both)

    @lti.on_launch
    async def launched(request: Request, launch: Launch, gradebook: Any) -> Response:
        return PlainTextResponse(f"launched {launch.registration is ours}")

    async def login(request: Request) -> Response:
        return await lti.login(request, registration=ours)

    app = Starlette(lifespan=lti.lifespan)
    app.add_route("/north/login", login, methods=["GET", "POST"])
    app.mount("/lti", lti.app)
    return app


def aiohttp_school(settings: ToolSettings) -> web.Application:
    """
    Give a school a login URL of its own, in aiohttp.
    """
    both, ours = shared(settings)
    lti = for_aiohttp.LTI(both)

    @lti.on_launch
    async def launched(request: web.Request, launch: Launch, gradebook: Any) -> web.StreamResponse:
        return web.Response(text=f"launched {launch.registration is ours}")

    async def login(request: web.Request) -> web.StreamResponse:
        return await lti.login(request, registration=ours)

    app = web.Application()
    app.router.add_route("*", "/north/login", login)
    lti.setup(app)
    return app


def django_school(settings: ToolSettings) -> Any:
    """
    Give a school a login URL of its own, in Django.
    """
    module = load("django_tool")
    both, ours = shared(settings)
    module.create_app(both)
    lti = for_django.LTI.from_settings()

    @lti.on_launch
    async def launched(request: HttpRequest, launch: Launch, gradebook: Any) -> HttpResponse:
        return HttpResponse(f"launched {launch.registration is ours}")

    async def login(request: HttpRequest) -> Any:
        return await lti.login(request, registration=ours)

    module.urlpatterns[:] = [path("north/login", csrf_exempt(login)), path("lti/", include(lti.urls))]
    return lti.lifespan(get_asgi_application())


@pytest.mark.parametrize(
    "create_app, server",
    [(starlette_school, under_uvicorn), (aiohttp_school, under_aiohttp), (django_school, under_uvicorn)],
)
async def test_a_login_url_for_one_of_two_schools_that_share_issuer_and_client_id(create_app: Any, server: Any) -> None:
    async with served(create_app, server) as stand, surfer() as browser:
        click = stand.platform.launches.url("user-0001")
        page = await browser.open(click)
        assert page.status == 403
        assert "ambiguous" in page.text
        stand.platform.launches.connect(login_url=f"{stand.url}/north/login", redirect_uri=f"{stand.url}/lti/launch")
        assert (await browser.open(click)).text == "launched True"
