"""
Asking an application in this process: one of ASGI in memory, one of aiohttp over loopback.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import unquote, urlsplit

import aiohttp
from aiohttp import web
from yarl import URL

from aioags.emulator.wire.messages import Answer
from aioags.protocol.messages import Request

Ask = Callable[[Request], Awaitable[Answer]]
VERSIONS = {"version": "3.0", "spec_version": "2.3"}


@asynccontextmanager
async def started(app: Any) -> AsyncIterator[Ask]:
    """
    Start an application, and shut it down when the block ends.

    Args:
        app: Of ASGI (FastAPI, Starlette, Django), or an ``aiohttp.web.Application``.

    Yields:
        What asks it.

    Raises:
        TypeError: It is neither.

        RuntimeError: It does not start.
    """
    if isinstance(app, web.Application):
        opened = _aiohttp(app)
    else:
        check_asgi(app)
        opened = _asgi(app)
    async with opened as ask:
        yield ask


def check_asgi(app: Any) -> None:
    """
    Look whether something can be an application of ASGI.

    Raises:
        TypeError: It cannot.
    """
    if not callable(app):
        raise TypeError(f"app must be an application of ASGI or aiohttp, got {type(app).__name__}")
    try:
        taken = len(inspect.signature(app).parameters)
    except ValueError:
        return
    if taken == 2:
        raise TypeError("app is of WSGI: give its ASGI form, such as asgiref.wsgi.WsgiToAsgi(app)")


@asynccontextmanager
async def _asgi(app: Any) -> AsyncIterator[Ask]:
    state: dict[str, Any] = {}
    said: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    heard: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def send(message: dict[str, Any]) -> None:
        heard.put_nowait(message)

    life = asyncio.ensure_future(app({"type": "lifespan", "asgi": VERSIONS, "state": state}, said.get, send))
    said.put_nowait({"type": "lifespan.startup"})
    try:
        # An application that ends at once knows no lifespan, as Django's own.
        lives = await _next(heard, life) is not None
        yield lambda request: _ask_asgi(app, request, state)
        if lives:
            said.put_nowait({"type": "lifespan.shutdown"})
            await _next(heard, life)
    finally:
        life.cancel()
        await asyncio.wait([life])


async def _next(heard: asyncio.Queue[dict[str, Any]], life: asyncio.Future[None]) -> dict[str, Any] | None:
    message = asyncio.ensure_future(heard.get())
    both: list[asyncio.Future[Any]] = [message, life]
    await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    if not message.done():
        message.cancel()
        return None
    told = message.result()
    if told["type"].endswith(".failed"):
        raise RuntimeError(f"the application said {told['type']}: {told.get('message', '')}")
    return told


async def _ask_asgi(app: Any, request: Request, state: dict[str, Any]) -> Answer:
    parts = urlsplit(request.url)
    started: list[dict[str, Any]] = []
    body = bytearray()
    waiting = [{"type": "http.request", "body": request.body or b"", "more_body": False}]
    done = asyncio.Event()

    async def receive() -> dict[str, Any]:
        if waiting:
            return waiting.pop()
        # Django watches for a browser that leaves while it works.
        await done.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            started.append(message)
        elif message["type"] == "http.response.body":
            body.extend(message.get("body", b""))
            if not message.get("more_body", False):
                done.set()

    scope = {
        "type": "http",
        "asgi": VERSIONS,
        "http_version": "1.1",
        "method": request.method,
        "scheme": parts.scheme,
        "path": unquote(parts.path) or "/",
        "raw_path": (parts.path or "/").encode(),
        "query_string": parts.query.encode(),
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in request.headers],
        "client": ("127.0.0.1", 40000),
        "server": (parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)),
        "state": dict(state),
    }
    await app(scope, receive, send)
    if not started:
        raise RuntimeError(f"the application did not answer {request.method} {parts.path}")
    headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in started[0].get("headers", ()))
    return Answer(started[0]["status"], headers, bytes(body))


@asynccontextmanager
async def _aiohttp(app: web.Application) -> AsyncIterator[Ask]:
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
            yield lambda request: _ask_aiohttp(session, runner.addresses[0][1], request)
    finally:
        await runner.cleanup()


async def _ask_aiohttp(session: aiohttp.ClientSession, port: int, request: Request) -> Answer:
    parts = urlsplit(request.url)
    target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    url = URL(f"http://127.0.0.1:{port}{target}", encoded=True)
    headers = [*request.headers, ("X-Forwarded-Proto", parts.scheme)]
    async with session.request(
        request.method, url, headers=headers, data=request.body, allow_redirects=False
    ) as answer:
        return Answer(answer.status, tuple(answer.headers.items()), await answer.read())
