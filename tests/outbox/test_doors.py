"""
Few line items of one registration at once; the others come when one leaves.
"""

from __future__ import annotations

from aioags.contrib.procrastinate.doors import Doors, in_turns


def test_who_is_turned_away_is_called_when_one_leaves_and_only_once() -> None:
    doors = Doors(2)
    assert [doors.enter("a", str(number)) for number in range(5)] == [True, True, False, False, False]
    assert doors.enter("b", "0"), "each registration has a door of its own"
    assert [("a", "2") in doors, ("a", "0") in doors, ("b", "2") in doors] == [True, False, False]
    assert doors.leave("a") == [("a", "2")]
    assert ("a", "2") not in doors
    assert doors.enter("a", "2")
    assert doors.leave("a") == [("a", "3")]


def test_a_call_that_somebody_else_answered_leaves_room_for_the_next() -> None:
    doors = Doors(2)
    for number in range(6):
        doors.enter("a", str(number))
    assert doors.leave("a") == [("a", "2")]
    assert doors.leave("a") == [("a", "3"), ("a", "4")]
    assert ("a", "5") not in doors, "nobody inside will call it"
    assert doors.enter("a", "5")
    assert doors.leave("a") == []


def test_who_comes_in_by_another_way_is_not_called() -> None:
    doors = Doors(1)
    doors.enter("a", "1")
    doors.enter("a", "2")
    doors.enter("a", "3")
    assert doors.leave("a") == [("a", "2")]
    assert doors.enter("a", "3")
    assert doors.leave("a") == []


def test_the_first_of_each_come_before_the_second_of_any() -> None:
    places = [("a", "1"), ("a", "2"), ("a", "3"), ("b", "1"), ("b", "2"), ("c", "1")]
    assert in_turns(places) == [("a", "1"), ("b", "1"), ("c", "1"), ("a", "2"), ("b", "2"), ("a", "3")]
