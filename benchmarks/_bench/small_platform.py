"""
A platform in Python for what needs more than a quick 204: limits, short tokens, pages of line items and results.

    python benchmarks/_bench/small_platform.py OPTIONS

prints its port on one line, then serves until it is killed. ``GET /counts`` answers with what it was asked, as JSON.
Where uvloop is installed it runs on that: it must not be what is measured.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import json
import ssl
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

NO_CONTENT = b"HTTP/1.1 204 No Content\r\n"
USERS = "5f9b3c1e-8d42-4b7a-9c60-"


class Allowance:
    """
    So many requests a second, no more at once: above it 429 and when to come back.
    """

    def __init__(self, rate: float) -> None:
        self._rate = self._left = rate
        self._at = time.monotonic()

    def enter(self) -> tuple[bytes, bytes]:
        """
        Return a refusal (empty: go on) and the headers of an answer.
        """
        now = time.monotonic()
        self._left = min(self._rate, self._left + (now - self._at) * self._rate)
        self._at = now
        if self._left < 1:
            return b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\n", b""
        self._left -= 1
        return b"", b""

    def leave(self) -> None:
        """
        Nothing is settled afterwards.
        """


class Bucket:
    """
    Canvas's: 50 units in advance, 1 when it is done, 10 leak a second, refused above 600.
    """

    def __init__(self) -> None:
        self._level, self._at = 0.0, time.monotonic()

    def enter(self) -> tuple[bytes, bytes]:
        """
        Return a refusal (empty: go on) and the headers of an answer.
        """
        now = time.monotonic()
        self._level = max(0.0, self._level - 10 * (now - self._at))
        self._at = now
        if self._level >= 600:
            return b"HTTP/1.1 403 Forbidden\r\nX-Rate-Limit-Remaining: 0.0\r\n", b""
        self._level += 50
        return b"", f"X-Request-Cost: 1.0\r\nX-Rate-Limit-Remaining: {600 - self._level}\r\n".encode()

    def leave(self) -> None:
        """
        Give what was charged in advance back, less the cost.
        """
        self._level -= 49


class Site:
    """
    What every connection shares.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        self.counts: Counter[str] = Counter()
        self.delay = options.delay / 1000
        self._life = options.token_life
        self.page = options.page
        self.throttle = Allowance(options.allow) if options.allow else Bucket() if options.bucket else None
        self.port = 0
        self.scheme = "https" if options.tls else "http"

    def token(self) -> bytes:
        """
        Grant one.
        """
        self.counts["token"] += 1
        number = self.counts["token"]
        self._granted = {f"token{number:027}": time.monotonic() + self._life, **getattr(self, "_granted", {})}
        grant = {"access_token": f"token{number:027}", "token_type": "Bearer", "expires_in": self._life}
        return as_json(json.dumps(grant))

    def known(self, head: bytes) -> bool:
        """
        Tell whether a request carries a token that lives.
        """
        begin = head.lower().find(b"authorization: bearer ") + 22
        return self._granted.get(head[begin : begin + 32].decode(), 0) > time.monotonic()

    def score(self, head: bytes) -> bytes:
        """
        Take a score.
        """
        refusal, extra = self.throttle.enter() if self.throttle else (b"", b"")
        if refusal:
            self.counts["throttled"] += 1
            text = b"Rate Limit Exceeded"
            return refusal + b"Content-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s" % (len(text), text)
        if not self.known(head):
            self.counts["unauthorized"] += 1
            return b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"
        self.counts["score"] += 1
        return NO_CONTENT + extra + b"\r\n"

    @functools.cache  # noqa: B019
    def listed(self, target: str) -> bytes:
        """
        Return a page of line items or results; ``p=N`` is its number from 0.
        """
        path, _, query = target.partition("?")
        number = int(query.partition("p=")[2] or 0)
        total, record = (100_000, self._result) if path.endswith("/results") else (10_000, self._item)
        begin, end = number * self.page, min(total, (number + 1) * self.page)
        body = json.dumps([record(each) for each in range(begin, end)])
        link = f'Link: <{self._at(path)}?p={number + 1}>; rel="next"\r\n' if end < total else ""
        return as_json(body, link)

    def _at(self, path: str) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}{path}"

    def _item(self, number: int) -> dict[str, Any]:
        return {
            "id": self._at(f"/courses/1/lineitems/{number}"),
            "label": f"Quiz {number}",
            "scoreMaximum": 100,
            "resourceId": f"quiz-{number}",
            "tag": "grade",
        }

    def _result(self, number: int) -> dict[str, Any]:
        item = self._at("/courses/1/lineitems/1")
        # Sparse: every second member has one.
        user = f"{USERS}{number * 2:012}"
        return {
            "id": f"{item}/results/{number}",
            "scoreOf": item,
            "userId": user,
            "resultScore": number % 101,
            "resultMaximum": 100,
        }


def as_json(body: str, headers: str = "") -> bytes:
    """
    Write an answer with a JSON body.
    """
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
    return (head + body).encode()


class Connection(asyncio.Protocol):
    """
    One connection: reads requests with a ``Content-Length`` or without a body, answers each when it is whole.
    """

    def __init__(self, site: Site) -> None:
        self._site = site
        self._buffer = bytearray()
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """
        Keep the transport.
        """
        self._transport: Any = transport

    def data_received(self, data: bytes) -> None:
        """
        Answer every request that is whole now.
        """
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = bytes(self._buffer[:end])
            begin = head.lower().find(b"\r\ncontent-length:")
            size = end + 4 + (0 if begin < 0 else int(head[begin + 17 :].split(b"\r\n", 1)[0]))
            if len(self._buffer) < size:
                return
            del self._buffer[:size]
            self._answer(head)

    def _answer(self, head: bytes) -> None:
        site, target = self._site, head.split(b" ", 2)[1]
        if target.startswith(b"/token"):
            self._transport.write(site.token())
        elif target.startswith(b"/counts"):
            self._transport.write(as_json(json.dumps(site.counts)))
        elif target.endswith(b"/scores"):
            self._later(site.score(head), site.throttle.leave if site.throttle else None)
        else:
            self._transport.write(site.listed(target.decode()))

    def _later(self, answer: bytes, leave: Callable[[], None] | None) -> None:
        def send() -> None:
            if leave and answer.startswith(NO_CONTENT):
                leave()
            self._transport.write(answer)

        if self._site.delay:
            self._loop.call_later(self._site.delay, send)
        else:
            send()


async def serve(options: argparse.Namespace) -> None:
    """
    Serve until killed.
    """
    context = None
    if options.tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*options.tls)
    site = Site(options)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(site), "127.0.0.1", 0, backlog=4096, ssl=context)
    site.port = server.sockets[0].getsockname()[1]
    print(site.port, flush=True)
    await asyncio.Event().wait()


def main() -> None:
    """
    Read the options and serve.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("--delay", type=float, default=0, metavar="MS", help="of every answer to a score")
    parser.add_argument("--allow", type=float, default=0, metavar="N", help="scores a second")
    parser.add_argument("--bucket", action="store_true", help="throttle as Canvas does")
    parser.add_argument("--token-life", type=int, default=3600, metavar="S")
    parser.add_argument("--page", type=int, default=100, metavar="N", help="records on a page")
    parser.add_argument("--tls", nargs=2, metavar=("CERTIFICATE", "KEY"))
    options = parser.parse_args()
    try:
        import uvloop
    except ImportError:
        asyncio.run(serve(options))
    else:
        uvloop.run(serve(options))


if __name__ == "__main__":
    main()
