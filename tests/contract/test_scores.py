"""
What `Gradebook` promises about scores, with either back end in front of every platform (AGS 3.4).
"""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from aioags import (
    ActivityProgress,
    AGSError,
    ForbiddenError,
    LostAnswerError,
    NotOfferedError,
    Pace,
    RefusedError,
    Score,
    StaleScoreError,
    SupersededError,
    UntrustedURLError,
)
from aioags.protocol.breaker import FEWEST
from tests.contract.bench import (
    LTIAAS,
    Bench,
    answered,
    applied_and_lost,
    direct,
    is_score,
    lost,
    new_bench,
    through_ltiaas,
)
from tests.fakes import stamping

MOMENT = datetime(2030, 6, 1, 12, tzinfo=UTC)


def graded(user: str, points: float | Decimal = 8, **more: object) -> Score:
    """
    Return a grade out of ten.
    """
    return Score.graded(user, points, score_maximum=10, **more)  # type: ignore[arg-type]


async def test_a_score_is_recorded_and_read_back(bench: Bench) -> None:
    delivery = await bench.post(graded(bench.users[0]))
    assert (delivery.recorded, delivery.attempts, delivery.line_item) == (True, 1, bench.item)
    assert bench.points(bench.users[0]) == 0.8
    result = await bench.gradebook.get_result(bench.users[0], line_item=bench.item)
    assert result is not None
    assert (result.user_id, result.fraction) == (bench.users[0], 0.8)


async def test_what_is_sent_is_the_standards_and_nothing_is_null(bench: Bench) -> None:
    await bench.post(graded(bench.users[0], Decimal("7.25")))
    sent = bench.platform.score(bench.item, bench.users[0])
    assert sent is not None
    # ADR 0602: at Canvas a score says when it was made, lest a repeat of it opens another attempt.
    submission = sent.pop("submission", None)
    if submission is not None:
        assert bench.platform.site.profile.name == "canvas"
        assert submission.keys() == {"submittedAt"}
        # LTIAAS puts stamps of its own in their place.
        assert bench.expected.back_end == LTIAAS or submission["submittedAt"] == sent["timestamp"]
    assert {name: value for name, value in sent.items() if name != "timestamp"} == {
        "userId": bench.users[0],
        "activityProgress": "Completed",
        "gradingProgress": "FullyGraded",
        "scoreGiven": 7.25,
        "scoreMaximum": 10,
    }
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3,6}Z", sent["timestamp"])


async def test_zero_is_a_score(bench: Bench) -> None:
    await bench.post(graded(bench.users[0], 0))
    assert bench.history(bench.users[0]) == [0]
    result = await bench.gradebook.get_result(bench.users[0], line_item=bench.item)
    assert result is not None
    assert result.result_score == 0


async def test_progress_never_sends_a_score_value(bench: Bench) -> None:
    await bench.post(Score.progress(bench.users[0], ActivityProgress.STARTED))
    sent = bench.platform.score(bench.item, bench.users[0])
    assert sent is not None
    assert sent["activityProgress"] == "Started"
    assert {"scoreGiven", "scoreMaximum"}.isdisjoint(sent)


async def test_a_grade_can_be_taken_back(bench: Bench) -> None:
    await bench.post(graded(bench.users[0]))
    await bench.post(Score.cleared(bench.users[0]))
    assert bench.points(bench.users[0]) is None
    result = await bench.gradebook.get_result(bench.users[0], line_item=bench.item)
    assert result is None or result.result_score is None


async def test_a_grade_can_be_given_again_after_it_was_taken_back(bench: Bench) -> None:
    await bench.post(graded(bench.users[0]))
    await bench.post(Score.cleared(bench.users[0]))
    await bench.post(graded(bench.users[0], 6))
    assert bench.points(bench.users[0]) == 0.6


async def test_a_comment_arrives(bench: Bench) -> None:
    await bench.post(graded(bench.users[0], comment="Très bien 漢"))
    results = [result async for result in bench.gradebook.results(line_item=bench.item)]
    assert [result.comment for result in results if result.user_id == bench.users[0]] == ["Très bien 漢"]
    one = await bench.gradebook.get_result(bench.users[0], line_item=bench.item)
    assert one is not None
    assert (one.comment == "Très bien 漢") is bench.expected.filtered_comment


async def test_extensions_are_passed_on(bench: Bench) -> None:
    await bench.post(graded(bench.users[0], extensions={"https://tool.example/attempt": {"n": 2}}))
    sent = bench.platform.score(bench.item, bench.users[0])
    assert sent is not None
    assert sent["https://tool.example/attempt"] == {"n": 2}


async def test_who_is_not_in_the_course_is_refused_with_a_reason(bench: Bench) -> None:
    with pytest.raises(bench.expected.unknown_user) as caught:
        await bench.post(graded(bench.stranger))
    assert caught.value.recorded is (False if caught.value.transient is False else None)
    assert bench.stranger not in str(caught.value)


async def test_one_bad_score_does_not_stop_the_rest(bench: Bench) -> None:
    people = [bench.users[0], bench.stranger, *bench.users[1:]]
    report = await bench.gradebook.post_scores([graded(person) for person in people], line_item=bench.item)
    assert (report.total, report.recorded) == (6, 5)
    assert [delivery.score.user_id for delivery in report.failed] == [bench.stranger]
    assert [bench.points(user) for user in bench.users] == [0.8] * 5


async def test_every_score_is_delivered_once(bench: Bench) -> None:
    scores = [graded(user, points) for points in (1, 2) for user in bench.users]
    seen = []
    async with bench.gradebook.post_scores(scores, line_item=bench.item) as deliveries:
        async for delivery in deliveries:
            assert delivery.error is None
            seen.append(delivery.score)
    assert sorted(map(id, seen)) == sorted(map(id, scores))


async def test_one_users_scores_stay_in_order(bench: Bench) -> None:
    scores = [graded(user, points) for points in (3, 9, 5) for user in bench.users]
    report = await bench.gradebook.post_scores(scores, line_item=bench.item)
    assert report.ok
    for user in bench.users:
        assert bench.history(user) == [3, 9, 5]
        assert bench.points(user) == 0.5


async def test_pairs_of_line_item_and_score(bench: Bench) -> None:
    report = await bench.gradebook.post_scores([(bench.item, graded(user)) for user in bench.users])
    assert (report.ok, report.total) == (True, 5)


async def test_a_waiting_score_is_superseded_when_asked_to_coalesce(bench: Bench) -> None:
    scores = [graded(bench.users[0], points) for points in (1, 2, 3)]
    report = await bench.gradebook.post_scores(scores, line_item=bench.item, coalesce=True)
    assert report.total == 3
    assert all(isinstance(delivery.error, SupersededError) for delivery in report.failed)
    assert bench.points(bench.users[0]) == 0.3


async def test_without_a_line_item_of_its_own_one_must_be_named(bench: Bench) -> None:
    if bench.gateway is None:
        gradebook = direct(bench.client, bench.platform, lineitem=None)
    else:
        gradebook = through_ltiaas(bench, line_item=None)
    assert gradebook.coupled is None
    with pytest.raises(NotOfferedError, match="pass line_item="):
        await gradebook.post_score(graded(bench.users[0]))
    assert bench.wire.sent == []


@pytest.mark.parametrize(
    "line_item", ["7", "..", "http://other.example/7", "https://lms.example/a b", "ftp://x.example"]
)
async def test_a_line_item_that_is_no_safe_url_is_not_sent_anywhere(bench: Bench, line_item: str) -> None:
    with pytest.raises(UntrustedURLError) as caught:
        await bench.gradebook.post_score(graded(bench.users[0]), line_item=line_item)
    assert caught.value.recorded is False
    assert bench.wire.sent == []


async def test_after_a_lost_answer_the_score_is_sent_again_and_recorded(bench: Bench) -> None:
    bench.befall(is_score, applied_and_lost)
    delivery = await bench.post(graded(bench.users[0]))
    assert delivery.recorded is True
    assert delivery.attempts >= 2
    assert bench.points(bench.users[0]) == 0.8


async def test_a_score_that_was_lost_on_its_way_is_sent_again_and_recorded(bench: Bench) -> None:
    bench.befall(is_score, lost)
    delivery = await bench.post(graded(bench.users[0]))
    assert (delivery.recorded, delivery.attempts) == (True, 2)
    assert bench.history(bench.users[0]) == [8]


async def test_a_late_repeat_of_an_older_score_never_beats_a_newer_one(bench: Bench) -> None:
    bench.befall(is_score, lost)
    scores = [graded(bench.users[0], 3), graded(bench.users[0], 9)]
    await asyncio.gather(*(bench.post(score) for score in scores))
    assert bench.history(bench.users[0]) == [3, 9]
    assert bench.points(bench.users[0]) == 0.9


async def test_a_score_with_an_earlier_timestamp_never_beats_a_later_one(bench: Bench) -> None:
    await bench.post(graded(bench.users[0], 9, timestamp=MOMENT))
    older = graded(bench.users[0], 3, timestamp=MOMENT - timedelta(hours=1))
    if not bench.expected.newer_stays:
        await bench.post(older)
        assert bench.points(bench.users[0]) == 0.3
        return
    with pytest.raises((StaleScoreError, SupersededError)) as caught:
        await bench.post(older)
    assert caught.value.recorded is False
    assert bench.points(bench.users[0]) == 0.9


async def test_what_was_refused_keeps_nothing_earlier_out(bench: Bench) -> None:
    user = bench.users[0]
    bench.befall(is_score, answered(422))
    with pytest.raises(RefusedError):
        await bench.post(graded(user, 9, timestamp=MOMENT))
    await bench.post(graded(user, 3, timestamp=MOMENT - timedelta(hours=1)))
    assert bench.points(user) == 0.3


async def test_c7_of_scores_that_stamp_themselves_the_one_made_last_counts(bench: Bench) -> None:
    first, second = graded(bench.users[0], 3), graded(bench.users[0], 9)
    await bench.post(second)
    with pytest.raises(StaleScoreError) as caught:
        await bench.post(first)
    assert caught.value.recorded is False
    assert bench.points(bench.users[0]) == 0.9


async def test_c7_of_scores_of_two_processes_the_one_posted_last_counts(bench: Bench) -> None:
    user = bench.users[0]
    with stamping(MOMENT, "one"):
        first = graded(user, 3)
    with stamping(MOMENT, "two"):
        second = graded(user, 9)
    await bench.post(second)
    await bench.post(first)
    assert bench.points(user) == 0.3


async def test_a_score_with_a_comment_is_not_repeated_blindly(bench: Bench) -> None:
    bench.befall(is_score, applied_and_lost)
    with pytest.raises(LostAnswerError) as caught:
        await bench.post(graded(bench.users[0], comment="Good."))
    assert caught.value.recorded is None
    assert bench.scores_sent() == 1


async def test_the_result_settles_what_a_lost_answer_left_open(bench: Bench) -> None:
    bench.befall(is_score, applied_and_lost)
    score = graded(bench.users[0], comment="Good.")
    if not bench.expected.filtered_comment:
        with pytest.raises(LostAnswerError):
            await bench.post(score, confirm=True)
        return
    delivery = await bench.post(score, confirm=True)
    assert (delivery.recorded, delivery.attempts) == (True, 1)


async def test_a_throttle_is_waited_out_as_told(bench: Bench) -> None:
    bench.befall(is_score, answered(429, ("Retry-After", "7")))
    delivery = await bench.post(graded(bench.users[0]))
    assert (delivery.recorded, delivery.attempts) == (True, 2)
    assert bench.time.now >= 7.0


async def test_a_failure_of_the_platform_is_tried_again(bench: Bench) -> None:
    bench.befall(is_score, answered(503))
    delivery = await bench.post(graded(bench.users[0]))
    assert (delivery.recorded, delivery.attempts) == (True, 2)


async def test_what_fails_for_ever_is_given_up_and_nobody_knows(bench: Bench) -> None:
    bench.befall(is_score, answered(500), always=True)
    with pytest.raises(AGSError) as caught:
        await bench.post(graded(bench.users[0]))
    assert (caught.value.recorded, caught.value.transient) == (None, True)
    assert bench.scores_sent() == 5


@pytest.mark.parametrize("back_end, sent", [("direct", FEWEST + 1), ("ltiaas", FEWEST)])
async def test_a_final_401_ends_a_batch_without_sending_the_rest(back_end: str, sent: int) -> None:
    """
    Not the first: it may be about one person. A direct platform's token is renewed once; LTIAAS's key never.
    """
    bench = new_bench(back_end, pace=Pace(ceiling=1))
    people = [f"person-{number}" for number in range(FEWEST + 5)]
    async with bench.client:
        bench.befall(is_score, answered(401), always=True)
        report = await bench.gradebook.post_scores([graded(person) for person in people], line_item=bench.item)
    assert (report.total, report.recorded, report.unknown) == (len(people), 0, 0)
    assert all(isinstance(delivery.error, ForbiddenError) for delivery in report.failed)
    assert bench.scores_sent() == sent


async def test_neither_errors_nor_events_nor_reprs_tell_secrets(bench: Bench) -> None:
    with pytest.raises(AGSError) as caught:
        await bench.post(graded(bench.stranger, comment="Between you and me"))
    error = caught.value
    shown = f"{error} {error!r} {getattr(error, 'body', '')} {bench.gradebook!r} {bench.account!r}"
    secrets = [bench.stranger, "Between you and me"]
    if bench.gateway is not None:
        secrets += [bench.gateway.api_key, "eyJhbGciOiJIUzI1NiJ9"]
    assert [secret for secret in secrets if secret in shown] == []
