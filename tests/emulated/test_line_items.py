"""
Line items, from the tool's call to the platform's gradebook and back (AGS 3.2).
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from decimal import Decimal

import attrs
import pytest

from aioags import (
    CoupledLineItemError,
    LineItem,
    LostAnswerError,
    NotFoundError,
    NotOfferedError,
    RefusedError,
    RequestEvent,
    Scope,
)
from aioags.emulator import PROFILES, Item
from aioags.protocol.messages import Request
from tests.rigs.listening import keeping
from tests.rigs.memory import Stand, memory_stand, runtime_for
from tests.rigs.virtual_time import VirtualTime

OPENS = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
CLOSES = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)


def add_items(stand: Stand) -> None:
    """
    Put six more items into the gradebook: three quizzes and three exams, one of each for a resource.
    """
    for number in (1, 2, 3):
        for tag in ("quiz", "exam"):
            stand.platform.add_line_item(f"{tag} {number}", 10, resource_id=f"r{number}", tag=tag)


# -- Listing -----------------------------------------------------------------------------------------------------------


async def test_3_2_4_every_page_is_listed_in_the_platforms_order(stand: Stand) -> None:
    add_items(stand)
    items = [item async for item in stand.gradebook.line_items()]
    assert [item.id for item in items] == [item["id"] for item in stand.platform.line_items()]
    assert stand.platform.counts["list_line_items"] == 4


@pytest.mark.parametrize(
    "filters, labels",
    [
        ({"tag": "quiz"}, ["quiz 1", "quiz 2", "quiz 3"]),
        ({"resource_id": "r2"}, ["quiz 2", "exam 2"]),
        ({"resource_id": "r2", "tag": "exam"}, ["exam 2"]),
        ({"tag": "none such"}, []),
        ({"tag": "quiz", "limit": 1}, ["quiz 1", "quiz 2", "quiz 3"]),
    ],
)
async def test_3_2_4_filters(stand: Stand, filters: dict[str, str | int], labels: list[str]) -> None:
    add_items(stand)
    assert [item.label async for item in stand.gradebook.line_items(**filters)] == labels  # type: ignore[arg-type]


async def test_3_2_4_the_links_own_items(stand: Stand) -> None:
    add_items(stand)
    coupled = await stand.gradebook.get_line_item()
    link = coupled.resource_link_id
    assert link is not None
    assert [item.id async for item in stand.gradebook.line_items(resource_link_id=link)] == [stand.gradebook.coupled]


async def test_pages_are_fetched_when_they_are_needed(stand: Stand) -> None:
    add_items(stand)
    async for _ in stand.gradebook.line_items():
        break
    assert stand.platform.counts["list_line_items"] == 1


@pytest.mark.parametrize("limit", [0, -1, True, 1.5, "2"])
async def test_a_limit_is_a_count(stand: Stand, limit: object) -> None:
    with pytest.raises((ValueError, TypeError), match="limit"):
        [item async for item in stand.gradebook.line_items(limit=limit)]  # type: ignore[arg-type]
    assert stand.platform.counts.total() == 0


async def test_a_platform_that_ignores_the_filters_is_filtered_here() -> None:
    deaf = attrs.evolve(PROFILES["spec"], link_filters=(), item_filters=())
    stand = memory_stand(deaf)
    add_items(stand)
    assert [item.label async for item in stand.gradebook.line_items(tag="exam")] == ["exam 1", "exam 2", "exam 3"]
    assert (await stand.gradebook.find_or_create_line_item(label="x", score_maximum=1, tag="quiz")).label == "quiz 1"
    assert stand.platform.counts["create_line_item"] == 0


# -- Creating ----------------------------------------------------------------------------------------------------------


async def test_3_2_5_what_is_created_is_what_was_meant(stand: Stand) -> None:
    wanted = LineItem(
        "Prüfung «漢» 😀",
        Decimal("12.50"),
        resource_id="a/b,c",
        tag="t&t",
        start_date_time=OPENS,
        end_date_time=CLOSES,
        grades_released=False,
        submission_review={"reviewableStatus": ["Submitted"]},
        extensions={"https://tool.example/color": {"deep": [1, None, "ü"]}},
    )
    made = await stand.gradebook.create_line_item(wanted)
    assert made.id is not None
    read = await stand.gradebook.get_line_item(made)
    assert attrs.evolve(read, id=None, score_maximum=wanted.score_maximum) == wanted
    assert read.score_maximum == 12.5
    assert len(stand.platform.line_items()) == 2


async def test_an_item_that_exists_is_not_created_again(stand: Stand) -> None:
    item = await stand.gradebook.get_line_item()
    with pytest.raises(ValueError, match="update"):
        await stand.gradebook.create_line_item(item)
    assert len(stand.platform.line_items()) == 1


async def test_find_or_create_finds_what_it_made(stand: Stand) -> None:
    first = await stand.gradebook.find_or_create_line_item(label="Quiz", score_maximum=10, resource_id="r", tag="t")
    again = await stand.gradebook.find_or_create_line_item(label="Renamed", score_maximum=5, resource_id="r", tag="t")
    assert first.id == again.id
    assert again.label == "Quiz"
    assert stand.platform.counts["create_line_item"] == 1


async def test_find_or_create_looks_on_every_page(stand: Stand) -> None:
    add_items(stand)
    stand.platform.add_line_item("last", 10, resource_id="r9")
    found = await stand.gradebook.find_or_create_line_item(label="x", score_maximum=1, resource_id="r9")
    assert found.label == "last"
    assert stand.platform.counts["create_line_item"] == 0


async def test_50_callers_at_once_make_one_item(stand: Stand) -> None:
    """
    peers.md 9: check-then-create without a lock makes a column for each caller.
    """
    books = [stand.second_gradebook() for _ in range(5)]
    calls = [
        books[number % 5].find_or_create_line_item(label="Quiz", score_maximum=10, resource_id="r", tag="t")
        for number in range(50)
    ]
    found = await asyncio.gather(*calls)
    assert len({item.id for item in found}) == 1
    assert stand.platform.counts["create_line_item"] == 1
    assert [item["label"] for item in stand.platform.line_items()] == ["Quiz one", "Quiz"]


async def test_callers_of_different_items_do_not_wait_for_each_other() -> None:
    """
    The lock is of one item: another item is found while the first one's request is held back.
    """
    released = asyncio.Event()

    async def hold_first(request: object) -> None:
        if "resource_id=slow" in str(request):
            await released.wait()

    stand = memory_stand(before=hold_first)
    slow = asyncio.create_task(stand.gradebook.find_or_create_line_item(label="S", score_maximum=1, resource_id="slow"))
    fast = await stand.gradebook.find_or_create_line_item(label="F", score_maximum=1, resource_id="fast")
    assert fast.label == "F"
    assert not slow.done()
    released.set()
    assert (await slow).label == "S"


async def test_a_cancelled_caller_lets_the_next_one_make_the_item() -> None:
    stand = memory_stand()
    wanted = {"label": "Quiz", "score_maximum": 10, "resource_id": "r"}
    calls = [asyncio.create_task(stand.gradebook.find_or_create_line_item(**wanted)) for _ in range(3)]  # type: ignore[arg-type]
    await asyncio.sleep(0)
    calls[0].cancel()
    done = await asyncio.gather(*calls, return_exceptions=True)
    assert isinstance(done[0], asyncio.CancelledError)
    assert len({item.id for item in done[1:]}) == 1  # type: ignore[union-attr]
    assert stand.platform.counts["create_line_item"] == 1


async def test_find_or_create_needs_something_to_recognise_the_item_by(stand: Stand) -> None:
    with pytest.raises(ValueError, match="resource_id"):
        await stand.gradebook.find_or_create_line_item(label="Quiz", score_maximum=10)
    assert stand.platform.counts.total() == 0


def losing(stand: Stand, *, applied: bool) -> None:
    """
    Let the answer of the first creation get lost, after it took effect or before.
    """
    lost = False

    async def lose(request: Request) -> None:
        nonlocal lost
        if request.method == "POST" and request.url == stand.endpoint.lineitems and not lost:
            lost = True
            raise LostAnswerError("lost", recorded=None, transient=True)

    assert stand.transport is not None
    if applied:
        stand.transport.after = lose
    else:
        stand.transport.before = lose


@pytest.mark.parametrize("applied", [True, False])
async def test_a_lost_answer_makes_no_second_item(applied: bool) -> None:
    time = VirtualTime()
    stand = memory_stand(clock=time.wall, client={"runtime": runtime_for(time)})
    losing(stand, applied=applied)
    item = await stand.gradebook.create_line_item(LineItem("Quiz", 10, resource_id="r", tag="t"))
    assert [one["label"] for one in stand.platform.line_items()] == ["Quiz one", "Quiz"]
    assert item.id == stand.platform.line_items()[1]["id"]


async def test_the_event_of_a_lost_answer_names_the_error_though_the_call_goes_on() -> None:
    time = VirtualTime()
    events: list[RequestEvent] = []
    stand = memory_stand(clock=time.wall, client={"runtime": runtime_for(time), "on_event": keeping(events)})
    losing(stand, applied=True)
    await stand.gradebook.create_line_item(LineItem("Quiz", 10, resource_id="r"))
    told = [(event.operation, event.error) for event in events if event.operation != "token"]
    assert told == [("create_line_item", "LostAnswerError"), ("line_items", None)]


@pytest.mark.parametrize("applied", [True, False])
async def test_a_lost_answer_is_not_taken_for_an_older_item_of_the_same_resource(applied: bool) -> None:
    """
    AGS 3.2.10: a resource id is not unique. A grade must not go into the column of another attempt.
    """
    time = VirtualTime()
    stand = memory_stand(clock=time.wall, client={"runtime": runtime_for(time)})
    stand.platform.add_line_item("Attempt 1", 10, resource_id="r", tag="t")
    losing(stand, applied=applied)
    item = await stand.gradebook.create_line_item(LineItem("Attempt 2", 10, resource_id="r", tag="t"))
    assert item.label == "Attempt 2"
    assert [one["label"] for one in stand.platform.line_items()] == ["Quiz one", "Attempt 1", "Attempt 2"]


@pytest.mark.parametrize("applied", [True, False])
async def test_what_was_missed_and_is_there_now_is_ours_whatever_the_platform_called_it(applied: bool) -> None:
    time = VirtualTime()
    stand = memory_stand(clock=time.wall, client={"runtime": runtime_for(time)})
    losing(stand, applied=applied)
    stand.platform.subscribe(lambda _: [renamed(one) for one in stand.platform.course.items.values()])
    wanted = {"label": "Quiz", "score_maximum": 10, "resource_id": "r"}
    item = await stand.gradebook.find_or_create_line_item(**wanted)  # type: ignore[arg-type]
    assert len(stand.platform.line_items()) == 2
    assert item.id == stand.platform.line_items()[1]["id"]


def renamed(item: Item) -> None:
    """
    Give an item another label, as a platform that cuts labels would.
    """
    item.fields["label"] = "Qu…"


# -- Updating ----------------------------------------------------------------------------------------------------------


async def test_3_2_6_an_update_keeps_what_the_platform_added(stand: Stand) -> None:
    inside = stand.platform.item(stand.item)
    inside.fields["https://lms.example/folder"] = {"name": "Ordner", "order": 3}
    inside.fields["gradesReleased"] = True
    before = stand.platform.line_items()[0]
    item = await stand.gradebook.get_line_item()
    updated = await stand.gradebook.update_line_item(attrs.evolve(item, label="Quiz 1 (retake)"))
    assert updated.label == "Quiz 1 (retake)"
    assert updated.extensions == item.extensions
    assert stand.platform.line_items()[0] == before | {"label": "Quiz 1 (retake)"}


async def test_3_2_6_what_is_none_is_unset(stand: Stand) -> None:
    url = stand.platform.add_line_item("Quiz", 10, resource_id="r", tag="t")
    (item,) = [item async for item in stand.gradebook.line_items(tag="t")]
    updated = await stand.gradebook.update_line_item(attrs.evolve(item, tag=None))
    assert (updated.tag, updated.resource_id) == (None, "r")
    assert "tag" not in stand.platform.item(url).fields or stand.platform.item(url).fields["tag"] is None


async def test_an_update_needs_an_item_of_the_platform(stand: Stand) -> None:
    with pytest.raises(ValueError, match="create"):
        await stand.gradebook.update_line_item(LineItem("Quiz", 10))
    with pytest.raises(TypeError, match="LineItem"):
        await stand.gradebook.update_line_item({"label": "Quiz"})  # type: ignore[arg-type]
    assert stand.platform.counts.total() == 0


# -- Reading one -------------------------------------------------------------------------------------------------------


async def test_one_item_by_itself_by_its_url_and_by_nothing(stand: Stand) -> None:
    item = await stand.gradebook.get_line_item()
    assert item.id == stand.gradebook.coupled
    assert await stand.gradebook.get_line_item(item) == item
    assert await stand.gradebook.get_line_item(stand.item) == item


async def test_an_item_that_is_gone_is_not_found(stand: Stand) -> None:
    with pytest.raises(NotFoundError) as caught:
        await stand.gradebook.get_line_item(f"{stand.endpoint.lineitems}/999")
    assert caught.value.transient is False


# -- Deleting ----------------------------------------------------------------------------------------------------------


async def test_a_tools_own_item_is_deleted_with_its_grades(stand: Stand) -> None:
    made = await stand.gradebook.create_line_item(LineItem("Quiz", 10))
    await stand.gradebook.delete_line_item(made)
    assert [item["id"] for item in stand.platform.line_items()] == [stand.item]
    with pytest.raises(NotFoundError):
        await stand.gradebook.delete_line_item(made)


@pytest.mark.parametrize(
    "spelt",
    [
        lambda url: url,
        lambda url: url + "/",
        lambda url: url.replace("://", "://", 1).replace("http", "HTTP", 1),
        lambda url: url + "#fragment",
        lambda url: url.replace("lms.example", "LMS.Example"),
        lambda url: url.replace("lms.example", "lms.example:443"),
        lambda url: url + "?",
    ],
)
async def test_M8_the_coupled_item_is_guarded_whatever_its_spelling(stand: Stand, spelt) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(CoupledLineItemError) as caught:
        await stand.gradebook.delete_line_item(spelt(stand.item))
    assert caught.value.recorded is False
    with pytest.raises(CoupledLineItemError):
        await stand.gradebook.delete_line_item(None)
    assert stand.platform.counts.total() == 0


async def test_the_coupled_item_goes_by_force(stand: Stand) -> None:
    await stand.gradebook.delete_line_item(None, force=True)
    assert stand.platform.line_items() == []


async def test_without_a_coupled_item_nothing_is_guarded(stand: Stand) -> None:
    gradebook = stand.second_gradebook(lineitem=None)
    with pytest.raises(NotOfferedError, match="line_item="):
        await gradebook.delete_line_item(None)
    await gradebook.delete_line_item(stand.item)
    assert stand.platform.line_items() == []


# -- What is not offered -----------------------------------------------------------------------------------------------


async def test_3_1_an_endpoint_without_a_container(stand: Stand) -> None:
    gradebook = stand.second_gradebook(lineitems=None)
    with pytest.raises(NotOfferedError, match="container"):
        [item async for item in gradebook.line_items()]
    with pytest.raises(NotOfferedError, match="container"):
        await gradebook.create_line_item(LineItem("Quiz", 10))
    with pytest.raises(NotOfferedError, match="container"):
        await gradebook.find_or_create_line_item(label="Quiz", score_maximum=10, tag="t")
    assert stand.platform.counts.total() == 0
    assert (await gradebook.get_line_item()).id == stand.item


async def test_3_1_reading_is_not_writing(stand: Stand) -> None:
    gradebook = stand.second_gradebook(scope=frozenset({Scope.LINE_ITEM_READONLY}))
    assert [item.id async for item in gradebook.line_items()] == [stand.item]
    item = await gradebook.get_line_item()
    for call in (
        gradebook.create_line_item(LineItem("Quiz", 10)),
        gradebook.update_line_item(item),
        gradebook.delete_line_item(f"{stand.item}9"),
    ):
        with pytest.raises(NotOfferedError, match="scope"):
            await call
    assert stand.platform.counts["unknown"] == 0


async def test_a_refusal_says_what_the_platform_said(stand: Stand) -> None:
    item = LineItem("Quiz", 10, resource_link_id="no such link")
    with pytest.raises(RefusedError) as caught:
        await stand.gradebook.create_line_item(item)
    assert caught.value.status == 404
    assert caught.value.method == "POST"
    assert caught.value.words
    assert str(caught.value).count("\n") == 0
