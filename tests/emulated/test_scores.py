"""
Scores one by one, from the tool's call to the platform's gradebook (AGS 3.4).
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import attrs
import pytest

from aioags import (
    ActivityProgress,
    Endpoint,
    ForbiddenError,
    GradingProgress,
    LineItem,
    NotFoundError,
    NotOfferedError,
    Pace,
    Scope,
    Score,
    StaleScoreError,
    Submission,
    UntrustedURLError,
    UserNotGradableError,
)
from aioags.emulator import PROFILES
from tests.rigs.memory import Stand, memory_stand

USER = "user-0001"
MOMENT = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)


def graded(points: float | Decimal = 8, user: str = USER, **more: object) -> Score:
    """
    Return a grade out of ten.
    """
    return Score.graded(user, points, score_maximum=10, **more)  # type: ignore[arg-type]


async def test_3_4_a_score_arrives_as_it_was_meant(stand: Stand) -> None:
    score = Score.graded(
        USER,
        Decimal("8.50"),
        score_maximum=10,
        timestamp=MOMENT,
        comment="Très bien 漢",
        scoring_user_id="teacher-1",
        submission=Submission(started_at=MOMENT - timedelta(hours=1), submitted_at=MOMENT),
        extensions={"https://tool.example/attempt": 2},
    )
    delivery = await stand.gradebook.post_score(score)
    assert (delivery.recorded, delivery.attempts, delivery.error) == (True, 1, None)
    assert delivery.score is score
    assert delivery.line_item == stand.item
    assert delivery.timestamp == MOMENT
    assert stand.platform.score(None, USER) == {
        "userId": USER,
        "activityProgress": "Completed",
        "gradingProgress": "FullyGraded",
        "timestamp": "2026-01-02T03:04:05.678Z",
        "scoreGiven": 8.5,
        "scoreMaximum": 10,
        "comment": "Très bien 漢",
        "scoringUserId": "teacher-1",
        "submission": {"startedAt": "2026-01-02T02:04:05.678Z", "submittedAt": "2026-01-02T03:04:05.678Z"},
        "https://tool.example/attempt": 2,
    }


async def test_zero_is_a_score(stand: Stand) -> None:
    await stand.gradebook.post_score(graded(0))
    result = await stand.gradebook.get_result(USER)
    assert result is not None
    assert (result.result_score, result.fraction) == (0, 0.0)


async def test_progress_carries_no_score(stand: Stand) -> None:
    await stand.gradebook.post_score(Score.progress(USER, ActivityProgress.STARTED))
    sent = stand.platform.score(None, USER)
    assert sent is not None
    assert not {"scoreGiven", "scoreMaximum", "comment"} & set(sent)
    assert (sent["activityProgress"], sent["gradingProgress"]) == ("Started", "NotReady")


async def test_4_5_cleared_takes_the_grade_back(stand: Stand) -> None:
    await stand.gradebook.post_score(graded(8, comment="good"))
    await stand.gradebook.post_score(Score.cleared(USER))
    result = await stand.gradebook.get_result(USER)
    assert result is None or (result.result_score, result.comment) == (None, None)


async def test_extra_credit_is_more_than_the_maximum(stand: Stand) -> None:
    await stand.gradebook.post_score(graded(12))
    result = await stand.gradebook.get_result(USER)
    assert result is not None
    assert result.fraction == 1.2


async def test_a_score_goes_to_the_item_that_is_named(stand: Stand) -> None:
    made = await stand.gradebook.create_line_item(LineItem("Quiz", 10))
    for named in (made, made.id):
        await stand.gradebook.post_score(graded(), line_item=named)
    assert stand.history(USER, made.id) == [8, 8]
    assert stand.history(USER, stand.item) == []


# -- What is refused ---------------------------------------------------------------------------------------------------


async def test_3_4_9_an_older_score_is_stale(stand: Stand) -> None:
    await stand.gradebook.post_score(graded(8, timestamp=MOMENT))
    for moment in (MOMENT, MOMENT - timedelta(seconds=1)):
        with pytest.raises(StaleScoreError) as caught:
            await stand.gradebook.post_score(graded(3, timestamp=moment))
        assert (caught.value.recorded, caught.value.transient, caught.value.status) == (False, False, 409)
    assert stand.history(USER) == [8]


@pytest.mark.parametrize("user", ["nobody", "user-9999"])
async def test_a_user_who_is_not_in_the_course(stand: Stand, user: str) -> None:
    with pytest.raises(UserNotGradableError) as caught:
        await stand.gradebook.post_score(graded(user=user))
    assert (caught.value.recorded, caught.value.transient) == (False, False)


async def test_an_item_that_is_gone(stand: Stand) -> None:
    await stand.gradebook.delete_line_item(None, force=True)
    with pytest.raises(NotFoundError) as caught:
        await stand.gradebook.post_score(graded())
    assert caught.value.recorded is False


async def test_a_locked_grade_is_forbidden_and_costs_one_token_renewal_at_most(stand: Stand) -> None:
    stand.platform.lock(None, USER)
    for _ in range(5):
        with pytest.raises(ForbiddenError) as caught:
            await stand.gradebook.post_score(graded())
        assert caught.value.recorded is False
    assert stand.platform.counts["token"] <= 2
    assert stand.history(USER) == []


async def test_a_token_that_was_acquitted_may_still_be_revoked(stand: Stand) -> None:
    """
    A 403 for one user must not keep a later 401 from renewing the token.
    """
    stand.platform.lock(None, USER)
    await stand.gradebook.post_score(graded(user="user-0002"))
    with pytest.raises(ForbiddenError):
        await stand.gradebook.post_score(graded())
    stand.platform.tokens.revoke()
    assert (await stand.gradebook.post_score(graded(user="user-0003"))).recorded is True


async def test_no_score_scope_no_request(stand: Stand) -> None:
    gradebook = stand.second_gradebook(scope=frozenset({Scope.RESULT_READONLY}))
    with pytest.raises(NotOfferedError, match="scope"):
        await gradebook.post_score(graded())
    assert stand.platform.counts.total() == 0


async def test_no_item_no_request(stand: Stand) -> None:
    gradebook = stand.second_gradebook(lineitem=None)
    with pytest.raises(NotOfferedError, match="line_item="):
        await gradebook.post_score(graded())
    assert stand.platform.counts.total() == 0


@pytest.mark.parametrize("score", [None, 8, {"userId": USER}, "user-0001"])
async def test_only_a_score_is_a_score(stand: Stand, score: object) -> None:
    with pytest.raises(TypeError, match="Score"):
        await stand.gradebook.post_score(score)  # type: ignore[arg-type]
    assert stand.platform.counts.total() == 0


@pytest.mark.parametrize("line_item", ["", "  ", 7, LineItem("Quiz", 10)])
async def test_only_an_item_is_an_item(stand: Stand, line_item: object) -> None:
    with pytest.raises((ValueError, TypeError), match="line_item"):
        await stand.gradebook.post_score(graded(), line_item=line_item)  # type: ignore[arg-type]
    assert stand.platform.counts.total() == 0


async def test_an_item_of_another_origin_gets_no_token(stand: Stand) -> None:
    with pytest.raises(UntrustedURLError) as caught:
        await stand.gradebook.post_score(graded(), line_item="https://evil.example/items/1")
    assert caught.value.recorded is False
    assert stand.platform.counts.total() == 0


async def test_nothing_was_sent_so_nothing_has_a_timestamp(stand: Stand) -> None:
    report = await stand.gradebook.post_scores([("https://evil.example/1", graded())])
    (delivery,) = report.failed
    assert (delivery.attempts, delivery.timestamp, delivery.recorded) == (0, None, False)


# -- One user's scores in order ----------------------------------------------------------------------------------------


async def test_scores_of_one_user_arrive_in_the_order_of_the_calls(stand: Stand) -> None:
    await asyncio.gather(*(stand.gradebook.post_score(graded(points)) for points in range(10)))
    assert stand.history(USER) == list(range(10))


async def test_a_cancelled_call_keeps_nobody_waiting() -> None:
    stand = memory_stand()
    calls = [asyncio.create_task(stand.gradebook.post_score(graded(points))) for points in range(4)]
    await asyncio.sleep(0)
    calls[1].cancel()
    calls[2].cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    assert stand.history(USER) == [0, 3]


async def test_two_gradebooks_of_one_client_keep_one_order() -> None:
    stand = memory_stand(client={"pace": Pace(floor=8)})
    other = stand.second_gradebook()
    books = [stand.gradebook, other]
    await asyncio.gather(*(books[points % 2].post_score(graded(points)) for points in range(10)))
    assert stand.history(USER) == list(range(10))
    assert stand.transport is not None
    assert max(count for url, count in stand.transport.most.items() if url.endswith("/scores")) == 1


async def test_auto_stamps_rise_by_a_second_where_the_platform_counts_whole_ones() -> None:
    stand = memory_stand(attrs.evolve(PROFILES["spec"], stamp_rule="later_second"))
    scores = [graded(points) for points in range(3)]
    deliveries = [await stand.gradebook.post_score(score) for score in scores]
    assert stand.history(USER) == [0, 1, 2]
    stamps = [delivery.timestamp for delivery in deliveries]
    assert stamps[0] == scores[0].timestamp
    assert len({int(stamp.timestamp()) for stamp in stamps if stamp}) == 3


async def test_a_callers_own_stamp_is_never_moved() -> None:
    stand = memory_stand(attrs.evolve(PROFILES["spec"], stamp_rule="later_second"))
    await stand.gradebook.post_score(graded(1, timestamp=MOMENT))
    with pytest.raises(StaleScoreError):
        await stand.gradebook.post_score(graded(2, timestamp=MOMENT + timedelta(milliseconds=300)))
    assert stand.history(USER) == [1]


async def test_each_item_has_stamps_of_its_own() -> None:
    stand = memory_stand()
    made = await stand.gradebook.create_line_item(LineItem("Quiz", 10))
    scores = [graded(1), graded(2)]
    first = await stand.gradebook.post_score(scores[0])
    second = await stand.gradebook.post_score(scores[1], line_item=made)
    assert [first.timestamp, second.timestamp] == [score.timestamp for score in scores]


# -- A job, later ------------------------------------------------------------------------------------------------------


async def test_a_stored_endpoint_posts_without_a_launch(stand: Stand) -> None:
    import json

    stored = json.dumps(stand.endpoint.to_claim())
    gradebook = stand.client.gradebook(stand.registration, Endpoint.from_claim(json.loads(stored)))
    assert (await gradebook.post_score(graded())).recorded is True


async def test_pending_grades_are_scores_too(stand: Stand) -> None:
    await stand.gradebook.post_score(graded(5, grading_progress=GradingProgress.PENDING_MANUAL))
    sent = stand.platform.score(None, USER)
    assert sent is not None
    assert (sent["gradingProgress"], sent["scoreGiven"]) == ("PendingManual", 5)
