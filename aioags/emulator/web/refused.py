"""
The scores that the platform refused last, by whose grade they were to be: a cell shows them beside what stands there.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs

from aioags.emulator.platform import Platform
from aioags.emulator.traffic.changes import EVERYTHING, Change, scored_user
from aioags.emulator.traffic.exchanges import Exchange
from aioags.emulator.web.requests import kind_of
from aioags.emulator.wire.messages import Asked

# Beyond it the oldest is forgotten: anybody may post for users that do not exist.
MOST = 5000


@attrs.define(eq=False)
class LastRefused:
    """
    What was refused since the last score of the same person that was not.
    """

    platform: Platform
    _by_cell: dict[tuple[int, str], Exchange] = attrs.field(factory=dict)
    _stops: list[Callable[[], None]] = attrs.field(factory=list)

    def __attrs_post_init__(self) -> None:
        for exchange in self.platform.requests:
            self._note(exchange)
        self._stops += [self.platform.subscribe(self._note), self.platform.watch(self._forget)]

    def stop(self) -> None:
        """
        Note nothing any more.
        """
        for stop in self._stops:
            stop()

    def get(self, item: int, user_id: str) -> Exchange | None:
        """
        Find the refused score of one person in one item; None: the last one was taken, or there was none.
        """
        return self._by_cell.get((item, user_id))

    def _note(self, exchange: Exchange) -> None:
        if exchange.operation != "post_score" or not (exchange.applied or kind_of(exchange) == "refused"):
            return
        addresses, asked = self.platform.profile.addresses, Asked(exchange.request)
        place, user = addresses.find(asked.path), scored_user(asked.body)
        number = addresses.number("item", place.item) if place is not None and place.item is not None else None
        if number is None or user is None:
            return
        self._by_cell.pop((number, user), None)
        if not exchange.applied:
            self._by_cell[number, user] = exchange
            if len(self._by_cell) > MOST:
                del self._by_cell[next(iter(self._by_cell))]

    def _forget(self, change: Change) -> None:
        # The platform was made as new: its numbers begin again.
        if change == EVERYTHING and not self.platform.requests:
            self._by_cell.clear()
