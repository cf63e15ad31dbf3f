"""
The tables and the chart of docs/performance.md, made of docs/performance.json and of what platforms allow.

    python benchmarks/_bench/page.py        write them and the chart anew, without measuring
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks._bench import marks, report
from benchmarks._bench.promises import bars, met, summary
from benchmarks._bench.report import LABELS

DOCS = Path(__file__).parents[2] / "docs"
UNITS = {
    "cpu_us": ("µs CPU each", 1),
    "rate": ("a second", 0),
    "share": ("of in flight ÷ delay", 2),
    "process": ("s", 2),
}
# Seconds of an answer, where a platform names no limit of calls: taken for the table, and measured nowhere.
ANSWER = 0.2
LIMITS: list[tuple[str, str, float]] = [
    ("Canvas", "about 12 requests at once (a bucket that runs out by 10 a second)", 12 / ANSWER),
    ("Brightspace", "50,000 credits a minute, 10 for each call, if calls of LTI count", 50_000 / 10 / 60),
    ("Blackboard", "10,000 calls a day for each developer group, if calls of LTI count", 10_000 / 86_400),
    ("Moodle, Sakai or Open edX with 8 workers", "none but the workers", 8 / ANSWER),
    ("the same with workers to spare", "none; the default ceiling of 32 at once", 32 / ANSWER),
]
# What a platform gives at once before its limit counts.
AT_ONCE = {"Blackboard": 10_000}
CLASSES = (30, 10_000, 200_000)


def duration(seconds: float) -> str:
    """
    Write seconds as people say them.
    """
    for size, name, until in ((1, "s", 90), (60, "min", 90), (3600, "h", 36)):
        if seconds / size < until:
            return f"{max(1, round(seconds / size))} {name}"
    return f"{round(seconds / 86_400)} days"


def spread(values: list[float], digits: int) -> str:
    """
    Write median, least and most.
    """
    return f"{median(values):,.{digits}f} ({min(values):,.{digits}f}–{max(values):,.{digits}f})"


def platforms(_: dict[str, Any]) -> Iterator[str]:
    """
    How long so many scores take, by what each platform allows.
    """
    yield "| platform | what it allows | a class of 30 | a course of 10,000 | a university of 200,000 |"
    yield "|---|---|---|---|---|"
    for name, allows, rate in LIMITS:
        free, needed = AT_ONCE.get(name, 0), 32 / ANSWER
        times = [max((count - free) / rate, min(count, free) / needed, count / needed) for count in CLASSES]
        yield f"| {name} | {allows} | {' | '.join(map(duration, times))} |"


def machine(known: dict[str, Any]) -> Iterator[str]:
    """
    Where, when and how it was measured.
    """
    named = ", ".join(f"{what} {which}" for what, which in known["machine"].items())
    yield f"Measured on {known['date']} by `{known['command']}`: {named}."
    share = report.waited(known)
    yield f"A contestant waited for its core {share:.0%} of the time, at the median: " + (
        "the machine was not quiet: rates and shares below are lower than they would be, and CPU is higher."
        if share > report.BUSY
        else "the machine was quiet."
    )


def promises(known: dict[str, Any]) -> Iterator[str]:
    """
    The figures that there is a bar for.
    """
    yield "| figure (median) | measured | bar | |"
    yield "|---|---|---|---|"
    for what, figure, bar in summary(known):
        yield f"| {what} | {f'{figure:.2f}'.removesuffix('.00')} | {bar} | {'' if met(figure, bar) else '**missed**'} |"


def contests(known: dict[str, Any]) -> Iterator[str]:
    """
    Every contest: medians, least and most, and the ratio to the first in the same round.
    """
    for title, contest in known["contests"].items():
        unit, digits = UNITS[contest["key"]]
        turns = contest["turns"]
        first = next(iter(turns.values()))
        rounds = f"{len(first)} round{'s' * (len(first) != 1)}"
        yield f"\n**{title[0].upper()}{title[1:]}** ({rounds}, server: {contest['server']})\n"
        yield f"| who | {unit}: median (least–most) | to the first: median (least–most) | peak MiB | server's core |"
        yield "|---|---|---|---|---|"
        for name, own in turns.items():
            figures = [turn[contest["key"]] for turn in own]
            compared = [turn[contest["key"]] / base[contest["key"]] for turn, base in zip(own, first, strict=True)]
            peak = median(turn["peak_mib"] for turn in own)
            busy = f"{max(turn['server'] for turn in own):.0%}"
            cells = LABELS[name], spread(figures, digits), spread(compared, 2), f"{peak:.0f}" if peak else "", busy
            yield f"| {' | '.join(cells)} |"
        for name, why in contest["absent"].items():
            yield f"| {LABELS[name]} | {why} | | | |"


def programs(known: dict[str, Any]) -> Iterator[str]:
    """
    What the programs of their own printed.
    """
    for command, lines in known["programs"].items():
        yield "\n".join(["```text", f"$ python benchmarks/{command}", *lines, "```", ""])


TABLES: dict[str, Callable[[dict[str, Any]], Iterator[str]]] = {
    each.__name__: each for each in (platforms, machine, promises, contests, programs)
}


def filled(text: str, known: dict[str, Any]) -> str:
    """
    Return the page with every table in its place, between the two marks that name it.
    """
    return marks.filled(text, {name: "\n".join(make(known)) for name, make in TABLES.items()})


def chart(known: dict[str, Any]) -> str:
    """
    Draw what a score costs beside the hand-written loop's.
    """
    note = (
        "CPU time per score, 64 in flight, beside a hand-written aiohttp loop: less is better. ▸: goes on to the right."
    )
    return report.chart("What a score costs", bars(known["contests"]), note)


def write(docs: Path = DOCS) -> None:
    """
    Put the tables into the page, and draw the chart.
    """
    known = json.loads((docs / "performance.json").read_text(encoding="utf-8"))
    place = docs / "performance.md"
    place.write_text(filled(place.read_text(encoding="utf-8"), known), encoding="utf-8")
    (docs / "images" / "cost.svg").write_text(chart(known), encoding="utf-8")


if __name__ == "__main__":
    write()
