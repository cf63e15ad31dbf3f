"""
From nothing to the first grade, as somebody does it who has just installed the package: an example is started as it
stands, and all the rest is clicks.
"""

from __future__ import annotations

import asyncio
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import async_playwright, expect

from tests.launch.examples import EXAMPLES
from tests.rigs.ports import held_port

pytestmark = pytest.mark.needs("chromium")

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
# Patience of `expect`, milliseconds: for a slow machine, not a time that is tested.
expect.set_options(timeout=20_000)


@asynccontextmanager
async def started(name: str) -> AsyncIterator[str]:
    """
    Run an example, and return the address that it tells people to open.
    """
    with held_port() as port:
        command = [sys.executable, "-u", str(EXAMPLES / f"{name}_tool.py"), str(port)]
        program = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        assert program.stdout is not None
        try:
            yield (await program.stdout.readline()).decode().split()[1]
        finally:
            program.send_signal(signal.SIGTERM)
            await program.communicate()


@pytest.mark.parametrize("name", ["fastapi", "aiohttp", "django"])
async def test_a_tool_registers_itself_is_launched_and_grades_and_nobody_types_a_value(name: str) -> None:
    async with started(name) as course, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        page = await browser.new_page()
        await page.goto(course)
        await page.get_by_role("link", name="Register this tool").click()
        await expect(page.get_by_role("heading")).to_have_text("The tool is registered")
        await page.goto(course)
        await page.get_by_role("link", name="Launch Quiz as Björn Brown").click()
        await page.locator("input[name=answer]").fill("42")
        await page.get_by_role("button", name="Submit").click()
        await expect(page.get_by_role("heading")).to_have_text("Right")
        await page.goto(course)
        await expect(page.get_by_role("row").filter(has_text="Björn Brown")).to_contain_text("100 / 100")
        await browser.close()
