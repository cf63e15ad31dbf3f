"""
The smallest platform that takes scores: a token for everybody, 204 for every score. Nothing is checked or kept.

    python benchmarks/_loopback.py

prints its port on one line, then serves until its input ends. ``GET /counts`` answers with the number of requests by
kind, as JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from typing import ClassVar

TOKEN = json.dumps({"access_token": "0123456789abcdef0123456789abcdef", "token_type": "Bearer", "expires_in": 3600})
NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"


def json_answer(body: str) -> bytes:
    """
    Write an answer with a JSON body.
    """
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return (head + body).encode()


class Connection(asyncio.Protocol):
    """
    One connection: reads requests with a ``Content-Length`` or without a body, answers each when it is whole.
    """

    counts: ClassVar[Counter[str]] = Counter()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """
        Keep the transport.
        """
        self._transport = transport
        self._buffer = bytearray()

    def data_received(self, data: bytes) -> None:
        """
        Answer every request that is whole now.
        """
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = bytes(self._buffer[:end])
            size = end + 4 + content_length(head)
            if len(self._buffer) < size:
                return
            del self._buffer[:size]
            self._transport.write(self._answer(head))  # type: ignore[attr-defined]

    def _answer(self, head: bytes) -> bytes:
        if head.startswith(b"POST /token"):
            self.counts["token"] += 1
            return json_answer(TOKEN)
        if head.startswith(b"GET /counts"):
            return json_answer(json.dumps(self.counts))
        self.counts["score"] += 1
        return NO_CONTENT


def content_length(head: bytes) -> int:
    """
    Return the length of the body that a head announces.
    """
    begin = head.lower().find(b"\r\ncontent-length:")
    return 0 if begin < 0 else int(head[begin + 17 :].split(b"\r\n", 1)[0])


async def main() -> None:
    """
    Serve until the input ends.
    """
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Connection, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(main())
