"""
An outbox in PostgreSQL, posted by the workers of taskiq.

    pip install aioags taskiq 'taskiq-postgres[psycopg]'
    export DATABASE_URL=postgresql://… REGISTRATIONS=registrations.json
    aioags outbox --store "$DATABASE_URL" migrate
    taskiq worker outbox_taskiq:broker
    taskiq scheduler outbox_taskiq:scheduler

``registrations.json`` holds the fields of each `Registration` by your name for it: ``{"school-1": {"issuer": …}}``.

The broker is the same database, for want of a reason to run another server; any of taskiq's will do.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

from taskiq import TaskiqEvents, TaskiqScheduler, TaskiqState
from taskiq.schedule_sources import LabelScheduleSource
from taskiq_pg.psycopg import PsycopgBroker

from aioags import Client, Registration
from aioags.outbox import Outbox
from aioags.outbox.postgres import PostgresStore

broker = PsycopgBroker(os.environ["DATABASE_URL"])
scheduler = TaskiqScheduler(broker, [LabelScheduleSource(broker)])

# Nothing here is opened before the first task, so that each process opens its own.
registrations = json.loads(Path(os.environ["REGISTRATIONS"]).read_text(encoding="utf-8"))
client = Client()
store = PostgresStore(os.environ["DATABASE_URL"])
outbox = Outbox(store, client, {name: Registration(**fields) for name, fields in registrations.items()})


# cron: would do it once a minute at most.
@broker.task(schedule=[{"interval": 10}])
async def sweep() -> None:
    """
    Start a drain of each line item that has something due.
    """
    now = time.time()
    for item in await store.due(now=now):
        if item.at <= now:
            await drain.kiq(item.registration_id, item.line_item)


@broker.task
async def drain(registration_id: str, line_item: str) -> None:
    """
    Post what is due for one line item, unless somebody else is at it.
    """
    async with store.alone(registration_id, line_item) as mine:
        if mine:
            await outbox.drain(registration_id, line_item)


@broker.on_event(TaskiqEvents.WORKER_SHUTDOWN)
async def close(_: TaskiqState) -> None:
    """
    Close what this process has opened.
    """
    await outbox.aclose()
    await client.aclose()
