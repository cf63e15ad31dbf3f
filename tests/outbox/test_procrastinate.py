"""
procrastinate drains the outbox: each pitfall that was met on the way there has its test.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
from collections.abc import AsyncIterator
from typing import Any, ClassVar

import croniter
import procrastinate
import psycopg
import pytest
from procrastinate.jobs import Job
from psycopg_pool import AsyncConnectionPool

from aioags.contrib.procrastinate import QUEUE, WORKER, add_tasks, enqueue_async, wake
from aioags.outbox import Outbox, Selection, State, lock_name
from aioags.outbox.postgres import PostgresStore
from tests.outbox.kit import SCHOOL, new_desk
from tests.outbox.office import Office, new_office
from tests.rigs.memory import runtime_for

pytestmark = pytest.mark.needs("postgres")


@pytest.fixture
async def office(prepared: str) -> AsyncIterator[Office]:
    async with new_office(prepared) as made:
        yield made


async def test_a_put_wakes_a_worker_who_posts(office: Office) -> None:
    await office.desk.put(office.desk.grade())
    await office.work()
    assert office.desk.applied() == [5]
    assert (await office.store.stats(now=0)).sent == 1


async def test_a_job_holds_two_names_and_nothing_about_anybody(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await office.desk.put(office.desk.grade(7.125, comment="Brilliant"), office.desk.grade(7.125, "stranger-77"))
    (job,) = await office.jobs()
    assert job["args"] == {"registration_id": SCHOOL, "line_item": office.desk.item}
    assert job["lock"] == job["queueing_lock"] == lock_name(SCHOOL, office.desk.item)
    assert len(job["lock"]) == 39
    await office.work()
    logged = caplog.text + json.dumps([record.__dict__ for record in caplog.records], default=repr)
    for secret in ("stranger-77", f'"{office.desk.user}"', "7.125", "Brilliant", "eyJ"):
        assert secret not in logged


async def test_pitfall_1_a_failing_platform_fails_no_job_and_leaves_nothing_stuck(office: Office) -> None:
    assert office.app.tasks["aioags:drain"].retry_strategy is None
    office.desk.fail("500")
    await office.desk.put(office.desk.grade())
    await office.work()
    assert await office.jobs() == []
    office.desk.heal()
    office.desk.time.now += 60
    await office.sweep()
    assert office.desk.applied() == [5]


async def test_pitfall_1_a_database_that_is_away_fails_no_job(office: Office) -> None:
    await office.desk.put(office.desk.grade())
    await office.store.aclose()
    await office.work(delete_jobs="never")
    assert {job["status"] for job in await office.jobs()} == {"succeeded"}


async def test_pitfall_2_a_line_item_has_one_job_however_many_scores(office: Office) -> None:
    users = office.desk.platform.users()
    for user in users:
        await office.desk.put(office.desk.grade(5, user))
    assert len(await office.jobs()) == 1
    await office.work()
    assert (await office.store.stats(now=0)).sent == 100


async def test_pitfall_3_the_sweep_finds_what_a_spent_wake_up_has_missed(office: Office) -> None:
    late_user = office.desk.platform.users()[1]
    await office.desk.put(office.desk.grade(1))
    async with await psycopg.AsyncConnection.connect(office.url) as late:
        await enqueue_async(late, [office.entry(2, late_user)])
        await office.work()
        await late.commit()
    assert office.desk.applied() == [1]
    assert await office.jobs() == []
    assert office.desk.applied(late_user) == []
    await office.sweep()
    assert office.desk.applied(late_user) == [2]


async def test_pitfall_4_a_job_that_waits_already_does_not_spoil_the_callers_transaction(office: Office) -> None:
    async with await psycopg.AsyncConnection.connect(office.url) as connection:
        await connection.set_isolation_level(psycopg.IsolationLevel.REPEATABLE_READ)
        await connection.execute("SELECT 1 FROM procrastinate_jobs")
        # Committed behind this transaction's snapshot: it sees no job, and the unique index does.
        await office.desk.put(office.desk.grade(1, "somebody-else"))
        await connection.execute("CREATE TABLE callers_own (x integer)")
        await enqueue_async(connection, [office.entry()])
        await connection.commit()
        await connection.execute("SELECT * FROM callers_own")
    assert len(await office.jobs()) == 1
    assert (await office.store.stats(now=0)).due == 2


async def test_pitfall_4_one_line_item_that_waits_already_refuses_no_other(office: Office) -> None:
    items = [f"https://lms.example/items/{number}" for number in range(5)]
    async with await psycopg.AsyncConnection.connect(office.url) as connection:
        await connection.set_isolation_level(psycopg.IsolationLevel.REPEATABLE_READ)
        await connection.execute("SELECT 1 FROM procrastinate_jobs")
        await office.outbox.put(SCHOOL, office.desk.endpoint, office.desk.grade(), line_item=items[2])
        await wake(connection, [(SCHOOL, item) for item in items])
        await connection.commit()
    assert sorted(job["args"]["line_item"] for job in await office.jobs()) == items


async def test_nobody_waits_for_another_open_transaction_that_wakes_the_same_line_item(office: Office) -> None:
    async with (
        await psycopg.AsyncConnection.connect(office.url) as first,
        await psycopg.AsyncConnection.connect(office.url) as second,
    ):
        await enqueue_async(first, [office.entry(1, "ada")])
        await enqueue_async(second, [office.entry(1, "bob")])
        await second.commit()
        await first.commit()
    assert len(await office.jobs()) == 1
    await office.sweep()
    assert office.desk.platform.counts["post_score"] == 2


async def test_pitfall_5_no_job_is_dated_in_the_future(office: Office) -> None:
    office.desk.fail("503-retry-after")
    await office.desk.put(office.desk.grade())
    await office.work(delete_jobs="never")
    office.desk.time.now += 2
    await office.sweep()
    jobs = await office.jobs()
    assert [job["task"] for job in jobs] == ["aioags:drain"], "nothing is due, so nothing was woken"
    assert {job["scheduled_at"] for job in jobs} == {None}
    office.desk.heal()
    office.desk.time.now += 60
    await office.sweep()
    assert office.desk.applied() == [5]


def test_pitfall_6_the_sweep_comes_every_ten_seconds_by_the_sixth_field() -> None:
    desk = new_desk(store=PostgresStore("postgresql://"))
    app = procrastinate.App(connector=procrastinate.PsycopgConnector())
    add_tasks(app, desk.outbox)
    crons = {task.task.name: task.cron for task in app.periodic_registry.periodic_tasks.values()}
    assert set(crons) == {"aioags:sweep", "aioags:tidy"}
    ticks = croniter.croniter(crons["aioags:sweep"], 1_800_000_000)
    times = [ticks.get_next(float) for _ in range(4)]
    assert [later - earlier for earlier, later in itertools.pairwise(times)] == [10, 10, 10]


async def test_pitfall_7_finished_jobs_leave_nothing_behind(office: Office) -> None:
    await office.desk.put(*(office.desk.grade(5, user) for user in office.desk.platform.users()))
    await office.sweep()
    async with await psycopg.AsyncConnection.connect(office.url) as connection:
        for table in ("procrastinate_jobs", "procrastinate_events"):
            row = await (await connection.execute(f"SELECT count(*) FROM {table}")).fetchone()  # type: ignore[arg-type]
            assert row == (0,)


async def test_pitfall_7_jobs_that_a_worker_has_kept_are_tidied_away(office: Office) -> None:
    await office.desk.put(office.desk.grade())
    await office.work(delete_jobs="never")
    await office.run("UPDATE procrastinate_events SET at = at - interval '2 days'")
    await office.app.configure_task("aioags:tidy", queue=QUEUE).defer_async(timestamp=0)
    await office.work()
    assert await office.jobs() == []


async def test_pitfall_8_a_newer_score_in_the_same_second_reaches_moodle(prepared: str) -> None:
    store = PostgresStore(prepared)
    desk = new_desk("moodle", store=store, start=1_900_000_000.1)
    for number, at in enumerate((0.0, 0.2, 0.4)):
        await desk.put(desk.grade(number, at=at))
        assert await desk.drain() == (1, 0, 0)
    assert desk.applied() == [0, 1, 2]
    await store.aclose()


async def leave_a_dead_worker(office: Office) -> None:
    """
    Let a worker fetch the next job and die.
    """
    manager = office.app.job_manager
    worker = await manager.register_worker()
    job = await manager.fetch_job([QUEUE], worker)
    assert job is not None
    await office.run("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '31 seconds'")


async def test_what_a_dead_worker_has_left_is_drained(office: Office) -> None:
    await office.desk.put(office.desk.grade())
    await leave_a_dead_worker(office)
    await office.work()
    assert office.desk.applied() == []
    await office.sweep()
    assert office.desk.applied() == [5]
    assert await office.jobs() == []


async def test_a_worker_that_is_alive_keeps_its_job(office: Office) -> None:
    await office.desk.put(office.desk.grade())
    await leave_a_dead_worker(office)
    await office.run("UPDATE procrastinate_workers SET last_heartbeat = now()")
    await office.sweep()
    assert office.desk.applied() == []
    assert [job["status"] for job in await office.jobs()] == ["doing"]


async def test_a_sweep_that_died_stops_no_later_one(office: Office) -> None:
    await office.app.configure_task("aioags:sweep", queue=QUEUE).defer_async(timestamp=0)
    await leave_a_dead_worker(office)
    await office.desk.put(office.desk.grade())
    await office.sweep()
    assert office.desk.applied() == [5]
    assert await office.jobs() == []


async def test_a_line_item_that_is_being_drained_is_not_woken_again(office: Office) -> None:
    await office.desk.put(office.desk.grade())
    await leave_a_dead_worker(office)
    await office.run("UPDATE procrastinate_workers SET last_heartbeat = now()")
    async with office.store.connection() as connection:
        await wake(connection, [(SCHOOL, office.desk.item)])
    assert [job["status"] for job in await office.jobs()] == ["doing", "todo"], "a put wakes it: there may be more"
    await office.run("DELETE FROM procrastinate_jobs WHERE status = 'todo'")
    await office.sweep()
    assert [job["status"] for job in await office.jobs()] == ["doing"], "a sweep does not"


async def test_a_score_put_while_its_line_item_is_drained_is_posted_next(office: Office) -> None:
    async def put_newer(request: Any) -> None:
        if "/scores" in request.url and office.desk.applied() == []:
            await office.desk.put(office.desk.grade(9, at=1))
        await asyncio.sleep(0)

    office.desk.transport.before = put_newer
    await office.desk.put(office.desk.grade(1))
    await office.work()
    assert office.desk.applied() == [1, 9]


async def test_the_sweep_wakes_many_line_items(office: Office) -> None:
    items = [f"https://lms.example/items/{number}" for number in range(130)]
    office.store.wake = None
    grades = [(item, office.desk.grade()) for item in items]
    await office.outbox.put_many(SCHOOL, office.desk.endpoint, grades)
    assert await office.jobs() == []
    await office.sweep()
    assert len(await office.store.listed(Selection(), State.DEAD)) == 130, "there are no such items: each was drained"


class Listening(psycopg.AsyncConnection[Any]):
    """
    Remembers what was said on all of its kind.
    """

    said: ClassVar[list[str]] = []

    async def execute(self, query: Any, *arguments: Any, **more: Any) -> Any:
        self.said.append(str(query))
        return await super().execute(query, *arguments, **more)


async def test_a_sweep_over_very_many_tells_postgresql_how_many_there_are_by_now(office: Office) -> None:
    await office.run("""
        INSERT INTO aioags_outbox_score (registration, line_item, user_id, ts, payload, state, since)
        SELECT 'school', 'https://lms.example/items/' || number, 'ada', 1, '', 'due', 0
        FROM generate_series(1, 5100) AS number
    """)
    pool: Any = AsyncConnectionPool(
        office.url, connection_class=Listening, kwargs={"autocommit": True}, min_size=1, open=False
    )
    async with pool:
        store = PostgresStore(pool=pool)
        app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=office.url))
        add_tasks(app, Outbox(store, office.desk.client, {}))
        Listening.said.clear()
        async with app.open_async():
            job = Job(queue=QUEUE, lock=None, queueing_lock=None, task_name="aioags:sweep")
            context = procrastinate.JobContext(app=app, job=job, start_timestamp=0, abort_reason=lambda: None)
            await app.tasks["aioags:sweep"](context, timestamp=0)
    assert sum("ANALYZE" in query for query in Listening.said) == 2, "in its midst, and at its end"
    assert len(await office.jobs()) == 5_100


def test_only_an_outbox_in_postgresql_can_be_drained_by_procrastinate() -> None:
    desk = new_desk()
    app = procrastinate.App(connector=procrastinate.PsycopgConnector())
    with pytest.raises(TypeError, match="needs an outbox in a PostgresStore"):
        add_tasks(app, desk.outbox)


async def test_two_workers_share_the_work(office: Office) -> None:
    items = [
        office.desk.platform.site.item_url(office.desk.platform.add_line_item(f"Item {number}", 100))
        for number in range(12)
    ]
    grades = [(item, office.desk.grade(5, user)) for item in items for user in office.desk.platform.users()[:20]]
    await office.outbox.put_many(SCHOOL, office.desk.endpoint, grades)
    other = Outbox(
        office.store, office.desk.client, {SCHOOL: office.desk.registration}, runtime=runtime_for(office.desk.time)
    )
    second = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=office.url))
    add_tasks(second, other)
    second.periodic_registry.periodic_tasks.clear()
    async with second.open_async():
        quiet = {"wait": False, "listen_notify": False, "install_signal_handlers": False}
        await asyncio.gather(office.work(concurrency=2), second.run_worker_async(**{**WORKER, **quiet}))
    assert (await office.store.stats(now=0)).sent == 240
    assert all(office.desk.platform.history(item, office.desk.user) for item in items)
    assert office.desk.platform.counts["post_score"] == 240, "no score went twice"
