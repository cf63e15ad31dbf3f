"""
One platform's trouble takes no job slot from another's grades, and a worker that is stopped leaves its work to others.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

import attrs
import procrastinate
import pytest

from aioags import Client, Delivery, Endpoint, Gradebook, Registration, Score
from aioags.contrib.procrastinate import WORKER, add_tasks, wake
from aioags.emulator import Platform
from aioags.outbox import Outbox
from aioags.outbox.postgres import PostgresStore
from aioags.protocol.messages import Request, Response
from tests.outbox.office import Office, new_office
from tests.rigs.memory import MemoryTransport, new_platform, one_turn, tool_key

pytestmark = pytest.mark.needs("postgres")

QUIET: dict[str, Any] = {**WORKER, "wait": False, "listen_notify": False, "install_signal_handlers": False}
ITEMS = 80


@pytest.fixture
async def office(prepared: str) -> AsyncIterator[Office]:
    async with new_office(prepared) as made:
        yield made


@attrs.define
class Town:
    """
    Two platforms, one outbox, one worker.

    Attributes:
        transports: By the origin of a platform.

        opened: Names of the platforms whose line items were opened, one for each drain that has begun.

        news: Set when that list grows, and when the platform that is well has a grade.
    """

    platforms: dict[str, Platform]
    transports: dict[str, MemoryTransport]
    opened: list[str] = attrs.field(factory=list)
    recorded: list[str] = attrs.field(factory=list)
    news: asyncio.Event = attrs.field(factory=asyncio.Event)

    async def send(self, request: Request) -> Response:
        return await self.transports["/".join(request.url.split("/")[:3])].send(request)

    async def aclose(self) -> None:
        """
        Do nothing.
        """

    def open_gradebook(self, client: Client, name: str, endpoint: Mapping[str, Any]) -> Gradebook:
        self.opened.append(name)
        self.news.set()
        registration = Registration(**(self.platforms[name].registration_args() | {"key": tool_key()}))
        return client.gradebook(registration, Endpoint.from_claim(endpoint))

    def on_recorded(self, name: str, delivery: Delivery) -> None:
        self.recorded.append(name)
        self.news.set()

    async def put(self, outbox: Outbox, name: str, items: int) -> None:
        """
        Put one grade into each of so many line items of a platform.
        """
        platform = self.platforms[name]
        urls = [platform.site.item_url(platform.add_line_item(f"Item {number}", 100)) for number in range(items)]
        grade = Score.graded(platform.users()[0], 5, score_maximum=10)
        await outbox.put_many(name, Endpoint.from_claim(platform.endpoint_claim()), [(url, grade) for url in urls])


@pytest.fixture
def town() -> Town:
    platforms = {name: new_platform(clock=time.time, base_url=f"https://{name}.example") for name in ("sick", "well")}
    return Town(platforms, {platform.base_url: MemoryTransport(platform) for platform in platforms.values()})


async def test_a_platform_that_hangs_leaves_job_slots_to_others(prepared: str, town: Town) -> None:
    back = asyncio.Event()

    async def hang(request: Request) -> None:
        await back.wait()

    town.transports["https://sick.example"].before = hang
    store = PostgresStore(prepared, wake=wake)
    outbox = Outbox(store, Client(transport=town), town.open_gradebook, on_recorded=town.on_recorded)
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=prepared))
    add_tasks(app, outbox)
    app.periodic_registry.periodic_tasks.clear()
    async with app.open_async():
        await town.put(outbox, "sick", ITEMS)
        await town.put(outbox, "well", 1)
        working = asyncio.create_task(app.run_worker_async(**QUIET))
        while "well" not in town.recorded and town.opened.count("sick") <= 16:
            town.news.clear()
            await town.news.wait()
        assert town.recorded == ["well"]
        assert town.opened.count("sick") == 16
        back.set()
        await working
        for _ in range(ITEMS):
            await app.run_worker_async(**QUIET)
        assert town.recorded.count("sick") == ITEMS, "who was turned away is woken when one ends, without a sweep"
    await outbox.aclose()


async def test_a_platform_that_asks_for_silence_is_left_to_the_sweep(office: Office) -> None:
    office.desk.fail("503-retry-after", times=1)
    await office.desk.put(office.desk.grade())
    await office.work()
    assert office.desk.time.slept == [], "a drain that waits keeps a job slot from others"
    assert office.desk.applied() == []
    office.desk.time.now += 30
    await office.sweep()
    assert office.desk.applied() == [5]


async def test_a_worker_that_is_stopped_leaves_the_rest_to_others(office: Office) -> None:
    begun, never = asyncio.Event(), asyncio.Event()
    posts = itertools.count()

    async def hang(request: Request) -> None:
        if "/scores" in request.url and next(posts) >= 10:
            begun.set()
            await never.wait()

    users = office.desk.platform.users()
    office.desk.transport.before = hang
    await office.desk.put(*(office.desk.grade(5, user) for user in users))
    # The test does not wait as long as a worker would.
    hurried: Any = {**QUIET, "wait": True, "shutdown_graceful_timeout": WORKER["shutdown_graceful_timeout"] * 0}
    working = asyncio.create_task(office.app.run_worker_async(**hurried))
    await begun.wait()
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    assert await office.jobs() == []
    assert (await office.store.stats(now=0)).due > 0
    office.desk.transport.before = one_turn
    await office.sweep()
    assert (await office.store.stats(now=0)).sent == len(users)
    assert [office.desk.applied(user)[-1] for user in users] == [5] * len(users)
