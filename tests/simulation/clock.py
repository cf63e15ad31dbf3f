"""
Time that jumps, in an order that never changes; and processes, each with a wall clock of its own, that can die.

Theory of operation. The loop never waits: when nothing can run, its clock leaps to the next timer. Everything that runs
belongs to a process, or to the world when it belongs to none, by its context. Of a process that died nothing runs any
more: no callback, no cleanup, as if its machine had lost power. Tasks and futures are numbered, because sets of them
are walked in the order of their hashes, and an address in memory is another one each time.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from math import inf
from typing import Any

import attrs

from aioags.model.stamp import Timekeeper, timekeeper

EPOCH = 1_900_000_000.0
"""Unix time when every world begins."""

YEAR = 365 * 86_400.0
# Turns of the loop in a whole world; a tenth is usual.
_MOST_TURNS = 400_000


class RestlessError(Exception):
    """
    The world does not come to rest: something runs on and on.
    """


class _NumberedTask(asyncio.Task[Any]):
    def __init__(self, *args: Any, **more: Any) -> None:
        self.number = next(more["loop"].numbers)
        super().__init__(*args, **more)

    def __hash__(self) -> int:
        return self.number


class _NumberedFuture(asyncio.Future[Any]):
    def __init__(self, loop: VirtualLoop) -> None:
        self.number = next(loop.numbers)
        super().__init__(loop=loop)

    def __hash__(self) -> int:
        return self.number


class _Leap:
    """
    What a loop asks for news of its sockets. There are none, so it makes time pass instead.
    """

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def select(self, timeout: float | None) -> list[Any]:
        self._loop.turns += 1
        if timeout is None:
            raise RestlessError("nobody can go on: everything waits for something that never comes")
        if self._loop.turns > _MOST_TURNS:
            raise RestlessError(f"the world does not come to rest within {_MOST_TURNS} turns of its loop")
        if timeout > 0:
            self._loop.now = max(self._loop.now, self._loop.next_timer())
        return []

    def close(self) -> None:
        """
        There is nothing to close.
        """


class VirtualLoop(asyncio.BaseEventLoop):
    """
    An event loop whose clock jumps, and which runs nothing of a process that is dead.

    Attributes:
        now: Seconds since the world began.

        turns: How often it looked for something to do.

        after_all: True when the world is over: then the dead may clean up.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.turns = 0
        self.after_all = False
        self.numbers = itertools.count(1)
        self.tasks: list[asyncio.Task[Any]] = []
        self._limbo: list[tuple[Callable[..., Any], tuple[Any, ...], Context]] = []
        self._selector = _Leap(self)
        self.set_task_factory(self._new_task)

    def _new_task(self, loop: asyncio.AbstractEventLoop, coroutine: Any, **more: Any) -> asyncio.Task[Any]:
        task = _NumberedTask(coroutine, loop=self, **more)
        # Kept: a task of a dead process that is collected would run its cleanup, at the collector's whim.
        self.tasks.append(task)
        return task

    def create_future(self) -> asyncio.Future[Any]:
        return _NumberedFuture(self)

    def time(self) -> float:
        return self.now

    def next_timer(self) -> float:
        """
        Return when the next timer is due.
        """
        return float(self._scheduled[0].when())  # type: ignore[attr-defined]

    def call_soon(self, callback: Any, *args: Any, context: Context | None = None) -> asyncio.Handle:
        return super().call_soon(self._living, callback, args, context=context)

    def call_at(self, when: float, callback: Any, *args: Any, context: Context | None = None) -> asyncio.TimerHandle:
        return super().call_at(when, self._living, callback, args, context=context)

    def _living(self, callback: Callable[..., Any], args: tuple[Any, ...]) -> None:
        process = _process.get()
        if process is None or process.alive or self.after_all:
            callback(*args)
        else:
            self._limbo.append((callback, args, copy_context()))

    def _process_events(self, events: list[Any]) -> None:
        return

    def _write_to_self(self) -> None:
        return

    def bury(self) -> None:
        """
        Let everything that was left hanging, of the living and the dead, clean up where nobody looks.
        """
        self.after_all = True
        self.turns = 0
        for callback, args, context in self._limbo:
            self.call_soon(callback, *args, context=context)
        for _ in range(50):
            left = [task for task in self.tasks if not task.done()]
            if not left:
                return
            for task in left:
                task.cancel()
            self.run_until_complete(asyncio.sleep(0.001))


_process: ContextVar[Process | None] = ContextVar("process", default=None)


@attrs.define(eq=False)
class WallClock:
    """
    What one machine takes for Unix time.

    Attributes:
        offset: Seconds ahead of the true time.

        glitches: By how many seconds the next readings are off.

        until: When that is over, however few of them were read: a moment, also for a process that seldom looks.
    """

    loop: VirtualLoop = attrs.field(repr=False)
    offset: float = 0.0
    glitches: list[float] = attrs.field(factory=list)
    until: float = 0.0

    @property
    def is_off(self) -> bool:
        """
        True when the next reading is off.
        """
        return bool(self.glitches) and self.loop.now < self.until

    def __call__(self) -> float:
        """
        Read it.
        """
        now = EPOCH + self.loop.now + self.offset
        return now + self.glitches.pop() if self.is_off else now

    def shows(self) -> float:
        """
        Return what it shows, without a reading.
        """
        return EPOCH + self.loop.now + self.offset


@attrs.define(eq=False)
class Process:
    """
    One life of a process: from a start to the death that it does not see coming.

    Attributes:
        name: Of the process and of its life, such as ``w1.2``.

        cancelled_at: When it last gave a call up before it was over.
    """

    name: str
    loop: VirtualLoop = attrs.field(repr=False)
    wall: WallClock = attrs.field(repr=False)
    alive: bool = True
    cancelled_at: float = -inf
    context: Context = attrs.field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self.context = copy_context()
        self.context.run(_process.set, self)
        self.context.run(timekeeper.set, Timekeeper(self.wall, process=self.name, steady=self.loop.time))

    def start(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """
        Let the process do something.
        """
        return self.loop.create_task(work, name=name, context=self.context)

    def die(self) -> None:
        """
        Stop where it stands.
        """
        self.alive = False
