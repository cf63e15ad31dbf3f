"""
A thread that waits for what a background loop does, and pulls for it from the caller's own iterables meanwhile.

A caller's iterable may be a database cursor or hold a lock: it is touched in no thread but the one that gave it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Iterable, Iterator
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Generic, TypeVar

import attrs

T = TypeVar("T")
R = TypeVar("R")
E = TypeVar("E")

_MOST_AT_ONCE = 64
# What comes within this many seconds is handed over together: crossing threads costs as much as sending a score.
_TOGETHER = 0.005


@attrs.frozen(eq=False)
class _Pull:
    """
    The loop asks for more of an iterable.
    """

    source: Iterator[object]
    most: int
    answer: asyncio.Future[tuple[list[object], BaseException | None]]


class _Done:
    """
    What was waited for has ended.
    """


class CallersThread(Generic[E]):
    """
    What one call of a thread has to do with a background loop.

    Args:
        most: How many items are pulled ahead of what the loop asked for, at the most.

    Attributes:
        left_over: What was pulled when the loop wanted no more.
    """

    def __init__(self, *, most: int = _MOST_AT_ONCE) -> None:
        self.left_over: list[object] = []
        self._most = most
        self._pulls = True
        self._calls: SimpleQueue[_Pull | _Done | E] = SimpleQueue()

    def pulled(self, source: Iterable[T]) -> AsyncGenerator[T, None]:
        """
        Return the iterable for the loop: each item is pulled in the thread that waits.
        """
        return self._pull(iter(source))

    def tell(self, event: E) -> None:
        """
        Hand something over to the thread that waits. Called by the loop.
        """
        self._calls.put(event)

    def wait(self, future: Future[R]) -> R:
        """
        Wait for the end, and pull what is asked for. What interrupts the waiting cancels the future.
        """
        for _ in self.events(future):
            pass
        return future.result()

    def events(self, future: Future[R]) -> Iterator[E]:
        """
        Yield what is told until the future is done, and pull what is asked for.
        """
        future.add_done_callback(lambda _: self._calls.put(_Done()))
        try:
            while not isinstance(call := self._calls.get(), _Done):
                if isinstance(call, _Pull):
                    self._answer(call)
                else:
                    yield call
        finally:
            # Nothing, where it is done.
            future.cancel()

    def stop_pulling(self) -> None:
        """
        Touch no iterable any more: each has ended.
        """
        self._pulls = False

    async def _pull(self, source: Iterator[T]) -> AsyncGenerator[T, None]:
        loop = asyncio.get_running_loop()
        failure: BaseException | None = None
        items: list[T] = []
        while failure is None:
            answer: asyncio.Future[tuple[list[T], BaseException | None]] = loop.create_future()
            self._calls.put(_Pull(source, self._most, answer))  # type: ignore[arg-type]
            try:
                items, failure = await answer
                items.reverse()
                while items:
                    yield items.pop()
            finally:
                if answer.done() and not answer.cancelled():
                    self.left_over.extend(reversed(answer.result()[0]))
        if not isinstance(failure, StopIteration):
            raise failure

    def _answer(self, call: _Pull) -> None:
        items: list[object] = []
        failure: BaseException | None = None if self._pulls else StopIteration()
        until = time.monotonic() + _TOGETHER
        try:
            while failure is None and len(items) < call.most and (not items or time.monotonic() < until):
                items.append(next(call.source))
        except Exception as error:  # noqa: BLE001 - the caller's own, handed on
            failure = error
        call.answer.get_loop().call_soon_threadsafe(self._settle, call.answer, items, failure)

    def _settle(
        self,
        answer: asyncio.Future[tuple[list[object], BaseException | None]],
        items: list[object],
        failure: BaseException | None,
    ) -> None:
        if answer.done():
            self.left_over.extend(items)
        else:
            answer.set_result((items, failure))
