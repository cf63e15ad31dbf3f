"""
Mistakes told where they are made: the words that another library uses, a listing that is awaited, a plain ``with``.
"""

from __future__ import annotations

import asyncio
import gc
import inspect
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable
from contextlib import ExitStack, aclosing
from typing import Any

import attrs
import pytest

from aioags import Client, Gradebook, LineItem, Score, join_results
from aioags.launch import Tool
from aioags.model.mistakes import lists
from aioags.outbox import MemoryStore, Outbox
from tests.fakes import PaperPlatform
from tests.unit.test_misuse import settings

UNKNOWN: dict[str, tuple[Callable[..., Any], dict[str, Any], str]] = {
    "max_score of a score": (
        lambda **given: Score.graded("u", 1, **given),
        {"max_score": 9},
        "Score.graded takes no max_score=: write score_maximum=",
    ),
    "max_score of a bare score": (
        lambda **given: Score("u", "Completed", "FullyGraded", score_given=1, **given),
        {"max_score": 9},
        "Score takes no max_score=: write score_maximum=",
    ),
    "max_score of a line item that is looked for": (
        lambda **given: PaperPlatform().gradebook().find_or_create_line_item(label="Quiz", tag="quiz", **given),
        {"max_score": 9},
        "find_or_create_line_item takes no max_score=: write score_maximum=",
    ),
    "max_score beside the right one": (
        lambda **given: Score.graded("u", 1, score_maximum=9, **given),
        {"max_score": 9},
        "write score_maximum=",
    ),
    "max_score of a line item": (
        lambda **given: LineItem("Quiz", **given),
        {"max_score": 9},
        "LineItem takes no max_score=: write score_maximum=",
    ),
    "wire name": (
        lambda **given: LineItem("Quiz", 9, **given),
        {"resourceId": "quiz"},
        "no resourceId=: write resource_id=",
    ),
    "wire name of a time": (
        lambda **given: LineItem("Quiz", 9, **given),
        {"endDateTime": None},
        "write end_date_time=",
    ),
    "due date": (lambda **given: LineItem("Quiz", 9, **given), {"due_at": None}, "no due_at=: write end_date_time="),
    "misspelt": (lambda **given: Score.graded("u", score_maximum=9, **given), {"scor_given": 1}, "write score_given="),
    "feedback": (lambda **given: Score.progress("u", "Started", **given), {"feedback": "secret"}, "write comment="),
    "value of a progress": (
        lambda **given: Score.progress("u", "Started", **given),
        {"xyz": "secret"},
        "it takes user_id, ",
    ),
    "value of a cleared one": (
        lambda **given: Score.cleared("u", **given),
        {"score_given": 0},
        "Score.cleared takes no score_given=",
    ),
    "evolve": (lambda **given: attrs.evolve(LineItem("Quiz", 9), **given), {"max_score": 9}, "write score_maximum="),
    "no name": (
        lambda **given: LineItem("Quiz", 9, **given),
        {"secret words": 1},
        "takes no argument of that name: it takes label, ",
    ),
}


@pytest.mark.parametrize("make, given, said", UNKNOWN.values(), ids=UNKNOWN)
def test_an_unknown_argument(make: Callable[..., Any], given: dict[str, Any], said: str) -> None:
    with pytest.raises(TypeError, match=said) as caught:
        make(**given)
    assert "secret" not in str(caught.value)
    assert caught.value.__context__ is None


def test_another_type_error_stays_what_it_was() -> None:
    with pytest.raises(TypeError, match="missing 1 required keyword-only argument: 'score_maximum'"):
        Score.graded("u", 1)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="score_given must be a number, got None"):
        Score.graded("u", None, score_maximum=1)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="resource_id must be a str"):
        LineItem("Quiz", 1, resource_id=5)  # type: ignore[arg-type]


def test_signatures_show_what_is_taken() -> None:
    assert list(inspect.signature(LineItem).parameters)[:3] == ["label", "score_maximum", "id"]
    assert list(inspect.signature(Score.graded).parameters)[:3] == ["user_id", "score_given", "score_maximum"]


async def some() -> AsyncGenerator[int, None]:
    try:
        yield 1
        yield 2
    finally:
        closed.append(True)


closed: list[bool] = []
numbers = lists(some)


def outbox() -> Outbox:
    return Outbox(MemoryStore(), PaperPlatform().client(), {})


def gradebook() -> Gradebook:
    return PaperPlatform().gradebook()


LISTINGS: dict[str, Callable[[], Any]] = {
    "results": lambda: gradebook().results(),
    "line_items": lambda: gradebook().line_items(),
    "dead": lambda: outbox().dead(),
    "deferred": lambda: outbox().deferred(),
    "delayed": lambda: outbox().delayed(),
    "join_results": lambda: join_results([], []),
    "some": numbers,
}


@pytest.mark.parametrize("name", LISTINGS)
async def test_await_results(name: str) -> None:
    with pytest.raises(TypeError, match=rf"{name}\(\) cannot be awaited: .*write `async for one in {name}\(…\)`"):
        await LISTINGS[name]()


@pytest.mark.parametrize("name", LISTINGS)
@pytest.mark.parametrize("read", [list, sorted, lambda one: [*one], lambda one: one[0], lambda one: 1 in one])
def test_for_over_results(name: str, read: Callable[[Any], Any]) -> None:
    with pytest.raises(TypeError, match=rf"{name}\(\) cannot be read without async: .*`async for .*aioags.blocking"):
        read(LISTINGS[name]())


async def test_a_listing_is_an_asynchronous_generator() -> None:
    listing = numbers()
    assert isinstance(listing, AsyncGenerator) and isinstance(listing, AsyncIterator)
    assert isinstance(listing, AsyncIterable) and not isinstance(listing, Iterable)
    assert not asyncio.iscoroutine(listing)
    assert [one async for one in listing] == [1, 2]
    assert [one async for one in listing] == []
    assert [await anext(listing, None), await numbers().__anext__()] == [None, 1]
    assert await numbers().asend(None) == 1


async def test_a_listing_left_early_is_closed() -> None:
    closed.clear()
    async with aclosing(numbers()) as listing:
        async for one in listing:
            assert one == 1
            break
        assert not closed
    assert closed == [True]
    async with aclosing(numbers()) as listing:
        assert await anext(listing) == 1
    assert closed == [True, True]
    listing = numbers()
    await anext(listing)
    with pytest.raises(KeyError):
        await listing.athrow(KeyError("x"))
    assert closed == [True, True, True]


async def test_a_listing_that_nobody_reads_any_more_goes_on_while_it_is_read() -> None:
    read = []
    async for one in numbers():
        gc.collect()
        read.append(one)
    assert read == [1, 2]


def test_what_a_listing_is_told_wrong_is_raised_as_before() -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'user'"):
        gradebook().results(user="x")  # type: ignore[call-arg]
    assert repr(numbers()) == "<some(…): to be read with async for>"


OPENED: dict[str, Callable[[], Any]] = {
    "Client": lambda: PaperPlatform().client(),
    "Outbox": outbox,
    "Tool": lambda: Tool(settings(), PaperPlatform()),
    "ScorePosting": lambda: gradebook().post_scores([]),
}


@pytest.mark.filterwarnings("ignore:post_scores was never awaited")
@pytest.mark.parametrize("name", OPENED)
def test_with_client(name: str) -> None:
    said = f"{name} is opened with `async with`.* takes aioags.blocking.Client, which is opened with `with`"
    opened = OPENED[name]()
    with pytest.raises(TypeError, match=said), opened:
        raise AssertionError
    with pytest.raises(TypeError, match=said), ExitStack() as stack:
        stack.enter_context(opened)


def test_a_client_is_not_awaitable() -> None:
    assert not isinstance(Client(), Awaitable)
