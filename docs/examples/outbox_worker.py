"""
An outbox in PostgreSQL, posted by workers of procrastinate. Start as many as you like.

    pip install 'aioags[procrastinate]'
    export DATABASE_URL=postgresql://… REGISTRATIONS=registrations.json PYTHONPATH=.
    aioags outbox --store "$DATABASE_URL" migrate
    procrastinate --app outbox_jobs.app schema --apply
    python outbox_worker.py

``registrations.json`` holds the fields of each `Registration` by your name for it: ``{"school-1": {"issuer": …}}``.
"""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

from outbox_jobs import app

from aioags import Client, Registration
from aioags.contrib.procrastinate import WORKER, add_tasks, wake
from aioags.outbox import Outbox
from aioags.outbox.postgres import PostgresStore

known = json.loads(Path(os.environ["REGISTRATIONS"]).read_text(encoding="utf-8"))
registrations = {name: Registration(**fields) for name, fields in known.items()}


async def main() -> None:
    """
    Work until told to stop, or until the database goes away.
    """
    async with Client() as client, app.open_async():
        outbox = Outbox(PostgresStore(os.environ["DATABASE_URL"], wake=wake), client, registrations)
        add_tasks(app, outbox)
        await app.run_worker_async(**WORKER)
        await outbox.aclose()


if __name__ == "__main__":
    asyncio.run(main())
