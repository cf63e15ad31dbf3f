"""
What a hostile server costs: time and memory of one listing, for each way to do harm that the tests know.

    python benchmarks/hostile_servers.py [--only WORD]
    python benchmarks/hostile_servers.py --neighbours [--seconds 2] [--rounds 3] [--rate 50]

Each case is run in a fresh process, which also holds the server. Printed for each: the error that the call ended with,
how long it took, and by how much the process's peak memory grew. Cases that are cut by their time run with bounds of
0.1 s of silence and 0.3 s in all, the others with generous ones. Nothing is judged but that each ends with an error.

With `--neighbours`: the scores per second of a healthy platform while a second one is sent scores at a fixed rate and
answers with each kind of harm, as a share of the same beside a second honest one; 0.8 is the least. The servers run in
the same process, so what it costs them to write the harm counts too. Seconds are the process's own, of which it wastes
none: so a busy machine says the same.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gzip
import itertools
import json
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from aioags import AGSError, Client, RetryPolicy, Score
from benchmarks.stream_memory import peak_mebibytes
from tests.rigs.hostile import CASES, PATIENT, Case, whole
from tests.rigs.raw_server import RawServer, http, http_json, raw_server

LEAST_SHARE = 0.8
# What an honest platform says, and what others may: each to a score.
HONEST = http(204)
NEIGHBOURS = {
    "1.5 million values as gzip": http(200, gzip.compress(b"[" + b"0," * 1_500_000 + b"0]"), "Content-Encoding: gzip"),
    "64 KiB of objects": http(200, b"[" + b"{}," * 21_000 + b"{}]"),
    "bytes behind a gzip stream": http(200, gzip.compress(b"{}") + bytes(8_000_000), "Content-Encoding: gzip"),
    "16 MiB as gzip": http(200, gzip.compress(b" " * 2**24), "Content-Encoding: gzip"),
    "empty gzip members": http(200, gzip.compress(b"") * 50_000, "Content-Encoding: gzip"),
    "20,000 answers for one": HONEST * 20_000,
    "a refusal of 600 KB": http(422, b"user " * 120_000),
    "interim answers": b"HTTP/1.1 100 Continue\r\n\r\n" * 20_000,
}


async def suffer(case: Case) -> dict[str, Any]:
    """
    List the line items of a hostile server, and measure.
    """
    retry = RetryPolicy(attempts=1)
    async with raw_server(http_json([])) as server, Client(retry=retry, timeouts=case.timeouts) as client:
        gradebook = server.gradebook(client)
        # Modules are imported and a token is there: what grows from here on is the answer's.
        assert [item async for item in gradebook.line_items()] == []
        server.answers = [case.answer]
        before, begun = peak_mebibytes(), time.perf_counter()
        error = "none"
        try:
            _ = [item async for item in gradebook.line_items()]
        except AGSError as caught:
            error = type(caught).__name__
        return {"error": error, "seconds": time.perf_counter() - begun, "growth": peak_mebibytes() - before}


def score(number: int) -> Score:
    """
    Return one of many scores.
    """
    return Score.graded(f"user-{number}", 5, score_maximum=10)


async def pester(client: Client, server: RawServer, rate: float) -> None:
    """
    Send a neighbour so many scores a second, whatever becomes of them.
    """
    gradebook = server.gradebook(client)

    async def one(number: int) -> None:
        with contextlib.suppress(AGSError):
            await gradebook.post_score(score(number))

    async with asyncio.TaskGroup() as group:
        due = time.process_time()
        for number in itertools.count():
            group.create_task(one(number))
            due += 1 / rate
            while time.process_time() < due:  # noqa: ASYNC110 - no event tells how much was done
                await asyncio.sleep(0.001)


async def beside(answer: bytes, seconds: float, rate: float) -> float:
    """
    Return the scores per second of a healthy platform beside one that answers so.
    """
    retry = RetryPolicy(attempts=1)
    async with (
        raw_server(HONEST) as healthy,
        raw_server(whole(answer) if answer is not HONEST else answer) as other,
        Client(retry=retry, timeouts=PATIENT) as client,
    ):
        gradebook, done = healthy.gradebook(client), 0
        await gradebook.post_scores([score(0)])
        noise = asyncio.create_task(pester(client, other, rate))
        begun = time.process_time()
        while time.process_time() - begun < seconds:
            done += (await gradebook.post_scores([score(number) for number in range(100)])).recorded
        spent = time.process_time() - begun
        noise.cancel()
        await asyncio.gather(noise, return_exceptions=True)
        return done / spent


def neighbours(only: str, seconds: float, rounds: int, rate: float) -> int:
    """
    Print a healthy platform's rate beside each hostile one, as a share of that beside an honest one, alternating.
    """
    good = True
    for name, answer in NEIGHBOURS.items():
        if only not in name:
            continue
        shares = []
        for _ in range(rounds):
            honest = asyncio.run(beside(HONEST, seconds, rate))
            shares.append(asyncio.run(beside(answer, seconds, rate)) / honest)
        share = median(shares)
        good = good and share >= LEAST_SHARE
        print(f"{name:32} {share:5.2f} of its rate ({min(shares):.2f} to {max(shares):.2f})", flush=True)
    return 0 if good else 1


def main() -> int:
    """
    Run every case and print the table.
    """
    parser = argparse.ArgumentParser(description="Time and memory that hostile servers cost.")
    parser.add_argument("--only", default="", metavar="WORD", help="cases whose name holds this")
    parser.add_argument("--neighbours", action="store_true", help="a healthy platform's rate beside each")
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rate", type=float, default=50.0, help="scores a second to the neighbour")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one is not None:
        print(json.dumps(asyncio.run(suffer(CASES[arguments.one]))))
        return 0
    if arguments.neighbours:
        return neighbours(arguments.only, arguments.seconds, arguments.rounds, arguments.rate)
    rows: list[tuple[str, dict[str, Any]]] = []
    for number, case in enumerate(CASES):
        if arguments.only in case.name:
            done = subprocess.run([sys.executable, __file__, "--one", str(number)], stdout=subprocess.PIPE, check=True)
            rows.append((case.name, json.loads(done.stdout)))
            row = rows[-1][1]
            print(f"{case.name:32} {row['error']:18} {row['seconds']:7.3f} s  {row['growth']:+6.1f} MiB", flush=True)
    if rows:
        slowest = max(rows, key=lambda row: row[1]["seconds"])
        largest = max(rows, key=lambda row: row[1]["growth"])
        print(f"worst time {slowest[1]['seconds']:.3f} s ({slowest[0]}), worst memory ", end="")
        print(f"{largest[1]['growth']:+.1f} MiB ({largest[0]}), {len(rows)} cases")
    return 1 if any(row["error"] == "none" for _, row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
