"""
An event loop in a thread of its own, for programs that have none.

It starts with the first call, starts anew in a process that was forked since, and ends with `close`. What a forked
process inherited of the loop is left alone, and kept: it is the parent's, down to the sockets.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import weakref
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")

_all: weakref.WeakSet[BackgroundLoop] = weakref.WeakSet()
# Never closed, never collected: that would reach through shared descriptors into the parent's loop.
_inherited: list[Any] = []


class BackgroundLoop:
    """
    Runs coroutines for threads that wait for them.

    Args:
        on_fork: Called in a process that was forked while the loop ran, before anything else is; returns what else is
            the parent's, to be left alone.
    """

    def __init__(self, on_fork: Callable[[], object]) -> None:
        self._on_fork = on_fork
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        _all.add(self)

    def begin(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        """
        Start a coroutine; cancelling the future cancels it.

        Raises:
            RuntimeError: This thread must not wait for it; the message says what to do instead.
        """
        try:
            check_thread()
            return asyncio.run_coroutine_threadsafe(coroutine, self._running())
        except Exception:
            coroutine.close()
            raise

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """
        Run a coroutine and wait for it. What interrupts the waiting, such as Ctrl-C, cancels it.
        """
        future = self.begin(coroutine)
        try:
            return future.result()
        finally:
            future.cancel()

    def call_soon(self, call: Callable[..., object], *args: object) -> None:
        """
        Have the loop call something, and do not wait; nothing if it does not run.
        """
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(call, *args)

    def close(self) -> None:
        """
        Cancel what runs, wait for its end, and stop. A later call starts anew.
        """
        with self._lock:
            loop, thread, self._loop, self._thread = self._loop, self._thread, None, None
        if loop is not None and thread is not None and thread is not threading.current_thread():
            asyncio.run_coroutine_threadsafe(_cancel_all(), loop).result()
            loop.call_soon_threadsafe(loop.stop)
            thread.join()

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                # It keeps no program from ending.
                self._thread = threading.Thread(target=_serve, args=(self._loop,), name="aioags", daemon=True)
                self._thread.start()
            return self._loop

    def _forget(self) -> None:
        _inherited.append((self._loop, self._thread, self._on_fork()))
        # Whoever held it at the fork is not here to give it back.
        self._lock = threading.Lock()
        self._loop = self._thread = None


def check_thread() -> None:
    """
    Refuse threads that must not wait: they run an event loop, or are none.

    Raises:
        RuntimeError: The message says what to do instead.
    """
    if asyncio._get_running_loop() is not None:
        raise RuntimeError(
            "aioags.blocking would stop the event loop that runs in this thread (a coroutine, a notebook): await the "
            "calls of aioags.Client there, or move the blocking call into a thread, with asyncio.to_thread"
        )
    for name, module, patched in (
        ("gevent", "gevent.monkey", "is_module_patched"),
        ("eventlet", "eventlet.patcher", "is_monkey_patched"),
    ):
        asked = getattr(sys.modules.get(module), patched, None)
        if asked is not None and (asked("threading") or asked("thread")):
            raise RuntimeError(
                f"{name} has replaced the threads of this process, and an event loop does not run beside it. Send "
                "grades from a worker of another kind (gunicorn: gthread, Celery: prefork or threads), or put them "
                "into an outbox that another process drains"
            )


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        loop.close()


async def _cancel_all() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _forget_all() -> None:
    for background in list(_all):
        background._forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
