"""
A real browser: the gradebook page is opened, the quiz launched, answered, and the grade seen to arrive.
"""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import BrowserContext, async_playwright, expect

from aioags.launch import ToolSettings
from tests.launch.examples import Stand, example, load, served, under_uvicorn

pytestmark = pytest.mark.needs("chromium")

FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
# Patience of `expect`, milliseconds: for a slow machine, not a time that is tested.
expect.set_options(timeout=20_000)
# What Chromium does once it keeps no cookies of third parties: only partitioned ones are left in a frame.
NO_THIRD_PARTY_COOKIES = "--test-third-party-cookie-phaseout"


@asynccontextmanager
async def chromium(profile: Path, *flags: str) -> AsyncIterator[BrowserContext]:
    """
    Run the system's Chromium with an empty profile.
    """
    async with async_playwright() as playwright:
        context = await playwright.chromium.launch_persistent_context(
            profile, executable_path=shutil.which("chromium"), args=[*FLAGS, *flags], headless=True
        )
        try:
            yield context
        finally:
            await context.close()


def launched_grade(stand: Stand, user: str = "user-0001") -> float | None:
    """
    Return what the platform's gradebook holds of the learner.
    """
    result = stand.platform.result(None, user)
    return None if result is None else result["resultScore"]


@pytest.mark.parametrize("name", ["fastapi_tool", "aiohttp_tool", "django_tool"])
async def test_open_the_gradebook_launch_answer_and_see_the_grade_arrive(name: str, tmp_path: Path) -> None:
    async with example(name) as stand, chromium(tmp_path) as context:
        page = await context.new_page()
        await page.goto(stand.platform.launches.page_url)
        await page.get_by_role("link", name="Launch Quiz one as Björn Brown").click()
        await expect(page.get_by_role("heading")).to_have_text("What is 6 times 7?")
        assert page.url == f"{stand.url}/lti/launch"
        await page.locator("input[name=answer]").fill("42")
        await page.get_by_role("button", name="Submit").click()
        await expect(page.get_by_role("heading")).to_have_text("Right")
        assert launched_grade(stand) == 100
        await page.goto(stand.platform.launches.page_url)
        row = page.get_by_role("row").filter(has_text="Björn Brown")
        await expect(row).to_contain_text("100 / 100")
        # The login's cookie has done its work.
        assert await context.cookies() == []


async def test_in_a_frame_of_another_site_a_partitioned_cookie_is_kept(tmp_path: Path) -> None:
    async with (
        example("fastapi_tool", lms_host="localhost", profile="moodle") as stand,
        chromium(tmp_path, NO_THIRD_PARTY_COOKIES) as context,
    ):
        page = await context.new_page()
        user = stand.platform.users()[0]
        await page.goto(stand.platform.launches.url(user, frame=True))
        frame = page.frame_locator("iframe")
        await expect(frame.get_by_role("heading")).to_have_text("What is 6 times 7?")
        await frame.locator("input[name=answer]").fill("42")
        await frame.get_by_role("button", name="Submit").click()
        await expect(frame.get_by_role("heading")).to_have_text("Right")
        assert page.url.startswith("http://localhost:")
        assert launched_grade(stand, user)


def without_partitioned(create_app: Callable[[ToolSettings], Any]) -> Callable[[ToolSettings], Any]:
    """
    Wrap an application so that its cookies are as they would be without the attribute.
    """

    def wrapped(settings: ToolSettings) -> Any:
        inner = create_app(settings)

        async def app(scope: Any, receive: Any, send: Any) -> None:
            async def stripped(message: Any) -> None:
                if message["type"] == "http.response.start":
                    message["headers"] = [
                        (name, value.replace(b"; Partitioned", b"")) for name, value in message["headers"]
                    ]
                await send(message)

            await inner(scope, receive, stripped)

        return app

    return wrapped


async def test_in_a_frame_a_cookie_that_is_not_partitioned_would_be_lost(tmp_path: Path) -> None:
    create_app = without_partitioned(load("fastapi_tool").create_app)
    async with (
        served(create_app, under_uvicorn, lms_host="localhost", profile="moodle") as stand,
        chromium(tmp_path, NO_THIRD_PARTY_COOKIES) as context,
    ):
        page = await context.new_page()
        await page.goto(stand.platform.launches.url(stand.platform.users()[0], frame=True))
        await expect(page.frame_locator("iframe").locator("body")).to_contain_text("kept no cookie")
