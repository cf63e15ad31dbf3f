"""
Workers of job engines, each a program of its own that runs an example of the documentation as it stands.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import attrs

from aioags import Endpoint, Score
from aioags.emulator import Exchange, Platform, serve
from aioags.outbox import Entry, Stats
from aioags.outbox.postgres import PostgresStore

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
SCHOOL = "school-1"

COMPLAINTS = ("ERROR", "Traceback", "Unclosed", "never awaited", "ResourceWarning")


@attrs.frozen
class JobEngine:
    """
    How an engine is used.

    Attributes:
        worker, scheduler: Their commands, as ``python -m`` takes them.

        at_once: The option for how many tasks a worker runs at once.

        ready, scheduling: What they say once they have started.

        ended: What a worker says of a task that has ended well. None: nothing.

        enqueue: A program that wakes line items, as somebody's web application would.
    """

    worker: tuple[str, ...]
    scheduler: tuple[str, ...]
    at_once: str
    ready: str
    scheduling: str
    ended: str | None
    enqueue: str


CELERY = JobEngine(
    worker=("celery", "-A", "outbox_celery", "worker", "--loglevel", "INFO"),
    scheduler=("celery", "-A", "outbox_celery", "beat", "--loglevel", "INFO"),
    at_once="--concurrency",
    ready=" ready.",
    scheduling="beat: Starting",
    ended=" succeeded in ",
    enqueue="""
import json, sys
from outbox_celery import drain

for place in json.loads(sys.argv[1]):
    drain.delay(*place)
""",
)

TASKIQ = JobEngine(
    worker=("taskiq", "worker", "outbox_taskiq:broker", "--workers", "1"),
    scheduler=("taskiq", "scheduler", "outbox_taskiq:scheduler"),
    at_once="--max-async-tasks",
    ready="Listening started.",
    scheduling="Startup completed.",
    ended=None,
    enqueue="""
import asyncio, json, sys
from outbox_taskiq import broker, drain

async def main():
    await broker.startup()
    for place in json.loads(sys.argv[1]):
        await drain.kiq(*place)
    await broker.shutdown()

asyncio.run(main())
""",
)

PROCRASTINATE = JobEngine(worker=(), scheduler=(), at_once="", ready="", scheduling="", ended=None, enqueue="")
"""Its worker is a program of ours, and needs no scheduler."""


@attrs.define
class Program:
    """
    A program that runs.

    Attributes:
        news: Set when it has said something, or ended.

        said: Its output so far, standard error included, by lines.
    """

    process: asyncio.subprocess.Process
    news: asyncio.Event
    said: list[str] = attrs.field(factory=list)
    _ended: bool = False

    async def listen(self) -> None:
        """
        Read what it says until it ends.
        """
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.said.append(line.decode().rstrip())
            self.news.set()
        self._ended = True
        self.news.set()

    async def says(self, text: str, *, times: int = 1) -> None:
        """
        Wait for lines that hold a text.
        """
        while sum(text in line for line in self.said) < times:
            assert not self._ended, self.report()
            self.news.clear()
            await self.news.wait()

    async def stop(self) -> None:
        """
        Ask it to finish what it does and end, as a supervisor would; it does so without an error.
        """
        self.process.send_signal(signal.SIGTERM)
        assert await self.process.wait() == 0, self.report()

    def complaints(self) -> list[str]:
        """
        Lines about errors, and about what was not closed.
        """
        return [line for line in self.said if any(word in line for word in COMPLAINTS)]

    def report(self) -> str:
        """
        Everything it said.
        """
        return "\n".join(self.said)


@attrs.define
class Rig:
    """
    A platform, an outbox in PostgreSQL, and an engine between the two.

    Attributes:
        items: URLs of line items.

        folder: Where the programs run.
    """

    engine: JobEngine
    platform: Platform
    store: PostgresStore
    items: list[str]
    folder: Path
    database: str
    programs: list[Program] = attrs.field(factory=list)
    _news: asyncio.Event = attrs.field(factory=asyncio.Event)

    def heard(self, _: Exchange) -> None:
        """
        Take notice of a request.
        """
        self._news.set()

    async def posts(self, count: int) -> None:
        """
        Wait until so many scores have been posted, whatever the platform said; not when a program complains.
        """
        while self.platform.counts["post_score"] < count:
            assert self.complaints() == []
            self._news.clear()
            await self._news.wait()

    async def ended(self, worker: Program, tasks: int) -> None:
        """
        Wait until so many tasks of a worker have ended.
        """
        if self.engine.ended is None:
            await worker.stop()
        else:
            await worker.says(self.engine.ended, times=tasks)

    def complaints(self) -> list[str]:
        """
        What the programs complain of.
        """
        return [line for program in self.programs for line in program.complaints()]

    async def put(self, items: Iterable[str], users: Iterable[str] | None = None) -> int:
        """
        Put a score of each user for each line item: 0 points for the first user, 1 for the next, and so on.

        Args:
            users: None: the five of the course.

        Returns:
            How many were put.
        """
        endpoint = Endpoint.from_claim(self.platform.endpoint_claim())
        people = list(users or self.platform.users())
        entries = [
            Entry.of(SCHOOL, endpoint, Score.graded(user, place, score_maximum=100), line_item=item)
            for item in items
            for place, user in enumerate(people)
        ]
        return sum(await self.store.put(entries, now=time.time()))

    async def stats(self) -> Stats:
        """
        Count what the outbox holds.
        """
        return await self.store.stats(now=time.time())

    def points(self, item: str) -> list[list[float]]:
        """
        The points of every score that the platform has applied to a line item, in order, by user.
        """
        users = self.platform.users()
        return [[score["scoreGiven"] for score in self.platform.history(item, user)] for user in users]

    @asynccontextmanager
    async def program(self, *arguments: str) -> AsyncIterator[Program]:
        """
        Run Python while the block runs; it is killed at its end if it still runs.
        """
        settings = {
            "DATABASE_URL": self.database,
            "BROKER_URL": self.database.replace("postgresql:", "sqla+postgresql+psycopg:"),
            "REGISTRATIONS": str(self.folder / "registrations.json"),
            "PYTHONPATH": str(EXAMPLES),
        }
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *arguments,
            cwd=self.folder,
            env=os.environ | settings,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            # Its children go with it.
            start_new_session=True,
        )
        program = Program(process, self._news)
        self.programs.append(program)
        listener = asyncio.create_task(program.listen())
        try:
            yield program
        finally:
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
            await listener

    @asynccontextmanager
    async def worker(self, *, at_once: int = 4) -> AsyncIterator[Program]:
        """
        Run a worker while the block runs.
        """
        async with self.program("-m", *self.engine.worker, self.engine.at_once, str(at_once)) as worker:
            await worker.says(self.engine.ready)
            yield worker

    @asynccontextmanager
    async def scheduler(self) -> AsyncIterator[Program]:
        """
        Run what starts the sweeps while the block runs.
        """
        async with self.program("-m", *self.engine.scheduler) as scheduler:
            await scheduler.says(self.engine.scheduling)
            yield scheduler

    async def wake(self, *items: str) -> None:
        """
        Start a drain of each line item.
        """
        places: list[Any] = [(SCHOOL, item) for item in items]
        async with self.program("-c", self.engine.enqueue, json.dumps(places)) as program:
            assert await program.process.wait() == 0, program.report()


@asynccontextmanager
async def new_rig(engine: JobEngine, database: str, folder: Path, *, items: int) -> AsyncIterator[Rig]:
    """
    Serve a platform with so many line items and five users. The outbox has no tables yet.
    """
    platform = Platform.create()
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(serve(platform))
        made = [platform.site.item_url(platform.add_line_item(f"Item {number}", 100)) for number in range(items)]
        registrations = {SCHOOL: platform.registration_args()}
        (folder / "registrations.json").write_text(json.dumps(registrations), encoding="utf-8")
        store = PostgresStore(database)
        stack.push_async_callback(store.aclose)
        rig = Rig(engine, platform, store, made, folder, database)
        platform.subscribe(rig.heard)
        yield rig
