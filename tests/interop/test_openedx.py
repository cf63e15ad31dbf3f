"""
Our client against Open edX's own LTI consumer (xblock-lti-consumer), over real sockets.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest
from joserfc.jwk import RSAKey

from aioags import (
    BrokenError,
    ForbiddenError,
    GrantRefusedError,
    LineItem,
    NotFoundError,
    NotOfferedError,
    RefusedError,
    Scope,
    Score,
    StaleScoreError,
)
from tests.interop.openedx import EdxBlock, EdxHost
from tests.interop.tools import ToolBench, tool_bench

TEN = datetime(2026, 1, 1, 10, tzinfo=UTC)


@pytest.fixture
def block(edx_host: EdxHost) -> EdxBlock:
    return edx_host.add_block()


@pytest.fixture
async def bench(block: EdxBlock) -> AsyncIterator[ToolBench]:
    async with tool_bench(block.registration, block.endpoint) as bench:
        yield bench


@pytest.fixture
async def quiz(block: EdxBlock, bench: ToolBench) -> LineItem:
    """
    A line item on the block's own link, so that its grades are published.
    """
    return await bench.gradebook.create_line_item(LineItem("Quiz", 10, resource_link_id=block.link_id, tag="grade"))


def graded(block: EdxBlock, score_given: float, **options: Any) -> Score:
    return Score.graded(block.users[0], score_given, score_maximum=10, **options)


# Tokens


async def test_t10_a_small_bearer_is_a_bearer(bench: ToolBench) -> None:
    assert [item async for item in bench.gradebook.line_items()] == []
    assert bench.sent() == {"token": 1, "line_items": 1}


async def test_t11_another_key_is_an_invalid_client(bench: ToolBench) -> None:
    stranger = bench.other(registration={"key": RSAKey.generate_key(2048)})
    with pytest.raises(GrantRefusedError) as caught:
        await anext(stranger.line_items(), None)
    assert caught.value.code == "invalid_client"


async def test_t7_what_open_edx_does_not_grant_is_not_asked_for(bench: ToolBench, quiz: LineItem) -> None:
    reader = bench.other(scope=frozenset({Scope.LINE_ITEM_READONLY}))
    assert [item.id async for item in reader.line_items()] == [quiz.id]
    with pytest.raises(NotOfferedError):
        await reader.delete_line_item(quiz)


async def test_a1_a_bad_token_is_403_and_renewed_once(edx_host: EdxHost, bench: ToolBench, quiz: LineItem) -> None:
    before = bench.sent()["token"]
    edx_host.ask("new_key")
    assert [result async for result in bench.gradebook.results(line_item=quiz)] == []
    assert bench.sent()["token"] == before + 1
    assert [event.status for event in bench.events[-3:]] == [403, 200, 200]


async def test_a1_a_403_that_stays_is_the_answer(bench: ToolBench, quiz: LineItem) -> None:
    with pytest.raises(ForbiddenError) as caught:
        await bench.gradebook.delete_line_item(quiz)
    assert (caught.value.status, caught.value.transient) == (403, False)
    assert bench.sent()["delete_line_item"] == 2
    assert await bench.gradebook.get_line_item(quiz) == quiz


# Line items


async def test_l5_whole_maxima_go_out_as_whole_numbers(bench: ToolBench) -> None:
    made = await bench.gradebook.create_line_item(LineItem("Quiz", 60.0, resource_id="quiz"))
    assert made.score_maximum == 60
    with pytest.raises(RefusedError, match="A valid integer is required") as caught:
        await bench.gradebook.create_line_item(LineItem("Quiz", 60.5, resource_id="other"))
    assert caught.value.recorded is False


async def test_an_item_must_hang_on_something(bench: ToolBench) -> None:
    with pytest.raises(RefusedError, match="Must provide at least one of resource_id or resource_link_id"):
        await bench.gradebook.create_line_item(LineItem("Quiz", 10))


async def test_u2_a_usage_key_survives_in_a_filter(block: EdxBlock, bench: ToolBench, quiz: LineItem) -> None:
    await bench.gradebook.create_line_item(LineItem("Other", 10, resource_id="other", tag="grade"))
    assert [item async for item in bench.gradebook.line_items(resource_link_id=block.link_id)] == [quiz]
    found = await bench.gradebook.find_or_create_line_item(
        label="Quiz", score_maximum=10, resource_link_id=block.link_id, tag="grade"
    )
    assert found == quiz
    assert [item.label async for item in bench.gradebook.line_items(tag="grade")] == ["Quiz", "Other"]
    assert [item.label async for item in bench.gradebook.line_items(resource_id="other")] == ["Other"]


async def test_find_or_create_makes_one_item(bench: ToolBench) -> None:
    wanted: dict[str, Any] = {"label": "Essay", "score_maximum": 20, "resource_id": "essay", "tag": "grade"}
    made = await bench.gradebook.find_or_create_line_item(**wanted)
    assert await bench.gradebook.find_or_create_line_item(**wanted) == made
    assert bench.sent()["create_line_item"] == 1


async def test_l3_a_put_merges(bench: ToolBench, quiz: LineItem) -> None:
    dates = {"start_date_time": TEN, "end_date_time": TEN + timedelta(days=1)}
    changed = await bench.gradebook.update_line_item(attrs.evolve(quiz, label="Quiz 1", score_maximum=20, **dates))
    assert changed == await bench.gradebook.get_line_item(quiz)
    assert (changed.label, changed.score_maximum, changed.start_date_time) == ("Quiz 1", 20, TEN)
    # What is not sent stays: a tag cannot be unset.
    assert (await bench.gradebook.update_line_item(attrs.evolve(changed, tag=None))).tag == "grade"


async def test_an_item_that_is_not_there(bench: ToolBench) -> None:
    with pytest.raises(NotFoundError):
        await bench.gradebook.get_line_item(f"{bench.endpoint.lineitems}/999999")


# Scores


async def test_s18_a_score_is_recorded_and_published(block: EdxBlock, bench: ToolBench, quiz: LineItem) -> None:
    delivery = await bench.gradebook.post_score(graded(block, 8, comment="Well done"), line_item=quiz)
    assert delivery.recorded
    assert bench.events[-1].status == 201
    result = await bench.gradebook.get_result(block.users[0], line_item=quiz)
    assert result is not None
    assert (result.result_score, result.result_maximum, result.comment) == (8, 10, "Well done")
    assert result.score_of == quiz.id
    assert block.published() == [[block.users[0], 0.8, 1]]


async def test_s11_a_zero_is_published_and_s14_more_is_capped(
    block: EdxBlock, bench: ToolBench, quiz: LineItem
) -> None:
    for points in (0, 12):
        await bench.gradebook.post_score(graded(block, points), line_item=quiz)
    assert [points for _, points, _ in block.published()] == [0, 1]


async def test_s9_only_final_scores_are_published_and_none_is_taken_back(
    block: EdxBlock, bench: ToolBench, quiz: LineItem
) -> None:
    user = block.users[0]
    await bench.gradebook.post_score(Score.progress(user, "Started"), line_item=quiz)
    assert block.published() == []
    await bench.gradebook.post_score(graded(block, 5), line_item=quiz)
    await bench.gradebook.post_score(Score.cleared(user), line_item=quiz)
    assert await bench.gradebook.get_result(user, line_item=quiz) is None
    assert block.published() == [[user, 0.5, 1]]


async def test_s6_an_older_score_and_one_of_the_same_time_are_stale(
    block: EdxBlock, bench: ToolBench, quiz: LineItem
) -> None:
    await bench.gradebook.post_score(graded(block, 5, timestamp=TEN), line_item=quiz)
    for stamp in (TEN, TEN - timedelta(microseconds=1)):
        with pytest.raises(StaleScoreError) as caught:
            await bench.gradebook.post_score(graded(block, 6, timestamp=stamp), line_item=quiz)
        assert (caught.value.status, caught.value.recorded) == (400, False)
    await bench.gradebook.post_score(graded(block, 7, timestamp=TEN + timedelta(microseconds=1)), line_item=quiz)
    assert [points for _, points, _ in block.published()] == [0.5, 0.7]


async def test_s7_a_lost_answer_is_asked_for_again_and_same_time_means_recorded(
    block: EdxBlock, bench: ToolBench, quiz: LineItem
) -> None:
    bench.transport.loses = 1
    delivery = await bench.gradebook.post_score(graded(block, 8), line_item=quiz)
    assert (delivery.recorded, delivery.attempts) == (True, 2)
    # Stale, and then looked into: ours stands there.
    assert [event.status for event in bench.events if event.operation == "post_score"][-1] == 400
    assert block.published() == [[block.users[0], 0.8, 1]]


async def test_s13_a_comment_stays_until_it_is_replaced(block: EdxBlock, bench: ToolBench, quiz: LineItem) -> None:
    await bench.gradebook.post_score(graded(block, 5, comment="Well done"), line_item=quiz)
    await bench.gradebook.post_score(graded(block, 6), line_item=quiz)
    result = await bench.gradebook.get_result(block.users[0], line_item=quiz)
    assert result is not None and (result.result_score, result.comment) == (6, "Well done")


async def test_s16_a_stranger_is_a_crash_and_nothing_is_kept(bench: ToolBench, quiz: LineItem) -> None:
    with pytest.raises(BrokenError) as caught:
        await bench.gradebook.post_score(Score.graded("somebody", 1, score_maximum=10), line_item=quiz)
    assert (caught.value.status, caught.value.recorded) == (500, None)
    assert await bench.gradebook.get_result("somebody", line_item=quiz) is None


async def test_a_class_is_posted_at_once(block: EdxBlock, bench: ToolBench, quiz: LineItem) -> None:
    scores = [Score.graded(user, points, score_maximum=30) for points, user in enumerate(block.users)]
    report = await bench.gradebook.post_scores(scores, line_item=quiz)
    assert (report.total, report.recorded) == (30, 30)
    assert bench.sent()["token"] == 1
    found = {result.user_id: result.fraction async for result in bench.gradebook.results(line_item=quiz)}
    assert found == {user: points / 30 for points, user in enumerate(block.users)}
    assert sorted(points for _, points, _ in block.published()) == pytest.approx([n / 30 for n in range(30)])


async def test_one_users_scores_keep_their_order(block: EdxBlock, bench: ToolBench, quiz: LineItem) -> None:
    scores = [graded(block, points) for points in range(5)]
    report = await bench.gradebook.post_scores(scores, line_item=quiz)
    assert report.ok
    assert [points * 10 for _, points, _ in block.published()] == pytest.approx([0, 1, 2, 3, 4])


# Results


async def test_p6_a_limit_cuts_and_r2_a_filter_is_ours(block: EdxBlock, bench: ToolBench, quiz: LineItem) -> None:
    for user in block.users[:3]:
        await bench.gradebook.post_score(Score.graded(user, 5, score_maximum=10), line_item=quiz)
    newest_first = [result.user_id async for result in bench.gradebook.results(line_item=quiz)]
    assert newest_first == block.users[2::-1]
    # A page that is just full is asked for again, whole.
    assert [result.user_id async for result in bench.gradebook.results(line_item=quiz, limit=2)] == newest_first
    only = [result.user_id async for result in bench.gradebook.results(line_item=quiz, user_id=block.users[1])]
    assert only == [block.users[1]]


async def test_r4_the_numbers_are_the_tools_own(block: EdxBlock, bench: ToolBench, quiz: LineItem) -> None:
    await bench.gradebook.post_score(Score.graded(block.users[0], 1, score_maximum=2), line_item=quiz)
    result = await bench.gradebook.get_result(block.users[0], line_item=quiz)
    assert result is not None
    assert (result.result_score, result.result_maximum, result.fraction) == (1, 2, 0.5)


# The declarative mode: the block has its line item, and the tool makes none


async def test_a_declarative_block_brings_its_own_item(edx_host: EdxHost) -> None:
    block = edx_host.add_block("declarative")
    async with tool_bench(block.registration, block.endpoint) as bench:
        item = await bench.gradebook.get_line_item()
        assert (item.id, item.resource_link_id, item.resource_id) == (
            block.endpoint.lineitem,
            block.link_id,
            block.link_id,
        )
        await bench.gradebook.post_score(graded(block, 8))
        assert block.published() == [[block.users[0], 0.8, 1]]
        with pytest.raises(NotOfferedError):
            await bench.gradebook.create_line_item(LineItem("Quiz", 10, resource_id="quiz"))


async def test_a_declarative_block_grants_more_than_it_claims(edx_host: EdxHost) -> None:
    block = edx_host.add_block("declarative")
    async with tool_bench(block.registration, block.endpoint) as bench:
        bold = bench.other(scope=frozenset(Scope))
        made = await bold.create_line_item(LineItem("Quiz", 10, resource_id="quiz"))
        assert [item.id async for item in bench.gradebook.line_items()] == [block.endpoint.lineitem, made.id]
