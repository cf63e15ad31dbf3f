"""
One slow or dead platform must not slow another (peers.md 30): each fills its own line, its own slots, its own tokens.

Two platforms share one `Client`. Time is virtual: what the healthy one takes with a sick neighbour is compared with
what it takes alone, to the second.
"""

from __future__ import annotations

import asyncio
from base64 import urlsafe_b64decode
from collections.abc import Callable, Coroutine
from contextlib import suppress
from urllib.parse import parse_qsl

import attrs
import pytest

from aioags import (
    AGSError,
    Client,
    Endpoint,
    Gradebook,
    LostAnswerError,
    Pace,
    Registration,
    Report,
    RetryPolicy,
    UnreachableError,
)
from aioags.emulator import Platform
from aioags.emulator.traffic.throttle import Quota
from aioags.protocol.breaker import LONGEST_WAIT
from aioags.protocol.messages import Request, Response
from tests.rigs.hostile import silent
from tests.rigs.memory import MemoryTransport, grades, new_platform, runtime_for, tool_key
from tests.rigs.raw_server import http, raw_server
from tests.rigs.virtual_time import VirtualTime

EVERY = pytest.mark.usefixtures("every_transport")
USERS = 60
ANSWER = 0.05


@attrs.define
class TwoPlatforms:
    """
    Carries each request to the platform that it names.

    Attributes:
        by_origin: A transport for each.
    """

    by_origin: dict[str, MemoryTransport]

    async def send(self, request: Request) -> Response:
        return await self.by_origin["/".join(request.url.split("/")[:3])].send(request)

    async def aclose(self) -> None:
        """
        Do nothing.
        """


@attrs.define
class Town:
    """
    A healthy platform, a sick one, and one client for both.
    """

    time: VirtualTime
    well: Platform
    sick: Platform
    transports: TwoPlatforms
    client: Client

    def gradebook(self, platform: Platform) -> Gradebook:
        registration = Registration(**(platform.registration_args() | {"key": tool_key()}))
        return self.client.gradebook(registration, Endpoint.from_claim(platform.endpoint_claim()))

    async def post(self, platform: Platform) -> tuple[Report, float]:
        """
        Post a grade for everybody; the report, and when it was there.
        """
        report = await self.gradebook(platform).post_scores(grades(platform.users()))
        return report, self.time.now

    def transport(self, platform: Platform) -> MemoryTransport:
        return self.transports.by_origin[platform.base_url]


def new_town() -> Town:
    time = VirtualTime()

    async def take_time(request: Request) -> None:
        await time.sleep(ANSWER)

    platforms = [new_platform(users=USERS, clock=time.wall, base_url=f"https://{name}.example") for name in "ws"]
    transports = TwoPlatforms({one.base_url: MemoryTransport(one, before=take_time) for one in platforms})
    retry = RetryPolicy(attempts=4, total_time=60.0)
    client = Client(transport=transports, runtime=runtime_for(time), retry=retry, pace=Pace(ceiling=8))
    return Town(time, *platforms, transports, client)


# -- What may be wrong with a platform ---------------------------------------------------------------------------------


def dead(town: Town) -> None:
    async def never(request: Request) -> None:
        await asyncio.get_running_loop().create_future()

    town.transport(town.sick).before = never


def dead_for_tokens(town: Town) -> None:
    async def never(request: Request) -> None:
        if "token" in request.url:
            await asyncio.get_running_loop().create_future()

    town.transport(town.sick).before = never


def slow(town: Town) -> None:
    async def wait(request: Request) -> None:
        await town.time.sleep(30.0)

    town.transport(town.sick).before = wait


def unreachable(town: Town) -> None:
    async def fail(request: Request) -> None:
        await town.time.sleep(10.0)
        raise UnreachableError("no route", transient=True)

    town.transport(town.sick).before = fail


def throttling(town: Town) -> None:
    town.sick.limiters[town.sick.tool.client_id] = Quota(3, 3600.0)


def refusing(town: Town) -> None:
    town.sick.tool.scopes = ()


SICKNESSES = [dead, dead_for_tokens, slow, unreachable, throttling, refusing]


async def alone() -> float:
    """
    Return how long the healthy platform takes without a neighbour.
    """
    town = new_town()
    report, when = await town.post(town.well)
    assert report.ok
    return when


@EVERY
@pytest.mark.parametrize("sicken", SICKNESSES)
async def test_a_sick_platform_does_not_slow_a_healthy_one(sicken: Callable[[Town], None]) -> None:
    town = new_town()
    sicken(town)
    sick = asyncio.ensure_future(town.post(town.sick))
    for _ in range(50):
        await asyncio.sleep(0)
    begun = town.time.now
    report, when = await town.post(town.well)
    assert report.ok
    assert when - begun == pytest.approx(await alone())
    sick.cancel()
    await asyncio.gather(sick, return_exceptions=True)
    await town.client.aclose()


@EVERY
@pytest.mark.parametrize("sicken", [dead, slow, throttling])
async def test_single_calls_pass_a_sick_neighbour_too(sicken: Callable[[Town], None]) -> None:
    town = new_town()
    sicken(town)
    book, sick_book = town.gradebook(town.well), town.gradebook(town.sick)
    calls = [asyncio.ensure_future(sick_book.post_score(score)) for score in grades(town.sick.users())]
    for _ in range(50):
        await asyncio.sleep(0)
    begun = town.time.now
    for score in grades(town.well.users()[:3]):
        await book.post_score(score)
    assert await book.get_result(town.well.users()[0]) is not None
    # A token, three scores, one result.
    assert town.time.now - begun == pytest.approx(5 * ANSWER)
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    await town.client.aclose()


@EVERY
async def test_each_platform_has_slots_of_its_own() -> None:
    town = new_town()
    dead(town)
    sick = asyncio.ensure_future(town.post(town.sick))
    await town.post(town.well)
    assert town.transport(town.well).most[""] == 8
    # A dead platform never earned more than the slots it began with.
    assert town.transport(town.sick).most[""] <= 4
    sick.cancel()
    await asyncio.gather(sick, return_exceptions=True)


@EVERY
async def test_one_slow_user_does_not_hold_the_others_of_a_batch() -> None:
    """
    A request that hangs costs its own slot.
    """
    town = new_town()
    first = town.well.users()[0]

    async def hang(request: Request) -> None:
        if first.encode() in (request.body or b""):
            await asyncio.get_running_loop().create_future()
        await town.time.sleep(ANSWER)

    town.transport(town.well).before = hang
    done = 0
    async with town.gradebook(town.well).post_scores(grades(town.well.users())) as deliveries:
        async for delivery in deliveries:
            assert delivery.score.user_id != first
            done += 1
            if done == USERS - 1:
                break
        hanging = [task for task in asyncio.all_tasks() if task.get_name().endswith("worker")]
        assert len(hanging) == 1
        hanging[0].cancel()


@EVERY
async def test_two_tools_at_one_origin_have_lines_of_their_own() -> None:
    """
    Two schools on one host: a platform is an origin and a client id.
    """
    town = new_town()
    second = town.well.add_tool("tool-of-another-school")
    town.well.limiters[second.client_id] = Quota(1, 3600.0)
    link = town.well.add_link("Quiz two", tool=second)
    town.well.add_line_item("Quiz two", 10, link=link)
    registration = Registration(**(town.well.registration_args(second) | {"key": tool_key()}))
    other = town.client.gradebook(registration, Endpoint.from_claim(town.well.endpoint_claim(link)))
    await other.post_scores(grades(town.well.users()[:5]))
    begun = town.time.now
    report, when = await town.post(town.well)
    assert report.ok
    assert when - begun == pytest.approx(await alone())


@EVERY
async def test_a_tool_whose_token_cannot_be_had_keeps_another_of_the_same_host_waiting_for_one_probe() -> None:
    town = new_town()
    second = town.well.add_tool("tool-of-another-school")
    link = town.well.add_link("Quiz two", tool=second)
    town.well.add_line_item("Quiz two", 10, link=link)
    registration = Registration(**(town.well.registration_args(second) | {"key": tool_key()}))
    other = town.client.gradebook(registration, Endpoint.from_claim(town.well.endpoint_claim(link)))

    def of_the_first(request: Request) -> bool:
        form = dict(parse_qsl((request.body or b"").decode()))
        claims = form.get("client_assertion", "..").split(".")[1]
        return town.well.tool.client_id.encode() in urlsafe_b64decode(claims + "=" * (-len(claims) % 4))

    carry = town.transport(town.well)

    async def fail(request: Request) -> None:
        if "token" in request.url and of_the_first(request):
            raise LostAnswerError("gone", recorded=None, transient=True)
        await town.time.sleep(ANSWER)

    carry.before = fail
    first = town.gradebook(town.well)
    # Each waits by itself for the same token: of other scopes, for other reasons.
    waiting = [asyncio.create_task(_swallow(first.get_result(user))) for user in town.well.users()]
    await town.time.sleep(25.0)
    for user in town.well.users()[:3]:
        begun = town.time.now
        await other.get_result(user)
        assert town.time.now - begun <= LONGEST_WAIT + 1.0
        town.client._tokens._known.clear()
    for one in waiting:
        one.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


async def _swallow(call: Coroutine[object, object, object]) -> None:
    with suppress(AGSError):
        await call


@EVERY
async def test_after_its_recovery_a_platform_is_served_again() -> None:
    town = new_town()
    unreachable(town)
    report, _ = await town.post(town.sick)
    assert report.recorded == 0
    town.transport(town.sick).before = town.transport(town.well).before
    report, _ = await town.post(town.sick)
    assert report.ok


@EVERY
async def test_whoever_cannot_wait_so_long_is_told_at_once() -> None:
    """
    The platform asked for an hour: nobody stands in line for that, and the error says when to come back.
    """
    town = new_town()
    throttling(town)
    report, when = await town.post(town.sick)
    assert when < 60
    errors = [delivery.error for delivery in report.failed]
    assert len(errors) >= USERS - 3
    for error in errors:
        assert isinstance(error, AGSError)
        assert (error.recorded, error.transient) == (False, True)
        assert error.retry_after is not None
        assert 3000 < error.retry_after <= 3600
    # Only those who were in flight together were refused by the platform itself.
    assert town.sick.counts["post_score"] <= 8


@pytest.mark.usefixtures("both_transports")
async def test_connections_of_a_dead_platform_do_not_fill_the_pool() -> None:
    """
    Over real sockets: aiohttp's default of 100 connections for all hosts would be used up.
    """
    async with raw_server(silent) as sick, raw_server(http(204)) as well, Client(pace=Pace(120, 120)) as client:
        sick_book, book = sick.gradebook(client), well.gradebook(client)
        calls = [asyncio.ensure_future(sick_book.post_score(score)) for score in grades([f"u{n}" for n in range(120)])]
        async with asyncio.timeout(30.0):
            while len(sick.received) < 120:  # noqa: ASYNC110 - sockets have no event for it
                await asyncio.sleep(0)
            assert (await book.post_score(grades(["u"])[0])).recorded is True
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
