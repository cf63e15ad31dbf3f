"""
The outbox in front of the other back end, which makes the stamps itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import attrs

from aioags import Client, Gradebook, LostAnswerError, Score
from aioags.emulator import Platform
from aioags.emulator.ltiaas import Gateway
from aioags.ltiaas import ServiceReference
from aioags.outbox import MemoryStore, Outbox, State, StoredScore
from aioags.protocol.messages import Request, Response
from tests.outbox.kit import ONE_TRY
from tests.rigs.memory import as_response, new_platform, runtime_for
from tests.rigs.virtual_time import VirtualTime


class GatewayTransport:
    """
    Carries requests to an emulated LTIAAS.

    Attributes:
        lost: How many of the next answers are lost on the way back.
    """

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.lost = 0

    async def send(self, request: Request) -> Response:
        await asyncio.sleep(0)
        answer = as_response(request, self.gateway.answer(request))
        if self.lost:
            self.lost -= 1
            raise LostAnswerError("lost on the way back", recorded=None, transient=True)
        return answer

    async def aclose(self) -> None:
        pass


@attrs.define
class Desk:
    """
    An outbox in front of LTIAAS, in front of a platform.
    """

    platform: Platform
    transport: GatewayTransport
    reference: ServiceReference
    outbox: Outbox
    store: MemoryStore
    time: VirtualTime

    @property
    def user(self) -> str:
        return self.platform.users()[0]

    async def put(self, points: float, user: str | None = None) -> None:
        stamp = datetime.fromtimestamp(self.time.wall(), UTC)
        score = Score.graded(user or self.user, points, score_maximum=10, timestamp=stamp)
        await self.outbox.put("gateway", self.reference.to_dict(), score)

    async def drain(self) -> tuple[int, int, int]:
        done = await self.outbox.drain("gateway", str(self.reference.line_item))
        return (done.recorded, done.refused, done.postponed)

    def row(self) -> StoredScore:
        return next(row for row in self.store.table.rows.values() if row.user_id == self.user)

    def applied(self) -> list[Any]:
        return [score["scoreGiven"] for score in self.platform.history(str(self.reference.line_item), self.user)]


def new_desk(profile: str = "spec") -> Desk:
    time = VirtualTime(start=1_900_000_000.0)
    platform = new_platform(profile, users=3, clock=time.wall)
    gateway = Gateway.create(platform)
    item = platform.endpoint_claim()["lineitem"]
    reference = ServiceReference(service_key=gateway.launch(platform.users()[0]).service_key, line_item=item)
    transport = GatewayTransport(gateway)
    runtime = runtime_for(time)
    client = Client(transport=transport, retry=ONE_TRY, runtime=runtime)

    def registry(client: Client, name: str, endpoint: Mapping[str, Any]) -> Gradebook:
        account = client.ltiaas(gateway.base_url, gateway.api_key)
        return account.gradebook(reference=ServiceReference.from_dict(endpoint))

    store = MemoryStore()
    return Desk(platform, transport, reference, Outbox(store, client, registry, runtime=runtime), store, time)


async def test_ltiaas_is_a_back_end_like_any_other() -> None:
    desk = new_desk()
    await desk.put(5)
    await desk.put(5, "987654321")
    assert await desk.drain() == (1, 0, 0)
    assert desk.applied() == [5]
    assert (await desk.outbox.stats()).deferred == 1
    assert str(desk.reference.service_key) not in repr((desk.outbox, desk.store, desk.store.table.rows))


async def test_a_lost_answer_is_followed_by_the_same_score() -> None:
    desk = new_desk()
    desk.transport.lost = 1
    await desk.put(5)
    assert await desk.drain() == (0, 0, 1)
    assert desk.row().unsure
    desk.time.now += 60
    assert await desk.drain() == (1, 0, 0)
    assert desk.applied()[-1] == 5


async def test_two_grades_within_a_second_of_moodles_are_both_taken_in_the_end() -> None:
    desk = new_desk("moodle")
    await desk.put(5)
    assert await desk.drain() == (1, 0, 0)
    desk.time.now += 0.2
    await desk.put(6)
    assert await desk.drain() == (0, 0, 1), "stale by the stamp that LTIAAS made, which is no refusal of the score"
    assert desk.row().state is State.DUE
    desk.time.now += 60
    assert await desk.drain() == (1, 0, 0)
    assert desk.applied() == [5, 6]


async def test_a_no_that_was_lost_is_not_taken_for_a_yes() -> None:
    desk = new_desk("moodle")
    await desk.put(5)
    await desk.drain()
    desk.time.now += 0.2
    desk.transport.lost = 1
    await desk.put(6)
    await desk.drain()
    assert desk.applied() == [5], "what was lost was the answer that said no"
    desk.time.now += 60
    assert await desk.drain() == (1, 0, 0)
    assert desk.applied() == [5, 6]
