"""
The lane: HTTP/1.1 beside aiohttp's session, on aiohttp's own connector, connections and parser.

A session makes of each request a URL, headers, cookies, timers, a writer task and a response object. Of a score that is
four fifths of the work, and nothing of it differs from the score before. The lane makes a *head* once for each URL and
token, writes it with the body at once, and waits for aiohttp's parser to hand the answer over.

A `Wire` is one connection, from its opening to its end. It is in one of three states:

asked   A request was written, and its answer is awaited. Bytes belong to that answer, and say that the server lives.
idle    It lies on the stack of its origin; the one used last is on top. Bytes that come now belong to nobody: the wire
        is closed. So is one whose answer was followed by bytes, or came before its request had left.
closed  For good. A wire whose answer was not read to its end, for whatever reason, never becomes idle.

A wire is taken from the stack only when the kernel holds nothing for it, not even an end of file. So what fails before
the write was never sent; what fails after may have been received.

One tick watches all: it ends what has been silent for too long, or takes too long in all, and closes what has been idle
for too long. There are no other timers.

What of aiohttp this needs beyond its documentation, `fault_of_aiohttp` tries out: docs/adr/0147.
"""

from __future__ import annotations

import asyncio
import re
import select
from collections.abc import Callable
from functools import partial
from time import monotonic
from typing import Any

import aiohttp
from yarl import URL

from aioags.calls.arrival import WORTH_ASKING, seconds_unseen
from aioags.calls.conversation import LONGEST_LINE, PIECE, Conversation, is_readable
from aioags.calls.lane_answers import read_body, response
from aioags.calls.transport import FOREIGN, KEEPALIVE, mapped, unreachable
from aioags.errors import UnreachableError
from aioags.model.mistakes import ClosedAtEnd
from aioags.model.policy import Timeouts
from aioags.protocol.messages import Request, Response

# asyncio receives into 256 KiB at a time, which glibc takes from the kernel and gives back each time: two page faults.
_RECEIVED_AT_ONCE = 64 * 1024
# Of those that end with a token: a page of a listing has a URL of its own.
_MOST_HEADS = 1024
# Of a deadline, between two looks at it; and seconds between two looks.
_SHARE_OF_DEADLINE = 0.05
_SHORTEST_TICK, _LONGEST_TICK = 0.01, 1.0
# What would end a line of the head, and begin one of somebody else's.
_LINE_BREAK = re.compile(r"[\r\n\0]")
# Heads of interim answers, at the beginning.
_HINTS = re.compile(rb"\A(?:HTTP/\d\.\d 1\d\d[^\r\n]*\r\n(?:[^\r\n]+\r\n)*\r\n)+")


class Wire(Conversation):
    """
    One connection, kept with its parser from one answer to the next.

    Attributes:
        heard: When bytes last came, or the request was written, on the lane's clock.

        is_ascii: Whether all that came since is ASCII.

        ends: When the exchange must be over, on the same.

        idle_since: When its last answer was whole, on the same.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self.heard = self.ends = self.idle_since = 0.0
        self.is_ascii = True
        self.clock: Callable[[], float] = monotonic
        self._held: Any = None
        # Of the answer, until its head is whole. None: it is.
        self._said: bytes | bytearray | None = b""
        self._ready: Callable[[int], list[Any]] | None = None

    def hold(self, connection: Any) -> None:
        """
        Take over a connection that aiohttp opened, and make it ready for its first request.
        """
        self._held = connection
        self._parse(until_closed=False)
        transport: Any = self.transport
        if hasattr(transport, "max_size"):
            transport.max_size = min(transport.max_size, _RECEIVED_AT_ONCE)
        sock = transport.get_extra_info("socket")
        if sock is not None and hasattr(select, "poll"):
            poller = select.poll()
            poller.register(sock.fileno(), select.POLLIN)
            self._ready = poller.poll

    def _parse(self, *, until_closed: bool) -> None:
        self.set_response_params(
            read_until_eof=until_closed, auto_decompress=False, max_line_size=LONGEST_LINE, max_field_size=LONGEST_LINE
        )

    def data_received(self, data: bytes) -> None:
        """
        Take what the server says.
        """
        self.heard = self.clock()
        self.is_ascii = self.is_ascii and data.isascii()
        if len(data) <= PIECE:
            self._take(data)
        else:
            super().data_received(data)

    def _read_anew(self, data: bytes) -> bool:
        # A parser that expects a body to end with the connection (RFC 9112 6.3) makes a stream of each empty one, for
        # a twentieth of what a score costs. So one that does is of another parser, from its beginning.
        if self._said is None:
            return False
        if not self._said:
            self._said = bytearray()
        self._said += data
        if not self._buffer or (message := self._buffer[-1][0][0]).code < 200:
            return False
        said, self._said = bytes(self._said), None
        if not message.should_close or message.chunked or "Content-Length" in message.headers:
            return False
        self._buffer.clear()
        self._parse(until_closed=True)
        # Hints before it may have been read, and count against it.
        super().data_received(_HINTS.sub(b"", said, count=1))
        return True

    def is_clean(self) -> bool:
        """
        True when it can be asked: it is open, and nothing waits on it.
        """
        transport = self.transport
        if transport is None or transport.is_closing():
            return False
        if self._ready is not None:
            return not self._ready(0)
        return not is_readable(transport.get_extra_info("socket"))

    def ask(self, written: bytes, now: float, ends: float) -> None:
        """
        Write a request. The transport is open: `is_clean` was true, and nobody else ran since.

        Args:
            now: On the lane's clock.

            ends: When the whole answer must be there.
        """
        # As `expect`, which is a call more.
        self._asked, self._begun, self._came, self._answer = True, False, 0, None
        self.heard, self.ends, self.is_ascii, self._said = now, ends, True, b""
        self.transport.write(written)  # type: ignore[union-attr]

    def is_answered(self, message: Any, body: Any) -> bool:
        """
        Take a head that came; True when it is the answer's.

        An interim answer (RFC 9110 15.2) comes before the answer. 101 was not asked for, and is the last.

        Args:
            message: aiohttp's.

            body: The stream of its body.
        """
        if self.transport is None and not body.is_eof():
            # Closed between the head and its reader; aiohttp would not wake who waits for the rest.
            body.set_exception(aiohttp.ClientConnectionError("closed"))
        status: int = message.code
        return status >= 200 or status == 101

    def can_go_on(self, *, chunked: bool = False) -> bool:
        """
        End the exchange whose answer was read; True when the connection can serve another.

        Args:
            chunked: The answer came in chunks, and trailers may have followed it.
        """
        self._said = None
        transport = self.transport
        if (
            transport is None
            or self.should_close
            # The answer came before the request had left: the rest of it is still on its way.
            or transport.get_write_buffer_size()
        ):
            return False
        # Part of a head that follows the answer: the parser keeps it, and would put it before the next.
        parser: Any = self._parser
        try:
            clean = parser.feed_eof() is None
        except Exception:  # noqa: BLE001 - whatever it makes of half a head
            return False
        if clean and chunked:
            # The parser would put trailers among the headers of the next answer.
            self._parse(until_closed=False)
            self._asked = False
        return clean

    def drop(self) -> None:
        """
        Close the connection for good, and do not wait for what has not left.
        """
        if self.transport is not None and self.transport.get_write_buffer_size():
            self.transport.abort()
        held, self._held = self._held, None
        if held is not None:
            held.close()
        self.close()


class LaneConnector(aiohttp.TCPConnector):
    """
    Opens connections that are wires.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._factory = partial(Wire, loop=settings.get("loop") or asyncio.get_running_loop())  # type: ignore[assignment]


class Head:
    """
    A request's beginning, up to the length of its body.

    Attributes:
        origin: Scheme, host and port: whose connections serve it.

        opening: aiohttp's own request, from which it learns where to connect.

        text: The bytes.
    """

    __slots__ = ("opening", "origin", "text")

    def __init__(self, request: Request, user_agent: str, loop: Any) -> None:
        # The platform's own bytes: yarl would turn %2C into a comma.
        url = URL(request.url, encoded=True)
        headers = {"User-Agent": user_agent, "Accept-Encoding": "gzip, deflate", **dict(request.headers)}
        self.opening = aiohttp.ClientRequest(request.method, url, headers=headers, loop=loop)
        self.origin = str(url.origin())
        lines = [f"{request.method} {self.opening.url.raw_path_qs} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in self.opening.headers.items() if name != "Content-Length"]
        if any(_LINE_BREAK.search(line) for line in lines):
            raise ValueError("a line of the head has a line break in it")
        self.text = ("\r\n".join(lines) + "\r\n").encode()


def written(head: Head, request: Request) -> bytes:
    """
    Return the request as it leaves.
    """
    body = request.body
    if body is not None:
        return b"%bContent-Length: %d\r\n\r\n%b" % (head.text, len(body), body)
    # As aiohttp: only a GET does not say that it has none.
    return head.text + (b"\r\n" if request.method == "GET" else b"Content-Length: 0\r\n\r\n")


class LaneTransport(ClosedAtEnd):
    """
    Sends over connections of its own, without a session: at less than half the cost for each request.

    It uses more of aiohttp than is documented; `Client` tries that out, and takes `AiohttpTransport` where it does not
    hold. It knows no proxies, neither from the environment nor otherwise: for these give `Client` a session.

    Args:
        timeouts: Bounds for each try. They are looked at now and then: a twentieth of each, and no more than a second,
            may be added.

        user_agent: Value of the ``User-Agent`` header.

        clock: Seconds that never step back.
    """

    def __init__(self, *, timeouts: Timeouts, user_agent: str, clock: Callable[[], float] = monotonic) -> None:
        self._timeouts = timeouts
        self._total = timeouts.total
        self._agent = user_agent
        self._clock = clock
        connect = min(timeouts.connect, timeouts.total)
        self._opening = aiohttp.ClientTimeout(total=None, connect=connect, sock_connect=connect)
        shortest = min(timeouts.read, timeouts.total)
        self._tick_seconds = min(max(shortest * _SHARE_OF_DEADLINE, _SHORTEST_TICK), _LONGEST_TICK)
        self._heads: dict[tuple[Any, ...], Head] = {}
        self._idle: dict[str, list[Wire]] = {}
        self._asked: set[Wire] = set()
        self._tick: asyncio.TimerHandle | None = None
        self._connector: LaneConnector | None = None
        self._loop: Any = None
        self._closed = False

    async def send(self, request: Request) -> Response:
        """
        Send one request, once, and read the answer to its end.
        """
        if self._closed:
            raise RuntimeError("the Client is closed")
        try:
            head = self._heads.get((request.method, request.url, request.headers))
            if head is None:
                head = self._head(request)
            begun = self._clock()
            now, wire = begun, self._take(head.origin, begun)
            if wire is None:
                wire = await self._connect(head, request)
                now = self._clock()
            self._asked.add(wire)
            try:
                wire.ask(written(head, request), now, begun + self._total)
                message, stream = await wire.read()
                if message.code < 200 or not stream.is_eof():
                    while not wire.is_answered(message, stream):
                        message, stream = await wire.read()
                # Not asked of every answer: whether there is a body at all is known by now.
                body = b"" if stream.at_eof() else await read_body(request, message, stream)
                now = self._clock()
                late = now - wire.heard
                if late > WORTH_ASKING or wire.heard - begun > WORTH_ASKING:
                    late = max(late, seconds_unseen(wire.transport))
            except BaseException:
                wire.drop()
                raise
            finally:
                self._asked.discard(wire)
        except FOREIGN as error:
            # aiohttp's own complaints quote what the server sent, and a server may send back what it was sent.
            raise mapped(request, error) from (error if isinstance(error, (OSError, TimeoutError)) else None)
        self._give_back(head.origin, wire, now, message.chunked)
        return response(request, message, body, late, is_ascii=wire.is_ascii)

    def _head(self, request: Request) -> Head:
        if self._connector is None:
            self._loop = asyncio.get_running_loop()
            # limit=0: the pacing of each platform bounds its connections; a common limit would let one starve the
            # others.
            self._connector = LaneConnector(limit=0)
        head = Head(request, self._agent, self._loop)
        if len(self._heads) >= _MOST_HEADS:
            self._heads.clear()
        self._heads[request.method, request.url, request.headers] = head
        return head

    def _take(self, origin: str, now: float) -> Wire | None:
        idle = self._idle.get(origin)
        while idle:
            wire = idle.pop()
            if now - wire.idle_since <= KEEPALIVE and wire.is_clean():
                return wire
            wire.drop()
        return None

    async def _connect(self, head: Head, request: Request) -> Wire:
        assert self._connector is not None  # noqa: S101 - opened with the first head
        try:
            connection = await self._connector.connect(head.opening, [], self._opening)
        except (aiohttp.ClientError, OSError) as error:
            raise unreachable(request, error) from (error if isinstance(error, OSError) else None)
        wire = getattr(connection, "protocol", None)
        if not isinstance(wire, Wire):
            connection.close()
            raise UnreachableError(f"aiohttp {aiohttp.__version__} opened a connection that is none of the lane's")
        if wire.transport is None or wire.transport.is_closing():
            # Closed at once, or it spoke before it was asked.
            connection.close()
            raise unreachable(request, ConnectionResetError())
        wire.clock = self._clock
        wire.hold(connection)
        if self._tick is None:
            self._tick = self._loop.call_later(self._tick_seconds, self._look)
        return wire

    def _give_back(self, origin: str, wire: Wire, now: float, chunked: bool) -> None:
        if self._closed or not wire.can_go_on(chunked=chunked):
            wire.drop()
            return
        wire.idle_since = now
        idle = self._idle.get(origin)
        if idle is None:
            self._idle[origin] = [wire]
        else:
            idle.append(wire)

    def _look(self) -> None:
        """
        End what is overdue. The only timer; it stops when there is nothing left to watch.
        """
        now, silence = self._clock(), self._timeouts.read
        for wire in self._asked:
            if now - wire.heard > silence or now > wire.ends:
                wire.set_exception(TimeoutError("no whole answer in time"))
        self._sweep(now)
        watches = self._asked or self._idle
        self._tick = self._loop.call_later(self._tick_seconds, self._look) if watches else None

    def _sweep(self, now: float) -> None:
        for origin, idle in list(self._idle.items()):
            kept = []
            for wire in idle:
                if wire.transport is not None and now - wire.idle_since <= KEEPALIVE:
                    kept.append(wire)
                else:
                    wire.drop()
            if kept:
                self._idle[origin] = kept
            else:
                del self._idle[origin]

    async def aclose(self) -> None:
        """
        Close every connection; who waits for an answer is told that it is lost.
        """
        self._closed = True
        if self._tick is not None:
            self._tick.cancel()
            self._tick = None
        for wire in list(self._asked):
            wire.set_exception(aiohttp.ClientConnectionError("closed"))
        for wire in [wire for idle in self._idle.values() for wire in idle]:
            wire.drop()
        self._idle.clear()
        self._heads.clear()
        if self._connector is not None:
            await self._connector.close()
