"""
Time that leaps to the next timer when nothing can run, and waits in earnest only for the outbox's database.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any


class LeapingLoop(asyncio.BaseEventLoop):
    """
    An event loop in virtual time.

    Attributes:
        now: Seconds since it was made.

        outside: Calls that wait for another thread: while there are any, no time passes.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.outside = 0
        self._woken = threading.Event()
        self._selector = self

    def time(self) -> float:
        """
        Return virtual seconds.
        """
        return self.now

    def select(self, timeout: float | None) -> list[Any]:
        """
        Let time pass: what the loop asks for news of its sockets, of which there are none.
        """
        if timeout == 0:
            return []
        if self.outside:
            self._woken.wait()
            self._woken.clear()
            return []
        if timeout is None:
            raise RuntimeError("everything waits for something that never comes")
        self.now = max(self.now, self._scheduled[0].when())  # type: ignore[attr-defined]
        return []

    def _process_events(self, events: list[Any]) -> None:
        return

    def _write_to_self(self) -> None:
        self._woken.set()

    def close(self) -> None:
        """
        Close it; it has no selector of its own.
        """
        if not self.is_closed():
            super().close()


class WaitedFor:
    """
    A store during whose calls no time passes.
    """

    def __init__(self, inner: Any, loop: LeapingLoop) -> None:
        self._inner, self._loop = inner, loop

    async def _call(self, name: str, *arguments: Any, **more: Any) -> Any:
        self._loop.outside += 1
        try:
            return await getattr(self._inner, name)(*arguments, **more)
        finally:
            self._loop.outside -= 1

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        """
        Pass every method on.
        """
        return partial(self._call, name)
