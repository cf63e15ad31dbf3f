"""
The outbox in PostgreSQL with procrastinate: puts, one worker and two, a kill, a shared rate limit.

    python benchmarks/outbox_postgres.py [what …]      put, workers, many, kill, limit; all of them without a name

Starts a PostgreSQL of its own that writes to the disk at each commit. The platform takes 20 ms for a score and needs no
network. Each figure is one run unless it says otherwise: run it again to see the spread.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import resource
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import procrastinate
from _outbox_worker import endpoint

sys.path.insert(0, str(Path(__file__).parent.parent))

from aioags import Score
from aioags.contrib.procrastinate import wake
from aioags.outbox import Block, Entry
from aioags.outbox.postgres import PostgresStore
from tests.rigs.postgres import Server, running_server

POST = 0.02
ITEMS = 100
EACH = 200
CALLERS = 64
RATE = 100.0

Process = asyncio.subprocess.Process


def entry(item: int, user: int) -> Entry:
    """
    Make up a score.
    """
    return Entry.of("school", endpoint(item), Score.graded(f"user-{user}", 83, score_maximum=100))


@asynccontextmanager
async def worker(**orders: Any) -> AsyncIterator[Process]:
    """
    Run a worker in a process of its own while the block runs.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(Path(__file__).with_name("_outbox_worker.py")),
        json.dumps(orders),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        await process.stdout.readline()
        yield process
        if process.stdin is not None:
            process.stdin.close()
    finally:
        if process.returncode is None and sys.exc_info()[0] is not None:
            process.kill()
        await process.communicate()


@asynccontextmanager
async def new_store(server: Server) -> AsyncIterator[tuple[PostgresStore, str]]:
    """
    Make a database with all tables.
    """
    with server.database() as url:
        store = PostgresStore(url, most_connections=20, wake=wake)
        await store.migrate()
        app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=url))
        async with app.open_async():
            await app.schema_manager.apply_schema_async()
        yield store, url
        await store.aclose()


def say(what: str, figure: str) -> None:
    """
    Print one line.
    """
    print(f"{what:62} {figure}", flush=True)


async def put(server: Server) -> None:
    """
    Puts per second: single ones from many callers, with and without waking, and batches.
    """
    for waking in (False, True):
        async with new_store(server) as (store, _):
            store.wake = wake if waking else None
            each = 60

            async def caller(number: int, store: PostgresStore = store, each: int = each) -> None:
                for place in range(each):
                    await store.put([entry(number, place)], now=time.time())

            begun = time.perf_counter()
            await asyncio.gather(*(caller(number) for number in range(CALLERS)))
            rate = CALLERS * each / (time.perf_counter() - begun)
            say(f"put(), {CALLERS} callers at once{', each wakes' if waking else ''}", f"{rate:8,.0f}/s")
            begun = time.perf_counter()
            for first in range(0, 20_000, 1000):
                await store.put([entry(1000, first + place) for place in range(1000)], now=time.time())
            rate = 20_000 / (time.perf_counter() - begun)
            say(f"batches of 1000{', each wakes' if waking else ''}", f"{rate:8,.0f}/s")


async def fill(store: PostgresStore, items: int, each: int) -> int:
    """
    Put scores, and wake their line items at the end.
    """
    waking, store.wake = store.wake, None
    for item in range(items):
        await store.put([entry(item, user) for user in range(each)], now=time.time())
    store.wake = waking
    places = [("school", str(endpoint(item).lineitem)) for item in range(items)]
    for first in range(0, items, 100):
        async with store.connection() as connection:
            await wake(connection, places[first : first + 100])
    return items * each


async def until_empty(store: PostgresStore) -> None:
    """
    Look four times a second until nothing is due.
    """
    while (await store.stats(now=time.time())).due:  # noqa: ASYNC110
        await asyncio.sleep(0.25)


async def drained(server: Server, workers: int, items: int, each: int) -> None:
    """
    Start workers on a full outbox, and time them.
    """
    cpu = cpu_of_children()
    async with new_store(server) as (store, url):
        count = await fill(store, items, each)
        async with AsyncExitStack() as stack:
            for _ in range(workers):
                await stack.enter_async_context(worker(store=url, post=POST))
            begun, left = time.perf_counter(), (await store.stats(now=time.time())).due
            await until_empty(store)
            seconds = time.perf_counter() - begun
    cpu = (cpu_of_children() - cpu) / count * 1e6
    what = f"{items:,} line items × {each} scores, {workers} worker{'s' if workers > 1 else ''}"
    figure = f"{left / seconds:8,.0f} scores/s  ({left:,} in {seconds:.1f} s; {cpu:.0f} µs CPU of the workers each"
    say(what, f"{figure}, load {os.getloadavg()[0]:.1f})")


def cpu_of_children() -> float:
    """
    CPU seconds of the processes that have ended.
    """
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


async def workers(server: Server) -> None:
    """
    One worker and two.
    """
    for count in (1, 2, 1, 2, 1, 2):
        await drained(server, count, ITEMS, EACH)


async def many(server: Server) -> None:
    """
    The worst case: a job for every score.
    """
    await drained(server, 1, 2000, 1)


async def kill(server: Server) -> None:
    """
    Kill one of two workers in the midst of its work, and time how long it takes until everything is posted.
    """
    async with new_store(server) as (store, url):
        count = await fill(store, ITEMS, EACH)
        async with worker(store=url, post=POST), worker(store=url, post=POST) as victim:
            while (await store.stats(now=time.time())).sent < count / 4:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            victim.kill()
            begun = time.perf_counter()
            await until_empty(store)
            seconds = time.perf_counter() - begun
        stats = await store.stats(now=time.time())
        say("kill -9 of one of two workers: until whole again", f"{seconds:8.1f} s")
        say("… of these lost / dead", f"{count - stats.sent:8} / {stats.dead}")


async def limit(server: Server) -> None:
    """
    A shared limit: three processes of 32 callers; then a block, and how long until they have all stopped.
    """
    async with new_store(server) as (store, url), AsyncExitStack() as stack:
        orders = {"store": url, "post": POST, "rate": RATE, "callers": 32}
        processes = [await stack.enter_async_context(worker(**orders)) for _ in range(3)]
        times: list[float] = []

        async def listen(process: Process) -> None:
            assert process.stdout is not None
            async for line in process.stdout:
                times.append(float(line))

        listeners = [asyncio.create_task(listen(process)) for process in processes]
        await asyncio.sleep(10)
        blocked = time.time()
        await store.block(Block("school", blocked + 60, "measured"))
        await asyncio.sleep(2)
        for process in processes:
            assert process.stdin is not None
            process.stdin.close()
        await asyncio.gather(*listeners)
    before = sorted(moment for moment in times if moment < blocked)[50:]
    rate = (len(before) - 1) / (before[-1] - before[0])
    worst = max(sum(first <= moment < first + 1 for moment in before) for first in before)
    say(f"{RATE:.0f}/s shared by 3 × 32 callers", f"{rate:8.1f}/s, worst second {worst}")
    late = [moment - blocked for moment in times if moment >= blocked]
    say("after a block: scores still sent, the last one after", f"{len(late):8}, {max(late, default=0):.2f} s")


PARTS: dict[str, Callable[[Server], Awaitable[None]]] = {
    "put": put,
    "workers": workers,
    "many": many,
    "kill": kill,
    "limit": limit,
}


async def main() -> None:
    """
    Run the parts that were named, or all.
    """
    with running_server(durable=True) as server:
        print(f"{server.description}; {os.cpu_count()} cores; load {os.getloadavg()[0]:.1f}", flush=True)
        for name in sys.argv[1:] or PARTS:
            await PARTS[name](server)


if __name__ == "__main__":
    logging.getLogger("procrastinate").setLevel(logging.ERROR)
    asyncio.run(main())
