"""
What a score costs beside what else could send it: one run that alternates all contestants on a server that is not the
bottleneck, and prints medians, spread and ratios.

    make bench                      ten minutes
    make bench ARGS=--quick         one and a half: fewer and shorter turns
    make bench ARGS=--full          more rounds of what is promised; writes the page, its JSON and its chart
    make bench ARGS="--only TLS"    contests whose title holds a word

Absolute figures are the machine's, and of this hour. Ratios are of turns of one round, one after the other. The server
has the last core for itself where there are several; its share of that core is printed: near 100 % the server was
measured, not its clients. So is how much of the time a contestant waited for its core: more than a few per cent, and
the figures are those of a machine that others use. × is the ratio to the first of a contest, in the same round.

Who takes part, and by which practice: ``_bench/contestants.py``.
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

from _bench import page, report
from _bench.cases import contests
from _bench.promises import met, summary
from _calls import baseline
from _calls.scenes import score_over_http

HERE = Path(__file__).parent
DOCS = HERE.parent / "docs"


def scripts(level: str) -> list[list[str]]:
    """
    Return the benchmarks that are programs of their own: many platforms, and a million scores.
    """
    counts = {"quick": ["2000", "20000"]}.get(level, ["10000", "1000000"])
    small = ["--quick"] if level == "quick" else []
    few = ["--count", "10000"] if level == "quick" else []
    found = [[str(HERE / "stream_memory.py"), "--counts", *counts, "--in-flight", "64"]]
    found.append([str(HERE / "plan_memory.py"), *few])
    if (HERE / "many_platforms.py").exists():
        found.insert(0, [str(HERE / "many_platforms.py"), *small])
    return found


def run_script(command: list[str]) -> tuple[int, list[str]]:
    """
    Run a benchmark that is a program of its own, and show what it prints as it comes.

    Returns:
        Its exit status, and its lines.
    """
    lines = []
    with subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            lines.append(line.rstrip())
    return process.returncode, lines


def write(known: dict[str, Any], level: str) -> None:
    """
    Write the JSON, and the chart and the tables that the documentation shows.
    """
    known |= {"command": report.command(), "level": level, "machine": report.machine()}
    known["date"] = time.strftime("%Y-%m-%d", time.gmtime())
    text = json.dumps(known, indent=1, ensure_ascii=False)
    (DOCS / "performance.json").write_text(text + "\n", encoding="utf-8")
    page.write(DOCS)


def main() -> int:
    """
    Run everything and print it.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter turns")
    parser.add_argument("--full", action="store_true", help="more rounds of what is promised; writes the page")
    parser.add_argument("--only", default="", metavar="WORD", help="contests whose title holds this")
    arguments = parser.parse_args()
    level = "quick" if arguments.quick else "full" if arguments.full else "usual"
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"[{time.monotonic() - began:4.0f} s] {text}", file=sys.stderr, flush=True)

    print(", ".join(f"{what} {which}" for what, which in report.machine().items()))
    wanted = [contest for contest in contests(level) if arguments.only.lower() in contest.title.lower()]
    if not wanted:
        parser.error(
            f"--only {arguments.only}: no contest is called so; they are:\n  "
            + "\n  ".join(each.title for each in contests(level))
        )
    results: dict[str, dict[str, Any]] = {}
    rates: dict[str, float] = {}
    for contest in wanted:
        results[contest.title] = contest.run(say, rates)
        print(*report.lines(results[contest.title]), sep="\n", flush=True)
    broken = 0
    programs: dict[str, list[str]] = {}
    calls = baseline.total(asyncio.run(score_over_http())) if not arguments.only else None
    for command in [] if arguments.only else scripts(level):
        called = f"{Path(command[0]).name} {' '.join(command[1:])}".strip()
        print(f"\n{called}", flush=True)
        status, programs[called] = run_script(command)
        broken |= status
    known = {"contests": results, "programs": programs, "calls": calls}
    short = " of turns too short to judge by" if level == "quick" else ""
    if summary(known):
        print(f"\nWhat is promised, medians{short}:")
    for what, figure, bar in summary(known):
        print(f"  {what:45} {figure:6.2f}   bar {bar}{'' if met(figure, bar) else '   missed'}")
    if (waited := report.waited(known)) > report.BUSY:
        print(
            f"A contestant waited for its core {waited:.0%} of the time: others use this machine, judge by a quiet one."
        )
    if level == "full" and not arguments.only:
        write(known, level)
    return broken


if __name__ == "__main__":
    sys.exit(main())
