"""
AGS 3.4.4 to 3.4.8, 3.4.10, 3.4.11, 4.7: what a score says, and what its absence says.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from aioags import ActivityProgress, GradingProgress, Score, Submission
from tests.fakes import PaperPlatform, answer, sent_json

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


async def said(platform: PaperPlatform, score: Score) -> dict[str, Any]:
    """
    Post a score and return the JSON that was sent.
    """
    platform.script = [answer(204)]
    await platform.gradebook().post_score(score)
    body: dict[str, Any] = json.loads(platform.sent[-1].body or b"", parse_float=Decimal)
    return body


async def test_a7_a_score_always_says_who_when_and_how_far(platform: PaperPlatform) -> None:
    for score in (Score.graded("u1", 0, score_maximum=1), Score.progress("u1", "Started"), Score.cleared("u1")):
        body = await said(platform, score)
        assert body.keys() >= {"userId", "timestamp", "activityProgress", "gradingProgress"}
        assert None not in body.values()


@pytest.mark.parametrize("given, maximum", [(0, 10), (83, 100), (12, 10), (Decimal("87.25"), 100), (0.5, 1)])
async def test_3_4_4_value_and_maximum_go_together(platform: PaperPlatform, given: Any, maximum: Any) -> None:
    body = await said(platform, Score.graded("u1", given, score_maximum=maximum))
    assert body["scoreGiven"] == Decimal(str(given))
    assert body["scoreMaximum"] == maximum


@pytest.mark.parametrize("given", [-1, -0.5, Decimal("-0.01")])
def test_3_4_4_a_value_must_not_be_negative(given: Any) -> None:
    with pytest.raises(ValueError, match=r"score_given must be at least 0.*AGS 3\.4\.4"):
        Score.graded("u1", given, score_maximum=10)


@pytest.mark.parametrize("score", [Score.progress("u1", "Submitted"), Score.cleared("u1")], ids=["progress", "cleared"])
async def test_3_4_4_without_a_value_there_is_no_maximum(platform: PaperPlatform, score: Score) -> None:
    assert (await said(platform, score)).keys().isdisjoint({"scoreGiven", "scoreMaximum"})


async def test_3_4_5_the_user_is_the_launchs_sub(platform: PaperPlatform) -> None:
    for user_id in ("5c1e3d6a", "3", "jürgen/ü 1", '"'):
        assert (await said(platform, Score.cleared(user_id)))["userId"] == user_id


async def test_3_4_6_a_machine_grades_without_a_name(platform: PaperPlatform) -> None:
    assert "scoringUserId" not in await said(platform, Score.graded("u1", 1, score_maximum=1))
    graded = Score.graded("u1", 1, score_maximum=1, scoring_user_id="t1")
    assert (await said(platform, graded))["scoringUserId"] == "t1"
    with pytest.raises(ValueError, match="scoring_user_id must not be blank"):
        Score.graded("u1", 1, score_maximum=1, scoring_user_id="")


@pytest.mark.parametrize("progress", list(ActivityProgress))
async def test_3_4_7_every_step_of_the_activity_can_be_reported(
    platform: PaperPlatform, progress: ActivityProgress
) -> None:
    body = await said(platform, Score.progress("u1", progress))
    assert (body["activityProgress"], body["gradingProgress"]) == (progress.value, "NotReady")


@pytest.mark.parametrize("progress", list(GradingProgress))
async def test_3_4_8_every_step_of_the_grading_can_be_reported(
    platform: PaperPlatform, progress: GradingProgress
) -> None:
    body = await said(platform, Score.graded("u1", 1, score_maximum=1, grading_progress=progress.value))
    assert body["gradingProgress"] == progress.value


async def test_4_7_a_grade_is_final_unless_it_says_otherwise(platform: PaperPlatform) -> None:
    body = await said(platform, Score.graded("u1", 1, score_maximum=1))
    assert (body["activityProgress"], body["gradingProgress"]) == ("Completed", "FullyGraded")


async def test_3_4_10_a_submissions_times_carry_fraction_and_zone(platform: PaperPlatform) -> None:
    evening = datetime(2026, 1, 1, 18, 30, 0, 250_000, timezone(timedelta(hours=2)))
    submission = Submission(started_at=NOON, submitted_at=evening)
    body = await said(platform, Score.progress("u1", "Submitted", submission=submission))
    assert body["submission"] == {
        "startedAt": "2026-01-01T12:00:00.000Z",
        "submittedAt": "2026-01-01T16:30:00.250Z",
    }
    assert (await said(platform, Score.progress("u1", "Started", submission=Submission(started_at=NOON))))[
        "submission"
    ] == {"startedAt": "2026-01-01T12:00:00.000Z"}
    assert "submission" not in await said(platform, Score.progress("u1", "Started", submission=Submission()))


def test_3_4_10_2_nobody_hands_in_before_the_start() -> None:
    with pytest.raises(ValueError, match=r"AGS 3\.4\.10\.2"):
        Submission(started_at=NOON, submitted_at=NOON - timedelta(microseconds=1))


async def test_3_4_11_a_comment_is_plain_text_on_one_line(platform: PaperPlatform) -> None:
    comment = 'Größe:\n\t"gut" <b>👍</b>\r\n'
    body = await said(platform, Score.graded("u1", 1, score_maximum=1, comment=comment))
    assert body["comment"] == comment
    assert len((platform.sent[-1].body or b"").splitlines()) == 1


async def test_3_4_11_no_comment_is_not_an_empty_one(platform: PaperPlatform) -> None:
    assert "comment" not in await said(platform, Score.graded("u1", 1, score_maximum=1))
    assert (await said(platform, Score.graded("u1", 1, score_maximum=1, comment="")))["comment"] == ""


async def test_4_5_the_recipes(platform: PaperPlatform) -> None:
    cleared = await said(platform, Score.cleared("u1"))
    del cleared["timestamp"]
    assert cleared == {"userId": "u1", "activityProgress": "Initialized", "gradingProgress": "NotReady"}
    # LTI 1.1 replaceResult.
    replaced = await said(platform, Score.graded("u1", Decimal("0.92"), score_maximum=1))
    assert (replaced["scoreGiven"], replaced["scoreMaximum"]) == (Decimal("0.92"), 1)
    assert replaced["gradingProgress"] == "FullyGraded"


async def test_4_8_several_columns_of_one_link(platform: PaperPlatform) -> None:
    first, second = (f"https://lms.example/2/lineitems/{number}" for number in (8, 9))
    platform.script = [answer(204), answer(204)]
    gradebook = platform.gradebook()
    report = await gradebook.post_scores([(item, Score.graded("u1", 1, score_maximum=1)) for item in (first, second)])
    assert report.ok
    assert [request.url for request in platform.sent] == [f"{first}/scores", f"{second}/scores"]
    assert sent_json(platform.sent[0])["userId"] == "u1"
