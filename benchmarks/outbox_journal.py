"""
What the journal costs: how fast an outbox drains with it and without it, to a platform that answers at once.

    python benchmarks/outbox_journal.py [--postgres | --folder FOLDER] [--pairs 9] [--scores 10000]

In SQLite, in a folder on the disk that is to be measured; or in a PostgreSQL of its own, started for it, that writes to
the disk at each commit. Runs in pairs, each on a new store, with and without by turns: a machine that others use too is
slow for both of a pair. Prints the median and the range of each, of the ratio of a pair, and of the CPU time that this
process took.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager
from pathlib import Path

from _outbox_worker import HOST, endpoint, registration, run, slow_client

sys.path.insert(0, str(Path(__file__).parent.parent))

from aioags import Score
from aioags.outbox import Entry, Journal, Outbox, SQLiteStore, Store
from aioags.outbox.postgres import PostgresStore
from tests.rigs.postgres import Server, running_server

Open = Callable[[], AbstractAsyncContextManager[Store]]


def entry(item: int, user: int) -> Entry:
    """
    Make up a score with a comment.
    """
    return Entry.of("school", endpoint(item), Score.graded(f"user-{user}", 83, score_maximum=100, comment="Well done"))


async def drain(store: Store, count: int, items: int, journal: Journal | None) -> tuple[float, float]:
    """
    Drain what is put before; return scores a second, and CPU seconds.
    """
    for first in range(0, count, 1_000):
        await store.put([entry(n % items, n) for n in range(first, min(first + 1_000, count))], now=time.time())
    async with slow_client(0) as client:
        outbox = Outbox(store, client, {"school": registration()}, journal=journal)
        gc.collect()
        begun, spent = time.perf_counter(), time.process_time()
        places = [f"{HOST}/items/{item}" for item in range(items)]
        gate = asyncio.Semaphore(8)

        async def one(place: str) -> int:
            async with gate:
                return (await outbox.drain("school", place)).recorded

        recorded = sum(await asyncio.gather(*map(one, places)))
        took = time.perf_counter() - begun, time.process_time() - spent
        await outbox.aclose()
    assert recorded == count
    return count / took[0], took[1]


def in_folder(where: str | None) -> Open:
    """
    Return what opens a new SQLite store.
    """

    @asynccontextmanager
    async def opened() -> AsyncIterator[Store]:
        with tempfile.TemporaryDirectory(dir=where) as folder:
            yield SQLiteStore(Path(folder) / "grades.db")

    return opened


def in_server(server: Server) -> Open:
    """
    Return what opens a store in a new database.
    """

    @asynccontextmanager
    async def opened() -> AsyncIterator[Store]:
        with server.database() as url:
            store = PostgresStore(url)
            await store.migrate()
            yield store

    return opened


def shown(values: list[float]) -> str:
    """
    Show the median and the range.
    """
    digits = ",.0f" if statistics.median(values) > 100 else ".2f"
    median, least, most = (format(value, digits) for value in (statistics.median(values), min(values), max(values)))
    return f"{median} ({least} to {most})"


async def measure(opened: Open, pairs: int, count: int, items: int) -> None:
    """
    Drain with the journal and without it, and print what that came to.
    """
    without, with_it, ratios, dearer = [], [], [], []
    for pair in range(pairs):
        found = {}
        for journal in (None, Journal()) if pair % 2 else (Journal(), None):
            async with opened() as store:
                found[journal] = await drain(store, count, items, journal)
        without.append(found[None][0])
        with_it.append(found[Journal()][0])
        ratios.append(with_it[-1] / without[-1])
        dearer.append(found[Journal()][1] / found[None][1])
    print(f"{items} line item{'s' if items > 1 else ''}, scores a second")
    print(f"  without the journal  {shown(without)}")
    print(f"  with it              {shown(with_it)}")
    print(f"  ratio of a pair      {shown(ratios)}")
    print(f"  ratio of CPU time    {shown(dearer)}")


async def main(arguments: argparse.Namespace) -> None:
    """
    Measure one line item, and a hundred.
    """
    pairs, count = arguments.pairs, arguments.scores
    print(f"{os.cpu_count()} cores; load {os.getloadavg()[0]:.1f}; {pairs} pairs of {count:,} scores")
    with ExitStack() as stack:
        if arguments.postgres:
            opened = in_server(stack.enter_context(running_server(durable=True)))
        else:
            opened = in_folder(arguments.folder)
        for items in (1, 100):
            await measure(opened, pairs, count, items)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--postgres", action="store_true", help="in a PostgreSQL that is started for it")
    parser.add_argument("--folder", help="on the disk to measure; the default is the system's for temporary files")
    parser.add_argument("--pairs", type=int, default=9)
    parser.add_argument("--scores", type=int, default=10_000)
    run(main(parser.parse_args()))
