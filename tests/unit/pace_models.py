"""
Platforms as small models in virtual time, and a caller that always has more to send.

A model is told when a request arrives and answers through `World.later`. Nothing here sleeps or reads a clock; every
draw comes from the world's own generator, so a seed is a run.
"""

from __future__ import annotations

import heapq
import itertools
import math
import random
from collections import deque
from collections.abc import Callable
from typing import Protocol

import attrs

from aioags.protocol.pace import Signal

# Seconds in which a refusal leaves the platform.
REFUSAL = 0.02

Reply = Callable[["Answer"], None]


@attrs.frozen
class Answer:
    """
    What a model says: the parts of a `Signal` that a platform can know.
    """

    throttled: bool = False
    hold: float | None = None
    remaining: float | None = None
    cost: float | None = None
    reset: float | None = None
    lost: bool = False


class Starter(Protocol):
    """
    What decides when a request starts: a `Pacer`, or a fixed window to compare it with.
    """

    def may_start(self, now: float) -> bool: ...
    def held_for(self, now: float) -> float: ...
    def started(self, now: float) -> None: ...
    def ended(self, now: float, signal: Signal, *, begun: float) -> None: ...


class Platform(Protocol):
    """
    A model: takes a request, answers it later.
    """

    def arrive(self, world: World, reply: Reply) -> None: ...


class World:
    """
    Virtual time: things happen in the order of their time, then of their asking.
    """

    def __init__(self, seed: int) -> None:
        self.now = 0.0
        self.random = random.Random(seed)
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._count = itertools.count()

    def later(self, seconds: float, act: Callable[[], None]) -> None:
        """
        Let something happen after so many seconds.
        """
        heapq.heappush(self._events, (self.now + seconds, next(self._count), act))

    def run(self, until: float) -> None:
        """
        Let everything happen that happens before `until`, seconds.
        """
        while self._events and self._events[0][0] < until:
            self.now, _, act = heapq.heappop(self._events)
            act()
        self.now = until


class FixedWindow:
    """
    So many in flight, come what may: it hears neither a throttle nor a hint.
    """

    def __init__(self, window: int) -> None:
        self.window = window
        self.in_flight = 0

    def may_start(self, now: float) -> bool:
        return self.in_flight < self.window

    def held_for(self, now: float) -> float:
        return 0.0

    def started(self, now: float) -> None:
        self.in_flight += 1

    def ended(self, now: float, signal: Signal, *, begun: float) -> None:
        self.in_flight -= 1


@attrs.define
class Caller:
    """
    A tool with more to send than the platform takes.

    Attributes:
        way: Seconds from the tool to the platform, and the same back.

        log: Per answer its time, whether it was throttled, and the number still in flight.
    """

    world: World
    pacer: Starter
    platform: Platform
    way: float = 0.005
    log: list[tuple[float, bool]] = attrs.field(factory=list)
    starts: list[float] = attrs.field(factory=list)
    waking: float = -1.0

    def pump(self) -> None:
        """
        Start what may start, and come back when a hold ends.
        """
        now = self.world.now
        while self.pacer.may_start(now):
            self.start(now)
        wait = self.pacer.held_for(now)
        if wait > 0.0 and not now < self.waking <= now + wait:
            self.waking = now + wait
            self.world.later(wait, self.pump)

    def start(self, begun: float) -> None:
        """
        Send one request.
        """
        self.pacer.started(begun)
        self.starts.append(begun)

        def returned(answer: Answer) -> None:
            self.world.later(self.way, lambda: self.end(answer, begun))

        self.world.later(self.way, lambda: self.platform.arrive(self.world, returned))

    def end(self, answer: Answer, begun: float) -> None:
        """
        Take one answer.
        """
        now = self.world.now
        signal = Signal(
            now - begun,
            throttled=answer.throttled,
            hold=answer.hold,
            remaining=answer.remaining,
            cost=answer.cost,
            reset=answer.reset,
            lost=answer.lost,
        )
        self.pacer.ended(now, signal, begun=begun)
        self.log.append((now, answer.throttled))
        self.pump()


def spread(world: World, seconds: float, noise: float) -> float:
    """
    Draw a duration: log-normal around a mean, `noise` the sigma of its logarithm.
    """
    return seconds * math.exp(world.random.gauss(-noise * noise / 2, noise)) if noise else seconds


@attrs.define
class Steady:
    """
    A platform that takes as long whatever is in flight.
    """

    seconds: float
    noise: float = 0.0
    outliers: float = 0.0

    def arrive(self, world: World, reply: Reply) -> None:
        seconds = spread(world, self.seconds, self.noise)
        if self.outliers and world.random.random() < self.outliers:
            seconds *= 50
        world.later(seconds, lambda: reply(Answer()))


@attrs.define
class Servers:
    """
    A fixed capacity: so many workers, a queue, and 429 when the queue is full.

    Attributes:
        hint: ``Retry-After`` of the 429, seconds; None: it has none.
    """

    workers: int
    seconds: float
    queue: float = math.inf
    hint: float | None = None
    noise: float = 0.0
    busy: int = 0
    waiting: deque[Reply] = attrs.field(factory=deque)

    def arrive(self, world: World, reply: Reply) -> None:
        if self.busy < self.workers:
            self.serve(world, reply)
        elif len(self.waiting) < self.queue:
            self.waiting.append(reply)
        else:
            world.later(REFUSAL, lambda: reply(Answer(throttled=True, hold=self.hint)))

    def serve(self, world: World, reply: Reply) -> None:
        self.busy += 1

        def served() -> None:
            self.busy -= 1
            reply(Answer())
            if self.waiting and self.busy < self.workers:
                self.serve(world, self.waiting.popleft())

        world.later(spread(world, self.seconds, self.noise), served)


@attrs.define
class CanvasBucket:
    """
    Canvas's throttle, after its source: 800 at most, throttled from 600, 10 a second run out, 50 charged up front.

    Attributes:
        strict: Nothing runs out of what is charged up front, as its documentation can be read. In the source it does,
            and what is left then never goes below nothing, so that it forgets requests in flight.
    """

    seconds: float
    cost: float
    noise: float = 0.0
    strict: bool = False
    count: float = 0.0
    charged: float = 0.0
    touched: float = 0.0

    def arrive(self, world: World, reply: Reply) -> None:
        self.charge(world, 50.0, 0.0)
        if self.full >= 600.0:
            world.later(REFUSAL, lambda: self.refuse(world, reply))
        else:
            world.later(spread(world, self.seconds, self.noise), lambda: self.serve(world, reply))

    @property
    def full(self) -> float:
        return self.count + self.charged

    def charge(self, world: World, reserve: float, cost: float) -> None:
        self.count = max(0.0, self.count - 10.0 * (world.now - self.touched))
        self.touched = world.now
        if self.strict:
            self.charged += reserve
            self.count = min(self.count + cost, 800.0)
        else:
            self.count = min(max(self.count + cost + reserve, 0.0), 800.0)

    def refuse(self, world: World, reply: Reply) -> None:
        self.charge(world, -50.0, 0.0)
        reply(Answer(throttled=True, remaining=600.0 - self.full))

    def serve(self, world: World, reply: Reply) -> None:
        cost = spread(world, self.cost, self.noise)
        self.charge(world, -50.0, cost)
        reply(Answer(remaining=600.0 - self.full, cost=cost))


@attrs.define
class TokenBucket:
    """
    So many a second with a burst, and 429 with whole seconds of ``Retry-After``.
    """

    rate: float
    burst: float
    seconds: float
    noise: float = 0.0
    tokens: float = attrs.field(default=attrs.Factory(lambda self: self.burst, takes_self=True))
    touched: float = 0.0

    def arrive(self, world: World, reply: Reply) -> None:
        self.tokens = min(self.burst, self.tokens + self.rate * (world.now - self.touched))
        self.touched = world.now
        if self.tokens >= 1.0:
            self.tokens -= 1.0
            world.later(spread(world, self.seconds, self.noise), lambda: reply(Answer()))
        else:
            hold = float(max(1, math.ceil((1.0 - self.tokens) / self.rate)))
            world.later(REFUSAL, lambda: reply(Answer(throttled=True, hold=hold)))


@attrs.define
class Quota:
    """
    So many in a window of time that begins with the first of them; 429 with ``Retry-After`` until it ends.

    Attributes:
        told: Every answer carries what is left and the seconds until the window ends, as Brightspace's do.
    """

    limit: float
    window: float
    seconds: float
    cost: float = 1.0
    told: bool = False
    noise: float = 0.0
    used: float = 0.0
    began: float = -math.inf

    def arrive(self, world: World, reply: Reply) -> None:
        if world.now - self.began >= self.window:
            self.began, self.used = world.now, 0.0
        ends = self.began + self.window
        if self.used + self.cost > self.limit:
            world.later(REFUSAL, lambda: reply(Answer(throttled=True, hold=float(math.ceil(ends - world.now)))))
            return
        self.used += self.cost
        world.later(spread(world, self.seconds, self.noise), lambda: reply(self.answer(ends - world.now)))

    def answer(self, reset: float) -> Answer:
        if not self.told:
            return Answer()
        return Answer(remaining=self.limit - self.used, cost=self.cost, reset=max(0.0, reset))


@attrs.define
class Cliff:
    """
    Quick up to so many in flight; each further one slows all of them down by `steepness` times the usual duration.
    """

    edge: int
    seconds: float
    steepness: float = 1.0
    noise: float = 0.0
    done: float = 0.0
    touched: float = 0.0
    version: int = 0
    working: list[tuple[float, int, Reply]] = attrs.field(factory=list)

    def arrive(self, world: World, reply: Reply) -> None:
        self.advance(world)
        self.version += 1
        heapq.heappush(self.working, (self.done + spread(world, self.seconds, self.noise), self.version, reply))
        self.plan(world)

    @property
    def slowness(self) -> float:
        return 1.0 + self.steepness * max(0, len(self.working) - self.edge)

    def advance(self, world: World) -> None:
        self.done += (world.now - self.touched) / self.slowness
        self.touched = world.now

    def plan(self, world: World) -> None:
        if self.working:
            version = self.version
            world.later((self.working[0][0] - self.done) * self.slowness, lambda: self.finish(world, version))

    def finish(self, world: World, version: int) -> None:
        if version != self.version:
            return
        self.advance(world)
        self.version += 1
        reply = heapq.heappop(self.working)[2]
        self.plan(world)
        reply(Answer())


@attrs.frozen
class Outcome:
    """
    What a stretch of a run came to.

    Attributes:
        throughput: Answers that were not throttled, a second.

        throttled: Share of the throttled answers, 0 to 1.
    """

    throughput: float
    throttled: float


def measure(caller: Caller, since: float, until: float) -> Outcome:
    """
    Count the answers of a stretch of time.
    """
    answers = [throttled for when, throttled in caller.log if since <= when < until]
    refused = sum(answers)
    return Outcome((len(answers) - refused) / (until - since), refused / max(len(answers), 1))


def run(pacer: Starter, platform: Platform, *, seed: int, until: float, way: float = 0.005) -> Caller:
    """
    Let a caller send all it can for so many seconds.
    """
    world = World(seed)
    caller = Caller(world, pacer, platform, way)
    world.later(0.0, caller.pump)
    world.run(until)
    return caller
