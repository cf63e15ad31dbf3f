"""
Many answers where one was asked for: they cost no memory, and what was asked for is still read.
"""

from __future__ import annotations

import asyncio
import tracemalloc

import pytest

from aioags import Client, LostAnswerError, RetryPolicy, Score
from aioags.calls.conversation import Conversation
from aioags.calls.public_only import PublicTransport
from aioags.protocol.messages import Request
from tests.rigs.raw_server import Received, http, raw_server
from tests.rigs.work import Work

YES = http(204)
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"
ONCE = RetryPolicy(attempts=1)
MEGABYTE = 1024 * 1024


def score(number: int = 1) -> Score:
    return Score.graded(f"user-{number}", 5, score_maximum=10)


class PaperWire(asyncio.Transport):
    """
    The transport of a connection on which nothing is written.
    """

    aborted = False

    def abort(self) -> None:
        self.aborted = True

    close = abort

    def is_closing(self) -> bool:
        return self.aborted

    def pause_reading(self) -> None:
        pass


async def conversation(*pieces: bytes) -> tuple[Conversation, PaperWire]:
    """
    Ask once, and receive these pieces.
    """
    talk, wire = Conversation(loop=asyncio.get_running_loop()), PaperWire()
    talk.transport = wire
    talk.set_response_params(auto_decompress=False)
    for piece in pieces:
        talk.data_received(piece)
    return talk, wire


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(YES, id="no body"),
        pytest.param(http(200, b"{}"), id="a body"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", id="chunks"),
        pytest.param(CONTINUE + HINTS + YES, id="interim answers before it"),
        pytest.param(http(200, b"x" * 100_000), id="a large body"),
    ],
)
async def test_the_first_byte_behind_an_answer_ends_the_connection(answer: bytes) -> None:
    for pieces in ([answer], [bytes([byte]) for byte in answer]):
        talk, wire = await conversation(*pieces)
        assert not wire.aborted
        waiting = len(talk)
        talk.data_received(YES * 50_000)
        assert wire.aborted
        assert talk.should_close
        assert len(talk) == waiting


async def test_of_answers_behind_an_answer_hardly_any_is_parsed() -> None:
    talk, wire = await conversation(YES * 50_000)
    assert wire.aborted
    assert len(talk) < 200


@pytest.mark.parametrize(
    "flood",
    [
        pytest.param(CONTINUE * 50_000, id="interim answers"),
        pytest.param(b"HTTP/1.1 200 OK\r\n" + b"X-Many: one more\r\n" * 50_000, id="headers"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * MEGABYTE, id="a header"),
    ],
)
async def test_what_comes_before_an_answer_is_bounded(flood: bytes) -> None:
    talk, wire = await conversation(flood)
    assert wire.is_closing() or talk.exception() is not None
    assert len(talk) < 200


@pytest.mark.usefixtures("both_transports")
async def test_a_flood_on_an_idle_connection_costs_no_memory() -> None:
    """
    aiohttp alone takes 50 times the bytes of it.
    """
    idle, over = asyncio.Event(), asyncio.Event()

    async def flood(request: Received, writer: asyncio.StreamWriter) -> bool:
        writer.write(YES)
        await idle.wait()
        try:
            for _ in range(20):
                await writer.drain()
                writer.write(YES * 4_000)
            await writer.wait_closed()
        finally:
            over.set()
        return True

    async with raw_server(YES, flood) as server, Client(retry=ONCE) as client:
        gradebook = server.gradebook(client)
        await gradebook.post_score(score(1))
        tracemalloc.start()
        try:
            assert (await gradebook.post_score(score(2))).recorded
            idle.set()
            async with asyncio.timeout(60):
                await over.wait()
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert peak < 16 * MEGABYTE


@pytest.mark.usefixtures("both_transports")
async def test_what_was_asked_for_is_read_before_a_flood_and_after_hints() -> None:
    answers = [YES * 20_000, CONTINUE + HINTS + YES, CONTINUE * 20_000]
    async with raw_server(*answers) as server, Client(retry=ONCE) as client:
        gradebook = server.gradebook(client)
        assert (await gradebook.post_score(score(1))).recorded
        assert (await gradebook.post_score(score(2))).recorded
        with pytest.raises(LostAnswerError) as caught:
            await gradebook.post_score(score(3))
    assert caught.value.recorded is None


async def test_a_stranger_cannot_flood_either() -> None:
    public = PublicTransport(private_networks=["127.0.0.0/8"])
    async with raw_server(CONTINUE * 20_000 + YES) as server:
        with pytest.raises(LostAnswerError):
            await public.send(Request("GET", f"{server.origin}/keys"))
        await public.aclose()


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "around",
    [
        pytest.param(b"1\r\n \r\n" * 20_000, id="chunks of one byte"),
        pytest.param(b"1;" + b"x" * 20_000, id="an extension"),
        pytest.param(b"1;a=b;c=d;e=f;g=h\r\n \r\n" * 1_000, id="extensions"),
        pytest.param(b"0" * 20_000, id="a size"),
    ],
)
async def test_what_stands_around_a_body_is_bounded(around: bytes) -> None:
    _, wire = await conversation(CHUNKED, *([around[at : at + 1000] for at in range(0, len(around), 1000)]))
    assert wire.aborted


async def test_small_chunks_are_read() -> None:
    talk, wire = await conversation(CHUNKED, *[b"28\r\n" + b"x" * 40 + b"\r\n"] * 5_000, b"0\r\n\r\n")
    assert not wire.aborted
    assert len(talk) == 1


async def test_a_body_whose_length_was_told_is_parsed_as_it_comes() -> None:
    answer = http(200, b"x" * 200_000)
    with Work("aiohttp") as work:
        _, wire = await conversation(answer[:3_000], answer[3_000:])
    assert not wire.aborted
    assert work.calls < 200
    with Work("aiohttp") as work:
        _, wire = await conversation(answer[:3_000], answer[3_000:] + YES * 1_000)
    assert wire.aborted
    assert work.calls < 1_000
