"""
How values are written for people, and read from them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import typer

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def duration(text: str | float) -> float:
    """
    Read a duration such as ``90s``, ``15m``, ``12h`` or ``30d`` as seconds; an option's parser.

    Args:
        text: A number is the option's default, in seconds already.
    """
    if not isinstance(text, str):
        return text
    unit = _UNITS.get(text[-1:])
    if unit is None or not (text[:-1].isascii() and text[:-1].isdigit()) or len(text) > 10:
        raise typer.BadParameter(f"{text[:20]!r} is no duration; give one such as 90s, 15m, 12h or 30d")
    return float(int(text[:-1]) * unit)


def shown_duration(seconds: float) -> str:
    """
    Write a duration for people, such as ``3 h``.
    """
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"


def aligned(table: Sequence[Sequence[str]], *, left: Sequence[int] = ()) -> str:
    """
    Write cells in columns, the first and the last to the left, the rest to the right.

    Args:
        left: Which of the rest go to the left as well, from 0.
    """
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    to_left = {0, *left}
    return "\n".join(_line(cells, widths, to_left) for cells in table)


def _line(cells: Sequence[str], widths: Sequence[int], left: set[int]) -> str:
    padded = [
        cell.ljust(width) if place in left or place == len(cells) - 1 else cell.rjust(width)
        for place, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return "  ".join(padded).rstrip()


def natural(text: str) -> list[tuple[bool, int, str]]:
    """
    Return what ids are sorted by: numbers in them by their value, so that ``10`` is behind ``2``.
    """
    parts = re.findall(r"\d+|\D+", text)
    return [(part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in parts]


def counted(count: int, noun: str) -> str:
    """
    Write a count with its noun, such as ``1 score`` or ``2,000 scores``.
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
