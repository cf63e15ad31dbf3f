"""
What `Gradebook` promises about line items, with either back end in front of every platform (AGS 3.2).
"""

from __future__ import annotations

import asyncio

import attrs
import pytest

from aioags import (
    AGSError,
    CoupledLineItemError,
    Gradebook,
    LineItem,
    MalformedError,
    NotFoundError,
    NotOfferedError,
    Score,
)
from tests.contract.bench import BACK_ENDS, Bench, answered, applied_and_lost, is_creation, is_deletion, lost, new_bench


async def quiz(gradebook: Gradebook, number: int = 1, **more: object) -> LineItem:
    """
    Create a line item as a tool does.
    """
    return await gradebook.create_line_item(
        LineItem(f"Quiz {number}", 20, resource_id=f"quiz-{number}", tag="grade", **more)  # type: ignore[arg-type]
    )


async def labels(gradebook: Gradebook, **filters: object) -> list[str]:
    """
    List the labels.
    """
    return [item.label async for item in gradebook.line_items(**filters)]  # type: ignore[arg-type]


async def test_the_launchs_own_line_item_is_the_coupled_one(bench: Bench) -> None:
    assert bench.gradebook.coupled == bench.item
    assert (await bench.gradebook.get_line_item()).id == bench.item


async def test_one_that_was_created_can_be_read(bench: Bench) -> None:
    made = await quiz(bench.gradebook)
    assert made.id is not None
    read = await bench.gradebook.get_line_item(made)
    assert (read.id, read.label, read.resource_id, read.tag) == (made.id, "Quiz 1", "quiz-1", "grade")
    assert read.score_maximum == 20


async def test_one_that_was_created_takes_scores(bench: Bench) -> None:
    made = await quiz(bench.gradebook)
    await bench.gradebook.post_score(Score.graded(bench.users[0], 5, score_maximum=20), line_item=made)
    result = await bench.gradebook.get_result(bench.users[0], line_item=made)
    assert result is not None
    assert result.fraction == 0.25


async def test_a_changed_definition_comes_back(bench: Bench) -> None:
    made = await bench.gradebook.get_line_item(await quiz(bench.gradebook))
    await bench.gradebook.update_line_item(attrs.evolve(made, label="Quiz 1 (retake)"))
    read = await bench.gradebook.get_line_item(made)
    assert (read.id, read.label, read.resource_id, read.tag) == (made.id, "Quiz 1 (retake)", "quiz-1", "grade")


async def test_one_that_was_deleted_is_gone(bench: Bench) -> None:
    made = await quiz(bench.gradebook)
    if not bench.expected.deletes:
        with pytest.raises(AGSError) as refused:
            await bench.gradebook.delete_line_item(made)
        assert refused.value.recorded is False
        return
    await bench.gradebook.delete_line_item(made)
    with pytest.raises(NotFoundError):
        await bench.gradebook.get_line_item(made)
    assert "Quiz 1" not in await labels(bench.gradebook)


async def test_a_deletion_whose_answer_was_lost_is_tried_again(bench: Bench) -> None:
    made = await quiz(bench.gradebook)
    bench.befall(is_deletion, applied_and_lost)
    if bench.expected.deletes:
        await bench.gradebook.delete_line_item(made)
    else:
        with pytest.raises(AGSError):
            await bench.gradebook.delete_line_item(made)
    assert ("Quiz 1" in await labels(bench.gradebook)) is not bench.expected.deletes
    assert sum(map(is_deletion, bench.wire.sent)) >= 2


async def test_the_coupled_one_is_not_deleted_by_accident(bench: Bench) -> None:
    if bench.gradebook.coupled is None:
        with pytest.raises(NotOfferedError):
            await bench.gradebook.delete_line_item(None)
        return
    for line_item in (None, bench.item, await bench.gradebook.get_line_item()):
        with pytest.raises(CoupledLineItemError):
            await bench.gradebook.delete_line_item(line_item)
    assert not any(map(is_deletion, bench.wire.sent))


async def test_the_coupled_one_is_deleted_when_one_insists(bench: Bench) -> None:
    if bench.expected.deletes_coupled:
        await bench.gradebook.delete_line_item(bench.item, force=True)
    else:
        with pytest.raises(AGSError) as refused:
            await bench.gradebook.delete_line_item(bench.item, force=True)
        assert refused.value.recorded is False
    there = [item.id async for item in bench.gradebook.line_items()]
    assert (bench.item in there) is not bench.expected.deletes_coupled


async def test_all_are_listed(bench: Bench) -> None:
    before = await labels(bench.gradebook)
    for number in range(5):
        await quiz(bench.gradebook, number)
    after = await labels(bench.gradebook)
    assert sorted(after) == sorted([*before, *(f"Quiz {number}" for number in range(5))])


async def test_every_page_is_read(bench: Bench) -> None:
    for number in range(5):
        await quiz(bench.gradebook, number)
    paged, whole = await labels(bench.gradebook, limit=2), await labels(bench.gradebook)
    assert sorted(paged) == sorted(whole)


async def test_filters_hold_on_every_page(bench: Bench) -> None:
    for number in range(5):
        await quiz(bench.gradebook, number)
    await bench.gradebook.create_line_item(LineItem("Other", 20, resource_id="other", tag="effort"))
    paged = await labels(bench.gradebook, tag="grade", limit=2)
    assert sorted(paged) == [f"Quiz {number}" for number in range(5)]
    assert await labels(bench.gradebook, resource_id="quiz-3") == ["Quiz 3"]
    assert await labels(bench.gradebook, resource_id="quiz-3", tag="effort") == []


async def test_pages_are_fetched_as_the_loop_gets_there(bench: Bench) -> None:
    for number in range(5):
        await quiz(bench.gradebook, number)
    sent = len(bench.wire.sent)
    items = bench.gradebook.line_items(limit=2)
    await anext(items)
    await items.aclose()
    assert len(bench.wire.sent) == sent + 1


async def test_it_is_found_instead_of_made_twice(bench: Bench) -> None:
    wanted = {"label": "Quiz 1", "score_maximum": 20, "resource_id": "quiz-1", "tag": "grade"}
    made = await bench.gradebook.find_or_create_line_item(**wanted)  # type: ignore[arg-type]
    found = await bench.gradebook.find_or_create_line_item(**(wanted | {"label": "Renamed"}))  # type: ignore[arg-type]
    assert found.id == made.id
    assert (await labels(bench.gradebook)).count("Quiz 1") == 1


async def test_it_is_made_once_however_many_ask_at_once(bench: Bench) -> None:
    wanted = {"label": "Quiz 1", "score_maximum": 20, "resource_id": "quiz-1"}
    made = await asyncio.gather(
        *(bench.gradebook.find_or_create_line_item(**wanted) for _ in range(8))  # type: ignore[arg-type]
    )
    assert len({item.id for item in made}) == 1
    assert (await labels(bench.gradebook)).count("Quiz 1") == 1


async def test_after_a_lost_answer_what_was_created_is_adopted(bench: Bench) -> None:
    bench.befall(is_creation, applied_and_lost)
    made = await quiz(bench.gradebook)
    assert made.id is not None
    assert (await labels(bench.gradebook)).count("Quiz 1") == 1
    assert sum(map(is_creation, bench.wire.sent)) == 1


async def test_what_was_lost_on_its_way_is_created(bench: Bench) -> None:
    bench.befall(is_creation, lost)
    made = await quiz(bench.gradebook)
    assert made.id is not None
    assert (await labels(bench.gradebook)).count("Quiz 1") == 1


@pytest.mark.parametrize("back_end", BACK_ENDS)
async def test_a_page_that_cannot_be_read_is_an_error_and_no_end(back_end: str) -> None:
    bench = new_bench(back_end)
    async with bench.client:
        bench.befall(lambda request: request.method == "GET", answered(200, body=b"<html>Sign in</html>"), always=True)
        with pytest.raises(MalformedError):
            await labels(bench.gradebook)
