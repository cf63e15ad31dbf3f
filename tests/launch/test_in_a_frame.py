"""
Launches in a frame of another site: in WebKit, which blocks the cookies of third parties; in Firefox, which keeps them
apart; there and in Chromium also with all cookies blocked.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from aioags.launch import ToolSettings
from tests.launch.examples import SERVERS, Stand, example, load, served, under_uvicorn
from tests.rigs.certificate import self_signed
from tests.rigs.webdriver import Tab, chromium, firefox, webkit

# Of Firefox, network.cookie.cookieBehavior; of Chromium, CONTENT_SETTING_BLOCK.
BLOCK_ALL = 2


@asynccontextmanager
async def framed(tab: Tab, profile: str) -> AsyncIterator[tuple[Stand, list[str]]]:
    """
    Launch the quiz in a frame of another site, and look into it; with the requests that the tool got, as they come.
    """
    asked: list[str] = []

    def create_app(settings: ToolSettings) -> Callable[..., Any]:
        inner = load("fastapi_tool").create_app(settings)

        async def app(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] == "http":
                asked.append(f"{scope['method']} {scope['path']}")
            await inner(scope, receive, send)

        return app

    async with served(create_app, under_uvicorn, lms_host="localhost", profile=profile) as stand:
        await tab.open(stand.platform.launches.url(stand.platform.users()[0], frame=True))
        await tab.enter("tool")
        yield stand, asked


async def answered(tab: Tab, stand: Stand) -> bool:
    """
    Hand the quiz in. True: there are points for it.
    """
    await tab.shows("What is 6 times 7?")
    await tab.fill("answer", "42")
    await tab.shows("Your grade is in the gradebook.")
    result = stand.platform.result(None, stand.platform.users()[0])
    # Each platform counts in its own way.
    return result is not None and result["resultScore"] > 0


@pytest.mark.needs("chromium")
@pytest.mark.parametrize("name", SERVERS)
async def test_chromium_without_any_cookie_is_served_by_the_platform_s_storage(name: str) -> None:
    async with (
        example(name, lms_host="localhost", profile="canvas") as stand,
        chromium(profile__default_content_setting_values__cookies=BLOCK_ALL) as tab,
    ):
        await tab.open(stand.platform.launches.url(stand.platform.users()[0], frame=True))
        await tab.enter("tool")
        assert await answered(tab, stand)


@pytest.mark.needs("webkit")
async def test_webkit_is_served_by_the_platform_s_storage() -> None:
    async with webkit() as tab, framed(tab, "canvas") as (stand, asked):
        assert await answered(tab, stand)
    # The cookie did not come, the storage was asked, and the form came again.
    assert asked == ["GET /lti/login", "POST /lti/launch", "POST /lti/launch", "POST /answers"]


@pytest.mark.needs("webkit")
async def test_webkit_is_told_what_to_do_where_there_is_no_storage() -> None:
    async with webkit() as tab, framed(tab, "moodle"):
        await tab.shows("Open the link in a new window")


@pytest.mark.needs("webkit")
async def test_webkit_keeps_the_cookie_in_a_window_of_its_own(tmp_path: Path) -> None:
    # Over https: WebKit keeps no Secure cookie of http, loopback or not.
    server = partial(under_uvicorn, certificate=self_signed(tmp_path))
    create_app = load("fastapi_tool").create_app
    async with (
        webkit() as tab,
        served(create_app, server, scheme="https", lms_host="localhost", profile="moodle") as stand,
    ):
        await tab.open(stand.platform.launches.url(stand.platform.users()[0]))
        assert await answered(tab, stand)


@pytest.mark.needs("firefox")
async def test_firefox_keeps_the_cookie_in_the_frame(tmp_path: Path) -> None:
    async with firefox(tmp_path) as tab, framed(tab, "moodle") as (stand, asked):
        assert await answered(tab, stand)
    assert asked == ["GET /lti/login", "POST /lti/launch", "POST /answers"]


@pytest.mark.needs("firefox")
async def test_firefox_without_any_cookie_is_served_by_the_platform_s_storage(tmp_path: Path) -> None:
    async with (
        firefox(tmp_path, network_cookie_cookieBehavior=BLOCK_ALL) as tab,
        framed(tab, "blackboard") as (
            stand,
            asked,
        ),
    ):
        assert await answered(tab, stand)
    assert asked.count("POST /lti/launch") == 2
