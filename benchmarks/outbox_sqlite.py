"""
The outbox in SQLite: durable puts per second, and how fast it drains to a platform that answers at once.

    python benchmarks/outbox_sqlite.py [folder on the disk to measure]

Prints the median and the range of several runs, each on a new file, and what one fsync costs on that disk.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from _outbox_worker import endpoint, registration, run, slow_client

from aioags import Score
from aioags.outbox import Entry, Outbox, SQLiteStore

RUNS = 5
CALLERS = 64
PUTS = 20_000
DRAINED = 10_000


def fsync_seconds(folder: Path) -> float:
    """
    Measure one write and its fsync, the median of 200.
    """
    times = []
    with (folder / "probe").open("wb", buffering=0) as file:
        for _ in range(200):
            file.write(b"x" * 4096)
            begun = time.perf_counter()
            os.fsync(file.fileno())
            times.append(time.perf_counter() - begun)
    return statistics.median(times)


def entry(item: int, user: int) -> Entry:
    """
    Make up a score.
    """
    return Entry.of("school", endpoint(item), Score.graded(f"user-{user}", 83, score_maximum=100))


async def put_singly(store: SQLiteStore, callers: int) -> int:
    """
    Let callers put one score after another.
    """
    each = PUTS // 64 if callers == 1 else PUTS // callers

    async def caller(number: int) -> None:
        for place in range(each):
            await store.put([entry(number, place)], now=time.time())

    await asyncio.gather(*(caller(number) for number in range(callers)))
    return each * callers


async def put_in_batches(store: SQLiteStore, size: int) -> int:
    """
    Put batches, one after another.
    """
    for first in range(0, PUTS, size):
        await store.put([entry(0, first + place) for place in range(size)], now=time.time())
    return PUTS


async def measure(what: str, work: Callable[[SQLiteStore], Awaitable[int]], folder: Path) -> None:
    """
    Run something several times, and print its rate.
    """
    rates = []
    for _ in range(RUNS):
        with tempfile.TemporaryDirectory(dir=folder) as place:
            store = SQLiteStore(Path(place) / "grades.db")
            await store.migrate()
            begun = time.perf_counter()
            count = await work(store)
            rates.append(count / (time.perf_counter() - begun))
            await store.aclose()
    print(f"{what:55} {statistics.median(rates):8,.0f}/s   ({min(rates):,.0f} to {max(rates):,.0f})")


async def measure_drain(folder: Path, items: int) -> None:
    """
    Drain what was put before, and print the rate.
    """
    rates = []
    for _ in range(RUNS):
        with tempfile.TemporaryDirectory(dir=folder) as place:
            store = SQLiteStore(Path(place) / "grades.db")
            await store.put([entry(n % items, n) for n in range(DRAINED)], now=time.time())
            async with slow_client(0) as client:
                outbox = Outbox(store, client, {"school": registration()})
                begun = time.perf_counter()
                done = await outbox.drain_all()
                rates.append(done.recorded / (time.perf_counter() - begun))
                await outbox.aclose()
    what = f"drain to a platform that answers at once, {items} line item{'s' if items > 1 else ''}"
    print(f"{what:55} {statistics.median(rates):8,.0f}/s   ({min(rates):,.0f} to {max(rates):,.0f})")


async def main() -> None:
    """
    Measure everything.
    """
    given = sys.argv[1] if len(sys.argv) > 1 else None
    with tempfile.TemporaryDirectory(dir=given) as name:
        folder = Path(name)
        print(
            f"one fsync: {fsync_seconds(folder) * 1000:.2f} ms; {os.cpu_count()} cores; load {os.getloadavg()[0]:.1f}"
        )
        await measure(f"durable put(), {CALLERS} callers at once", lambda store: put_singly(store, CALLERS), folder)
        await measure("durable put(), one caller", lambda store: put_singly(store, 1), folder)
        for size in (100, 1000):
            await measure(f"batches of {size}", lambda store, size=size: put_in_batches(store, size), folder)
        for items in (1, 100):
            await measure_drain(folder, items)


if __name__ == "__main__":
    run(main())
