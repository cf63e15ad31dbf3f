"""
What teachers do: they set grades by hand, lock, hide the course, and enrol people late.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from tests.simulation.actors import OUT_OF
from tests.simulation.places import Place

if TYPE_CHECKING:
    from tests.simulation.world import Line, World


class Teachers:
    """
    The teachers of a world.
    """

    def __init__(self, world: World) -> None:
        self.world = world

    def plan(self, dice: random.Random, when: float) -> None:
        """
        Draw what one of them does.
        """
        line = dice.choice(self.world.lines)
        act = dice.choice((self._override, self._override, self._lock, self._unpublish))
        self.world.at(when, act, line, self.world.user_of(line.place), dice.choice((5.0, 60.0, 1800.0, 15_000.0)))

    def _say(self, what: str) -> None:
        self.world.say("teacher", what)

    def _override(self, line: Line, user: str, _: float) -> None:
        if line.url in line.place.gone:
            return
        key = (line.place.name, line.url, user)
        share = self.world.ledger.next_number() / OUT_OF
        self._say(f"sets {user[:6]} in {line.url[-12:]} by hand")
        line.place.platform.override(line.url, user, line.place.item(line.url).maximum * share)
        self.world.ledger.touched[key].append(self.world.loop.now)

    def _lock(self, line: Line, user: str, seconds: float) -> None:
        if line.url in line.place.gone:
            return
        whom = user if seconds < 1000 else None
        self._say(f"locks {whom or 'everybody'} in {line.url[-12:]} for {seconds:g} s")
        line.place.platform.lock(line.url, whom)
        self.world.network.later(seconds, self._unlock, line, whom)

    def _unlock(self, line: Line, user: str | None) -> None:
        self._say(f"unlocks {user or 'everybody'} in {line.url[-12:]}")
        if line.url not in line.place.gone:
            line.place.platform.lock(line.url, user, locked=False)

    def _unpublish(self, line: Line, user: str, seconds: float) -> None:
        self._say(f"hides the course of {line.place.name} for {seconds:g} s")
        line.place.platform.course.published = False
        self.world.network.later(seconds, self._publish, line)

    def _publish(self, line: Line) -> None:
        self._say(f"shows the course of {line.place.name}")
        line.place.platform.course.published = True

    def enrol(self, place: Place, person: Any) -> None:
        """
        Let somebody into the course.
        """
        self._say(f"enrols {person.user_id[:6]} at {place.name}")
        place.platform.course.people[person.user_id] = person

    def delete(self, place: Place) -> None:
        """
        Delete one of the tool's line items, whichever it is.
        """
        items = [item for item in place.platform.course.items.values() if not item.coupled]
        if not items:
            return
        item = self.world.calamities.dice.choice(items)
        url = next(one["id"] for one in place.platform.line_items() if place.item(one["id"]) is item)
        self._say(f"deletes item {item.number} of {place.name}")
        del place.platform.course.items[item.number]
        place.set_gone(place.gone | {url})
        self.world.ledger.forget_created(place.name)

    def end(self) -> None:
        """
        Refuse nothing any more.
        """
        for place in self.world.places.values():
            place.platform.course.published = True
        for place, person in self.world.late:
            place.platform.course.people[person.user_id] = person
        for line in (one for one in self.world.lines if one.url not in one.place.gone):
            line.place.platform.lock(line.url, None, locked=False)
            for user in self.world.users_of(line.place):
                line.place.platform.lock(line.url, user, locked=False)
