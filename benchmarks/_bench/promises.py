"""
What the package promises of a score's cost, and what was measured of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from .cases import ABOVE, FAR, HAND, LAUNCHES, OTHERS, TLS, TOKEN
from .contests import ratios, spread
from .report import LABELS

Row = tuple[str, float, str]
# Contest, figure, who, beside whom: what it is called, and its bar.
RATIOS = [
    (HAND, "cpu_us", "aioags", "hand", "CPU per score ÷ hand-written loop", "≤ 0.45"),
    (HAND, "cpu_us", "aioags-uvloop", "hand", "… on uvloop", "≤ 0.43"),
    (HAND, "cpu_us", "aioags", "undici", "CPU per score ÷ undici", "≤ 1.1"),
    (TLS, "cpu_us", "aioags", "hand", "CPU per score ÷ hand-written loop, TLS", "≤ 0.71"),
    (ABOVE, "cpu_us", "above", "hand", "own work ÷ hand-written loop", "≤ 0.25"),
    (LAUNCHES, "rate", "launches", "pyltilaunches", "id_token checks ÷ PyLTI1p3", "≥ 2.4"),
]
SHARES = {64: "≥ 0.94", 256: "≥ 0.91", 1000: "≥ 0.29"}


def summary(known: dict[str, Any]) -> list[Row]:
    """
    Return what the package promises, of what was measured: what, figure, bar.

    Args:
        known: What docs/performance.json holds: ``contests``, ``programs``, ``calls``.
    """
    return [*_ratios(known["contests"]), *_others(known)]


def met(figure: float, bar: str) -> bool:
    """
    Return whether a figure is as good as its bar.
    """
    than, number = bar.split()
    return figure <= float(number) if than == "≤" else figure >= float(number)


def bars(results: dict[str, dict[str, Any]]) -> list[Row]:
    """
    Return the chart's bars: each contestant's CPU for a score beside the hand-written loop's.
    """
    found: dict[str, float] = {}
    for title in (HAND, OTHERS):
        if contest := results.get(title):
            compared = ratios(contest["turns"], "cpu_us", "hand")
            found |= {name: each[0] for name, each in compared.items() if name != "alone"}
    ranked = sorted(((LABELS[name], ratio) for name, ratio in found.items()), key=lambda each: each[1])
    # httpx would make all others invisible.
    return [(name, min(ratio, 10.0), f"{ratio:.2f}" + " ▸" * (ratio > 10)) for name, ratio in ranked]


def _ratios(results: dict[str, dict[str, Any]]) -> Iterator[Row]:
    for title, key, who, base, what, bar in RATIOS:
        turns = results.get(title, {}).get("turns", {})
        if who in turns and base in turns:
            yield what, ratios(turns, key, base)[who][0], bar


def _others(known: dict[str, Any]) -> Iterator[Row]:
    results = known["contests"]
    for in_flight, bar in SHARES.items():
        if far := results.get(FAR[in_flight]):
            share = spread([turn["share"] for turn in far["turns"]["aioags"]])[0]
            yield f"share of in flight ÷ delay at {in_flight:,}", share, bar
    if token := results.get(TOKEN):
        yield "token at hand, µs", spread([turn["cpu_us"] for turn in token["turns"]["tokenhit"]])[0], "≤ 1"
    if known["calls"]:
        yield "Python calls per score, over HTTP", known["calls"], "≤ 165"
    for command, lines in known["programs"].items():
        if counts := re.search(r"--counts (\d+) (\d+)", command):
            few, many = map(int, counts.groups())
            [grown] = re.findall(r"growth of the peak: \+?(-?[\d.]+) MiB", "\n".join(lines))
            yield f"{many:,} scores beside {few:,}, peak MiB more", float(grown), "≤ 8"
