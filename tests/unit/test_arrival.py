"""
A busy event loop is not taken for a slow platform, and a slow platform is not taken for a busy loop: in virtual time.
"""

from __future__ import annotations

import asyncio
import random
import socket
import struct
import sys
from collections.abc import AsyncIterator, Awaitable, Callable

import attrs
import pytest

from aioags import Client, Pace, Runtime, Score
from aioags.calls.arrival import seconds_unseen
from aioags.protocol.messages import Request, Response
from tests.fakes import TOKEN_URL, answer, endpoint, registration
from tests.simulation.clock import VirtualLoop

CEILING = 64
# Seconds that the loop is busy with each answer: with 20 in flight that is more than the platform takes.
WORK = 0.006
Serve = Callable[["Server"], Awaitable[float]]


@attrs.define
class Server:
    """
    A platform, and a machine of ours on which the work for each answer takes its time.

    Attributes:
        serve: What it does with a request.

        busy: The loop has other things to do.

        tells: The transport knows when the bytes came.
    """

    loop: VirtualLoop
    serve: Serve
    busy: bool
    tells: bool
    inside: int = 0

    async def send(self, request: Request) -> Response:
        if request.url == TOKEN_URL:
            return answer(200, {"access_token": "token", "token_type": "Bearer", "expires_in": 3600})
        self.inside += 1
        begun = self.loop.now
        arrival = begun + await self.serve(self)
        self.inside -= 1
        # What the loop did meanwhile is ours: this answer was there, and was not looked at.
        late = max(0.0, self.loop.now - arrival)
        if self.busy:
            self.loop.now += WORK
        return attrs.evolve(answer(204, url=request.url), late=late if self.tells else 0.0)

    async def aclose(self) -> None:
        pass


async def steady(server: Server) -> float:
    """
    Take 50 ms, whatever there is to do.
    """
    await asyncio.sleep(0.05)
    return 0.05


async def crowded(server: Server) -> float:
    """
    Serve 8 at a time.
    """
    seconds = 0.05 * max(1.0, server.inside / 8)
    await asyncio.sleep(seconds)
    return seconds


async def scores(number: int) -> AsyncIterator[Score]:
    for one in range(number):
        yield Score.graded(f"user-{one}", 5, score_maximum=10)


async def disturb(loop: VirtualLoop) -> None:
    """
    Keep the loop busy, as other work of the same program does: .
    """
    dice = random.Random(1)
    while True:
        await asyncio.sleep(0.02 * dice.random())
        loop.now += 0.06 * dice.random()


def window(serve: Serve, *, tells: bool, busy: bool) -> float:
    """
    Return the mean window of the second half of a batch.
    """
    loop = VirtualLoop()
    seen: list[int] = []

    async def run() -> None:
        runtime = Runtime(loop.time, lambda: 1_900_000_000.0 + loop.now, asyncio.sleep, lambda: 0.5)
        server = Server(loop, serve, busy, tells)
        noise = asyncio.create_task(disturb(loop)) if busy else None
        async with (
            Client(transport=server, pace=Pace(ceiling=CEILING), runtime=runtime) as client,
            client.gradebook(registration(), endpoint()).post_scores(scores(2500)) as deliveries,
        ):
            async for delivery in deliveries:
                assert delivery.error is None
                seen.append(client.stats()[0].window)
        if noise is not None:
            noise.cancel()

    try:
        loop.run_until_complete(run())
    finally:
        loop.close()
    half = seen[len(seen) // 2 :]
    return sum(half) / len(half)


def test_a_busy_loop_is_not_taken_for_a_slow_platform() -> None:
    assert window(steady, tells=True, busy=True) > 0.9 * CEILING
    # And it would be, if nobody said when the answers came.
    assert window(steady, tells=False, busy=True) < 0.5 * CEILING


@pytest.mark.parametrize("busy", [False, True])
def test_a_platform_that_slows_down_is_not_taken_for_a_busy_loop(busy: bool) -> None:
    assert window(crowded, tells=True, busy=busy) < 0.3 * CEILING


class Sock:
    """
    What the kernel would say of a connection.
    """

    def __init__(self, milliseconds: int, size: int = 104) -> None:
        self.told = struct.pack("=8B12I", *[7] * 8, *[9_999] * 11, milliseconds) + bytes(size)
        self.size = size

    def getsockopt(self, level: int, option: int, size: int) -> bytes:
        assert (level, option) == (socket.IPPROTO_TCP, socket.TCP_INFO)
        return self.told[: min(size, self.size)]


class NoTCP:
    def getsockopt(self, level: int, option: int, size: int) -> bytes:
        raise OSError("Operation not supported")


class Carrier(asyncio.Transport):
    def __init__(self, sock: object) -> None:
        super().__init__({"socket": sock})


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
@pytest.mark.parametrize(
    "sock, seconds",
    [
        (Sock(0), 0.0),
        # A tick is as good as none.
        (Sock(4), 0.0),
        (Sock(60), 0.056),
        (Sock(60, size=48), 0.0),
        (NoTCP(), 0.0),
        (object(), 0.0),
        (None, 0.0),
    ],
)
def test_what_the_kernel_tells(sock: object, seconds: float) -> None:
    assert seconds_unseen(Carrier(sock)) == pytest.approx(seconds)


def test_without_a_connection_there_is_nothing_to_tell() -> None:
    assert seconds_unseen(None) == 0.0
