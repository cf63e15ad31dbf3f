"""
One score at a time for each (line item, user), in order; and stamps that a platform of whole seconds can tell apart.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioags import Score
from aioags.model.stamp import Timekeeper, timekeeper
from aioags.protocol.turns import Key, Turn, Turns
from tests.fakes import stamping

KEY: Key = ("https://lms.example/li/7", "u1")
OTHER: Key = ("https://lms.example/li/7", "u2")
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def auto(seconds: float = 0.0) -> Score:
    """
    Return a score that the package stamped so many seconds after noon.
    """
    with stamping(NOON + timedelta(seconds=seconds)):
        return Score.cleared("u1")


def made(count: int, process: str = "one", seconds: float = 0.0) -> list[Score]:
    """
    Return scores that one process made, one after another.
    """
    with stamping(NOON + timedelta(seconds=seconds), process):
        return [Score.cleared("u1") for _ in range(count)]


def own(seconds: float = 0.0) -> Score:
    """
    Return a score that the caller stamped.
    """
    return Score.cleared("u1", timestamp=NOON + timedelta(seconds=seconds))


def after(stamp: datetime) -> float:
    """
    Return a stamp as seconds after noon.
    """
    return (stamp - NOON).total_seconds()


def stamped(turns: Turns, key: Key, score: Score, now: float | None = None) -> datetime:
    """
    Stamp a score that is refused afterwards, and return the stamp.
    """
    last = turns.last(key)
    stamp, second = last.stamp(score, now if last.may_come else None)
    turns.note(key, last.refused(second))
    return stamp


def send(turns: Turns, key: Key, score: Score, *, restamped: float = 0.0, may_come: bool = False) -> None:
    """
    Note that the platform may hold a score that was stamped before, or put the second of its own clock on it.
    """
    turns.note(key, turns.last(key).sent(score, int(restamped), may_come=may_come))


def is_older(turns: Turns, key: Key, score: Score) -> bool:
    """
    Ask whether a newer one was sent.
    """
    return turns.last(key).is_newer(score)


def is_stamped_before(turns: Turns, key: Key, score: Score) -> bool:
    """
    Ask whether one with a later stamp was sent.
    """
    return turns.last(key).is_stamped_later(score)


# --- order ---------------------------------------------------------------------------------------------------------


def test_the_first_may_send_and_the_rest_start_in_the_order_they_came() -> None:
    turns = Turns()
    started: list[str] = []
    first, may_send = turns.join(KEY, lambda _: started.append("first"))
    assert may_send
    second, may_send = turns.join(KEY, lambda _: started.append("second"))
    assert not may_send
    third, may_send = turns.join(KEY, lambda _: started.append("third"))
    assert not may_send
    assert started == []
    turns.leave(first)
    assert started == ["second"]
    turns.leave(second)
    assert started == ["second", "third"]
    turns.leave(third)
    assert turns.join(KEY, started.append)[1]  # type: ignore[arg-type]


def test_keys_do_not_wait_for_each_other() -> None:
    turns = Turns()
    item = ("https://lms.example/li/8", "u1")
    assert [turns.join(key, lambda _: None)[1] for key in (KEY, OTHER, item)] == [True, True, True]


def test_a_turn_is_told_which_one_it_is() -> None:
    turns = Turns()
    told: list[Turn] = []
    first, _ = turns.join(KEY, told.append)
    second, _ = turns.join(KEY, told.append)
    turns.leave(first)
    assert told == [second]
    assert second.key == KEY


def test_one_that_gives_up_waiting_starts_nobody() -> None:
    turns = Turns()
    started: list[Turn] = []
    first, _ = turns.join(KEY, started.append)
    second, _ = turns.join(KEY, started.append)
    third, _ = turns.join(KEY, started.append)
    turns.leave(second)
    assert started == []
    turns.leave(first)
    assert started == [third]


def test_one_that_starts_may_leave_at_once() -> None:
    turns = Turns()
    started: list[int] = []

    def begin(number: int, turn: Turn) -> None:
        started.append(number)
        turns.leave(turn)

    first, _ = turns.join(KEY, lambda _: None)
    for number in range(3):
        turns.join(KEY, lambda turn, number=number: begin(number, turn))  # type: ignore[misc]
    turns.leave(first)
    assert started == [0, 1, 2]
    assert turns.join(KEY, lambda _: None)[1]


@given(st.lists(st.tuples(st.integers(0, 2), st.booleans(), st.integers(0, 20)), max_size=60))
def test_at_most_one_of_a_key_sends_and_they_send_in_order(steps: list[tuple[int, bool, int]]) -> None:
    turns = Turns()
    waiting: dict[int, list[tuple[int, Turn]]] = {0: [], 1: [], 2: []}
    started: dict[int, list[int]] = {0: [], 1: [], 2: []}
    for number, (user, joins, place) in enumerate(steps):
        line = waiting[user]
        if joins or not line:
            turn, first = turns.join(
                ("li", str(user)), lambda _, user=user, number=number: started[user].append(number)
            )  # type: ignore[misc]
            assert first is (not line)
            if first:
                started[user].append(number)
            line.append((number, turn))
        else:
            turns.leave(line.pop(place % len(line))[1])
        for who, order in started.items():
            assert order == sorted(set(order))
            # Whoever is first in the line has started, and nobody behind.
            heads = [number for number, _ in waiting[who]]
            assert heads[:1] == order[-1:] or not heads
            assert not set(heads[1:]) & set(order)


# --- stamps --------------------------------------------------------------------------------------------------------


def test_s5_two_scores_within_one_second_go_out_a_second_apart() -> None:
    turns = Turns()
    stamps = [after(stamped(turns, KEY, auto(seconds))) for seconds in (0.2, 0.4, 0.9, 1.5)]
    assert stamps == [0.2, 1.0, 2.0, 3.0]


def test_a_stamp_of_a_later_second_is_left_alone() -> None:
    turns = Turns()
    assert [after(stamped(turns, KEY, auto(seconds))) for seconds in (0.9, 1.1, 7.25)] == [0.9, 1.1, 7.25]


def test_scores_of_other_users_and_items_do_not_move_a_stamp() -> None:
    turns = Turns()
    for key in (KEY, OTHER, ("https://lms.example/li/8", "u1")):
        assert after(stamped(turns, key, auto(0.2))) == 0.2


def test_the_callers_stamp_is_never_moved() -> None:
    turns = Turns()
    score = own(0.4)
    stamped(turns, KEY, auto(0.2))
    assert stamped(turns, KEY, score) is score.timestamp
    assert stamped(turns, KEY, own(-3600)) == NOON - timedelta(hours=1)


def test_a_stamp_of_the_package_moves_behind_the_callers() -> None:
    turns = Turns()
    stamped(turns, KEY, own(10.5))
    assert after(stamped(turns, KEY, auto(0.2))) == 11.0


def test_an_old_stamp_of_the_caller_does_not_make_the_line_forget_a_newer_one() -> None:
    turns = Turns()
    stamped(turns, KEY, auto(5.2))
    stamped(turns, KEY, own(-3600))
    assert after(stamped(turns, KEY, auto(5.9))) == 6.0


def test_moodle_stores_its_own_time_after_a_score_without_a_value() -> None:
    turns = Turns()
    posted = auto(0.2)
    stamped(turns, KEY, posted)
    send(turns, KEY, posted, restamped=(NOON + timedelta(seconds=4.7)).timestamp())
    assert after(stamped(turns, KEY, auto(3.0))) == 5.0
    # A wall clock that is behind takes nothing back.
    send(turns, KEY, posted, restamped=NOON.timestamp())
    assert after(stamped(turns, KEY, auto(3.0))) == 6.0


def test_a_moved_stamp_is_still_in_utc() -> None:
    turns = Turns()
    stamped(turns, KEY, auto(0.2))
    moved = stamped(turns, KEY, auto(0.4))
    assert moved.utcoffset() == timedelta(0)


@pytest.mark.parametrize("seconds, older", [(-1.0, True), (0.0, False), (0.9, False), (5.0, False)])
def test_which_score_of_the_caller_comes_too_late(seconds: float, older: bool) -> None:
    turns = Turns()
    assert not is_stamped_before(turns, KEY, own(seconds))
    stamped(turns, KEY, auto(0.5))
    assert is_stamped_before(turns, KEY, own(seconds)) is older
    assert not is_stamped_before(turns, KEY, auto(seconds))
    assert not is_stamped_before(turns, OTHER, own(seconds))


# --- who was sent last ---------------------------------------------------------------------------------------------


def test_c7_what_this_process_made_before_what_it_sent_last_is_older() -> None:
    turns = Turns()
    first, second, third = made(3)
    assert not any(is_older(turns, KEY, score) for score in (first, second, third))
    send(turns, KEY, second)
    assert [is_older(turns, KEY, score) for score in (first, second, third)] == [True, False, False]
    assert not is_older(turns, OTHER, first)
    # What is sent late takes nothing back: it had to be another's, such as a score whose turn had begun.
    send(turns, KEY, first)
    assert [is_older(turns, KEY, score) for score in (first, second, third)] == [True, False, False]


@pytest.mark.parametrize("between", [made(1, "another")[0], own(30)], ids=["another's", "the caller's"])
def test_c7_what_another_made_in_between_changes_nothing_of_that(between: Score) -> None:
    """
    An outbox sends what other processes put, for the same people.
    """
    turns = Turns()
    first, second, third = made(3)
    for score in (second, between, between):
        send(turns, KEY, score)
    assert [is_older(turns, KEY, score) for score in (first, between, third)] == [True, False, False]
    send(turns, KEY, first)
    assert [is_older(turns, KEY, score) for score in (first, between, third)] == [True, False, False]
    stamped(turns, KEY, own(60))
    assert is_older(turns, KEY, first)


def test_c7_stamping_alone_makes_nothing_older() -> None:
    turns = Turns()
    first, second = made(2)
    stamped(turns, KEY, second)
    assert not is_older(turns, KEY, first)


def test_c7_between_processes_the_order_of_sending_counts() -> None:
    turns = Turns()
    (first,) = made(1, "one")
    (other,) = made(1, "two", seconds=-100.0)
    send(turns, KEY, first)
    assert not is_older(turns, KEY, other)
    send(turns, KEY, other)
    assert not is_older(turns, KEY, made(1, "three", seconds=-200.0)[0])


def test_c7_what_the_caller_stamped_is_never_older_and_makes_nothing_older() -> None:
    turns = Turns()
    (first,) = made(1)
    send(turns, KEY, own(3600))
    assert not is_older(turns, KEY, own(-3600))
    assert not is_older(turns, KEY, first)


def test_c7_who_was_sent_last_is_remembered_beside_every_stamp() -> None:
    turns = Turns()
    first, second = made(2)
    send(turns, KEY, second)
    stamped(turns, KEY, own(50.0))
    send(turns, KEY, first, restamped=(NOON + timedelta(seconds=90)).timestamp())
    assert is_older(turns, KEY, first)
    assert after(stamped(turns, KEY, auto(0.4))) == 91.0


def test_c10_after_a_glitch_of_the_clock_what_is_newer_is_told_by_the_order_of_the_making() -> None:
    """
    The regrade was made when the clock was right again: its stamp is earlier, and it is newer.
    """
    readings = iter([NOON + timedelta(days=365), NOON, NOON])
    keeper = Timekeeper(lambda: next(readings).timestamp(), process="one")
    token = timekeeper.set(keeper)
    try:
        first, regrade, last = (Score.cleared("u1") for _ in range(3))
    finally:
        timekeeper.reset(token)
    turns = Turns()
    stamped(turns, KEY, first)
    send(turns, KEY, first)
    assert not is_older(turns, KEY, regrade)
    # The platform holds the year-ahead stamp: past it, and no further than needed.
    assert stamped(turns, KEY, regrade) == NOON + timedelta(days=365, seconds=1)
    send(turns, KEY, regrade)
    assert is_older(turns, KEY, first)
    # Other users follow the clock.
    assert stamped(turns, OTHER, last) == last.timestamp


def test_c9_what_may_come_yet_may_be_stamped_until_the_next_is_sent() -> None:
    turns = Turns()
    lost = auto(0.2)
    stamped(turns, KEY, lost)
    send(turns, KEY, lost, restamped=NOON.timestamp() + 30, may_come=True)
    assert after(stamped(turns, KEY, auto(0.4), NOON.timestamp() + 47.3)) == 48.0
    assert stamped(turns, KEY, own(0.4), NOON.timestamp() + 99) == NOON + timedelta(seconds=0.4)
    arrived = auto(0.5)
    send(turns, KEY, arrived)
    assert after(stamped(turns, KEY, auto(0.6), NOON.timestamp() + 99)) == 49.0


def test_c9_a_repeat_that_is_answered_may_not_come_any_more() -> None:
    turns = Turns()
    lost = auto(0.2)
    send(turns, KEY, lost, restamped=NOON.timestamp() + 30, may_come=True)
    send(turns, KEY, lost, restamped=NOON.timestamp() + 40)
    assert after(stamped(turns, KEY, auto(0.6), NOON.timestamp() + 99)) == 41.0


def test_c9_a_burst_moves_no_further_than_needed() -> None:
    turns = Turns()
    stamps = [after(stamped(turns, KEY, auto(seconds))) for seconds in (0.0, 0.1, 0.2, 0.3, 9.5)]
    assert stamps == [0.0, 1.0, 2.0, 3.0, 9.5]


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 20)), min_size=1, max_size=30))
def test_what_the_package_stamps_always_goes_to_a_later_second_than_all_before(
    course: list[tuple[bool, float]],
) -> None:
    turns = Turns()
    latest = -1
    for is_own, seconds in course:
        score = own(seconds) if is_own else auto(seconds)
        sent = stamped(turns, KEY, score)
        if is_own:
            assert sent is score.timestamp
        else:
            assert int(sent.timestamp()) > latest
            assert sent >= score.timestamp
        latest = max(latest, int(sent.timestamp()))


def test_what_is_remembered_is_bounded() -> None:
    turns = Turns()
    for number in range(66_000):
        stamped(turns, ("li", str(number)), auto(0.2))
    # The last users are remembered, the first forgotten; both still get a stamp.
    assert after(stamped(turns, ("li", "65999"), auto(0.4))) == 1.0
    assert after(stamped(turns, ("li", "0"), auto(0.4))) == 0.4


@pytest.mark.parametrize("before", [0, 1, 8_000, 16_383])
def test_a_user_is_remembered_while_sixteen_thousand_others_come_whoever_came_before(before: int) -> None:
    """
    The year group of a large university, posted twice within a second: nobody's second score may look like the first.
    """
    turns = Turns()
    score = auto(0.2)
    for number in range(before):
        stamped(turns, ("li", f"before-{number}"), score)
    stamped(turns, KEY, score)
    for number in range(16_000):
        stamped(turns, ("li", f"after-{number}"), score)
    assert is_stamped_before(turns, KEY, own(-1.0))
    assert after(stamped(turns, KEY, auto(0.4))) == 1.0
