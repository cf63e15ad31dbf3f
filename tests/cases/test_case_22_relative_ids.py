"""
A relative URL in an answer is the platform's, as in ``Location``.
"""

from __future__ import annotations

from typing import Any

import pytest

from aioags import Gradebook, LineItem, Score
from tests.fakes import HOST, PaperPlatform, answer, item_record
from tests.ltiaas import paper

NINE = f"{HOST}/items/9"
NEW = LineItem("Quiz 1", 10, resource_id="quiz-1", tag="grade")
RELATIVE = item_record(id="/items/9")


async def use(gradebook: Gradebook, item: LineItem) -> None:
    """
    Use an item by its id.
    """
    await gradebook.post_score(Score.graded("ada", 1, score_maximum=1), line_item=item)


@pytest.mark.parametrize("record", [RELATIVE, {"id": "/items/9"}, RELATIVE | {"scoreMaximum": "ten"}])
async def test_in_the_answer_to_a_creation(record: dict[str, Any]) -> None:
    platform = PaperPlatform([answer(201, record), answer(200)])
    gradebook = platform.gradebook()
    made = await gradebook.create_line_item(NEW)
    assert made.id == NINE
    await use(gradebook, made)
    assert platform.sent[-1].url == f"{NINE}/scores"


async def test_in_a_listing_and_in_one_item() -> None:
    platform = PaperPlatform([answer(200, [RELATIVE]), answer(200, RELATIVE), answer(200, RELATIVE)])
    gradebook = platform.gradebook()
    assert [item.id async for item in gradebook.line_items()] == [NINE]
    assert (await gradebook.get_line_item(NINE)).id == NINE
    assert (await gradebook.update_line_item(LineItem("Quiz 1", 10, id=NINE))).id == NINE


async def test_in_results() -> None:
    record = {"userId": "ada", "scoreOf": "/items/9", "id": "9/results/ada"}
    platform = PaperPlatform([answer(200, [record])])
    [result] = [result async for result in platform.gradebook().results(line_item=NINE)]
    assert (result.score_of, result.id) == (NINE, f"{HOST}/items/9/9/results/ada")


async def test_behind_the_gateway_it_is_the_lmss_and_not_the_gateways() -> None:
    lms = "https://lms.example"
    record = paper.item_record(id="/items/9")
    script = (
        paper.page("lineItems", record, next=f"{lms}/lineitems?page=2"),
        paper.page("lineItems", record | {"id": "/items/10"}),
        answer(201, record),
        answer(200, record),
        answer(200, record),
        paper.page("scores", {"userId": "ada", "scoreOf": "/items/9"}),
    )
    _, gradebook = paper.gradebook_on_paper(*script)
    assert [item.id async for item in gradebook.line_items()] == [f"{lms}/items/9", f"{lms}/items/10"]
    assert (await gradebook.create_line_item(NEW)).id == NINE
    assert (await gradebook.get_line_item(NINE)).id == NINE
    assert (await gradebook.update_line_item(LineItem("Quiz 1", 10, id=NINE))).id == NINE
    assert [result.score_of async for result in gradebook.results(line_item=NINE)] == [NINE]
    # Where no URL of the LMS is known nothing is made up.
    _, gradebook = paper.gradebook_on_paper(paper.page("lineItems", record), ltik=paper.LTIK)
    assert [item.id async for item in gradebook.line_items()] == ["/items/9"]
