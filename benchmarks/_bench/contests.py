"""
Rounds: every contestant one turn after the other, again and again, so that what the machine does meanwhile hits all.
"""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Any

from .measuring import Job, as_json
from .servers import Server, cores, counts, pinned

HERE = Path(__file__).parent
Figures = dict[str, float]

# A first turn finds out how quick a contestant is; so many scores.
PROBE = {"pylti": 30, "pylti16": 200, "httpx": 100}
# Scores before those that count. What compiles as it runs is quick only after some thousand.
WARM = {"undici": 5000, "pylti": 5, "pylti16": 100, "httpx": 100}
WRK = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/vnd.ims.lis.v1.score+json"
wrk.headers["Authorization"] = "Bearer 0123456789abcdef0123456789abcdef"
local number = 0
request = function()
  number = number + 1
  return wrk.format(nil, "/courses/1/lineitems/1/scores", nil, string.format(
    '{"userId": "5f9b3c1e-8d42-4b7a-9c60-%012d", "scoreGiven": %d, "scoreMaximum": 100, ' ..
    '"activityProgress": "Completed", "gradingProgress": "FullyGraded", ' ..
    '"timestamp": "2026-11-28T12:00:00.000+00:00"}', number, number % 101))
end
"""


def available(name: str) -> str:
    """
    Return why a contestant cannot take part here; empty: it can.
    """
    if name == "wrk" and not shutil.which("wrk"):
        return "wrk is not installed"
    if name == "undici" and not (shutil.which("node") and shutil.which("npm")):
        return "node and npm are not installed"
    if name.endswith("-uvloop"):
        try:
            import uvloop  # noqa: F401
        except ImportError:
            return "uvloop is not installed"
    return ""


def undici_folder() -> Path:
    """
    Return where undici is, installed beside the environment when first asked for.
    """
    folder = Path(sys.prefix) / "undici"
    if not (folder / "node_modules/undici").exists():
        folder.mkdir(exist_ok=True)
        subprocess.run(
            ["npm", "install", "--silent", "--no-save", "undici@6"], cwd=folder, check=True, stdout=subprocess.DEVNULL
        )
    return folder


def turn(name: str, job: Job) -> Figures:
    """
    Let one contestant run once, in a process of its own.
    """
    # The first is OpenSSL's, the second requests', whose own variable beats what its session is told.
    trust = {"SSL_CERT_FILE": job.cafile, "REQUESTS_CA_BUNDLE": job.cafile} if job.cafile else {}
    if name == "wrk":
        return _wrk(job)
    if name == "undici":
        command = ["node", str(HERE / "undici.mjs"), str(undici_folder()), as_json(job)]
    else:
        command = [sys.executable, "-m", "_bench.turn", name, as_json(job)]
    began = time.perf_counter()
    command = [*pinned(cores()[0]), *command]
    # Whoever forbids Python to keep what it compiles would have each turn compile all of aioags, and measure that.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"} | trust
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, cwd=HERE.parent, env=environment)
    # The last line: npm and Python may have said something before.
    return {**json.loads(done.stdout.splitlines()[-1]), "process": time.perf_counter() - began}


def _wrk(job: Job) -> Figures:
    # It counts by time: as long as so many would take at 50,000 a second, but half a second at least.
    seconds = max(1, round(job.count / 50_000))
    script = Path(sys.prefix) / "wrk-score.lua"
    script.write_text(WRK, encoding="utf-8")
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [*pinned(cores()[0]), "wrk", "-t1", f"-c{job.in_flight}", f"-d{seconds}s", "-s", str(script), job.origin]
    text = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout
    after, took = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter() - began
    found = re.search(r"(\d+) requests in", text)
    if not found or "Non-2xx" in text:
        raise RuntimeError(text)
    count = int(found[1])
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"count": count, "seconds": took, "cpu_us": cpu / count * 1e6, "faults": 0, "peak_mib": 0}


@dataclass
class Contest:
    """
    Contestants on one kind of server.

    Attributes:
        title: What is measured.

        names: Who takes part; ratios are to the first.

        server: How the server is started.

        key: The figure that counts: ``cpu_us`` (of a score, item, launch), ``rate`` (a second), ``share`` (of in flight
            ÷ delay), ``process`` (seconds from the start of the process to its end).

        job: What each does.

        rounds: Turns of each.

        seconds: About how long a turn takes: as many scores are posted as fit. None: the job's own count.

        delay: Of each answer, in seconds, where a share is counted.

        counted: Whether the server is asked what it was asked.
    """

    title: str
    names: tuple[str, ...]
    server: Callable[[], AbstractContextManager[Server]]
    key: str = "cpu_us"
    job: Job = field(default_factory=lambda: Job(""))
    rounds: int = 3
    seconds: float | None = 1.5
    delay: float = 0.0
    counted: bool = False

    def run(self, say: Callable[[str], None], rates: dict[str, float]) -> dict[str, Any]:
        """
        Run it; of each contestant the list of its turns.

        Args:
            say: Is told of each round.

            rates: How many scores a second each contestant posts, by name; who is not in it is tried first, and noted.
        """
        absent = {name: why for name in self.names if (why := available(name))}
        taking_part = [name for name in self.names if name not in absent]
        turns: dict[str, list[Figures]] = {name: [] for name in taking_part}
        with self.server() as server:
            job = replace(self.job, origin=server.origin, cafile=server.cafile)
            jobs = {name: self._fitted(name, job, rates) for name in taking_part}
            for number in range(self.rounds):
                for name in taking_part if number % 2 == 0 else reversed(taking_part):
                    turns[name].append(self._watched(name, jobs[name], server))
                say(f"{self.title}: round {number + 1} of {self.rounds}")
        return {"title": self.title, "key": self.key, "server": server.name, "turns": turns, "absent": absent}

    def _fitted(self, name: str, job: Job, rates: dict[str, float]) -> Job:
        if self.seconds is None:
            return job
        if name == "wrk":
            return replace(job, count=int(50_000 * self.seconds))
        job = replace(job, warm=WARM.get(name, 1000))
        if name not in rates:
            probe = PROBE.get(name, max(1000, 4 * job.in_flight))
            rates[name] = probe / turn(name, replace(job, count=probe))["seconds"]
        if not self.delay:
            return replace(job, count=self._count(rates[name], job))
        count = self._count(min(rates[name], job.in_flight / self.delay), job)
        return replace(job, count=count, warm=min(count, job.warm))

    def _count(self, rate: float, job: Job) -> int:
        assert self.seconds is not None
        return max(4 * job.in_flight, min(300_000, int(rate * self.seconds)))

    def _watched(self, name: str, job: Job, server: Server) -> Figures:
        before = counts(server) if self.counted else {}
        busy = server.busy()
        figures = turn(name, job)
        rate = figures["count"] / figures["seconds"]
        # The warming up is in the server's time as well.
        work = figures["seconds"] * (1 + job.warm / figures["count"])
        figures |= {"rate": rate, "server": min(1.0, (server.busy() - busy) / work)}
        if self.delay:
            figures["share"] = rate * self.delay / job.in_flight
        if self.counted:
            figures |= {key: number - before.get(key, 0) for key, number in counts(server).items()}
        return figures


def spread(values: list[float]) -> tuple[float, float, float]:
    """
    Return median, least and most.
    """
    return median(values), min(values), max(values)


def ratios(turns: dict[str, list[Figures]], key: str, base: str) -> dict[str, tuple[float, float, float]]:
    """
    Return each contestant's ratio to another in the same round: median, least, most.
    """
    pairs = {name: zip(own, turns[base], strict=True) for name, own in turns.items()}
    return {name: spread([mine[key] / theirs[key] for mine, theirs in both]) for name, both in pairs.items()}
