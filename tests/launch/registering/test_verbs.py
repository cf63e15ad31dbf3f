"""
The registration route in each framework.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest
from aiohttp import web
from django.conf import settings as django_project
from django.test import AsyncRequestFactory, override_settings
from starlette.applications import Starlette

from aioags.contrib import aiohttp as for_aiohttp
from aioags.contrib import django as for_django
from aioags.contrib import fastapi as for_starlette
from aioags.contrib.base import LTIBase
from tests.launch.examples import free_port, load, under_aiohttp, under_uvicorn
from tests.launch.registering.paper import CONFIGURATION, LMS, TOKEN, Desk
from tests.launch.surfer import surfer

QUERY = {"openid_configuration": CONFIGURATION, "registration_token": TOKEN}


def for_aiohttp_app(lti: Any) -> web.Application:
    app = web.Application()
    lti.setup(app)
    return app


def for_starlette_app(lti: Any) -> Starlette:
    app = Starlette(lifespan=lti.lifespan)
    app.mount("/lti", lti.app)
    return app


@pytest.mark.parametrize(
    "kind, make, server",
    [(for_aiohttp.LTI, for_aiohttp_app, under_aiohttp), (for_starlette.LTI, for_starlette_app, under_uvicorn)],
    ids=["aiohttp", "starlette"],
)
async def test_an_administrator_opens_the_registration_url(kind: Any, make: Any, server: Any) -> None:
    desk = Desk()
    listener = free_port()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/lti/register"
    app = make(kind(desk.settings, registrar=desk.registrar))
    async with server(app, listener), surfer() as browser:
        query = urlencode(QUERY | {"invitation": await desk.invited()})
        page = await browser.open(f"{url}?{query}")
        assert (page.status, "The tool is registered" in page.text) == (200, True)
        again = await browser.open(f"{url}?{query}")
        assert (again.status, "used before" in again.text) == (400, True)
    assert len(await desk.settings.registrations.find(LMS, "client-1")) == 1


async def test_django() -> None:
    desk = Desk()
    if not django_project.configured:
        load("django_tool").create_app(desk.settings)
    with override_settings(AIOAGS=desk.settings):
        lti = for_django.LTI.from_settings(registrar=lambda settings: desk.registrar)
        assert [one.name for one in lti.urls] == ["login", "launch", "jwks", "register"]
        request = AsyncRequestFactory().get("/lti/register", QUERY | {"invitation": await desk.invited()})
        response: Any = await lti.register(request)
    assert (response.status_code, b"The tool is registered" in response.content) == (200, True)
    # The platform shows it in a frame.
    assert response.xframe_options_exempt
    assert "X-Frame-Options" not in response
    assert (await lti.register(AsyncRequestFactory().post("/lti/register"))).status_code == 405


def test_without_a_registrar_there_is_no_route() -> None:
    settings = Desk().settings
    assert [one.name for one in for_django.LTI(settings).urls] == ["login", "launch", "jwks"]
    assert "/register" not in str(for_starlette.LTI(settings).app.routes)


async def test_nothing_else_is_made_of_it() -> None:
    desk = Desk()
    with pytest.raises(RuntimeError, match="no registrar"):
        await LTIBase[Any](desk.settings).enroll({})
    with pytest.raises(ValueError, match="same"):
        LTIBase[Any](Desk().settings, registrar=desk.registrar)
