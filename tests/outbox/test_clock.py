"""
What an outbox believes of its clock: no odd reading, and a new time once it has stood for a while.
"""

from __future__ import annotations

import attrs
import pytest

from aioags.calls.steady import SteadyWall
from aioags.outbox import MemoryStore, Outbox, State
from tests.outbox.kit import SCHOOL, new_desk
from tests.rigs.memory import runtime_for

YEAR = 365 * 86_400.0


@attrs.define
class Clocks:
    """
    A clock that never steps, and one that shows the time with an error.

    Attributes:
        off: Seconds that the wall clock is ahead.
    """

    ticks: float = 1000.0
    off: float = 0.0

    def wall(self) -> float:
        return 1_900_000_000.0 + self.ticks + self.off

    def clock(self) -> float:
        return self.ticks

    def steady(self) -> SteadyWall:
        return SteadyWall(self.wall, self.clock)


@pytest.mark.parametrize("off", [YEAR, -YEAR, 3600.0])
def test_c10_an_odd_reading_is_left_out(off: float) -> None:
    clocks = Clocks()
    steady = clocks.steady()
    start = steady()
    for seconds in (1.0, 2.0, 50.0):
        clocks.ticks += seconds
        clocks.off = off
        assert steady() == clocks.wall() - off
        clocks.off = 0.0
        assert steady() == clocks.wall()
    assert steady() == start + 53.0


@pytest.mark.parametrize("off", [30.0, -30.0, 600.0])
def test_a_clock_that_is_set_right_is_followed_at_once(off: float) -> None:
    clocks = Clocks()
    steady = clocks.steady()
    steady()
    clocks.off = off
    assert steady() == clocks.wall()


@pytest.mark.parametrize("off", [YEAR, -YEAR, 7200.0])
def test_a_new_time_that_stands_for_a_minute_is_followed(off: float) -> None:
    """
    A laptop that slept; or the very first reading was the odd one.
    """
    clocks = Clocks()
    steady = clocks.steady()
    steady()
    clocks.off = off
    assert steady() == clocks.wall() - off
    clocks.ticks += 59.0
    assert steady() == clocks.wall() - off
    clocks.ticks += 1.0
    assert steady() == clocks.wall()


def test_two_glitches_a_minute_apart_confirm_nothing() -> None:
    clocks = Clocks()
    steady = clocks.steady()
    for off in (0.0, YEAR, 0.0, YEAR, -YEAR, YEAR):
        clocks.off = off
        assert steady() == clocks.wall() - off
        clocks.ticks += 30.0


@pytest.mark.parametrize("readings", [1, 20])
async def test_c10_an_outbox_that_is_born_in_a_glitch_forgets_nothing(readings: int) -> None:
    """
    What was recorded keeps out what is older, and later stamps in order: pruned a year early it would be missed.
    """
    desk = new_desk()
    await desk.put(desk.grade(4))
    assert await desk.drain() == (1, 0, 0)
    odd = [YEAR] * readings
    runtime = attrs.evolve(runtime_for(desk.time), wall=lambda: desk.time.wall() + (odd.pop() if odd else 0.0))
    async with Outbox(MemoryStore(desk.table), desk.client, {SCHOOL: desk.registration}, runtime=runtime, poll=1.0):
        await desk.time.sleep(600.0)
    assert desk.row().state is State.SENT


async def test_what_is_old_is_forgotten_soon_after_the_start() -> None:
    desk = new_desk()
    await desk.put(desk.grade(4))
    await desk.drain()
    await desk.time.sleep(40 * 86_400.0)
    outbox = Outbox(MemoryStore(desk.table), desk.client, {SCHOOL: desk.registration}, runtime=runtime_for(desk.time))
    async with outbox:
        await desk.time.sleep(300.0)
    assert not desk.table.rows
