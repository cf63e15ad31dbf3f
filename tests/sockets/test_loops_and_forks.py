"""
A client in a second event loop, in another thread or after a fork: it says so, and touches nothing of the other's.
"""

from __future__ import annotations

import asyncio
import os
import threading
import warnings
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import aiohttp
import pytest

from aioags import Client, Gradebook, RetryPolicy, Score
from aioags.protocol.messages import Request, Response
from tests.fakes import PaperPlatform, answer
from tests.rigs.raw_server import http, raw_server

pytestmark = pytest.mark.usefixtures("both_transports")

CLOSED = "event loop, which is closed: each asyncio.run makes a new one. Open the Client in the coroutine"
THREAD = "event loop of another thread. Run the call there, with asyncio.run_coroutine_threadsafe"
OTHER = "this Client belongs to another event loop. Open one in each loop"
FORKED = "was forked: its connections are that one's. Open a Client in each process"


def score(user: str = "user-1") -> Score:
    return Score.graded(user, 8, score_maximum=10)


async def listed(source: Any) -> list[Any]:
    return [record async for record in source]


CALLS: dict[str, Callable[[Gradebook], Awaitable[Any]]] = {
    "post_score": lambda gradebook: gradebook.post_score(score()),
    "post_scores": lambda gradebook: gradebook.post_scores([score()]),
    "listing": lambda gradebook: listed(gradebook.line_items()),
    "find_or_create": lambda gradebook: gradebook.find_or_create_line_item(label="Q", score_maximum=1, tag="t"),
}


async def refusal(call: Callable[[Gradebook], Awaitable[Any]], gradebook: Gradebook) -> str:
    """
    Return what a call says that must not be made here.
    """
    with pytest.raises(RuntimeError) as caught:
        await call(gradebook)
    return str(caught.value)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_loop_that_was_closed(call: Callable[[Gradebook], Awaitable[Any]]) -> None:
    platform = PaperPlatform([answer(200)])
    gradebook = platform.gradebook()
    asyncio.run(CALLS["post_score"](gradebook))
    assert CLOSED in asyncio.run(refusal(call, gradebook))
    assert len(platform.sent) == 1


def in_thread(coroutine: Callable[[], Coroutine[Any, Any, str]]) -> str:
    """
    Run a coroutine in a loop of another thread.
    """
    said: list[str] = []
    thread = threading.Thread(target=lambda: said.append(asyncio.run(coroutine())))
    thread.start()
    thread.join()
    return said[0]


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
async def test_another_thread(call: Callable[[Gradebook], Awaitable[Any]]) -> None:
    platform = PaperPlatform([answer(200)])
    gradebook = platform.gradebook()
    await gradebook.post_score(score())
    assert THREAD in await asyncio.to_thread(in_thread, lambda: refusal(call, gradebook))
    assert len(platform.sent) == 1


async def test_another_thread_while_the_same_persons_score_is_on_its_way() -> None:
    """
    It would wait for the turn in a loop that nobody wakes.
    """
    asked, goes_on = asyncio.Event(), asyncio.Event()

    class Slow(PaperPlatform):
        async def send(self, request: Request) -> Response:
            said = await super().send(request)
            if self.sent:
                asked.set()
                await goes_on.wait()
            return said

    gradebook = Slow([answer(200)]).gradebook()
    first = asyncio.create_task(gradebook.post_score(score()))
    await asked.wait()
    assert THREAD in await asyncio.to_thread(in_thread, lambda: refusal(CALLS["post_score"], gradebook))
    goes_on.set()
    assert (await first).recorded


def test_a_second_loop_beside_the_first() -> None:
    gradebook = PaperPlatform([answer(200)]).gradebook()
    first, second = asyncio.new_event_loop(), asyncio.new_event_loop()
    first.run_until_complete(CALLS["post_score"](gradebook))
    assert OTHER in second.run_until_complete(refusal(CALLS["post_score"], gradebook))
    first.close()
    second.close()


def test_a_client_that_was_entered_belongs_there_though_it_asked_nothing() -> None:
    client = PaperPlatform().client()

    async def enter() -> None:
        async with client:
            pass

    asyncio.run(enter())
    with pytest.raises(RuntimeError, match="closed"):
        asyncio.run(enter())


def test_one_that_is_made_outside_of_any_loop_belongs_to_the_first() -> None:
    platform = PaperPlatform([answer(200), answer(200)])
    gradebook = platform.gradebook()

    async def twice() -> None:
        await gradebook.post_score(score())
        await gradebook.post_score(score())

    asyncio.run(twice())
    assert len(platform.sent) == 2


def test_a_session_of_another_loop() -> None:
    first, second = asyncio.new_event_loop(), asyncio.new_event_loop()

    async def made() -> aiohttp.ClientSession:
        return aiohttp.ClientSession()

    async def asks() -> None:
        async with raw_server(http(204)) as server:
            gradebook = server.gradebook(Client(session=session, retry=RetryPolicy(attempts=1)))
            for _ in range(2):
                with pytest.raises(RuntimeError, match="the session belongs to another event loop"):
                    await gradebook.post_score(score())
            assert not server.tokens

    session = first.run_until_complete(made())
    second.run_until_complete(asks())
    first.run_until_complete(session.close())
    first.close()
    second.close()


# -- The end -----------------------------------------------------------------------------------------------------------


async def used(client: Client, server: Any) -> None:
    await server.gradebook(client).post_score(score())


def test_a_client_of_a_closed_loop_can_be_closed() -> None:
    client = Client()

    async def once() -> None:
        async with raw_server(http(204)) as server:
            await used(client, server)

    asyncio.run(once())
    asyncio.run(client.aclose())
    asyncio.run(client.aclose())
    assert "closed" in repr(client)


async def test_a_client_of_a_running_loop_is_closed_there() -> None:
    async with raw_server(http(204)) as server, Client() as client:
        await used(client, server)

        async def close() -> str:
            with pytest.raises(RuntimeError) as caught:
                await client.aclose()
            return str(caught.value)

        assert THREAD in await asyncio.to_thread(in_thread, close)


# -- Forks -------------------------------------------------------------------------------------------------------------

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")


def in_child(what: Callable[[], str]) -> str:
    """
    Fork, do something in the child, and return what it said.
    """
    reads, writes = os.pipe()
    with warnings.catch_warnings():
        # Of threads in a process that forks: those of who runs the tests.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        os.close(reads)
        try:
            said = what()
        except BaseException as error:  # noqa: BLE001 - the parent tells it
            said = f"the child failed: {error!r}"
        os.write(writes, said.encode())
        os._exit(0)
    os.close(writes)
    with os.fdopen(reads) as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    return said


@needs_fork
async def test_after_a_fork_nothing_goes_out_on_the_parents_connection() -> None:
    async with raw_server(http(204)) as server, Client() as client:
        gradebook = server.gradebook(client)
        await gradebook.post_score(score())

        def child() -> str:
            return asyncio.new_event_loop().run_until_complete(refusal(CALLS["post_score"], gradebook))

        assert FORKED in in_child(child)
        assert (len(server.received), server.connections) == (1, 1)
        await gradebook.post_score(score())
        assert (len(server.received), server.connections) == (2, 1), "the parent's connection serves as before"


@needs_fork
async def test_after_a_fork_the_end_leaves_the_parents_connections_alone() -> None:
    async with raw_server(http(204)) as server, Client() as client:
        gradebook = server.gradebook(client)
        await gradebook.post_score(score())

        def child() -> str:
            asyncio.new_event_loop().run_until_complete(client.aclose())
            return repr(client)

        assert "closed" in in_child(child)
        await gradebook.post_score(score())
        assert (len(server.received), server.connections) == (2, 1)


@needs_fork
def test_a_client_that_was_used_by_nobody_before_the_fork_serves() -> None:
    platform = PaperPlatform([answer(200)])
    gradebook = platform.gradebook()

    def child() -> str:
        asyncio.run(CALLS["post_score"](gradebook))
        return f"{len(platform.sent)} sent"

    assert in_child(child) == "1 sent"


@needs_fork
def test_a_client_whose_loop_ended_before_the_fork() -> None:
    gradebook = PaperPlatform([answer(200)]).gradebook()
    asyncio.run(CALLS["post_score"](gradebook))
    assert FORKED in in_child(lambda: asyncio.run(refusal(CALLS["post_score"], gradebook)))
