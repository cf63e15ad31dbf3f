"""
A world from a seed: who there is, what they will do and when, and what will go wrong.

One generator draws everything, in the order in which it happens. A world has only some of all the kinds of fault, other
ones each time, so that the rare ones are not drowned by the frequent ones. Its life comes in bursts, in which
everything meets everything; then all trouble ends, and a day and an hour pass in peace.
"""

from __future__ import annotations

import asyncio
import gc
import random
from collections.abc import Callable
from contextvars import copy_context
from functools import cache, partial
from math import inf
from typing import Any

import attrs
from joserfc.jwk import ECKey, Key, RSAKey

from aioags import RetryPolicy
from aioags.emulator import PROFILES, Platform
from tests.simulation.actors import Tool, endpoint_of, registration_of
from tests.simulation.calamities import Calamities
from tests.simulation.clock import EPOCH, YEAR, Process, VirtualLoop, WallClock
from tests.simulation.faults import KINDS
from tests.simulation.ledger import Ledger
from tests.simulation.network import Network
from tests.simulation.odd_records import Oddness
from tests.simulation.places import Place
from tests.simulation.store_faults import Table
from tests.simulation.teachers import Teachers

PEACE = 90_000.0
"""Seconds at the end in which nothing goes wrong: a day and an hour."""

_BURST = 40.0
# A clock that is wrong for longer than a minute is believed.
_MOMENT = 30.0


@cache
def _key(name: str) -> Key:
    # Open edX takes no elliptic curves; for the others a signature is to cost little.
    if name == "openedx":
        return RSAKey.generate_key(2048, private=True)
    return ECKey.generate_key("P-256", private=True)


@attrs.define(eq=False)
class Line:
    """
    One line item that is there from the start.

    Attributes:
        way: How the tool sends its scores: ``post``, ``put`` or ``both``.
    """

    place: Place
    url: str
    way: str


class World:
    """
    One world.

    Attributes:
        trace: What happened, a line each.

        calm: When all trouble ends.

        broken: Exceptions that nobody expected.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.loop = VirtualLoop()
        self.dice = random.Random(seed)
        self.ledger = Ledger()
        self.trace: list[str] = []
        self.broken: list[BaseException] = []
        self.table = Table()
        self.trouble = {"store": 0.0, "callers": 0.0}
        self.locks: dict[tuple[str, str], Process] = {}
        self.tools: dict[str, Tool] = {}
        self.retry = RetryPolicy()
        self.network = Network(self.loop, self.dice, self.ledger, self.say, copy_context(), Oddness.of(seed))
        self.places: dict[str, Place] = self.network.places
        self.lines: list[Line] = []
        self.clocks: dict[str, WallClock] = {}
        self.late: list[tuple[Place, Any]] = []
        self.lives: dict[str, int] = {}
        self.calm = 0.0
        self.teachers = Teachers(self)
        self._furnish()
        self.calamities = Calamities(self)

    def say(self, who: str, what: str) -> None:
        """
        Put a line into the trace.
        """
        self.trace.append(f"{self.loop.now:10.3f} {who:8} {what}")

    # WHO THERE IS

    def _furnish(self) -> None:
        dice = self.dice
        for number in range(dice.choice((1, 1, 2))):
            self._open_platform(f"p{number + 1}", dice.choice(sorted(PROFILES)))
        self.registrations = {name: registration_of(place) for name, place in self.places.items()}
        self.endpoints = {name: endpoint_of(place) for name, place in self.places.items()}
        self.by_engine = dice.random() < 0.4
        self.polls = dice.choice((300.0, 900.0))
        self.network.pace = dice.choice((0.02, 0.1, 0.3))
        self.workers = [f"w{number + 1}" for number in range(dice.choice((1, 2, 2, 3)))]
        skews = (0.0, 0.0, 0.0, 2.0, -2.0, 6.0, -6.0, 45.0)
        for name in [*self.workers, "second"]:
            self.clocks[name] = WallClock(self.loop, dice.choice(skews) + dice.random() / 2)
        platforms = {place.platform.profile.name: place.platform.site.skew for place in self.places.values()}
        self.say("world", f"seed {self.seed}: platforms and their clocks {platforms}")
        offsets = {name: round(clock.offset, 1) for name, clock in self.clocks.items()}
        self.say("world", f"clocks {offsets}, outbox by {'engine' if self.by_engine else 'background'}")

    def _open_platform(self, name: str, profile: str) -> None:
        dice = self.dice
        platform = Platform.create(
            profile,
            clock=lambda: EPOCH + self.loop.now,
            seed=dice.getrandbits(32),
            base_url=f"https://{name}.example",
            users=dice.choice((3, 4, 6, 25)),
            key=_key(profile),
            keep_requests=0,
        )
        platform.site.skew = dice.choice((0.0, 0.0, 4.0, -4.0, 9.0))
        lag = dice.choice((0.0, 0.0, 0.0, 0.0, 1.0, 5.0))
        place = self.places[name] = Place(name, platform, platform.profile.stamp_rule != "any", lag)
        # Drawn apart, so that all else in the world stays as it was.
        own = random.Random(f"{self.seed} {name}")
        place.terse, place.challenges = own.random() < 0.5, own.random() < 0.5
        place.forgets = own.choice((inf, own.uniform(2.0, 60.0)))
        place.bars = own.choice((None, None, None, platform.users()[2]))
        for label in ("essay", "exam")[: dice.choice((1, 1, 2))]:
            platform.add_line_item(label, dice.choice((10, 100)), resource_id=label)
        for item in platform.line_items():
            self.lines.append(Line(place, item["id"], dice.choice(("post", "put"))))
        if dice.random() < 0.3:
            late = platform.users()[1]
            self.late.append((place, platform.course.people.pop(late)))

    def live(self, name: str) -> None:
        """
        Let a process begin a new life.
        """
        self.lives[name] = life = self.lives.get(name, 0) + 1
        process = Process(f"{name}.{life}", self.loop, self.clocks[name])
        tool = self.tools[name] = process.context.run(Tool, self, process, poll=self.polls, stranger=name == "second")
        self.say(process.name, "starts")
        if name != "second":
            process.start(tool.serve(), "serve")

    def kill(self, name: str, away: float) -> None:
        """
        End a process without a warning.
        """
        tool = self.tools[name]
        if not tool.process.alive:
            return
        self.say(tool.process.name, "dies")
        tool.process.die()
        self.ledger.dead.add(tool.process.name)
        if tool.store.inner.leads:
            self.table.led = False
        self.network.later(away, self.live, name)

    # WHAT WILL HAPPEN

    def at(self, when: float, act: Callable[..., None], *arguments: Any) -> None:
        self.loop.call_at(when, act, *arguments, context=self.network.context)

    def plan(self) -> None:
        """
        Draw everything that will happen, but for the faults of single requests.
        """
        dice, start = self.dice, 1.0
        self._draw_weather()
        for name in [*self.workers, "second"]:
            self.live(name)
        for _ in range(dice.choice((1, 2, 2, 3))):
            self._plan_burst(start)
            start += _BURST + dice.choice((0.0, 30.0, 300.0, 3600.0, 20_000.0))
        self.calm = start + 200.0
        for place, person in self.late:
            self.at(dice.uniform(start / 2, self.calm), self.teachers.enrol, place, person)
        self.at(self.calm, self._end_trouble)

    def _draw_weather(self) -> None:
        dice = self.dice
        stormy = dice.random() < 0.75
        for fault in KINDS:
            chance = dice.choice((0.0, 0.0, 0.0, 0.02, 0.06, 0.15))
            if stormy and chance:
                self.network.weather[fault] = chance
        self.trouble["store"] = dice.choice((0.0, 0.0, 0.0, 0.02, 0.1))
        self.trouble["callers"] = dice.choice((0.0, 0.0, 0.0, 0.05, 0.2))
        self.trouble_drawn = dict(self.trouble)
        self.say("world", f"weather {self.network.weather}, store and callers {self.trouble}")

    def _plan_burst(self, start: float) -> None:
        dice = self.dice
        rest: list[Callable[[float], None]] = []
        rest += [self._plan_job] * dice.randint(4, 12)
        rest += [partial(self.teachers.plan, dice)] * dice.choice((0, 0, 1, 2, 4))
        rest += [self._plan_second] * dice.choice((0, 0, 1, 2, 4))
        rest += [partial(self.calamities.plan_outage, dice)] * dice.choice((0, 0, 1))
        rest += [self._plan_kill] * dice.choice((0, 0, 0, 1))
        rest += [self._plan_clock] * dice.choice((0, 0, 0, 2, 4))
        for plan in rest:
            # Most of it at few moments, so that things meet.
            moment = dice.choice((0.0, 0.0, 2.0, 10.0, 25.0)) + dice.choice((0.0, 0.05, dice.random() * 4))
            plan(start + moment)
        self.calamities.plan_burst(start)

    def _plan_job(self, when: float) -> None:
        dice = self.dice
        name = dice.choice(self.workers)
        line = dice.choice(self.lines)
        often, seldom = (self._grade, self._grade_many), (self._want, self._read, self._retry)
        job = dice.choice((*often, *often, self._grade, *seldom))
        job(when, name, line)

    def users_of(self, place: Place) -> list[str]:
        late = [person.user_id for where, person in self.late if where is place]
        return [*late, *place.platform.users()]

    def user_of(self, place: Place) -> str:
        # Few, so that scores meet.
        return self.dice.choice(self.users_of(place)[:3])

    def _grade(self, when: float, name: str, line: Line) -> None:
        user = self.user_of(line.place)
        valued, comment = self.dice.random() < 0.5, self.dice.random() < 0.1
        confirm = self.dice.random() < 0.3
        thought = self.dice.choice((0.0, 0.0, 0.0, 5.0, 100.0))
        self.at(when, self._do_grade, name, line, user, valued, comment, confirm, thought)
        if self.dice.random() < 0.6:
            later = when + self.dice.choice((0.0, 0.3, 2.0))
            another = self.dice.choice((name, name, self.dice.choice(self.workers)))
            self.at(later, self._do_grade, another, line, user, True, comment, confirm, 0.0)

    def _do_grade(
        self, name: str, line: Line, user: str, valued: bool, comment: bool, confirm: bool, thought: float
    ) -> None:
        tool, line = self.tools[name], self.calamities.choose_way(line)

        async def work() -> None:
            score = tool.make((line.place.name, line.url, user), line.way, valued=valued, comment=comment)
            # Made when the learner handed in, given away when the job ran.
            await asyncio.sleep(thought)
            if line.way == "post":
                await tool.post(line.place, score, line.url, confirm=confirm)
            else:
                await tool.put(line.place, score, line.url)

        tool.do(f"{line.way} of one", work)

    def _grade_many(self, when: float, name: str, line: Line) -> None:
        dice = self.dice
        users = self.users_of(line.place)
        chosen = users + dice.choices(users, k=dice.choice((0, 2, 4)))
        again = dice.choice(([], [3.0], [20.0, 200.0]))
        more = {"coalesce": dice.random() < 0.2, "confirm": dice.random() < 0.2}
        if dice.random() < 0.4:
            # The class begins, and soon hands in.
            self.at(when, self._do_grade_many, name, line, users, False, again, more)
            when += dice.choice((0.5, 2.0, 5.0))
        self.at(when, self._do_grade_many, name, line, chosen, True, again, more)

    def _do_grade_many(
        self, name: str, line: Line, users: list[str], valued: bool, again: list[float], more: dict[str, Any]
    ) -> None:
        tool, line = self.tools[name], self.calamities.choose_way(line)

        async def work() -> None:
            scores = [tool.make((line.place.name, line.url, user), line.way, valued=valued) for user in users]
            if line.way == "post":
                await tool.post_many(line.place, scores, line.url, again, **more)
                return
            for score in scores:
                await tool.put(line.place, score, line.url)

        tool.do(f"{line.way} of {len(users)}", work)

    def _want(self, when: float, name: str, line: Line) -> None:
        dice = self.dice
        identity = dice.choice(("quiz-1", "quiz-2"))
        names = dice.choice(([name], self.workers, self.workers))
        for one in names:
            at = when + dice.choice((0.0, 0.0, 0.05, 0.5))
            users = dice.choice((self.users_of(line.place), [self.user_of(line.place)]))
            self.at(at, self._do_want, one, line.place, identity, users)

    def _do_want(self, name: str, place: Place, identity: str, users: list[str]) -> None:
        tool = self.tools[name]
        tool.do(f"find_or_create {identity}", lambda: tool.find_or_create(place, identity, users))

    def _read(self, when: float, name: str, line: Line) -> None:
        for kind in ("read", "look", "read", "look"):
            one = self.dice.choice((line, self.dice.choice(self.lines)))
            self.at(when, self._do_read, name, one, self.user_of(one.place), kind)
            when += self.dice.choice((0.0, 1.0))

    def _do_read(self, name: str, line: Line, user: str, kind: str) -> None:
        tool = self.tools[name]
        if kind == "read":
            tool.do("get_result", lambda: tool.read(line.place, line.url, user))
        else:
            tool.do("get_line_item", lambda: tool.look(line.place, line.url))

    def _retry(self, when: float, name: str, line: Line) -> None:
        dice = self.dice
        url = dice.choice((line.url, None))
        restamp, waiting = dice.random() < 0.3, dice.random() < 0.5
        self.at(when + dice.choice((0.0, 5.0, 30.0, 600.0)), self._do_retry, name, line.place, url, restamp, waiting)

    def _do_retry(self, name: str, place: Place, url: str | None, restamp: bool, waiting: bool) -> None:
        tool = self.tools[name]
        tool.do("retry", lambda: tool.retry(place, url, restamp=restamp, waiting=waiting))

    def _plan_second(self, when: float) -> None:
        line, maximum = self.dice.choice(self.lines), self.dice.choice((0, 0, 0, 20, 50))
        self.at(when, self._do_second, line, self.user_of(line.place), maximum)

    def _do_second(self, line: Line, user: str, maximum: int) -> None:
        tool = self.tools["second"]

        async def work() -> None:
            if maximum:
                await tool.change(line.place, line.url, maximum)
                return
            score = tool.make((line.place.name, line.url, user), "post", valued=True)
            await tool.post(line.place, score, line.url)

        tool.do("second tool", work)

    # WHAT WILL GO WRONG

    def _plan_kill(self, when: float) -> None:
        self.at(when, self.kill, self.dice.choice(self.workers), self.dice.choice((1.0, 20.0, 150.0)))

    def _plan_clock(self, when: float) -> None:
        dice = self.dice
        name, by = dice.choice(self.workers), dice.choice((YEAR, YEAR, -YEAR, 0.0, 0.0))
        readings, step = dice.choice((1, 1, 5, 20)), dice.choice((-30.0, -5.0, 5.0, 30.0))
        self.at(when, self._disturb, name, by, readings, step)

    def _disturb(self, name: str, glitch: float, readings: int, step: float) -> None:
        clock = self.clocks[name]
        if glitch:
            self.say(name, f"its next {readings} readings of the clock are {glitch / YEAR:+g} year off")
            clock.glitches = [glitch] * readings + clock.glitches * clock.is_off
            clock.until = self.loop.now + _MOMENT
            self.network.watch.glitched = True
        else:
            self.say(name, f"its clock is set by {step:+g} s")
            clock.offset += step

    def _end_trouble(self) -> None:
        self.say("world", "all trouble ends")
        self.network.weather.clear()
        self.trouble["store"] = 0.0
        self.teachers.end()
        for clock in self.clocks.values():
            clock.offset = 0.0
            clock.glitches.clear()
        self.calamities.end()

    def run(self) -> None:
        """
        Let it happen, to the end of the peace.
        """
        collecting = gc.isenabled()
        gc.disable()
        try:
            asyncio.set_event_loop(self.loop)
            self.plan()
            self.loop.run_until_complete(asyncio.sleep(self.calm + PEACE))
        finally:
            asyncio.set_event_loop(None)
            if collecting:
                gc.enable()

    def close(self) -> None:
        """
        Let everything that was left hanging go.
        """
        self.loop.bury()
        self.loop.close()
