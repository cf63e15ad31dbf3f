"""
The emulator without sockets: its platform behind a `aioags.Transport`, and tools that talk to it.

A request is in flight from its arrival until its answer is handed over, and the event loop turns in between, so that
whatever is sent together really is there together.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import cache
from typing import Any

import attrs
from joserfc.jwk import ECKey

from aioags import Client, Endpoint, Gradebook, LostAnswerError, Registration, Runtime, Score
from aioags.emulator import Platform, Profile
from aioags.emulator.wire.messages import Answer
from aioags.protocol.messages import Request, Response
from tests.rigs.carrying import carry

Hook = Callable[[Request], Awaitable[None]]


@cache
def tool_key() -> ECKey:
    """
    Return one key for every tool: an elliptic curve, whose signature costs a tenth of RSA's.
    """
    return ECKey.generate_key("P-256", private=True)


async def one_turn(_: Request) -> None:
    """
    Let everybody else go on once.
    """
    await asyncio.sleep(0)


@attrs.define
class MemoryTransport:
    """
    Carries requests to a platform in this process.

    Attributes:
        platform: Who answers.

        before: Awaited between a request's arrival and its effect.

        after: Awaited between the effect and the answer.

        most: The largest number in flight at once, by path and in all (under the empty path).

        closed: How often it was closed.
    """

    platform: Platform
    before: Hook = one_turn
    after: Hook = one_turn
    most: Counter[str] = attrs.field(factory=Counter)
    closed: int = 0
    _now: Counter[str] = attrs.field(factory=Counter)

    async def send(self, request: Request) -> Response:
        """
        Let the platform answer, the way that is open.
        """
        self._count(request, 1)
        try:
            return await carry(request, self.answer)
        finally:
            self._count(request, -1)

    async def answer(self, request: Request) -> Response:
        """
        Let the platform answer.
        """
        visit = self.platform.arrive(request)
        try:
            await self.before(request)
            answer = visit.apply()
            await self.after(request)
        finally:
            visit.leave()
        return as_response(request, answer)

    def _count(self, request: Request, change: int) -> None:
        for name in ("", request.url):
            self._now[name] += change
            self.most[name] = max(self.most[name], self._now[name])

    @property
    def in_flight(self) -> int:
        """
        How many requests are in flight now.
        """
        return self._now[""]

    async def aclose(self) -> None:
        """
        Count it.
        """
        self.closed += 1


def as_response(request: Request, answer: Answer) -> Response:
    """
    Hand an answer over as the platform wants it carried: whole, cut or lost.
    """
    if answer.manner.lost is not None or answer.manner.cut is not None:
        raise LostAnswerError("the connection broke", recorded=None, transient=True)
    return Response(answer.status, answer.phrase, answer.headers, answer.body, request.url)


@attrs.define
class Stand:
    """
    A platform, and a client and a gradebook that talk to it.

    Attributes:
        transport: None: real sockets.
    """

    platform: Platform
    client: Client
    registration: Registration
    endpoint: Endpoint
    gradebook: Gradebook
    transport: MemoryTransport | None = None

    def second_gradebook(self, **changes: Any) -> Gradebook:
        """
        Return another gradebook of the same client, its endpoint changed.
        """
        return self.client.gradebook(self.registration, attrs.evolve(self.endpoint, **changes))

    @property
    def item(self) -> str:
        """
        URL of the coupled line item.
        """
        return str(self.endpoint.lineitem)

    def history(self, user: str, item: str | None = None) -> list[float | None]:
        """
        Return the points of every score that was applied for a user, in the order of application.
        """
        return [score.get("scoreGiven") for score in self.platform.history(item, user)]


def new_platform(profile: str | Profile = "spec", **settings: Any) -> Platform:
    """
    Return a platform whose tool signs with `tool_key`.
    """
    return Platform.create(profile, **{"key": tool_key(), "keep_requests": None, **settings})


def stand_of(platform: Platform, client: Client, transport: MemoryTransport | None = None, *, key: Any = None) -> Stand:
    """
    Put a client in front of a platform.

    Args:
        key: What the tool signs with. None: `tool_key`.
    """
    registration = Registration(**(platform.registration_args() | {"key": key or tool_key()}))
    endpoint = Endpoint.from_claim(platform.endpoint_claim())
    gradebook = client.gradebook(registration, endpoint)
    return Stand(platform, client, registration, endpoint, gradebook, transport)


def memory_stand(
    profile: str | Profile = "spec",
    *,
    before: Hook = one_turn,
    after: Hook = one_turn,
    client: dict[str, Any] | None = None,
    **settings: Any,
) -> Stand:
    """
    Return a stand without sockets.

    Args:
        before, after: As in `MemoryTransport`.

        client: Arguments of the `Client`.
    """
    platform = new_platform(profile, **settings)
    transport = MemoryTransport(platform, before, after)
    return stand_of(platform, Client(transport=transport, **(client or {})), transport)


def runtime_for(time: Any) -> Runtime:
    """
    Return what a `Client` needs to live in a `VirtualTime`; every draw is 0.5.
    """
    return Runtime(clock=time.clock, wall=time.wall, sleep=time.sleep, jitter=lambda: 0.5)


async def until(condition: Callable[[], bool], *, turns: int = 1000) -> None:
    """
    Let the event loop turn until a condition holds; one that does not come to hold fails the test.
    """
    for _ in range(turns):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError(f"it did not come to hold within {turns} turns of the event loop")


def grades(users: list[str], points: float = 8, maximum: float = 10) -> list[Score]:
    """
    Return one grade for each user.
    """
    return [Score.graded(user, points, score_maximum=maximum) for user in users]
