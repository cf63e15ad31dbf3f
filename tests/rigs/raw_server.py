"""
A server that keeps the very bytes it was sent and answers with the very bytes it is given.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import attrs

from aioags import Client, Endpoint, Gradebook, Registration, Scope
from tests.rigs.memory import tool_key

Answerer = Callable[["Received", asyncio.StreamWriter], Any]


@attrs.frozen
class Received:
    """
    One request, as it came.

    Attributes:
        connection: Counts connections from 1.

        head: From the request line to the last header, without the blank line.

        body: As many bytes as ``Content-Length`` said.
    """

    connection: int
    head: bytes
    body: bytes

    @property
    def line(self) -> str:
        """
        The request line.
        """
        return self.head.split(b"\r\n", 1)[0].decode("ascii")

    @property
    def target(self) -> str:
        """
        What stands between the method and the version.
        """
        return self.line.split(" ")[1]

    @property
    def method(self) -> str:
        """
        The first word of the request line.
        """
        return self.line.split(" ")[0]

    def header(self, name: str) -> list[str]:
        """
        Return every value of a header.
        """
        pairs = (line.decode("latin-1").partition(":") for line in self.head.split(b"\r\n")[1:])
        return [value.strip() for key, _, value in pairs if key.lower() == name.lower()]


def http(status: int = 200, body: bytes = b"", *headers: str, reason: bytes = b"OK", version: bytes = b"1.1") -> bytes:
    """
    Write an answer with its length.
    """
    lines = [b"HTTP/%s %d %s" % (version, status, reason), *(line.encode("utf-8") for line in headers)]
    if not any(line.lower().startswith(b"transfer-encoding") for line in lines):
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def http_json(value: Any, *headers: str, status: int = 200) -> bytes:
    """
    Write an answer that carries JSON.
    """
    return http(status, json.dumps(value).encode(), "Content-Type: application/json", *headers)


GRANT = {"access_token": "opaque-token-0123456789", "token_type": "Bearer", "expires_in": 3600}


@attrs.define
class RawServer:
    """
    A server on loopback. Token requests, to ``/token``, are granted by itself unless `answer_token` says otherwise.

    Attributes:
        answers: What it says to service requests, in order: bytes, or a function that is given the request and the
            writer (and may be a coroutine function). The last one is repeated.

        received: Every request but those for tokens, in order.

        tokens: The token requests, in order.

        connections: How many were opened.

        open: The tasks of those that are.
    """

    port: int = 0
    answers: list[bytes | Answerer] = attrs.field(factory=list)
    answer_token: bytes | Answerer = attrs.field(factory=lambda: http_json(GRANT))
    received: list[Received] = attrs.field(factory=list)
    tokens: list[Received] = attrs.field(factory=list)
    connections: int = 0
    open: set[asyncio.Task[Any]] = attrs.field(factory=set)

    @property
    def origin(self) -> str:
        """
        Scheme, host and port.
        """
        return f"http://127.0.0.1:{self.port}"

    async def serve_connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """
        Answer the requests of one connection until either side closes it.
        """
        task = asyncio.current_task()
        assert task is not None
        self.open.add(task)
        self.connections += 1
        try:
            await self._converse(reader, writer, self.connections)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self.open.discard(task)
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n"))[:-4]
            lengths = Received(number, head, b"").header("Content-Length")
            request = Received(number, head, await reader.readexactly(int(lengths[0])) if lengths else b"")
            answer = self._next(request)
            if isinstance(answer, bytes):
                writer.write(answer)
                await writer.drain()
                closes = b"connection: close" in answer.lower() or answer.startswith(b"HTTP/1.0")
            else:
                said = answer(request, writer)
                closes = bool(await said if asyncio.iscoroutine(said) else said)
            if closes:
                return

    def _next(self, request: Received) -> bytes | Answerer:
        if request.target.startswith("/token"):
            self.tokens.append(request)
            return self.answer_token
        self.received.append(request)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    async def hang_up(self) -> None:
        """
        End every connection.
        """
        for task in list(self.open):
            task.cancel()
        await asyncio.gather(*self.open, return_exceptions=True)

    def registration(self) -> Registration:
        """
        Return a registration whose token URL is here.
        """
        return Registration(self.origin, "tool-1", f"{self.origin}/token", tool_key())

    def gradebook(self, client: Client, lineitem: str = "/items/7", lineitems: str = "/items") -> Gradebook:
        """
        Return a gradebook whose endpoint is here; the arguments are paths, or URLs.
        """
        urls = [path if "://" in path else self.origin + path for path in (lineitems, lineitem)]
        return client.gradebook(self.registration(), Endpoint(*urls, frozenset(Scope)))


@asynccontextmanager
async def raw_server(*answers: bytes | Answerer) -> AsyncIterator[RawServer]:
    """
    Listen while the block runs.
    """
    server = RawServer(answers=list(answers))
    listener = await asyncio.start_server(server.serve_connection, "127.0.0.1", 0, limit=2**22)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        await server.hang_up()
        await listener.wait_closed()
