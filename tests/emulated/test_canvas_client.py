"""
Canvas's traps, and how the client walks around them; named after the rows of the profile's checklist.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest

from aioags import (
    CANVAS_SUBMISSION,
    CANVAS_SUBMISSION_TYPE,
    CanvasAssignment,
    CanvasFile,
    CanvasSubmission,
    Client,
    Endpoint,
    ForbiddenError,
    GradingProgress,
    LineItem,
    LostAnswerError,
    RefusedError,
    Registration,
    Score,
    Submission,
    ThrottledError,
)
from aioags.emulator import PROFILES, Fault
from aioags.protocol.messages import Request
from tests.rigs.lms import Lms, lms, rsa_key, sent
from tests.rigs.memory import MemoryTransport, grades, memory_stand, new_platform, runtime_for
from tests.rigs.virtual_time import VirtualTime


def graded(stand: Lms, points: float = 3, maximum: float = 4, **more: Any) -> Score:
    return Score.graded(stand.platform.users()[0], points, score_maximum=maximum, **more)


async def result_of(stand: Lms) -> tuple[Any, ...] | None:
    result = await stand.gradebook.get_result(stand.platform.users()[0])
    return None if result is None else (result.result_score, result.result_maximum, result.fraction)


def attempts(stand: Lms) -> int:
    return len(stand.platform.grade(None, stand.platform.users()[0]).attempts)


# -- Results -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", PROFILES)
async def test_K1_CV1_the_fraction_is_the_same_truth_on_every_platform(profile: str) -> None:
    async with lms(profile) as stand:
        item = await stand.gradebook.get_line_item() if stand.endpoint.lineitem else None
        if item is None:
            item = await stand.gradebook.create_line_item(LineItem("Quiz", 100, resource_id="q"))
        await stand.gradebook.post_score(graded(stand), line_item=item)
        result = await stand.gradebook.get_result(stand.platform.users()[0], line_item=item)
        assert result is not None
        assert result.fraction == 0.75


async def test_K1_CV1_results_are_the_tools_own_numbers() -> None:
    async with lms("canvas") as stand:
        await stand.gradebook.post_score(graded(stand))
        assert await result_of(stand) == (3.0, 4.0, 0.75)


async def test_K1_CV2_a_score_without_a_value_leaves_a_row_without_a_score() -> None:
    async with lms("canvas") as stand:
        user = stand.platform.users()[0]
        await stand.gradebook.post_score(Score.progress(user, "InProgress"))
        assert await result_of(stand) == (None, 1, None)
        await stand.gradebook.post_score(graded(stand, 5, 10, grading_progress=GradingProgress.PENDING))
        assert await result_of(stand) == (5.0, 10.0, 0.5)
        await stand.gradebook.post_score(Score.cleared(user))
        result = await stand.gradebook.get_result(user)
        assert result is not None
        assert result.result_score is None


async def test_K1_CV3_where_only_a_teacher_graded_there_is_none() -> None:
    async with lms("canvas") as stand:
        stand.platform.override(None, stand.platform.users()[0], 50)
        assert await result_of(stand) is None


async def test_K1_CV4_a_hand_grade_is_shown_on_the_tools_scale() -> None:
    async with lms("canvas") as stand:
        await stand.gradebook.post_score(graded(stand))
        stand.platform.override(None, stand.platform.users()[0], 50)
        assert await result_of(stand) == (2.0, 4.0, 0.5)


async def test_CV4_a_lost_score_is_recognised_over_a_hand_grade() -> None:
    async with lms("canvas") as stand:
        await stand.gradebook.post_score(graded(stand))
        stand.platform.override(None, stand.platform.users()[0], 50)
        stand.platform.faults.add(Fault.drop(operation="post_score", applied=True))
        delivery = await stand.gradebook.post_score(graded(stand, 1), confirm=True)
        assert delivery.recorded
        assert stand.platform.published(None, stand.platform.users()[0]) == 25


async def test_CV4_a_hand_grade_is_not_taken_for_a_lost_score() -> None:
    async with lms("canvas") as stand:
        await stand.gradebook.post_score(graded(stand))
        stand.platform.override(None, stand.platform.users()[0], 50)
        stand.platform.faults.add(Fault.drop(operation="post_score"))
        with pytest.raises(LostAnswerError) as caught:
            await stand.gradebook.post_score(graded(stand, 1), confirm=True)
        assert caught.value.recorded is None


async def test_CV4_a_comment_of_an_earlier_score_does_not_hide_a_lost_one() -> None:
    async with lms("canvas") as stand:
        await stand.gradebook.post_score(graded(stand, comment="Well done"))
        stand.platform.faults.add(Fault.drop(operation="post_score", applied=True))
        assert (await stand.gradebook.post_score(graded(stand, 1), confirm=True)).recorded


@pytest.mark.parametrize("flag", ["preserve_score", "prioritize_non_tool_grade"])
async def test_CV17_CV18_what_lets_a_hand_grade_stand_is_unknown_when_lost(flag: str) -> None:
    """
    Canvas shows the new number through the formula for hand grades: on no scale that tells.
    """
    async with lms("canvas") as stand:
        await stand.gradebook.post_score(graded(stand))
        stand.platform.override(None, stand.platform.users()[0], 50)
        score = graded(stand, 1, canvas=CanvasSubmission(**{flag: True}))
        assert (await stand.gradebook.post_score(score)).recorded
        assert stand.platform.published(None, stand.platform.users()[0]) == 50
        stand.platform.faults.add(Fault.drop(operation="post_score", applied=True))
        with pytest.raises(LostAnswerError) as caught:
            await stand.gradebook.post_score(attrs.evolve(score, timestamp=datetime.now(UTC)), confirm=True)
        assert caught.value.recorded is None


async def test_CV5_a_result_has_the_extension_of_the_last_score() -> None:
    async with lms("canvas") as stand:
        await stand.gradebook.post_score(graded(stand, canvas=CanvasSubmission(new_submission=False)))
        (result,) = [result async for result in stand.gradebook.results()]
        assert result.extensions == {CANVAS_SUBMISSION: {"new_submission": False}}
        await stand.gradebook.post_score(graded(stand))
        (result,) = [result async for result in stand.gradebook.results()]
        assert result.extensions == {}


# -- Tokens and the throttle -------------------------------------------------------------------------------------------


async def test_CV6_one_token_serves_every_course() -> None:
    async with lms("canvas") as stand:
        books = [stand.gradebook]
        for number in range(2, 12):
            course = stand.platform.add_course(f"Course {number}")
            link = stand.platform.add_link("Activity", course=course)
            endpoint = Endpoint.from_claim(stand.platform.endpoint_claim(link, course=course))
            books.append(stand.client.gradebook(stand.registration, endpoint))
        made = await asyncio.gather(*(book.create_line_item(LineItem("Quiz", 10)) for book in books))
        assert len({item.id for item in made}) == 11
        assert stand.platform.counts["token"] == 1


async def test_CV6_tools_that_share_a_bucket_ask_no_faster_than_it_leaks() -> None:
    time = VirtualTime()
    platform = new_platform("canvas", users=2, clock=time.wall, key=rsa_key())
    transport = MemoryTransport(platform)
    async with Client(transport=transport, runtime=runtime_for(time)) as client:
        tools = [platform.tool, *(platform.add_tool(f"1000000000010{number}") for number in range(7))]
        platform.course.client_ids.update(tool.client_id for tool in tools)
        endpoint = Endpoint.from_claim(platform.endpoint_claim())
        books = [
            client.gradebook(Registration(**platform.registration_args(tool) | {"key": rsa_key()}), endpoint)
            for tool in tools
        ]
        await asyncio.gather(*(book.create_line_item(LineItem("Quiz", 10)) for book in books))
    refused = [exchange for exchange in platform.requests if exchange.operation == "token" and _throttled(exchange)]
    assert platform.counts["token"] == 8
    assert refused == []
    # Eight cost 1600; a full bucket is 600, and what is held back is what leaks.
    assert 60 <= time.now <= 160


def _throttled(exchange: Any) -> bool:
    return exchange.answer is not None and exchange.answer.status == 429


async def test_CV6_a_throttled_token_request_is_one_for_all_who_wait() -> None:
    time = VirtualTime()
    stand = memory_stand("canvas", users=60, clock=time.wall, client={"runtime": runtime_for(time)})
    async with stand.client:
        # Somebody else behind the same address has used it up.
        form = Request(
            "POST", stand.registration.token_url, (("Content-Type", "application/x-www-form-urlencoded"),), b""
        )
        while stand.platform.answer(form).status != 429:
            pass
        before = stand.platform.counts["token"]
        report = await stand.gradebook.post_scores(grades(stand.platform.users()))
        assert report.ok
        assert stand.platform.counts["token"] - before <= 12
        assert time.now >= 5


async def test_CV6_CV7_CV9_a_batch_of_a_course_is_hardly_throttled() -> None:
    time = VirtualTime()

    async def carried(_: Request) -> None:
        await time.sleep(0.1)

    stand = memory_stand("canvas", users=300, clock=time.wall, before=carried, client={"runtime": runtime_for(time)})
    async with stand.client:
        report = await stand.gradebook.post_scores(grades(stand.platform.users()))
        assert report.ok
        assert stand.transport is not None
        statuses = Counter(x.answer.status for x in stand.platform.requests if x.answer is not None)
        assert statuses[429] <= 3, statuses
        assert stand.transport.most[""] <= 12


@pytest.mark.parametrize("status", [403, 429])
async def test_CV9_a_throttle_that_says_there_is_something_left(status: int) -> None:
    async with lms("canvas") as stand:
        text = f"{status} Forbidden (Rate Limit Exceeded)\n".encode()
        left = (("X-Rate-Limit-Remaining", "49.9"), ("Content-Type", "text/plain; charset=utf-8"))
        stand.platform.faults.add(Fault.answer(status, text, headers=left, operation="post_score", times=1))
        delivery = await stand.gradebook.post_score(graded(stand))
        assert delivery.attempts == 2


async def test_CV8_a_refusal_under_load_is_no_throttle() -> None:
    async with lms("canvas") as stand:
        left = (("X-Rate-Limit-Remaining", "-150.0"), ("X-Request-Cost", "0.2"))
        body = b'{"errors":{"type":"forbidden","message":"not here"}}'
        stand.platform.faults.add(Fault.answer(403, body, headers=left, operation="post_score"))
        with pytest.raises(ForbiddenError):
            await stand.gradebook.post_score(graded(stand))


async def test_CV44_a_token_of_another_host_is_said_in_words_and_not_asked_for_again() -> None:
    async with lms("canvas") as stand:
        away = stand.registration.token_url.replace(stand.platform.base_url, "https://canvas.school.example")
        registration = Registration(**stand.platform.registration_args() | {"key": rsa_key(), "token_url": away})
        book = stand.client.gradebook(registration, stand.endpoint)
        for _ in range(3):
            with pytest.raises(ForbiddenError, match=r"no access token that another host gave.* token_url") as caught:
                await book.post_score(graded(stand))
            assert caught.value.recorded is False
        report = await book.post_scores(grades(stand.platform.users()))
        assert report.recorded == 0
        stand.time.now += 120
        with pytest.raises(ForbiddenError):
            await book.get_line_item()
        assert stand.platform.counts["token"] == 1


async def test_CV44_a_token_of_the_host_of_the_course_serves_there() -> None:
    async with lms("canvas") as stand:
        vanity = "https://canvas.school.example"
        claim = stand.platform.endpoint_claim()
        moved = {name: url.replace(stand.platform.base_url, vanity) for name, url in claim.items() if name != "scope"}
        away = stand.registration.token_url.replace(stand.platform.base_url, vanity)
        registration = Registration(**stand.platform.registration_args() | {"key": rsa_key(), "token_url": away})
        book = stand.client.gradebook(registration, Endpoint.from_claim({**claim, **moved}))
        assert (await book.post_score(graded(stand))).recorded


# -- Line items --------------------------------------------------------------------------------------------------------


async def test_CV31_CV36_an_item_with_an_extension_can_be_changed() -> None:
    async with lms("canvas") as stand:
        url = stand.platform.launch_claims(stand.platform.users()[0])[
            "https://purl.imsglobal.org/spec/lti/claim/target_link_uri"
        ]
        assignment = CanvasAssignment(type="external_tool", external_tool_url=url)
        made = await stand.gradebook.find_or_create_line_item(
            label="Quiz", score_maximum=10, resource_id="q", extensions=assignment.to_extension()
        )
        assert made.resource_link_id
        assert made.extensions[CANVAS_SUBMISSION_TYPE] == {"type": "external_tool", "external_tool_url": url}
        changed = await stand.gradebook.update_line_item(attrs.evolve(made, label="Quiz (retake)"))
        assert (changed.label, changed.extensions) == ("Quiz (retake)", made.extensions)
        (put,) = stand.seen("update_line_item")
        assert CANVAS_SUBMISSION_TYPE not in sent(put)
        copied = await stand.gradebook.create_line_item(attrs.evolve(made, id=None, resource_link_id=None))
        assert copied.extensions == made.extensions


# -- Attempts ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("progress", ["Submitted", "Completed"])
@pytest.mark.parametrize("more", [{}, {"submission": Submission(started_at=datetime(2026, 1, 1, tzinfo=UTC))}])
async def test_two_tries_of_one_score_are_one_attempt(progress: str, more: dict[str, Any]) -> None:
    async with lms("canvas") as stand:
        stand.platform.faults.add(Fault.drop(operation="post_score", applied=True, times=2))
        delivery = await stand.gradebook.post_score(graded(stand, activity_progress=progress, **more))
        assert (delivery.attempts, attempts(stand)) == (3, 1)
        await stand.gradebook.post_score(graded(stand, 4, activity_progress=progress))
        assert attempts(stand) == 2, "another score is another attempt"


async def test_the_last_attempt_whose_answer_was_lost_is_not_refused() -> None:
    async with lms("canvas") as stand:
        stand.platform.item(None).allowed_attempts = 1
        stand.platform.faults.add(Fault.drop(operation="post_score", applied=True, times=1))
        assert (await stand.gradebook.post_score(graded(stand))).recorded
        with pytest.raises(RefusedError, match="maximum number of allowed attempts"):
            await stand.gradebook.post_score(graded(stand, 4))
        score = graded(stand, 4, canvas=CanvasSubmission(new_submission=False))
        assert (await stand.gradebook.post_score(score)).recorded


async def test_the_time_of_submission_is_when_the_score_was_made() -> None:
    """
    Not the stamp, which may have been moved ahead: Canvas refuses what lies a minute in its future.
    """
    async with lms("canvas") as stand:
        made = [graded(stand, points) for points in range(5)]
        for score in made:
            await stand.gradebook.post_score(score)
        bodies = [sent(exchange) for exchange in stand.seen("post_score")]
        told = [datetime.fromisoformat(body["submission"]["submittedAt"]) for body in bodies]
        assert told == [score.stamped_at for score in made]
        assert all(body["timestamp"] >= body["submission"]["submittedAt"] for body in bodies)
        own = datetime(2026, 3, 1, 9, tzinfo=UTC)
        user = stand.platform.users()[1]
        await stand.gradebook.post_score(Score.graded(user, 1, score_maximum=1, timestamp=own))
        assert sent(stand.seen("post_score")[-1])["submission"] == {"submittedAt": "2026-03-01T09:00:00.000Z"}


NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "more, said",
    [
        ({"activity_progress": "InProgress"}, None),
        ({"submission": Submission(submitted_at=NOON)}, {"submittedAt": "2026-03-01T12:00:00.000Z"}),
        ({"canvas": CanvasSubmission(submitted_at=NOON)}, None),
        ({"canvas": CanvasSubmission(new_submission=False)}, None),
        ({"canvas": CanvasSubmission(submission_type="none")}, None),
    ],
)
async def test_what_opens_no_attempt_or_has_its_time_is_sent_as_it_is(
    more: dict[str, Any], said: dict[str, str] | None
) -> None:
    async with lms("canvas") as stand:
        await stand.gradebook.post_score(graded(stand, **more))
        assert sent(stand.seen("post_score")[0]).get("submission") == said


@pytest.mark.parametrize("profile", sorted(set(PROFILES) - {"canvas"}))
async def test_elsewhere_a_score_says_no_more_than_it_was_given(profile: str) -> None:
    async with lms(profile) as stand:
        item = await stand.gradebook.create_line_item(LineItem("Quiz", 100, resource_id="q"))
        await stand.gradebook.post_score(graded(stand), line_item=item)
        assert "submission" not in sent(stand.seen("post_score")[0])


async def test_two_scores_of_one_user_are_never_at_canvas_at_once() -> None:
    """
    Canvas checks the order before it locks the row: of two at once the last writer wins.
    """
    stand = memory_stand("canvas", users=2)
    async with stand.client:
        extra = await stand.gradebook.create_line_item(
            LineItem("Extra", 10, resource_link_id=(await stand.gradebook.get_line_item()).resource_link_id)
        )
        user = stand.platform.users()[0]
        scores = [Score.graded(user, points, score_maximum=10) for points in range(6)]
        other = stand.second_gradebook()
        assert stand.transport is not None
        stand.transport.most.clear()
        for item in (stand.item, extra.id):
            await asyncio.gather(
                *(stand.gradebook.post_score(score, line_item=item) for score in scores[:3]),
                other.post_scores([(item, score) for score in scores[3:]]),
            )
            assert stand.history(user, item) == list(range(6))
        assert {most for url, most in stand.transport.most.items() if url.endswith("/scores")} == {1}


# -- The typed extension -----------------------------------------------------------------------------------------------


async def test_CV22_CV23_files_and_how_far_canvas_is_with_them() -> None:
    async with lms("canvas") as stand:
        files = [CanvasFile(url=f"https://tool.example/{name}", title=name) for name in ("a.pdf", "b.pdf")]
        delivery = await stand.gradebook.post_score(graded(stand, canvas=CanvasSubmission(content_items=files)))
        assert delivery.answer is not None
        assert [item["title"] for item in delivery.answer[CANVAS_SUBMISSION]["content_items"]] == ["a.pdf", "b.pdf"]
        assert len(delivery.progress_urls) == 2
        assert all("/progress/" in url for url in delivery.progress_urls)
        result = await stand.gradebook.get_result(stand.platform.users()[0])
        assert result is not None
        assert delivery.result_url == result.id
        (attempt,) = stand.platform.grade(None, stand.platform.users()[0]).attempts
        assert attempt.kind == "online_upload"


async def test_a_text_and_a_page_are_shown_to_the_teacher() -> None:
    async with lms("canvas") as stand:
        text = CanvasSubmission(submission_type="online_text_entry", submission_data="<p>My essay</p>")
        page = CanvasSubmission(submission_type="online_url", submission_data="https://tool.example/essay")
        for canvas in (text, page):
            await stand.gradebook.post_score(graded(stand, canvas=canvas))
        kept = stand.platform.grade(None, stand.platform.users()[0]).attempts
        assert [(attempt.kind, attempt.data) for attempt in kept] == [
            ("online_text_entry", "<p>My essay</p>"),
            ("online_url", "https://tool.example/essay"),
        ]


async def test_preserve_score_lets_progress_follow_a_grade() -> None:
    async with lms("canvas") as stand:
        user = stand.platform.users()[0]
        await stand.gradebook.post_score(graded(stand))
        await stand.gradebook.post_score(
            Score.progress(user, "InProgress", canvas=CanvasSubmission(preserve_score=True))
        )
        assert stand.platform.published(None, user) == 75
        await stand.gradebook.post_score(Score.progress(user, "InProgress"))
        assert stand.platform.published(None, user) is None


async def test_CV20_a_time_of_submission_ahead_of_canvas_is_refused_in_its_words() -> None:
    async with lms("canvas") as stand:
        ahead = datetime.fromtimestamp(stand.time.wall(), UTC) + timedelta(minutes=10)
        with pytest.raises(RefusedError, match="in the future") as caught:
            await stand.gradebook.post_score(graded(stand, canvas=CanvasSubmission(submitted_at=ahead)))
        assert caught.value.recorded is False


async def test_elsewhere_a_delivery_has_no_answer() -> None:
    async with lms("moodle") as stand:
        delivery = await stand.gradebook.post_score(graded(stand))
        assert (delivery.answer, delivery.result_url, delivery.progress_urls) == (None, None, ())


async def test_a_throttle_that_lasts_is_an_error_that_says_so() -> None:
    async with lms("canvas") as stand:
        text = b"429 Forbidden (Rate Limit Exceeded)\n"
        stand.platform.faults.add(Fault.answer(429, text, operation="token"))
        with pytest.raises(ThrottledError) as caught:
            await stand.gradebook.post_score(graded(stand))
        assert (caught.value.recorded, caught.value.transient) == (False, True)
        assert stand.platform.counts["token"] < 20
