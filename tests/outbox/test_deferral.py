"""
What a platform refuses today it may take tomorrow: nothing that can lift is dead, and nothing is asked for too often.
"""

from __future__ import annotations

import itertools
import logging
from pathlib import Path

import pytest

from aioags.outbox import Backoff, Outbox, SQLiteStore
from aioags.protocol.messages import Request, Response
from tests.outbox.kit import SCHOOL, Desk, new_desk
from tests.rigs.faults import Fault
from tests.rigs.memory import runtime_for

HOUR, DAY = 3600.0, 86_400.0


async def drain_for(desk: Desk, seconds: float, line_item: str | None = None) -> int:
    """
    Drain a line item whenever it is due; how many scores were recorded.
    """
    end, recorded = desk.time.now + seconds, 0
    while True:
        recorded += (await desk.outbox.drain(SCHOOL, line_item or desk.item)).recorded
        times = [item.at for item in await desk.outbox.store.due(now=desk.time.wall())]
        at = max(min(times) - desk.time.start, desk.time.now) if times else end
        if at >= end:
            desk.time.now = end
            return recorded
        desk.time.now = at


async def test_an_unpublished_column_costs_few_requests_and_no_grade() -> None:
    desk = new_desk("canvas", users=40)
    desk.platform.course.published = False
    users = [*desk.platform.users(), *(f"user-{number}" for number in range(9960))]
    await desk.put(*(desk.grade(5, user) for user in users))
    assert await drain_for(desk, HOUR) == 0
    assert desk.platform.counts.total() <= 20
    stats = await desk.outbox.stats()
    assert (stats.due, stats.deferred, stats.dead) == (0, 10_000, 0)
    asked = [row async for row in desk.outbox.deferred() if row.attempts]
    assert {row.attempts for row in asked} == {1}, "each time another one"
    assert {str(row.last_error).partition(":")[0] for row in asked} == {"RefusedError"}


@pytest.mark.parametrize("statuses", [(422, 400), (422, 403, 400), (400, 400, 400, 400, 422, 422, 422, 422)])
async def test_a_column_that_refuses_each_for_another_reason_costs_few_requests_too(statuses: tuple[int, ...]) -> None:
    desk = new_desk(users=500)
    said = itertools.cycle(statuses)

    def refuse(request: Request) -> Fault | None:
        if "/scores" not in request.url:
            return None
        return Fault("no", lambda request, *_: Response(next(said), "", (), b"{}", request.url))

    desk.transport.choose = refuse
    await desk.put(*(desk.grade(5, user) for user in desk.platform.users()))
    assert await drain_for(desk, HOUR) == 0
    assert desk.transport.befallen <= 20
    assert (await desk.outbox.stats()).deferred == 500
    desk.heal()
    assert await drain_for(desk, 2 * HOUR) == 500


async def test_one_success_frees_all_scores_of_a_line_item() -> None:
    desk = new_desk("canvas", users=60)
    desk.platform.course.published = False
    await desk.put(*(desk.grade(5, user) for user in desk.platform.users()))
    await drain_for(desk, HOUR)
    desk.platform.course.published = True
    assert await drain_for(desk, HOUR) == 60
    assert [desk.applied(user) for user in desk.platform.users()] == [[5]] * 60
    assert (await desk.outbox.stats()).sent == 60


async def test_where_others_succeed_a_refusal_is_the_scores_own() -> None:
    desk = new_desk(users=50)
    users = desk.platform.users()
    strangers = [f"stranger-{number}" for number in range(4)]
    await desk.put(*(desk.grade(5, user) for user in (users[0], *strangers, *users[1:])))
    assert await drain_for(desk, 1) == 50
    assert [row.user_id async for row in desk.outbox.deferred()] == strangers
    assert {row.not_before - desk.time.start async for row in desk.outbox.deferred()} == {300}
    before = desk.platform.counts["post_score"]
    await drain_for(desk, 2 * HOUR)
    assert desk.platform.counts["post_score"] - before == 4 * 4, "after 5, 10, 20 and 40 minutes"
    await desk.put(desk.grade(6, users[0]))
    assert await drain_for(desk, 1) == 1, "a new score does not wait for them"
    desk.platform.course.enroll(strangers[0])
    assert await drain_for(desk, 2 * HOUR) == 1


async def test_a_score_that_is_put_meanwhile_asks_once_in_five_minutes() -> None:
    desk = new_desk("canvas", users=9)
    desk.platform.course.published = False
    users = desk.platform.users()
    await desk.put(*(desk.grade(5, user) for user in users[:8]))
    await drain_for(desk, 5 * HOUR)
    desk.platform.course.published = True
    before = await desk.outbox.store.due(now=desk.time.wall())
    assert before[0].at - desk.time.wall() > 301
    await desk.put(desk.grade(5, users[8]))
    assert await drain_for(desk, 301) == 9


async def test_a_line_item_that_is_gone_ends_its_scores_at_once() -> None:
    desk = new_desk(users=30)
    url = desk.platform.site.item_url(desk.platform.add_line_item("Quiz", 10))
    users = desk.platform.users()
    await desk.outbox.put_many(SCHOOL, desk.endpoint, [desk.grade(5, user) for user in users], line_item=url)
    await desk.client.gradebook(desk.registration, desk.endpoint).delete_line_item(url)
    sent = desk.platform.counts.total()
    done = await desk.outbox.drain(SCHOOL, url)
    assert (done.refused, done.deferred) == (30, 0)
    assert desk.platform.counts.total() - sent <= 4, "one score, two looks at the item and one at the list"
    assert {str(row.last_error).partition(":")[0] async for row in desk.outbox.dead()} == {"NotFoundError"}
    assert [what for what, *_ in desk.told] == ["refused"] * 30


async def test_what_died_with_its_line_item_goes_out_when_that_is_back_and_somebody_says_so() -> None:
    desk = new_desk(users=3)
    item = desk.platform.add_line_item("Quiz", 10)
    url, items = desk.platform.site.item_url(item), desk.platform.course.items
    scores = [desk.grade(5, user) for user in desk.platform.users()]
    await desk.outbox.put_many(SCHOOL, desk.endpoint, scores, line_item=url)
    del items[item.number]
    assert (await desk.outbox.drain(SCHOOL, url)).refused == 3
    items[item.number] = item
    assert await drain_for(desk, DAY, url) == 0
    assert await desk.outbox.retry() == 3
    assert (await desk.outbox.drain(SCHOOL, url)).recorded == 3


async def test_deferred_scores_end_at_the_bound() -> None:
    desk = new_desk("canvas", users=20, outbox={"backoff": Backoff(give_up_after=5 * DAY)})
    desk.platform.course.published = False
    await desk.put(*(desk.grade(5, user) for user in desk.platform.users()))
    await drain_for(desk, 4.9 * DAY)
    assert (await desk.outbox.stats()).deferred == 20
    await drain_for(desk, 3 * DAY)
    stats = await desk.outbox.stats()
    assert (stats.deferred, stats.dead) == (0, 20)
    assert all(str(row.last_error).startswith("gave up after 5 days: ") for row in desk.table.rows.values())


async def test_what_is_deferred_survives_a_restart(tmp_path: Path) -> None:
    desk = new_desk("canvas", users=40, store=SQLiteStore(tmp_path / "grades.db"))
    desk.platform.course.published = False
    await desk.put(*(desk.grade(5, user) for user in desk.platform.users()))
    await desk.outbox.drain(SCHOOL, desk.item)
    await desk.outbox.aclose()
    before = desk.platform.counts["post_score"]
    store = SQLiteStore(tmp_path / "grades.db")
    desk.outbox = Outbox(store, desk.client, {SCHOOL: desk.registration}, runtime=runtime_for(desk.time))
    await desk.outbox.drain(SCHOOL, desk.item)
    assert desk.platform.counts["post_score"] == before
    desk.platform.course.published = True
    assert await drain_for(desk, 301) == 40
    await desk.outbox.aclose()


async def test_retry_lifts_at_once_deferred_and_dead_alike() -> None:
    desk = new_desk("canvas", users=10)
    desk.platform.course.published = False
    await desk.put(*(desk.grade(5, user) for user in desk.platform.users()))
    await drain_for(desk, DAY)
    desk.platform.course.published = True
    assert await desk.outbox.retry() == 10
    assert await desk.drain() == (10, 0, 0)


async def test_a_refusal_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    desk = new_desk(users=1)
    await desk.put(desk.grade(5, "stranger"))
    await drain_for(desk, DAY)
    assert desk.told == [("deferred", "stranger", 1)]
    assert caplog.text.count("is deferred: UserNotGradableError") == 1
    assert "'stranger'" not in caplog.text
    desk.platform.course.enroll("stranger")
    await drain_for(desk, DAY)
    assert desk.told[1:] == [("recorded", "stranger", 1)]


async def test_a_line_item_that_refuses_everything_is_said(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    desk = new_desk("canvas", users=9)
    desk.platform.course.published = False
    await desk.put(*(desk.grade(5, user) for user in desk.platform.users()))
    await desk.drain()
    assert "refuses everything; asked again in 300 s, 4 more scores deferred: RefusedError" in caplog.text
    desk.platform.course.published = True
    await drain_for(desk, 301)
    assert "takes scores again" in caplog.text


async def test_a_column_that_closes_in_the_middle_is_not_asked_for_each_score() -> None:
    desk = new_desk("canvas", users=1000)
    await desk.put(*(desk.grade(5, user) for user in desk.platform.users()))

    async def close(_: object) -> None:
        if desk.platform.counts["post_score"] == 200:
            desk.platform.course.published = False

    desk.transport.before = close
    done = await desk.outbox.drain(SCHOOL, desk.item)
    assert done.recorded < 240
    assert done.deferred < 160, "what was in flight, or handed over to be sent"
    stats = await desk.outbox.stats()
    assert (stats.due, stats.dead, stats.sent + stats.deferred) == (0, 0, 1000)
    desk.platform.course.published = True
    desk.transport.before = _nothing
    assert done.recorded + await drain_for(desk, HOUR) == 1000


async def _nothing(_: object) -> None:
    return None
