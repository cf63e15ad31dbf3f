"""
What must not hold up a line item or turn its grades back: a process that was stopped, damaged rows, others' mistakes.
"""

from __future__ import annotations

import asyncio
import logging
import threading

import attrs
import pytest

from aioags import Client
from aioags.outbox import MemoryStore, Outbox, Permits, State
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
    assert len(errors) == 3
    assert all(error.startswith("the stored score cannot be read: ") for error in errors)
    assert "the stored score cannot be read" in caplog.text
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
