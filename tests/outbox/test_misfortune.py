"""
What must not hold up a line item or turn its grades back: a process that was stopped, damaged rows, others' mistakes.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Sequence

import attrs
import pytest

from aioags import Client, Score
from aioags.outbox import MemoryStore, Outbox, Outcome, Permits, State, StoreError
from aioags.protocol.messages import Request, Response
from tests.outbox.kit import SCHOOL, Desk, new_desk
from tests.rigs.faults import Fault, FaultyTransport
from tests.rigs.memory import runtime_for
from tests.rigs.virtual_time import VirtualTime


def years_of_silence(request: Request) -> Fault | None:
    """
    A Retry-After in milliseconds, or by mistake.
    """
    answer = Response(429, "", (("Retry-After", "99999999999"),), b"", request.url)
    return Fault("silence", lambda *_: answer) if "/scores" in request.url else None


async def partner_drains(desk: Desk, points: float) -> None:
    """
    Put a newer score for everybody and post it, as another process would.
    """
    runtime = runtime_for(VirtualTime(start=desk.time.wall()))
    client = Client(transport=FaultyTransport(desk.platform), runtime=runtime)
    outbox = Outbox(MemoryStore(desk.table), client, {SCHOOL: desk.registration}, runtime=runtime)
    await outbox.put_many(SCHOOL, desk.endpoint, [desk.grade(points, user) for user in desk.platform.users()])
    await outbox.drain(SCHOOL, desk.item)


@pytest.mark.parametrize("profile", ["sakai", "spec", "moodle"])
async def test_a_worker_that_was_stopped_for_a_while_leaves_no_older_grade_behind(profile: str) -> None:
    desk = new_desk(profile, users=100)
    users = desk.platform.users()
    stopped = False

    async def stop_once(request: Request) -> None:
        nonlocal stopped
        if "/scores" not in request.url or stopped:
            return
        stopped = True
        # Taken for dead: another worker gets the line item, while nothing moves here.
        desk.time.now += 300
        partner = threading.Thread(target=asyncio.run, args=(partner_drains(desk, 9),))
        partner.start()
        partner.join()

    desk.transport.before = stop_once
    await desk.put(*(desk.grade(3, user) for user in users))
    for _ in range(3):
        await desk.drain()
        desk.time.now += 60
    assert [desk.platform.score(desk.item, user)["scoreGiven"] for user in users] == [9] * 100
    assert {row.state for row in desk.table.rows.values()} == {State.SENT}


async def test_a_damaged_row_is_dead_and_the_rest_is_posted(caplog: pytest.LogCaptureFixture) -> None:
    desk = new_desk(users=5)
    await desk.put(*(desk.grade(7.125, user) for user in desk.platform.users()))
    for user, payload in zip(desk.platform.users()[1:], ("{", "{}", '{"userId": 7.125}'), strict=False):
        key = (SCHOOL, desk.item, user)
        desk.table.rows[key] = attrs.evolve(desk.table.rows[key], payload=payload)
    assert await desk.drain() == (2, 3, 0)
    errors = [str(row.last_error) async for row in desk.outbox.dead()]
    assert errors == ["its payload cannot be read"] * 3
    assert caplog.text.count("was given up: its payload cannot be read") == 3
    assert "7.125" not in caplog.text


async def test_a_missing_endpoint_is_said_until_it_is_put_again(caplog: pytest.LogCaptureFixture) -> None:
    desk = new_desk()
    await desk.put(desk.grade())
    endpoints = dict(desk.table.endpoints)
    desk.table.endpoints.clear()
    assert await desk.drain() == (0, 0, 1)
    assert "endpoint is missing: put any score for it again" in str(desk.row().last_error)
    desk.table.endpoints.update(endpoints)
    desk.time.now += 60
    assert await desk.drain() == (1, 0, 0)
    assert (await desk.outbox.drain(SCHOOL, "https://lms.example/never-heard-of")).postponed == 0


async def test_permits_that_are_far_away_end_the_drain() -> None:
    class Slow:
        asked = 0

        async def take(self, registration_id: str, wanted: int) -> Permits:
            self.asked += 1
            return Permits(0, 50.0)

    limiter = Slow()
    desk = new_desk(outbox={"limiter": limiter})
    await desk.put(desk.grade())
    assert await desk.drain() == (0, 0, 0)
    assert limiter.asked == 1
    assert (desk.row().state, desk.row().attempts, desk.row().unsure) == (State.DUE, 0, False)


async def test_a_silence_is_said_and_ends_within_a_day(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    desk = new_desk()
    desk.transport.choose = years_of_silence
    await desk.put(desk.grade())
    await desk.drain()
    (platform,) = (await desk.outbox.stats()).platforms
    assert platform.block is not None
    assert platform.block.until - desk.time.wall() == 86_400
    assert "outbox: school is left alone for 86400 s: ThrottledError: " in caplog.text


@attrs.define(eq=False)
class FailingStore(MemoryStore):
    """
    A store in memory whose next settlings fail.

    Attributes:
        fails: Of the next ones, in order: False before it is committed, True after.
    """

    fails: list[bool] = attrs.field(factory=list)

    async def settle(self, outcomes: Sequence[Outcome], *, now: float) -> None:
        if not self.fails or self.fails[0]:
            await super().settle(outcomes, now=now)
        if self.fails:
            self.fails.pop(0)
            raise StoreError("the database is restarted")


@pytest.mark.parametrize("fails", [[False], [True], [False, True, False, False, False]])
async def test_what_became_of_a_score_outlives_a_store_that_fails_for_a_moment(
    fails: list[bool], caplog: pytest.LogCaptureFixture
) -> None:
    """
    Otherwise a score without a value is sent again, refused as stale, and unknown for ever.
    """
    store = FailingStore()
    desk = new_desk("moodle", store=store)
    desk.table = store.table
    store.fails = fails
    await desk.put(Score.progress(desk.user, "InProgress", timestamp=desk.now()))
    assert await desk.drain() == (1, 0, 0)
    assert len(desk.applied()) == 1
    assert desk.told == [("recorded", desk.user, 1)]
    assert (desk.row().state, desk.row().attempts) == (State.SENT, 1)
    assert "what became of 1 scores is not stored yet: the database is restarted" in caplog.text


async def test_what_was_learnt_of_the_platforms_clock_outlives_a_store_that_fails_for_a_moment() -> None:
    """
    Moodle before 4.5.6 keeps its own second for a coupled item; ours is 11 s behind, and the next grade must pass it.
    """
    store = FailingStore()
    desk = new_desk("moodle-4.1", store=store)
    desk.table, desk.platform.site.skew = store.table, 11.0
    store.fails = [False]
    await desk.put(Score.graded(desk.user, 4, score_maximum=10, timestamp=desk.now()))
    assert await desk.drain() == (1, 0, 0)
    await desk.put(Score.graded(desk.user, 9, score_maximum=10, timestamp=desk.now(1)))
    assert await desk.drain() == (1, 0, 0)
    assert desk.applied() == [4, 9]


async def test_an_attempt_that_is_given_back_is_given_back_once() -> None:
    store = FailingStore()
    desk = new_desk(store=store)
    desk.table = store.table
    desk.transport.choose = years_of_silence
    store.fails = [True, True]
    await desk.put(desk.grade())
    await desk.drain()
    assert desk.row().attempts == 0


async def test_a_store_that_keeps_failing_ends_the_drain_and_loses_nothing() -> None:
    store = FailingStore()
    desk = new_desk(store=store)
    desk.table = store.table
    store.fails = [False] * 6
    await desk.put(desk.grade(7))
    with pytest.raises(StoreError):
        await desk.drain()
    assert (desk.row().state, desk.row().unsure) == (State.DUE, True)
    assert await desk.drain() == (1, 0, 0)
    assert desk.applied() == [7]
