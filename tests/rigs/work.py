"""
How much work an answer makes: counted, so that it is the same on every machine.
"""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any


class Work:
    """
    Counts the calls of Python functions while the block runs, as ``benchmarks/calls.py`` does.

    Args:
        where: Part of the path of what is counted.

    Attributes:
        calls: So far.
    """

    def __init__(self, where: str = "") -> None:
        self.calls = 0
        self._where = where
        self._before: Any = None

    def start(self) -> None:
        """
        Count from here on; whoever counted before counts no more.
        """
        self._before = sys.getprofile()
        sys.setprofile(self._called)

    def stop(self) -> None:
        """
        Count no more.
        """
        sys.setprofile(self._before)

    def __enter__(self) -> Work:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _called(self, frame: FrameType, event: str, argument: object) -> None:
        if event == "call" and self._where in frame.f_code.co_filename:
            self.calls += 1
