"""
The lane: its bytes, its connections, and what is known of a request that failed. What a session owes too, it is asked.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import itertools
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import aclosing, asynccontextmanager
from typing import Any

import aiohttp
import pytest

from aioags import (
    AiohttpTransport,
    Client,
    LostAnswerError,
    RetryPolicy,
    Score,
    Timeouts,
    UnreachableError,
    open_transport,
)
from aioags.calls.choosing import DefaultTransport
from aioags.calls.lane import LaneTransport
from aioags.calls.transport import Transport
from aioags.protocol.messages import Request
from tests.rigs.memory import until
from tests.rigs.raw_server import RawServer, Received, http, http_json

ONCE = RetryPolicy(attempts=1)


def new_lane(timeouts: Timeouts = Timeouts()) -> LaneTransport:  # noqa: B008
    return LaneTransport(timeouts=timeouts, user_agent="aioags/test")


def sending(named: str, timeouts: Timeouts = Timeouts()) -> aclosing[Transport]:  # noqa: B008
    return aclosing(open_transport(named, timeouts=timeouts, user_agent="aioags/test"))  # type: ignore[arg-type]


def graded() -> Score:
    return Score.graded("user-1", 8, score_maximum=10)


# -- Choosing ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("named, chosen", [(None, "lane"), ("", "lane"), ("lane", "lane"), ("session", "session")])
async def test_the_environment_chooses_where_the_program_does_not(
    server: RawServer, monkeypatch: pytest.MonkeyPatch, named: str | None, chosen: str
) -> None:
    monkeypatch.delenv("AIOAGS_TRANSPORT", raising=False)
    if named is not None:
        monkeypatch.setenv("AIOAGS_TRANSPORT", named)
    kinds = {"lane": LaneTransport, "session": AiohttpTransport}
    for transport, kind in ((open_transport(), kinds[chosen]), (open_transport("session"), AiohttpTransport)):
        async with Client(transport=transport) as client:
            await server.gradebook(client).get_result("u")
        assert isinstance(transport, DefaultTransport)
        assert type(transport.chosen) is kind


def test_an_unknown_transport_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="'lane', 'session' or a Transport, got 'fast'"):
        Client(transport="fast")  # type: ignore[arg-type]
    monkeypatch.setenv("AIOAGS_TRANSPORT", "fast")
    with pytest.raises(ValueError, match="AIOAGS_TRANSPORT"):
        Client()


async def test_a_session_of_the_callers_is_used_and_the_log_says_so(
    server: RawServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with aiohttp.ClientSession(headers={"X-Callers": "own"}) as session:
        with caplog.at_level(logging.INFO, "aioags"):
            async with Client(session=session) as client:
                await server.gradebook(client).get_result("u")
        with pytest.raises(ValueError, match="not both"):
            Client(session=session, transport="lane")
    assert server.received[0].header("X-Callers") == ["own"]
    assert [record.levelno for record in caplog.records] == [logging.INFO]


# -- Bytes -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "PUT", "POST", "DELETE"])
@pytest.mark.parametrize("body", [None, b"", b'{"a":1}'])
async def test_both_say_the_same_of_a_request(server: RawServer, method: str, body: bytes | None) -> None:
    headers = (("Accept", "x/y"), ("Content-Type", "x/y"), ("Authorization", "Bearer secret"))
    request = Request(method, f"{server.origin}/a%2Cb/c?d=%20e&f", headers, body)
    lane, session = new_lane(), AiohttpTransport(timeouts=Timeouts(), user_agent="aioags/test")
    await lane.send(request)
    await session.send(request)
    await lane.aclose()
    await session.aclose()
    ours, theirs = server.received
    assert (ours.line, ours.body) == (theirs.line, theirs.body)
    assert sorted(ours.head.split(b"\r\n")) == sorted(theirs.head.split(b"\r\n"))


# A NUL breaks no line: the session of aiohttp 3.11 sends it.
EVIL = [("lane", "a\0b"), *itertools.product(["lane", "session"], ["a\r\nX-Evil: b", "a\nb", "a\rb"])]


@pytest.mark.parametrize("both_transports, evil", EVIL, indirect=["both_transports"])
async def test_a_line_break_in_a_header_is_not_sent(server: RawServer, both_transports: str, evil: str) -> None:
    request = Request("POST", f"{server.origin}/a", (("Authorization", evil),), b"{}")
    async with sending(both_transports) as way:
        with pytest.raises(UnreachableError) as caught:
            await way.send(request)
    assert caught.value.transient is False
    assert "Evil" not in str(caught.value)
    assert server.received == []
    # A session looks at the head when it has a connection.
    assert server.connections == (both_transports == "session")


async def test_a_head_is_of_one_token(server: RawServer, both_transports: str) -> None:
    async with sending(both_transports) as way:
        for token in ("one", "two", "one"):
            await way.send(Request("GET", f"{server.origin}/a", (("Authorization", token),)))
    assert [request.header("Authorization") for request in server.received] == [["one"], ["two"], ["one"]]


Conversation = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]


@asynccontextmanager
async def serving(converse: Conversation) -> AsyncIterator[int]:
    """
    Listen while the block runs, and wait for the end of each conversation; the port.
    """
    under_way: list[asyncio.Task[None]] = []

    async def noted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        under_way.append(asyncio.current_task())  # type: ignore[arg-type]
        with contextlib.suppress(ConnectionError):
            await converse(reader, writer)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    listener = await asyncio.start_server(noted, "127.0.0.1", 0, limit=4096)
    try:
        yield listener.sockets[0].getsockname()[1]
    finally:
        listener.close()
        await asyncio.gather(*under_way)
        await listener.wait_closed()


# -- Left, or never left -----------------------------------------------------------------------------------------------


async def test_an_idle_connection_that_the_server_closed_is_left_alone(server: RawServer, both_transports: str) -> None:
    async with sending(both_transports) as way:
        await way.send(Request("GET", f"{server.origin}/a"))
        await server.hang_up()
        await way.send(Request("POST", f"{server.origin}/b", (), b"{}"))
    assert [request.connection for request in server.received] == [1, 2]


@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")
async def test_a_large_request_that_nobody_reads_is_not_waited_for(both_transports: str) -> None:
    """
    The answer comes before the request has left: it is one, and the connection serves nobody else.
    """
    connections = 0

    async def early(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.write(http(413, b"", reason=b"Too Large"))
        await writer.drain()
        await gone.wait()

    gone = asyncio.Event()
    async with serving(early) as port, sending(both_transports) as way:
        for _ in range(2):
            answer = await way.send(Request("POST", f"http://127.0.0.1:{port}/scores", (), b"x" * 50_000_000))
            assert answer.status == 413
        gone.set()
    assert connections == 2


# -- Cancelled ---------------------------------------------------------------------------------------------------------


async def test_cancelled_at_every_await_no_answer_goes_to_another_call(server: RawServer, both_transports: str) -> None:
    """
    Each call asks for a number and is told it; one that is cancelled leaves nothing on a connection that is kept.
    """

    async def echo(request: Received, writer: asyncio.StreamWriter) -> bool:
        number = request.target.rpartition("/")[2].encode()
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        await asyncio.sleep(0)
        writer.write(b"%x\r\n%b\r\n" % (len(number), number))
        await asyncio.sleep(0)
        writer.write(b"0\r\n\r\n")
        return False

    server.answers = [echo]
    numbers = itertools.count()
    async with sending(both_transports) as way:
        for kept in (True, False):
            turns, in_time = 0, True
            while in_time:
                if not kept:
                    await server.hang_up()
                task = asyncio.ensure_future(way.send(Request("GET", f"{server.origin}/{next(numbers)}")))
                for _ in range(turns):
                    await asyncio.sleep(0)
                in_time = task.cancel()
                await asyncio.wait({task})
                assert task.cancelled() is in_time, turns
                number = next(numbers)
                answer = await way.send(Request("GET", f"{server.origin}/{number}"))
                assert answer.body == str(number).encode(), turns
                turns += 1
            # Further than the answer's first piece.
            assert turns > 5
    gc.collect()


async def test_a_storm_of_cancellations_leaves_no_connection_open(server: RawServer, both_transports: str) -> None:
    server.answers = [http_json([])]
    async with sending(both_transports) as way:
        for turn in range(20):
            tasks = [asyncio.ensure_future(way.send(Request("GET", f"{server.origin}/a"))) for _ in range(20)]
            for _ in range(turn):
                await asyncio.sleep(0)
            for task in tasks[::2]:
                task.cancel()
            await asyncio.wait(tasks)
            assert all(task.cancelled() or task.result().status == 200 for task in tasks)
            # As many as are in use at once may be kept.
            await until(lambda: len(server.open) <= 20)
    await until(lambda: not server.open)


# -- Time --------------------------------------------------------------------------------------------------------------


async def test_a_slow_body_that_lives_is_read_though_it_takes_longer_than_the_longest_silence(
    server: RawServer, both_transports: str
) -> None:
    silence = 0.2

    async def slowly(request: Received, writer: asyncio.StreamWriter) -> bool:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n")
        for _ in range(8):
            writer.write(b" ")
            await asyncio.wait({asyncio.ensure_future(asyncio.Event().wait())}, timeout=silence / 4)
        return False

    server.answers = [slowly]
    async with sending(both_transports, Timeouts(read=silence, total=30.0)) as way:
        assert (await way.send(Request("GET", f"{server.origin}/a"))).body == b" " * 8


async def test_many_that_are_late_are_ended_and_only_those(server: RawServer, both_transports: str) -> None:
    async def held(request: Received, writer: asyncio.StreamWriter) -> bool:
        if request.target == "/quick":
            writer.write(http(204))
            return False
        await asyncio.get_running_loop().create_future()
        return True

    server.answers = [held]
    async with sending(both_transports, Timeouts(read=0.1, total=30.0)) as way:
        late = [asyncio.ensure_future(way.send(Request("POST", f"{server.origin}/a", (), b"{}"))) for _ in range(20)]
        while not all(task.done() for task in late):
            assert (await way.send(Request("GET", f"{server.origin}/quick"))).status == 204
        assert {type(task.exception()) for task in late} == {LostAnswerError}


async def test_nothing_ticks_when_nothing_is_open(server: RawServer) -> None:
    now = 0.0
    lane = LaneTransport(timeouts=Timeouts(read=0.2), user_agent="test", clock=lambda: now)
    await lane.send(Request("GET", f"{server.origin}/a"))
    assert lane._tick is not None
    now = 100.0
    await until(lambda: lane._tick is None, turns=10_000_000)
    assert lane._idle == {}
    assert lane._connector._acquired == set()  # type: ignore[union-attr]
    await lane.aclose()


# -- Ends --------------------------------------------------------------------------------------------------------------


async def test_closing_ends_who_waits_for_a_body(server: RawServer, both_transports: str) -> None:
    began = asyncio.Event()

    async def half(request: Received, writer: asyncio.StreamWriter) -> bool:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n[")
        await writer.drain()
        began.set()
        await asyncio.get_running_loop().create_future()
        return True

    server.answers = [half]
    way = open_transport(both_transports)  # type: ignore[arg-type]
    call = asyncio.ensure_future(way.send(Request("GET", f"{server.origin}/a")))
    await began.wait()
    await asyncio.sleep(0)
    await way.aclose()
    with pytest.raises(LostAnswerError):
        await call
    with pytest.raises(RuntimeError, match="closed"):
        await way.send(Request("GET", f"{server.origin}/a"))


@pytest.mark.parametrize(
    "said, body",
    [
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", b""),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\nX-Trailer: a\r\n\r\n", b"[]"),
        (b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", b"[]"),
    ],
)
async def test_bodies_end_where_they_end(server: RawServer, both_transports: str, said: bytes, body: bytes) -> None:
    server.answers = [said]
    async with sending(both_transports) as way:
        for _ in range(3):
            assert (await way.send(Request("GET", f"{server.origin}/a"))).body == body
    assert server.connections == 1
