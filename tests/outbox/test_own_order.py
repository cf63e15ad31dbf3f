"""
Scores that one process puts stay in the order of their making, whatever another one puts in between.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import attrs
import pytest

from aioags import Client, Score
from aioags.model.stamp import Timekeeper, timekeeper
from aioags.outbox import Entry, MemoryStore, Outbox, StoreError
from tests.outbox.kit import SCHOOL, Desk, new_desk
from tests.rigs.memory import runtime_for


@attrs.define(eq=False)
class SlowStore(MemoryStore):
    """
    A store in memory whose puts wait to be let through, in any order.

    Attributes:
        waiting: The points of each put that waits, and what lets it through.
    """

    waiting: dict[int, asyncio.Future[None]] = attrs.field(factory=dict)

    async def put(self, entries: Sequence[Entry], *, now: float) -> list[bool]:
        points = int(entries[0].score.score_given or 0)
        self.waiting[points] = asyncio.get_running_loop().create_future()
        await self.waiting[points]
        return await super().put(entries, now=now)


def a_process(desk: Desk, store: MemoryStore) -> tuple[Outbox, Timekeeper]:
    """
    An outbox on the desk's scores, and who stamps for it.
    """
    runtime = runtime_for(desk.time)
    box = Outbox(store, desk.client, {SCHOOL: desk.registration}, runtime=runtime)
    return box, Timekeeper(runtime.wall)


def graded(desk: Desk, keeper: Timekeeper, points: int, user: str | None = None) -> Score:
    """
    A grade that a process stamps.
    """
    token = timekeeper.set(keeper)
    try:
        return Score.graded(user or desk.user, points, score_maximum=100)
    finally:
        timekeeper.reset(token)


async def settle() -> None:
    """
    Let everybody go on who can.
    """
    for _ in range(10):
        await asyncio.sleep(0)


async def let_through(store: SlowStore, points: int) -> None:
    """
    Let one put through, if it has come.
    """
    await settle()
    if (waiting := store.waiting.get(points)) is not None and not waiting.done():
        waiting.set_result(None)
    await settle()


async def test_of_two_puts_of_one_row_at_once_the_newer_one_ends_on_top() -> None:
    """
    Two of one process are under way, and the store takes the newer first, then another process's, then the older.
    """
    desk = new_desk()
    slow = SlowStore(desk.table)
    (box, stamps), (other, its_stamps) = a_process(desk, slow), a_process(desk, MemoryStore(desk.table))
    older, newer = graded(desk, stamps, 1), graded(desk, stamps, 2)
    puts = [asyncio.create_task(box.put(SCHOOL, desk.endpoint, score)) for score in (older, newer)]
    await let_through(slow, 2)
    await other.put(SCHOOL, desk.endpoint, graded(desk, its_stamps, 50))
    for points in (1, 2):
        await let_through(slow, points)
    assert await asyncio.gather(*puts) == [True, True]
    assert desk.row().score.score_given == 2


async def test_an_older_one_put_while_the_newer_is_under_way_is_dropped() -> None:
    desk = new_desk()
    slow = SlowStore(desk.table)
    (box, stamps), (other, its_stamps) = a_process(desk, slow), a_process(desk, MemoryStore(desk.table))
    older, newer = graded(desk, stamps, 1), graded(desk, stamps, 2)
    puts = [asyncio.create_task(box.put(SCHOOL, desk.endpoint, score)) for score in (newer, older)]
    await let_through(slow, 2)
    await other.put(SCHOOL, desk.endpoint, graded(desk, its_stamps, 50))
    await let_through(slow, 1)
    assert await asyncio.gather(*puts) == [True, False]
    assert desk.row().score.score_given == 50


async def test_a_put_does_not_wait_for_another_row_nor_for_one_that_failed_or_was_cancelled() -> None:
    desk = new_desk(users=2)
    slow = SlowStore(desk.table)
    box, stamps = a_process(desk, slow)
    other_user = desk.platform.users()[1]
    scores = [graded(desk, stamps, 1), graded(desk, stamps, 2), graded(desk, stamps, 3), graded(desk, stamps, 4)]
    puts = [asyncio.create_task(box.put(SCHOOL, desk.endpoint, score)) for score in scores]
    elsewhere = asyncio.create_task(box.put(SCHOOL, desk.endpoint, graded(desk, stamps, 9, other_user)))
    await let_through(slow, 9)
    assert await elsewhere
    assert list(slow.waiting) == [1, 9]
    slow.waiting[1].set_exception(StoreError("the disk is full"))
    with pytest.raises(StoreError):
        await puts[0]
    await settle()
    puts[1].cancel()
    puts[2].cancel()
    await let_through(slow, 4)
    assert await puts[3]
    assert desk.row().score.score_given == 4


YEAR = 365 * 86_400.0


@attrs.define
class Watch:
    """
    A process's wall clock, beside the right time.
    """

    desk: Desk
    off: float = 0.0

    def __call__(self) -> float:
        return self.desk.time.wall() + self.off


@pytest.mark.parametrize(
    "when_made, when_put",
    [(0.0, YEAR), (-YEAR, 0.0), (-YEAR, YEAR), (0.0, 3600.0)],
    ids=["glitch at the put", "glitch at the making", "both", "set in between"],
)
async def test_what_was_made_a_moment_ago_is_newer_whatever_the_wall_clock_showed(
    when_made: float, when_put: float
) -> None:
    desk = new_desk()
    other, its_stamps = a_process(desk, MemoryStore(desk.table))
    watch = Watch(desk, when_made)
    runtime = attrs.evolve(runtime_for(desk.time), wall=watch)
    box = Outbox(MemoryStore(desk.table), desk.client, {SCHOOL: desk.registration}, runtime=runtime)
    token = timekeeper.set(Timekeeper(watch, steady=desk.time.clock))
    try:
        score = Score.graded(desk.user, 80, score_maximum=100)
        await desk.time.sleep(5)
        await other.put(SCHOOL, desk.endpoint, graded(desk, its_stamps, 50))
        await desk.time.sleep(5)
        watch.off = when_put
        assert await box.put(SCHOOL, desk.endpoint, score)
    finally:
        timekeeper.reset(token)
    assert desk.row().score.score_given == 80


@pytest.mark.parametrize("off", [0.0, -YEAR])
async def test_what_was_made_long_ago_is_older_whatever_the_wall_clock_shows_now(off: float) -> None:
    desk = new_desk()
    other, its_stamps = a_process(desk, MemoryStore(desk.table))
    watch = Watch(desk)
    runtime = attrs.evolve(runtime_for(desk.time), wall=watch)
    box = Outbox(MemoryStore(desk.table), desk.client, {SCHOOL: desk.registration}, runtime=runtime)
    token = timekeeper.set(Timekeeper(watch, steady=desk.time.clock))
    try:
        score = Score.graded(desk.user, 80, score_maximum=100)
        await desk.time.sleep(100)
        await other.put(SCHOOL, desk.endpoint, graded(desk, its_stamps, 50))
        watch.off = off
        assert not await box.put(SCHOOL, desk.endpoint, score)
    finally:
        timekeeper.reset(token)


@attrs.define(eq=False)
class LyingStore(MemoryStore):
    """
    A store in memory whose first put fails after it was committed.
    """

    lies: bool = True

    async def put(self, entries: Sequence[Entry], *, now: float) -> list[bool]:
        stored = await super().put(entries, now=now)
        if self.lies:
            self.lies = False
            raise StoreError("the connection broke")
        return stored


async def test_what_was_found_to_be_stored_already_counts_as_stored() -> None:
    """
    A put fails after its commit, and is made again; then an older one of this process comes late.
    """
    desk = new_desk()
    (box, stamps), (other, its_stamps) = (
        a_process(desk, LyingStore(desk.table)),
        a_process(desk, MemoryStore(desk.table)),
    )
    older, newer = graded(desk, stamps, 1), graded(desk, stamps, 2)
    with pytest.raises(StoreError):
        await box.put(SCHOOL, desk.endpoint, newer)
    assert not await box.put(SCHOOL, desk.endpoint, newer)
    await other.put(SCHOOL, desk.endpoint, graded(desk, its_stamps, 50))
    assert not await box.put(SCHOOL, desk.endpoint, older)
    assert desk.row().score.score_given == 50


async def test_a_batch_in_any_order_leaves_its_newest_on_top() -> None:
    desk = new_desk()
    store = MemoryStore(desk.table)
    (box, stamps), (other, its_stamps) = a_process(desk, store), a_process(desk, MemoryStore(desk.table))
    scores = [graded(desk, stamps, points) for points in (1, 2, 3)]
    assert await box.put_many(SCHOOL, desk.endpoint, [scores[2], scores[0]]) == 1
    await other.put(SCHOOL, desk.endpoint, graded(desk, its_stamps, 50))
    assert not await box.put(SCHOOL, desk.endpoint, scores[1])
    assert desk.row().score.score_given == 50


async def test_a_score_is_put_past_what_its_process_has_posted_itself() -> None:
    """
    One is posted at once, the next goes through the outbox, and another process sends it. The platform's clock is
    ahead, and it has stamped the first by that.
    """
    desk = new_desk("moodle-4.1")
    desk.platform.site.skew = 9.0
    (box, stamps), client = a_process(desk, MemoryStore(desk.table)), Client(transport=desk.transport)
    token = timekeeper.set(stamps)
    try:
        await desk.client.gradebook(desk.registration, desk.endpoint).post_score(graded(desk, stamps, 40))
        await box.put(SCHOOL, desk.endpoint, graded(desk, stamps, 90))
    finally:
        timekeeper.reset(token)
    other = Outbox(MemoryStore(desk.table), client, {SCHOOL: desk.registration}, runtime=runtime_for(desk.time))
    assert (await other.drain(SCHOOL, desk.item)).recorded == 1
    assert desk.applied()[-1] == 90


async def test_what_is_not_newer_for_sure_is_not_moved_past_what_was_posted() -> None:
    """
    Made before it, or by another process.
    """
    desk = new_desk("moodle-4.1", users=2)
    desk.platform.site.skew = 9.0
    store, (one, other) = MemoryStore(desk.table), desk.platform.users()
    (box, stamps), (_, its_stamps) = a_process(desk, store), a_process(desk, store)
    before, theirs = graded(desk, stamps, 30, one), graded(desk, its_stamps, 90, other)
    for user in (one, other):
        posted = graded(desk, stamps, 50, user)
        await desk.client.gradebook(desk.registration, desk.endpoint).post_score(posted)
    for score in (before, theirs):
        await box.put(SCHOOL, desk.endpoint, score)
        assert desk.row(score.user_id).score.timestamp == score.timestamp
