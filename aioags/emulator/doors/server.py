"""
The platform on a socket. aiohttp reads the requests; the answers are written here, byte by byte, because a platform's
reason phrases, header bytes, HTTP version, broken bodies and resets are not what a web framework lets through.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from email.utils import formatdate

import attrs
from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from aioags.emulator.doors import control
from aioags.emulator.doors.key_fetch import fetch_keys
from aioags.emulator.platform import LONGEST_BODY, Platform
from aioags.emulator.web.document import ROOT as PAGE
from aioags.emulator.web.page import GradebookPage
from aioags.emulator.wire.messages import Answer, Asked, Header
from aioags.protocol.messages import Request

# aiohttp's 8190 would refuse requests that platforms take.
LONGEST_LINE = 64 * 1024
# aiohttp takes 0 for ever: a fault that waits must not keep the block from ending.
SHUTDOWN = 0.01
# SO_LINGER, on, for no seconds: close() sends RST.
LINGER_NONE = struct.pack("ii", 1, 0)

Sleep = Callable[[float], Awaitable[None]]


@attrs.define
class Server:
    """
    A platform that listens.

    Attributes:
        url: Its origin, such as ``http://127.0.0.1:49152``.

        port: The port it got.

        page: The gradebook page; None: there is none.
    """

    platform: Platform
    url: str
    port: int
    page: GradebookPage | None = None

    @property
    def page_url(self) -> str | None:
        """
        Where the gradebook page is; None: there is none.
        """
        return self.platform.base_url + PAGE if self.page is not None else None


@asynccontextmanager
async def serve(
    platform: Platform,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    base_url: str | None = None,
    page: bool = False,
    sleep: Sleep = asyncio.sleep,
) -> AsyncIterator[Server]:
    """
    Listen while the block runs, and let the platform's URLs say so.

    Args:
        host: Loopback unless told otherwise: whoever reaches it can read and change everything.

        port: 0: any free one.

        base_url: What the platform's URLs begin with, where a proxy stands in front. None: this server's own. To
            requests for other names the pages and the back door do not answer.

        page: True: with the gradebook page, for people to look at.

        sleep: What waits, for faults that wait.

    Raises:
        OSError: The address cannot be used.
    """
    book = GradebookPage(platform) if page else None
    handler = _Handler(platform, sleep, book)
    reader = web.Server(handler, access_log=None, max_line_size=LONGEST_LINE, max_field_size=LONGEST_LINE)
    loop = asyncio.get_running_loop()
    listener = await loop.create_server(reader, host, port, backlog=1024)
    bound = listener.sockets[0].getsockname()[1]
    shown = f"[{host}]" if ":" in host else host
    url = f"http://{shown}:{bound}"
    platform.site.base_url, platform.site.host = (base_url or url).rstrip("/"), host.lower()
    try:
        yield Server(platform, url, bound, book)
    finally:
        listener.close()
        if book is not None:
            book.live.stop()
        await handler.stop()
        await reader.shutdown(timeout=SHUTDOWN)
        await listener.wait_closed()


@attrs.define
class _Handler:
    platform: Platform
    sleep: Sleep
    page: GradebookPage | None = None
    tasks: set[asyncio.Task[object]] = attrs.field(factory=set)

    async def stop(self) -> None:
        # Also those whose tool hung up long ago: they would wait on behind the platform's back.
        for task in self.tasks:
            task.cancel()
        if self.tasks:
            await asyncio.wait(self.tasks)

    async def __call__(self, incoming: web.BaseRequest) -> web.StreamResponse:
        task = asyncio.current_task()
        if task is None:
            return await self._answer(incoming)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return await self._answer(incoming)

    async def _answer(self, incoming: web.BaseRequest) -> web.StreamResponse:
        body = await incoming.content.read(LONGEST_BODY + 1) if incoming.body_exists else b""
        while incoming.body_exists and not incoming.content.at_eof() and len(body) <= LONGEST_BODY:
            body += await incoming.content.read(LONGEST_BODY + 1 - len(body))
        request = read_request(incoming, self.platform.base_url, body)
        if self.page is not None and PAGE in request.url:
            shown = await self._show(self.page, request, incoming)
            if shown is not None:
                return shown
        await fetch_keys(self.platform, request)
        aside = control.answer(self.platform, request) or self.platform.answer_aside(request)
        if aside is not None:
            return _Written(aside, self.sleep, incoming)
        visit = self.platform.arrive(request)
        try:
            if visit.plan.wait:
                await self.sleep(visit.plan.wait)
            answer = visit.apply()
            if answer.manner.wait:
                await self.sleep(answer.manner.wait)
            return _Written(answer, self.sleep, incoming)
        finally:
            visit.leave()

    async def _show(
        self, page: GradebookPage, request: Request, incoming: web.BaseRequest
    ) -> web.StreamResponse | None:
        asked = Asked(request)
        if page.is_stream(asked):
            return await page.live.stream(incoming)
        answer = page.answer(asked)
        return _Written(answer, self.sleep, incoming) if answer is not None else None


def read_request(incoming: web.BaseRequest, base_url: str, body: bytes) -> Request:
    """
    Turn aiohttp's request into the package's own, its URL kept as it was on the wire.
    """
    target = incoming.raw_path
    headers = tuple((name.decode("latin-1"), value.decode("utf-8", "replace")) for name, value in incoming.raw_headers)
    url = target if target.startswith("http") else base_url + target
    return Request(incoming.method, url, headers, body)


def head(answer: Answer, *, close: bool) -> bytes:
    """
    Write the status line and headers of an answer.
    """
    lines = [f"HTTP/{answer.manner.http_version} {answer.status} {answer.phrase}"]
    lines += [f"{name}: {value}" for name, value in answer.headers]
    lines += [f"{name}: {value}" for name, value in _own_headers(answer, close)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def _own_headers(answer: Answer, close: bool) -> list[Header]:
    headers = [("Connection", "close" if close else "keep-alive")]
    if answer.header("Date") is None:
        # A page or the back door; what a tool asked for has the platform's own time.
        headers.append(("Date", formatdate(usegmt=True)))
    # RFC 9110 8.6: a 204 has no Content-Length.
    return headers if answer.status in (204, 304) else [*headers, ("Content-Length", str(len(answer.body)))]


class _Written(web.StreamResponse):
    """
    A response that aiohttp carries to the socket without looking at it.
    """

    def __init__(self, answer: Answer, sleep: Sleep, incoming: web.BaseRequest) -> None:
        super().__init__(status=answer.status if 100 <= answer.status <= 999 else 500)
        self._answer = answer
        self._sleep = sleep
        self._incoming = incoming
        manner = answer.manner
        closing = manner.close or manner.cut is not None or manner.lost is not None or manner.http_version == "1.0"
        self._closing = closing or not incoming.keep_alive

    @property
    def keep_alive(self) -> bool | None:
        return not self._closing

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        transport = request.transport
        if transport is None:
            return None
        manner = self._answer.manner
        if manner.lost is not None:
            _hang_up(transport, reset=manner.lost == "reset")
            return None
        body = self._answer.body if request.method != "HEAD" else b""
        first = head(self._answer, close=self._closing)
        if manner.cut is not None:
            first, body = (first, body[: manner.cut]) if body else (first[: len(first) // 2], b"")
        if manner.drip:
            await self._drip(transport, first + body)
        else:
            transport.write(first + body)
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        return

    async def _drip(self, transport: asyncio.Transport, message: bytes) -> None:
        for index in range(len(message)):
            if transport.is_closing():
                return
            transport.write(message[index : index + 1])
            await self._sleep(self._answer.manner.drip)


def _hang_up(transport: asyncio.Transport, *, reset: bool) -> None:
    if reset:
        connection = transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NONE)
        transport.abort()
    else:
        transport.close()
