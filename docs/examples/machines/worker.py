"""
A worker: at least one, anywhere; two, so that one takes over when the other dies.

    python worker.py
"""

from __future__ import annotations

import asyncio

from shared import jobs, open_outbox, pool

from aioags import Client
from aioags.contrib.procrastinate import WORKER, add_tasks


async def main() -> None:
    """
    Post what is due, until told to stop or until the database goes away.
    """
    async with pool, Client() as client, jobs.open_async():
        outbox = open_outbox(client)
        add_tasks(jobs, outbox)
        await jobs.run_worker_async(**WORKER)
        await outbox.aclose()


if __name__ == "__main__":
    asyncio.run(main())
