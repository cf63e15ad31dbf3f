"""
The guide's examples of other job engines (docs/examples), run as they stand by the engines' own workers.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from aioags.emulator import Fault
from tests.interop.job_engines import CELERY, EXAMPLES, PROCRASTINATE, SCHOOL, TASKIQ, Rig, new_rig

ITEMS = 40
"""More than the store of an example has connections."""

EACH_ONCE = [[0], [1], [2], [3], [4]]
NOTHING: list[list[float]] = [[], [], [], [], []]


@pytest.fixture(params=[CELERY, TASKIQ], ids=["celery", "taskiq"])
async def rig(request: pytest.FixtureRequest, postgres: str, tmp_path: Path) -> AsyncIterator[Rig]:
    async with new_rig(request.param, postgres, tmp_path, items=ITEMS) as rig:
        yield rig


@pytest.fixture
async def tables(rig: Rig) -> None:
    await rig.store.migrate()


@pytest.mark.usefixtures("tables")
async def test_a_sweep_brings_every_score_to_the_gradebook(rig: Rig) -> None:
    put = await rig.put(rig.items)
    async with rig.worker() as worker, rig.scheduler():
        await rig.posts(put)
        await worker.stop()
    assert [rig.points(item) for item in rig.items] == [EACH_ONCE] * ITEMS
    assert (await rig.stats()).sent == rig.platform.counts["post_score"] == put
    assert rig.complaints() == []


@pytest.mark.usefixtures("tables")
async def test_many_line_items_woken_many_times_are_each_drained_by_one(rig: Rig) -> None:
    put = await rig.put(rig.items)
    woken = sorted(rig.items * 3)
    async with rig.worker() as worker:
        await rig.wake(*woken)
        await rig.posts(put)
        await rig.ended(worker, len(woken))
    assert [rig.points(item) for item in rig.items] == [EACH_ONCE] * ITEMS
    assert (await rig.stats()).sent == rig.platform.counts["post_score"] == put
    assert rig.complaints() == []


@pytest.mark.usefixtures("tables")
async def test_a_line_item_that_somebody_else_drains_is_left_alone(rig: Rig) -> None:
    taken, free = rig.items[:2]
    put = await rig.put([taken, free])
    # One task at a time: when the second posts, the first is over.
    async with rig.worker(at_once=1) as worker:
        async with rig.store.alone(SCHOOL, taken) as mine:
            assert mine
            await rig.wake(taken, free)
            await rig.posts(put // 2)
        assert (rig.points(taken), rig.points(free)) == (NOTHING, EACH_ONCE)
        await rig.wake(taken)
        await rig.posts(put)
        await rig.ended(worker, 3)
    assert rig.points(taken) == EACH_ONCE
    assert rig.complaints() == []
    # A process keeps its client from task to task.
    assert rig.platform.counts["token"] == 1


async def test_a_hundred_tasks_of_taskiq_share_the_connections_of_one_store(postgres: str, tmp_path: Path) -> None:
    async with new_rig(TASKIQ, postgres, tmp_path, items=ITEMS) as rig:
        await rig.store.migrate()
        put = await rig.put(rig.items)
        async with rig.worker(at_once=100) as worker:
            # Nobody gets far before all have begun.
            async with rig.store.connection() as connection:
                await connection.execute("LOCK TABLE aioags_outbox_score IN SHARE MODE")
                await rig.wake(*rig.items)
                await worker.says("Executing task outbox_taskiq:drain", times=ITEMS)
            await rig.posts(put)
            await rig.ended(worker, ITEMS)
        assert (await rig.stats()).sent == put
        assert rig.complaints() == []


@pytest.mark.usefixtures("tables")
async def test_what_a_platform_says_fails_no_task(rig: Rig) -> None:
    refused, silenced = rig.items[:2]
    await rig.put([refused], ["not-enrolled"])
    await rig.put([silenced])
    rig.platform.faults.add(Fault.throttle(3600, operation="post_score", skip=1))
    async with rig.worker(at_once=1) as worker:
        await rig.wake(refused, silenced)
        await rig.posts(2)
        await rig.ended(worker, 2)
    stats = await rig.stats()
    assert (stats.deferred, stats.due, stats.sent) == (1, 5, 0)
    assert rig.complaints() == []


async def test_the_worker_of_procrastinate_is_set_up_and_posts_as_the_guide_says(postgres: str, tmp_path: Path) -> None:
    async with new_rig(PROCRASTINATE, postgres, tmp_path, items=ITEMS) as rig:
        commands = (
            ("-m", "aioags.cli", "outbox", "--store", postgres, "migrate"),
            ("-m", "procrastinate", "--app", "outbox_jobs.app", "schema", "--apply"),
        )
        for command in commands:
            async with rig.program(*command) as program:
                assert await program.process.wait() == 0, program.report()
        put = await rig.put(rig.items)
        async with rig.program(str(EXAMPLES / "outbox_worker.py")) as worker:
            await rig.posts(put)
            await worker.stop()
        assert [rig.points(item) for item in rig.items] == [EACH_ONCE] * ITEMS
        assert rig.complaints() == []


async def test_a_store_that_fails_fails_the_task(rig: Rig) -> None:
    async with rig.worker(at_once=1) as worker:
        await rig.wake(rig.items[0])
        await worker.says("StoreError")
    assert rig.complaints() != []
