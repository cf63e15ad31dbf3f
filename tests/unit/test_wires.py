"""
Where an answer ends on a wire of the lane: by its length, by its chunks, or with its connection (RFC 9112 6.3).

Whatever pieces the bytes come in, a wire reads what a parser reads that expects every body to end with the connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import combinations, pairwise
from typing import Any

import pytest

from aioags.calls.conversation import PIECE
from aioags.calls.lane import Wire
from tests.rigs.wires import heard_answer, new_wire

HINT = b"HTTP/1.1 103 Early Hints\r\n\r\n"
BODY = b'{"status":400}'
LONG = b"x" * (3 * PIECE)

ANSWERS = {
    "neither": b"HTTP/1.1 200 OK\r\nX-A: b\r\n\r\n" + BODY,
    "neither, and nothing": b"HTTP/1.1 200 OK\r\nX-A: b\r\n\r\n",
    "neither, of the version before": b"HTTP/1.0 200 OK\r\n\r\n" + BODY,
    "neither, though it says that it keeps": b"HTTP/1.1 200 OK\r\nConnection: keep-alive\r\n\r\n" + BODY,
    "neither, after a hint": b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\n\r\n" + BODY,
    "a length": b"HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n" + BODY,
    "a length of nothing": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "a length, and it closes": b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 14\r\n\r\n" + BODY,
    "nothing, and it closes": b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
    "chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\ne\r\n" + BODY + b"\r\n0\r\n\r\n",
    "chunks, and it closes": b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\ne\r\n" + BODY + b"\r\n0\r\n\r\n",
    "no body": b"HTTP/1.1 204 No Content\r\n\r\n",
    "no body, and it closes": b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n",
    "not modified": b"HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n",
    "too short": b"HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n" + BODY,
    "more than it says": b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n" + BODY,
}


def pieces(said: bytes, cuts: int) -> Iterator[list[bytes]]:
    """
    Cut bytes in every way, into so many pieces more.
    """
    for places in combinations(range(1, len(said)), cuts):
        ends = (0, *places, len(said))
        yield [said[begin:end] for begin, end in pairwise(ends)]


async def outcome(wire: Wire, heard: list[bytes]) -> Any:
    """
    Let a wire hear this, and then the end of its connection; return what it read, whether it waited for more, and
    whether it says that it cannot go on.
    """
    for data in heard:
        wire.data_received(data)
    end = wire._asked, wire._should_close
    wire.connection_lost(None)
    try:
        return (*await heard_answer(wire), end)
    except Exception as error:  # noqa: BLE001 - which it is counts as well
        return type(error)


def expects_all_to_end_with_the_connection() -> Wire:
    wire = new_wire()
    wire._parse(until_closed=True)
    wire._said = None
    return wire


@pytest.mark.parametrize("cuts", [0, 1, 2])
@pytest.mark.parametrize("name", ANSWERS)
async def test_an_answer_ends_where_it_ends_whatever_pieces_it_comes_in(name: str, cuts: int) -> None:
    for heard in pieces(ANSWERS[name], cuts):
        wanted = await outcome(expects_all_to_end_with_the_connection(), heard)
        assert (await outcome(new_wire(), heard)) == wanted, heard


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.0 200 OK\r\nX-A: b\r\n\r\n"])
@pytest.mark.parametrize("first", [10, 40, PIECE, PIECE + 1, 2 * PIECE + 30])
async def test_a_long_body_that_ends_with_its_connection_is_read_whole(head: bytes, first: int) -> None:
    said = head + LONG
    assert (await outcome(new_wire(), [said[:first], said[first:]]))[2] == LONG


async def test_the_first_bytes_of_an_answer_are_not_put_before_the_next_one() -> None:
    wire = new_wire()
    for data in (b"HTTP/1.1 20", b"0 OK\r\nContent-Length: 14\r\n\r\n", BODY):
        wire.data_received(data)
    assert (await heard_answer(wire))[2] == BODY
    assert wire.can_go_on()
    wire.ask(b"GET / HTTP/1.1\r\n\r\n", 0.0, 100.0)
    wire.data_received(b"HTTP/1.1 200 OK\r\n\r\n[")
    wire.data_received(b"]")
    wire.connection_lost(None)
    assert (await heard_answer(wire))[2] == b"[]"


async def test_what_nobody_asked_for_is_not_read_though_the_answer_before_had_no_length() -> None:
    """
    Whatever follows is its body.
    """
    wire = new_wire()
    wire.data_received(b"HTTP/1.1 200 OK\r\n\r\n[]")
    wire.data_received(b"HTTP/1.1 204 No Content\r\n\r\n")
    wire.connection_lost(None)
    assert (await heard_answer(wire))[2] == b"[]HTTP/1.1 204 No Content\r\n\r\n"
    assert len(wire._buffer) == 0


async def test_a_head_without_an_end_is_not_kept_without_bounds() -> None:
    wire = new_wire()
    for _ in range(100):
        wire.data_received(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)
        await asyncio.sleep(0)
    assert wire._said is None or len(wire._said) < 2**20
    assert wire.transport is None or wire.transport.is_closing()


async def test_hints_that_were_read_one_by_one_do_not_count_again_where_an_answer_is_read_anew() -> None:
    wire = new_wire()
    reading = asyncio.ensure_future(heard_answer(wire))
    for _ in range(8):
        wire.data_received(HINT)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    wire.data_received(b"HTTP/1.1 200 OK\r\n\r\n[")
    assert wire.transport is not None
    assert not wire.transport.is_closing()
    wire.data_received(b"]")
    wire.connection_lost(None)
    assert (await reading)[2] == b"[]"


async def test_a_wire_that_is_idle_keeps_nothing_of_the_head_that_it_read() -> None:
    wire = new_wire()
    head = b"HTTP/1.1 204 No Content\r\nX-A: " + b"a" * 200_000 + b"\r\n\r\n"
    wire.data_received(head[:-1])
    wire.data_received(head[-1:])
    await heard_answer(wire)
    assert wire.can_go_on()
    assert not wire._said


async def test_a_trailer_is_not_put_among_the_headers_of_the_next_answer() -> None:
    wire = new_wire()
    wire.data_received(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\nRetry-After: 9\r\n\r\n")
    await heard_answer(wire)
    if wire.can_go_on(chunked=True):
        wire.ask(b"GET / HTTP/1.1\r\n\r\n", 0.0, 100.0)
        wire.data_received(b"HTTP/1.1 204 No Content\r\n\r\n")
        assert (await heard_answer(wire))[1] == []


async def test_who_reads_chunks_is_told_at_once_that_one_cannot_be_read() -> None:
    wire = new_wire()
    wire.data_received(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    message, stream = await wire.read()
    wire.is_answered(message, stream)
    wire.data_received(b"zz\r\n")
    wire.connection_lost(None)
    assert stream.exception() is not None
