"""
A server that answers once too often: no call is given an answer that was on the connection before its request.

The server keeps its end of each connection, so that a test can write on it when nobody asked. What it writes is in the
kernel's hands at once: a call that is made right after finds it there, though the event loop has not seen it yet.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import aiohttp
import attrs
import pytest

from aioags import CleanConnector, Client, LineItem, RefusedError, RetryPolicy, Score
from tests.rigs.raw_server import RawServer, Received, http, http_json, raw_server

pytestmark = pytest.mark.usefixtures("both_transports")

YES = http(204)
NO = http(422, b'{"message": "no"}', reason=b"Unprocessable")


@attrs.define
class TalkativeServer:
    """
    A server whose connections can be written to at any time.

    Attributes:
        raw: What listens.

        writers: Its end of each connection, in the order in which they were first used.
    """

    raw: RawServer
    writers: list[asyncio.StreamWriter] = attrs.field(factory=list)

    def says(self, said: bytes) -> Callable[[Received, asyncio.StreamWriter], bool]:
        """
        Return an answerer that says this and keeps the writer.
        """

        def answer(_: Received, writer: asyncio.StreamWriter) -> bool:
            if writer not in self.writers:
                self.writers.append(writer)
            writer.write(said)
            return False

        return answer

    def answers(self, *said: bytes) -> None:
        """
        Set what is said to the service requests; the last is repeated.
        """
        self.raw.answers = [self.says(one) for one in said]

    @property
    def used(self) -> list[int]:
        """
        On which connection each service request came.
        """
        return [request.connection for request in self.raw.received]


@pytest.fixture
async def server() -> AsyncIterator[TalkativeServer]:
    async with raw_server() as running:
        yield TalkativeServer(running)


async def reading() -> None:
    """
    Let the event loop read what has come.
    """
    for _ in range(20):
        await asyncio.sleep(0)


def score(number: int = 1) -> Score:
    """
    Return a grade of the numbered user.
    """
    return Score.graded(f"user-{number}", 8, score_maximum=10)


STRAYS = {
    "a whole answer": YES,
    "an answer with a body": http_json({"resultUrl": "https://lms.example/r"}),
    "two answers": YES + YES,
    "a head without its body": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
    "half a head": b"HTTP/1.1 204 No Content\r\nX-Half: ",
    "no HTTP": b"\0\1\2\3",
    "one byte": b"H",
}


@pytest.mark.parametrize("stray", STRAYS.values(), ids=STRAYS.keys())
async def test_a1_what_arrived_on_an_idle_connection_is_nobodys_answer(server: TalkativeServer, stray: bytes) -> None:
    server.answers(YES, NO)
    async with Client() as client:
        gradebook = server.raw.gradebook(client)
        await gradebook.post_score(score(1))
        server.writers[0].write(stray)
        await reading()
        with pytest.raises(RefusedError) as caught:
            await gradebook.post_score(score(2))
    assert caught.value.recorded is False
    assert len(server.raw.received) == 2


@pytest.mark.parametrize("stray", STRAYS.values(), ids=STRAYS.keys())
async def test_a1_what_arrived_after_the_last_look_is_seen_at_check_out(server: TalkativeServer, stray: bytes) -> None:
    server.answers(YES, NO)
    async with Client() as client:
        gradebook = server.raw.gradebook(client)
        await gradebook.post_score(score(1))
        server.writers[0].write(stray)
        # No turn of the event loop in between: it is in the kernel, and nobody has read it.
        with pytest.raises(RefusedError) as caught:
            await gradebook.post_score(score(2))
    assert caught.value.recorded is False
    assert server.used == [1, 2]


# What is no HTTP breaks the answer before it, when both come at once: that one is lost.
@pytest.mark.parametrize("stray", [stray for name, stray in STRAYS.items() if name != "no HTTP"])
async def test_a1_a_connection_on_which_bytes_follow_the_answer_answers_nobody_else(
    server: TalkativeServer, stray: bytes
) -> None:
    server.answers(YES + stray, NO)
    async with Client() as client:
        gradebook = server.raw.gradebook(client)
        await gradebook.post_score(score(1))
        with pytest.raises(RefusedError) as caught:
            await gradebook.post_score(score(2))
    assert caught.value.recorded is False
    assert len(server.raw.received) == 2


@pytest.mark.parametrize("cut", [1, 9, 20, len(YES) - 1])
async def test_a1_half_an_answer_whose_rest_comes_later_is_no_answer(server: TalkativeServer, cut: int) -> None:
    """
    The rest comes between our write and the answer. It is none by itself: that one is lost, and asked for again.
    """
    server.answers(YES, YES[cut:] + NO, NO)
    async with Client(retry=RetryPolicy(first_wait=0.001)) as client:
        gradebook = server.raw.gradebook(client)
        await gradebook.post_score(score(1))
        server.writers[0].write(YES[:cut])
        await reading()
        with pytest.raises(RefusedError) as caught:
            await gradebook.post_score(score(2))
    assert caught.value.recorded in (False, None)


async def test_a1_calls_do_not_come_one_behind(server: TalkativeServer) -> None:
    """
    One stray answer, and every later call of its connection would be told of the one before.
    """
    items = [LineItem("Quiz", 10, id=f"{server.raw.origin}/items/{number}") for number in range(4)]
    records = [
        http_json({"id": item.id, "label": f"Quiz {number}", "scoreMaximum": 10}) for number, item in enumerate(items)
    ]
    server.answers(records[0] + records[0], *records[1:])
    async with Client() as client:
        gradebook = server.raw.gradebook(client)
        labels = [(await gradebook.get_line_item(item)).label for item in items]
    assert labels == ["Quiz 0", "Quiz 1", "Quiz 2", "Quiz 3"]
    assert server.used == [1, 2, 2, 2]


async def test_a1_a_connection_that_the_server_has_just_closed_is_not_taken(server: TalkativeServer) -> None:
    """
    The end of file is in the kernel, and the event loop has not seen it: a score sent there would be a lost answer.
    """
    server.answers(YES)
    async with Client() as client:
        gradebook = server.raw.gradebook(client)
        await gradebook.post_score(score(1))
        server.writers[0].transport.get_extra_info("socket").shutdown(2)
        delivery = await gradebook.post_score(score(2))
    assert delivery.attempts == 1
    assert server.used == [1, 2]


async def test_a1_clean_connections_are_kept(server: TalkativeServer) -> None:
    server.answers(YES)
    async with Client() as client:
        gradebook = server.raw.gradebook(client)
        for number in range(5):
            await gradebook.post_score(score(number))
            await reading()
    assert server.used == [1] * 5


async def test_a1_what_a_session_of_the_callers_costs(server: TalkativeServer) -> None:
    """
    Documented with `Client`: aiohttp's own connector hands the stray answer to the next call.
    """
    server.answers(YES, NO)
    async with aiohttp.ClientSession() as session, Client(session=session) as client:
        gradebook = server.raw.gradebook(client)
        await gradebook.post_score(score(1))
        server.writers[0].write(YES)
        delivery = await gradebook.post_score(score(2))
    # It was refused, and is told as recorded.
    assert delivery.recorded is True


async def test_a1_a_session_of_the_callers_with_our_connector(server: TalkativeServer) -> None:
    server.answers(YES, NO)
    async with aiohttp.ClientSession(connector=CleanConnector()) as session, Client(session=session) as client:
        gradebook = server.raw.gradebook(client)
        await gradebook.post_score(score(1))
        server.writers[0].write(YES)
        with pytest.raises(RefusedError):
            await gradebook.post_score(score(2))
    assert server.used == [1, 2]
