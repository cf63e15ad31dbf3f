"""
Servers that mean harm, or are broken beyond it: each a function that answers one request on a raw socket.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable

import attrs

from aioags import (
    AGSError,
    BrokenError,
    LostAnswerError,
    MalformedError,
    RefusedError,
    Timeouts,
    UntrustedURLError,
)
from tests.rigs.raw_server import Received, http

Doing = Callable[[Received, asyncio.StreamWriter], Awaitable[bool]]

MEGABYTE = 1024 * 1024
# Long enough for what is cut by its size, whatever the machine.
PATIENT = Timeouts(connect=10.0, read=20.0, total=30.0)
# For what is cut by its time.
HASTY = Timeouts(connect=1.0, read=0.1, total=0.3)


@attrs.frozen
class Case:
    """
    One way to harm a client.

    Attributes:
        name: For people.

        answer: What the server does.

        error: What a listing must end with.

        timeouts: Those of the client.
    """

    name: str
    answer: Doing
    error: type[AGSError]
    timeouts: Timeouts = PATIENT


async def pour(writer: asyncio.StreamWriter, pieces: AsyncIterator[bytes]) -> bool:
    """
    Write as long as the other side takes it.
    """
    async for piece in pieces:
        if writer.is_closing():
            break
        writer.write(piece)
        await writer.drain()
    return True


async def forever(piece: bytes) -> AsyncIterator[bytes]:
    """
    Yield the same bytes for ever, one turn of the loop apart.
    """
    while True:
        yield piece
        await asyncio.sleep(0)


async def after(first: bytes, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """
    Yield some bytes before the others.
    """
    yield first
    async for piece in pieces:
        yield piece


def endless(first: bytes, piece: bytes) -> Doing:
    """
    Return a server that begins so and goes on for ever.
    """

    async def answer(request: Received, writer: asyncio.StreamWriter) -> bool:
        return await pour(writer, after(first, forever(piece)))

    return answer


def whole(text: bytes) -> Doing:
    """
    Return a server that writes some bytes and closes the connection.
    """

    async def answer(request: Received, writer: asyncio.StreamWriter) -> bool:
        writer.write(text)
        await writer.drain()
        return True

    return answer


async def silent(request: Received, writer: asyncio.StreamWriter) -> bool:
    """
    Never answer.
    """
    await asyncio.get_running_loop().create_future()
    return True


def chunk(data: bytes) -> bytes:
    """
    Write one piece of a chunked body.
    """
    return b"%x\r\n%s\r\n" % (len(data), data)


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n"
TEN_GB = b"Content-Length: 10737418240\r\n\r\n"


def bomb(wbits: int) -> tuple[bytes, bytes]:
    """
    Return the beginning of a compressed stream, and a piece of it that can be repeated: each inflates to a megabyte.
    """
    packer = zlib.compressobj(9, zlib.DEFLATED, wbits)
    first = packer.compress(b" " * MEGABYTE) + packer.flush(zlib.Z_FULL_FLUSH)
    return first, packer.compress(b" " * MEGABYTE) + packer.flush(zlib.Z_FULL_FLUSH)


def exploding(encoding: bytes, wbits: int) -> Doing:
    """
    Return a server whose answer inflates without end.
    """
    first, piece = bomb(wbits)
    head = CHUNKED + b"Content-Encoding: " + encoding + b"\r\n\r\n"
    return endless(head + chunk(first), chunk(piece * 256))


def compressed(encoding: bytes, data: bytes) -> bytes:
    """
    Write an answer that says it is compressed.
    """
    return http(200, data, f"Content-Encoding: {encoding.decode()}")


def link(target: str) -> str:
    """
    Write a header that leads to another page.
    """
    return f'Link: <{target}>; rel="next"'


async def back_to_itself(request: Received, writer: asyncio.StreamWriter) -> bool:
    """
    Answer with a page whose next page is itself.
    """
    writer.write(http(200, b"[]", link(request.target)))
    return False


async def in_circles(request: Received, writer: asyncio.StreamWriter) -> bool:
    """
    Answer with one of three pages that lead to each other.
    """
    number = int(request.target.partition("page=")[2] or 0)
    writer.write(http(200, b"[]", link(f"/items?page={number % 3 + 1}")))
    return False


async def ten_thousand_pages(request: Received, writer: asyncio.StreamWriter) -> bool:
    """
    Answer with a page that has yet another.
    """
    number = int(request.target.partition("page=")[2] or 0)
    writer.write(http(200, b"[]", *([link(f"/items?page={number + 1}")] if number < 10_000 else [])))
    return False


async def redirecting(request: Received, writer: asyncio.StreamWriter) -> bool:
    """
    Send everybody on to the next place, for ever.
    """
    number = int(request.target.partition("hop=")[2] or 0)
    writer.write(http(307, b"", f"Location: /items?hop={number + 1}"))
    return False


GOOD = json.dumps([{"id": "https://lms.example/1", "label": "Quiz", "scoreMaximum": 10}]).encode()
HUGE_LINK = "Link: <https://evil.example/" + "a,;<" * 50_000 + '>; rel="next"'
ODD_LINK = "Link: " + '<;>;rel="\\' * 20_000

CASES = [
    Case("never answers", silent, LostAnswerError, HASTY),
    Case("one byte at a time, head", endless(b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x"), LostAnswerError, HASTY),
    Case("one byte at a time, body", endless(HEAD + TEN_GB, b"["), LostAnswerError, HASTY),
    Case("one byte at a time, chunks", endless(CHUNKED + b"\r\n", b"1\r\n[\r\n"), LostAnswerError, HASTY),
    Case("100 Continue for ever", endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), LostAnswerError, HASTY),
    Case("head, then nothing", whole(HEAD), LostAnswerError),
    Case("half a head", whole(b"HTTP/1.1 200 OK\r\nContent-Ty"), LostAnswerError),
    Case("nothing at all", whole(b""), LostAnswerError),
    Case("half a body", whole(HEAD + b"Content-Length: 1000\r\n\r\n" + GOOD[:50]), LostAnswerError),
    Case("half a chunk", whole(CHUNKED + b"\r\n" + chunk(GOOD)[:40]), LostAnswerError),
    Case("chunks without an end", whole(CHUNKED + b"\r\n" + chunk(GOOD)), LostAnswerError),
    Case("a chunk of a nonsense size", whole(CHUNKED + b"\r\nzz\r\n[]\r\n0\r\n\r\n"), LostAnswerError),
    Case("a chunk of a monstrous size", whole(CHUNKED + b"\r\n" + b"f" * 40 + b"\r\n[]\r\n0\r\n\r\n"), LostAnswerError),
    Case("ten gigabytes with a length", endless(HEAD + TEN_GB, b" " * MEGABYTE), MalformedError),
    Case("ten gigabytes in chunks", endless(CHUNKED + b"\r\n", chunk(b" " * MEGABYTE)), MalformedError),
    Case("ten gigabytes until closed", endless(HEAD + b"Connection: close\r\n\r\n", b" " * MEGABYTE), MalformedError),
    Case("a gzip bomb", exploding(b"gzip", 31), MalformedError),
    Case("a deflate bomb", exploding(b"deflate", 15), MalformedError),
    Case("a raw deflate bomb", exploding(b"deflate", -15), MalformedError),
    Case("garbage called gzip", whole(compressed(b"gzip", b"\x00garbage" * 9)), MalformedError),
    Case("garbage called deflate", whole(compressed(b"deflate", b"garbage" * 9)), MalformedError),
    Case("half of something gzipped", whole(compressed(b"gzip", gzip.compress(GOOD)[:-12])), MalformedError),
    Case("an unknown compression", whole(compressed(b"br", b"\x8b\x02\x80[]\x03")), MalformedError),
    Case("a header line without end", endless(b"HTTP/1.1 200 OK\r\nX-Long: ", b"x" * 65_536), LostAnswerError),
    Case("headers without end", endless(b"HTTP/1.1 200 OK\r\n", b"X-Many: one more\r\n" * 64), LostAnswerError),
    Case("a status line without end", endless(b"HTTP/1.1 200 ", b"O" * 65_536), LostAnswerError),
    Case("no HTTP at all", whole(b"SSH-2.0-OpenSSH_9.6\r\n\r\n"), LostAnswerError),
    Case("a status that is none", whole(b"HTTP/1.1 abc OK\r\n\r\n"), LostAnswerError),
    Case("two lengths", whole(HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n[]]"), LostAnswerError),
    Case("a negative length", whole(HEAD + b"Content-Length: -1\r\n\r\n[]"), LostAnswerError),
    Case("a next page that is itself", back_to_itself, MalformedError),
    Case("pages in a circle", in_circles, MalformedError),
    Case("ten thousand pages", ten_thousand_pages, MalformedError),
    Case("a huge Link", whole(http(200, GOOD, HUGE_LINK)), UntrustedURLError),
    Case("redirects without end", redirecting, RefusedError),
    Case("a redirect to another origin", whole(http(307, b"", "Location: https://evil.example/")), UntrustedURLError),
    Case("a redirect to nowhere", whole(http(307, b"")), RefusedError),
    Case("arrays without bottom", whole(http(200, b"[" * 4_000_000)), MalformedError),
    Case("objects without bottom", whole(http(200, b'[{"a":' * 1_000_000)), MalformedError),
    Case("deep and well-formed", whole(http(200, b"[" * 100_000 + b"]" * 100_000)), MalformedError),
    Case("five million empty objects", whole(http(200, b"[" + b"{}," * 5_000_000 + b"{}]")), MalformedError),
    Case("no UTF-8", whole(http(200, b'[{"id":"\xff\xfe","scoreMaximum":1}]')), MalformedError),
    Case("half a surrogate", whole(http(200, b'[{"id":"\\ud800","label":"x","scoreMaximum":"x"}]')), MalformedError),
    Case("a number beyond floats", whole(http(200, b'[{"id":"x","scoreMaximum":1e400}]')), MalformedError),
    Case("an int beyond floats", whole(http(200, b'[{"id":"x","scoreMaximum":1' + b"0" * 400 + b"}]")), MalformedError),
    Case(
        "an int beyond printing", whole(http(200, b'[{"id":"x","scoreMaximum":1' + b"0" * 9000 + b"}]")), MalformedError
    ),
    Case("NaN", whole(http(200, b'[{"id":"x","scoreMaximum":NaN}]')), MalformedError),
    Case("no array", whole(http(200, b'{"items":[]}')), MalformedError),
    Case("an HTML page", whole(http(200, b"<html>Log in</html>")), MalformedError),
    Case("one odd record among good ones", whole(http(200, b'[{"id":"x","scoreMaximum":1},null]')), MalformedError),
    Case("an empty body", whole(http(200, b"")), MalformedError),
    Case("204 for a listing", whole(b"HTTP/1.1 204 No Content\r\n\r\n"), MalformedError),
    Case(
        "500 without end",
        endless(CHUNKED.replace(b"200 OK", b"500 No") + b"\r\n", chunk(b"x" * MEGABYTE)),
        BrokenError,
    ),
    Case("500 with a page", whole(http(500, b"<html>" * 100_000)), BrokenError),
]
"""Each must end a listing with an error, never with an end."""

HARMLESS = [
    Case("an odd Link", whole(http(200, GOOD, ODD_LINK)), AGSError),
    Case("128 kilobytes of Link", whole(http(200, GOOD, "Link: " + "<a>; rel=prev, " * 8_000)), AGSError),
]
"""Each must be read."""
