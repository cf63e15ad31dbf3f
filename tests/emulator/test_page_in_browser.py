"""
The gradebook page in a real browser: Chromium without a window, the emulator and a real client beside it.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import attrs
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright, expect

from aioags import Client, Endpoint, Gradebook, LineItem, Registration, RetryPolicy, Score, ServerError
from aioags.emulator import Person, Platform, serve

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.asyncio(loop_scope="module")]

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
EVIL = '<img src=x onerror="document.title=`broken`"><script>document.title=`broken`</script>'
# Patience of `expect`, milliseconds: for a slow machine, not a time that is tested.
expect.set_options(timeout=20_000)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def browser() -> AsyncIterator[Browser]:
    """
    One browser, its profile new and empty.
    """
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        yield started
        await started.close()


@attrs.define
class Desk:
    """
    A platform with its page open, and a client that posts to it.

    Attributes:
        problems: What the browser's console complained about, and requests to other hosts.
    """

    platform: Platform
    url: str
    page: Page
    gradebook: Gradebook
    problems: list[str]

    def cell(self, user: str, item: int = 1) -> Any:
        return self.page.locator(f'td[data-cell="{item}:{user}"]')

    @property
    def users(self) -> list[str]:
        return self.platform.users()

    async def post(self, user: str, points: float, **more: Any) -> None:
        await self.gradebook.post_score(Score.graded(user, points, score_maximum=10, **more))

    async def is_live(self) -> None:
        await expect(self.page.get_by_text("Live", exact=True)).to_be_visible()


Sit = Callable[..., Awaitable[Desk]]


@pytest_asyncio.fixture(loop_scope="module")
async def sit(browser: Browser) -> AsyncIterator[Sit]:
    """
    A function that starts a platform and opens its page; what is wrong in the end fails the test.
    """
    async with AsyncExitStack() as stack:
        desks: list[Desk] = []

        async def start(profile: str = "spec", *, people: list[Person] | None = None, **look: Any) -> Desk:
            platform = Platform.create(profile, people=people)
            server = await stack.enter_async_context(serve(platform, page=True))
            client = await stack.enter_async_context(Client(retry=RetryPolicy(attempts=1)))
            context = await browser.new_context(**look)
            stack.push_async_callback(context.close)
            page, problems = await context.new_page(), list[str]()
            page.on("console", lambda one: problems.append(one.text) if one.type in ("error", "warning") else None)
            page.on("pageerror", lambda one: problems.append(str(one)))
            page.on("request", lambda one: problems.append(one.url) if not one.url.startswith(server.url) else None)
            registration = Registration(**platform.registration_args())
            gradebook = client.gradebook(registration, Endpoint.from_claim(platform.endpoint_claim()))
            desk = Desk(platform, str(server.page_url), page, gradebook, problems)
            desks.append(desk)
            await page.goto(desk.url)
            return desk

        yield start
        assert [problem for desk in desks for problem in desk.problems] == []
