"""
Numbers as JSON brings them and as gradebooks hold them.
"""

from __future__ import annotations

import re
import sys

# Of a double; a longer integer is no number that a gradebook can hold.
LARGEST = sys.float_info.max
# Doubles hold every whole number up to here.
WHOLE = 2**53


def is_number(value: object) -> bool:
    """
    True for a finite JSON number.
    """
    return isinstance(value, int | float) and not isinstance(value, bool) and -LARGEST <= value <= LARGEST


def as_number(value: object) -> float | None:
    """
    Read a number, or a text that is one, as PHP's ``is_numeric`` sees it; None: it is neither.
    """
    if isinstance(value, int | float):
        return value if is_number(value) else None
    if isinstance(value, str) and re.fullmatch(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", value):
        number = float(value)
        return number if is_number(number) else None
    return None


def tidy(points: float) -> float:
    """
    Write a whole number without a fraction, as people do.
    """
    return int(points) if points.is_integer() and abs(points) < WHOLE else points


def pointed(points: float) -> float:
    """
    Write a number with a point, whole ones too: 3 is 3.0, and what no double holds stays as it is.
    """
    return float(points) if abs(points) <= LARGEST else points


def times(points: float | None, factor: float) -> float | None:
    """
    Multiply, within what a double holds; None stays None.
    """
    return None if points is None else max(-LARGEST, min(points * factor, LARGEST))
