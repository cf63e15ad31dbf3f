"""
The way between a client and a platform of this process: a call, or a socket of loopback, by the lane or by a session.

A test that uses `every_transport` runs on all three, and every transport of the rigs goes the way that is open: it
gives `carry` the request and what answers it. Over a socket the request is written by the package's own transport to a
`Bridge`, which reads it, asks for the answer, and writes that; an answer that is lost is a connection that ends. Who
hangs up ends what he asked for, as a call that is cancelled does.

Clocks, hooks and faults are the same on all three, and what is on the wire takes no time of theirs: the package's clock
stays the test's. A transport's own deadlines, and bytes that are no HTTP, are real and in `tests/sockets`.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Literal

import attrs
import pytest

from aioags import AGSError, Timeouts, UnreachableError, open_transport
from aioags.calls.transport import Transport
from aioags.protocol.messages import Request, Response

Answerer = Callable[[Request], Awaitable[Response]]
Way = Literal["memory", "lane", "session"]
# Added by a transport, and no part of what the client asked.
_OWN = {"host", "content-length", "user-agent", "accept-encoding", "connection"}


@attrs.define(eq=False)
class Bridge:
    """
    A server on loopback that answers with what others know.

    Attributes:
        sends: What writes the requests.

        port: Where it listens.

        dead: A port where nobody does.

        answerers: Who answers, by the number that a request's target begins with.

        under_way: Requests that a client waits for.

        answering: Conversations whose request is here, and its answer not yet on its way.

        open: All of them.

        broken: What went wrong in a test's own code.
    """

    sends: Transport
    port: int = 0
    dead: int = 0
    answerers: dict[Answerer, int] = attrs.field(factory=dict)
    under_way: set[object] = attrs.field(factory=set)
    answering: set[_Conversation] = attrs.field(factory=set)
    open: set[_Conversation] = attrs.field(factory=set)
    broken: list[Exception] = attrs.field(factory=list)

    async def carry(self, request: Request, answerer: Answerer) -> Response:
        """
        Send a request over a socket to who answers it.
        """
        number = self.answerers.setdefault(answerer, len(self.answerers))
        return await self._send(request, f"http://127.0.0.1:{self.port}/{number}/{request.url}")

    async def _send(self, request: Request, url: str) -> Response:
        mark = object()
        self.under_way.add(mark)
        try:
            answer = await self.sends.send(attrs.evolve(request, url=url))
        finally:
            self.under_way.discard(mark)
            if self.broken:
                raise self.broken.pop()
        return attrs.evolve(answer, url=request.url)

    async def refuse(self, request: Request) -> Response:
        """
        Send a request to where nobody listens.
        """
        return await self._send(request, f"http://127.0.0.1:{self.dead}/")

    def find(self, target: str) -> tuple[Answerer, str]:
        """
        Return who answers, and the URL that he was asked for.
        """
        number, _, url = target[1:].partition("/")
        return list(self.answerers)[int(number)], url


@attrs.define(eq=False)
class _Conversation(asyncio.Protocol):
    bridge: Bridge
    transport: Any = None
    held: bytes = b""
    task: asyncio.Task[None] | None = None
    ended: asyncio.Event = attrs.field(factory=asyncio.Event)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.bridge.open.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.bridge.open.discard(self)
        self.ended.set()
        if self.task is not None:
            self.task.cancel()

    def data_received(self, data: bytes) -> None:
        self.held += data
        head, end, body = self.held.partition(b"\r\n\r\n")
        if not end:
            return
        first, *lines = head.decode().split("\r\n")
        pairs = [(name, value) for name, _, value in (line.partition(": ") for line in lines)]
        length = next((int(value) for name, value in pairs if name.lower() == "content-length"), 0)
        if len(body) < length:
            return
        self.held = b""
        method, target, _ = first.split(" ")
        answerer, url = self.bridge.find(target)
        headers = tuple(pair for pair in pairs if pair[0].lower() not in _OWN)
        self.bridge.answering.add(self)
        self.task = asyncio.ensure_future(self._answer(answerer, Request(method, url, headers, body or None)))
        self.task.set_name(BRIDGE)

    async def _answer(self, answerer: Answerer, request: Request) -> None:
        try:
            self.transport.write(_written(await answerer(request)))
        except AGSError:
            self.transport.abort()
        except Exception as error:  # noqa: BLE001
            self.bridge.broken.append(error)
            self.transport.abort()
        finally:
            self.bridge.answering.discard(self)


BRIDGE = "bridge"
"""Name of the tasks that are the platform's and not the client's."""


def _written(answer: Response) -> bytes:
    lines = [f"HTTP/1.1 {answer.status} {answer.reason}", *(f"{name}: {value}" for name, value in answer.headers)]
    if answer.status not in (204, 304):
        lines.append(f"Content-Length: {len(answer.body)}")
    return "\r\n".join([*lines, "", ""]).encode() + answer.body


# The ways that were opened; the last is the one that is gone. None: a call.
_opened: list[tuple[Way, Bridge | None]] = [("memory", None)]


def way() -> Way:
    """
    Return which way requests go.
    """
    return _opened[-1][0]


async def carry(request: Request, answerer: Answerer) -> Response:
    """
    Let a request go the way that is open.
    """
    bridge = _opened[-1][1]
    return await (answerer(request) if bridge is None else bridge.carry(request, answerer))


async def refuse(request: Request) -> Response:
    """
    Let a request find nobody.
    """
    bridge = _opened[-1][1]
    if bridge is None:
        raise UnreachableError("refused", transient=True)
    return await bridge.refuse(request)


def is_quiet() -> bool:
    """
    True when nothing is on the wire: what a client waits for is at the platform.
    """
    bridge = _opened[-1][1]
    return bridge is None or len(bridge.under_way) <= len(bridge.answering)


@pytest.fixture(params=["memory", "lane", "session"])
async def every_transport(request: pytest.FixtureRequest) -> AsyncIterator[Way]:
    """
    Let the rigs carry requests so, and say how. At the end no connection is left open.
    """
    chosen: Way = request.param
    if chosen == "memory":
        yield chosen
        return
    bridge = Bridge(open_transport(chosen, timeouts=Timeouts(), user_agent="test"))
    listener = await asyncio.get_running_loop().create_server(lambda: _Conversation(bridge), "127.0.0.1", 0)
    bridge.port = listener.sockets[0].getsockname()[1]
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        bridge.dead = deaf.getsockname()[1]
        _opened.append((chosen, bridge))
        try:
            yield chosen
        finally:
            _opened.pop()
            await bridge.sends.aclose()
            listener.close()
            async with asyncio.timeout(10):
                for conversation in list(bridge.open):
                    await conversation.ended.wait()
            await listener.wait_closed()
