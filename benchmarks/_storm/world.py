"""
The storm's world: a platform, the network before it, and the tool's processes that die and live again, in virtual time.

Theory of operation. A request that left a process goes on by itself, whatever becomes of the process. Of a process that
died nothing runs any more (`tests.simulation.clock`). What a contestant says of a message is kept as its last word;
what the platform holds in the end is the truth.
"""

from __future__ import annotations

import asyncio
import gc
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from contextvars import copy_context
from random import Random
from typing import Any, Protocol

import attrs
from joserfc.jwk import RSAKey

from aioags.emulator import Platform
from aioags.emulator.wire.messages import Answer
from aioags.protocol.messages import Request
from tests.simulation.clock import EPOCH, Process, VirtualLoop, WallClock
from tests.simulation.network import operation_of

from .plan import OUTAGES, PROCESSES, QUIZZES, RESTARTS, Message, Outage, fault, messages

MARK = "https://storm.example/message"
"""Extension by which a platform's record is recognised as one message."""

END = 6_000.0
"""Seconds after which the gradebook is looked at: an hour after the last outage."""

PATIENCE = 30.0
_BASE = "https://lms.example"


class BrokenConnectionError(Exception):
    """
    No answer came; whether the request was read, nobody knows.
    """


class Life(Protocol):
    """
    A contestant in one life of one process.
    """

    async def begin(self) -> None:
        """
        Do what a process does when it starts.
        """

    async def want(self, quiz: str) -> None:
        """
        See to it that a quiz has a column, for it was opened.
        """

    async def hand_in(self, message: Message, stamp: float) -> None:
        """
        Take a message, and return when the learner is told that it was taken.

        Args:
            stamp: Unix time by this process's clock.
        """


@attrs.define(eq=False, slots=False)
class Storm:
    """
    One contestant's storm on one platform.

    Attributes:
        columns: The tool's own table: the line item of each quiz, once it is known.

        said: The contestant's last word on each message that it gave up: why.

        asked: Requests that left, by operation.

        applied, echoed: How often each message was applied, and by a repeat of the network's own.

        seen_twice: Comments and attempts of each message that show, beyond the first.

        last: When the last score left, in seconds since the storm began.

        left: What is to be closed when all is over.
    """

    seed: int
    profile: str
    key: RSAKey = attrs.field(repr=False)
    learners: int = 60
    loop: VirtualLoop = attrs.field(factory=VirtualLoop)
    columns: dict[str, str] = attrs.field(factory=dict)
    said: dict[int, str] = attrs.field(factory=dict)
    asked: Counter[str] = attrs.field(factory=Counter)
    applied: Counter[int] = attrs.field(factory=Counter)
    echoed: Counter[int] = attrs.field(factory=Counter)
    seen_twice: Counter[int] = attrs.field(factory=Counter)
    last: float = 0.0
    lives: dict[str, tuple[Process, Life]] = attrs.field(factory=dict)
    tries: Counter[str] = attrs.field(factory=Counter)
    born: Counter[str] = attrs.field(factory=Counter)
    broken: list[BaseException] = attrs.field(factory=list)
    left: list[Callable[[], Awaitable[None]]] = attrs.field(factory=list)
    platform: Platform = attrs.field(init=False)
    plan: list[Message] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.context = copy_context()
        self.plan = messages(self.seed, self.learners)
        self.platform = Platform.create(
            self.profile,
            clock=lambda: EPOCH + self.loop.now,
            seed=self.seed,
            base_url=_BASE,
            users=self.learners,
            key=self.key,
            keep_requests=0,
        )
        self.users = self.platform.users()

    # THE NETWORK

    async def carry(self, request: Request) -> Answer:
        """
        Take a request to the platform and bring the answer.

        Raises:
            BrokenConnectionError: There is none.
        """
        answer: asyncio.Future[Answer] = self.loop.create_future()
        what = self._what(request)
        number = self.tries[what]
        self.tries[what] += 1
        self.asked[operation_of(request)] += 1
        if what.startswith("score"):
            self.last = self.loop.now
        self.loop.create_task(self._travel(request, answer, what, number), context=self.context)
        return await answer

    def _what(self, request: Request) -> str:
        operation, body = operation_of(request), request.body or b""
        if operation == "post_score":
            return f"score {json.loads(body)[MARK]}"
        return f"create {json.loads(body)['resourceId']}" if operation == "create_line_item" else operation

    async def _travel(self, request: Request, answer: asyncio.Future[Answer], what: str, number: int) -> None:
        dice = Random(f"{self.seed} {what} {number} way")
        await asyncio.sleep(0.02 + min(1.0, dice.expovariate(1 / 0.04)))
        outage = next((each for each in OUTAGES if each.start <= self.loop.now < each.end), None)
        befallen = fault(self.seed, what, number)
        reply: Answer | None = None
        if outage is not None:
            reply = _during(outage)
        elif befallen == "429":
            reply = _during(Outage(0, 0, 429, 5))
        elif befallen == "502":
            reply = _during(Outage(0, 0, 502))
        elif befallen != "reset":
            if befallen == "echo" and self.platform.profile.stamp_rule != "any":
                self.loop.call_later(25, self._echo, request, context=self.context)
            reply = await self._apply(request, echo=False)
            reply = None if befallen == "lost" else _during(Outage(0, 0, 502)) if befallen == "502 done" else reply
        await asyncio.sleep(0.02)
        if answer.done():
            return
        if reply is None:
            answer.set_exception(BrokenConnectionError("the connection broke"))
        else:
            answer.set_result(reply)

    def _echo(self, request: Request) -> None:
        self.loop.create_task(self._apply(request, echo=True), context=self.context)

    async def _apply(self, request: Request, *, echo: bool) -> Answer:
        visit = self.platform.arrive(request)
        try:
            await asyncio.sleep(0.01)
            before = self._shows(request)
            reply = visit.apply()
            if before is not None:
                self._note(json.loads(request.body or b"{}")[MARK], before, self._shows(request), echo=echo)
            await asyncio.sleep(0.01)
            return reply
        finally:
            visit.leave()

    def _shows(self, request: Request) -> tuple[int, int] | None:
        """
        Return how many scores, and how many comments and attempts, a learner has in a column.
        """
        if operation_of(request) != "post_score":
            return None
        path, mark, query = request.url.partition("?")
        item = self.platform.item(path.removesuffix("/scores") + mark + query)
        # Looked up without being made: whether there is one matters to the platform.
        grade = item.grades.get(json.loads(request.body or b"")["userId"])
        return (0, 0) if grade is None else (len(grade.history), len(grade.comments) + len(grade.attempts))

    def _note(self, number: int, before: tuple[int, int], after: tuple[int, int] | None, *, echo: bool) -> None:
        assert after is not None
        if after[0] == before[0]:
            return
        if echo:
            self.echoed[number] += 1
        elif self.applied[number]:
            self.seen_twice[number] += after[1] - before[1]
        self.applied[number] += 1

    # THE TOOL

    def later(self, at: float, act: Any, *arguments: Any) -> None:
        """
        Do something of the world's own at a time.
        """
        self.loop.call_at(max(at, self.loop.now), act, *arguments, context=self.context)

    def live(self, name: str, contestant: Any) -> None:
        """
        Let a process begin a life.
        """
        self.born[name] += 1
        process = Process(f"{name}.{self.born[name]}", self.loop, WallClock(self.loop, PROCESSES[name]))
        life = process.context.run(contestant, self, process)
        self.lives[name] = (process, life)
        self.start(process, life.begin())

    def start(self, process: Process, work: Any) -> None:
        """
        Let a process do something; what it raises is a fault of the benchmark.
        """
        process.start(work, "work").add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        if not task.cancelled() and task.exception() is not None and not self.loop.after_all:
            self.broken.append(task.exception())  # type: ignore[arg-type]

    def kill(self, name: str, away: float, contestant: Any) -> None:
        """
        End a process without a warning; it lives again after a while.
        """
        process, life = self.lives.pop(name)
        process.die()
        getattr(life, "died", lambda: None)()
        self.later(self.loop.now + away, self.live, name, contestant)

    def _deliver(self, message: Message) -> None:
        if not self.lives:
            self.later(self.loop.now + 1, self._deliver, message)
            return
        # What balances the load sends nothing to a process that is away.
        process, life = self.lives.get(message.process) or next(iter(self.lives.values()))
        self.start(process, life.hand_in(message, process.wall()))

    def _open(self, quiz: str, name: str) -> None:
        if name in self.lives:
            process, life = self.lives[name]
            self.start(process, life.want(quiz))

    def run(self, contestant: Any) -> dict[str, Any]:
        """
        Let it happen, and judge.

        Args:
            contestant: Makes a `Life` of a storm and a process.
        """
        asyncio.set_event_loop(self.loop)
        collecting = gc.isenabled()
        gc.disable()
        try:
            for name in PROCESSES:
                self.live(name, contestant)
            for name, at, away in RESTARTS:
                self.later(at, self.kill, name, away, contestant)
            for quiz, at in QUIZZES.items():
                for number, name in enumerate(PROCESSES):
                    # The class comes in at once, to both.
                    self.later(at + number * 0.05, self._open, quiz, name)
            for message in self.plan:
                self.later(message.at, self._deliver, message)
            self.loop.run_until_complete(asyncio.sleep(END))
            found = self._judged()
            for close in self.left:
                self.loop.run_until_complete(close())  # type: ignore[arg-type]
            self.loop.bury()
        finally:
            asyncio.set_event_loop(None)
            self.loop.close()
            if collecting:
                gc.enable()
        if self.broken:
            raise RuntimeError(f"{contestant.__name__} raised") from self.broken[0]
        return found

    def _judged(self) -> dict[str, Any]:
        newest = {(m.learner, m.quiz): m.number for m in self.plan if m.points is not None}
        stands = {key: self._standing(*key) for key in newest}
        missing = [key for key, number in newest.items() if stands[key] != number]
        older = [key for key in missing if stands[key]]
        silent = [key for key in missing if newest[key] not in self.said]
        made = [item.fields.get("resourceId") for item in self.platform.course.items.values()]
        return {
            "grades": len(newest),
            "lost": len(missing) - len(older),
            "older": len(older),
            "silent": len(silent),
            "doubled": self.seen_twice.total(),
            "columns": sum(resource in QUIZZES for resource in made) + len(self.platform.course.orphans),
            "requests": self.asked.total(),
            "seconds": round(self.last, 1),
        }

    def _standing(self, learner: int, quiz: str) -> int:
        """
        Return the number of the message that a learner's grade is of, in any column of a quiz; 0: of none.
        """
        items = [item for item in self.platform.course.items.values() if item.fields.get("resourceId") == quiz]
        grades = [item.grades.get(self.users[learner]) for item in items]
        return max((int(g.statement[MARK]) for g in grades if g is not None and g.statement), default=0)


def _during(outage: Outage) -> Answer | None:
    if not outage.status:
        return None
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "text/html"),)
    if outage.hint:
        headers += (("Retry-After", str(outage.hint)),)
    return Answer(outage.status, headers, b"<html>Please come back</html>")
