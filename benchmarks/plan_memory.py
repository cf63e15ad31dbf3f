"""
What does a plan cost? As many scores as results, some of which differ; then what differs is posted.

    python benchmarks/plan_memory.py [--count 100000]

The platform is in the process, makes each page of results when it is asked, and keeps nothing. The plan is applied when
it is old, so it reads all results twice. It runs in a fresh process. Printed: the peak of its resident memory above
what it had when everything was imported, after planning and after applying, and seconds. The exit status is 1 when the
peak is above 64 MiB, or when not everything was as it had to be. Speed is not judged.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.stream_memory import peak_mebibytes

MOST = 64.0
PAGE = 500
# One in so many stands there with another value.
DIFFERS = 10
ORIGIN = "https://lms.example.edu"
TOKEN = b'{"access_token": "0123456789abcdef", "token_type": "Bearer", "expires_in": 3600}'


def points_of(number: int) -> float:
    """
    Return a user's points out of 100, in quarters.
    """
    return 1 + number * 7 % 397 / 4


class Platform:
    """
    A transport that is the platform.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self.posted = 0

    async def send(self, request: Any) -> Any:
        """
        Answer at once.
        """
        from aioags import Response

        await asyncio.sleep(0)
        if request.url == f"{ORIGIN}/token":
            return Response(200, "OK", (("Content-Type", "application/json"),), TOKEN, request.url)
        if request.method == "POST":
            self.posted += 1
            return Response(204, "No Content", (), b"", request.url)
        start = int(parse_qs(urlsplit(request.url).query).get("from", ["0"])[0])
        end = min(start + PAGE, self.count)
        body = json.dumps([self._record(number) for number in range(start, end)]).encode()
        link = (("Link", f'<{ORIGIN}/items/1/results?from={end}>; rel="next"'),) if end < self.count else ()
        media_type = ("Content-Type", "application/vnd.ims.lis.v2.resultcontainer+json")
        return Response(200, "OK", (media_type, *link), body, request.url)

    def _record(self, number: int) -> dict[str, Any]:
        points = points_of(number)
        return {
            "id": f"{ORIGIN}/items/1/results/{number}",
            "scoreOf": f"{ORIGIN}/items/1",
            "userId": f"user-{number:08}",
            "resultScore": points / 2 if number % DIFFERS == 0 else points,
            "resultMaximum": 100,
        }

    async def aclose(self) -> None:
        """
        Do nothing.
        """


def resident_mebibytes() -> float:
    """
    Return the memory that this process has resident now.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(re.findall(r"VmRSS:\s+(\d+) kB", status)[0]) / 1024


async def measure(count: int) -> dict[str, Any]:
    """
    Plan, apply, and measure.
    """
    from joserfc.jwk import ECKey

    import aioags.grading.plan  # noqa: F401 - loaded when used; so before it counts
    from aioags import Client, Endpoint, Registration, Runtime, Scope, Score

    passed = [0.0]

    def scores() -> Iterator[Score]:
        for number in range(count):
            yield Score.graded(f"user-{number:08}", points_of(number), score_maximum=100)

    registration = Registration(ORIGIN, "tool", f"{ORIGIN}/token", ECKey.generate_key("P-256", private=True))
    endpoint = Endpoint(f"{ORIGIN}/items", f"{ORIGIN}/items/1", frozenset(Scope))
    platform = Platform(count)
    async with Client(transport=platform, runtime=Runtime(clock=lambda: time.monotonic() + passed[0])) as ags:
        gradebook = ags.gradebook(registration, endpoint)
        await gradebook.get_result("nobody")
        before, begun = resident_mebibytes(), time.perf_counter()
        plan = await gradebook.plan(scores())
        planned, seconds = peak_mebibytes() - before, time.perf_counter() - begun
        passed[0] = 61.0
        report = await plan.apply(overwrite=True)
    return {
        "plan": str(plan),
        "differed": len(plan.overridden),
        "recorded": report.recorded,
        "posted": platform.posted,
        "planned": planned,
        "applied": peak_mebibytes() - before,
        "seconds": seconds,
    }


def main() -> int:
    """
    Run it, print, judge.
    """
    parser = argparse.ArgumentParser(description="Memory of a plan.")
    parser.add_argument("--count", type=int, default=100_000, metavar="N")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(asyncio.run(measure(arguments.count))))
        return 0
    command = [sys.executable, __file__, "--one", "--count", str(arguments.count)]
    run = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    print(
        f"{arguments.count:,} scores, {arguments.count:,} results: {run['plan']}\n"
        f"planned at {run['planned']:.1f} MiB above the import in {run['seconds']:.1f} s, "
        f"{run['recorded']:,} of them applied at {run['applied']:.1f} MiB"
    )
    expected = -(-arguments.count // DIFFERS)
    broken = []
    if not run["differed"] == run["recorded"] == run["posted"] == expected:
        broken.append(f"{run['differed']} differed, {run['posted']} posted, {run['recorded']} recorded, not {expected}")
    if run["applied"] > MOST:
        broken.append(f"the peak is {run['applied']:.1f} MiB above the import, more than {MOST}")
    for fault in broken:
        print(f"NOT AS PROMISED: {fault}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
