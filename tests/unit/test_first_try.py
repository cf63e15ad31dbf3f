"""
A score's first try, which goes a shorter way, and the whole way: whatever a platform answers, both end alike.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import traceback
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import attrs
import pytest

from aioags import (
    ActivityProgress,
    AGSError,
    BatchEvent,
    Client,
    Delivery,
    Event,
    NoAnswerError,
    Pace,
    Score,
    UnreachableError,
)
from aioags.calls.first_try import FirstTry
from aioags.model.stamp import Timekeeper, timekeeper
from aioags.protocol.messages import Request, Response
from tests.fakes import HOST, TOKEN_URL, endpoint, registration
from tests.rigs.memory import runtime_for
from tests.rigs.virtual_time import VirtualTime

GRANT = {"access_token": "token-1", "token_type": "Bearer", "expires_in": 3600}
ITEMS = [f"{HOST}/courses/1/lineitems/{number}/lineitem" for number in range(3)]
# As platforms answer: mostly a yes, with or without words, and now and then anything else.
ANSWERS: list[tuple[int, int, dict[str, str], Any]] = [
    (60, 204, {}, b""),
    (20, 200, {}, b""),
    (10, 200, {}, {"resultUrl": f"{HOST}/results/1"}),
    (4, 200, {"X-Rate-Limit-Remaining": "500", "X-Request-Cost": "1"}, b""),
    (2, 200, {"X-Rate-Limit-Remaining": "3", "X-Rate-Limit-Reset": "2"}, b""),
    (2, 200, {}, []),
    (2, 200, {}, {"status": 400, "error": "no"}),
    (2, 200, {}, b"<html>Please log in</html>"),
    (1, 404, {}, b""),
    (2, 409, {}, b""),
    (2, 422, {}, b""),
    (3, 429, {"Retry-After": "1"}, b""),
    (3, 429, {}, b""),
    (3, 500, {}, b""),
    (3, 502, {}, b""),
    (2, 503, {"Retry-After": "2"}, b""),
    (1, 307, {"Location": f"{HOST}/elsewhere"}, b""),
    (1, 307, {"Location": "https://evil.example/"}, b""),
]  # fmt: skip
# These end a batch.
REFUSED: list[tuple[int, int, dict[str, str], Any]] = [(2, 401, {}, b""), (1, 403, {}, b"")]
LOST = [NoAnswerError("nothing came", recorded=None), UnreachableError("no connection", recorded=False)]


@attrs.define
class World:
    """
    A platform whose answers, and their times, are drawn by the seed, the score and the number of the try.
    """

    seed: int
    time: VirtualTime = attrs.field(factory=VirtualTime)
    tries: Counter[tuple[str, bytes]] = attrs.field(factory=Counter)
    sent: list[tuple[Any, ...]] = attrs.field(factory=list)
    events: list[Event] = attrs.field(factory=list)
    first_tries: int = 0
    instead: Callable[[Request], Awaitable[Response]] | None = None

    async def send(self, request: Request) -> Response:
        """
        Answer after a while.
        """
        if self.instead is not None:
            return await self.instead(request)
        # The signature of a token request is another each time.
        self.sent.append((self.time.now, request.method, request.url, request.url != TOKEN_URL and request))
        callers = traceback.walk_stack(sys._getframe())
        self.first_tries += any(frame.f_code is FirstTry.send.__code__ for frame, _ in callers)
        if request.url == TOKEN_URL:
            await self.time.sleep(0.1)
            return Response(200, "OK", (("Content-Type", "application/json"),), json.dumps(GRANT).encode())
        if request.method == "GET":
            await self.time.sleep(0.05)
            return Response(200, "OK", (), b"[]", request.url)
        user = json.loads(request.body or b"{}")["userId"]
        key = (request.url, user)
        self.tries[key] += 1
        draw = random.Random(f"{self.seed} {key} {self.tries[key]}")
        await self.time.sleep(draw.uniform(0.004, 0.4))
        if self.seed % 4 == 1 and 1.0 < self.time.now < 8.0:
            raise LOST[draw.randrange(2)].copied()
        if draw.random() < 0.02:
            raise LOST[draw.randrange(2)].copied()
        answers = ANSWERS + REFUSED if self.seed % 3 == 0 else ANSWERS
        _, status, headers, body = draw.choices(answers, [weight for weight, *_ in answers])[0]
        date = format_datetime(datetime.fromtimestamp(int(self.time.wall()), UTC), usegmt=True)
        pairs = (("Date", date), ("Content-Type", "application/json"), *headers.items())
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        return Response(status, "", pairs, text, request.url, draw.choice([0.0, 0.001]))

    async def aclose(self) -> None:
        """
        Do nothing.
        """

    def client(self, **settings: Any) -> Client:
        """
        Make a client; that of every other world finds a place for every score at once.
        """
        pace = Pace(floor=8, ceiling=8) if self.seed % 2 else Pace(ceiling=8)
        return Client(transport=self, runtime=runtime_for(self.time), pace=pace, **settings)

    def scores(self) -> Iterator[tuple[str, Score]]:
        """
        Give grades, some without a value, some of one user twice.
        """
        draw = random.Random(self.seed)
        for number in range(60):
            user = f"user-{draw.randrange(40)}"
            if draw.random() < 0.1:
                score = Score.progress(user, ActivityProgress.SUBMITTED)
            else:
                comment = "well done" if draw.random() < 0.1 else None
                score = Score.graded(user, number, score_maximum=100, comment=comment)
            yield draw.choice(ITEMS), score


def told(delivery: Delivery) -> tuple[Any, ...]:
    """
    Return what a delivery says.
    """
    error = delivery.error
    score = delivery.score
    what = None if error is None else (type(error), str(error), error.recorded, error.transient, error.retry_after)
    return (
        delivery.line_item, score.user_id, score.timestamp, delivery.attempts, what, delivery.timestamp,
        delivery.restamped, delivery.waited_for, delivery.answer,
    )  # fmt: skip


def inside(thing: Any) -> dict[str, Any]:
    """
    Return what a gate's pacer or breaker has learned.
    """
    return {name: getattr(thing, name) for name in type(thing).__slots__ if name not in {"_allowance", "_wait"}}


async def played(seed: int, *, whole_way: bool, listens: bool) -> dict[str, Any]:
    """
    Post into one world, and return everything that can be told of it.
    """
    world = World(seed)
    listener = world.events.append if listens else None
    before = timekeeper.set(Timekeeper(world.time.wall, process="one", steady=world.time.clock))
    try:
        async with world.client(on_event=listener) as client:
            client._engine.first_try.is_closed = whole_way
            gradebook = client.gradebook(registration(), endpoint(lineitem=ITEMS[0]))
            deliveries = []
            async with gradebook.post_scores(world.scores()) as posting:
                async for delivery in posting:
                    deliveries.append(told(delivery))
            gates = [(key, inside(gate.pacer), inside(gate.breaker)) for key, gate in client._engine._platforms.items()]
            known = client._shared.turns
            held = {**known._older, **known._last}
            return {
                "deliveries": deliveries, "report": str(posting.report), "sent": world.sent, "gates": gates,
                "traffic": client._engine.traffic({}), "held": held, "clocks": client._shared.ahead,
                "now": world.time.now, "events": [event for event in world.events if not isinstance(event, BatchEvent)],
            }  # fmt: skip
    finally:
        timekeeper.reset(before)


@pytest.mark.parametrize("listens", [False, True], ids=["alone", "with a listener"])
@pytest.mark.parametrize("seed", range(24))
async def test_both_ways_end_alike(seed: int, listens: bool) -> None:
    short = await played(seed, whole_way=False, listens=listens)
    whole = await played(seed, whole_way=True, listens=listens)
    for name, seen in short.items():
        assert seen == whole[name], name


async def test_the_two_ways_are_two() -> None:
    short, whole = World(5), World(5)
    for world in (short, whole):
        async with world.client() as client:
            client._engine.first_try.is_closed = world is whole
            await client.gradebook(registration(), endpoint(lineitem=ITEMS[0])).post_scores(world.scores())
    assert whole.first_tries == 0
    # The first ones wait for a place and a token.
    assert short.first_tries > 30


async def closed_meanwhile(answer: AGSError | Response, *, whole_way: bool) -> tuple[Any, ...]:
    """
    Close a client while a score's answer is awaited, and return what becomes of the score.
    """
    asked, may_answer = asyncio.Event(), asyncio.Event()
    world = World(5)

    async def late(request: Request) -> Response:
        asked.set()
        await may_answer.wait()
        if isinstance(answer, AGSError):
            raise answer.copied()
        return answer

    client = world.client()
    client._engine.first_try.is_closed = whole_way
    gradebook = client.gradebook(registration(), endpoint(lineitem=ITEMS[0]))
    await gradebook.post_score(Score.graded("user-0", 1, score_maximum=2))
    world.instead = late
    task = asyncio.ensure_future(gradebook.post_score(Score.graded("user-1", 1, score_maximum=2)))
    await asked.wait()
    await client.aclose()
    may_answer.set()
    (said,) = await asyncio.gather(task, return_exceptions=True)
    last = client._shared.turns.last((ITEMS[0], "user-1"))
    gate = next(gate for key, gate in client._engine._platforms.items() if key[1] != "token")
    became = (said.attempts, repr(said.error), said.recorded) if isinstance(said, Delivery) else repr(said)
    return became, last.may_come, last.process is None, gate.pacer.in_flight


@pytest.mark.parametrize("answer", [*LOST, Response(204), Response(500), Response(409)])
async def test_a_client_that_is_closed_meanwhile(answer: AGSError | Response) -> None:
    short = await closed_meanwhile(answer, whole_way=False)
    assert short == await closed_meanwhile(answer, whole_way=True)
    assert short[-1] == 0


async def test_a_gate_that_was_forgotten_is_not_entered() -> None:
    """
    A platform's line has one front, also after a minute in which nobody came.
    """
    world = World(5)
    async with world.client() as client:
        gradebook = client.gradebook(registration(), endpoint(lineitem=ITEMS[0]))
        for number in range(3):
            await gradebook.post_score(Score.graded(f"user-{number}", 1, score_maximum=2))
        platforms = client._engine._platforms
        key, before = next(item for item in platforms.items() if item[0][1] != "token")
        await world.time.sleep(120.0)
        platforms._forget(16, full=True)
        assert before.is_forgotten
        await gradebook.post_score(Score.graded("user-9", 1, score_maximum=2))
        after = dict(platforms.items())[key]
    assert after is not before
    assert after.breaker.well_at == world.sent[-1][0] > before.breaker.well_at
