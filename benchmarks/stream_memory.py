"""
Does memory grow with the number of scores? Streams them from an async generator to a minimal server on loopback.

    python benchmarks/stream_memory.py [--counts 10000 100000] [--in-flight 32] [--uvloop]

Each count is run in a fresh process, the server in another. Printed for each: the process's peak resident memory, the
most tasks alive at once, token requests, scores a second and CPU a score (client only). The exit status is 1 when the
peak grows by more than 8 MiB from the first count to the last, when more tasks were alive than in flight plus five, or
when there was more than one token request. Speed is not judged: it is the machine's. Before Python 3.12 aiohttp writes
each body in a task of its own, which lives for a turn of the event loop: those are counted apart.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import resource
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

MOST_GROWTH = 8.0
SPARE_TASKS = 5
HERE = Path(__file__).parent


def peak_mebibytes() -> float:
    """
    Return the most memory that this process had resident.
    """
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        # Where there is no /proc; macOS counts bytes.
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)
    # Not ru_maxrss: on Linux it begins with that of the process that started this one.
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) / 1024


async def stream(count: int, in_flight: int, origin: str) -> dict[str, Any]:
    """
    Post so many scores, each of another user, and measure.
    """
    from joserfc.jwk import ECKey

    from aioags import Client, Endpoint, Pace, Registration, Scope, Score

    most_tasks = most_writers = 0

    async def source() -> AsyncIterator[Score]:
        nonlocal most_tasks, most_writers
        for number in range(count):
            if number % 50 == 0:
                tasks = asyncio.all_tasks()
                writers = sum("aiohttp" in task.get_coro().cr_code.co_filename for task in tasks)  # type: ignore[union-attr]
                most_tasks, most_writers = max(most_tasks, len(tasks) - writers), max(most_writers, writers)
            yield Score.graded(f"user-{number:08}", number % 101, score_maximum=100)

    registration = Registration(origin, "tool", f"{origin}/token", ECKey.generate_key("P-256", private=True))
    endpoint = Endpoint(f"{origin}/items", f"{origin}/items/1", frozenset(Scope))
    async with Client(pace=Pace(ceiling=in_flight)) as client:
        begun, cpu = time.perf_counter(), time.process_time()
        async with client.gradebook(registration, endpoint).post_scores(source()) as deliveries:
            async for _ in deliveries:
                pass
        seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
    return {
        "recorded": deliveries.report.recorded,
        "peak": peak_mebibytes(),
        "tasks": most_tasks,
        "writers": most_writers,
        "rate": count / seconds,
        "cpu": cpu / count * 1e6,
    }


@contextmanager
def loopback() -> Iterator[str]:
    """
    Run the server; its origin.
    """
    command = [sys.executable, str(HERE / "_loopback.py")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield f"http://127.0.0.1:{server.stdout.readline().strip()}"


def measured(count: int, in_flight: int, *, uvloop: bool) -> dict[str, Any]:
    """
    Run one count in a fresh process.
    """
    with loopback() as origin:
        command = [sys.executable, __file__, "--one", origin, "--counts", str(count), "--in-flight", str(in_flight)]
        done = subprocess.run([*command, *(["--uvloop"] if uvloop else [])], stdout=subprocess.PIPE, check=True)
        with urllib.request.urlopen(f"{origin}/counts") as answer:
            counts = json.load(answer)
    return {"count": count, **json.loads(done.stdout), "token_requests": counts["token"], "served": counts["score"]}


def shown(run: dict[str, Any]) -> str:
    """
    Write one run as a line.
    """
    return (
        f"{run['count']:>8,} scores: {run['recorded']:,} recorded, peak {run['peak']:.1f} MiB, "
        f"at most {run['tasks']} tasks (and {run['writers']} of aiohttp's), {run['token_requests']} token request(s), "
        f"{run['rate']:,.0f} scores/s, {run['cpu']:.0f} µs CPU each"
    )


def faults(runs: list[dict[str, Any]], in_flight: int) -> Iterator[str]:
    """
    Yield what was not as promised.
    """
    growth = runs[-1]["peak"] - runs[0]["peak"]
    if growth > MOST_GROWTH:
        yield f"the peak grew by {growth:.1f} MiB, more than {MOST_GROWTH}"
    for run in runs:
        if run["recorded"] != run["count"] or run["served"] != run["count"]:
            yield f"{run['count']:,}: {run['recorded']:,} recorded, {run['served']:,} served"
        if run["tasks"] > in_flight + SPARE_TASKS:
            yield f"{run['count']:,}: {run['tasks']} tasks alive, more than {in_flight} + {SPARE_TASKS}"
        if run["token_requests"] != 1:
            yield f"{run['count']:,}: {run['token_requests']} token requests"


def run_one(arguments: argparse.Namespace) -> None:
    """
    Be the fresh process: measure and print JSON.
    """
    work = stream(arguments.counts[0], arguments.in_flight, arguments.one)
    if arguments.uvloop:
        import uvloop

        print(json.dumps(uvloop.run(work)))
    else:
        print(json.dumps(asyncio.run(work)))


def main() -> int:
    """
    Run every count, print, judge.
    """
    parser = argparse.ArgumentParser(description="Memory of a streamed batch, by its length.")
    parser.add_argument("--counts", type=int, nargs="+", default=[10_000, 100_000], metavar="N")
    parser.add_argument("--in-flight", type=int, default=32, metavar="N")
    parser.add_argument("--uvloop", action="store_true")
    parser.add_argument("--one", metavar="ORIGIN", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        run_one(arguments)
        return 0
    runs = []
    for count in arguments.counts:
        runs.append(measured(count, arguments.in_flight, uvloop=arguments.uvloop))
        print(shown(runs[-1]), flush=True)
    print(f"growth of the peak: {runs[-1]['peak'] - runs[0]['peak']:+.1f} MiB")
    broken = list(faults(runs, arguments.in_flight))
    for fault in broken:
        print(f"NOT AS PROMISED: {fault}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
