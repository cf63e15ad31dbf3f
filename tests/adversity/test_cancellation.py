"""
Cancelled at every await: whatever the call and whenever it is cancelled, nothing is left behind.

Each call is run once to count the turns of the event loop that it takes, and then again for each turn, cancelled there.
Afterwards no task is alive, no request in flight, and every turn and every place in flight has been given back: a batch
over the same users fills all slots and is recorded in order.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import attrs
import pytest

from aioags import Delivery, LineItem, LostAnswerError, NotSentError, Pace, RetryPolicy, Score
from aioags.emulator import PROFILES
from aioags.emulator.traffic.throttle import Quota
from aioags.protocol.messages import Request
from tests.rigs.carrying import BRIDGE, way
from tests.rigs.memory import Stand, memory_stand, runtime_for, until
from tests.rigs.virtual_time import VirtualTime

pytestmark = pytest.mark.usefixtures("every_transport")

SLOTS = 3
USERS = 4
# Over sockets: of some hundred turns, and the same ones each time.
AT_MOST = 12
Call = Callable[[Stand], Awaitable[Any]]


def graded(number: int, points: float) -> Score:
    """
    Return a grade out of a thousand for the nth user.
    """
    return Score.graded(f"user-{number:04}", points, score_maximum=1000)


def new_stand(**settings: Any) -> Stand:
    """
    Return a stand with a few slots, all open, and pages of one.
    """
    profile = attrs.evolve(PROFILES["spec"], page_size=1)
    usual = {"pace": Pace(floor=SLOTS, ceiling=SLOTS), "retry": RetryPolicy(attempts=1)}
    client = usual | settings.pop("client", {})
    return memory_stand(profile, users=USERS, client=client, **settings)


async def several(stand: Stand) -> AsyncIterator[Score]:
    """
    Yield three scores for each user, some of them at once.
    """
    for points in range(1, 4):
        for number in range(1, USERS + 1):
            yield graded(number, points)
        await asyncio.sleep(0)


async def awaited(stand: Stand) -> None:
    await stand.gradebook.post_scores(several(stand))


async def streamed(stand: Stand) -> None:
    async with stand.gradebook.post_scores(several(stand)) as deliveries:
        async for _ in deliveries:
            await asyncio.sleep(0)


async def left_early(stand: Stand) -> None:
    async with stand.gradebook.post_scores(several(stand)) as deliveries:
        async for _ in deliveries:
            break


async def coalesced(stand: Stand) -> None:
    await stand.gradebook.post_scores(several(stand), coalesce=True)


async def confirmed(stand: Stand) -> None:
    """
    Every answer is lost, so every score is confirmed by its result.
    """

    async def lose(request: Request) -> None:
        await asyncio.sleep(0)
        if request.url.endswith("/scores"):
            raise LostAnswerError("lost", recorded=None, transient=True)

    assert stand.transport is not None
    usual, stand.transport.after = stand.transport.after, lose
    try:
        await stand.gradebook.post_scores(several(stand), confirm=True)
    finally:
        stand.transport.after = usual


async def one_by_one(stand: Stand) -> None:
    async with asyncio.TaskGroup() as group:
        for points in range(1, 4):
            for number in range(1, USERS + 1):
                group.create_task(stand.gradebook.post_score(graded(number, points)))


async def items(stand: Stand) -> None:
    stand.platform.add_line_item("Quiz two", 10)
    item = await stand.gradebook.find_or_create_line_item(label="Quiz", score_maximum=10, resource_id="r")
    await stand.gradebook.update_line_item(attrs.evolve(item, label="Quiz 2"))
    await stand.gradebook.create_line_item(LineItem("Quiz 3", 10))
    await stand.gradebook.delete_line_item(item)


async def results(stand: Stand) -> None:
    for number in range(1, USERS + 1):
        await stand.gradebook.get_result(f"user-{number:04}")
    assert [item.label async for item in stand.gradebook.line_items()] == ["Quiz one"]


CALLS: list[Call] = [awaited, streamed, left_early, coalesced, confirmed, one_by_one, items, results]


async def turns_of(call: Call, stand: Stand) -> int:
    """
    Count the turns of the event loop that a call takes.
    """
    task = asyncio.ensure_future(call(stand))
    turns = 0
    while not task.done():
        turns += 1
        await asyncio.sleep(0)
    await task
    return turns


def at_turns(turns: int, first: int = 0, step: int = 1) -> list[int]:
    """
    Return when to cancel: at every turn; over sockets, where a call takes many more, at a few.
    """
    every = range(first, turns, step)
    return list(every) if way() == "memory" else sorted(random.Random(0).sample(every, min(len(every), AT_MOST)))


async def cancelled_at(turn: int, call: Call, stand: Stand) -> asyncio.Task[Any] | None:
    """
    Run a call, cancel it at a turn, and wait for its end.

    Returns:
        The task. None: the call had ended before, as over sockets it may.
    """
    task: asyncio.Task[Any] = asyncio.ensure_future(call(stand))  # type: ignore[assignment]
    for _ in range(turn):
        await asyncio.sleep(0)
    asked = task.cancel()
    await asyncio.wait({task})
    return task if asked else None


def others() -> set[asyncio.Task[Any]]:
    """
    Return every task alive but the test's own and the platform's.
    """
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    return {task for task in tasks if task.get_name() != BRIDGE}


async def assert_at_rest(stand: Stand, turn: int) -> None:
    """
    Check that nothing is left behind.
    """
    # A token on its way may be of use to the next call, so nobody cancels it; nothing else survives.
    await asyncio.sleep(0)
    assert {task.get_name() for task in others()} <= {"aioags token"}, turn
    await until(lambda: not others())
    assert stand.transport is not None
    assert stand.transport.in_flight == 0, turn
    stand.transport.most.clear()
    scores = [graded(number, points) for points in (500, 501) for number in range(1, USERS + 1)]
    report = await stand.gradebook.post_scores(scores)
    assert report.ok, turn
    assert stand.transport.most[""] == SLOTS, turn
    for number in range(1, USERS + 1):
        history = stand.history(f"user-{number:04}")
        assert history[-2:] == [500, 501], turn
        # In order, and nothing twice.
        assert history == sorted(set(history)), turn  # type: ignore[type-var]


@pytest.mark.parametrize("call", CALLS)
async def test_cancelled_at_every_turn_nothing_is_left_behind(call: Call) -> None:
    turns = await turns_of(call, new_stand())
    assert turns >= 10
    for turn in at_turns(turns + 1):
        stand = new_stand()
        await cancelled_at(turn, call, stand)
        await assert_at_rest(stand, turn)


@pytest.mark.parametrize("call", CALLS)
async def test_cancelled_twice_nothing_is_left_behind(call: Call) -> None:
    """
    The second cancellation hits the cleaning up after the first.
    """
    turns = await turns_of(call, new_stand())
    for turn in at_turns(turns + 1):
        stand = new_stand()
        task: asyncio.Task[Any] = asyncio.ensure_future(call(stand))  # type: ignore[assignment]
        for _ in range(turn):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait({task})
        # Those that were cancelled while they were waited for may need a few turns more.
        await until(lambda: {other.get_name() for other in others()} <= {"aioags token"})
        await assert_at_rest(stand, turn)


@pytest.mark.parametrize("call", [awaited, streamed, one_by_one, items, results])
async def test_a_warm_client_is_no_different(call: Call) -> None:
    """
    With a token in the cache the turns are others.
    """
    warm = new_stand()
    await warm.gradebook.get_line_item()
    turns = await turns_of(call, warm)
    for turn in at_turns(turns + 1):
        stand = new_stand()
        await stand.gradebook.get_line_item()
        await cancelled_at(turn, call, stand)
        await assert_at_rest(stand, turn)
        assert stand.platform.tokens.requests == 1


async def test_cancellation_is_never_swallowed() -> None:
    for call in CALLS:
        turns = await turns_of(call, new_stand())
        for turn in at_turns(turns):
            task = await cancelled_at(turn, call, new_stand())
            assert task is None or task.cancelled(), (call.__name__, turn)
            assert task is not None or way() != "memory"
            await until(lambda: not others())


async def test_a_cancelled_batch_still_counts_every_score_that_was_taken() -> None:
    turns = await turns_of(streamed, new_stand())
    for turn in at_turns(turns, 1):
        stand = new_stand()
        posting = stand.gradebook.post_scores(several(stand))
        seen: list[Delivery] = []

        async def read(posting: Any = posting, seen: list[Delivery] = seen) -> None:
            async with posting as deliveries:
                async for delivery in deliveries:
                    seen.append(delivery)
                    await asyncio.sleep(0)

        await cancelled_at(turn, lambda _: read(), stand)
        report = posting.report
        applied = sum(len(stand.history(f"user-{number:04}")) for number in range(1, USERS + 1))
        kinds = [type(delivery.error) for delivery in report.failed]
        unsent, lost = kinds.count(NotSentError), kinds.count(LostAnswerError)
        assert report.recorded + unsent + lost == report.total, turn
        # What is reported as recorded is there; what is said to be surely absent is not.
        assert report.recorded <= applied <= report.recorded + lost, turn
        assert len(seen) <= report.total
        await until(lambda: not others())


async def test_a_deadline_around_a_batch_ends_it() -> None:
    stand = new_stand()

    async def never(request: Request) -> None:
        if request.url.endswith("/scores"):
            await asyncio.get_running_loop().create_future()

    assert stand.transport is not None
    usual, stand.transport.before = stand.transport.before, never
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await stand.gradebook.post_scores(several(stand))
    stand.transport.before = usual
    await assert_at_rest(stand, 0)


# -- While a platform asked for silence --------------------------------------------------------------------------------


def throttled_stand(time: VirtualTime, **client: Any) -> Stand:
    """
    Return a stand whose platform takes five requests a minute and says when to come back.
    """
    settings = {"runtime": runtime_for(time), "retry": RetryPolicy(total_time=600.0)} | client
    stand = new_stand(clock=time.wall, client=settings)
    stand.platform.limiters[stand.platform.tool.client_id] = Quota(5, 60.0)
    return stand


async def test_cancelled_while_a_platform_is_held_every_place_comes_back() -> None:
    for turn in at_turns(700, 0, 7):
        time = VirtualTime()
        stand = throttled_stand(time)
        await cancelled_at(turn, awaited, stand)
        assert stand.transport is not None
        assert stand.transport.in_flight == 0
        stand.platform.limiters.clear()
        time.now += 120.0
        report = await stand.gradebook.post_scores([graded(number, 900) for number in range(1, USERS + 1)])
        assert report.ok, turn
        await stand.client.aclose()
        await until(lambda: not others())


async def test_closing_the_client_ends_those_who_wait_for_the_end_of_a_hold() -> None:
    """
    Who sleeps between two tries does so in the caller's own task; who waits in the line is the client's to wake.
    """

    async def never(seconds: float) -> None:
        await asyncio.get_running_loop().create_future()

    time = VirtualTime()
    stand = throttled_stand(time, runtime=attrs.evolve(runtime_for(time), sleep=never))
    calls = [asyncio.ensure_future(stand.gradebook.post_score(graded(1, points))) for points in range(6)]
    transport = stand.transport
    assert transport is not None
    await until(lambda: stand.platform.counts["post_score"] == 6 and not transport.in_flight)
    late = asyncio.ensure_future(stand.gradebook.post_score(graded(2, 2)))
    for _ in range(50):
        await asyncio.sleep(0)
    assert not late.done()
    await stand.client.aclose()
    await until(late.done)
    assert isinstance(late.exception(), RuntimeError)
    calls[-1].cancel()
    await asyncio.gather(*calls, return_exceptions=True)
