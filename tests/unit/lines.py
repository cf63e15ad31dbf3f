"""
A gate and those who stand before it, in a time that is moved by hand.
"""

from __future__ import annotations

import asyncio

import attrs

from aioags import ThrottledError
from aioags.calls.gates import Admission, Gate
from aioags.model.policy import Pace
from aioags.protocol.signals import Signal

FINE = Signal(0.1)
LONG = 120.0
SHORT = 5.0


@attrs.define
class Hand:
    """
    A clock that is moved by hand, and the sleepers that wake when it passes their time.

    Attributes:
        now: Seconds since the test began.

        sleepers: When each is due, and what it waits for.
    """

    now: float = 0.0
    sleepers: list[tuple[float, asyncio.Future[None]]] = attrs.field(factory=list)

    def clock(self) -> float:
        """
        Return seconds that never step back.
        """
        return self.now

    async def sleep(self, seconds: float) -> None:
        """
        Wait until the hand has moved so far.
        """
        waiting = asyncio.get_running_loop().create_future()
        place = (self.now + seconds, waiting)
        self.sleepers.append(place)
        try:
            await waiting
        finally:
            self.sleepers.remove(place)

    async def move(self, seconds: float) -> None:
        """
        Let time pass, wake whoever is due, and let everybody go on.
        """
        self.now += seconds
        for due, waiting in self.sleepers:
            if due <= self.now and not waiting.done():
                waiting.set_result(None)
        await settle()


async def settle() -> None:
    """
    Let everybody go on who can without time passing.
    """
    for _ in range(10):
        await asyncio.sleep(0)


@attrs.define
class Line:
    """
    A gate and its callers, told apart by name.

    Attributes:
        passed: Who was let in, in that order.
    """

    places: int = 1
    hand: Hand = attrs.field(factory=Hand)
    gate: Gate = attrs.field(init=False)
    passed: list[str] = attrs.field(factory=list)

    def __attrs_post_init__(self) -> None:
        self.gate = Gate(Pace(self.places, self.places), clock=self.hand.clock, sleep=self.hand.sleep)

    async def come(self, name: str, patience: float = LONG) -> asyncio.Task[float]:
        """
        Send a caller to the gate.
        """
        task = asyncio.create_task(self._enter(name, patience))
        await settle()
        return task

    async def _enter(self, name: str, patience: float) -> float:
        place = await self.gate.enter(patience)
        self.passed.append(name)
        return place.begun

    async def leave(self, begun: float = 0.0) -> None:
        """
        End one request with a fine answer.
        """
        self.gate.leave(Admission(begun), FINE)
        await settle()

    async def throttle(self, hold: float, begun: float = 0.0) -> None:
        """
        End one request with a refusal that asks for so many seconds of silence.
        """
        error = ThrottledError("slow down", status=429, transient=True, retry_after=hold)
        self.gate.leave(Admission(begun), Signal(0.1, throttled=True, hold=hold), error)
        await settle()
