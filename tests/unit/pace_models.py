"""
Platforms as small models in virtual time, and a caller that always has more to send.

A model is told when a request arrives, and answers later. Nothing here sleeps or reads a clock, and every draw comes
from the world's own generator, so that a seed is a run.
"""

from __future__ import annotations

import functools
import heapq
import itertools
import math
import random
from collections import deque
from collections.abc import Callable
from typing import Protocol

import attrs

from aioags.model.policy import Pace
from aioags.protocol.pace import Pacer
from aioags.protocol.signals import Signal

# Seconds in which a refusal leaves the platform.
REFUSAL = 0.02
# Seconds after which a run counts as steady.
WARM = 60.0


@attrs.frozen
class Answer:
    """
    What a platform can say, in the words of `Signal`.
    """

    throttled: bool = False
    hold: float | None = None
    remaining: float | None = None
    cost: float | None = None
    reset: float | None = None
    lost: bool = False


Reply = Callable[[Answer], None]


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

    def around(self, seconds: float, noise: float) -> float:
        """
        Draw a duration: log-normal with that mean, `noise` the deviation of its logarithm.
        """
        return seconds * math.exp(self.random.gauss(-noise * noise / 2, noise)) if noise else seconds


class Platform(Protocol):
    """
    A model: takes a request, answers it later.
    """

    def arrive(self, world: World, reply: Reply) -> None: ...


class Starter(Protocol):
    """
    What decides when a request starts: a `Pacer`, or a fixed window to compare it with.
    """

    def may_start(self, now: float) -> bool: ...
    def held_for(self, now: float) -> float: ...
    def started(self, now: float) -> None: ...
    def ended(self, now: float, signal: Signal, *, begun: float) -> None: ...


class FixedWindow:
    """
    So many in flight, come what may: it heeds neither a throttle nor a hint.
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


@attrs.frozen
class Outcome:
    """
    What a stretch of a run came to.

    Attributes:
        throughput: Answers that were neither throttled nor lost, a second.

        throttled: Share of the throttled answers, 0 to 1.
    """

    throughput: float
    throttled: float


@attrs.define(repr=False)
class Caller:
    """
    A tool with more to send than the platform takes.

    Attributes:
        way: Seconds from the tool to the platform, and the same back.

        answers: Of each its time, and whether it was throttled; None: lost.

        starts: The time of each request.
    """

    world: World
    pacer: Starter
    platform: Platform
    way: float = 0.005
    answers: list[tuple[float, bool | None]] = attrs.field(factory=list)
    starts: list[float] = attrs.field(factory=list)
    _waking: float = -1.0

    def pump(self) -> None:
        """
        Start what may start, and come back when a hold ends.
        """
        now = self.world.now
        while self.pacer.may_start(now):
            self._start(now)
        wait = self.pacer.held_for(now)
        if wait > 0.0 and not now < self._waking <= now + wait:
            self._waking = now + wait
            self.world.later(wait, self.pump)

    def measure(self, since: float, until: float) -> Outcome:
        """
        Count the answers from `since` to `until`, seconds.
        """
        kinds = [kind for when, kind in self.answers if since <= when < until]
        return Outcome(kinds.count(False) / (until - since), kinds.count(True) / max(len(kinds), 1))

    def _start(self, begun: float) -> None:
        self.pacer.started(begun)
        self.starts.append(begun)

        def returned(answer: Answer) -> None:
            self.world.later(self.way, lambda: self._end(answer, begun))

        self.world.later(self.way, lambda: self.platform.arrive(self.world, returned))

    def _end(self, answer: Answer, begun: float) -> None:
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
        self.answers.append((now, None if answer.lost else answer.throttled))
        self.pump()


def run(pacer: Starter, platform: Platform, *, seed: int, until: float, way: float = 0.005) -> Caller:
    """
    Let one caller send all it can for so many seconds.
    """
    world = World(seed)
    caller = Caller(world, pacer, platform, way)
    world.later(0.0, caller.pump)
    world.run(until)
    return caller


@attrs.define
class Steady:
    """
    Takes as long whatever is in flight.

    Attributes:
        outliers: Share of the requests that take fifty times as long.
    """

    seconds: float
    noise: float = 0.3
    outliers: float = 0.0

    def arrive(self, world: World, reply: Reply) -> None:
        seconds = world.around(self.seconds, self.noise)
        if self.outliers and world.random.random() < self.outliers:
            seconds *= 50.0
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
    noise: float = 0.3
    _busy: int = 0
    _waiting: deque[Reply] = attrs.field(factory=deque)

    def arrive(self, world: World, reply: Reply) -> None:
        if self._busy < self.workers:
            self._serve(world, reply)
        elif len(self._waiting) < self.queue:
            self._waiting.append(reply)
        else:
            world.later(REFUSAL, lambda: reply(Answer(throttled=True, hold=self.hint)))

    def _serve(self, world: World, reply: Reply) -> None:
        self._busy += 1

        def served() -> None:
            self._busy -= 1
            reply(Answer())
            while self._waiting and self._busy < self.workers:
                self._serve(world, self._waiting.popleft())

        world.later(world.around(self.seconds, self.noise), served)


@attrs.define
class CanvasBucket:
    """
    Canvas's throttle: 800 at most, throttled from 600, 10 a second run out, 50 charged while a request is in flight.

    Attributes:
        cost: Of one request, charged at its end.

        strict: What is charged up front stays until it is given back, as doc/api/throttling.md reads. In the source
            (request_throttle.rb, increment_bucket.lua) it runs out with the rest, and nothing goes below zero, so that
            in time the bucket forgets most of what is in flight.
    """

    seconds: float
    cost: float
    strict: bool = False
    noise: float = 0.3
    _count: float = 0.0
    _charged: float = 0.0
    _touched: float = 0.0

    def arrive(self, world: World, reply: Reply) -> None:
        self._charge(world, 50.0, 0.0)
        if self._count + self._charged >= 600.0:
            world.later(REFUSAL, lambda: self._end(world, reply, None))
        else:
            world.later(world.around(self.seconds, self.noise), lambda: self._end(world, reply, self.cost))

    def _charge(self, world: World, reserve: float, cost: float) -> None:
        self._count = max(0.0, self._count - 10.0 * (world.now - self._touched))
        self._touched = world.now
        if self.strict:
            self._charged += reserve
            reserve = 0.0
        self._count = min(max(self._count + cost + reserve, 0.0), 800.0)

    def _end(self, world: World, reply: Reply, cost: float | None) -> None:
        cost = cost and world.around(cost, self.noise)
        self._charge(world, -50.0, cost or 0.0)
        # A throttled answer has no X-Request-Cost and no Retry-After.
        reply(Answer(throttled=cost is None, remaining=600.0 - self._count - self._charged, cost=cost))


@attrs.define
class TokenBucket:
    """
    So many a second after a burst, and 429.

    Attributes:
        hinted: The 429 has whole seconds of ``Retry-After``.
    """

    rate: float
    burst: float
    seconds: float
    hinted: bool = True
    noise: float = 0.3
    _taken: float = 0.0
    _touched: float = 0.0

    def arrive(self, world: World, reply: Reply) -> None:
        self._taken = max(0.0, self._taken - self.rate * (world.now - self._touched))
        self._touched = world.now
        if self._taken <= self.burst - 1.0:
            self._taken += 1.0
            world.later(world.around(self.seconds, self.noise), lambda: reply(Answer()))
        else:
            hold = float(math.ceil((self._taken - self.burst + 1.0) / self.rate)) if self.hinted else None
            world.later(REFUSAL, lambda: reply(Answer(throttled=True, hold=hold)))


@attrs.define
class Quota:
    """
    So much in a window of time that begins with the first request; 429 with ``Retry-After`` until it ends.

    Attributes:
        told: Every answer carries what is left, what it cost, and the seconds until the window ends (Brightspace).
    """

    limit: float
    window: float
    seconds: float
    cost: float = 1.0
    told: bool = False
    noise: float = 0.3
    _used: float = 0.0
    _began: float = -math.inf

    def arrive(self, world: World, reply: Reply) -> None:
        if world.now - self._began >= self.window:
            self._began, self._used = world.now, 0.0
        ends = self._began + self.window
        if self._used + self.cost > self.limit:
            hold = float(math.ceil(ends - world.now))
            world.later(REFUSAL, lambda: reply(Answer(throttled=True, hold=hold)))
            return
        self._used += self.cost
        world.later(world.around(self.seconds, self.noise), lambda: reply(self._answer(ends - world.now)))

    def _answer(self, reset: float) -> Answer:
        if not self.told:
            return Answer()
        return Answer(remaining=self.limit - self._used, cost=self.cost, reset=max(0.0, reset))


@attrs.define
class Cliff:
    """
    Quick up to so many in flight; each further one slows all of them down by `steepness` times the usual duration.
    """

    edge: int
    seconds: float
    steepness: float
    noise: float = 0.3
    _done: float = 0.0
    _touched: float = 0.0
    _version: int = 0
    _working: list[tuple[float, int, Reply]] = attrs.field(factory=list)

    def arrive(self, world: World, reply: Reply) -> None:
        self._advance(world)
        ready = self._done + world.around(self.seconds, self.noise)
        heapq.heappush(self._working, (ready, self._version, reply))
        self._plan(world)

    @property
    def _slowness(self) -> float:
        return 1.0 + self.steepness * max(0, len(self._working) - self.edge)

    def _advance(self, world: World) -> None:
        self._done += (world.now - self._touched) / self._slowness
        self._touched = world.now
        self._version += 1

    def _plan(self, world: World) -> None:
        if self._working:
            version = self._version
            seconds = (self._working[0][0] - self._done) * self._slowness
            world.later(max(0.0, seconds), lambda: self._finish(world, version))

    def _finish(self, world: World, version: int) -> None:
        if version == self._version:
            self._advance(world)
            _, _, reply = heapq.heappop(self._working)
            self._plan(world)
            reply(Answer())


@attrs.define
class Visitor:
    """
    Somebody else at the platform, who asks for one page a fifth of a second, by chance.

    Attributes:
        waits: Of each page that was served when it was asked for, and how long it took, seconds.

        refused: Pages that were not.
    """

    world: World
    platform: Platform
    waits: list[tuple[float, float]] = attrs.field(factory=list)
    refused: int = 0

    def visit(self) -> None:
        """
        Ask for a page, and for the next one later.
        """
        asked = self.world.now

        def returned(answer: Answer) -> None:
            if answer.throttled:
                self.refused += 1
            else:
                self.waits.append((asked, self.world.now - asked))

        self.platform.arrive(self.world, returned)
        self.world.later(self.world.random.expovariate(5.0), self.visit)

    def mean_wait(self, since: float, until: float) -> float:
        """
        Return the mean wait of those who asked from `since` to `until`, seconds.
        """
        waits = [wait for asked, wait in self.waits if since <= asked < until]
        return sum(waits) / len(waits)


@attrs.define
class Trouble:
    """
    A platform that answers something else from one moment to another.

    Attributes:
        answer: What it says then.

        after: Seconds until it says so.
    """

    usual: Platform
    begins: float
    ends: float
    answer: Answer
    after: float = REFUSAL

    def arrive(self, world: World, reply: Reply) -> None:
        if self.begins <= world.now < self.ends:
            world.later(self.after, lambda: reply(self.answer))
        else:
            self.usual.arrive(world, reply)


@attrs.frozen
class Scenario:
    """
    A platform to be measured in its steady state.

    Attributes:
        make: A new platform.

        way: Seconds to the platform.

        until: End of the pacer's run, seconds; a fixed window, steady at once, runs from `WARM` to half of the rest.
    """

    name: str
    make: Callable[[], Platform]
    way: float = 0.005
    until: float = 180.0


SCENARIOS = [
    Scenario("8 workers, endless queue", lambda: Servers(8, 0.2)),
    Scenario("8 workers, queue of 8, then 429", lambda: Servers(8, 0.2, queue=8)),
    Scenario("20 workers, then 429", lambda: Servers(20, 0.2, queue=0)),
    Scenario("20 workers, then 429 with Retry-After 1", lambda: Servers(20, 0.2, queue=0, hint=1.0)),
    Scenario("6 workers, then 429", lambda: Servers(6, 0.2, queue=0)),
    Scenario("3 workers, queue of 1, Retry-After 2", lambda: Servers(3, 0.2, queue=1, hint=2.0)),
    Scenario("1 worker, then 429", lambda: Servers(1, 0.2, queue=0)),
    Scenario("Canvas as documented", lambda: CanvasBucket(0.3, 0.1, strict=True)),
    Scenario("Canvas as documented, 100 ms round trip", lambda: CanvasBucket(0.3, 0.1, strict=True), way=0.05),
    Scenario("Canvas's source, cheap requests", lambda: CanvasBucket(0.3, 0.1), until=300.0),
    Scenario("Canvas's source, all time is database", lambda: CanvasBucket(0.5, 0.5), until=300.0),
    Scenario("token bucket 5/s, burst 20, Retry-After", lambda: TokenBucket(5.0, 20.0, 0.1)),
    Scenario("token bucket 20/s, burst 40, Retry-After", lambda: TokenBucket(20.0, 40.0, 0.05)),
    Scenario("token bucket 60/s, burst 60, Retry-After", lambda: TokenBucket(60.0, 60.0, 0.2)),
    Scenario("token bucket 5/s, burst 20, no hint", lambda: TokenBucket(5.0, 20.0, 0.1, hinted=False)),
    Scenario("token bucket 60/s, burst 60, no hint", lambda: TokenBucket(60.0, 60.0, 0.2, hinted=False)),
    Scenario("600 a minute, Retry-After", lambda: Quota(600.0, 60.0, 0.1), until=300.0),
    Scenario("600 a minute, told in headers", lambda: Quota(6000.0, 60.0, 0.1, cost=10.0, told=True), until=300.0),
    Scenario("cliff at 12, half as long again for each", lambda: Cliff(12, 0.2, 0.5)),
    Scenario("cliff at 12, eleven times as long", lambda: Cliff(12, 0.2, 10.0)),
    Scenario("cliff at 3, three times as long", lambda: Cliff(3, 0.2, 2.0)),
    Scenario("cliff at 12, twice as long, 100 ms", lambda: Cliff(12, 0.2, 1.0), way=0.05),
    Scenario("always 50 ms", lambda: Steady(0.05), until=90.0),
    Scenario("always 2 s", lambda: Steady(2.0)),
    Scenario("always 100 ms, very noisy", lambda: Steady(0.1, noise=1.0), until=90.0),
    Scenario("always 100 ms, 2 % take 5 s", lambda: Steady(0.1, outliers=0.02), until=300.0),
]
# Where a pacer falls short of the best fixed window: far away, so that what the platform has in hand is not what is in
# flight, and the fixed window is the ruder one.
SERVERS_FAR_AWAY = Scenario("20 workers, then 429, 100 ms round trip", lambda: Servers(20, 0.2, queue=0), way=0.05)
CANVAS_FAR_AWAY = Scenario("Canvas's source, cheap, 100 ms", lambda: CanvasBucket(0.3, 0.1), way=0.05)
FAR_AWAY = [SERVERS_FAR_AWAY, CANVAS_FAR_AWAY]

WINDOWS = (1, 2, 3, 4, 6, 8, 10, 11, 12, 13, 16, 20, 24, 28, 32)


@functools.cache
def fixed(scenario: Scenario, window: int) -> Outcome:
    """
    Measure a fixed window.
    """
    until = (WARM + scenario.until) / 2
    return run(FixedWindow(window), scenario.make(), seed=1, until=until, way=scenario.way).measure(WARM, until)


def best_fixed(scenario: Scenario, most_throttled: float = 0.02) -> tuple[int, Outcome]:
    """
    Find the fixed window with the highest throughput, among those throttled less than so often.
    """
    best, found = 1, fixed(scenario, 1)
    for window in WINDOWS:
        outcome = fixed(scenario, window)
        if outcome.throttled < most_throttled and outcome.throughput > found.throughput:
            best, found = window, outcome
        if outcome.throttled > max(0.5, most_throttled):
            # Larger ones are only ruder.
            break
    return best, found


@functools.cache
def paced(scenario: Scenario, seed: int) -> Outcome:
    """
    Measure a pacer in its steady state.
    """
    caller = run(Pacer(Pace()), scenario.make(), seed=seed, until=scenario.until, way=scenario.way)
    return caller.measure(WARM, scenario.until)
