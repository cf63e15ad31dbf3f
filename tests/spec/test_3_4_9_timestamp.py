"""
AGS 3.4.9: every change carries a later timestamp, and changes are sent in that order.
"""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

import pytest

from aioags import Score, StaleScoreError
from aioags.protocol.messages import Request
from tests.fakes import SCORES, PaperPlatform, answer, sent_json, stamping

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def stamps(platform: PaperPlatform) -> list[str]:
    """
    Return the timestamps that were sent, in order.
    """
    return [sent_json(request)["timestamp"] for request in platform.sent]


def graded(given: float, user_id: str = "u1") -> Score:
    """
    Return a grade.
    """
    return Score.graded(user_id, given, score_maximum=10)


async def test_3_4_9_a_stamp_has_fraction_and_zone_and_is_in_utc(platform: PaperPlatform) -> None:
    platform.script = [answer(204)] * 3
    gradebook = platform.gradebook()
    berlin = datetime(2026, 1, 1, 12, tzinfo=timezone(timedelta(hours=1)))
    for score in (graded(1), Score.cleared("u2", timestamp=NOON), Score.cleared("u3", timestamp=berlin)):
        await gradebook.post_score(score)
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3,6}Z", stamp) for stamp in stamps(platform))
    assert stamps(platform)[1:] == ["2026-01-01T12:00:00.000Z", "2026-01-01T11:00:00.000Z"]


def test_3_4_9_a_stamp_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="timestamp must carry a time zone"):
        Score.cleared("u1", timestamp=datetime(2026, 1, 1))  # noqa: DTZ001


async def test_3_4_9_stamps_of_one_user_strictly_rise_also_when_a_value_returns(platform: PaperPlatform) -> None:
    platform.script = [answer(204)] * 4
    gradebook = platform.gradebook()
    for given in (5, 6, 5, 5):
        await gradebook.post_score(graded(given))
    instants = [datetime.fromisoformat(stamp) for stamp in stamps(platform)]
    assert all(before < after for before, after in pairwise(instants))
    # Moodle compares whole seconds.
    assert all(int(before.timestamp()) < int(after.timestamp()) for before, after in pairwise(instants))


async def test_3_4_9_the_callers_stamp_is_sent_as_it_is(platform: PaperPlatform) -> None:
    platform.script = [answer(204)] * 2
    gradebook = platform.gradebook()
    for _ in range(2):
        delivery = await gradebook.post_score(Score.cleared("u1", timestamp=NOON))
        assert delivery.timestamp == NOON
    assert set(stamps(platform)) == {"2026-01-01T12:00:00.000Z"}


async def test_3_4_9_a_delivery_tells_the_stamp_that_was_sent(platform: PaperPlatform) -> None:
    platform.script = [answer(204)] * 2
    gradebook = platform.gradebook()
    with stamping(NOON):
        first = Score.cleared("u1")
    with stamping(NOON + timedelta(milliseconds=5)):
        second = Score.cleared("u1")
    assert (await gradebook.post_score(first)).timestamp == NOON
    moved = await gradebook.post_score(second)
    assert moved.timestamp is not None
    # Behind the platform's own clock as well: a score without a value may have been stored with its time.
    assert moved.timestamp >= NOON + timedelta(seconds=1)
    assert datetime.fromisoformat(stamps(platform)[1]) == moved.timestamp


async def test_3_4_9_scores_of_one_user_go_one_at_a_time_in_the_given_order(platform: PaperPlatform) -> None:
    in_flight: list[str] = []
    most: dict[str, int] = {}

    async def slow(request: Request) -> None:
        user_id = sent_json(request)["userId"]
        in_flight.append(user_id)
        most[user_id] = max(most.get(user_id, 0), in_flight.count(user_id))
        for _ in range(5):
            await asyncio.sleep(0)
        in_flight.remove(user_id)

    class Slow(PaperPlatform):
        """
        Answers a score only after the loop went round a few times.
        """

        async def send(self, request: Request):  # type: ignore[no-untyped-def]
            if request.url == SCORES:
                await slow(request)
            return await super().send(request)

    paper = Slow(script=[answer(204)] * 40)
    gradebook = paper.gradebook()
    scores = [graded(number % 10, f"u{number % 4}") for number in range(40)]
    await asyncio.gather(*(gradebook.post_score(score) for score in scores))
    assert set(most.values()) == {1}
    for user in range(4):
        sent = [
            sent_json(request)["scoreGiven"] for request in paper.sent if sent_json(request)["userId"] == f"u{user}"
        ]
        assert sent == [score.score_given for score in scores if score.user_id == f"u{user}"]


async def test_3_4_9_a_repeat_of_one_score_keeps_its_stamp_and_every_byte(platform: PaperPlatform) -> None:
    platform.script = [answer(500), answer(429, b"", ("Retry-After", "3")), answer(401), answer(204)]
    delivery = await platform.gradebook().post_score(graded(5))
    assert delivery.attempts == 4
    assert len({request.body for request in platform.sent}) == 1
    assert len(platform.token_requests) == 2
    assert 3.0 in platform.time.slept


@pytest.mark.parametrize(
    "stale", [answer(409, "[]"), answer(400, {"timestamp": ["Score already exists for the provided timestamp"]})]
)
async def test_3_4_9_a_later_score_of_somebody_else_is_an_error(platform: PaperPlatform, stale: object) -> None:
    platform.script = [stale]  # type: ignore[list-item]
    with pytest.raises(StaleScoreError) as caught:
        await platform.gradebook().post_score(graded(5))
    assert (caught.value.recorded, caught.value.spec) == (False, "AGS 3.4.9")


async def test_3_4_9_a_repeat_that_is_stale_is_recorded_where_the_result_shows_it(platform: PaperPlatform) -> None:
    shown = {"userId": "u1", "resultScore": 5, "resultMaximum": 10}
    platform.script = [answer(502), answer(409, "[]"), answer(200, [shown])]
    delivery = await platform.gradebook().post_score(graded(5))
    assert (delivery.recorded, delivery.attempts) == (True, 2)
