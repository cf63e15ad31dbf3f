"""
Two clocks, the tool's and Moodle's: before 4.5.6 a coupled line item keeps Moodle's own second with every score, and
any Moodle does after a score without a value. A newer score must not be refused for that.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import attrs
import pytest

from aioags import ActivityProgress, BrokenError, Client, LineItem, RefusedError, Score, StaleScoreError
from aioags.emulator import PROFILES, Fault
from aioags.model.stamp import Timekeeper, timekeeper
from aioags.protocol.urls import origin
from tests.rigs.memory import MemoryTransport, Stand, new_platform, runtime_for, stand_of
from tests.rigs.virtual_time import VirtualTime

MOODLES = ["moodle", "moodle-4.1"]


@asynccontextmanager
async def moodle(profile: Any, *, skew: float = 0.0, **settings: Any) -> AsyncIterator[tuple[Stand, VirtualTime]]:
    """
    Open a Moodle whose clock is so many seconds ahead of the tool's, which stands still between the calls.
    """
    time = VirtualTime()
    platform = new_platform(profile, clock=time.wall, users=5, **settings)
    platform.site.skew = skew
    transport = MemoryTransport(platform)
    token = timekeeper.set(Timekeeper(time.wall, process="one"))
    try:
        async with Client(transport=transport, runtime=runtime_for(time)) as client:
            yield stand_of(platform, client, transport), time
    finally:
        timekeeper.reset(token)


async def item_of(stand: Stand, kind: str) -> str:
    """
    Return the coupled line item, or one that the tool made.
    """
    if kind == "coupled":
        return stand.item
    return str((await stand.gradebook.create_line_item(LineItem("Essay", 10))).id)


@pytest.mark.parametrize("profile", MOODLES)
@pytest.mark.parametrize("kind", ["coupled", "made"])
@pytest.mark.parametrize("skew", [0.0, 5.0])
async def test_M2_progress_and_then_a_grade(profile: str, kind: str, skew: float) -> None:
    async with moodle(profile, skew=skew) as (stand, _):
        item, user = await item_of(stand, kind), stand.platform.users()[0]
        await stand.gradebook.post_score(Score.progress(user, ActivityProgress.STARTED), line_item=item)
        await stand.gradebook.post_score(Score.graded(user, 8, score_maximum=10), line_item=item)
        assert stand.platform.published(item, user) == (80 if kind == "coupled" else 8)


@pytest.mark.parametrize("profile", MOODLES)
@pytest.mark.parametrize("kind", ["coupled", "made"])
@pytest.mark.parametrize("skew", [0.0, 5.0, 200.0])
async def test_M1_quick_pairs(profile: str, kind: str, skew: float) -> None:
    async with moodle(profile, skew=skew) as (stand, time):
        item = await item_of(stand, kind)
        for user in stand.platform.users():
            await stand.gradebook.post_score(Score.graded(user, 5, score_maximum=10), line_item=item)
            time.now += 0.024
            await stand.gradebook.post_score(Score.graded(user, 8, score_maximum=10), line_item=item)
            assert stand.platform.score(item, user)["scoreGiven"] == 8  # type: ignore[index]


@pytest.mark.parametrize("profile", MOODLES)
async def test_M1_a_burst_keeps_the_newest(profile: str) -> None:
    async with moodle(profile) as (stand, time):
        user = stand.platform.users()[0]
        for points in range(8):
            await stand.gradebook.post_score(Score.graded(user, points, score_maximum=10))
            time.now += 1.6
        assert stand.platform.score(None, user)["scoreGiven"] == 7  # type: ignore[index]


async def test_a_clock_that_is_not_followed_is_told_of_once_for_each_host(caplog: pytest.LogCaptureFixture) -> None:
    async with moodle("moodle-4.1", skew=400) as (stand, _):
        host, other = origin(stand.item), "https://two.example:443"
        elsewhere = stand.second_gradebook(
            lineitem=stand.item.replace(host.removesuffix(":443"), "https://two.example")
        )
        users = stand.platform.users()
        for gradebook, user in zip([stand.gradebook, elsewhere] * 2, users[:4], strict=True):
            await gradebook.post_score(Score.graded(user, 5, score_maximum=10))
    said = [message for message in caplog.messages if "not followed" in message]
    assert said == [f"the clock of {name} is 400 s ahead: not followed" for name in (host, other)]


async def test_M1_a_raw_tool_loses_the_newer_one() -> None:
    """
    The other side of the fact: whoever stamps by the tool's clock alone is refused.
    """
    async with moodle("moodle-4.1", skew=5) as (stand, time):
        user = stand.platform.users()[0]
        await stand.gradebook.post_score(Score.graded(user, 5, score_maximum=10))
        time.now += 1
        own = Score.graded(user, 8, score_maximum=10, timestamp=_now(time))
        with pytest.raises(StaleScoreError):
            await stand.gradebook.post_score(own)
    async with moodle("moodle", skew=5) as (stand, time):
        user = stand.platform.users()[0]
        await stand.gradebook.post_score(Score.graded(user, 5, score_maximum=10, timestamp=_now(time)))
        time.now += 1
        assert (
            await stand.gradebook.post_score(Score.graded(user, 8, score_maximum=10, timestamp=_now(time)))
        ).recorded


def _now(time: VirtualTime) -> Any:
    return datetime.fromtimestamp(time.wall(), UTC)


async def test_M3_a_burst_moves_stamps_no_further_than_it_must_and_then_another_process_is_stale() -> None:
    """
    Forty scores at once for one person are forty seconds of stamps: what somebody else stamps meanwhile is older.
    """
    async with moodle("moodle") as (stand, time):
        user, burst = stand.platform.users()[0], 40
        for points in range(burst):
            await stand.gradebook.post_score(Score.graded(user, points, score_maximum=100))
        stored = stand.platform.grade(None, user).stamp
        assert stored is not None and stored - time.wall() <= burst
        other = Score.graded(user, 99, score_maximum=100, timestamp=_now(time))
        with pytest.raises(StaleScoreError) as caught:
            await stand.gradebook.post_score(other)
        assert caught.value.recorded is False
        time.now += burst + 1
        assert (await stand.gradebook.post_score(Score.graded(user, 99, score_maximum=100))).recorded


# -- Other facts of Moodle, from the tool's side -----------------------------------------------------------------------


@pytest.mark.parametrize("field, length", [("label", 256), ("tag", 256), ("resource_id", 513)])
async def test_M5_what_would_leave_an_orphan_is_not_sent(field: str, length: int) -> None:
    async with moodle("moodle") as (stand, _):
        with pytest.raises(ValueError, match=field):
            await stand.gradebook.find_or_create_line_item(
                **{"label": "Quiz", "score_maximum": 10, "tag": "t", field: "x" * length}
            )
        assert (stand.platform.counts["create_line_item"], stand.platform.course.orphans) == (0, [])


async def test_M5_a_create_that_fails_the_same_way_is_not_tried_again_and_again() -> None:
    async with moodle(attrs.evolve(PROFILES["moodle"], longest_tag=10)) as (stand, _):
        with pytest.raises(BrokenError):
            await stand.gradebook.create_line_item(LineItem("Quiz", 10, tag="longer than ten"))
        assert len(stand.platform.course.orphans) == stand.platform.counts["create_line_item"] == 2


@pytest.mark.parametrize("what", ["column", "grade"])
async def test_M6_a_lock_is_a_refusal(what: str) -> None:
    async with moodle("moodle") as (stand, _):
        user = stand.platform.users()[0]
        stand.platform.lock(None, None if what == "column" else user)
        with pytest.raises(RefusedError) as caught:
            await stand.gradebook.post_score(Score.graded(user, 8, score_maximum=10))
        assert (caught.value.recorded, caught.value.transient) == (False, True)
        assert stand.platform.counts["post_score"] <= 2
        stand.platform.lock(None, None if what == "column" else user, locked=False)
        assert (await stand.gradebook.post_score(Score.graded(user, 8, score_maximum=10))).recorded


async def test_E15_a_teachers_touch_makes_an_older_score_stale_and_a_newer_one_is_taken() -> None:
    async with moodle("moodle", skew=5) as (stand, time):
        user = stand.platform.users()[0]
        item = await item_of(stand, "made")
        await stand.gradebook.post_score(Score.graded(user, 5, score_maximum=10), line_item=item)
        stand.platform.override(item, user, 3)
        with pytest.raises(StaleScoreError):
            await stand.gradebook.post_score(Score.graded(user, 8, score_maximum=10), line_item=item)
        time.now += 6
        assert (await stand.gradebook.post_score(Score.graded(user, 9, score_maximum=10), line_item=item)).recorded


async def test_E15_a_lost_answer_and_a_changed_maximum_are_told_apart_from_recorded() -> None:
    async with moodle("moodle", skew=5) as (stand, _):
        user = stand.platform.users()[0]
        item = await item_of(stand, "made")
        await stand.gradebook.post_score(Score.graded(user, 5, score_maximum=10), line_item=item)
        stand.platform.faults.add(Fault.drop(operation="post_score", times=1))
        stand.platform.subscribe(lambda _: stand.platform.change_maximum(item, 20))
        with pytest.raises(StaleScoreError) as caught:
            await stand.gradebook.post_score(Score.graded(user, 8, score_maximum=10), line_item=item)
        assert caught.value.recorded is None
        assert stand.history(user, item) == [5]
