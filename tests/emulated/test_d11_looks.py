"""
Where the user filter is ignored one listing serves many looks; where it is not, each look asks for its own user.
"""

from __future__ import annotations

import asyncio

import pytest

from aioags import AGSError, LostAnswerError, Pace, RetryPolicy
from aioags.emulator import Fault
from aioags.grading.looking import Looks
from aioags.protocol.trial import Trial
from tests.rigs.memory import until
from tests.rigs.processes import World, processes

USERS = 60
ONE_TRY = RetryPolicy(attempts=1)
ONCE = {"pace": Pace(floor=16, ceiling=16), "retry": ONE_TRY}


def looks_of(world: World) -> Looks:
    """
    Return the looks of a gradebook whose line item holds a result of everybody.
    """
    for user in world.platform.users():
        world.platform.override(None, user, 5)
    return world.stands[0].gradebook._sender.looks


async def look(world: World, looks: Looks, user: str, policy: RetryPolicy = ONE_TRY) -> list[str]:
    """
    Look for one user, and return the users that are shown.
    """
    item = world.stands[0].item
    operation = world.stands[0].gradebook._dialect.results(item, user_id=user, limit=None)
    page = await looks.read(item, user, Trial(operation, policy))
    return [result.user_id for result in page.records]


@pytest.mark.parametrize("profile", ["openedx", "sakai"])
async def test_d11_many_looks_at_once_list_twice(profile: str) -> None:
    async with processes(1, profile, client=ONCE, users=USERS) as world:
        looks, users = looks_of(world), world.platform.users()
        shown = await asyncio.gather(*(look(world, looks, user) for user in users))
        assert all(user in one for user, one in zip(users, shown, strict=True))
        assert shown[1:] == [[user] for user in users[1:]]
        assert world.platform.counts["results"] == 2


async def test_d11_where_the_filter_is_kept_each_asks_for_its_own_user() -> None:
    async with processes(1, "spec", client=ONCE, users=USERS) as world:
        looks, users = looks_of(world), world.platform.users()
        assert await asyncio.gather(*(look(world, looks, user) for user in users)) == [[user] for user in users]
        assert world.platform.counts["results"] == USERS


async def test_d11_who_comes_while_one_is_listing_shares_the_next() -> None:
    async with processes(1, "sakai", client=ONCE, users=USERS) as world:
        looks, users = looks_of(world), world.platform.users()
        await look(world, looks, users[0])
        first = [asyncio.create_task(look(world, looks, user)) for user in users[:5]]
        await until(lambda: world.platform.counts["results"] >= 2)
        later = [asyncio.create_task(look(world, looks, user)) for user in users[5:]]
        await asyncio.gather(*first, *later)
        assert world.platform.counts["results"] == 3


async def test_d11_a_listing_that_fails_fails_for_all_that_waited_and_the_next_begins_anew() -> None:
    async with processes(1, "openedx", client=ONCE, users=USERS) as world:
        looks, users = looks_of(world), world.platform.users()
        await look(world, looks, users[0])
        world.platform.faults.add(Fault.answer(500, operation="results", times=1))
        done = await asyncio.gather(*(look(world, looks, user) for user in users[:5]), return_exceptions=True)
        assert all(isinstance(one, AGSError) for one in done)
        assert await look(world, looks, users[0]) == [users[0]]


async def test_d11_a_first_look_that_fails_does_not_hold_the_others() -> None:
    async with processes(1, "spec", client=ONCE, users=USERS) as world:
        looks, users = looks_of(world), world.platform.users()
        world.platform.faults.add(Fault.answer(500, operation="results", times=1))
        done = await asyncio.gather(*(look(world, looks, user) for user in users[:5]), return_exceptions=True)
        assert [isinstance(one, AGSError) for one in done] == [True, False, False, False, False]


async def test_d11_who_is_cancelled_leaves_the_listing_to_the_others() -> None:
    async with processes(1, "sakai", client=ONCE, users=USERS) as world:
        looks, users = looks_of(world), world.platform.users()
        await look(world, looks, users[0])
        calls = [asyncio.create_task(look(world, looks, user)) for user in users[:8]]
        await until(lambda: world.platform.counts["results"] >= 2)
        calls[0].cancel()
        done = await asyncio.gather(*calls, return_exceptions=True)
        assert isinstance(done[0], asyncio.CancelledError)
        assert done[1:] == [[user] for user in users[1:8]]
        assert world.platform.counts["results"] == 2


async def test_d11_a_listing_is_waited_for_within_the_total_time() -> None:
    async with processes(1, "sakai", client=ONCE, users=USERS) as world:
        looks, users = looks_of(world), world.platform.users()
        await look(world, looks, users[0])
        stand = world.stands[0]
        assert stand.transport is not None

        async def drag(_: object) -> None:
            await world.time.sleep(300)

        quick, stand.transport.after = stand.transport.after, drag
        short = RetryPolicy(attempts=1, total_time=20)
        done = await asyncio.gather(*(look(world, looks, user, short) for user in users[:5]), return_exceptions=True)
        assert [type(one) for one in done] == [LostAnswerError] * 5
        assert world.time.now < 60
        stand.transport.after = quick
        assert await look(world, looks, users[0]) == [users[0]]
