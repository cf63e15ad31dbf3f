"""
AGS 3.1: the claim names what a tool may use, and where; the rest of the launch is not needed.
"""

from __future__ import annotations

import json

import pytest

from aioags import AGS_CLAIM, Endpoint, LineItem, NotOfferedError, Scope, Score
from tests.fakes import CONTAINER, ITEM, SCORES, PaperPlatform, answer, item_record, registration

CLAIM = {"scope": [scope.value for scope in Scope], "lineitems": CONTAINER, "lineitem": ITEM}
SCORE = Score.graded("u1", 8, score_maximum=10)


async def test_3_1_the_claim_of_a_launch_is_all_that_grading_needs(platform: PaperPlatform) -> None:
    platform.script = [answer(204)]
    endpoint = Endpoint.from_launch({"sub": "u1", AGS_CLAIM: CLAIM})
    assert endpoint is not None
    await platform.client().gradebook(registration(), endpoint).post_score(SCORE)
    assert platform.sent[0].url == SCORES


async def test_3_1_a_stored_claim_grades_later(platform: PaperPlatform) -> None:
    platform.script = [answer(204)]
    stored = json.dumps(Endpoint.from_claim(CLAIM).to_claim())
    endpoint = Endpoint.from_claim(json.loads(stored))
    await platform.client().gradebook(registration(), endpoint).post_score(SCORE)
    assert platform.sent[0].url == SCORES


@pytest.mark.parametrize("nothing", [{}, {"lineitem": ""}, {"lineitem": None}, {"lineitem": " "}])
async def test_3_1_without_a_line_item_of_its_own_one_must_be_named(
    platform: PaperPlatform, nothing: dict[str, str | None]
) -> None:
    claim = {"scope": CLAIM["scope"], "lineitems": CONTAINER} | nothing
    gradebook = platform.client().gradebook(registration(), Endpoint.from_claim(claim))
    assert gradebook.coupled is None
    for call in (gradebook.post_score(SCORE), gradebook.get_line_item(), gradebook.get_result("u1")):
        with pytest.raises(NotOfferedError, match="pass line_item="):
            await call
    assert platform.sent == []
    platform.script = [answer(204), answer(204)]
    await gradebook.post_score(SCORE, line_item=ITEM)
    await gradebook.post_score(SCORE, line_item=LineItem("Quiz", 10, id=ITEM))
    assert [request.url for request in platform.sent] == [SCORES, SCORES]


async def test_3_1_without_a_container_nothing_is_listed_or_created(platform: PaperPlatform) -> None:
    gradebook = platform.gradebook(lineitems=None)
    with pytest.raises(NotOfferedError, match="no line item container"):
        await anext(gradebook.line_items())
    with pytest.raises(NotOfferedError, match="no line item container"):
        await gradebook.create_line_item(LineItem("Quiz", 10))
    assert platform.token_requests == []


async def test_3_1_urls_move_so_each_gradebook_has_its_own(platform: PaperPlatform) -> None:
    platform.script = [answer(200, item_record()), answer(200, item_record(id=f"{ITEM}&moved=1"))]
    client = platform.client()
    for url in (ITEM, f"{ITEM}&moved=1"):
        gradebook = client.gradebook(registration(), Endpoint(CONTAINER, url, frozenset(Scope)))
        assert (await gradebook.get_line_item()).id == url
    assert [request.url for request in platform.sent] == [ITEM, f"{ITEM}&moved=1"]


async def test_3_1_2_extensions_are_named_by_urls(platform: PaperPlatform) -> None:
    for make in (
        lambda: Score.cleared("u1", extensions={"note": 1}),
        lambda: LineItem("Quiz", 10, extensions={"note": 1}),
    ):
        with pytest.raises(ValueError, match=r"fully qualified URLs.*AGS 3\.1\.2"):
            make()
    platform.script = [answer(204)]
    await platform.gradebook().post_score(Score.cleared("u1", extensions={"https://tool.example/note": {"a": 1}}))
    assert json.loads(platform.sent[0].body or b"")["https://tool.example/note"] == {"a": 1}
