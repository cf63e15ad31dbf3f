"""
What a score costs beside what else could send it: one run that alternates all contestants on a server that is not the
bottleneck, and prints medians, spread and ratios.

    make bench                      ten minutes
    make bench ARGS=--quick         one: fewer and shorter turns
    make bench ARGS=--full          more rounds everywhere; writes docs/performance.json, its tables and the chart
    make bench ARGS="--only TLS"    contests whose title holds a word

Absolute figures are the machine's, and of this hour. Ratios are of turns of one round, one after the other. The server
has the last core for itself where there are several; its share of that core is printed: near 100 % the server was
measured, not its clients. So is how much of the time a contestant waited for its core: more than a few per cent, and
rates and shares are those of a machine that others use; CPU per score stands.

Who takes part, and by which practice: ``_bench/contestants.py``.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from _bench import page, report
from _bench.cases import ABOVE, FAR, HAND, LAUNCHES, TLS, TOKEN, contests
from _bench.contests import ratios, spread

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


def bars(results: dict[str, dict[str, Any]]) -> list[tuple[str, float, str]]:
    """
    Return the chart's bars: each contestant's CPU for a score beside the hand-written loop's.
    """
    found: dict[str, float] = {}
    for title, contest in results.items():
        if title == HAND or title.startswith("other clients"):
            found |= {name: each[0] for name, each in ratios(contest["turns"], "cpu_us", "hand").items()}
    ranked = sorted(((page.LABELS[name], ratio) for name, ratio in found.items()), key=lambda each: each[1])
    # httpx would make all others invisible.
    return [(name, min(ratio, 10.0), f"{ratio:.2f}" + " ▸" * (ratio > 10)) for name, ratio in ranked]


def summary(results: dict[str, dict[str, Any]]) -> list[tuple[str, float, str]]:
    """
    Return what the package promises: what, figure, bar.
    """
    rows = []
    if head := results.get(HAND):
        compared = ratios(head["turns"], "cpu_us", "hand")
        rows.append(("CPU per score ÷ hand-written loop", compared["aioags"][0], "≤ 0.45"))
        if "aioags-uvloop" in compared:
            rows.append(("… on uvloop", compared["aioags-uvloop"][0], "≤ 0.43"))
        if "undici" in compared:
            rows.append(("CPU per score ÷ undici", ratios(head["turns"], "cpu_us", "undici")["aioags"][0], "≤ 1.1"))
    if secure := results.get(TLS):
        rows.append(
            ("CPU per score ÷ hand-written loop, TLS", ratios(secure["turns"], "cpu_us", "hand")["aioags"][0], "≤ 0.71")
        )
    if own := results.get(ABOVE):
        rows.append(
            ("own work, µs where the loop takes 100", 100 * ratios(own["turns"], "cpu_us", "hand")["above"][0], "≤ 25")
        )
    for in_flight, bar in ((64, "≥ 0.94"), (256, "≥ 0.91"), (1000, "≥ 0.29")):
        if far := results.get(FAR[in_flight]):
            share = spread([turn["share"] for turn in far["turns"]["aioags"]])[0]
            rows.append((f"share of in flight ÷ delay at {in_flight:,}", share, bar))
    if token := results.get(TOKEN):
        rows.append(("token at hand, µs", spread([turn["cpu_us"] for turn in token["turns"]["tokenhit"]])[0], "≤ 1"))
    if launched := results.get(LAUNCHES):
        rows.append(
            ("id_token checks ÷ PyLTI1p3", ratios(launched["turns"], "rate", "pyltilaunches")["launches"][0], "≥ 2.4")
        )
    return rows


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


def write(results: dict[str, dict[str, Any]], programs: dict[str, list[str]], level: str) -> None:
    """
    Write the JSON, and the chart and the tables that the documentation shows.
    """
    known: dict[str, Any] = {"command": report.command(), "level": level, "machine": report.machine()}
    known["date"] = time.strftime("%Y-%m-%d", time.gmtime())
    known["summary"] = summary(results)
    text = json.dumps({**known, "contests": results, "programs": programs}, indent=1, ensure_ascii=False)
    (DOCS / "performance.json").write_text(text + "\n", encoding="utf-8")
    page.write(DOCS)
    note = f"CPU time per score, hand-written aiohttp loop = 1. {known['date']}, {known['command']}"
    picture = report.chart("What a score costs", bars(results), note)
    (DOCS / "images" / "cost.svg").write_text(picture, encoding="utf-8")


def main() -> int:
    """
    Run everything and print it.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter turns")
    parser.add_argument("--full", action="store_true", help="more rounds everywhere; writes the page")
    parser.add_argument("--only", default="", metavar="WORD", help="contests whose title holds this")
    arguments = parser.parse_args()
    level = "quick" if arguments.quick else "full" if arguments.full else "usual"
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"[{time.monotonic() - began:4.0f} s] {text}", file=sys.stderr, flush=True)

    print(", ".join(f"{what} {which}" for what, which in report.machine().items()))
    results: dict[str, dict[str, Any]] = {}
    rates: dict[str, float] = {}
    for contest in contests(level):
        if arguments.only in contest.title:
            results[contest.title] = contest.run(say, rates)
            print(*report.lines(results[contest.title]), sep="\n", flush=True)
    broken = 0
    programs: dict[str, list[str]] = {}
    for command in [] if arguments.only else scripts(level):
        called = f"{Path(command[0]).name} {' '.join(command[1:])}".strip()
        print(f"\n{called}", flush=True)
        status, programs[called] = run_script(command)
        broken |= status
    short = " of turns too short to judge by" if level == "quick" else ""
    print(f"\nIn one line each, medians{short}:")
    for what, figure, bar in summary(results):
        print(f"  {what:45} {figure:6.2f}   bar {bar}")
    if level == "full" and not arguments.only:
        write(results, programs, level)
    return broken


if __name__ == "__main__":
    sys.exit(main())
