"""
One request on its way through the platform.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs

from aioags.emulator.profiles.addresses import Place
from aioags.emulator.site.site import Held
from aioags.emulator.traffic.exchanges import Exchange
from aioags.emulator.traffic.faults import Fate
from aioags.emulator.traffic.throttle import Throttle
from aioags.emulator.wire.messages import Answer, Asked


@attrs.define
class Visit:
    """
    One request between arriving and leaving.

    Attributes:
        plan: What will go wrong. An adapter waits ``plan.wait`` seconds before it calls `apply`.

        held: What it keeps busy until it leaves.

        throttle: What it was charged to; None: nothing.

        gone: It has left.
    """

    exchange: Exchange
    asked: Asked
    place: Place | None
    plan: Fate
    # The platform's two ends, given and not imported: a visit knows no platform.
    _apply: Callable[[Visit], Answer] = attrs.field(repr=False)
    _depart: Callable[[Visit], None] = attrs.field(repr=False)
    held: list[Held] = attrs.field(factory=list)
    throttle: Throttle | None = None
    gone: bool = False

    def apply(self) -> Answer:
        """
        Do what is asked, and return the answer as it is to be carried.
        """
        return self._apply(self)

    def leave(self) -> None:
        """
        Say that the request is no longer in flight. Harmless when said twice.
        """
        if not self.gone:
            self.gone = True
            self._depart(self)
