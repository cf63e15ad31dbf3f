"""
How many line items of one registration a process drains at once, where a job engine's slots are shared by all.

Theory of operation. Each registration has a door that lets some drains in. Who comes to a door that is full is turned
away and remembered: its job ends, and its slot and its lock are free. When one inside leaves, as many are called as
there is room for, and come again as new jobs, to this process or to another. A call that somebody else answers leaves
room here, which the next one who leaves fills. What is remembered is lost with the process; a sweep finds it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import islice
from operator import itemgetter

import attrs

Place = tuple[str, str]
"""A line item, as (registration id, line item)."""


@attrs.define
class _Door:
    inside: int = 0
    outside: dict[str, None] = attrs.field(factory=dict)


class Doors:
    """
    The doors of all registrations.

    Args:
        most: How many of one registration may be inside at once.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._doors: dict[str, _Door] = {}

    def __contains__(self, place: Place) -> bool:
        """
        True for one who was turned away and will be called by somebody inside.
        """
        door = self._doors.get(place[0])
        return door is not None and door.inside > 0 and place[1] in door.outside

    def enter(self, registration_id: str, line_item: str) -> bool:
        """
        Go in. False: it is full, and this one will be called.
        """
        door = self._doors.setdefault(registration_id, _Door())
        if door.inside >= self._most:
            door.outside[line_item] = None
            return False
        door.outside.pop(line_item, None)
        door.inside += 1
        return True

    def leave(self, registration_id: str) -> list[Place]:
        """
        Go out.

        Returns:
            Who may come now, longest outside first.
        """
        door = self._doors[registration_id]
        door.inside -= 1
        called = list(islice(door.outside, self._most - door.inside))
        for line_item in called:
            del door.outside[line_item]
        if not door.inside and not door.outside:
            del self._doors[registration_id]
        return [(registration_id, line_item) for line_item in called]


def in_turns(places: Iterable[Place]) -> list[Place]:
    """
    Put the first line item of each registration before the second of any, so that few do not wait for many.
    """
    seen: Counter[str] = Counter()
    ranked: list[tuple[int, Place]] = []
    for place in places:
        ranked.append((seen[place[0]], place))
        seen[place[0]] += 1
    return [place for _, place in sorted(ranked, key=itemgetter(0))]
