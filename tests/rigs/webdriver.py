"""
Chromium, Firefox and WebKit without a screen, spoken to in the words of WebDriver: what a launch needs, and no more.

Chromium and WebKit have driver programs of HTTP (W3C WebDriver). Firefox itself listens, with --marionette, to the
commands that its driver would translate to; Debian has no such driver. Playwright knows neither Debian's WebKit nor its
Firefox, and may wait for ever for a frame that goes from site to site.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import aiohttp
import attrs

PATIENCE = 60.0
"""Seconds for what a page is to show: for a slow machine, not a time that is tested."""

# Of the driver: how long an element is waited for, milliseconds.
_WAIT = {"implicit": 1000, "pageLoad": 60_000, "script": 60_000}
_QUIET = {
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "marionette.port": 0,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "toolkit.telemetry.reportingpolicy.firstRun": False,
}


class Driver(Protocol):
    """
    One session of a browser.
    """

    async def do(self, name: str, **fields: Any) -> Any:
        """
        Do one command of WebDriver, by its name in Marionette; return its value.

        Raises:
            CommandError: The browser says why not.
        """
        ...


class CommandError(Exception):
    """
    A command was refused, as for an element that is not there.
    """


@attrs.define
class Tab:
    """
    A browser with one page, and in it perhaps one frame.
    """

    driver: Driver

    async def open(self, url: str) -> None:
        """
        Go to a URL.
        """
        await self.driver.do("Navigate", url=url)

    async def enter(self, frame: str) -> None:
        """
        Look into a frame of the page from now on.

        Args:
            frame: Its name.
        """
        await self.driver.do("SwitchToFrame", id=await self._find(f"//iframe[@name='{frame}']"))

    async def shows(self, text: str) -> None:
        """
        Wait until a text is shown.
        """
        try:
            async with asyncio.timeout(PATIENCE):
                while not await self._has(text):
                    pass
        except TimeoutError:
            raise AssertionError(f"{text!r} is not shown, but {await self._text()!r}") from None

    async def fill(self, name: str, value: str) -> None:
        """
        Write into a field of a form, and send the form.
        """
        script = (
            "const field = document.getElementsByName(arguments[0])[0]; field.value = arguments[1]; field.form.submit()"
        )
        await self.driver.do("ExecuteScript", script=script, args=[name, value])

    async def _find(self, xpath: str) -> dict[str, str]:
        found: dict[str, str] = await self.driver.do("FindElement", using="xpath", value=xpath)
        return found

    async def _has(self, text: str) -> bool:
        try:
            # The driver waits for it.
            return bool(await self._find(f'//body[contains(., "{text}")]'))
        except CommandError:
            # Not there, or between two pages.
            return False

    async def _text(self) -> str:
        return str(await self.driver.do("ExecuteScript", script="return document.documentElement.innerText", args=[]))


@attrs.define
class _Marionette:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    numbers: Any = attrs.field(factory=itertools.count)

    async def do(self, name: str, **fields: Any) -> Any:
        text = json.dumps([0, next(self.numbers), f"WebDriver:{name}", fields])
        self.writer.write(f"{len(text.encode())}:{text}".encode())
        _, _, error, value = await self.read()
        if error is not None:
            raise CommandError(error["error"], error["message"])
        return value.get("value", value) if isinstance(value, dict) else value

    async def read(self) -> Any:
        length = await self.reader.readuntil(b":")
        return json.loads(await self.reader.readexactly(int(length[:-1])))


@asynccontextmanager
async def firefox(profile: Path, **preferences: Any) -> AsyncIterator[Tab]:
    """
    Run the system's Firefox.

    Args:
        profile: An empty folder.

        preferences: As about:config names them, with ``_`` for ``.``.
    """
    chosen = _QUIET | {name.replace("_", "."): value for name, value in preferences.items()}
    lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in chosen.items()]
    (profile / "user.js").write_text("".join(lines), encoding="utf-8")
    command = ["firefox-esr", "--headless", "--no-remote", "--marionette", "--profile", str(profile)]
    async with _running(*command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT) as process:
        port = await _announced(process, b"Listening on port ")
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        driver = _Marionette(reader, writer)
        # It says first who it is.
        await driver.read()
        await driver.do("NewSession", strictFileInteractability=False)
        await driver.do("SetTimeouts", **_WAIT)
        try:
            yield Tab(driver)
        finally:
            writer.close()


_OVER_HTTP = {
    "Navigate": "url",
    "FindElement": "element",
    "SwitchToFrame": "frame",
    "ExecuteScript": "execute/sync",
    "SetTimeouts": "timeouts",
}


@attrs.define
class _HTTPDriver:
    session: aiohttp.ClientSession
    base: str

    async def do(self, name: str, **fields: Any) -> Any:
        async with self.session.post(f"{self.base}/{_OVER_HTTP[name]}", json=fields) as answer:
            value = (await answer.json())["value"]
        if answer.status != 200:
            raise CommandError(value["error"], value["message"])
        return value


@asynccontextmanager
async def _over_http(port: int, **capabilities: Any) -> AsyncIterator[Tab]:
    base = f"http://127.0.0.1:{port}/session"
    async with aiohttp.ClientSession() as session:
        async with session.post(base, json={"capabilities": {"alwaysMatch": capabilities}}) as answer:
            value = (await answer.json())["value"]
        driver = _HTTPDriver(session, f"{base}/{value['sessionId']}")
        await driver.do("SetTimeouts", **_WAIT)
        try:
            yield Tab(driver)
        finally:
            async with session.delete(driver.base):
                pass


@asynccontextmanager
async def chromium(**preferences: Any) -> AsyncIterator[Tab]:
    """
    Run the system's Chromium, with an empty profile.

    Args:
        preferences: As its profile names them, with ``__`` for ``.``.
    """
    chosen = {name.replace("__", "."): value for name, value in preferences.items()}
    options = {"args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run"], "prefs": chosen}
    async with _running("chromedriver", "--port=0", stdout=asyncio.subprocess.PIPE) as process:
        port = await _announced(process, b"successfully on port ")
        async with _over_http(port, **{"goog:chromeOptions": options}) as tab:
            yield tab


@asynccontextmanager
async def webkit() -> AsyncIterator[Tab]:
    """
    Run the system's WebKitGTK, on a screen that nobody sees.
    """
    pipe = asyncio.subprocess.PIPE
    async with _running("Xvfb", "-displayfd", "1", "-nolisten", "tcp", stdout=pipe) as screen:
        assert screen.stdout is not None
        display = f":{(await screen.stdout.readline()).decode().strip()}"
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            port = listener.getsockname()[1]
        command = ["WebKitWebDriver", f"--port={port}", "--host=127.0.0.1"]
        async with _running(*command, env={**os.environ, "DISPLAY": display}):
            await _listening(port)
            async with _over_http(port, acceptInsecureCerts=True) as tab:
                yield tab


@asynccontextmanager
async def _running(*command: str, **how: Any) -> AsyncIterator[asyncio.subprocess.Process]:
    quiet = {"stderr": asyncio.subprocess.DEVNULL, "stdout": asyncio.subprocess.DEVNULL}
    process = await asyncio.create_subprocess_exec(*command, **(quiet | how))
    try:
        yield process
    finally:
        process.terminate()
        await process.communicate()


async def _announced(process: asyncio.subprocess.Process, words: bytes) -> int:
    assert process.stdout is not None
    async with asyncio.timeout(PATIENCE):
        async for line in process.stdout:
            if words in line:
                return int(line.partition(words)[2].split()[0].rstrip(b"."))
    raise AssertionError("the browser did not start")


async def _listening(port: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                continue
            writer.close()
            return
