"""
Where a client lives: the one event loop that its connections, its waiting lines and its tokens on their way belong to.
"""

from __future__ import annotations

import asyncio
import os
import threading


class Home:
    """
    The event loop of the first call, and of every later one.

    Attributes:
        loop: None: there was no call yet.
    """

    def __init__(self) -> None:
        self.loop: asyncio.AbstractEventLoop | None = None
        self._process = 0
        self._thread = 0

    def enter(self) -> None:
        """
        Take the running loop for the home, if there is none yet.

        Raises:
            RuntimeError: It is not the home; the message says what to do.
        """
        if self.loop is None:
            self.loop, self._process, self._thread = asyncio.get_running_loop(), os.getpid(), threading.get_ident()
        elif self.loop is not asyncio._get_running_loop() or self.is_inherited:
            raise RuntimeError(self._fault())

    @property
    def is_inherited(self) -> bool:
        """
        True when it is another process's: this one was forked since.
        """
        return self.loop is not None and self._process != os.getpid()

    @property
    def is_over(self) -> bool:
        """
        True when its loop was closed.
        """
        return self.loop is not None and self.loop.is_closed()

    def _fault(self) -> str:
        if self.is_inherited:
            return (
                f"this Client was used in process {self._process} before {os.getpid()} was forked: its connections are "
                "that one's. Open a Client in each process, after the fork"
            )
        if self.is_over:
            return (
                "this Client was used in another event loop, which is closed: each asyncio.run makes a new one. Open "
                "the Client in the coroutine that is run, with: async with Client() as ags"
            )
        if self._thread != threading.get_ident():
            return (
                "this Client belongs to the event loop of another thread. Run the call there, with "
                "asyncio.run_coroutine_threadsafe(call, loop), or open a Client in this thread's own loop"
            )
        return "this Client belongs to another event loop. Open one in each loop, with: async with Client() as ags"
