"""
Group commit: what comes while a commit is under way is committed together, next.

Theory of operation. The first caller is served at once. Those who come before it is done wait, and are then served as
one: under load hundreds share one transaction and its fsync, and a lone one waits for nobody. Each is answered when
its group is committed, never before, so what is answered is durable. A caller that is cancelled does not take its
commit back. If a group fails, each of it is made again alone, so that only the guilty one's caller hears of it.

A commit that needs what somebody else holds (a row that an open transaction has changed, which may last) must hold up
nobody. Whoever makes commits waits for such a thing only briefly and then raises `HeldError`. The commit leaves the
line and is made again by itself, between pauses in which it has nothing that others need, until it succeeds or its
patience is at an end. At any time only few who were found held are trying, and few who were merely in bad company; the
two do not wait for each other.

Where groups are made is the store's to choose: in PostgreSQL in tasks of the caller's event loop, in SQLite in a thread
of its own (`aioags.outbox.sqlite.writer`), which callers of several loops share. So the line is behind a lock of
threads, and an answer finds the loop of its caller. One group is made at a time, by one step that starts the next: what
was parted from its group comes between two groups, however long the line is.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from itertools import accumulate, takewhile
from typing import Any, Generic, TypeVar

import attrs

from aioags.outbox.model import StoreError

T = TypeVar("T")
R = TypeVar("R")

Step = Coroutine[Any, Any, None]
"""Makes one group, or one commit alone."""

# As many items as one statement takes well, and beyond which the first of a transaction wait for no good reason.
_MOST_TOGETHER = 2_000

# Each takes a connection, of which a pool has ten.
_FEW = 2

_PAUSE = 0.25


class HeldError(StoreError):
    """
    Somebody else holds what a commit needs, and may do so for long.
    """


@attrs.define(eq=False)
class Commit(Generic[T, R]):
    """
    What one caller wants to have committed.

    Attributes:
        items: What it is about. Who makes a commit in parts leaves here what is still to be made.

        now: Unix time, as it was given.

        answer: What its caller waits for, in the caller's loop.

        made: False while it is still to be made, whether its caller waits or was cancelled.

        parted: True when it has left the line and is made alone.
    """

    items: Sequence[T]
    now: float
    answer: asyncio.Future[R]
    made: bool = False
    parted: bool = False
    _value: R | None = None
    _error: Exception | None = None

    def settle(self, value: R) -> None:
        """
        Note that it is durable, and what its caller is to be answered.
        """
        self.made, self._value = True, value

    def fail(self, error: Exception) -> None:
        """
        Note that it failed for good, and why.
        """
        self.made, self._error = True, error

    def tell(self) -> None:
        """
        Answer the caller, if it is made and the caller still waits. In the caller's loop.
        """
        if not self.made or self.answer.done():
            return
        if self._error is None:
            self.answer.set_result(self._value)  # type: ignore[arg-type]  # R may be None itself.
        else:
            self.answer.set_exception(self._error)


class GroupCommit(Generic[T, R]):
    """
    Commits together what comes together.

    Args:
        run: Makes a group, and settles or fails each. One that it has settled before it raises is not made again.

        start: Has a step made, in the order given, in one thread. Must not run it itself. None: as a task of the loop
            that asks. A step only ever waits for `run`, and after a `HeldError` for `sleep` and for others like it.

        patience: How long a commit is tried again that somebody else holds up, seconds.

        clock: Reads seconds that never step back.

        sleep: Waits for so many seconds.
    """

    def __init__(
        self,
        run: Callable[[list[Commit[T, R]]], Awaitable[None]],
        *,
        start: Callable[[Step], None] | None = None,
        patience: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._run = run
        self._start = start or self._start_task
        self._patience = patience
        self._clock = clock
        self._sleep = sleep
        self._parted = asyncio.Semaphore(_FEW)
        self._held = asyncio.Semaphore(_FEW)
        self._lock = threading.Lock()
        self._waiting: list[Commit[T, R]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._running = False

    def begin(self, items: Sequence[T], now: float = 0.0) -> asyncio.Future[R]:
        """
        Get in line, from a coroutine; its loop is where the answer comes.

        Args:
            now: Unix time, for a `run` that asks for it.
        """
        commit: Commit[T, R] = Commit(items, now, asyncio.get_running_loop().create_future())
        with self._lock:
            self._waiting.append(commit)
            self._start_next()
        return commit.answer

    async def commit(self, items: Sequence[T], now: float = 0.0) -> R:
        """
        Commit items, together with whoever waits; see `begin`. Durable when this returns.
        """
        return await self.begin(items, now)

    def _start_next(self) -> None:
        if self._waiting and not self._running:
            self._running = True
            self._start(self._make_group())

    def _start_task(self, step: Step) -> None:
        task = asyncio.ensure_future(step)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _make_group(self) -> None:
        try:
            group = self._next_group()
            try:
                await self._run(group)
            except Exception as error:  # noqa: BLE001  Whatever it is, it belongs to a caller, who gets it.
                self._part(group, error)
            _answer(group)
        finally:
            # Also when its task is cancelled, with its loop: whoever comes next starts again.
            self._running = False
        with self._lock:
            self._start_next()

    def _next_group(self) -> list[Commit[T, R]]:
        with self._lock:
            ends = accumulate(len(commit.items) for commit in self._waiting)
            count = max(1, sum(1 for _ in takewhile(_MOST_TOGETHER.__ge__, ends)))
            group, self._waiting = self._waiting[:count], self._waiting[count:]
        return group

    def _part(self, group: list[Commit[T, R]], error: Exception) -> None:
        is_held = isinstance(error, HeldError)
        if len(group) == 1 and not is_held:
            group[0].fail(error)
            return
        for commit in group:
            if not commit.made:
                self._start(self._make_alone(commit, known_held=is_held and len(group) == 1))

    async def _make_alone(self, commit: Commit[T, R], *, known_held: bool) -> None:
        commit.parted = True
        last = self._clock() + self._patience
        turns = self._held if known_held else self._parted
        while not commit.made:
            if turns is self._held:
                await self._sleep(_PAUSE)
            async with turns:
                await self._try(commit, is_last=self._clock() >= last)
            turns = self._held
        _answer([commit])

    async def _try(self, commit: Commit[T, R], *, is_last: bool) -> None:
        try:
            await self._run([commit])
        except HeldError as error:
            if is_last:
                commit.fail(error)
        except Exception as error:  # noqa: BLE001  As above.
            commit.fail(error)

    async def aclose(self) -> None:
        """
        Wait until everything is made or has failed, where the steps are tasks: longer than its patience none takes.
        """
        while self._tasks:
            await asyncio.wait(set(self._tasks))


def _answer(commits: list[Commit[Any, Any]]) -> None:
    for loop in {commit.answer.get_loop() for commit in commits}:
        told = [commit for commit in commits if commit.answer.get_loop() is loop]
        # One wake-up of the loop for all of them. A loop that is closed has nobody who waits.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(_tell, told)


def _tell(commits: list[Commit[Any, Any]]) -> None:
    for commit in commits:
        commit.tell()
