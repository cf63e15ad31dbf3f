"""
Another tool's odd column, or a date that is none, costs nobody the others.
"""

from __future__ import annotations

import json
from typing import Any

import attrs
import pytest

from aioags import AGSError, BrokenError, LineItem, LostAnswerError, MalformedError, RetryPolicy, Unreadable
from tests.fakes import CONTAINER, HOST, ITEM, PaperPlatform, answer, endpoint, registration, sent_json
from tests.ltiaas.paper import gradebook_on_paper, page

NOTES: dict[str, Any] = {"id": f"{HOST}/2/lineitems/3/lineitem?type_id=1", "label": "Frau Meier", "scoreMaximum": None}
QUIZ = {"id": ITEM, "label": "Quiz", "resourceId": "quiz", "scoreMaximum": 10}


async def test_a_column_without_a_maximum_costs_no_other_where_the_caller_says_so() -> None:
    platform, seen = PaperPlatform([answer(200, [NOTES, QUIZ])]), list[Unreadable]()
    items = [item async for item in platform.gradebook().line_items(on_unreadable=seen.append)]
    assert items == [LineItem("Quiz", 10, id=ITEM, resource_id="quiz")]
    [unreadable] = seen
    assert unreadable.raw == NOTES
    assert NOTES["id"] in str(unreadable.error)
    assert "no scoreMaximum" in str(unreadable.error)
    assert "Meier" not in repr(unreadable) + str(unreadable.error) + unreadable.error.body


async def test_else_it_is_an_error_that_names_it() -> None:
    platform = PaperPlatform([answer(200, [NOTES, QUIZ])])
    with pytest.raises(MalformedError, match=r"record 0: in the line item .*lineitems/3.* no scoreMaximum") as caught:
        _ = [item async for item in platform.gradebook().line_items()]
    assert caught.value.recorded is False
    assert "Meier" not in str(caught.value)


async def test_behind_the_gateway_it_is_the_same() -> None:
    _, gradebook = gradebook_on_paper(page("lineItems", NOTES, QUIZ, None))
    seen: list[Unreadable] = []
    assert [item.id async for item in gradebook.line_items(on_unreadable=seen.append)] == [ITEM]
    assert [unreadable.raw for unreadable in seen] == [NOTES, None]
    _, gradebook = gradebook_on_paper(page("lineItems", NOTES, QUIZ))
    with pytest.raises(MalformedError, match="record 0"):
        _ = [item async for item in gradebook.line_items()]


@pytest.mark.parametrize("listener", [5, "x", PaperPlatform.send])
async def test_who_is_told_must_be_a_plain_function(listener: Any) -> None:
    platform = PaperPlatform()
    for listing in (platform.gradebook().line_items, platform.gradebook().results):
        with pytest.raises(TypeError, match="on_unreadable must be a plain function or None"):
            _ = [record async for record in listing(on_unreadable=listener)]
    assert platform.token_requests == []


@pytest.mark.parametrize(
    "odd",
    [
        {"endDateTime": 0},
        {"endDateTime": 1700000000},
        {"startDateTime": "0000-00-00 00:00:00"},
        {"resourceId": []},
        {"tag": []},
        {"gradesReleased": "yes"},
        {"submissionReview": "none"},
        {"label": {"en": "Quiz"}},
    ],
    ids=str,
)
async def test_a_field_that_cannot_be_read_costs_nothing_and_goes_back_as_it_came(odd: dict[str, Any]) -> None:
    platform = PaperPlatform([answer(200, [QUIZ | odd]), answer(204)])
    gradebook = platform.gradebook()
    [item] = [item async for item in gradebook.line_items()]
    assert item.extensions == odd
    renamed = attrs.evolve(item, label="Retake")
    platform.script.append(answer(200, QUIZ | odd))
    await gradebook.update_line_item(renamed)
    assert sent_json(platform.sent[1]) == {
        name: value for name, value in (QUIZ | odd | {"label": "Retake"}).items() if name != "id"
    }


@pytest.mark.parametrize("maximum", [None, "ten", {}])
async def test_find_or_create_needs_only_the_id_and_what_it_is_recognised_by(maximum: Any) -> None:
    theirs = [NOTES, None, {"label": "no id"}, QUIZ | {"scoreMaximum": maximum, "endDateTime": 0}]
    platform = PaperPlatform([answer(200, theirs)])
    found = await platform.gradebook().find_or_create_line_item(label="Q", score_maximum=20, resource_id="quiz")
    assert (found.id, found.label, found.score_maximum) == (ITEM, "Quiz", 20)
    assert len(platform.sent) == 1


async def test_behind_the_gateway_it_needs_no_more_either() -> None:
    paper, gradebook = gradebook_on_paper(page("lineItems", NOTES, QUIZ | {"scoreMaximum": None}))
    found = await gradebook.find_or_create_line_item(label="Q", score_maximum=20, resource_id="quiz")
    assert (found.id, found.score_maximum) == (ITEM, 20)
    assert len(paper.sent) == 1


async def test_one_that_fits_and_cannot_be_named_is_not_made_again() -> None:
    platform = PaperPlatform([answer(200, [{"resourceId": "quiz", "label": "Quiz", "scoreMaximum": 10}])])
    with pytest.raises(MalformedError, match="record 0: the line item has no id"):
        await platform.gradebook().find_or_create_line_item(label="Q", score_maximum=20, resource_id="quiz")
    assert [request.method for request in platform.sent] == ["GET"]


async def test_among_odd_ones_the_one_that_is_missing_is_made() -> None:
    made = QUIZ | {"id": f"{HOST}/2/lineitems/9/lineitem?type_id=1"}
    platform = PaperPlatform([answer(200, [NOTES, "x"]), answer(201, made), answer(200, [NOTES, made, "x"])])
    found = await platform.gradebook().find_or_create_line_item(label="Quiz", score_maximum=10, resource_id="quiz")
    assert found.id == made["id"]


async def test_a_lost_creation_is_found_among_odd_ones_without_its_maximum() -> None:
    lost = LostAnswerError("the connection broke", recorded=None, transient=True)
    platform = PaperPlatform([lost, answer(200, [NOTES, 7, QUIZ | {"label": "Quiz", "scoreMaximum": "ten"}])])
    made = await platform.gradebook().create_line_item(LineItem("Quiz", 10, resource_id="quiz"))
    assert (made.id, made.score_maximum) == (ITEM, 10)


@pytest.mark.parametrize("fields", [{"resource_id": "quiz"}, {}])
async def test_a_lost_creation_is_not_made_again_where_one_without_an_id_may_be_it(fields: dict[str, str]) -> None:
    lost = LostAnswerError("the connection broke", recorded=None, transient=True)
    platform = PaperPlatform([lost, answer(200, [{"resourceId": "quiz", "label": "Quiz", "scoreMaximum": 10}])])
    with pytest.raises(AGSError) as caught:
        await platform.gradebook().create_line_item(LineItem("Quiz", 10, **fields))
    assert caught.value.recorded is None
    assert [request.method for request in platform.sent] == ["POST", "GET"]


async def test_but_another_tools_odd_one_does_not_keep_it_from_being_made() -> None:
    platform = PaperPlatform([answer(500), answer(200, [NOTES, {"label": "x"}]), answer(201, QUIZ)])
    client = platform.client(retry=RetryPolicy(attempts=2))
    made = await client.gradebook(registration(), endpoint()).create_line_item(LineItem("Quiz", 10, resource_id="quiz"))
    assert made.id == ITEM


async def test_dedupe_needs_no_more_either() -> None:
    other = QUIZ | {"id": f"{HOST}/2/lineitems/8/lineitem?type_id=1", "scoreMaximum": None}
    # A result that cannot be read is one.
    platform = PaperPlatform([answer(200, [NOTES, QUIZ, other]), answer(200, [{"resultScore": 1}])])
    shown = await platform.gradebook().dedupe_line_items(resource_id="quiz", delete=True)
    assert (shown.kept and shown.kept.id, [item.id for item in shown.in_use]) == (ITEM, [other["id"]])
    assert [request.method for request in platform.sent] == ["GET", "GET"]


async def test_a_change_that_was_taken_is_no_failure_for_want_of_a_maximum() -> None:
    item = LineItem("Quiz", 10, id=ITEM)
    platform = PaperPlatform([answer(200, QUIZ | {"scoreMaximum": "ten"})])
    assert (await platform.gradebook().update_line_item(item)).score_maximum == 10
    platform = PaperPlatform([answer(204), answer(200, QUIZ | {"scoreMaximum": None})])
    assert (await platform.gradebook().update_line_item(item)).score_maximum == 10


async def test_a_page_that_failed_is_still_an_error_whoever_listens() -> None:
    for broken, kind in ((answer(200, "<html>"), MalformedError), (answer(200, {}), MalformedError)):
        platform, seen = PaperPlatform([broken]), list[Unreadable]()
        with pytest.raises(kind):
            _ = [item async for item in platform.gradebook().line_items(on_unreadable=seen.append)]
        assert seen == []
    platform = PaperPlatform([answer(500)])
    client = platform.client(retry=RetryPolicy(attempts=1))
    with pytest.raises(BrokenError):
        _ = [item async for item in client.gradebook(registration(), endpoint()).line_items(on_unreadable=print)]


async def test_what_a_listener_raises_comes_out() -> None:
    def told(unreadable: Unreadable) -> None:
        raise LookupError(json.dumps(unreadable.raw["label"]))

    platform = PaperPlatform([answer(200, [NOTES, QUIZ])])
    with pytest.raises(LookupError, match="Meier"):
        _ = [item async for item in platform.gradebook().line_items(on_unreadable=told)]
    assert platform.sent[0].url == CONTAINER
