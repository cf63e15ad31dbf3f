"""
A night of a university system: ten thousand schools, two million scores, through one outbox.

    python benchmarks/university.py             ten to twenty minutes; writes docs/university.json and the page's tables
    python benchmarks/university.py --quick     a tenth of it, about a minute
    python benchmarks/university.py --made      write the tables anew, without running

The real `Client` and the real `Outbox` on SQLite; the schools' LMSs are cheap models (`_university/schools.py`) whose
throttles are the emulator's own. Time is virtual: it leaps whenever nothing can run, so that a day of waiting for a
limit takes no time. The exit status is 1 if a score is lost, or applied less than once.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

import attrs
from joserfc.jwk import ECKey

from aioags import Client, Endpoint, Registration, Runtime, Scope, Score
from aioags.model.stamp import Timekeeper, timekeeper
from aioags.outbox import Outbox, SQLiteStore
from benchmarks._bench import marks
from benchmarks._bench.page import duration
from benchmarks._university.schools import BROKEN, LMSS, NIGHT, OUTAGES, SIZES, Carrier, School, schools
from benchmarks._university.virtual import LeapingLoop, WaitedFor

DOCS = Path(__file__).parent.parent / "docs"
EPOCH = 1_900_000_000.0
LONGEST = 14 * 86_400.0
POLL = 600.0
SEED = 1


@attrs.define
class Night:
    """
    One run.

    Attributes:
        dead: Scores that the outbox gave up.
    """

    loop: LeapingLoop
    schools: list[School]
    dead: int = 0

    def _count_dead(self, *_: Any) -> None:
        self.dead += 1

    async def run(self, folder: str) -> None:
        """
        Put everything, and wait until nothing is due.
        """
        runtime = Runtime(self.loop.time, lambda: EPOCH + self.loop.now, asyncio.sleep, Random(1).random)
        timekeeper.set(Timekeeper(runtime.wall, process="night", steady=self.loop.time))
        key = ECKey.generate_key("P-256", {"kid": "tool"}, private=True)
        registrations = {s.host: Registration(s.host, "tool", f"{s.host}/token", key) for s in self.schools}
        store = WaitedFor(SQLiteStore(Path(folder) / "night.db"), self.loop)
        async with Client(transport=Carrier(self.schools, self.loop), runtime=runtime, most_platforms=20_000) as client:
            outbox = Outbox(
                store,  # type: ignore[arg-type]
                client,
                registrations,
                runtime=runtime,
                poll=POLL,
                journal=None,
                on_refused=self._count_dead,
            )
            async with outbox:
                await self._put_all(outbox)
                await self._rest()

    async def _put_all(self, outbox: Outbox) -> None:
        for school in sorted(self.schools, key=lambda school: school.begins):
            await asyncio.sleep(max(0.0, school.begins - self.loop.now))
            for item, learners in school.items():
                endpoint = Endpoint(None, item, frozenset((Scope.SCORE, Scope.RESULT_READONLY)))
                scores = [Score.graded(f"u{one}", one % 101, score_maximum=100) for one in learners]
                await outbox.put_many(school.host, endpoint, scores)

    async def _rest(self) -> None:
        waiting = self.schools
        while waiting and self.loop.now < LONGEST:
            await asyncio.sleep(60)
            waiting = [school for school in waiting if 0 in school.got]


def cause(school: School) -> str:
    """
    Say what a school waited for most: its limit, an outage, or nothing but its own size.
    """
    if school.throttled and school.lms.profile.throttle == "quota":
        return "limit"
    if school.outage and school.away[1] > school.begins:
        return "outage"
    return "limit" if school.throttled else "size"


def gathered(night: Night, seconds: float) -> dict[str, Any]:
    """
    Sum the night up.
    """
    by_lms: dict[str, dict[str, Any]] = {}
    for lms in LMSS:
        own = [school for school in night.schools if school.lms is lms]
        if own:
            by_lms[lms.name] = _of_lms(own)
    every = [by_lms[name] for name in by_lms]
    total = {
        key: sum(one[key] for one in every)
        for key in ("schools", "scores", "requests", "throttled", "outage", "broken", "missing")
    }
    total |= {
        "dead": night.dead,
        "longest": max(one["longest"] for one in every),
        "again": sum(sum(school.got) - sum(map(bool, school.got)) for school in night.schools),
        "real": round(seconds),
        "cpu_us": round(time.process_time() / total["scores"] * 1e6),
    }
    return {"total": total, "lms": by_lms}


def _of_lms(own: list[School]) -> dict[str, Any]:
    took = {school.number: school.ended - school.begins for school in own}
    slow = [school for school in own if took[school.number] > 600]
    causes = [cause(school) for school in slow]
    return {
        "schools": len(own),
        "scores": sum(school.size for school in own),
        "requests": sum(school.requests for school in own),
        "throttled": sum(school.throttled for school in own),
        "outage": sum(school.outage for school in own),
        "broken": sum(school.lost for school in own),
        "missing": sum(school.got.count(0) for school in own),
        "median": round(median(took.values()), 1),
        "longest": round(max(took.values()), 1),
        "largest": max(school.size for school in own),
        "slow": {why: causes.count(why) for why in ("limit", "outage", "size")},
    }


def rows(known: dict[str, Any]) -> Iterator[str]:
    """
    Write the table by LMS.
    """
    yield "| LMS | schools | scores | half are done in | slowest | over 10 min: limit | outage | size | lost |"
    yield "|---|" + "---:|" * 8
    for name, one in known["lms"].items():
        cells = [f"{one['schools']:,}", f"{one['scores']:,}", duration(one["median"]), duration(one["longest"])]
        cells += [str(one["slow"][why]) for why in ("limit", "outage", "size")]
        yield f"| {name} | {' | '.join(cells)} | {one['missing']} |"


def limits() -> Iterator[str]:
    """
    Write what each LMS allows, and how that is known.
    """
    yield "| LMS | share of schools | limit | known | an answer takes | known |"
    yield "|---|---:|---|---|---:|---|"
    for lms in LMSS:
        cells = [lms.name, f"{lms.share:.0%} (guessed)", lms.limit, lms.limit_known]
        yield f"| {' | '.join([*cells, f'{lms.answer * 1000:.0f} ms', lms.answer_known])} |"
    yield ""
    sizes = ", ".join(f"{share:.1%} with {size:,}" for share, size in SIZES)
    yield f"- scores of a school: {sizes} (guessed)"
    away = ", ".join(duration(seconds) for seconds in OUTAGES[1])
    yield f"- {OUTAGES[0]:.0%} of the schools are away when their sync begins or soon after, for {away} (guessed)"
    yield f"- of all scores {BROKEN[0]:.1%} lose the answer though they were taken, {BROKEN[1]:.1%} get a 502 (guessed)"
    yield f"- the syncs begin within {duration(NIGHT)}; a line item has at most 500 scores (guessed)"


def summary(known: dict[str, Any]) -> Iterator[str]:
    """
    Say it in a few lines.
    """
    total = known["total"]
    last, real = duration(total["longest"]), duration(total["real"])
    yield f"- {total['scores']:,} scores of {total['schools']:,} schools, {total['requests']:,} requests"
    yield f"- the last one was recorded after {last} (virtual); running it took {real}"
    yield f"- {total['throttled']:,} answers said to slow down, {total['outage']:,} met an outage"
    yield f"- {total['broken']:,} answers were lost; {total['again']:,} of those scores were applied again, same stamp"
    yield f"- **lost: {total['missing']}**; given up: {total['dead']}"
    yield f"- {total['cpu_us']} µs of CPU for a score, the model schools and the database included"


def tables(known: dict[str, Any]) -> dict[str, str]:
    """
    Make what the page shows.
    """
    return {
        name: "\n".join(made)
        for name, made in (("summary", summary(known)), ("lms", rows(known)), ("limits", limits()))
    }


def play(all_of_them: list[School]) -> dict[str, Any]:
    """
    Run a night of these schools.
    """
    logging.disable(logging.CRITICAL)
    begun = time.monotonic()
    loop = LeapingLoop()
    night = Night(loop, all_of_them)
    try:
        asyncio.set_event_loop(loop)
        with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
            loop.run_until_complete(night.run(folder))
    finally:
        asyncio.set_event_loop(None)
        loop.close()
        logging.disable(logging.NOTSET)
    return gathered(night, time.monotonic() - begun)


def main() -> int:
    """
    Run, print and write.
    """
    parser = argparse.ArgumentParser(description="A night of ten thousand schools.")
    parser.add_argument("--quick", action="store_true", help="a tenth of it")
    parser.add_argument("--schools", type=int, default=10_000)
    parser.add_argument("--made", action="store_true", help="write the tables anew, without running")
    arguments = parser.parse_args()
    place, page = DOCS / "university.json", DOCS / "university.md"
    if arguments.made:
        known = json.loads(place.read_text(encoding="utf-8"))
    else:
        count = 1_000 if arguments.quick else arguments.schools
        known = play(schools(count, SEED))
        print("\n".join([*summary(known), "", *rows(known)]))
        if not arguments.quick:
            place.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
    if not arguments.quick:
        page.write_text(marks.filled(page.read_text(encoding="utf-8"), tables(known)), encoding="utf-8")
    return 1 if known["total"]["missing"] or known["total"]["dead"] else 0


if __name__ == "__main__":
    sys.exit(main())
