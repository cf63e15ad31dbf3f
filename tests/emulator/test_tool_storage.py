"""
What the emulator keeps for tools (LTI postMessage Storage 0.1), and what it refuses, asked by a page in Chromium.
"""

from __future__ import annotations

import shutil

import pytest
from playwright.async_api import async_playwright

from aioags.emulator import Platform, serve

pytestmark = pytest.mark.needs("chromium")

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
# Sends a message to the page itself, and returns the answer without what every answer repeats.
ASK = """(message) => new Promise((resolve) => {
  addEventListener("message", ({data: {subject, message_id, ...answer}}) => {
    if (subject === message.subject + ".response" && message_id === message.message_id) resolve(answer);
  });
  postMessage(message, "*");
})"""


async def test_each_origin_has_its_room_and_what_does_not_fit_is_refused() -> None:
    platform = Platform.create("canvas")
    async with serve(platform), async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        page = await browser.new_page()
        await page.goto(f"{platform.launches.page_url}/storage")

        async def ask(subject: str, number: str | None = "1", **fields: object) -> object:
            answer = await page.evaluate(ASK, {"subject": f"lti.{subject}", "message_id": number, **fields})
            return answer["error"]["code"] if "error" in answer else answer

        supported = [{"subject": f"lti.{one}"} for one in ("capabilities", "put_data", "get_data")]
        assert await ask("capabilities") == {"supported_messages": supported}
        assert await ask("put_data", key="a", value="1") == {"key": "a", "value": "1"}
        assert await ask("get_data", key="a") == {"key": "a", "value": "1"}
        assert await ask("put_data", key="a", value=None) == {"key": "a", "value": None}
        assert await ask("get_data", key="a") == {"key": "a", "value": None}
        assert await ask("erase_data", key="a") == "unsupported_subject"
        assert await ask("get_data") == "bad_request"
        assert await ask("get_data", None, key="a") == "bad_request"
        assert await ask("put_data", key="a", value="x" * 4096) == "storage_exhaustion"
        for number in range(500):
            await ask("put_data", str(number), key=str(number), value="")
        assert await ask("put_data", key="one more", value="") == "storage_exhaustion"
        await browser.close()
