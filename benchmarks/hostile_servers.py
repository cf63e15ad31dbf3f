"""
What a hostile server costs: time and memory of one listing, for each way to do harm that the tests know.

    python benchmarks/hostile_servers.py [--only WORD]

Each case is run in a fresh process, which also holds the server. Printed for each: the error that the call ended with,
how long it took, and by how much the process's peak memory grew. Cases that are cut by their time run with bounds of
0.1 s of silence and 0.3 s in all, the others with generous ones. Nothing is judged but that each ends with an error.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from aioags import AGSError, Client, RetryPolicy
from benchmarks.stream_memory import peak_mebibytes
from tests.rigs.hostile import CASES, Case
from tests.rigs.raw_server import http_json, raw_server


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


def main() -> int:
    """
    Run every case and print the table.
    """
    parser = argparse.ArgumentParser(description="Time and memory that hostile servers cost.")
    parser.add_argument("--only", default="", metavar="WORD", help="cases whose name holds this")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one is not None:
        print(json.dumps(asyncio.run(suffer(CASES[arguments.one]))))
        return 0
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
