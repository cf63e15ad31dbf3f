"""
What the vendor's own SDKs get wrong, each as a test of this one.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from aioags import Client, Gradebook, LineItem, LostAnswerError, MalformedError, RetryPolicy, Score, Timeouts
from tests.fakes import answer, sent_json
from tests.ltiaas.paper import API_KEY, BASE, ENCODED, ITEM, LTIK, gradebook_on_paper, item_record, page
from tests.rigs.raw_server import raw_server

GRADED = Score.graded("7", 5, score_maximum=10)


async def test_ids_with_slashes_are_not_left_raw() -> None:
    paper, gradebook = gradebook_on_paper(answer(200, item_record()), answer(204))
    await gradebook.get_line_item()
    await gradebook.post_score(GRADED)
    assert [request.url for request in paper.sent] == [
        f"{BASE}/api/lineitems/{ENCODED}",
        f"{BASE}/api/lineitems/{ENCODED}/scores",
    ]


async def test_url_is_not_encoded_twice() -> None:
    paper, gradebook = gradebook_on_paper(page("lineItems", next="https://lms.example/p?a=b%20c"), page("lineItems"))
    assert [item async for item in gradebook.line_items()] == []
    assert paper.sent[1].url == f"{BASE}/api/lineitems?url=https%3A%2F%2Flms.example%2Fp%3Fa%3Db%2520c"


async def test_a_filter_by_user_is_not_dropped() -> None:
    """
    The Node SDK checks the filters of results, and does not send them.
    """
    paper, gradebook = gradebook_on_paper(page("scores"))
    assert await gradebook.get_result("7") is None
    assert paper.sent[0].url.endswith("/scores?userId=7")


async def test_user_id_goes_out_as_userid() -> None:
    paper, gradebook = gradebook_on_paper(answer(204))
    await gradebook.post_score(GRADED)
    sent = sent_json(paper.sent[0])
    assert sent["userId"] == "7"
    assert "user_id" not in sent


async def test_a_zero_score_is_sent() -> None:
    paper, gradebook = gradebook_on_paper(answer(204))
    await gradebook.post_score(Score.graded("7", 0, score_maximum=10))
    assert sent_json(paper.sent[0])["scoreGiven"] == 0


@pytest.mark.parametrize("blank", [None, "", " "])
async def test_a_blank_or_null_tag_is_read(blank: str | None) -> None:
    record = item_record(tag=blank, resourceId=blank, resourceLinkId=blank)
    _, gradebook = gradebook_on_paper(page("lineItems", record))
    (item,) = [item async for item in gradebook.line_items()]
    assert (item.tag, item.resource_id, item.resource_link_id) == (None, None, None)


async def test_a_null_result_score_is_read() -> None:
    record = {"id": "https://lms.example/r", "userId": "7", "scoreOf": ITEM, "resultScore": None, "comment": None}
    _, gradebook = gradebook_on_paper(page("scores", record))
    result = await gradebook.get_result("7")
    assert result is not None
    assert (result.result_score, result.result_maximum, result.comment) == (None, 1, None)


async def test_no_null_is_ever_sent_so_a_comment_is_not_cleared_by_accident() -> None:
    paper, gradebook = gradebook_on_paper(answer(204), answer(201, item_record()), answer(201, item_record()))
    await gradebook.post_score(GRADED)
    await gradebook.create_line_item(LineItem("Quiz", 10))
    await gradebook.update_line_item(LineItem("Quiz", 10, id=ITEM))
    assert all(None not in sent_json(request).values() for request in paper.sent)
    assert "comment" not in sent_json(paper.sent[0])


async def test_initialized_is_spelled_as_everywhere_but_in_their_reference() -> None:
    paper, gradebook = gradebook_on_paper(answer(204))
    await gradebook.post_score(Score.cleared("7"))
    assert sent_json(paper.sent[0])["activityProgress"] == "Initialized"


@pytest.mark.usefixtures("both_transports")
async def test_a_request_does_not_wait_for_ever() -> None:
    async def silence(*_: Any) -> None:
        await asyncio.Event().wait()

    settings: dict[str, Any] = {"timeouts": Timeouts(total=0.05), "retry": RetryPolicy(attempts=1)}
    async with raw_server(silence) as server, Client(**settings) as ags:
        gradebook = ags.ltiaas(server.origin, API_KEY).gradebook(ltik=LTIK, line_item=ITEM)
        with pytest.raises(LostAnswerError, match="in time"):
            await gradebook.post_score(GRADED)


async def test_what_may_be_tried_again_is() -> None:
    paper, gradebook = gradebook_on_paper(
        answer(502), LostAnswerError("reset", recorded=None, transient=True), answer(204)
    )
    delivery = await gradebook.post_score(GRADED)
    assert (delivery.recorded, delivery.attempts) == (True, 3)
    bodies = {json.dumps(sent_json(request)) for request in paper.sent}
    assert len(bodies) == 1


async def test_pages_follow_each_other_by_themselves() -> None:
    pages = [page("lineItems", item_record(id=f"{ITEM}{n}"), next=f"https://lms.example/p?n={n}") for n in range(3)]
    _, gradebook = gradebook_on_paper(*pages, page("lineItems"))
    assert [item.id async for item in gradebook.line_items()] == [f"{ITEM}{n}" for n in range(3)]


async def test_extension_keys_of_line_items_and_scores_pass_through() -> None:
    canvas = "https://canvas.instructure.com/lti/submission_type"
    record = item_record(**{canvas: {"type": "external_tool"}})
    paper, gradebook = gradebook_on_paper(answer(200, record), answer(201, record))
    await gradebook.update_line_item(await gradebook.get_line_item())
    assert sent_json(paper.sent[1])[canvas] == {"type": "external_tool"}
    assert "id" not in sent_json(paper.sent[1])


@pytest.mark.parametrize("status, body", [(200, item_record()), (201, item_record()), (204, b""), (202, b"")])
async def test_any_2xx_of_an_update_will_do(status: int, body: object) -> None:
    again = [] if body else [answer(200, item_record())]
    _, gradebook = gradebook_on_paper(answer(status, body), *again)
    applied = await gradebook.update_line_item(LineItem("Quiz 1", 10, id=ITEM))
    assert applied.id == ITEM


def test_a_page_url_cannot_be_given_by_a_caller() -> None:
    """
    Only a URL that LTIAAS gave goes back to it: nothing public takes one.
    """
    names = [name for name in dir(Gradebook) if not name.startswith("_")]
    assert all("page" not in name and "url" not in name for name in names)


@pytest.mark.parametrize("following", [5, ["https://lms.example/p"], {"url": "x"}])
async def test_a_next_that_is_no_url_is_an_error_and_no_end(following: object) -> None:
    _, gradebook = gradebook_on_paper(page("lineItems", item_record(), next=following))
    with pytest.raises(MalformedError, match="next is not a string"):
        assert [item async for item in gradebook.line_items()] == []


@pytest.mark.parametrize("following", [None, ""])
async def test_a_blank_next_is_the_end(following: str | None) -> None:
    _, gradebook = gradebook_on_paper(page("lineItems", item_record(), next=following))
    assert len([item async for item in gradebook.line_items()]) == 1


async def test_an_empty_page_with_a_next_is_no_end() -> None:
    more = page("lineItems", item_record())
    _, gradebook = gradebook_on_paper(page("lineItems", next="https://lms.example/p"), more)
    assert len([item async for item in gradebook.line_items()]) == 1
