"""
Timestamps (AGS 3.4.9): in UTC, with a zone, strictly rising, and the caller's own left alone.
"""

from __future__ import annotations

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

import attrs

from aioags import Score
from aioags.model.stamp import AutoStamp, as_auto_stamp, next_stamp


def test_3_4_9_stamps_strictly_rise() -> None:
    stamps = [Score.cleared("u1").timestamp for _ in range(5_000)]
    assert all(before < after for before, after in pairwise(stamps))


def test_3_4_9_stamps_strictly_rise_across_threads() -> None:
    def take(_: int) -> list[AutoStamp]:
        return [next_stamp() for _ in range(2_000)]

    with ThreadPoolExecutor(8) as pool:
        runs = list(pool.map(take, range(8)))
    assert all(before < after for run in runs for before, after in pairwise(run))
    assert len({stamp for run in runs for stamp in run}) == 8 * 2_000


def test_4_2_a_stamp_is_in_utc() -> None:
    stamp = Score.cleared("u1").timestamp
    assert stamp.utcoffset() == timedelta(0)
    assert as_auto_stamp(datetime(2026, 1, 1, 12, tzinfo=timezone(timedelta(hours=2)))).hour == 10


def test_a_score_says_who_stamped_it() -> None:
    own = datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=2)))
    assert Score.cleared("u1").is_auto_stamped
    assert not Score.cleared("u1", timestamp=own).is_auto_stamped
    assert Score.cleared("u1", timestamp=own).timestamp is own


def test_what_the_caller_computes_from_a_stamp_is_the_callers_own() -> None:
    stamp = Score.cleared("u1").timestamp
    berlin = timezone(timedelta(hours=1))
    computed = {
        "later": stamp + timedelta(seconds=1),
        "later, the other way round": timedelta(seconds=1) + stamp,
        "earlier": stamp - timedelta(seconds=1),
        "whole second": stamp.replace(microsecond=0),
        "elsewhere": stamp.astimezone(berlin),
    }
    moved = {what: Score.cleared("u1", timestamp=own).is_auto_stamped for what, own in computed.items()}
    assert moved == dict.fromkeys(computed, False)


def test_a_stamp_stays_a_stamp_in_a_copy_and_in_a_pickle() -> None:
    score = Score.cleared("u1")
    for twin in (copy.copy(score), copy.deepcopy(score), pickle.loads(pickle.dumps(score)), attrs.evolve(score)):
        assert twin.is_auto_stamped
        assert twin.timestamp == score.timestamp
    assert score.timestamp - score.timestamp == timedelta(0)
    assert score.timestamp == datetime.fromtimestamp(score.timestamp.timestamp(), UTC)
