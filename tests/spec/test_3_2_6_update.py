"""
AGS 3.2.6: a PUT replaces the whole definition, and is answered with the item as applied.
"""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from aioags import LineItem, NotFoundError, UntrustedURLError
from tests.fakes import ITEM, PaperPlatform, answer, header, item_record, sent_json

FULL = item_record(
    resourceLinkId="link-1",
    startDateTime="2026-01-01T12:00:00Z",
    gradesReleased=False,
    submissionReview={"url": "https://tool.example", "custom": {"a": "1"}},
    ltiLinkId="link-1",
    **{"https://lms.example/x": {"deep": [1, None]}, "plain": ""},
)


async def test_3_2_6_put_to_the_items_own_url(platform: PaperPlatform) -> None:
    platform.script = [answer(200, item_record(label="Quiz 2"))]
    applied = await platform.gradebook().update_line_item(LineItem("Quiz 2", 10, id=ITEM))
    (request,) = platform.sent
    assert (request.method, request.url) == ("PUT", ITEM)
    assert header(request, "Content-Type") == ["application/vnd.ims.lis.v2.lineitem+json"]
    assert header(request, "Accept") == ["application/vnd.ims.lis.v2.lineitem+json"]
    assert applied.label == "Quiz 2"


async def test_3_2_6_the_complete_definition_goes_back_but_for_the_id(platform: PaperPlatform) -> None:
    platform.script = [answer(200, FULL), answer(200, FULL)]
    gradebook = platform.gradebook()
    read = await gradebook.get_line_item()
    await gradebook.update_line_item(attrs.evolve(read, label="Quiz 1 (retake)"))
    assert [request.method for request in platform.sent] == ["GET", "PUT"]
    # The id stands in the URL; Moodle's ltiLinkId repeats resourceLinkId.
    expected = {name: value for name, value in FULL.items() if name not in ("id", "ltiLinkId")}
    assert sent_json(platform.sent[1]) == expected | {
        "label": "Quiz 1 (retake)",
        "startDateTime": "2026-01-01T12:00:00.000Z",
    }


async def test_3_2_6_what_is_none_is_left_out_and_so_unset(platform: PaperPlatform) -> None:
    platform.script = [answer(200, FULL), answer(200, item_record())]
    gradebook = platform.gradebook()
    read = await gradebook.get_line_item()
    await gradebook.update_line_item(attrs.evolve(read, tag=None, start_date_time=None))
    body = sent_json(platform.sent[1])
    assert "tag" not in body
    assert "startDateTime" not in body
    assert b"null" not in (platform.sent[1].body or b"").replace(b"[1,null]", b"")


async def test_3_2_6_the_item_as_applied_may_differ(platform: PaperPlatform) -> None:
    platform.script = [answer(200, item_record(label="kept by the platform"))]
    applied = await platform.gradebook().update_line_item(LineItem("Quiz 2", 10, id=ITEM))
    assert applied.label == "kept by the platform"


@pytest.mark.parametrize("status, body", [(204, b""), (200, b"")])
async def test_3_2_6_an_answer_without_the_item_is_read_after(platform: PaperPlatform, status: int, body: Any) -> None:
    platform.script = [answer(status, body), answer(200, item_record(label="Quiz 2"))]
    applied = await platform.gradebook().update_line_item(LineItem("Quiz 2", 10, id=ITEM))
    assert applied.label == "Quiz 2"
    assert [request.method for request in platform.sent] == ["PUT", "GET"]


@pytest.mark.parametrize(
    "item, error, why",
    [
        (LineItem("Quiz", 10), ValueError, "has no id: create it"),
        (LineItem("", 10, id=ITEM), ValueError, "label must not be blank"),
        (LineItem("Quiz", 0, id=ITEM), ValueError, "score_maximum must be more than 0"),
        (LineItem("Quiz", True, id=ITEM), TypeError, "score_maximum must be"),
        ({"label": "Quiz"}, TypeError, "must be a LineItem"),
        (LineItem("Quiz", 10, id="https://evil.example/7"), UntrustedURLError, "the line item must be of an origin"),
    ],
)
async def test_3_2_7_3_2_8_what_breaks_a_rule_is_not_sent(
    platform: PaperPlatform, item: Any, error: type[Exception], why: str
) -> None:
    with pytest.raises(error, match=why):
        await platform.gradebook().update_line_item(item)
    assert platform.token_requests == []


async def test_4_4_an_item_that_is_gone_says_so(platform: PaperPlatform) -> None:
    platform.script = [answer(404)]
    with pytest.raises(NotFoundError):
        await platform.gradebook().update_line_item(LineItem("Quiz", 10, id=ITEM))
