"""
The line in front of a platform that is away: who knocks, who waits for how long, and what everybody is told.

Time stands still until a test moves it.
"""

from __future__ import annotations

import asyncio

import attrs
import pytest

from aioags import AGSError, BrokenError, ThrottledError, UnreachableError
from aioags.calls.gates import Admission, Gate
from aioags.model.policy import Pace
from aioags.protocol.breaker import FEWEST
from aioags.protocol.signals import Signal
from tests.unit.lines import FINE, Hand, settle

GONE = Signal(0.1, lost=True)


@attrs.define
class Door:
    """
    A gate of eight places and its callers, told apart by name.

    Attributes:
        passed: Who was let in, in that order.

        places: What each of them holds.
    """

    hand: Hand = attrs.field(factory=Hand)
    gate: Gate = attrs.field(init=False)
    passed: list[str] = attrs.field(factory=list)
    places: dict[str, Admission] = attrs.field(factory=dict)

    def __attrs_post_init__(self) -> None:
        self.gate = Gate(Pace(8, 8), clock=self.hand.clock, sleep=self.hand.sleep)

    async def come(
        self, name: str, subject: str = "item", patience: float = 120.0, **options: float
    ) -> asyncio.Task[Admission]:
        """
        Send a caller to the gate.
        """
        task = asyncio.create_task(self._enter(name, subject, patience, options))
        await settle()
        return task

    async def _enter(self, name: str, subject: str, patience: float, options: dict[str, float]) -> Admission:
        place = await self.gate.enter(patience, subject, **options)  # type: ignore[arg-type]
        self.passed.append(name)
        self.places[name] = place
        return place

    async def fail(self, name: str, error: AGSError | None = None) -> None:
        """
        Let a caller leave without a proper answer.
        """
        self.gate.leave(self.places[name], GONE, outage=error or BrokenError("bad gateway", status=502, recorded=None))
        await settle()

    async def succeed(self, name: str) -> None:
        """
        Let a caller leave with a proper answer.
        """
        self.gate.leave(self.places[name], FINE)
        await settle()

    async def lose(self, subject: str = "item") -> None:
        """
        Let the platform go away: eight calls fail.
        """
        for number in range(FEWEST):
            await self.come(f"lost-{number}", subject)
        for number in range(FEWEST):
            await self.fail(f"lost-{number}")
        assert self.gate.breaker.is_open
        self.passed.clear()


@pytest.fixture
async def door() -> Door:
    """
    A gate behind which the platform went away at second 0.
    """
    away = Door()
    await away.lose()
    return away


# -- Probes ------------------------------------------------------------------------------------------------------------


async def test_b5_nobody_passes_until_it_is_time_and_then_one(door: Door) -> None:
    for name in ("first", "second", "third"):
        await door.come(name)
    await door.hand.move(0.9)
    assert door.passed == []
    await door.hand.move(0.1)
    assert door.passed == ["first"]
    assert door.places["first"].probe
    await door.hand.move(9.9)
    assert door.passed == ["first"]


async def test_b5_where_a_probe_is_silent_for_ten_seconds_another_goes(door: Door) -> None:
    """
    The platform may be back by then, and the one probe's answer lost: nobody's time runs out behind it.
    """
    for name in ("first", "second", "third", "fourth"):
        await door.come(name)
    await door.hand.move(1.0)
    await door.hand.move(10.0)
    assert door.passed == ["first", "second"]
    assert door.places["second"].probe
    await door.succeed("second")
    assert door.passed == ["first", "second", "third", "fourth"]
    # What becomes of the first is no news of a platform that is well.
    await door.fail("first")
    assert not door.gate.breaker.is_open


async def test_b5_a_silent_probe_fills_no_line_of_one() -> None:
    """
    Answers lost in a row narrow the window, at last to one.
    """
    narrow = Door()
    narrow.gate = Gate(Pace(1, 8), clock=narrow.hand.clock, sleep=narrow.hand.sleep)
    for number in range(FEWEST):
        await narrow.come(f"lost-{number}")
        await narrow.fail(f"lost-{number}")
    assert narrow.gate.pacer.window == 1
    narrow.passed.clear()
    for name in ("first", "second"):
        await narrow.come(name)
    await narrow.hand.move(1.0)
    assert narrow.passed == ["first"]
    await narrow.hand.move(10.0)
    assert narrow.passed == ["first", "second"]


async def test_b5_a_pace_of_one_stays_one() -> None:
    alone = Door()
    alone.gate = Gate(Pace(1, 1), clock=alone.hand.clock, sleep=alone.hand.sleep)
    for number in range(FEWEST):
        await alone.come(f"lost-{number}")
        await alone.fail(f"lost-{number}")
    alone.passed.clear()
    for name in ("first", "second"):
        await alone.come(name)
    await alone.hand.move(1.0)
    await alone.hand.move(10.0)
    assert alone.passed == ["first"]
    await alone.fail("first")
    await alone.hand.move(10.0)
    assert alone.passed == ["first", "second"]


async def test_b5_a_silent_probe_that_is_cancelled_takes_no_place_of_the_one_after_it(door: Door) -> None:
    first = await door.come("first")
    await door.come("second")
    await door.come("third")
    await door.hand.move(1.0)
    await door.hand.move(10.0)
    assert first.done()
    door.gate.abandon(door.places["first"])
    await settle()
    assert door.passed == ["first", "second"]
    door.gate.abandon(door.places["second"])
    await settle()
    assert door.passed == ["first", "second", "third"]


async def test_b5_each_failed_probe_is_followed_by_another_call_after_a_longer_wait(door: Door) -> None:
    for name in ("first", "second", "third"):
        await door.come(name)
    await door.hand.move(1.0)
    await door.fail("first")
    await door.come("first again")
    await door.hand.move(1.9)
    assert door.passed == ["first"]
    await door.hand.move(0.1)
    assert door.passed == ["first", "second"]
    await door.fail("second")
    await door.hand.move(4.0)
    assert door.passed == ["first", "second", "third"]


async def test_b5_probes_are_about_another_line_item_where_one_waits(door: Door) -> None:
    """
    One bad column must not shut a platform: whoever asks for another one goes first.
    """
    for name, subject in [("a1", "a"), ("a2", "a"), ("a3", "a"), ("b1", "b"), ("b2", "b"), ("c1", "c")]:
        await door.come(name, subject)
    for seconds in (1.0, 2.0, 4.0, 8.0):
        await door.hand.move(seconds)
        await door.fail(door.passed[-1])
    assert door.passed == ["a1", "b1", "c1", "a2"]


async def test_b5_a_proper_answer_lets_everybody_in_by_the_pace(door: Door) -> None:
    for number in range(12):
        await door.come(f"caller-{number}")
    await door.hand.move(1.0)
    await door.succeed("caller-0")
    assert len(door.passed) == 1 + door.gate.pacer.window
    later = door.places["caller-1"]
    assert (later.probe, later.recoveries) == (False, 1)


async def test_b5_a_late_answer_to_a_call_from_before_opens_the_gate(door: Door) -> None:
    other = Door()
    await other.come("slow")
    for number in range(FEWEST):
        await other.come(f"lost-{number}")
        await other.fail(f"lost-{number}")
    await other.come("waiting")
    assert "waiting" not in other.passed
    await other.succeed("slow")
    assert other.passed[-1] == "waiting"
    assert not other.places["waiting"].probe


async def test_b5_a_probe_that_is_cancelled_hands_over_to_the_next(door: Door) -> None:
    first = await door.come("first")
    await door.come("second")
    door.hand.now += 1.0
    door.gate._admit()  # It has the place, and does not know yet.
    first.cancel()
    await settle()
    assert door.passed == ["second"]
    assert door.places["second"].probe
    door.gate.abandon(door.places["second"])
    await door.come("third")
    assert door.passed == ["second", "third"]


async def test_b5_a_probe_waits_for_the_end_of_a_hold_too(door: Door) -> None:
    throttle = ThrottledError("slow down", status=429, retry_after=20.0)
    await door.come("first")
    await door.hand.move(1.0)
    # It answers, so it is there; but it wants silence.
    door.gate.leave(door.places["first"], Signal(0.1, throttled=True, hold=20.0), throttle)
    await door.come("second")
    await door.hand.move(19.0)
    assert door.passed == ["first"]
    await door.hand.move(1.0)
    assert door.passed == ["first", "second"]


# -- How long ----------------------------------------------------------------------------------------------------------


async def test_b5_who_waits_gives_up_at_the_end_of_its_time_and_is_told_why(door: Door) -> None:
    hasty = await door.come("hasty", patience=0.5)
    patient = await door.come("patient")
    await door.hand.move(0.5)
    assert hasty.done()
    with pytest.raises(BrokenError) as caught:
        await hasty
    assert (caught.value.recorded, caught.value.transient) == (False, True)
    assert caught.value.retry_after == pytest.approx(0.5)
    assert not patient.done()


async def test_b5_an_outage_is_sat_out_for_the_total_time_since_it_began(door: Door) -> None:
    """
    A batch at a dead platform ends: those who come late do not each wait for their whole time again.
    """
    for name, total in (("probe", 30.0), ("second probe", 40.0), ("third probe", 40.0)):
        await door.come(name, total=total)
    waiting = await door.come("waiting", total=30.0)
    await door.hand.move(1.0)
    for seconds in (10.0, 10.0, 8.9):
        await door.hand.move(seconds)
    assert len(door.passed) == 3
    assert not waiting.done()
    await door.hand.move(0.1)
    assert isinstance(waiting.exception(), BrokenError)
    await door.come("fourth probe", total=50.0)
    late = await door.come("late", total=30.0)
    await door.hand.move(1.0)
    await door.hand.move(8.9)
    assert door.passed[-1] == "fourth probe"
    assert not late.done()
    await door.hand.move(0.1)
    assert isinstance(late.exception(), BrokenError)


async def test_b5_who_has_been_at_it_since_long_waits_for_no_further_probe(door: Door) -> None:
    await door.come("probe")
    await door.hand.move(35.0)
    await door.come("second probe")
    await door.hand.move(5.0)
    again = await door.come("again", total=30.0, since=20.0)
    assert isinstance(again.exception(), BrokenError)


async def test_b5_who_does_not_wait_is_told_at_once_when_to_come_back(door: Door) -> None:
    await door.hand.move(0.25)
    one = await door.come("one", waits=False)
    with pytest.raises(BrokenError) as caught:
        await one
    assert caught.value.retry_after == pytest.approx(0.75)
    assert (caught.value.recorded, caught.value.status) == (False, 502)
    await door.hand.move(0.75)
    # Time for a probe: it may be that.
    await door.come("two", waits=False)
    assert door.passed == ["two"]
    assert door.places["two"].probe


async def test_b5_who_does_not_wait_is_sent_away_from_the_line_when_the_platform_goes() -> None:
    door = Door()
    for number in range(FEWEST):
        await door.come(f"lost-{number}")
    calls = [await door.come(f"call-{number}", waits=number % 2 == 0) for number in range(12)]
    for number in range(FEWEST):
        await door.fail(f"lost-{number}")
    # Seven places were given back before anybody knew.
    assert door.passed[FEWEST:] == [f"call-{number}" for number in range(7)]
    assert [call.done() for call in calls[7:]] == [True, False, True, False, True]
    assert {type(call.exception()) for call in calls[7:] if call.done()} == {BrokenError}


async def test_b5_the_end_of_an_outage_leaves_no_alarm_behind(door: Door) -> None:
    before = [task for task in asyncio.all_tasks() if task.get_name() == "aioags gate"]
    waiting = await door.come("waiting")
    waiting.cancel()
    await door.hand.move(1.0)
    await settle()
    assert before == []
    assert door.hand.sleepers == []


async def test_b5_closing_sends_those_who_wait_for_the_platform_away(door: Door) -> None:
    waiting = await door.come("waiting")
    await door.gate.aclose()
    await settle()
    assert isinstance(waiting.exception(), RuntimeError)
    assert door.hand.sleepers == []


# -- What is told ------------------------------------------------------------------------------------------------------


async def test_b5_who_waited_is_told_for_what(door: Door) -> None:
    await door.come("first")
    await door.hand.move(1.0)
    assert door.places["first"].waited_for == "BrokenError"
    await door.fail("first", UnreachableError("refused", transient=True))
    await door.come("second")
    await door.hand.move(2.0)
    assert door.places["second"].waited_for == "UnreachableError"
    await door.succeed("second")
    await door.come("third")
    assert door.places["third"].waited_for is None


async def test_b5_the_gate_says_why_it_is_shut_and_for_how_long(door: Door) -> None:
    assert door.gate.why == "BrokenError"
    assert door.gate.closed_for(0.25) == 0.75
    await door.hand.move(1.0)
    await door.come("first")
    await door.succeed("first")
    assert door.gate.why is None
    assert door.gate.closed_for(door.hand.now) == 0.0


async def test_b5_quick_failures_widen_no_window() -> None:
    hand = Hand()
    gate = Gate(Pace(1, 32), clock=hand.clock, sleep=hand.sleep)
    before = gate.pacer.window
    for _ in range(FEWEST - 1):
        place = await gate.enter(120.0)
        hand.now += 0.01
        gate.leave(place, GONE, outage=BrokenError("bad gateway", status=502))
    assert gate.pacer.window <= before


@pytest.mark.parametrize("tries, opens", [(0, False), (3, True), (5, False)])
async def test_b5_the_last_attempt_of_a_call_that_others_wait_behind_opens_the_gate(tries: int, opens: bool) -> None:
    """
    Three failures in a row, as many as the call has made: nobody got through while it tried.
    """
    door = Door()
    for number in range(4):
        await door.come(f"call-{number}")
    for number in range(2):
        await door.fail(f"call-{number}")
    error = BrokenError("bad gateway", status=502, recorded=None)
    door.gate.leave(door.places["call-2"], GONE, outage=error, tries=tries)
    assert door.gate.breaker.is_open is opens


async def test_b5_so_does_one_beside_which_others_wait_for_their_next_attempt() -> None:
    door = Door()
    door.gate.backing_off = 1
    for number in range(3):
        await door.come(f"call-{number}")
        error = BrokenError("bad gateway", status=502, recorded=None)
        door.gate.leave(door.places[f"call-{number}"], GONE, outage=error, tries=number + 1 if number == 2 else 0)
    assert door.gate.breaker.is_open


async def test_b5_a_lone_calls_last_attempt_opens_no_gate() -> None:
    door = Door()
    for number in range(3):
        await door.come(f"call-{number}")
        error = BrokenError("bad gateway", status=502, recorded=None)
        door.gate.leave(door.places[f"call-{number}"], GONE, outage=error, tries=number + 1 if number == 2 else 0)
    assert not door.gate.breaker.is_open


async def test_b5_who_comes_an_hour_after_an_outage_sits_out_the_next_from_its_beginning(door: Door) -> None:
    await door.hand.move(3600.0)
    calls = [await door.come(f"caller-{number}", patience=120.0) for number in range(9)]
    failed = 0
    for _ in range(30):
        for name in door.passed[failed:]:
            await door.fail(name)
        failed = len(door.passed)
        await door.hand.move(1.0)
    # Thirty of their 120 seconds are over. Each was let in for a probe, or waits.
    assert [call for call in calls if call.done() and call.exception()] == []


async def test_b5_the_failure_of_an_older_probe_lets_none_go_beside_one_that_has_just_begun(door: Door) -> None:
    for name in ("first", "second", "third"):
        await door.come(name)
    await door.hand.move(1.0)
    await door.hand.move(10.0)
    assert door.passed == ["first", "second"]
    await door.fail("first")
    await door.hand.move(9.9)
    assert door.passed == ["first", "second"]


async def test_b5_a_probe_of_an_outage_that_is_over_says_nothing_of_the_next() -> None:
    door = Door()
    await door.come("slow")
    for outage in range(2):
        for number in range(FEWEST):
            await door.come(f"lost-{outage}-{number}")
            await door.fail(f"lost-{outage}-{number}")
        await door.come(f"probe-{outage}")
        await door.hand.move(1.0)
        assert door.places[f"probe-{outage}"].probe
        if not outage:
            await door.succeed("slow")
    await door.come("next")
    await door.fail("probe-0")
    await door.hand.move(9.9)
    assert "next" not in door.passed
