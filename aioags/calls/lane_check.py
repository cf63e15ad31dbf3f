"""
Does this aiohttp carry the lane? Tried out, without a network, on what the lane uses beyond aiohttp's documentation.

It takes a fraction of a millisecond, once for each `Client`. The list is that of docs/adr/0130.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Coroutine
from typing import Any

import aiohttp

from aioags.calls.lane import Head, Wire
from aioags.protocol.messages import Request

_YES = b"HTTP/1.1 204 No Content\r\n\r\n"


class _PaperTransport(asyncio.Transport):
    """
    Where nothing is sent.
    """

    closed = False

    def is_closing(self) -> bool:
        return self.closed

    def get_write_buffer_size(self) -> int:
        return 0

    def write(self, data: Any) -> None:
        """
        Forget it.
        """

    def close(self) -> None:
        """
        Note it.
        """
        self.closed = True

    abort = close


class _PaperConnection:
    """
    What nobody has to give back.
    """

    def close(self) -> None:
        """
        Do nothing.
        """


def _wire(*heard: bytes) -> Wire:
    """
    Return a wire that was asked, and has heard this.
    """
    wire = Wire(asyncio.get_running_loop())
    wire.connection_made(_PaperTransport())
    wire.hold(_PaperConnection())
    for data in heard:
        wire.data_received(data)
    return wire


def _now(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """
    Return what a coroutine returns that needs not wait.
    """
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    finally:
        coroutine.close()
    raise AssertionError("it waits")


def _answer(wire: Wire) -> tuple[int, bytes]:
    message, stream = _now(wire.read())
    body = b"" if stream.at_eof() else _now(stream.readany())
    whole = stream.at_eof() and isinstance(message.reason, str)
    return (message.code if whole else 0), body


def _connects() -> bool:
    inspect.signature(aiohttp.TCPConnector.connect).bind(None, None, [], None)
    kept = {"protocol", "close"} <= set(dir(aiohttp.connector.Connection))
    return kept and "_factory" in aiohttp.BaseConnector.__init__.__code__.co_names


def _writes_heads() -> bool:
    asked = Request("POST", "http://127.0.0.1:8/a%2Cb?c=d", (("Accept", "x/y"), ("Content-Type", "x/y")))
    lines = Head(asked, "agent", asyncio.get_running_loop()).text.split(b"\r\n")
    wanted = {b"Host: 127.0.0.1:8", b"Accept: x/y", b"Content-Type: x/y", b"User-Agent: agent", b""}
    return lines[0] == b"POST /a%2Cb?c=d HTTP/1.1" and wanted | {b"Accept-Encoding: gzip, deflate"} == set(lines[1:])


def _reads_one_after_the_other() -> bool:
    wire, said = _wire(), []
    for data in (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", _YES, _YES):
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
    for stray in (b"H", b"HTTP/1.1 204 No Content\r\nX-A: ", _YES):
        wire = _wire(_YES + stray)
        if _answer(wire) != (204, b"") or _can_go_on(wire):
            return False
    return True


def _can_go_on(wire: Wire) -> bool:
    try:
        return wire.can_go_on()
    finally:
        wire.drop()


def _notices_close() -> bool:
    wire = _wire(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n[]")
    return _answer(wire) == (200, b"[]") and not _can_go_on(wire)


def _takes_nothing_unasked() -> bool:
    wire = _wire(_YES)
    kept = _answer(wire)[0] == 204 and wire.can_go_on() and not _is_closed(wire)
    wire.data_received(_YES)
    return kept and _is_closed(wire)


def _is_closed(wire: Wire) -> bool:
    return wire.transport is None or wire.transport.is_closing()


def _ends_who_waits() -> bool:
    wire = _wire(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n[")
    message, stream = _now(wire.read())
    wire.is_answered(message, stream)
    wire.set_exception(TimeoutError())
    return isinstance(stream.exception(), TimeoutError) and isinstance(wire.exception(), TimeoutError)


CHECKS: dict[str, Callable[[], bool]] = {
    "TCPConnector does not open connections as it did": _connects,
    "ClientRequest does not make headers as it did": _writes_heads,
    "a parser does not read one answer after the other": _reads_one_after_the_other,
    "a parser does not read chunks as it did": _reads_chunks,
    "a parser does not tell that an answer ends with its connection": _tells_what_ends_with_the_connection,
    "a parser decompresses though it was told not to": _leaves_packed_what_is_packed,
    "a parser does not tell of what follows an answer": _notices_what_follows,
    "a connection does not tell that it must be closed": _notices_close,
    "a connection takes what nobody asked for": _takes_nothing_unasked,
    "a connection cannot be ended for who waits": _ends_who_waits,
}
"""What would have changed, and how to see whether it has."""


def fault_of_aiohttp() -> str | None:
    """
    Say in a sentence why the lane cannot be used here; None when it can. Needs a running event loop.
    """
    for sentence, holds in CHECKS.items():
        try:
            if holds():
                continue
            why = ""
        except Exception as error:  # noqa: BLE001 - whatever another version raises, it is another
            why = f" ({type(error).__name__})"
        return f"aiohttp {aiohttp.__version__} is not one that it is made for: {sentence}{why}"
    return None
