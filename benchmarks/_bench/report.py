"""
What was measured, as text, JSON and a picture.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from .contests import ratios, spread

FIGURES = {
    "cpu_us": ("µs CPU each", 1.0, 1),
    "rate": ("a second", 1.0, 0),
    "share": ("of in flight ÷ delay", 1.0, 2),
    "process": ("s", 1.0, 2),
}
LABELS = {
    "hand": "hand-written loop",
    "tuned": "hand-written loop, tuned",
    "aioags": "aioags",
    "aioags-uvloop": "aioags, uvloop",
    "undici": "Node, undici",
    "httpx": "httpx",
    "pylti": "PyLTI1p3",
    "pylti16": "PyLTI1p3, 16 threads",
    "gather": "gather, semaphore",
    "wrk": "wrk (C)",
    "alone": "aioags, post_score one by one",
    "above": "aioags without its transport",
    "lane": "its transport alone",
    "bare": "asyncio alone",
    "retrying": "hand-written loop that repeats",
    "paced": "aioags",
    "handitems": "hand-written loop",
    "items": "aioags",
    "handjoined": "hand-written loop",
    "joined": "aioags",
    "stampede": "aioags",
    "tokenhit": "aioags",
    "coldhand": "by hand",
    "cold": "aioags",
    "pyltilaunches": "PyLTI1p3",
    "launches": "aioags",
}
BUSY = 0.05
ASKED = ("score", "token", "throttled", "unauthorized")
LIBRARIES = ("aioags", "aiohttp", "uvloop", "orjson", "httpx", "PyLTI1p3", "requests")


def machine() -> dict[str, str]:
    """
    Return what the figures were measured with.
    """
    found = {"Python": platform.python_version(), "system": f"{platform.system()} {platform.machine()}"}
    found["cores"] = str(os.cpu_count())
    try:
        info = Path("/proc/cpuinfo").read_text(encoding="utf-8")
        found["processor"] = next(line.split(":", 1)[1].strip() for line in info.splitlines() if "model name" in line)
    except (OSError, StopIteration):
        found["processor"] = platform.processor() or "unknown"
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def lines(contest: dict[str, Any]) -> Iterator[str]:
    """
    Write one contest: for each contestant median, spread, ratio to the first in the same round.
    """
    key, turns = contest["key"], contest["turns"]
    unit, factor, digits = FIGURES[key]
    base = next(iter(turns))
    number = len(turns[base])
    yield f"\n{contest['title']} ({number} round{'s' * (number != 1)}, server: {contest['server']})"
    compared = ratios(turns, key, base)
    for name, own in turns.items():
        middle, least, most = (value * factor for value in spread([each[key] for each in own]))
        ratio, low, high = compared[name]
        faults = spread([each["faults"] for each in own])[0]
        peak = spread([each["peak_mib"] for each in own])[0]
        busy = max(each["server"] for each in own)
        waited = spread([each.get("waited", 0.0) for each in own])[0]
        yield (
            f"  {LABELS[name]:30} {middle:>10,.{digits}f} ({least:,.{digits}f}–{most:,.{digits}f}) {unit:21}"
            f" × {ratio:6.2f} ({low:.2f}–{high:.2f})  {faults:5.1f} page faults, peak {peak:4.0f} MiB,"
            f" server {busy:4.0%}, waited for its core {waited:4.0%}{_asked(own)}"
        )
    for name, why in contest["absent"].items():
        yield f"  {LABELS[name]:30} did not take part: {why}"


def _asked(turns: list[dict[str, float]]) -> str:
    middles = {key: spread([each.get(key, 0) for each in turns])[0] for key in ASKED}
    if not any(middles.values()):
        return ""
    return ", asked: " + ", ".join(f"{key} {number:,.0f}" for key, number in middles.items())


def waited(known: dict[str, Any]) -> float:
    """
    Return the share of the time that a contestant waited for its core, at the median; 0 where nobody counted it.
    """
    turns = (turn for contest in known["contests"].values() for each in contest["turns"].values() for turn in each)
    return spread([turn.get("waited", 0.0) for turn in turns])[0]


def chart(title: str, bars: Iterable[tuple[str, float, str]], note: str) -> str:
    """
    Draw horizontal bars.

    Args:
        bars: Name, value, text of each.

        note: What stands below.
    """
    rows = list(bars)
    longest = max(value for _, value, _ in rows)
    left = 24 + max(round(7.4 * len(name)) for name, _, _ in rows)
    height = 64 + 30 * len(rows) + 28
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 720 {height}" role="img" aria-label="{title}">',
        "<style>text{font:14px system-ui,sans-serif;fill:#24292f}.t{font-weight:600;font-size:16px}.n{font-size:12px;",
        "fill:#57606a}.b{fill:#9aa7b4}.o{fill:#1a7f64}@media(prefers-color-scheme:dark){text{fill:#e6edf3}",
        ".n{fill:#9da7b1}.b{fill:#56616d}.o{fill:#3fb68b}}</style>",
        f'<text class="t" x="16" y="30">{title}</text>',
    ]
    for index, (name, value, text) in enumerate(rows):
        top = 50 + 30 * index
        width = max(2, (572 - left) * value / longest)
        kind = "o" if name.startswith("aioags") else "b"
        parts.append(f'<text x="{left}" y="{top + 16}" text-anchor="end">{name}</text>')
        parts.append(f'<rect class="{kind}" x="{left + 12}" y="{top + 3}" width="{width:.1f}" height="18" rx="3"/>')
        parts.append(f'<text x="{left + 20 + width:.1f}" y="{top + 16}">{text}</text>')
    parts.append(f'<text class="n" x="16" y="{height - 14}">{note}</text></svg>\n')
    return "\n".join(parts)


def command() -> str:
    """
    Return the command that gave the figures.
    """
    more = " ".join(sys.argv[1:])
    return f'make bench ARGS="{more}"' if more else "make bench"
