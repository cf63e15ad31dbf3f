"""
Is an answer about what was asked? And is what a platform says it made what was sent? Read without an event loop.
"""

from __future__ import annotations

import json
from typing import Any

import attrs
import pytest

from aioags import LineItem, Result
from aioags.protocol.acknowledgment import RejectionError
from aioags.protocol.answers import OtherAnswerError, UnseenError, about, about_item, read_created, read_updated
from aioags.protocol.urls import same_item
from aioags.wire.codec import load_result
from aioags.wire.scalars import NotReadableError
from tests.fakes import CONTAINER, HOST, ITEM, answer, item_record

NEW = LineItem("Quiz 1", 10, resource_id="quiz-1", tag="grade")
OLD = attrs.evolve(NEW, id=ITEM)


def result(user: str, item: str | None) -> Result:
    """
    Return a result that says of which line item it is, or does not.
    """
    return load_result({"userId": user, "resultScore": 5, "resultMaximum": 10, "scoreOf": item})


# -- By meaning --------------------------------------------------------------------------------------------------------

SAME = {
    "itself": (ITEM, ITEM),
    "the query missing": (ITEM, f"{HOST}/2/lineitems/7/lineitem"),
    "the query missing in ours": (f"{HOST}/2/lineitems/7/lineitem", ITEM),
    "another parameter": (f"{HOST}/items/7?a=1", f"{HOST}/items/7?b=2"),
    "one parameter more": (f"{HOST}/items/7?type_id=1", f"{HOST}/items/7?type_id=1&x=2"),
    "another order of parameters": (f"{HOST}/items/7?a=1&b=2", f"{HOST}/items/7?b=2&a=1"),
    "another host name": (f"{HOST}/items/7", "https://school.vendor.example/items/7"),
    "another port": (f"{HOST}/items/7", "https://lms.example:8443/items/7"),
    "http": (f"{HOST}/items/7", "http://lms.example/items/7"),
    "a trailing slash": (f"{HOST}/items/7", f"{HOST}/items/7/"),
    "a trailing slash before the query": (f"{HOST}/items/7?a=1", f"{HOST}/items/7/?a=1"),
    "percent-encoding": (f"{HOST}/items/a%20b%2Cc", f"{HOST}/items/a%20b,c"),
    "a fragment": (f"{HOST}/items/7", f"{HOST}/items/7#x"),
    "a path": (f"{HOST}/items/7", "/items/7"),
}
OTHER = {
    "another number": (f"{HOST}/items/7", f"{HOST}/items/8"),
    "a longer number": (f"{HOST}/items/7", f"{HOST}/items/77"),
    "another course": (f"{HOST}/2/lineitems/7/lineitem", f"{HOST}/3/lineitems/7/lineitem"),
    "another parameter's value": (f"{HOST}/items?id=7", f"{HOST}/items?id=8"),
    "an empty value": (f"{HOST}/items?id=7", f"{HOST}/items?id="),
    "another case": (f"{HOST}/items/ab", f"{HOST}/items/AB"),
    "nonsense": (f"{HOST}/items/7", "https://[x"),
    "nothing": (f"{HOST}/items/7", ""),
}


@pytest.mark.parametrize("one, other", SAME.values(), ids=SAME.keys())
def test_a1_the_same_line_item_by_meaning(one: str, other: str) -> None:
    assert same_item(one, other)
    assert same_item(other, one)
    item = attrs.evolve(NEW, id=other)
    assert about(one, item) is item


@pytest.mark.parametrize("one, other", OTHER.values(), ids=OTHER.keys())
def test_a1_another_line_item(one: str, other: str) -> None:
    assert not same_item(one, other)
    assert not same_item(other, one)
    with pytest.raises(OtherAnswerError):
        about(one, attrs.evolve(NEW, id=other))


@pytest.mark.parametrize("one, other", SAME.values(), ids=SAME.keys())
def test_a1_results_of_the_line_item_by_meaning(one: str, other: str) -> None:
    about_item(one, [result("u1", other), result("u2", None)])


@pytest.mark.parametrize("one, other", [pair for name, pair in OTHER.items() if name != "nothing"])
def test_a1_results_of_another_line_item(one: str, other: str) -> None:
    with pytest.raises(OtherAnswerError):
        about_item(one, [result("u1", one), result("u2", other)])


UNDER = {
    "ours": (ITEM, f"{HOST}/2/lineitems/7/lineitem/results?type_id=1&user_id=3", True),
    "ours, without the query": (ITEM, f"{HOST}/2/lineitems/7/lineitem/results/3", True),
    "ours, by another host name": (f"{HOST}/items/7", "https://school.vendor.example/items/7/results/3", True),
    "no result's address": (ITEM, f"{HOST}/grades/993", True),
    "by another way": (f"{HOST}/sections/1/items/7", f"{HOST}/courses/9/items/8/results/3", True),
    "shorter": (ITEM, f"{HOST}/lineitems/8/results/3", True),
    "nonsense": (ITEM, "https://[x/results/3", True),
    "nothing": (ITEM, None, True),
    "another's": (ITEM, f"{HOST}/2/lineitems/8/lineitem/results?type_id=1&user_id=3", False),
    "another's, below it": (f"{HOST}/items/7", f"{HOST}/items/8/results/3", False),
    "another course's": (ITEM, f"{HOST}/3/lineitems/7/lineitem/results?type_id=1&user_id=3", False),
}


@pytest.mark.parametrize("item, result_id, ours", UNDER.values(), ids=UNDER.keys())
def test_a1_a_result_that_names_no_line_item_is_known_by_its_address(item: str, result_id: str, ours: bool) -> None:
    shown = load_result({"userId": "u1", "resultScore": 5, "resultMaximum": 10, "id": result_id})
    if ours:
        about_item(item, [shown])
    else:
        with pytest.raises(OtherAnswerError):
            about_item(item, [shown])
    about_item(item, [attrs.evolve(shown, score_of=item)])


# -- What was made -----------------------------------------------------------------------------------------------------


def created(body: Any, *headers: tuple[str, str], status: int = 201) -> LineItem:
    """
    Read an answer to the new line item.
    """
    return read_created(NEW, answer(status, body, *headers, url=CONTAINER))


def test_a3_what_was_made_is_read_as_the_platform_says() -> None:
    assert created(item_record()) == OLD
    assert created(item_record(label="Quiz 1 (group A)")).label == "Quiz 1 (group A)"
    assert created(item_record(), status=200) == OLD


@pytest.mark.parametrize(
    "record",
    [
        {"id": ITEM},
        item_record(scoreMaximum=None),
        item_record(label=None, scoreMaximum=None),
        item_record(scoreMaximum="ten"),
        {"id": ITEM, "label": "Quiz 1", "scoreMaximum": None, "resourceId": None},
    ],
)
def test_a3_what_an_answer_leaves_out_is_as_it_was_sent(record: dict[str, Any]) -> None:
    assert created(record) == OLD


@pytest.mark.parametrize(
    "item_id",
    ["7/lineitem?type_id=1", "/2/lineitems/7/lineitem?type_id=1", ITEM.removeprefix("https:")],
)
def test_a1_a_relative_id_counts_from_the_address_that_answered(item_id: str) -> None:
    said = answer(201, item_record(id=item_id), url=f"{HOST}/2/lineitems/?type_id=1")
    assert read_created(NEW, said).id == ITEM


@pytest.mark.parametrize("body", ["", "{}", {"label": "Quiz 1"}, "null", "Created", "<html>", '{"label":'])
def test_a3_a_location_says_what_was_made(body: Any) -> None:
    assert created(body, ("Location", "/2/lineitems/7/lineitem?type_id=1")) == OLD


@pytest.mark.parametrize(
    "body",
    [
        "",
        " ",
        "{}",
        "null",
        "true",
        '"7"',
        "Created",
        "<html>",
        '{"id":',
        "[1]",
        item_record(id=None),
        item_record(id=""),
        item_record(id=7),
        item_record(resourceId="quiz-2"),
        item_record(tag="other"),
    ],
    ids=str,
)
def test_a3_a_201_is_made_whatever_its_body(body: Any) -> None:
    with pytest.raises(UnseenError):
        created(body)


@pytest.mark.parametrize("body", ["Please log in", "<html>", '{"id":'])
def test_a3_what_is_no_json_and_no_201_is_nobodys_word(body: str) -> None:
    with pytest.raises(NotReadableError) as caught:
        created(body, status=200)
    assert not isinstance(caught.value, UnseenError)


@pytest.mark.parametrize("body", [{"status": 400}, {"error": "no"}, {"status": "403", "reason": "no"}])
@pytest.mark.parametrize("status", [200, 201])
def test_a3_an_answer_that_denies_it_is_a_refusal(status: int, body: Any) -> None:
    with pytest.raises(RejectionError):
        created(body, status=status)


# -- What was changed --------------------------------------------------------------------------------------------------


def updated(body: Any) -> LineItem | None:
    """
    Read an answer to the changed line item.
    """
    return read_updated(OLD, answer(200, body))


def test_a3_a_change_answered_with_an_item_without_id_is_done() -> None:
    assert updated(item_record(id=None)) == OLD
    assert updated({**item_record(), "id": None}) == OLD
    assert updated({**item_record(), "id": ""}) == OLD
    assert updated(item_record(id=f"{HOST}/2/lineitems/7/lineitem")) == attrs.evolve(
        OLD, id=f"{HOST}/2/lineitems/7/lineitem"
    )


def test_a3_a_change_is_read_as_applied_with_what_is_false_or_empty() -> None:
    item = updated(item_record(id=None, gradesReleased=False, tag=""))
    assert item is not None
    assert (item.grades_released, item.tag) == (False, None)


@pytest.mark.parametrize("body", ["", "{}", "null", "true", '"OK"', {"label": "Quiz 1"}, {"id": ITEM}])
def test_a3_a_change_may_be_answered_with_next_to_nothing(body: Any) -> None:
    assert updated(body) is None


def test_a1_a_change_answered_with_another_item_is_no_answer() -> None:
    with pytest.raises(OtherAnswerError):
        updated(item_record(id=f"{HOST}/2/lineitems/8/lineitem?type_id=1"))


@pytest.mark.parametrize("body", [{"status": 400}, {"error": "no"}, "[]"])
def test_a3_a_change_that_is_denied_is_refused(body: Any) -> None:
    with pytest.raises(RejectionError):
        updated(body)


@pytest.mark.parametrize("body", ["Please log in", "<html>", json.dumps(item_record())[:-1]])
def test_a3_a_change_answered_by_somebody_else(body: str) -> None:
    with pytest.raises(NotReadableError):
        updated(body)
