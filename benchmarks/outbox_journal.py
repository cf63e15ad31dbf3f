"""
What the journal costs: how fast an outbox drains with it and without it, to a platform that answers at once.

    python benchmarks/outbox_journal.py [folder on the disk to measure, or URL of an empty PostgreSQL database]

Runs in pairs, each on a new store, with and without by turns: a machine that others use too is slow for both of a pair.
Prints the median and the range of each, of the ratio of a pair, and of the CPU time that the process took.
"""

from __future__ import annotations

import asyncio
import gc
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import psycopg
from _outbox_worker import HOST, endpoint, registration, run, slow_client

from aioags import Score
from aioags.outbox import Entry, Journal, Outbox, SQLiteStore, Store
from aioags.outbox.postgres import PostgresStore

PAIRS = 9
DRAINED = 10_000


def entry(item: int, user: int) -> Entry:
    """
    Make up a score with a comment.
    """
    return Entry.of("school", endpoint(item), Score.graded(f"user-{user}", 83, score_maximum=100, comment="Well done"))


async def drain(store: Store, items: int, journal: Journal | None) -> tuple[float, float]:
    """
    Drain what is put before; return scores a second, and CPU seconds.
    """
    for first in range(0, DRAINED, 1_000):
        await store.put([entry(n % items, n) for n in range(first, first + 1_000)], now=time.time())
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
    assert recorded == DRAINED
    return DRAINED / took[0], took[1]


async def once(where: str | None, items: int, journal: Journal | None) -> tuple[float, float]:
    """
    Drain a new store.
    """
    if where is not None and where.startswith("postgresql:"):
        store = PostgresStore(where)
        await store.migrate()
        async with await psycopg.AsyncConnection.connect(where, autocommit=True) as connection:
            for table in ("score", "attempt", "endpoint"):
                await connection.execute(f"TRUNCATE aioags_outbox_{table}".encode())
        return await drain(store, items, journal)
    with tempfile.TemporaryDirectory(dir=where) as folder:
        return await drain(SQLiteStore(Path(folder) / "grades.db"), items, journal)


def shown(values: list[float]) -> str:
    """
    Show the median and the range.
    """
    digits = ",.0f" if statistics.median(values) > 100 else ".2f"
    median, least, most = (format(value, digits) for value in (statistics.median(values), min(values), max(values)))
    return f"{median} ({least} to {most})"


async def main() -> None:
    """
    Measure one line item, and a hundred.
    """
    where = sys.argv[1] if len(sys.argv) > 1 else None
    print(f"{os.cpu_count()} cores; load {os.getloadavg()[0]:.1f}; {PAIRS} pairs of {DRAINED:,} scores")
    for items in (1, 100):
        without, with_it, ratios, dearer = [], [], [], []
        for pair in range(PAIRS):
            order = (None, Journal()) if pair % 2 else (Journal(), None)
            found = {journal: await once(where, items, journal) for journal in order}
            without.append(found[None][0])
            with_it.append(found[Journal()][0])
            ratios.append(with_it[-1] / without[-1])
            dearer.append(found[Journal()][1] / found[None][1])
        print(f"{items} line item{'s' if items > 1 else ''}, scores a second")
        print(f"  without the journal  {shown(without)}")
        print(f"  with it              {shown(with_it)}")
        print(f"  ratio of a pair      {shown(ratios)}")
        print(f"  ratio of CPU time    {shown(dearer)}")


if __name__ == "__main__":
    run(main())
