"""
What is told as recorded is, what was put last wins, and an outage costs few requests.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import format_datetime

import attrs
import pytest

from aioags import (
    AGSError,
    BrokenError,
    Client,
    Delivery,
    Endpoint,
    RetryPolicy,
    Scope,
    Score,
    StaleScoreError,
    UnreachableError,
)
from aioags.model.stamp import Timekeeper, timekeeper
from aioags.outbox import Backoff, Block, Entry, MemoryStore, Outbox, State
from aioags.protocol.messages import Request, Response
from tests.outbox.kit import FAULT, SCHOOL, Desk, new_desk
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


@pytest.mark.parametrize("lost", [False, True], ids=["answered", "lost"])
async def test_a_score_put_in_the_second_of_one_that_was_posted_wins(lost: bool) -> None:
    """
    Moodle compares whole seconds; the outbox knows nothing of what the same program posted past it.
    """
    desk = new_desk("moodle")
    keeper = Timekeeper(desk.time.wall, process="tool", steady=desk.time.clock)
    timekeeper.set(keeper)
    gradebook = desk.client.gradebook(desk.registration, desk.endpoint)
    await gradebook.post_score(Score.graded(desk.user, 40, score_maximum=100), line_item=desk.item)
    await desk.put(Score.graded(desk.user, 80, score_maximum=100))
    if lost:
        # The first request never arrives, and the second must not carry an older stamp than it.
        desk.fail("reset-after-send", times=1)
        await desk.drain()
        await desk.time.sleep(60)
    await desk.drain()
    assert desk.row().state is State.SENT
    assert desk.applied() == [40, 80]


def bring_twice(desk: Desk) -> None:
    """
    Let the network bring the next score twice.
    """
    twice: list[str] = []

    def choose(request: Request) -> Fault | None:
        if "/scores" in request.url and not twice:
            twice.append(request.url)
            desk.platform.answer(request)
        return None

    desk.transport.choose = choose


@pytest.mark.parametrize("profile", ["moodle", "schoology"])
async def test_a_first_attempt_that_the_network_brought_twice_is_recorded(profile: str) -> None:
    """
    The repeat came first, and what is answered is that the other one is stale.
    """
    desk = new_desk(profile)
    bring_twice(desk)
    await desk.put(desk.grade(4))
    assert await outcome(desk) == (State.SENT, False, "None")
    assert desk.applied() == [4]


@pytest.mark.parametrize("profile", ["moodle", "schoology"])
async def test_a_first_attempt_that_is_stale_by_somebody_elses_is_refused(profile: str) -> None:
    desk = new_desk(profile)
    await desk.put(desk.grade(4))
    await somebody_else_grades(desk, 9)
    assert await outcome(desk) == (State.DEAD, False, "StaleScoreError")
    assert desk.told == [("refused", desk.user, 1)]


@pytest.mark.parametrize("end", ["gone", "given up"])
async def test_what_may_have_been_recorded_is_not_told_as_refused_at_the_end(end: str) -> None:
    """
    What is told then, to hooks and in the journal, is about every attempt; also that there will be none.
    """
    told: list[tuple[str, bool | None, bool]] = []

    def teller(what: str) -> Callable[[str, Delivery], None]:
        def tell(_: str, delivery: Delivery) -> None:
            assert delivery.error is not None
            told.append((what, delivery.error.recorded, delivery.error.transient))

        return tell

    hooks = {f"on_{what}": teller(what) for what in ("refused", "unknown")}
    desk = new_desk(outbox={**hooks, "backoff": Backoff(give_up_after=3000)})
    url = desk.platform.site.item_url(desk.platform.add_line_item("Quiz", 10))
    desk.fail("reset-after-effect")
    await desk.outbox.put(SCHOOL, desk.endpoint, desk.grade(4), line_item=url)
    await desk.outbox.drain(SCHOOL, url)
    desk.heal()
    desk.time.now += 3100
    if end == "gone":
        await desk.client.gradebook(desk.registration, desk.endpoint).delete_line_item(url)
    else:
        desk.fail("refused")
    done = await desk.outbox.drain(SCHOOL, url)
    assert (done.unknown, done.refused) == (1, 0)
    assert told == [("unknown", None, True), ("unknown", None, False)]
    journal = [attempt async for attempt in desk.outbox.history(SCHOOL)]
    assert [(one.recorded, one.final) for one in journal] == [(None, False), (None, True)]


@pytest.mark.parametrize("by", ["ours", "another's"])
async def test_a_first_attempt_without_a_value_is_refused_only_where_anothers_value_stands(by: str) -> None:
    desk = new_desk("schoology")
    await desk.put(Score.progress(desk.user, "Started", timestamp=desk.now()))
    if by == "ours":
        bring_twice(desk)
    else:
        await somebody_else_grades(desk, 9)
    ours = by == "ours"
    assert await outcome(desk) == (State.DEAD, ours, "LostAnswerError" if ours else "StaleScoreError")
    assert desk.told == [("unknown" if ours else "refused", desk.user, 1)]
    assert desk.applied() == [None if ours else 9]


async def test_what_was_not_even_sent_is_refused_without_a_look() -> None:
    desk = new_desk("moodle")
    older, newer = Score.progress(desk.user, "Started"), Score.graded(desk.user, 9, score_maximum=10)
    await desk.client.gradebook(desk.registration, desk.endpoint).post_score(newer)
    await desk.put(older)
    asked = desk.platform.counts.total()
    assert await outcome(desk) == (State.DEAD, False, "StaleScoreError")
    assert desk.platform.counts.total() == asked


async def test_stale_by_what_shows_the_same_is_recorded() -> None:
    desk = new_desk("moodle")
    await crash_before_effect(desk, desk.grade(4))
    await somebody_else_grades(desk, 4)
    assert (await outcome(desk))[0] is State.SENT


@pytest.mark.parametrize("repeated", [True, False])
async def test_what_was_refused_and_came_again_by_itself_is_recorded(repeated: bool) -> None:
    """
    A teacher locks the column; the network repeats the refused request after the lock is gone, or another tool grades.
    """
    desk = new_desk("moodle")
    sent: list[Request] = []

    async def keep(request: Request) -> None:
        sent.extend([request] if "/scores" in request.url else [])

    desk.transport.before = keep
    desk.platform.lock(desk.item)
    await desk.put(desk.grade(4))
    assert (await outcome(desk))[0] is State.DEFERRED
    desk.platform.lock(desk.item, locked=False)
    if repeated:
        desk.platform.answer(sent[-1])
    else:
        await somebody_else_grades(desk, 9)
    desk.time.now += 1000
    if repeated:
        assert await outcome(desk) == (State.SENT, False, "None")
    else:
        assert await outcome(desk) == (State.DEAD, False, "StaleScoreError")
    assert desk.applied() == [4 if repeated else 9]


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


@pytest.mark.parametrize("fault", ["502", "refused"])
async def test_what_the_client_itself_could_not_look_at_just_then_waits(fault: str) -> None:
    desk = new_desk("moodle", retry=RetryPolicy())
    left = ["reset"]

    def choose(request: Request) -> Fault | None:
        if "/scores" in request.url and left:
            left.clear()
            return FAULT["reset-after-effect"]
        return OUTAGES[fault] if "/results" in request.url else None

    desk.transport.choose = choose
    await desk.put(desk.grade(4))
    assert await outcome(desk) == (State.DUE, True, "LostAnswerError")
    desk.heal()
    desk.time.now += 3600
    assert (await outcome(desk))[0] is State.SENT
    assert desk.applied() == [4]


async def open_breaker(desk: Desk, of: str) -> None:
    """
    Let everything fail whose URL holds a text, until the client takes the platform to be away.
    """
    gradebook = desk.client.gradebook(desk.registration, desk.endpoint)
    desk.fail("500", of=of)
    async with asyncio.TaskGroup() as group:
        for user in desk.platform.users() * 4:
            group.create_task(_swallow(gradebook.get_result(user)))


async def _swallow(call: Coroutine[object, object, object]) -> None:
    with suppress(AGSError):
        await call


async def test_an_outbox_looks_at_nothing_that_it_would_have_to_wait_for() -> None:
    desk = new_desk("canvas", users=12, retry=RetryPolicy(attempts=1), outbox={"patience": 0})
    await crash_before_effect(desk, desk.grade(4, comment="well done"))
    await open_breaker(desk, of="/results")
    before = desk.time.now
    await desk.outbox.drain(SCHOOL, desk.item)
    assert desk.row().state is State.DUE
    assert desk.time.now == before


async def test_who_does_not_wait_is_told_at_once_that_the_platform_is_away() -> None:
    desk = new_desk("moodle", users=12, retry=RetryPolicy(attempts=1))
    gradebook = desk.client.gradebook(desk.registration, desk.endpoint)
    await open_breaker(desk, of="/results")
    before = desk.time.now
    with pytest.raises(BrokenError):
        await gradebook.get_result(desk.user, patient=False)
    with pytest.raises(BrokenError):
        await gradebook.get_line_item(patient=False)
    assert desk.time.now == before


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
