"""
The figures that were agreed on, and what to say of others.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

Rooms = Mapping[str, float]
Figures = Mapping[str, Rooms]
"""Scene: room: calls."""

# Other versions of Python and aiohttp call otherwise, not more: each pair has figures of its own.
PATH = Path(__file__).parents[1] / "calls.json"
TOLERANCE = 0.03
ACCEPT = "make bench-calls ARGS=--accept"


def read(path: Path, pair: str) -> Figures | None:
    """
    Return the agreed figures of a pair of Python and aiohttp; None: there are none.
    """
    return json.loads(path.read_text(encoding="utf-8")).get(pair) if path.exists() else None


def write(path: Path, pair: str, figures: Figures) -> None:
    """
    Agree on figures; those of other pairs stay.
    """
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    known[pair] = figures
    path.write_text(json.dumps(known, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def total(rooms: Rooms) -> float:
    """
    Return the calls of all rooms.
    """
    return sum(rooms.values())


def complaints(agreed: Figures, found: Figures) -> Iterator[str]:
    """
    Yield a sentence for each scene whose total left its bounds: how it changed, in which rooms, and what to do.
    """
    for scene, rooms in found.items():
        before, now = total(agreed.get(scene, {})), total(rooms)
        if not before:
            yield f"{scene}: nothing is agreed on. Take {now:,.0f} calls with: {ACCEPT}"
        elif abs(now - before) > TOLERANCE * before:
            where = ", ".join(_changes(agreed[scene], rooms, 1 if now > before else -1))
            became = f"{before:,.0f} calls became {now:,.0f} ({now / before - 1:+.1%})"
            yield f"{scene}: {became}: {where}. {_advice(now > before)}"
    for scene in sorted(set(agreed) - set(found)):
        yield f"{scene}: it is not counted any more. Forget it with: {ACCEPT}"


def _changes(before: Rooms, now: Rooms, sign: int) -> Iterator[str]:
    differences = {room: now.get(room, 0) - before.get(room, 0) for room in {*before, *now}}
    for room, difference in sorted(differences.items(), key=lambda each: (-sign * each[1], each[0])):
        if sign * difference > 0:
            verb = "grew" if sign > 0 else "shrank"
            yield f"{room} {verb} by {abs(difference):,.4g} (from {before.get(room, 0):,.4g})"


def _advice(grown: bool) -> str:
    if grown:
        return f"Find what calls more there; if it is worth it, say why in the commit, with: {ACCEPT}"
    return f"Keep what was gained, so that it cannot be lost unseen, with: {ACCEPT}"
