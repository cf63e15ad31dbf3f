"""
Command lines: what is wrong with one is said in one line.
"""

from __future__ import annotations

import argparse
import re
from typing import Any, NoReturn


class UsageError(Exception):
    """
    The command was called wrongly; the text is the one line that says how.
    """


# From here on an argument may hold a password.
_SECRET = re.compile(r"(://|passw\w*\s*=).*", re.IGNORECASE | re.DOTALL)


class _Parser(argparse.ArgumentParser):
    def parse_known_args(self, *args: Any, **more: Any) -> Any:
        # A sub-parser leaves what it does not know to the parser above, whose help does not say what the action knows.
        known, unknown = super().parse_known_args(*args, **more)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return known, unknown

    def error(self, message: str) -> NoReturn:
        shown = _SECRET.sub(r"\1…", message)
        raise UsageError(f"{self.prog}: {shown} (see {self.prog} --help)")


def new_parser(program: str, about: str, *, epilog: str | None = None) -> argparse.ArgumentParser:
    """
    Return a parser that raises `UsageError`; its sub-parsers do so too.
    """
    formatter = argparse.RawDescriptionHelpFormatter
    return _Parser(prog=program, description=about, epilog=epilog, formatter_class=formatter, allow_abbrev=False)


_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def duration(text: str) -> float:
    """
    Read a duration such as ``90s``, ``15m``, ``12h`` or ``30d`` as seconds.
    """
    unit = _UNITS.get(text[-1:])
    if unit is None or not text[:-1].isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is no duration; give one such as 90s, 15m, 12h or 30d")
    return float(int(text[:-1]) * unit)


def shown_duration(seconds: float) -> str:
    """
    Write a duration for people, such as ``3 h``.
    """
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"
