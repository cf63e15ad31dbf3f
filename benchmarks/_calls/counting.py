"""
Counting calls of Python functions, by the room that the function stands in.

A room is a folder or file directly under aioags; of other software it is the library. Functions written in C do not
count, and neither does what the benchmark itself calls. A coroutine counts again each time it goes on after waiting:
the interpreter calls it then.
"""

from __future__ import annotations

import gc
import re
import sys
import sysconfig
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from types import CodeType, FrameType

import aioags

PACKAGE = Path(aioags.__file__).parent
BENCHMARKS = Path(__file__).parents[1]
STDLIB = Path(sysconfig.get_path("stdlib"))
NOT_COUNTED = ""


@cache
def room(filename: str) -> str:
    """
    Name the room of the functions of one file; `NOT_COUNTED` for the benchmark's own.
    """
    # What attrs writes has no file, and names the class that it is written for.
    if generated := re.match(r"<attrs generated \w+ (\w+)(?:\.(\w+))?", filename):
        return generated[2] or generated[1] if generated[1] == "aioags" else "attrs"
    path = Path(filename)
    if path.is_relative_to(BENCHMARKS):
        return NOT_COUNTED
    if path.is_relative_to(PACKAGE):
        return path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if (place := _library(path)) is not None:
        return place
    return "stdlib"


def _library(path: Path) -> str | None:
    if "site-packages" not in path.parts:
        return None
    first = path.parts[path.parts.index("site-packages") + 1].partition(".")[0]
    return packages_distributions().get(first, [first])[0]


class Calls:
    """
    Counts the calls of this thread while it is on.

    Attributes:
        counted: Calls by the code that was called.
    """

    def __init__(self) -> None:
        self.counted: Counter[CodeType] = Counter()

    def _called(self, frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            self.counted[frame.f_code] += 1

    @contextmanager
    def on(self) -> Iterator[None]:
        """
        Count within the block, during which nothing is collected: what is freed then may call, and when is chance.
        """
        gc.collect()
        gc.disable()
        sys.setprofile(self._called)
        try:
            yield
        finally:
            sys.setprofile(None)
            gc.enable()

    @contextmanager
    def off(self) -> Iterator[None]:
        """
        Do not count within the block, which must not await.
        """
        before = sys.getprofile()
        sys.setprofile(None)
        try:
            yield
        finally:
            sys.setprofile(before)

    def rooms(self) -> Counter[str]:
        """
        Return the calls by room.
        """
        found: Counter[str] = Counter()
        for code, number in self.counted.items():
            found[room(code.co_filename)] += number
        found.pop(NOT_COUNTED, None)
        return found
