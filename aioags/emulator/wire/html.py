"""
HTML in small pieces: text is escaped unless it is `Html` already.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Any

from aioags.emulator.wire.amounts import LARGEST

# AGS allows any precision; Moodle keeps five decimals (seen), and more tells nobody anything.
DECIMALS = 5
# Beyond it a whole number is no longer readable.
LONGEST_NUMBER = 1e15


class Html(str):
    """
    Text that is HTML already.
    """

    __slots__ = ()


def fill(template: str, **values: Any) -> Html:
    """
    Put values into a template, escaped unless they are `Html`.

    Args:
        template: A format string; a brace that is meant is doubled.
    """
    shown = {name: value if isinstance(value, Html) else escape(str(value)) for name, value in values.items()}
    return Html(template.format_map(shown))


def join(pieces: Iterable[Html]) -> Html:
    """
    Put pieces one after the other.
    """
    return Html("".join(pieces))


NOTHING = Html("")


def number(value: Any) -> str:
    """
    Write points for people: no more decimals than needed; a dash for None.
    """
    if value is None:
        return "–"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if abs(value) >= LONGEST_NUMBER:
        # An integer may be longer than any double.
        return f"{value:.6g}" if abs(value) <= LARGEST else "∞"
    text = f"{value:.{DECIMALS}f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
