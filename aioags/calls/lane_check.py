"""
Does this aiohttp carry the lane? Tried out on paper, on what the lane alone uses beyond aiohttp's documentation. What
it shares with the session, `session_check` tries.

It takes a fraction of a millisecond, once for each `Client`. The list is that of docs/adr/0147.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import aiohttp

from aioags.calls.lane import Head, LaneConnector, Wire
from aioags.calls.session_check import NOWHERE, YES, PaperLoop, PaperTransport, check_aiohttp, fault_of, now
from aioags.protocol.messages import Request

_ASKED = Request("POST", NOWHERE, (("Accept", "x/y"), ("Content-Type", "x/y")))


def _wire(*heard: bytes) -> Wire:
    """
    Return a wire that was asked, and has heard this.
    """
    wire = Wire(asyncio.get_running_loop())
    wire.connection_made(PaperTransport())
    wire.hold(PaperTransport())
    for data in heard:
        wire.data_received(data)
    return wire


def _answer(wire: Wire) -> tuple[int, bytes]:
    message, stream = now(wire.read())
    body = b"" if stream.at_eof() else now(stream.readany())
    whole = stream.at_eof() and isinstance(message.reason, str)
    return (message.code if whole else 0), body


def _opens_wires() -> bool:
    connector = LaneConnector(loop=PaperLoop(), resolver=PaperTransport())
    opening = Head(_ASKED, "agent", asyncio.get_running_loop()).opening
    connection = now(connector.connect(opening, [], aiohttp.ClientTimeout()))
    wire = connection.protocol
    connection.close()
    return isinstance(wire, Wire) and wire.transport is None


def _writes_heads() -> bool:
    lines = Head(_ASKED, "agent", asyncio.get_running_loop()).text.split(b"\r\n")
    wanted = {b"Host: 127.0.0.1:8", b"Accept: x/y", b"Content-Type: x/y", b"User-Agent: agent", b""}
    return lines[0] == b"POST /a%2Cb?c=d HTTP/1.1" and wanted | {b"Accept-Encoding: gzip, deflate"} == set(lines[1:])


def _reads_one_after_the_other() -> bool:
    wire, said = _wire(), []
    for data in (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", YES, YES):
        wire.expect()
        wire.data_received(data)
        said.append((*_answer(wire), wire.can_go_on()))
    return said == [(200, b"[]", True), (204, b"", True), (204, b"", True)]


def _reads_chunks() -> bool:
    wire = _wire(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]", b"\r\n0\r\nX-Trailer: x\r\n\r\n")
    return _answer(wire) == (200, b"[]") and wire.can_go_on()


def _tells_what_ends_with_the_connection() -> bool:
    wire = _wire(b"HTTP/1.1 200 OK\r\nX-A: b\r\n\r\n[", b"]")
    wire.connection_lost(None)
    return _answer(wire) == (200, b"[]")


def _leaves_packed_what_is_packed() -> bool:
    wire = _wire(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n[]")
    return _answer(wire) == (200, b"[]")


def _notices_what_follows() -> bool:
    wires = [_wire(YES + stray) for stray in (b"H", b"HTTP/1.1 204 No Content\r\nX-A: ", YES)]
    return all(_answer(wire) == (204, b"") and not wire.can_go_on() for wire in wires)


def _notices_close() -> bool:
    wire = _wire(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n[]")
    return _answer(wire) == (200, b"[]") and not wire.can_go_on()


def _ends_who_waits() -> bool:
    wire = _wire(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n[")
    message, stream = now(wire.read())
    wire.is_answered(message, stream)
    wire.set_exception(TimeoutError())
    return isinstance(stream.exception(), TimeoutError) and isinstance(wire.exception(), TimeoutError)


CHECKS: dict[str, Callable[[], bool]] = {
    "TCPConnector does not open connections as it did": _opens_wires,
    "ClientRequest does not make headers as it did": _writes_heads,
    "a parser does not read one answer after the other": _reads_one_after_the_other,
    "a parser does not read chunks as it did": _reads_chunks,
    "a parser does not tell that an answer ends with its connection": _tells_what_ends_with_the_connection,
    "a parser decompresses though it was told not to": _leaves_packed_what_is_packed,
    "a parser does not tell of what follows an answer": _notices_what_follows,
    "a connection does not tell that it must be closed": _notices_close,
    "a connection cannot be ended for who waits": _ends_who_waits,
}
"""What would have changed, and how to see whether it has."""


def fault_of_aiohttp() -> str | None:
    """
    Say in a sentence why the lane cannot be used here; None when it can. Needs a running event loop.

    Raises:
        UnreachableError: A session would not do either.
    """
    check_aiohttp()
    return fault_of(CHECKS)
