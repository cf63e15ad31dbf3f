"""
AGS 3.2.5, 3.2.9: creating a line item.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import attrs
import pytest

from aioags import ForbiddenError, LineItem, LostAnswerError, MalformedError, NotFoundError, RefusedError
from aioags.protocol.messages import Response
from tests.fakes import CONTAINER, ITEM, PaperPlatform, answer, header, item_record, sent_json

NEW = LineItem("Quiz 1", 10, resource_id="quiz-1", tag="grade")


async def test_3_2_5_post_to_the_container_with_the_items_media_type(platform: PaperPlatform) -> None:
    platform.script = [answer(201, item_record())]
    created = await platform.gradebook().create_line_item(NEW)
    (request,) = platform.sent
    assert (request.method, request.url) == ("POST", CONTAINER)
    assert header(request, "Content-Type") == ["application/vnd.ims.lis.v2.lineitem+json"]
    assert header(request, "Accept") == ["application/vnd.ims.lis.v2.lineitem+json"]
    assert created == attrs.evolve(NEW, id=ITEM)


async def test_3_2_5_no_id_is_sent_and_no_link_is_invented(platform: PaperPlatform) -> None:
    platform.script = [answer(201, item_record())]
    await platform.gradebook().create_line_item(LineItem("Quiz 1", 10))
    assert sent_json(platform.sent[0]) == {"label": "Quiz 1", "scoreMaximum": 10}


async def test_3_2_5_an_item_that_exists_is_not_created_again(platform: PaperPlatform) -> None:
    with pytest.raises(ValueError, match="update it instead"):
        await platform.gradebook().create_line_item(LineItem("Quiz 1", 10, id=ITEM))
    with pytest.raises(TypeError, match="must be a LineItem"):
        await platform.gradebook().create_line_item({"label": "Quiz 1"})  # type: ignore[arg-type]
    assert platform.token_requests == []


async def test_3_2_5_the_platform_may_alter_what_was_sent(platform: PaperPlatform) -> None:
    platform.script = [answer(201, item_record(label="Quiz 1 (group A)", scoreMaximum=100.0, gradesReleased=False))]
    created = await platform.gradebook().create_line_item(NEW)
    assert (created.label, created.score_maximum, created.grades_released) == ("Quiz 1 (group A)", 100.0, False)


async def test_a6_everything_a_tool_may_say(platform: PaperPlatform) -> None:
    platform.script = [answer(201, item_record())]
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    await platform.gradebook().create_line_item(
        attrs.evolve(
            NEW,
            resource_link_id="link-1",
            start_date_time=noon,
            end_date_time=noon,
            grades_released=True,
            submission_review={"url": "https://tool.example/review"},
            extensions={"https://tool.example/x": 1},
        )
    )
    assert sent_json(platform.sent[0]) == {
        "label": "Quiz 1",
        "scoreMaximum": 10,
        "resourceLinkId": "link-1",
        "resourceId": "quiz-1",
        "tag": "grade",
        "startDateTime": "2026-01-01T12:00:00.000Z",
        "endDateTime": "2026-01-01T12:00:00.000Z",
        "gradesReleased": True,
        "submissionReview": {"url": "https://tool.example/review"},
        "https://tool.example/x": 1,
    }


@pytest.mark.parametrize(
    "response, kind",
    [
        (answer(404), NotFoundError),
        (answer(403), ForbiddenError),
        (answer(412), RefusedError),
        (answer(400, {"error": "unknown link"}), RefusedError),
        (answer(422, {"errors": {"message": "Tool not associated with this Context"}}), RefusedError),
    ],
)
async def test_3_2_9_a_link_of_another_context_is_refused_for_good(
    platform: PaperPlatform, response: Response, kind: type[RefusedError]
) -> None:
    platform.script = [response]
    with pytest.raises(kind) as caught:
        await platform.gradebook().create_line_item(attrs.evolve(NEW, resource_link_id="elsewhere"))
    assert (caught.value.recorded, caught.value.transient) == (False, False)


async def test_3_2_15_after_a_lost_answer_a_tool_looks_before_it_creates_again(platform: PaperPlatform) -> None:
    gone = LostAnswerError("gone", recorded=None, transient=True)
    platform.script = [gone, answer(200, [item_record()])]
    assert await platform.gradebook().create_line_item(NEW) == attrs.evolve(NEW, id=ITEM)
    assert [request.method for request in platform.sent] == ["POST", "GET"]
    assert platform.sent[1].url == f"{CONTAINER}&resource_id=quiz-1"


async def test_3_2_15_an_item_that_is_not_there_after_a_lost_answer_is_created(platform: PaperPlatform) -> None:
    platform.script = [answer(502), answer(200, [item_record(tag="other")]), answer(201, item_record())]
    assert (await platform.gradebook().create_line_item(NEW)).id == ITEM
    assert [request.method for request in platform.sent] == ["POST", "GET", "POST"]


@pytest.mark.parametrize("body", [b"", "<html>", {"label": "Quiz 1", "scoreMaximum": 10}])
async def test_3_2_5_a_success_without_an_id_is_settled_by_looking(platform: PaperPlatform, body: Any) -> None:
    platform.script = [answer(201, body), answer(200, [item_record()])]
    assert (await platform.gradebook().create_line_item(NEW)).id == ITEM


@pytest.mark.parametrize("status, recorded", [(200, None), (201, True)])
async def test_3_2_5_what_cannot_be_settled_is_unknown_unless_it_was_201(
    platform: PaperPlatform, status: int, recorded: bool | None
) -> None:
    # The second time with another token: the first may have been to blame.
    platform.script = [answer(status, "<html>"), answer(403), answer(403)]
    with pytest.raises(MalformedError) as caught:
        await platform.gradebook().create_line_item(NEW)
    assert caught.value.recorded is recorded
    assert [request.method for request in platform.sent] == ["POST", "GET", "GET"]
