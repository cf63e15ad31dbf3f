"""
A connection on which nothing is read that nobody asked for, and the connector of a session that has only such.

What of aiohttp they touch beyond its documentation, `session_check` tries out: docs/adr/0147.
"""

from __future__ import annotations

import asyncio
import select
from functools import partial
from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler

# Moodle under Apache's mod_php puts the request, with its comment, on the status line: 100 kB were seen.
LONGEST_LINE = 256 * 1024
_LONGEST_HEAD = 2 * LONGEST_LINE
# Interim answers and the answer, when they arrive at once.
_MOST_HINTS = 8
# As what a body in chunks may come: so many bytes more, and so many times as many, for the sizes of chunks, their
# extensions and trailers. Chunks of one byte are six times as many, and a page of them takes a minute to parse.
_MOST_AROUND, _MOST_TIMES = 16 * 1024, 4
# Bytes that are parsed at a time, but for what surely is of the body: a hundred tiny answers, of which one is wanted.
PIECE = 4 * 1024


class Conversation(ResponseHandler):
    """
    One connection, on which nothing is read that nobody asked for: the first byte behind an answer ends it.

    aiohttp would parse and keep such answers until the connection is used again: 2 MiB of tiny ones take 106 MiB.
    """

    # From a request to the end of its answer; from the end of the answer's head on.
    _asked = _begun = False
    # Bytes that came: before that end, and after it.
    _came = 0
    # aiohttp's, from that end on.
    _answer: Any = None

    def set_response_params(self, **settings: Any) -> None:
        """
        Expect one answer.
        """
        self.expect()
        ResponseHandler.set_response_params(self, **settings)

    def expect(self) -> None:
        """
        Expect one answer, by the parser that there is.
        """
        self._asked, self._begun, self._came, self._answer = True, False, 0, None

    def data_received(self, data: bytes) -> None:
        """
        Parse what came, piece by piece: what is behind the end of the answer is not parsed.
        """
        if len(data) <= PIECE:
            self._take(data)
            return
        begin = 0
        while begin < len(data) and not self._hung_up:
            end = begin + max(PIECE, self._missing)
            self._take(data[begin:end])
            begin = end

    @property
    def _missing(self) -> int:
        """
        Bytes that surely are the body's, as far as its length was told.
        """
        body: Any = self._payload
        if not self._begun or body is None or body.is_eof():
            return 0
        return int(self._answer.headers.get("Content-Length", 0)) - int(body.total_bytes)

    def _take(self, data: bytes) -> None:
        # Without data aiohttp goes on with what it has.
        if data and not self._asked:
            self._hang_up()
            return
        ResponseHandler.data_received(self, data)
        buffer = self._buffer
        body: Any = self._payload
        if (
            not (self._begun or self._should_close)
            and len(buffer) == 1
            and (body is None or body.is_eof())
            and buffer[0][0][0].code >= 200
        ):
            # All of the answer, and nothing before it: so most come.
            self._asked = False
            return
        if self._read_anew(data):
            return
        self._came += len(data)
        # 100 Continue and 103 Early Hints come before the answer.
        if not self._begun and self._buffer and not 100 <= (message := self._buffer[-1][0][0]).code < 200:
            self._begun, self._came, self._answer = True, 0, message
        if len(self._buffer) > _MOST_HINTS:
            self._hang_up()
        elif not self._begun:
            if self._came > _LONGEST_HEAD:
                self._hang_up()
        elif body is None or body.is_eof():
            self._asked = False
        elif self._came > _MOST_AROUND + _MOST_TIMES * body.total_bytes:
            self._hang_up()

    def set_exception(self, *error: Any) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """
        End the exchange for whoever waits, also for the body, which aiohttp forgets.
        """
        super().set_exception(*error)
        body: Any = self._payload
        if body is not None and not body.is_eof():
            body.set_exception(error[0])

    def _read_anew(self, data: bytes) -> bool:
        """
        Read an answer from its beginning, by another parser, where that needs one; True: it was done.

        Args:
            data: What came of it just now.
        """
        return False

    @property
    def _hung_up(self) -> bool:
        return self.transport is None or self.transport.is_closing()

    def _hang_up(self) -> None:
        # What was answered before stays readable. aiohttp 3.11.0 has no force_close yet.
        self._should_close = True
        if self.transport is not None:
            self.transport.abort()


class CleanConnector(aiohttp.TCPConnector):
    """
    Takes no connection from the pool on which anything waits unread, or that is closing.

    A server that answers once too often leaves an answer nobody asked for on the idle connection. It would be taken for
    that of the next call, and every later one would come one behind. What comes between our write and the answer cannot
    be told from it.

    A `Client` has one of its own; a session that is given to it needs one, in place of aiohttp's `TCPConnector`, whose
    arguments it takes.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._factory = partial(Conversation, loop=settings.get("loop") or asyncio.get_running_loop())  # type: ignore[assignment]

    async def _get(self, key: Any, traces: Any) -> Any:
        while (connection := await super()._get(key, traces)) is not None:
            if not _is_dirty(connection.protocol):
                return connection
            connection.close()
        return None


def _is_dirty(protocol: Any) -> bool:
    transport = protocol.transport
    # A parsed answer that nobody read, half of one, or an error; then what the kernel still holds, or its end of file.
    return transport is None or protocol.should_close or is_readable(transport.get_extra_info("socket"))


def is_readable(sock: Any) -> bool:
    """
    True when the kernel holds something for a socket, or its end of file; or when there is no socket.
    """
    if sock is None or sock.fileno() < 0:
        return True
    if not hasattr(select, "poll"):
        return bool(select.select([sock], [], [], 0)[0])
    poller = select.poll()
    poller.register(sock.fileno(), select.POLLIN)
    return bool(poller.poll(0))
