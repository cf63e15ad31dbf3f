"""
Timestamps (AGS 3.4.9): in UTC, with a zone, strictly rising, and the caller's own left alone.
"""

from __future__ import annotations

import copy
import os
import pickle
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

import attrs
import pytest

from aioags import Score
from aioags.model.stamp import Stamp, Timekeeper, next_stamp, timekeeper
from tests.fakes import stamping

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
BERLIN = timezone(timedelta(hours=1))


def test_3_4_9_stamps_strictly_rise() -> None:
    stamps = [Score.cleared("u1").timestamp for _ in range(5_000)]
    assert all(before < after for before, after in pairwise(stamps))


def test_3_4_9_stamps_strictly_rise_across_threads() -> None:
    def take(_: int) -> list[datetime]:
        return [next_stamp().instant for _ in range(2_000)]

    with ThreadPoolExecutor(8) as pool:
        runs = list(pool.map(take, range(8)))
    assert all(before < after for run in runs for before, after in pairwise(run))
    assert len({stamp for run in runs for stamp in run}) == 8 * 2_000


def test_4_2_a_stamp_is_in_utc() -> None:
    stamp = Score.cleared("u1").timestamp
    assert stamp.utcoffset() == timedelta(0)
    assert type(stamp) is datetime


def test_a_score_says_who_stamped_it() -> None:
    own = datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=2)))
    assert Score.cleared("u1").is_auto_stamped
    assert not Score.cleared("u1", timestamp=own).is_auto_stamped
    assert Score.cleared("u1", timestamp=own).timestamp is own


def test_a_score_says_which_process_stamped_it_and_when() -> None:
    with stamping(NOON, process="web-1"):
        score = Score.cleared("u1")
    assert (score.timestamp, score.stamped_by, score.stamped_at) == (NOON, "web-1", NOON)
    own = Score.cleared("u1", timestamp=NOON)
    assert (own.stamped_by, own.stamped_at) == (None, None)


def test_who_stamped_it_is_no_part_of_what_it_says() -> None:
    with stamping(NOON, process="web-1"):
        score = Score.cleared("u1")
    own = Score.cleared("u1", timestamp=NOON)
    assert score == own
    assert hash(score) == hash(own)
    assert "web-1" not in repr(score)


def test_what_the_caller_computes_from_a_stamp_is_the_callers_own() -> None:
    stamp = Score.cleared("u1").timestamp
    computed = {
        "later": stamp + timedelta(seconds=1),
        "later, the other way round": timedelta(seconds=1) + stamp,
        "earlier": stamp - timedelta(seconds=1),
        "whole second": stamp.replace(microsecond=0),
        "elsewhere": stamp.astimezone(BERLIN),
        "the same": stamp,
    }
    moved = {what: Score.cleared("u1", timestamp=own).is_auto_stamped for what, own in computed.items()}
    assert moved == dict.fromkeys(computed, False)


def test_a_stamp_stays_a_stamp_in_a_copy_and_in_a_pickle() -> None:
    score = Score.cleared("u1")
    for twin in (copy.copy(score), copy.deepcopy(score), pickle.loads(pickle.dumps(score)), attrs.evolve(score)):
        assert twin.is_auto_stamped
        assert twin.timestamp == score.timestamp
        assert (twin.stamped_by, twin.stamped_at) == (score.stamped_by, score.stamped_at)
    assert score.timestamp - score.timestamp == timedelta(0)
    assert score.timestamp == datetime.fromtimestamp(score.timestamp.timestamp(), UTC)


def test_a_score_that_says_something_else_keeps_its_stamp() -> None:
    score = Score.graded("u1", 3, score_maximum=5)
    twin = attrs.evolve(score, comment="Well done")
    assert (twin.timestamp, twin.stamped_by) == (score.timestamp, score.stamped_by)


@pytest.mark.parametrize("by", [MICROSECOND, -MICROSECOND, timedelta(days=1)])
def test_a_score_with_another_timestamp_is_the_callers_own(by: timedelta) -> None:
    score = Score.cleared("u1")
    moved = attrs.evolve(score, timestamp=score.timestamp + by)
    assert (moved.is_auto_stamped, moved.stamped_by, moved.stamped_at) == (False, None, None)
    back = attrs.evolve(moved, timestamp=score.timestamp)
    assert not back.is_auto_stamped


def test_a_score_without_its_timestamp_is_stamped_again() -> None:
    with stamping(NOON, process="web-1"):
        score = Score.cleared("u1")
    with stamping(NOON + timedelta(hours=1), process="web-2"):
        again = attrs.evolve(score, timestamp=None)
    assert (again.timestamp, again.stamped_by) == (NOON + timedelta(hours=1), "web-2")


def test_a_score_made_of_a_dict_is_the_callers_own() -> None:
    score = Score.cleared("u1")
    again = Score(**attrs.asdict(score))
    assert again == score
    assert not again.is_auto_stamped


class TestTimekeeper:
    """
    The clock and the name of one process.
    """

    def test_a_stamp_rises_where_the_clock_stands_still_or_steps_back_a_little(self) -> None:
        readings = iter([NOON, NOON, NOON - timedelta(seconds=59), NOON + timedelta(seconds=1)])
        keeper = Timekeeper(lambda: next(readings).timestamp(), process="one")
        made = [keeper.next() for _ in range(4)]
        assert [stamp.instant - NOON for stamp in made] == [
            timedelta(0),
            MICROSECOND,
            2 * MICROSECOND,
            timedelta(seconds=1),
        ]
        assert [stamp.made_at for stamp in made] == [
            NOON,
            NOON,
            NOON - timedelta(seconds=59),
            NOON + timedelta(seconds=1),
        ]

    def test_c10_stamps_follow_the_clock_again_after_a_glitch(self) -> None:
        """
        A reading a year ahead for a moment, then the right time: later stamps are right, and the order is kept.
        """
        ahead, later = NOON + timedelta(days=365), NOON + timedelta(seconds=1)
        readings = iter([NOON, ahead, later, later])
        keeper = Timekeeper(lambda: next(readings).timestamp(), process="one")
        made = [keeper.next() for _ in range(4)]
        assert [stamp.instant for stamp in made] == [NOON, ahead, later, later + MICROSECOND]
        assert all(before.precedes(after) and not after.precedes(before) for before, after in pairwise(made))

    def test_c10_a_step_of_just_over_a_minute_is_a_step(self) -> None:
        readings = iter([NOON, NOON - timedelta(seconds=60.5)])
        keeper = Timekeeper(lambda: next(readings).timestamp(), process="one")
        made = [keeper.next() for _ in range(2)]
        assert made[1].instant == NOON - timedelta(seconds=60.5)
        assert made[0].precedes(made[1])

    def test_c10_between_processes_nobody_knows(self) -> None:
        one = Timekeeper(NOON.timestamp, process="one").next()
        two = Timekeeper((NOON + timedelta(hours=1)).timestamp, process="two").next()
        assert not one.precedes(two)
        assert not two.precedes(one)

    def test_how_old_a_stamp_is_no_wall_clock_decides(self) -> None:
        readings, steady = iter([NOON]), iter([100.0, 130.0, 90.0])
        keeper = Timekeeper(lambda: next(readings).timestamp(), process="one", steady=lambda: next(steady))
        made = keeper.next()
        assert keeper.age("one", made.ticks) == 30.0
        assert keeper.age("one", made.ticks) == 0.0, "after a start of the machine"
        assert keeper.age("two", made.ticks) is None
        assert keeper.age("one", None) is None
        assert keeper.age(None, None) is None

    def test_each_keeps_its_own_time(self) -> None:
        late, early = Timekeeper(NOON.timestamp), Timekeeper((NOON - timedelta(days=1)).timestamp)
        assert late.next().instant == NOON
        assert early.next().instant == NOON - timedelta(days=1)

    def test_two_have_two_names_unless_they_are_told(self) -> None:
        assert Timekeeper().process != Timekeeper().process
        assert Timekeeper(process="web-1").next().made_by == "web-1"

    def test_a_process_in_a_context_of_its_own(self) -> None:
        def score_of(process: str) -> Score:
            timekeeper.set(Timekeeper(NOON.timestamp, process=process))
            return Score.cleared("u1")

        one, two = copy_context().run(score_of, "one"), copy_context().run(score_of, "two")
        assert (one.stamped_by, two.stamped_by) == ("one", "two")
        assert one.timestamp == two.timestamp == NOON
        assert Score.cleared("u1").stamped_by == timekeeper.get().process not in {"one", "two"}

    def test_every_thread_of_a_process_has_its_name(self) -> None:
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(next_stamp).result().made_by == next_stamp().made_by

    def test_a_process_that_goes_on_as_another_keeps_its_order(self) -> None:
        keeper = Timekeeper(NOON.timestamp)
        before = keeper.next()
        keeper.reborn()
        after = keeper.next()
        assert after.made_by != before.made_by
        assert after.instant > before.instant


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_fork_is_another_process() -> None:
    mine = next_stamp()
    readable, writable = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writable, pickle.dumps(next_stamp()))
        finally:
            os._exit(0)
    os.close(writable)
    with os.fdopen(readable, "rb") as answer:
        theirs: Stamp = pickle.load(answer)
    os.waitpid(child, 0)
    assert theirs.made_by != mine.made_by
    assert theirs.instant > mine.instant
    assert next_stamp().made_by == mine.made_by
