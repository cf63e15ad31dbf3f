"""
AGS 3.2.15: in a copied course a tool looks before it creates, and never makes a duplicate.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from aioags import LineItem, MalformedError
from aioags.protocol.messages import Request, Response
from tests.fakes import CONTAINER, ITEM, PaperPlatform, answer, item_record, sent_json


async def found_or_created(platform: PaperPlatform, **fields: Any) -> LineItem:
    """
    Find or create the quiz.
    """
    return await platform.gradebook().find_or_create_line_item(label="Quiz 1", score_maximum=10, **fields)


async def test_3_2_15_an_item_that_is_there_is_not_created(platform: PaperPlatform) -> None:
    platform.script = [answer(200, [item_record(label="renamed by a teacher", scoreMaximum=100)])]
    quiz = await found_or_created(platform, resource_id="quiz-1", tag="grade")
    assert (quiz.id, quiz.label, quiz.score_maximum) == (ITEM, "renamed by a teacher", 100)
    assert [request.method for request in platform.sent] == ["GET"]
    assert platform.sent[0].url == f"{CONTAINER}&resource_id=quiz-1&tag=grade"


async def test_3_2_15_an_item_that_is_not_there_is_created(platform: PaperPlatform) -> None:
    platform.script = [
        answer(200, [item_record(resourceId="quiz-2")]),
        answer(201, item_record()),
        answer(200, [item_record()]),
    ]
    quiz = await found_or_created(platform, resource_id="quiz-1", tag="grade")
    assert quiz.id == ITEM
    assert sent_json(platform.sent[1]) == {
        "label": "Quiz 1",
        "scoreMaximum": 10,
        "resourceId": "quiz-1",
        "tag": "grade",
    }


async def test_3_2_15_every_page_is_searched(platform: PaperPlatform) -> None:
    platform.script = [
        answer(200, [], ("Link", '<?page=2>; rel="next"')),
        answer(200, [item_record(tag="other")], ("Link", '<?page=3>; rel="next"')),
        answer(200, [item_record()]),
    ]
    assert (await found_or_created(platform, resource_id="quiz-1", tag="grade")).id == ITEM


async def test_3_2_15_a_search_that_failed_creates_nothing(platform: PaperPlatform) -> None:
    platform.script = [answer(200, [], ("Link", '<?page=2>; rel="next"')), answer(200, "<html>")]
    with pytest.raises(MalformedError):
        await found_or_created(platform, resource_id="quiz-1")
    assert {request.method for request in platform.sent} == {"GET"}


@pytest.mark.parametrize(
    "fields, query",
    [
        ({"resource_id": "quiz-1"}, "resource_id=quiz-1"),
        ({"tag": "grade"}, "tag=grade"),
        ({"resource_link_id": "link-1"}, "resource_link_id=link-1"),
    ],
)
async def test_3_2_15_it_is_recognised_by_link_resource_or_tag(
    platform: PaperPlatform, fields: dict[str, str], query: str
) -> None:
    platform.script = [answer(200, [item_record(resourceLinkId="link-1")])]
    assert (await found_or_created(platform, **fields)).id == ITEM
    assert platform.sent[0].url == f"{CONTAINER}&{query}"


async def test_3_2_15_never_by_its_label(platform: PaperPlatform) -> None:
    with pytest.raises(ValueError, match="needs resource_id, tag or resource_link_id"):
        await found_or_created(platform)
    assert platform.token_requests == []


async def test_3_2_15_many_callers_at_once_create_it_once() -> None:
    items: list[dict[str, Any]] = []

    def gradebook(request: Request) -> Response:
        if request.method == "GET":
            return answer(200, list(items))
        items.append(item_record(id=f"{ITEM}&n={len(items)}"))
        return answer(201, items[-1])

    platform = PaperPlatform(script=[gradebook] * 52)
    client = platform.gradebook()
    found = await asyncio.gather(
        *(client.find_or_create_line_item(label="Quiz 1", score_maximum=10, resource_id="quiz-1") for _ in range(50))
    )
    assert len(items) == 1
    assert {quiz.id for quiz in found} == {f"{ITEM}&n=0"}


async def test_3_2_15_a_wrong_argument_is_refused_before_anything_is_sent(platform: PaperPlatform) -> None:
    gradebook = platform.gradebook()
    with pytest.raises(ValueError, match="score_maximum must be more than 0"):
        await gradebook.find_or_create_line_item(label="Quiz 1", score_maximum=0, resource_id="quiz-1")
    with pytest.raises(ValueError, match="label must not be blank"):
        await gradebook.find_or_create_line_item(label="", score_maximum=10, resource_id="quiz-1")
    assert platform.token_requests == []
