"""
The quirks of scores and of limits (rows S and N), each met on the platform that has it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest

from aioags import (
    CANVAS_SUBMISSION,
    AGSError,
    BrokenError,
    LineItem,
    LostAnswerError,
    RefusedError,
    Score,
    StaleScoreError,
    Submission,
    UserNotGradableError,
)
from aioags.emulator import PROFILES, Fault
from aioags.emulator.refusals import Kind
from tests.rigs.lms import Lms, lms, sent
from tests.rigs.memory import grades

pytestmark = pytest.mark.usefixtures("every_transport")


def graded(stand: Lms, points: float = 8, **more: Any) -> Score:
    return Score.graded(stand.platform.users()[0], points, score_maximum=10, **more)


@pytest.mark.parametrize("profile", ["moodle", "sakai", "blackboard"])
async def test_s1_an_empty_answer_is_a_yes(profile: str) -> None:
    async with lms(profile) as stand:
        await stand.gradebook.post_score(graded(stand))
        answer = stand.seen("post_score")[0].answer
        assert answer is not None and answer.body == b""
        assert stand.platform.score(None, stand.platform.users()[0])


async def test_s2_moodle_rejects_with_200_and_empty_list() -> None:
    async with lms("moodle") as stand:
        stand.platform.faults.add(Fault.answer(200, body=b"[]", operation="post_score"))
        with pytest.raises(RefusedError) as caught:
            await stand.gradebook.post_score(graded(stand))
        assert caught.value.recorded is False
        assert len(stand.seen("post_score")) == 1


async def test_s2_a_score_is_one_line_so_that_moodle_can_say_400() -> None:
    async with lms("moodle") as stand:
        comment = "first line\nsecond line\r\nthird"
        with pytest.raises(UserNotGradableError) as caught:
            await stand.gradebook.post_score(Score.graded("99999", 8, score_maximum=10, comment=comment))
        assert caught.value.status == 400
        assert b"\n" not in (stand.seen("post_score")[0].request.body or b"")


@pytest.mark.parametrize("profile", ["moodle", "moodle-apache"])
async def test_s3_moodle_puts_the_request_into_the_reason_phrase(profile: str) -> None:
    comment = "Very private. " + "ünïcode " * 10_000
    async with lms(profile, users=3) as stand:
        with pytest.raises(UserNotGradableError) as caught:
            await stand.gradebook.post_score(Score.graded("99999", 8, score_maximum=10, comment=comment))
        assert "private" not in f"{caught.value} {caught.value!r} {caught.value.body}"
        assert "99999" not in str(caught.value)


@pytest.mark.parametrize(
    "body, words",
    [
        (b'{"errors":{"type":"unprocessable_entity","message":"This assignment is unpublished"}}', "unpublished"),
        (b'{"errors":[{"message":"The specified resource does not exist."}]}', "does not exist"),
        (b'{"error":"Invalid submission_type"}', "Invalid submission_type"),
        (b'{"detail":"No."}', "No."),
        (b'{"scoreMaximum":["A valid number is required."]}', "valid number"),
        (b"plain words", "plain words"),
        (b"", ""),
    ],
)
async def test_s4_a_refusal_is_read_in_any_shape(body: bytes, words: str) -> None:
    async with lms("canvas") as stand:
        stand.platform.faults.add(Fault.answer(422, body=body, operation="post_score"))
        with pytest.raises(RefusedError) as caught:
            await stand.gradebook.post_score(graded(stand))
        assert words in caught.value.words
        assert "\n" not in str(caught.value)


async def test_s5_moodle_takes_two_scores_of_one_second() -> None:
    async with lms("moodle") as stand:
        report = await stand.gradebook.post_scores([graded(stand, points) for points in (1, 2, 3)])
        assert report.ok, report
        assert stand.history(stand.platform.users()[0]) == [1, 2, 3]


@pytest.mark.parametrize("profile, status", [("moodle", 409), ("canvas", 400), ("openedx", 400), ("spec", 409)])
async def test_s6_older_is_stale_whatever_the_status(profile: str, status: int) -> None:
    async with lms(profile) as stand:
        now = datetime.fromtimestamp(stand.time.wall(), UTC)
        await stand.gradebook.post_score(graded(stand, timestamp=now))
        with pytest.raises(StaleScoreError) as caught:
            await stand.gradebook.post_score(graded(stand, 3, timestamp=now - timedelta(hours=1)))
        assert caught.value.status == status
        assert stand.history(stand.platform.users()[0]) == [8]


@pytest.mark.parametrize("profile", ["moodle", "openedx", "canvas", "sakai", "spec"])
async def test_s7_stale_after_a_lost_answer_is_recorded(profile: str) -> None:
    async with lms(profile) as stand:
        stand.platform.faults.add(Fault.drop(operation="post_score", applied=True, times=1))
        delivery = await stand.gradebook.post_score(graded(stand))
        assert (delivery.recorded, delivery.attempts) == (True, 2)
        first, second = (sent(exchange) for exchange in stand.seen("post_score"))
        assert first == second


async def test_s8_a_stamp_has_a_zone_and_a_dot() -> None:
    with pytest.raises(ValueError, match="time zone"):
        Score.graded("u", 1, score_maximum=1, timestamp=datetime(2026, 1, 1))  # noqa: DTZ001
    async with lms("blackboard") as stand:
        await stand.gradebook.post_score(graded(stand))
        stamp = sent(stand.seen("post_score")[0])["timestamp"]
        assert stamp.endswith("Z") and "." in stamp


@pytest.mark.parametrize("profile", ["moodle", "canvas"])
async def test_s9_what_is_not_final_clears_and_has_a_name_of_its_own(profile: str) -> None:
    async with lms(profile) as stand:
        user = stand.platform.users()[0]
        await stand.gradebook.post_score(graded(stand))
        await stand.gradebook.post_score(Score.cleared(user))
        result = await stand.gradebook.get_result(user)
        assert result is None or result.result_score is None
        assert "scoreGiven" not in sent(stand.seen("post_score")[1])


async def test_s10_null_is_never_sent() -> None:
    async with lms("spec") as stand:
        user = stand.platform.users()[0]
        for score in (graded(stand), Score.progress(user, "Started"), Score.cleared(user)):
            await stand.gradebook.post_score(score)
        assert all(None not in sent(exchange).values() for exchange in stand.seen("post_score"))


async def test_s11_open_edx_records_a_zero_and_once_did_not_publish_it() -> None:
    async with lms(attrs.evolve(PROFILES["openedx"], publish_zero=False)) as stand:
        user = stand.platform.users()[0]
        await stand.gradebook.post_score(graded(stand, 0))
        result = await stand.gradebook.get_result(user)
        assert result is not None and result.result_score == 0
        assert stand.platform.published(None, user) is None


async def test_s12_canvas_opens_no_second_attempt_when_the_submission_time_is_kept() -> None:
    async with lms("canvas") as stand:
        user = stand.platform.users()[0]
        handed_in = Submission(submitted_at=datetime.fromtimestamp(stand.time.wall() - 60, UTC))
        await stand.gradebook.post_score(graded(stand, 5, submission=handed_in))
        await stand.gradebook.post_score(graded(stand, 6, submission=handed_in))
        assert len(stand.platform.grade(None, user).attempts) == 1


@pytest.mark.parametrize(
    "more", [{"comment": "well done"}, {"extensions": {CANVAS_SUBMISSION: {"new_submission": True}}}]
)
async def test_s13_what_canvas_appends_is_not_repeated_after_a_lost_answer(more: dict[str, Any]) -> None:
    async with lms("canvas") as stand:
        user = stand.platform.users()[0]
        stand.platform.faults.add(Fault.drop(operation="post_score", applied=True))
        with pytest.raises(LostAnswerError) as caught:
            await stand.gradebook.post_score(graded(stand, **more))
        assert caught.value.recorded is None
        assert len(stand.platform.history(None, user)) == 1
        assert len(stand.platform.grade(None, user).comments) == ("comment" in more)


async def test_s13_confirm_settles_it() -> None:
    async with lms("canvas") as stand:
        stand.platform.faults.add(Fault.drop(operation="post_score", applied=True))
        delivery = await stand.gradebook.post_score(graded(stand, comment="well done"), confirm=True)
        assert delivery.recorded


@pytest.mark.parametrize("profile, shown", [("canvas", 1.5), ("moodle", 1.0), ("brightspace", 1.0), ("spec", 1.5)])
async def test_s14_extra_credit_is_sent_and_some_cap_it(profile: str, shown: float) -> None:
    async with lms(profile) as stand:
        item = await stand.gradebook.create_line_item(LineItem("Quiz", 10, resource_id="q"))
        await stand.gradebook.post_score(graded(stand, 15), line_item=item)
        result = await stand.gradebook.get_result(stand.platform.users()[0], line_item=item)
        assert result is not None and result.fraction == shown


def test_s15_a_maximum_of_nothing_is_refused_here() -> None:
    with pytest.raises(ValueError, match="score_maximum"):
        Score.graded("u", 1, score_maximum=0)


@pytest.mark.parametrize(
    "profile, status",
    [("moodle", 400), ("blackboard", 400), ("sakai", 400), ("canvas", 422), ("brightspace", 404), ("spec", 422)],
)
async def test_s16_a_user_who_cannot_be_graded_is_named_as_such_and_stops_nobody(profile: str, status: int) -> None:
    async with lms(profile) as stand:
        item = await stand.gradebook.create_line_item(LineItem("Quiz", 10, resource_id="q"))
        stranger = Score.graded("99999", 1, score_maximum=10)
        scores = grades(stand.platform.users())
        report = await stand.gradebook.post_scores([*scores[:3], stranger, *scores[3:]], line_item=item)
        assert report.recorded == len(scores)
        (failed,) = report.failed
        assert isinstance(failed.error, UserNotGradableError)
        assert (failed.error.status, failed.attempts, failed.score) == (status, 1, stranger)


async def test_s16_open_edx_crashes_over_a_stranger() -> None:
    async with lms("openedx") as stand:
        with pytest.raises(BrokenError) as caught:
            await stand.gradebook.post_score(Score.graded("99999", 1, score_maximum=10))
        assert caught.value.recorded is None


async def test_s17_a_course_that_is_over_is_not_asked_again() -> None:
    async with lms("canvas") as stand:
        stand.platform.course.concluded = True
        with pytest.raises(RefusedError, match="concluded") as caught:
            await stand.gradebook.post_score(graded(stand))
        assert not caught.value.transient
        assert len(stand.seen("post_score")) == 1


@pytest.mark.parametrize("profile, status", [("openedx", 201), ("canvas", 200)])
async def test_s18_an_echo_or_a_result_url_is_a_yes(profile: str, status: int) -> None:
    async with lms(profile) as stand:
        assert (await stand.gradebook.post_score(graded(stand))).recorded
        answer = stand.seen("post_score")[0].answer
        assert answer is not None and answer.status == status and answer.body


async def test_s19_canvas_shows_only_the_first_item_of_an_assignment() -> None:
    async with lms("canvas") as stand:
        bound = await stand.gradebook.get_line_item()
        second = await stand.gradebook.create_line_item(
            LineItem("Second", 10, resource_link_id=bound.resource_link_id, tag="second")
        )
        user = stand.platform.users()[0]
        await stand.gradebook.post_score(graded(stand), line_item=second)
        assert stand.platform.published(second.id, user) is None
        result = await stand.gradebook.get_result(user, line_item=second)
        assert result is not None and result.fraction == 0.8


async def test_s20_moodle_keeps_a_teachers_grade_in_silence_and_the_result_tells() -> None:
    async with lms("moodle") as stand:
        user = stand.platform.users()[0]
        stand.platform.override(None, user, 40)
        stand.time.now += 60
        later = datetime.fromtimestamp(stand.time.wall(), UTC)
        assert (await stand.gradebook.post_score(graded(stand, 9, timestamp=later))).recorded
        result = await stand.gradebook.get_result(user)
        assert result is not None and result.result_score == 40


@pytest.mark.parametrize("status", [403, 429])
async def test_n1_n2_n3_canvas_throttles_without_a_hint_and_everything_gets_through(status: int) -> None:
    statuses = {**PROFILES["canvas"].statuses, Kind.THROTTLED: status}
    profile = attrs.evolve(PROFILES["canvas"], statuses=statuses, throttle_capacity=300, throttle_high_water=200)
    async with lms(profile, users=60) as stand:
        report = await stand.gradebook.post_scores(grades(stand.platform.users()))
        assert report.ok, report
        throttled = [exchange for exchange in stand.seen("post_score") if exchange.answer and not exchange.applied]
        assert len(throttled) < 20


@pytest.mark.parametrize("profile", ["blackboard", "brightspace"])
async def test_n2_a_told_wait_is_kept(profile: str) -> None:
    async with lms(profile) as stand:
        item = await stand.gradebook.create_line_item(LineItem("Quiz", 10, resource_id="q"))
        stand.platform.faults.add(Fault.throttle(17.0, operation="post_score", times=1))
        await stand.gradebook.post_score(graded(stand), line_item=item)
        first, second = stand.seen("post_score")
        assert second.at - first.at >= 17.0


async def test_n4_a_page_of_html_is_not_read() -> None:
    async with lms("moodle") as stand:
        page = b"<!DOCTYPE html><html><body>Exception - secret stack</body></html>"
        stand.platform.faults.add(Fault.answer(400, body=page, operation="post_score"))
        with pytest.raises(AGSError) as caught:
            await stand.gradebook.post_score(graded(stand))
        assert "an HTML page" in str(caught.value)
        assert "secret stack" not in str(caught.value)


async def test_n6_a_creation_that_was_lost_is_looked_for_before_it_is_repeated() -> None:
    async with lms("moodle") as stand:
        stand.platform.faults.add(Fault.answer(502, operation="create_line_item", applied=True, times=1))
        item = await stand.gradebook.create_line_item(LineItem("Quiz", 10, resource_id="q", tag="t"))
        assert [found["id"] for found in stand.platform.line_items() if found["label"] == "Quiz"] == [item.id]
        assert len(stand.seen("create_line_item")) == 1
