"""
The jobs of a worker: drain a line item, sweep for what is due, tidy up.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TypedDict

from procrastinate import App, Blueprint, JobContext
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Status
from procrastinate.manager import JobManager

from aioags.calls.log import DEBUG, ERROR, WARNING, log
from aioags.contrib.procrastinate.doors import Doors, Place, in_turns
from aioags.contrib.procrastinate.waking import QUEUE, wake
from aioags.outbox import Outbox, StoreError, lock_name
from aioags.outbox.postgres import PostgresStore

_WOKEN_AT_ONCE = 100
# A queue that was empty when PostgreSQL last looked is planned for as if it still were: with 2,000 jobs each fetch then
# takes 170 ms instead of 0.1 ms (PostgreSQL 15, procrastinate 3.10). From so many jobs on it is told.
_MANY_JOBS = 100
# And again within a sweep that wakes very many, each batch of which looks for the jobs there are: 50,000 take 6 s
# instead of 57 s. A multiple of `_WOKEN_AT_ONCE`.
_TOLD_EVERY = 5_000
_HOURS_KEPT = 24
# A silence is waited out in a job slot only if that is shorter than until the next sweep, in all of one drain.
_PATIENCE = 2.0


class WorkerOptions(TypedDict):
    """
    Options of `procrastinate.App.run_worker_async`.
    """

    queues: list[str]
    concurrency: int
    delete_jobs: str
    shutdown_graceful_timeout: float
    fetch_job_polling_interval: float


WORKER: WorkerOptions = {
    "queues": [QUEUE],
    "concurrency": 64,
    "delete_jobs": "always",
    "shutdown_graceful_timeout": 5.0,
    # A notification that comes while a worker fetches is lost to it (procrastinate 3.10): this is how late it then is.
    "fetch_job_polling_interval": 1.0,
}
"""
For ``app.run_worker_async(**WORKER)``. A job waits for its platform most of the time, hence many at once. Finished jobs
are deleted, or procrastinate's tables grow with each wake-up. A worker that is stopped ends its drains after 5 seconds
instead of finishing whole line items; what they leave is due, and others post it.
"""


def add_tasks(
    app: App,
    outbox: Outbox,
    *,
    at_once: int = 16,
    sweep_every: int = 10,
    stalled_after: float = 30.0,
    now: Callable[[], float] = time.time,
) -> None:
    """
    Let the workers of an app drain an outbox. Its store should wake them: ``PostgresStore(…, wake=wake)``.

    Args:
        at_once: How many line items of one registration a process drains at once, at least 1. Well below the worker's
            ``concurrency``: a platform that hangs keeps so many job slots from the others.

        sweep_every: Seconds between two sweeps, 1 to 59.

        stalled_after: Seconds without a heartbeat after which a worker counts as dead, and its jobs are taken from it.
            Several times the worker's ``update_heartbeat_interval``, which is 10: taken from one that is alive, a line
            item would be drained twice at once.

        now: Reads Unix time.

    Raises:
        TypeError: The outbox is not in PostgreSQL.

        ValueError: `at_once` is less than 1.
    """
    if at_once < 1:
        raise ValueError(f"at_once must be at least 1, got {at_once!r}")
    blueprint = _blueprint(outbox, _store_of(outbox), Doors(at_once), sweep_every, stalled_after, now)
    app.add_tasks_from(blueprint, namespace=QUEUE)


def _store_of(outbox: Outbox) -> PostgresStore:
    if not isinstance(outbox.store, PostgresStore):
        raise TypeError(f"procrastinate needs an outbox in a PostgresStore, got {outbox.store!r}")
    return outbox.store


def _blueprint(
    outbox: Outbox,
    store: PostgresStore,
    doors: Doors,
    sweep_every: int,
    stalled_after: float,
    now: Callable[[], float],
) -> Blueprint:
    blueprint = Blueprint()

    @blueprint.task(name="drain", queue=QUEUE)
    async def drain(registration_id: str, line_item: str) -> None:
        if not doors.enter(registration_id, line_item):
            return
        try:
            await outbox.drain(registration_id, line_item, patience=_PATIENCE)
        except StoreError:
            # Its rows are due, and the next sweep finds them.
            log(ERROR, "outbox: draining %(registration)s stopped", trace=True, registration=registration_id)
        finally:
            called = doors.leave(registration_id)
        await _call(store, called)

    # No lock: that of a sweep that died with its worker would stop every later one, which alone could free it.
    @blueprint.periodic(cron=f"* * * * * */{sweep_every}")
    @blueprint.task(name="sweep", queue=QUEUE, queueing_lock=f"{QUEUE}:sweep", priority=10, pass_context=True)
    async def sweep(context: JobContext, timestamp: int) -> None:
        manager = context.app.job_manager
        await _take_from_the_dead(manager, stalled_after)
        await _wake_what_is_due(manager, store, doors, now())

    @blueprint.periodic(cron="17 * * * *")
    @blueprint.task(name="tidy", queue=QUEUE, queueing_lock=f"{QUEUE}:tidy", pass_context=True)
    async def tidy(context: JobContext, timestamp: int) -> None:
        await outbox.prune()
        everything = {"include_failed": True, "include_cancelled": True, "include_aborted": True}
        await context.app.job_manager.delete_old_jobs(_HOURS_KEPT, queue=QUEUE, **everything)

    return blueprint


async def _take_from_the_dead(manager: JobManager, stalled_after: float) -> None:
    for job in await manager.get_stalled_jobs(queue=QUEUE, seconds_since_heartbeat=stalled_after):
        try:
            await manager.finish_job(job, status=Status.ABORTED, delete_job=True)
        except ConnectorException:
            # Another sweep was first.
            log(DEBUG, "outbox: the stalled job %(job)s is gone already", job=job.id)


async def _call(store: PostgresStore, places: Sequence[Place]) -> None:
    if not places:
        return
    try:
        async with store.connection() as connection:
            await wake(connection, places)
    except StoreError:
        log(
            WARNING,
            "outbox: line items of %(registration)s wait for the next sweep",
            trace=True,
            registration=places[0][0],
        )


async def _wake_what_is_due(manager: JobManager, store: PostgresStore, doors: Doors, now: float) -> None:
    due = [(item.registration_id, item.line_item) for item in await store.due(now=now) if item.at <= now]
    if not due:
        return
    waiting = list(await manager.list_jobs_async(queue=QUEUE, status="todo"))
    running = await manager.list_jobs_async(queue=QUEUE, status="doing")
    known = {job.lock for job in (*waiting, *running)}
    places = in_turns(place for place in due if lock_name(*place) not in known and place not in doors)
    for start in range(0, len(places), _WOKEN_AT_ONCE):
        async with store.connection() as connection:
            await wake(connection, places[start : start + _WOKEN_AT_ONCE])
        if (start + _WOKEN_AT_ONCE) % _TOLD_EVERY == 0:
            await _tell_how_many(store)
    if len(waiting) + len(places) >= _MANY_JOBS:
        await _tell_how_many(store)


async def _tell_how_many(store: PostgresStore) -> None:
    async with store.connection() as connection:
        await connection.execute("ANALYZE procrastinate_jobs")
