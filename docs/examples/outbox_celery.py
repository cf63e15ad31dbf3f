"""
An outbox in PostgreSQL, posted by the workers of Celery.

    pip install aioags 'celery[redis]' 'psycopg[binary,pool]'
    export DATABASE_URL=postgresql://… BROKER_URL=redis://… REGISTRATIONS=registrations.json
    aioags outbox --store "$DATABASE_URL" migrate
    celery -A outbox_celery worker --concurrency 8
    celery -A outbox_celery beat

``registrations.json`` holds the fields of each `Registration` by your name for it: ``{"school-1": {"issuer": …}}``.

Celery's tasks are synchronous, and each of its processes runs one at a time: ``--concurrency`` is how many line items
are drained at once. A process keeps one event loop and one `Client` for as long as it lives, so that connections stay
open and a token lasts for its hour; with ``asyncio.run`` every task would begin with a token of its own. That is for
the pools prefork, which is the default, and solo: threads could not share the loop.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from pathlib import Path

from celery import Celery
from celery.signals import worker_process_shutdown

from aioags import Client, Registration
from aioags.outbox import Outbox
from aioags.outbox.postgres import PostgresStore

SECONDS = 10

app = Celery("outbox_celery", broker=os.environ["BROKER_URL"])
# What nobody has begun when the next sweep comes is dropped: jobs do not pile up while workers are busy, or away.
app.conf.beat_schedule = {
    "sweep": {"task": "outbox_celery.sweep", "schedule": SECONDS, "options": {"expires": SECONDS}}
}

# Nothing here is opened before the first task, so that each process opens its own.
registrations = json.loads(Path(os.environ["REGISTRATIONS"]).read_text(encoding="utf-8"))
runner = asyncio.Runner()
client = Client()
store = PostgresStore(os.environ["DATABASE_URL"])
outbox = Outbox(store, client, {name: Registration(**fields) for name, fields in registrations.items()})


@app.task(ignore_result=True)
def sweep() -> None:
    """
    Start a drain of each line item that has something due.
    """
    now = time.time()
    for item in runner.run(store.due(now=now)):
        if item.at <= now:
            drain.apply_async((item.registration_id, item.line_item), expires=SECONDS)


@app.task(ignore_result=True)
def drain(registration_id: str, line_item: str) -> None:
    """
    Post what is due for one line item.
    """
    runner.run(drain_alone(registration_id, line_item))


async def drain_alone(registration_id: str, line_item: str) -> None:
    """
    Post what is due, unless somebody else is at it.
    """
    async with store.alone(registration_id, line_item) as mine:
        if mine:
            await outbox.drain(registration_id, line_item)


@worker_process_shutdown.connect
def close(**_: object) -> None:
    """
    Close what this process has opened.
    """
    with runner:
        runner.run(outbox.aclose())
        runner.run(client.aclose())
