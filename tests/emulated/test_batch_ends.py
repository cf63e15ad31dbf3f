"""
How a batch ends before all of it was sent: for the scores that were not, and for those who wait behind it.
"""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import attrs
import pytest

from aioags import Delivery, ForbiddenError, LostAnswerError, NotSentError, Pace, Score
from aioags.protocol.breaker import FEWEST
from aioags.protocol.messages import Request, Response
from tests.fakes import PaperPlatform, answer, endpoint, registration
from tests.rigs.memory import Stand, memory_stand, until


def graded(user: str, points: float = 8) -> Score:
    """
    Return a grade out of ten.
    """
    return Score.graded(user, points, score_maximum=10)


@contextmanager
def no_complaints() -> Iterator[None]:
    """
    Nothing that runs in the block may fail where nobody looks: the loop has nothing to complain of.
    """
    complaints: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: complaints.append(context))
    yield
    # A task that failed unseen tells when it is dropped.
    gc.collect()
    loop.set_exception_handler(None)
    assert complaints == []


@attrs.define
class Door:
    """
    Holds score requests back until it is opened.
    """

    knocked: int = 0
    opened: asyncio.Event = attrs.field(factory=asyncio.Event)

    async def __call__(self, request: Request) -> None:
        await asyncio.sleep(0)
        if request.url.endswith("/scores"):
            self.knocked += 1
            await self.opened.wait()


async def left_early(stand: Stand, door: Door, scores: list[Score], in_flight: int) -> list[Delivery]:
    """
    Post scores, leave the block while so many are in flight, and return all deliveries.
    """
    taken = 0

    async def source() -> AsyncIterator[Score]:
        nonlocal taken
        for score in scores:
            taken += 1
            yield score
        await asyncio.get_running_loop().create_future()

    async with stand.gradebook.post_scores(source()) as deliveries:
        await until(lambda: (taken, door.knocked) == (len(scores), in_flight))
        asyncio.get_running_loop().call_soon(door.opened.set)
    return [delivery async for delivery in deliveries]


@pytest.mark.parametrize("slots", [1, 2])
async def test_a_batch_that_is_left_starts_no_score_of_its_own_by_giving_up_another(slots: int) -> None:
    """
    Behind a score that was not sent wait more of the same user's: whoever gives its turn back starts the next.
    """
    door = Door()
    stand = memory_stand(before=door, users=5, client={"pace": Pace(slots, slots)})
    users = stand.platform.users()
    # One in flight for each slot; the next user is ready without a worker, twice more behind itself.
    scores = [graded(user) for user in users[:slots]] + [graded(users[slots], points) for points in range(3)]
    before = len(asyncio.all_tasks())
    with no_complaints():
        deliveries = await left_early(stand, door, scores, in_flight=slots)
        assert len(asyncio.all_tasks()) == before
    unsent = [delivery for delivery in deliveries if isinstance(delivery.error, NotSentError)]
    assert [delivery.recorded for delivery in deliveries].count(True) == slots
    assert sorted(delivery.score.score_given or 0 for delivery in unsent) == [0, 1, 2]
    assert door.knocked == slots


async def test_who_waits_behind_a_batch_that_was_left_is_started() -> None:
    door = Door()
    stand = memory_stand(before=door, users=5, client={"pace": Pace(1, 1)})
    one, other = stand.platform.users()[:2]
    single: asyncio.Task[Delivery] | None = None

    async def source() -> AsyncIterator[Score]:
        nonlocal single
        for points in (1, 2, 3):
            yield graded(one if points == 1 else other, points)
        single = asyncio.create_task(stand.second_gradebook().post_score(graded(other, 9)))
        await asyncio.get_running_loop().create_future()

    with no_complaints():
        async with stand.gradebook.post_scores(source()):
            await until(lambda: single is not None and door.knocked == 1)
            asyncio.get_running_loop().call_soon(door.opened.set)
        assert single is not None
        await until(single.done)
    assert (await single).recorded is True
    assert stand.history(other) == [9]


async def test_when_access_is_refused_for_good_only_the_score_that_was_sent_may_be_recorded() -> None:
    """
    Its first try was lost, so nobody knows of it; the others were never sent, and that is known.
    """
    platform = PaperPlatform()
    gone = LostAnswerError("gone", recorded=None, transient=True)
    # The second time with another token: the first may have been to blame.
    # And a 401 may be about one person.
    platform.script = [gone, answer(401), answer(401)] + [answer(401)] * (FEWEST - 1)
    gradebook = platform.client(pace=Pace(1, 1)).gradebook(registration(), endpoint())
    report = await gradebook.post_scores([graded(f"user-{number}") for number in range(FEWEST + 4)])
    assert [type(delivery.error) for delivery in report.failed] == [ForbiddenError] * (FEWEST + 4)
    assert [delivery.recorded for delivery in report.failed] == [None] + [False] * (FEWEST + 3)
    assert [delivery.attempts for delivery in report.failed] == [3] + [1] * (FEWEST - 1) + [0] * 4
    assert (report.total, report.recorded, report.unknown) == (FEWEST + 4, 0, 1)
    assert platform.script == []


def no_entry(*users: str) -> list[Any]:
    """
    Answer 401 to the scores of these users, and yes to all others.
    """

    def said(request: Request) -> Response:
        return answer(401 if json.loads(request.body or b"")["userId"] in users else 204)

    return [said] * 100


@pytest.mark.parametrize("barred", [("user-3", "user-7"), ("user-0", "user-1")], ids=["in the middle", "first of all"])
async def test_a_401_about_one_person_ends_no_batch_in_which_others_are_taken(barred: tuple[str, str]) -> None:
    platform = PaperPlatform(script=no_entry(*barred))
    gradebook = platform.client(pace=Pace(1, 1)).gradebook(registration(), endpoint())
    report = await gradebook.post_scores([graded(f"user-{number}") for number in range(40)])
    assert report.recorded == 38
    assert [delivery.score.user_id for delivery in report.failed] == list(barred)
    assert len(platform.token_requests) == 2, "one more, to see whether the token is to blame"


async def test_access_that_is_taken_away_in_the_middle_ends_the_batch_after_eight() -> None:
    platform = PaperPlatform(script=no_entry(*(f"user-{number}" for number in range(5, 40))))
    gradebook = platform.client(pace=Pace(1, 1)).gradebook(registration(), endpoint())
    report = await gradebook.post_scores([graded(f"user-{number}") for number in range(40)])
    assert (report.recorded, report.unknown, len(report.failed)) == (5, 0, 35)
    assert sum(delivery.attempts > 0 for delivery in report.failed) == FEWEST
