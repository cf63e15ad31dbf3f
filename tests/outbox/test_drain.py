"""
What one drain makes of what the platform says.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from aioags import ActivityProgress, Endpoint, Scope, Score
from aioags.outbox import Backoff, MemoryStore, Outcome, Selection, State, StoreError
from aioags.protocol.messages import Request
from tests.fakes import stamping
from tests.outbox.kit import SCHOOL, Desk, new_desk
from tests.rigs.faults import FAULTS, Fault

DAY = 86_400.0


async def test_everything_due_is_posted_and_told() -> None:
    desk = new_desk(users=250)
    users = desk.platform.users()
    assert await desk.put(*(desk.grade(5, user) for user in users)) == 250
    assert await desk.drain() == (250, 0, 0)
    assert [desk.applied(user) for user in users] == [[5]] * 250
    stats = await desk.outbox.stats()
    assert (stats.due, stats.sent, stats.dead) == (0, 250, 0)
    assert sorted(desk.told) == [("recorded", user, 1) for user in users]


async def test_only_the_latest_of_what_waits_is_posted() -> None:
    desk = new_desk()
    await desk.put(desk.grade(1, at=1), desk.grade(3, at=3), desk.grade(2, at=2))
    assert await desk.drain() == (1, 0, 0)
    assert desk.applied() == [3]


async def test_the_stamp_and_every_field_are_those_that_were_put() -> None:
    desk = new_desk()
    score = Score.graded(
        desk.user, 7.25, score_maximum=9.5, timestamp=desk.now(-3600.5), comment="Fine – 好", scoring_user_id="t-1"
    )
    await desk.put(score)
    await desk.drain()
    (applied,) = desk.platform.history(desk.item, desk.user)
    assert applied["timestamp"].endswith("16:46:39.500Z")
    assert (applied["scoreGiven"], applied["scoreMaximum"]) == (7.25, 9.5)
    assert (applied["comment"], applied["scoringUserId"]) == ("Fine – 好", "t-1")


async def test_a_score_put_during_the_post_of_an_older_one_is_posted_next() -> None:
    desk = new_desk()
    desk.put_during_the_first_post(9)
    await desk.put(desk.grade(1))
    assert await desk.drain() == (2, 0, 0)
    assert desk.applied() == [1, 9]


async def test_two_scores_in_one_second_both_reach_a_platform_that_compares_seconds() -> None:
    desk = new_desk("moodle", start=1_900_000_000.1)
    await desk.put(desk.grade(1))
    assert await desk.drain() == (1, 0, 0)
    await desk.put(desk.grade(2, at=0.5))
    assert await desk.drain() == (1, 0, 0)
    assert desk.applied() == [1, 2]


async def test_a_grade_follows_a_late_report_of_progress() -> None:
    # Moodle 4.5 gives a score without a value the time of its own clock, on items that a tool made.
    desk = new_desk("moodle")
    url = desk.platform.site.item_url(desk.platform.add_line_item("Made by the tool", 100))
    started = Score.progress(desk.user, ActivityProgress.STARTED, timestamp=desk.now(-DAY))
    await desk.outbox.put(SCHOOL, desk.endpoint, started, line_item=url)
    await desk.outbox.drain(SCHOOL, url)
    graded = Score.graded(desk.user, 8, score_maximum=10, timestamp=desk.now(-60))
    await desk.outbox.put(SCHOOL, desk.endpoint, graded, line_item=url)
    assert (await desk.outbox.drain(SCHOOL, url)).recorded == 1
    assert desk.platform.history(url, desk.user)[-1]["scoreGiven"] == 8


async def crash_after_effect(desk: Desk, score: Score) -> None:
    """
    Leave behind what a crash leaves that comes between the platform's effect and its answer.
    """
    await desk.put(score)
    (row,) = (await desk.outbox.store.take(SCHOOL, desk.item, now=desk.time.wall(), limit=1)).rows
    await desk.client.gradebook(desk.registration, desk.endpoint).post_score(row.wire_score)


async def test_a_score_that_landed_before_a_crash_is_recorded_when_it_is_stale() -> None:
    desk = new_desk("moodle")
    await crash_after_effect(desk, desk.grade(4))
    assert await desk.drain() == (1, 0, 0)
    assert desk.applied() == [4]
    assert desk.row().state is State.SENT


async def test_a_newer_score_after_a_crash_beats_whatever_landed() -> None:
    desk = new_desk("moodle")
    await crash_after_effect(desk, desk.grade(4))
    await desk.put(desk.grade(6, at=0.25))
    assert await desk.drain() == (1, 0, 0)
    assert desk.applied() == [4, 6]


async def test_a_score_that_is_stale_at_its_first_attempt_is_refused() -> None:
    desk = new_desk()
    await desk.client.gradebook(desk.registration, desk.endpoint).post_score(desk.grade(9, at=60))
    await desk.put(desk.grade(4))
    assert await desk.drain() == (0, 1, 0)
    assert str(desk.row().last_error).startswith("StaleScoreError: ")
    assert desk.told == [("refused", desk.user, 1)]
    assert await desk.outbox.retry(restamp=True) == 1
    desk.time.now += 120
    assert await desk.drain() == (0, 1, 0)
    assert await desk.outbox.retry(restamp=True) == 1
    assert await desk.drain() == (1, 0, 0)
    assert desk.applied() == [9, 4]


@pytest.mark.parametrize("restamp", [False, True])
async def test_what_is_posted_past_a_deferred_score_and_is_older_makes_it_no_staler(*, restamp: bool) -> None:
    desk = new_desk("moodle")
    with stamping(desk.now(-9)):
        older = Score.graded(desk.user, 4, score_maximum=10)
    desk.fail("200-empty-list")
    await desk.put(desk.grade(9))
    assert await desk.drain() == (0, 0, 0)
    desk.heal()
    assert await desk.outbox.retry(restamp=restamp) == 1
    await desk.client.gradebook(desk.registration, desk.endpoint).post_score(older)
    assert await desk.drain() == (1, 0, 0)
    assert desk.applied() == [4, 9]


@pytest.mark.parametrize("fault", ["500-after-effect", "reset-after-effect", "502-after-effect"])
async def test_an_unknown_end_is_told_and_tried_again(fault: str) -> None:
    desk = new_desk()
    desk.fail(fault)
    await desk.put(desk.grade())
    assert await desk.drain() == (0, 0, 1)
    assert desk.told == [("unknown", desk.user, 1)]
    desk.heal()
    assert await desk.drain() == (0, 0, 0), "it waits for its time"
    desk.time.now += 5
    assert await desk.drain() == (1, 0, 0)
    assert desk.applied() == [5]
    assert desk.told[1:] == [("recorded", desk.user, 1)]


async def test_a3_a_page_instead_of_the_answer_is_settled_by_the_results() -> None:
    desk = new_desk()
    desk.fail("html-page-after-effect")
    await desk.put(desk.grade())
    assert await desk.drain() == (1, 0, 0)
    assert desk.applied() == [5]


async def test_waits_grow_to_their_longest_and_start_afresh_with_a_newer_score() -> None:
    desk = new_desk(outbox={"backoff": Backoff(first_wait=4, longest_wait=30)})
    desk.fail("500")
    await desk.put(desk.grade())
    waits: list[float] = []
    for _ in range(6):
        await desk.drain()
        waits.append(desk.row().not_before - desk.time.wall())
        desk.time.now += waits[-1]
    assert waits == [3, 6, 12, 22.5, 22.5, 22.5], "three quarters of the longest: jitter is a half"
    await desk.put(desk.grade(6, at=1))
    assert desk.row().not_before == 0
    await desk.drain()
    assert desk.row().not_before - desk.time.wall() == 3


async def test_what_is_refused_is_deferred_until_a_newer_score_comes() -> None:
    desk = new_desk()
    await desk.put(desk.grade(5, "stranger"), desk.grade(5))
    assert await desk.drain() == (1, 0, 0)
    (deferred,) = [row async for row in desk.outbox.deferred()]
    assert deferred.user_id == "stranger"
    assert str(deferred.last_error).startswith("UserNotGradableError: ")
    assert ("deferred", "stranger", 1) in desk.told
    desk.platform.course.enroll("stranger")
    assert await desk.drain() == (0, 0, 0)
    await desk.put(desk.grade(6, "stranger", at=1))
    assert await desk.drain() == (1, 0, 0)
    assert [row async for row in desk.outbox.deferred()] == []


async def test_retry_tries_deferred_and_dead_scores_again() -> None:
    desk = new_desk()
    await desk.put(desk.grade(5, "stranger"))
    await desk.drain()
    desk.platform.course.enroll("stranger")
    assert await desk.outbox.retry(line_item="https://lms.example/other") == 0
    assert await desk.outbox.retry(registration_id=SCHOOL, line_item=desk.item, user_id="stranger") == 1
    assert await desk.drain() == (1, 0, 0)
    assert desk.applied("stranger") == [5]


async def test_a_scope_that_the_endpoint_never_had_is_a_refusal_of_the_score() -> None:
    desk = new_desk()
    await desk.put(desk.grade())
    desk.table.endpoints[SCHOOL, desk.item] = '{"scope": [], "lineitem": "https://lms.example/1"}'
    assert await desk.drain() == (0, 1, 0)
    assert str(desk.row().last_error).startswith("NotOfferedError: ")


async def test_a_score_that_nobody_takes_is_given_up_in_the_end() -> None:
    desk = new_desk(outbox={"backoff": Backoff(give_up_after=3 * DAY)})
    desk.fail("500")
    await desk.put(desk.grade())
    for _ in range(3):
        desk.time.now += DAY - 1
        assert await desk.drain() == (0, 0, 1)
    desk.time.now += 900
    done = await desk.outbox.drain(SCHOOL, desk.item)
    assert done.refused + done.unknown == 1
    assert str(desk.row().last_error).startswith("gave up after 3 days: BrokenError: ")


async def test_a_comment_whose_answer_was_lost_is_looked_up_and_not_sent_twice() -> None:
    desk = new_desk("canvas")
    desk.fail("reset-after-effect")
    await desk.put(desk.grade(comment="Well done"))
    assert await desk.drain() == (0, 0, 1)
    desk.heal()
    desk.time.now += 60
    assert await desk.drain() == (1, 0, 0)
    assert desk.applied() == [5]
    assert desk.told == [("unknown", desk.user, 1), ("recorded", desk.user, 0)]


async def test_a_comment_that_did_not_land_is_sent_again() -> None:
    desk = new_desk("canvas")
    desk.fail("reset-after-send")
    await desk.put(desk.grade(comment="Well done"))
    await desk.drain()
    desk.heal()
    desk.time.now += 60
    assert await desk.drain() == (1, 0, 0)
    assert desk.applied() == [5]


@pytest.mark.parametrize("stamped", [True, False])
async def test_a_score_that_canvas_takes_twice_is_one_attempt(stamped: bool) -> None:
    desk = new_desk("canvas")
    desk.fail("reset-after-effect")
    await desk.put(Score.graded(desk.user, 5, score_maximum=10, timestamp=None if stamped else desk.now(-3600)))
    for _ in range(3):
        assert await desk.drain() == (0, 0, 1)
        desk.time.now += 900
    desk.heal()
    assert await desk.drain() == (1, 0, 0)
    assert len(desk.applied()) > 1
    assert len(desk.platform.grade(None, desk.user).attempts) == 1


@pytest.mark.parametrize("looks, posts", [(True, 1), (False, 2)])
async def test_what_may_have_landed_is_looked_up_first_when_told(looks: bool, posts: int) -> None:
    desk = new_desk("canvas", outbox={"look_first": looks})
    desk.fail("reset-after-effect")
    await desk.put(desk.grade())
    assert await desk.drain() == (0, 0, 1)
    desk.heal()
    desk.time.now += 60
    assert await desk.drain() == (1, 0, 0)
    assert desk.applied() == [5] * posts


async def test_a_comment_that_cannot_be_looked_up_is_sent_again() -> None:
    desk = new_desk("spec")
    desk.endpoint = Endpoint(None, desk.item, [Scope.SCORE])
    desk.fail("reset-after-send")
    await desk.put(desk.grade(comment="Well done"))
    await desk.drain()
    desk.heal()
    desk.time.now += 60
    assert await desk.drain() == (1, 0, 0)


async def test_while_the_look_up_fails_nothing_is_sent() -> None:
    desk = new_desk("canvas")
    desk.fail("reset-after-effect")
    await desk.put(desk.grade(comment="Well done"))
    await desk.drain()
    desk.fail("500", of="/results")
    desk.time.now += 60
    assert await desk.drain() == (0, 0, 1)
    assert desk.applied() == [5]
    assert desk.row().unsure


async def test_a_drain_that_is_cancelled_leaves_its_scores_due() -> None:
    desk = new_desk(users=40)
    reached = asyncio.Event()

    async def stall(request: Request) -> None:
        if "/scores" in request.url:
            reached.set()
            await asyncio.Event().wait()

    desk.transport.after = stall
    users = desk.platform.users()
    await desk.put(*(desk.grade(5, user) for user in users))
    task = asyncio.create_task(desk.drain())
    await reached.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()
    assert (await desk.outbox.stats()).due == 40

    async def go_on(_: Request) -> None:
        await asyncio.sleep(0)

    desk.transport.after = go_on
    assert await desk.drain() == (40, 0, 0)
    assert [desk.applied(user) for user in users] == [[5]] * 40


async def test_closing_lets_what_is_in_flight_end_and_starts_no_more() -> None:
    desk = new_desk(users=500)
    closing: list[asyncio.Task[None]] = []

    async def close(request: Request) -> None:
        if "/scores" in request.url and not closing:
            closing.append(asyncio.create_task(desk.outbox.aclose()))
        await asyncio.sleep(0)

    desk.transport.before = close
    await desk.put(*(desk.grade(5, user) for user in desk.platform.users()))
    recorded, refused, postponed = await desk.drain()
    await closing[0]
    assert (refused, postponed) == (0, 0)
    assert 0 < recorded < 500
    rows = desk.table.rows.values()
    assert sum(row.state is State.SENT for row in rows) == recorded
    assert {row.attempts for row in rows if row.state is State.DUE} == {0}, "what was taken and not sent is given back"
    assert {row.unsure for row in rows} == {False}


class FullStore(MemoryStore):
    """
    A store that cannot write what became of an attempt.
    """

    async def settle(self, outcomes: Sequence[Outcome], *, now: float) -> None:
        raise StoreError("disk full")


async def test_a_store_that_fails_is_heard_and_nothing_is_lost() -> None:
    store = FullStore()
    desk = new_desk(users=30, store=store)
    users = desk.platform.users()
    await desk.put(*(desk.grade(5, user) for user in users))
    for suspect in (False, True):
        desk.outbox._around.health_of(SCHOOL).platform.breaker.is_open = suspect
        with pytest.raises(StoreError, match="disk full"):
            await desk.drain()
    assert (await store.stats(now=desk.time.wall())).due == 30
    assert desk.told == []


class StumblingStore(MemoryStore):
    """
    A store whose first writes of what became of attempts fail, before or after they are durable.
    """

    failures = 1
    durable = False

    async def settle(self, outcomes: Sequence[Outcome], *, now: float) -> None:
        self.failures -= 1
        if self.failures < 0 or self.durable:
            await super().settle(outcomes, now=now)
        if self.failures >= 0:
            raise StoreError("disk full")


@pytest.mark.parametrize("durable", [False, True])
async def test_what_the_platform_said_yes_to_is_written_once_more_where_the_store_stumbles(durable: bool) -> None:
    store = StumblingStore()
    store.durable = durable
    desk = new_desk(users=1, store=store)
    await desk.put(Score.progress(desk.user, "Started", timestamp=desk.now()))
    await desk.drain()
    (row,) = await store.listed(Selection(SCHOOL, desk.item, desk.user), State.SENT)
    assert row.attempts == 1
    assert desk.told == [("recorded", desk.user, 1)]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
async def test_any_one_fault_of_a_post_ends_with_the_grade_on_the_platform_once(fault: Fault) -> None:
    desk = new_desk()
    desk.fail(fault.name, times=1)
    await desk.put(desk.grade())
    await desk.drain()
    desk.time.now += 120
    await desk.drain()
    refused = fault.name in {"200-empty-list", "revoked-token-403"}
    assert desk.row().state is (State.DEFERRED if refused else State.SENT)
    desk.time.now += 300
    await desk.drain()
    assert desk.row().state is State.SENT
    assert desk.applied() == [5]
