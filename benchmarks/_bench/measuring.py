"""
One turn of one contestant: what it is told, and what is measured of it.
"""

from __future__ import annotations

import json
import re
import resource
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass
class Job:
    """
    What a contestant is to do.

    Attributes:
        origin: Where the server is.

        count: Scores to post, each of another user.

        warm: Scores before those, which are not measured: imports, connections, the token, caches.

        in_flight: Requests at once.

        cafile: Certificate of the server, for https.

        pace: ``fixed`` (in flight at once from the first request), or ``default`` (aioags chooses).
    """

    origin: str
    count: int = 1000
    warm: int = 200
    in_flight: int = 64
    cafile: str | None = None
    pace: str = "fixed"

    @property
    def item(self) -> str:
        """
        The URL of the line item.
        """
        return f"{self.origin}/courses/1/lineitems/1"

    @property
    def scores(self) -> str:
        """
        Where its scores go.
        """
        return f"{self.item}/scores"

    @property
    def token(self) -> str:
        """
        Where its token is.
        """
        return f"{self.origin}/token"


def user(number: int) -> str:
    """
    Return a user id, of the usual length of 36.
    """
    return f"5f9b3c1e-8d42-4b7a-9c60-{number:012}"


@dataclass
class Measure:
    """
    Time, CPU and page faults of what lies between `begin` and `end`.
    """

    figures: dict[str, float] = field(default_factory=dict)

    def begin(self, count: int) -> None:
        """
        Begin, of so many scores.
        """
        self._count = count
        usage = resource.getrusage(resource.RUSAGE_SELF)
        self._queued = waited_for_core()
        self._before = time.perf_counter(), usage.ru_utime + usage.ru_stime, usage.ru_minflt

    def end(self) -> None:
        """
        End.
        """
        seconds = time.perf_counter()
        usage = resource.getrusage(resource.RUSAGE_SELF)
        began, cpu, faults = self._before
        self.figures |= {
            "count": self._count,
            "seconds": seconds - began,
            "cpu_us": (usage.ru_utime + usage.ru_stime - cpu) / self._count * 1e6,
            "faults": (usage.ru_minflt - faults) / self._count,
            "peak_mib": peak_mebibytes(),
            "waited": (waited_for_core() - self._queued) / (seconds - began),
        }


def waited_for_core() -> float:
    """
    Return the seconds that this process was ready to run and another one had its core; 0 where nobody counts them.
    """
    try:
        return int(Path("/proc/self/schedstat").read_text(encoding="ascii").split()[1]) / 1e9
    except (OSError, IndexError):
        return 0.0


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


def users(begin: int, count: int) -> Iterator[tuple[str, int]]:
    """
    Yield user ids and points, made when asked for.
    """
    for number in range(begin, begin + count):
        yield user(number), number % 101


def as_json(job: Job) -> str:
    """
    Write a job for another process.
    """
    return json.dumps(asdict(job))
