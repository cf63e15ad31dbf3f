"""
The line in front of one platform: who passes when, who is sent away, and that nobody waits for ever.

Time stands still until a test moves it.
"""

from __future__ import annotations

import asyncio

import pytest

from aioags import ThrottledError
from aioags.calls.gates import Admission
from aioags.protocol.signals import Signal
from tests.unit.lines import FINE, LONG, SHORT, Line, settle


@pytest.fixture
def line() -> Line:
    """
    A gate with one place.
    """
    return Line()


# -- Order -------------------------------------------------------------------------------------------------------------


async def test_who_finds_a_place_passes_at_once_and_is_told_the_time(line: Line) -> None:
    line.hand.now = 7.0
    assert (await line.gate.enter(LONG)).begun == 7.0
    assert line.gate.pacer.in_flight == 1


async def test_callers_pass_in_the_order_they_came_one_for_each_place(line: Line) -> None:
    for name in ("first", "second", "third", "fourth"):
        await line.come(name)
    assert line.passed == ["first"]
    await line.leave()
    assert line.passed == ["first", "second"]
    await line.leave()
    await line.leave()
    assert line.passed == ["first", "second", "third", "fourth"]
    assert line.gate.pacer.in_flight == 1


async def test_as_many_pass_as_there_are_places() -> None:
    line = Line(places=3)
    for number in range(5):
        await line.come(str(number))
    assert line.passed == ["0", "1", "2"]


async def test_nobody_slips_in_between_an_admission_and_its_caller(line: Line) -> None:
    await line.come("first")
    await line.come("second")
    # The place is the second's from this moment, though its task has not run yet.
    line.gate.leave(Admission(0.0), FINE)
    await line.come("third")
    assert line.passed == ["first", "second"]
    assert line.gate.pacer.in_flight == 1


async def test_one_who_waited_is_told_when_it_was_let_in_not_when_it_came(line: Line) -> None:
    await line.come("first")
    waiting = await line.come("second")
    await line.hand.move(3.0)
    await line.leave()
    assert await waiting == 3.0


async def test_a_place_that_was_given_up_without_an_answer_goes_to_the_next(line: Line) -> None:
    await line.come("first")
    await line.come("second")
    line.gate.abandon(Admission(0.0))
    await settle()
    assert line.passed == ["first", "second"]
    assert line.gate.pacer.in_flight == 1


# -- The end of a hold -------------------------------------------------------------------------------------------------


async def test_the_end_of_a_hold_lets_in_whoever_waits_though_nobody_is_in_flight(line: Line) -> None:
    """
    Nobody will come back to open the gate: without its alarm the line would wait for ever.
    """
    await line.come("first")
    await line.throttle(30.0)
    waiting = await line.come("second")
    await line.hand.move(29.0)
    assert line.passed == ["first"]
    await line.hand.move(1.0)
    assert line.passed == ["first", "second"]
    assert await waiting == 30.0


async def test_those_who_waited_already_are_let_in_at_the_end_of_a_hold_too(line: Line) -> None:
    await line.come("first")
    await line.come("second")
    await line.throttle(30.0)
    assert line.passed == ["first"]
    await line.hand.move(30.0)
    assert line.passed == ["first", "second"]


async def test_a_hold_that_was_lengthened_meanwhile_is_waited_for_again() -> None:
    line = Line(places=2)
    await line.come("first")
    await line.come("second")
    await line.throttle(10.0)
    await line.come("third")
    await line.hand.move(5.0)
    await line.throttle(30.0)
    await line.hand.move(5.0)
    assert line.passed == ["first", "second"]
    await line.hand.move(25.0)
    assert line.passed == ["first", "second", "third"]


async def test_after_a_second_hold_the_alarm_rings_again(line: Line) -> None:
    await line.come("first")
    await line.throttle(10.0)
    await line.come("second")
    await line.hand.move(10.0)
    await line.throttle(10.0, begun=10.0)
    await line.come("third")
    await line.hand.move(10.0)
    assert line.passed == ["first", "second", "third"]


async def test_one_who_comes_when_a_hold_is_over_and_the_alarm_has_not_rung_yet_lines_up_behind(line: Line) -> None:
    await line.come("first")
    await line.throttle(30.0)
    await line.come("second")
    line.hand.now += 31.0
    await line.come("third")
    assert line.passed == ["first", "second"]
    await line.leave(begun=31.0)
    assert line.passed == ["first", "second", "third"]


async def test_one_alarm_serves_the_whole_line(line: Line) -> None:
    await line.come("first")
    await line.throttle(30.0)
    for number in range(5):
        await line.come(str(number))
    assert len(line.hand.sleepers) == 1
    await line.hand.move(30.0)
    assert line.hand.sleepers == []


# -- Patience ----------------------------------------------------------------------------------------------------------


async def test_who_cannot_wait_out_a_hold_is_told_at_once_when_to_come_back(line: Line) -> None:
    await line.come("first")
    await line.throttle(30.0)
    await line.hand.move(10.0)
    hasty = await line.come("hasty", patience=SHORT)
    assert hasty.done()
    with pytest.raises(ThrottledError) as caught:
        await hasty
    assert caught.value.retry_after == pytest.approx(20.0)
    assert caught.value.recorded is False
    assert caught.value.status == 429
    assert line.gate.pacer.in_flight == 0


async def test_patience_of_just_the_hold_is_enough(line: Line) -> None:
    await line.come("first")
    await line.throttle(30.0)
    waiting = await line.come("second", patience=30.0)
    await line.hand.move(30.0)
    assert waiting.done()
    assert line.passed == ["first", "second"]


async def test_a_throttle_turns_away_those_in_the_line_who_cannot_wait_so_long(line: Line) -> None:
    await line.come("first")
    hasty = await line.come("hasty", patience=SHORT)
    patient = await line.come("patient", patience=LONG)
    also_hasty = await line.come("also hasty", patience=SHORT)
    await line.throttle(30.0)
    assert [task.done() for task in (hasty, patient, also_hasty)] == [True, False, True]
    errors = [hasty.exception(), also_hasty.exception()]
    assert [type(error) for error in errors] == [ThrottledError] * 2
    # Each its own: a caller may add a note, or raise it again.
    assert errors[0] is not errors[1]
    assert errors[0].retry_after == pytest.approx(30.0)  # type: ignore[union-attr]
    await line.hand.move(30.0)
    assert line.passed == ["first", "patient"]


async def test_an_error_of_the_gate_says_that_nothing_was_recorded_whatever_the_throttled_call_said(line: Line) -> None:
    await line.come("first")
    error = ThrottledError("slow down", status=503, recorded=None)
    line.gate.leave(Admission(0.0), Signal(0.1, throttled=True, hold=30.0), error)
    hasty = await line.come("hasty", patience=SHORT)
    assert hasty.done()
    with pytest.raises(ThrottledError) as caught:
        await hasty
    assert caught.value.recorded is False
    assert error.recorded is None


async def test_the_place_in_the_line_costs_no_patience(line: Line) -> None:
    await line.come("first")
    await line.come("second", patience=0.0)
    await line.hand.move(1000.0)
    await line.leave()
    assert line.passed == ["first", "second"]


# -- Cancelled ---------------------------------------------------------------------------------------------------------


async def test_a_waiter_that_is_cancelled_leaves_the_line_to_the_others(line: Line) -> None:
    await line.come("first")
    second = await line.come("second")
    await line.come("third")
    second.cancel()
    await settle()
    assert second.cancelled()
    await line.leave()
    assert line.passed == ["first", "third"]
    assert line.gate.pacer.in_flight == 1


async def test_a_waiter_that_is_cancelled_when_it_was_just_let_in_hands_its_place_on(line: Line) -> None:
    await line.come("first")
    second = await line.come("second")
    await line.come("third")
    line.gate.leave(Admission(0.0), FINE)
    # It has the place, and does not know yet.
    second.cancel()
    await settle()
    assert second.cancelled()
    assert line.passed == ["first", "third"]
    await line.leave()
    assert line.gate.pacer.in_flight == 0


async def test_a_waiter_that_is_cancelled_when_it_was_just_turned_away_held_no_place() -> None:
    line = Line(places=2)
    await line.come("first")
    await line.come("second")
    hasty = await line.come("hasty", patience=SHORT)
    error = ThrottledError("slow down", status=429)
    line.gate.leave(Admission(0.0), Signal(0.1, throttled=True, hold=30.0), error)
    hasty.cancel()
    await settle()
    assert hasty.cancelled()
    assert line.gate.pacer.in_flight == 1
    await line.hand.move(30.0)
    await line.come("third")
    await line.come("one too many")
    assert line.passed == ["first", "second", "third"]


async def test_when_all_who_waited_for_a_hold_are_cancelled_the_alarm_finds_nobody(line: Line) -> None:
    await line.come("first")
    await line.throttle(30.0)
    second = await line.come("second")
    second.cancel()
    await line.hand.move(30.0)
    assert line.gate.pacer.in_flight == 0
    await line.come("third")
    assert line.passed == ["first", "third"]


# -- Closed ------------------------------------------------------------------------------------------------------------


async def test_closing_sends_everybody_in_the_line_away_and_lets_nobody_in(line: Line) -> None:
    await line.come("first")
    waiting = [await line.come(name) for name in ("second", "third")]
    await line.gate.aclose()
    late = await line.come("late")
    for task in (*waiting, late):
        assert task.done()
        with pytest.raises(RuntimeError, match="closed"):
            await task
    # Who is in flight still gives the place back.
    await line.leave()
    assert line.gate.pacer.in_flight == 0


async def test_closing_ends_the_wait_for_the_end_of_a_hold(line: Line) -> None:
    before = asyncio.all_tasks()
    await line.come("first")
    await line.throttle(30.0)
    waiting = await line.come("second")
    await line.gate.aclose()
    await settle()
    assert waiting.done()
    with pytest.raises(RuntimeError, match="closed"):
        await waiting
    assert line.hand.sleepers == []
    assert asyncio.all_tasks() == before


async def test_closing_takes_no_place_from_one_that_was_just_let_in(line: Line) -> None:
    await line.come("first")
    second = await line.come("second")
    line.gate.leave(Admission(0.0), FINE)
    await line.gate.aclose()
    assert await second == 0.0


async def test_it_can_be_closed_twice(line: Line) -> None:
    await line.come("first")
    await line.throttle(30.0)
    await line.come("second")
    await line.gate.aclose()
    await line.gate.aclose()
