"""
Where the calls of threads are run: a background loop, and an `aioags.Client` in it for this process.
"""

from __future__ import annotations

import asyncio
import atexit
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from concurrent.futures import Future
from typing import Any, TypeVar

import aioags.client
from aioags.calls.background_loop import BackgroundLoop
from aioags.calls.callers_thread import CallersThread

T = TypeVar("T")

Call = Callable[[aioags.client.Client], Awaitable[T]]
"""What is to be awaited, given the client of this process."""

_MOST_AHEAD = 128
# Until they are closed, at exit at the latest.
_open: set[Running] = set()


class Running:
    """
    Runs calls for threads that wait.

    Args:
        settings: Of the `aioags.Client` of each process.
    """

    def __init__(self, settings: dict[str, Any]) -> None:
        self._settings = settings
        self._client: aioags.client.Client | None = None
        self._background = BackgroundLoop(self._leave_to_parent)
        self._closed = False
        _open.add(self)

    def run(self, call: Call[T]) -> T:
        """
        Run a call and wait for it.
        """
        self._check_open()
        return self._background.run(self._in_loop(call))

    def begin(self, call: Call[T]) -> Future[T]:
        """
        Start a call; whoever cancels the future cancels it.
        """
        self._check_open()
        return self._background.begin(self._in_loop(call))

    def wait(self, thread: CallersThread[Any], call: Call[T]) -> T:
        """
        Run a call that pulls from iterables of this thread.
        """
        return thread.wait(self.begin(call))

    def call_soon(self, call: Callable[..., object]) -> None:
        """
        Have the loop call something, and do not wait.
        """
        self._background.call_soon(call)

    def iterate(self, opened: Callable[[aioags.client.Client], AsyncGenerator[T, None]]) -> Iterator[T]:
        """
        Read what a call yields. Read ahead are at most as many as were taken, and no more than 128.
        """
        stream = self.run(called(opened))
        most, failure = 1, None
        try:
            while failure is None:
                items, failure = self.run(lambda _, most=most: _taken(stream, most))  # type: ignore[misc]
                yield from items
                most = min(2 * most, _MOST_AHEAD)
        finally:
            # Not waited for: whoever collects garbage is in any thread.
            self.call_soon(lambda: asyncio.ensure_future(stream.aclose()))
        if not isinstance(failure, StopAsyncIteration):
            raise failure

    def close(self) -> None:
        """
        Close what was opened. Can be called twice.
        """
        client, self._client, self._closed = self._client, None, True
        if client is not None:
            self._background.run(client.aclose())
        self._background.close()
        _open.discard(self)

    def __repr__(self) -> str:
        return repr(self._client)

    def _check_open(self) -> None:
        if self._closed:
            raise RuntimeError("the Client is closed")

    def _leave_to_parent(self) -> object:
        client, self._client = self._client, None
        return client

    async def _in_loop(self, call: Call[T]) -> T:
        if self._client is None:
            self._client = aioags.client.Client(**self._settings)
        return await call(self._client)


def called(call: Callable[[aioags.client.Client], T]) -> Call[T]:
    """
    Return a plain function as one to wait for.
    """

    async def awaited(client: aioags.client.Client) -> T:
        return call(client)

    return awaited


async def _taken(stream: AsyncGenerator[T, None], most: int) -> tuple[list[T], BaseException | None]:
    """
    Take some items, and say what ended it. None: there may be more.
    """
    items: list[T] = []
    try:
        while len(items) < most:
            items.append(await anext(stream))
    except Exception as error:  # noqa: BLE001 - the callers own, handed on
        return items, error
    return items, None


def _close_all() -> None:
    for running in list(_open):
        running.close()


atexit.register(_close_all)
