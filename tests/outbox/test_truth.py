"""
What is told as recorded is, what was put last wins, and an outage costs few requests.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import format_datetime

import attrs
import pytest

from aioags import Client, Endpoint, RetryPolicy, Scope, Score, StaleScoreError, UnreachableError
from aioags.model.stamp import Timekeeper, timekeeper
from aioags.outbox import Block, Entry, MemoryStore, Outbox, State
from aioags.protocol.messages import Request, Response
from tests.outbox.kit import SCHOOL, Desk, new_desk
from tests.rigs.faults import Fault, FaultyTransport
from tests.rigs.memory import runtime_for

DAY = 86_400.0


async def crash_before_effect(desk: Desk, score: Score) -> None:
    """
    Leave behind what a crash leaves that comes before the request reached anybody.
    """
    await desk.put(score)
    await desk.outbox.store.take(SCHOOL, desk.item, now=desk.time.wall(), limit=1)


async def somebody_else_grades(desk: Desk, points: float) -> None:
    """
    Another tool posts a newer score.
    """
    client = Client(transport=FaultyTransport(desk.platform), runtime=runtime_for(desk.time))
    await client.gradebook(desk.registration, desk.endpoint).post_score(desk.grade(points, at=30))


async def outcome(desk: Desk) -> tuple[State, bool, str]:
    """
    Drain; what became of the user's row.
    """
    await desk.outbox.drain(SCHOOL, desk.item)
    row = desk.row()
    return (row.state, row.unsure, str(row.last_error).partition(":")[0])


@pytest.mark.parametrize("profile", ["moodle", "spec"])
async def test_stale_by_somebody_else_after_a_crash_is_not_recorded(profile: str) -> None:
    desk = new_desk(profile)
    await crash_before_effect(desk, desk.grade(4))
    await somebody_else_grades(desk, 9)
    assert await outcome(desk) == (State.DEAD, True, "StaleScoreError")
    stats = await desk.outbox.stats()
    assert (stats.dead, stats.unknown) == (0, 1)
    assert desk.told == [("unknown", desk.user, 1)]
    (row,) = [row async for row in desk.outbox.dead()]
    assert row.unsure


async def test_stale_by_what_shows_the_same_is_recorded() -> None:
    desk = new_desk("moodle")
    await crash_before_effect(desk, desk.grade(4))
    await somebody_else_grades(desk, 4)
    assert (await outcome(desk))[0] is State.SENT


async def test_where_nobody_can_look_it_is_unknown() -> None:
    desk = new_desk()
    desk.endpoint = Endpoint(None, desk.item, [Scope.SCORE])
    await crash_before_effect(desk, desk.grade(4))
    desk.endpoint = Endpoint.from_claim(desk.platform.endpoint_claim())
    await somebody_else_grades(desk, 9)
    assert await outcome(desk) == (State.DEAD, True, "LostAnswerError")
    assert (await desk.outbox.drain(SCHOOL, desk.item)).unknown == 0
    assert [what for what, *_ in desk.told] == ["unknown"]


async def test_a_score_without_a_value_shows_nothing_and_is_unknown() -> None:
    desk = new_desk()
    await crash_before_effect(desk, Score.progress(desk.user, "Started", timestamp=desk.now()))
    await somebody_else_grades(desk, 9)
    assert await outcome(desk) == (State.DEAD, True, "LostAnswerError")


async def test_while_nobody_can_look_for_now_it_waits() -> None:
    desk = new_desk("moodle")
    await crash_before_effect(desk, desk.grade(4))
    await somebody_else_grades(desk, 9)
    desk.fail("500", of="/results")
    assert await outcome(desk) == (State.DUE, True, "BrokenError")
    desk.heal()
    desk.time.now += 60
    assert await outcome(desk) == (State.DEAD, True, "StaleScoreError")


async def test_what_the_client_itself_could_not_find_out_is_unknown() -> None:
    desk = new_desk("moodle", retry=RetryPolicy())
    left = ["lost"]

    async def overtake(request: Request) -> None:
        if "/scores" in request.url and left:
            left.clear()
            await somebody_else_grades(desk, 9)

    desk.transport.before = overtake
    desk.fail("reset-after-send", times=1)
    await desk.put(desk.grade(4))
    assert await outcome(desk) == (State.DEAD, True, "StaleScoreError")
    assert desk.told == [("unknown", desk.user, 2)]
    assert desk.applied() == [9]


def another_process(desk: Desk, skew: float) -> tuple[Outbox, Timekeeper]:
    """
    An outbox on the same scores, in a process whose clock differs.
    """
    runtime = attrs.evolve(runtime_for(desk.time), wall=lambda: desk.time.wall() + skew)
    box = Outbox(MemoryStore(desk.table), desk.client, {SCHOOL: desk.registration}, runtime=runtime)
    return box, Timekeeper(runtime.wall)


def graded(desk: Desk, keeper: Timekeeper, points: float) -> Score:
    """
    A grade that a process stamps.
    """
    token = timekeeper.set(keeper)
    try:
        return Score.graded(desk.user, points, score_maximum=100)
    finally:
        timekeeper.reset(token)


async def test_a_worker_whose_clock_is_behind_is_not_overruled() -> None:
    desk = new_desk("moodle")
    (ahead, its_stamps), (box, stamps) = another_process(desk, 2.0), another_process(desk, 0.0)
    assert await ahead.put(SCHOOL, desk.endpoint, graded(desk, its_stamps, 50))
    assert await box.put(SCHOOL, desk.endpoint, graded(desk, stamps, 80))
    await box.drain(SCHOOL, desk.item)
    assert desk.applied() == [80]
    assert await ahead.put(SCHOOL, desk.endpoint, graded(desk, its_stamps, 60))
    assert await box.put(SCHOOL, desk.endpoint, graded(desk, stamps, 90))
    await box.drain(SCHOOL, desk.item)
    assert desk.applied() == [80, 90]


async def test_an_older_score_is_not_lifted_over_what_an_outbox_has_sent() -> None:
    desk = new_desk("moodle")
    gradebook = desk.client.gradebook(desk.registration, desk.endpoint)
    older, newer, newest = (Score.graded(desk.user, points, score_maximum=10) for points in (1, 2, 3))
    await desk.put(newer)
    await desk.drain()
    with pytest.raises(StaleScoreError):
        await gradebook.post_score(older)
    await gradebook.post_score(newest)
    assert desk.applied() == [2, 3]


async def test_what_is_dropped_is_said(caplog: pytest.LogCaptureFixture) -> None:
    desk = new_desk()
    older, newer = (desk.grade(points, at=points) for points in (1, 2))
    assert await desk.outbox.put(SCHOOL, desk.endpoint, newer)
    assert not await desk.outbox.put(SCHOOL, desk.endpoint, older)
    assert desk.told == [("dropped", desk.user, 0)]
    assert "1 scores were not stored, since as new or newer ones are there" in caplog.text
    assert desk.user not in caplog.text
    assert await desk.outbox.put_many(SCHOOL, desk.endpoint, [older, desk.grade(3, at=3)]) == 1


async def test_a_clock_that_was_a_year_ahead_for_a_moment_holds_nothing_back() -> None:
    desk = new_desk(users=3, outbox={"patience": 0})
    wrong, _ = another_process(desk, 365 * DAY)
    desk.fail("500")
    await desk.put(*(desk.grade(5, user) for user in desk.platform.users()))
    await wrong.drain(SCHOOL, desk.item)
    a_year_ahead = desk.time.wall() + 365 * DAY
    await wrong.store.block(Block(SCHOOL, a_year_ahead + 60, "ThrottledError"), now=a_year_ahead)
    assert min(row.not_before for row in desk.table.rows.values()) > desk.time.wall() + 300 * DAY
    desk.heal()
    assert (await desk.outbox.drain(SCHOOL, desk.item)).recorded == 3


async def test_the_platforms_own_second_is_passed_by_the_next_stamp() -> None:
    desk = new_desk("moodle")
    desk.platform.site.skew = 5.0

    def dated(request: Request) -> Fault:
        date = format_datetime(desk.now(desk.platform.site.skew), usegmt=True)

        def act(_: Request, answer: Callable[[], Response], *__: object) -> Response:
            given = answer()
            return attrs.evolve(given, headers=(*given.headers, ("Date", date)))

        return Fault("dated", act)

    desk.transport.choose = dated
    url = desk.platform.site.item_url(desk.platform.add_line_item("Made by the tool", 100))
    for score in (Score.progress(desk.user, "Started"), Score.graded(desk.user, 8, score_maximum=10)):
        stamped = attrs.evolve(score, timestamp=desk.now())
        await desk.outbox.put(SCHOOL, desk.endpoint, stamped, line_item=url)
        done = await desk.outbox.drain(SCHOOL, url)
        assert done.recorded == 1
        desk.time.now += 1
    assert desk.platform.history(url, desk.user)[-1]["scoreGiven"] == 8


@pytest.mark.parametrize("fault", ["502", "refused"])
async def test_an_outage_of_ten_seconds_costs_few_requests_and_no_grade(
    fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    desk = new_desk(users=300, retry=RetryPolicy(), outbox={"poll": 0.5})
    asked: list[float] = []

    def away(request: Request) -> Fault | None:
        if not 0.1 <= desk.time.now < 10.1:
            return None
        asked.append(desk.time.now)
        return OUTAGES[fault]

    async def takes_time(_: object) -> None:
        await desk.time.sleep(0.02)

    desk.transport.choose, desk.transport.after = away, takes_time
    async with desk.outbox:
        await desk.put(*(desk.grade(5, user) for user in desk.platform.users()))
        while (await desk.outbox.stats()).due:
            await desk.time.sleep(1.0)
    assert len(asked) <= 2 * 32 + 10
    assert [desk.applied(user) for user in desk.platform.users()] == [[5]] * 300
    assert desk.time.now < 60
    assert "is left alone for" in caplog.text


def _refused(request: Request, *_: object) -> Response:
    raise UnreachableError("refused", transient=True)


OUTAGES = {
    "502": Fault("502", lambda request, *_: Response(502, "", (), b"<html>", request.url)),
    "refused": Fault("refused", _refused),
}


def test_a_stamp_survives_the_store() -> None:
    keeper = Timekeeper(lambda: 1_900_000_000.0, process="one")
    token = timekeeper.set(keeper)
    score = Score.graded("ada", 1, score_maximum=2)
    timekeeper.reset(token)
    entry = Entry.of(SCHOOL, Endpoint(None, "https://lms.example/1", [Scope.SCORE]), score)
    assert entry.score == score
    assert entry.score.stamp == score.stamp
    assert entry.score.stamped_at == datetime.fromtimestamp(1_900_000_000, UTC)
    assert "one" not in json.loads(entry.payload).values()
