"""
What goes wrong with a whole platform, or a whole machine, for a while.

What is drawn here has dice of its own, but for the plain outage: all else in a world is the same with and without.
"""

from __future__ import annotations

import random
from copy import deepcopy
from typing import TYPE_CHECKING

import attrs

from aioags.emulator.site.state import PlatformState
from aioags.protocol.urls import origin
from tests.simulation.faults import OUTAGES, VEILS
from tests.simulation.ledger import Outage

if TYPE_CHECKING:
    from tests.simulation.places import Place
    from tests.simulation.world import Line, World

_SHORT = (2.0, 6.0, 12.0, 40.0, 75.0, 400.0)
_LEAPS = (-200.0, -90.0, 90.0, 200.0, 600.0, 7200.0)
# Seconds. What a platform's clock is ahead by is followed for five minutes, and no further.
_FURTHEST_BEHIND = -220.0


class Calamities:
    """
    The calamities of a world; as with the weather, a world has some kinds of them and not the others.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.dice = dice = random.Random(f"calamities {world.seed}")
        kinds = (self._plan_token_outage, self._plan_veil, self._plan_deletion, self._plan_restoring)
        self.kinds = [kind for kind in kinds if dice.random() < 0.3]
        self.leaps = dice.random() < 0.3
        self._ways = random.Random(f"ways {world.seed}")
        for line in world.lines:
            if self._ways.random() < 0.2:
                line.way = "both"

    def choose_way(self, line: Line) -> Line:
        """
        Return a line item with the way that a score goes: a process may use both for the same line item.
        """
        return attrs.evolve(line, way=self._ways.choice(("post", "put"))) if line.way == "both" else line

    def plan_burst(self, start: float) -> None:
        """
        Draw the calamities of one burst.
        """
        for kind in self.kinds:
            if self.dice.random() < 0.6:
                kind(start + self.dice.choice((0.0, 2.0, 10.0, 25.0)) + self.dice.choice((0.0, self.dice.random() * 4)))

    def plan_outage(self, dice: random.Random, when: float) -> None:
        """
        Draw a time in which a platform answers nobody.
        """
        name, kind = dice.choice(sorted(self.world.places)), dice.choice(sorted(OUTAGES))
        self.world.at(when, self._begin_outage, name, kind, dice.choice(_SHORT))

    def _plan_token_outage(self, when: float) -> None:
        name, kind = self.dice.choice(sorted(self.world.places)), self.dice.choice(sorted(OUTAGES))
        self.world.at(when, self._begin_outage, name, kind, self.dice.choice(_SHORT), "token")
        # Else the tokens that are there outlive it. One that nobody has used yet is not called forgotten.
        if self.dice.random() < 0.7:
            self.world.places[name].forgets, self.world.places[name].spares = when, 5.0

    def _begin_outage(self, name: str, kind: str, seconds: float, of: str = "") -> None:
        world = self.world
        now = world.loop.now
        outage = Outage(len(world.ledger.outages) + 1, name, kind, now, now + seconds, of)
        base = origin(world.places[name].platform.base_url)
        for tool in world.tools.values():
            windows = [one.window for one in tool.client.stats() if one.origin == base]
            outage.windows[tool.process.name] = max(windows, default=0)
        world.ledger.outages.append(outage)
        world.say(name, f"is away for {seconds:g} s ({kind}{of and f', for each {of}'})")
        world.network.later(seconds, world.say, name, "is back")
        if self.leaps:
            self._plan_leap(seconds)

    def _plan_veil(self, when: float) -> None:
        name, kind = self.dice.choice(sorted(self.world.places)), self.dice.choice(sorted(VEILS))
        self.world.at(when, self._veil, self.world.places[name], kind, self.dice.choice((*_SHORT, 4000.0)))

    def _veil(self, place: Place, kind: str, seconds: float) -> None:
        self.world.say(place.name, f"is behind a proxy that answers for it, for {seconds:g} s ({kind})")
        place.veil = kind
        self.world.ledger.veils.append((place.name, self.world.loop.now, self.world.loop.now + seconds))
        if kind.startswith("tokens") and self.dice.random() < 0.7:
            place.forgets, place.spares = self.world.loop.now, 5.0
        self.world.network.later(seconds, self._unveil, place, kind)

    def _unveil(self, place: Place, kind: str) -> None:
        if place.veil == kind:
            self.world.say(place.name, "answers by itself again")
            place.veil = ""

    def _plan_leap(self, seconds: float) -> None:
        name, by = self.dice.choice(self.world.workers), self.dice.choice(_LEAPS)
        self.world.network.later(self.dice.random() * seconds, self._leap, name, by)
        if self.dice.random() < 0.5:
            self.world.network.later(self.dice.choice((1.0, 3.0)) * seconds, self._leap, name, -by)

    def _leap(self, name: str, by: float) -> None:
        clock = self.world.clocks[name]
        by = max(by, _FURTHEST_BEHIND - clock.offset)
        self.world.say(name, f"its clock is set by {by:+g} s")
        clock.offset += by

    def _plan_deletion(self, when: float) -> None:
        self.world.at(when, self.world.teachers.delete, self.world.places[self.dice.choice(sorted(self.world.places))])

    def _plan_restoring(self, when: float) -> None:
        place = self.world.places[self.dice.choice(sorted(self.world.places))]
        self.world.at(when - 1, self._save, place, self.dice.choice((1.0, 4.0, 20.0, 600.0)))

    def _save(self, place: Place, seconds: float) -> None:
        keys = {id(tool.key_set): tool.key_set for tool in place.platform.site.state.tools.values()}
        saved = deepcopy(place.platform.site.state, keys)
        self.world.say(place.name, "is backed up")
        self.world.network.later(seconds, self._restore, place, saved)

    def _restore(self, place: Place, saved: PlatformState) -> None:
        if self.world.loop.now >= self.world.calm:
            return
        site, ledger, now = place.platform.site, self.world.ledger, self.world.loop.now
        urls = {item["id"] for item in place.platform.line_items() if place.item(item["id"])} | place.gone
        # A number that was given away is not given away again: that no tool could notice.
        saved.last_item = site.state.last_item
        site.state = saved
        place.set_gone(urls - {item["id"] for item in place.platform.line_items()})
        place.restored.append(now)
        self.world.say(place.name, f"is restored from its backup; {len(place.gone)} line items are gone")
        ledger.forget_created(place.name)
        for key in ledger.all_keys():
            if key[0] == place.name:
                ledger.touched[key].append(now)

    def end(self) -> None:
        """
        End them all.
        """
        for outage in self.world.ledger.outages:
            outage.end = min(outage.end, self.world.loop.now)
        for place in self.world.places.values():
            place.veil = ""
