"""
An outbox in PostgreSQL and an app whose workers drain it, for tests that say themselves when it is time.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import attrs
import procrastinate
import psycopg

from aioags.contrib.procrastinate import WORKER, add_tasks, wake
from aioags.outbox import Entry, Outbox
from aioags.outbox.postgres import PostgresStore
from tests.outbox.kit import SCHOOL, Desk, new_desk

JOB = "SELECT id, status::text, task_name, lock, queueing_lock, args, scheduled_at FROM procrastinate_jobs ORDER BY id"


@attrs.define
class Office:
    """
    An outbox in PostgreSQL, and an app whose workers drain it.
    """

    url: str
    desk: Desk
    store: PostgresStore
    outbox: Outbox
    app: procrastinate.App

    async def jobs(self) -> list[dict[str, Any]]:
        """
        The jobs there are, in order.
        """
        async with await psycopg.AsyncConnection.connect(self.url) as connection:
            names = ("id", "status", "task", "lock", "queueing_lock", "args", "scheduled_at")
            rows = await (await connection.execute(JOB)).fetchall()
            return [dict(zip(names, row, strict=True)) for row in rows]

    async def run(self, sql: str, *arguments: Any) -> None:
        """
        Change the database.
        """
        async with await psycopg.AsyncConnection.connect(self.url, autocommit=True) as connection:
            await connection.execute(sql, arguments)  # type: ignore[call-overload]

    async def work(self, **more: Any) -> None:
        """
        Do every job there is.
        """
        quiet = {"wait": False, "listen_notify": False, "install_signal_handlers": False}
        await self.app.run_worker_async(**{**WORKER, **quiet, **more})

    async def sweep(self) -> None:
        """
        Do what is done every ten seconds.
        """
        await self.app.configure_task("aioags:sweep").defer_async(timestamp=0)
        await self.work()
        # It ends with the jobs that were there when it looked last; the sweep has made new ones since.
        await self.work()

    def entry(self, points: float = 5, user: str | None = None, *, at: float = 0.0) -> Entry:
        """
        A grade for the coupled line item.
        """
        return Entry.of(SCHOOL, self.desk.endpoint, self.desk.grade(points, user, at=at))


@asynccontextmanager
async def new_office(url: str, **outbox: Any) -> AsyncIterator[Office]:
    """
    Open one on a database with all tables.

    Args:
        outbox: Arguments of the `Outbox`.
    """
    store = PostgresStore(url, wake=wake)
    desk = new_desk(users=100, store=store, outbox=outbox)
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=url))
    add_tasks(app, desk.outbox, now=desk.time.wall)
    # The tests say when it is time.
    app.periodic_registry.periodic_tasks.clear()
    async with app.open_async():
        yield Office(url, desk, store, desk.outbox, app)
    await store.aclose()
