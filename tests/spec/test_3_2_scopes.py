"""
AGS 3.2, 3.3.2, 3.4.2: what each scope allows, asked before the call, and answered from what was granted.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs

import pytest

from aioags import AuthorizationError, Gradebook, LineItem, NotOfferedError, Scope, Score
from tests.fakes import ITEM, PaperPlatform, answer, item_record

SCORE = Score.graded("u1", 8, score_maximum=10)
KNOWN = LineItem("Quiz 1", 10, id=ITEM)


async def listed(records: Any) -> list[Any]:
    """
    Read a listing to its end.
    """
    return [record async for record in records]


CALLS: dict[str, tuple[Callable[[Gradebook], Awaitable[Any]], set[Scope], Any]] = {
    "container GET": (lambda book: listed(book.line_items()), {Scope.LINE_ITEM, Scope.LINE_ITEM_READONLY}, []),
    "item GET": (lambda book: book.get_line_item(), {Scope.LINE_ITEM, Scope.LINE_ITEM_READONLY}, item_record()),
    "container POST": (lambda book: book.create_line_item(LineItem("Q", 10)), {Scope.LINE_ITEM}, item_record()),
    "item PUT": (lambda book: book.update_line_item(KNOWN), {Scope.LINE_ITEM}, item_record()),
    "item DELETE": (lambda book: book.delete_line_item(ITEM, force=True), {Scope.LINE_ITEM}, b""),
    "results GET": (lambda book: listed(book.results()), {Scope.RESULT_READONLY}, []),
    "result GET": (lambda book: book.get_result("u1"), {Scope.RESULT_READONLY}, []),
    "scores POST": (lambda book: book.post_score(SCORE), {Scope.SCORE}, b""),
}


@pytest.mark.parametrize("call, allowing, body", CALLS.values(), ids=CALLS.keys())
async def test_3_2_each_scope_that_allows_a_call_suffices(
    platform: PaperPlatform, call: Any, allowing: set[Scope], body: Any
) -> None:
    for scope in sorted(allowing):
        platform.script = [answer(200, body)]
        await call(platform.gradebook(scope=[scope]))
    assert len(platform.sent) == len(allowing)


@pytest.mark.parametrize("call, allowing, body", CALLS.values(), ids=CALLS.keys())
async def test_3_2_without_an_allowing_scope_nothing_is_sent(
    platform: PaperPlatform, call: Any, allowing: set[Scope], body: Any
) -> None:
    with pytest.raises(NotOfferedError) as caught:
        await call(platform.gradebook(scope=set(Scope) - allowing))
    assert (platform.sent, platform.token_requests) == ([], [])
    assert caught.value.spec == "AGS 3.1"


@pytest.mark.parametrize("call, allowing, body", CALLS.values(), ids=CALLS.keys())
async def test_3_2_a_scope_that_was_offered_but_not_granted_stops_the_call(
    platform: PaperPlatform, call: Any, allowing: set[Scope], body: Any
) -> None:
    platform.granted = set(Scope) - allowing
    with pytest.raises(AuthorizationError, match="the platform granted"):
        await call(platform.gradebook())
    assert platform.sent == []


@pytest.mark.parametrize(
    "offered",
    [[Scope.SCORE], [Scope.SCORE, Scope.RESULT_READONLY], sorted(Scope), [Scope.SCORE, "https://lms.example/other"]],
)
async def test_3_1_a_tool_asks_only_for_scopes_of_the_claim(platform: PaperPlatform, offered: list[str]) -> None:
    platform.script = [answer(204)]
    await platform.gradebook(scope=offered).post_score(SCORE)
    asked = parse_qs((platform.token_requests[0].body or b"").decode())["scope"][0].split(" ")
    assert sorted(asked) == sorted(set(offered) & set(Scope))


async def test_3_2_lineitem_does_not_imply_score_or_results(platform: PaperPlatform) -> None:
    gradebook = platform.gradebook(scope=[Scope.LINE_ITEM])
    with pytest.raises(NotOfferedError, match="needs the scope score"):
        await gradebook.post_score(SCORE)
    with pytest.raises(NotOfferedError, match=r"needs the scope result\.readonly"):
        await gradebook.get_result("u1")


async def test_3_2_an_answer_to_a_call_without_effect_names_its_scope(platform: PaperPlatform) -> None:
    with pytest.raises(NotOfferedError, match=r"lineitem\.readonly or lineitem"):
        await anext(platform.gradebook(scope=[Scope.SCORE]).line_items())
