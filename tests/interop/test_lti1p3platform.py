"""
Our client against a platform built with lti1p3platform and its Django adapter, over real sockets.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest
from joserfc.jwk import RSAKey

from aioags import (
    BrokenError,
    CoupledLineItemError,
    Endpoint,
    ForbiddenError,
    GrantRefusedError,
    LineItem,
    NotFoundError,
    Registration,
    Score,
    StaleScoreError,
)
from tests.interop import processes
from tests.interop.tools import ToolBench, tool_bench

TEN = datetime(2026, 1, 1, 10, tzinfo=UTC)


@attrs.frozen
class Course:
    """
    One course of the host.
    """

    url: str
    number: str
    registration: Registration
    endpoint: Endpoint

    def state(self) -> dict[str, Any]:
        """
        Look at line items and scores, by number.
        """
        found: dict[str, Any] = processes.ask(self.url, "state", course=self.number)
        return found

    def score(self, user: str, item: str = "1") -> dict[str, Any]:
        """
        Return one user's last score as the platform has it.
        """
        found: dict[str, Any] = self.state()["scores"][item][user]
        return found


@pytest.fixture(scope="module")
def key() -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": "tool-key-1", "alg": "RS256"})


@pytest.fixture(scope="module")
def host(key: RSAKey) -> Iterator[str]:
    keys = json.dumps({"keys": [key.as_dict(private=False)]})
    with processes.running("tests.interop.lti1p3platform_host", HOST_TOOL_KEYS=keys) as url:
        yield url


def opened(host: str, key: RSAKey, reader: str) -> Course:
    told = processes.ask(host, "add_course", reader=reader)
    registration = Registration(told["issuer"], told["client_id"], f"{host}/token", key)
    return Course(host, told["course"], registration, Endpoint.from_claim(told["endpoint"]))


@pytest.fixture
def course(host: str, key: RSAKey) -> Course:
    return opened(host, key, "numbers")


@pytest.fixture
async def bench(course: Course) -> AsyncIterator[ToolBench]:
    async with tool_bench(course.registration, course.endpoint) as bench:
        yield bench


# Tokens


async def test_one_token_serves_every_call(bench: ToolBench) -> None:
    await bench.gradebook.get_line_item()
    await bench.gradebook.post_score(Score.graded("u1", 8, score_maximum=10))
    assert await bench.gradebook.get_result("u1") is not None
    assert bench.sent()["token"] == 1


async def test_a_key_id_that_the_platform_does_not_know(course: Course, bench: ToolBench) -> None:
    stranger = bench.other(registration={"key": RSAKey.generate_key(2048, {"kid": "other"})})
    with pytest.raises(GrantRefusedError, match="Unable to find public key") as caught:
        await stranger.get_line_item()
    assert caught.value.code == "invalid_client"


async def test_a_signature_of_another_key(bench: ToolBench) -> None:
    stranger = bench.other(registration={"key": RSAKey.generate_key(2048, {"kid": "tool-key-1"})})
    with pytest.raises(GrantRefusedError, match="Signature verification failed"):
        await stranger.get_line_item()


async def test_a_bad_token_breaks_the_library_and_is_no_reason_to_ask_for_another(
    course: Course, bench: ToolBench
) -> None:
    await bench.gradebook.get_line_item()
    processes.ask(course.url, "new_key")
    with pytest.raises(BrokenError) as caught:
        await bench.gradebook.get_line_item()
    assert (caught.value.status, caught.value.transient, bench.sent()["token"]) == (500, True, 1)


# Line items


async def test_the_coupled_item_is_read_and_guarded(course: Course, bench: ToolBench) -> None:
    item = await bench.gradebook.get_line_item()
    assert (item.label, item.score_maximum, item.resource_link_id) == ("Quiz one", 100, "link-1")
    with pytest.raises(CoupledLineItemError):
        await bench.gradebook.delete_line_item(item)
    assert list(course.state()["items"]) == ["1"]


async def test_an_item_is_made_once(course: Course, bench: ToolBench) -> None:
    wanted: dict[str, Any] = {"label": "Essay", "score_maximum": 20, "resource_id": "essay", "tag": "grade"}
    made = await bench.gradebook.find_or_create_line_item(**wanted)
    assert await bench.gradebook.find_or_create_line_item(**wanted) == made
    assert course.state()["items"]["2"] == {
        "label": "Essay",
        "scoreMaximum": 20,
        "resourceId": "essay",
        "tag": "grade",
        "id": made.id,
    }


async def test_an_item_is_changed_and_what_is_left_out_is_gone(course: Course, bench: ToolBench) -> None:
    made = await bench.gradebook.create_line_item(LineItem("Essay", 20, resource_id="essay", tag="grade"))
    changed = await bench.gradebook.update_line_item(attrs.evolve(made, label="Essay 1", tag=None))
    assert changed == await bench.gradebook.get_line_item(made) == attrs.evolve(made, label="Essay 1", tag=None)
    assert "tag" not in course.state()["items"]["2"]


async def test_a_204_with_a_body_is_a_delete_that_succeeded(course: Course, bench: ToolBench) -> None:
    made = await bench.gradebook.create_line_item(LineItem("Essay", 20, resource_id="essay"))
    await bench.gradebook.delete_line_item(made)
    assert list(course.state()["items"]) == ["1"]
    # "null" after a 204 is the beginning of no answer to the HTTP parser, so the answer may be lost, and 404 the next.
    assert bench.events[-1].status in (204, 404)
    assert (bench.events[-1].operation, bench.events[-1].error) == ("delete_line_item", None)
    with pytest.raises(NotFoundError, match="Line item not found"):
        await bench.gradebook.get_line_item(made)


async def test_items_are_filtered_and_paged_by_links_without_quotes(bench: ToolBench) -> None:
    for number in range(6):
        await bench.gradebook.create_line_item(LineItem(f"Essay {number}", 20, tag=f"tag-{number % 2}"))
    labels = [item.label async for item in bench.gradebook.line_items(limit=2)]
    assert labels == ["Quiz one", *(f"Essay {number}" for number in range(6))]
    assert bench.sent()["line_items"] == 4
    odd = [item.label async for item in bench.gradebook.line_items(tag="tag-1", limit=1)]
    assert odd == ["Essay 1", "Essay 3", "Essay 5"]
    assert [item.label async for item in bench.gradebook.line_items(resource_link_id="link-1")] == ["Quiz one"]


async def test_a_third_page_breaks_its_django_adapter_and_the_listing_says_so(host: str, key: RSAKey) -> None:
    course = opened(host, key, "adapter")
    async with tool_bench(course.registration, course.endpoint) as bench:
        for number in range(3):
            await bench.gradebook.create_line_item(LineItem(f"Essay {number}", 20, resource_id=str(number)))
        assert len([item async for item in bench.gradebook.line_items(limit=2)]) == 4
        labels: list[str] = []
        with pytest.raises(BrokenError):
            # The next of page 2 is that of "2" + 1.
            async for item in bench.gradebook.line_items(limit=1):
                labels.append(item.label)
        assert labels == ["Quiz one"]


# Scores


async def test_a_score_arrives_whole(course: Course, bench: ToolBench) -> None:
    score = Score.graded("u1", 8, score_maximum=10, comment="Well done", timestamp=TEN)
    delivery = await bench.gradebook.post_score(score)
    assert (delivery.recorded, bench.events[-1].status) == (True, 201)
    assert course.score("u1") == {
        "userId": "u1",
        "scoreGiven": 8,
        "scoreMaximum": 10,
        "comment": "Well done",
        "timestamp": "2026-01-01T10:00:00.000Z",
        "activityProgress": "Completed",
        "gradingProgress": "FullyGraded",
    }


async def test_every_kind_of_yes_is_one(bench: ToolBench) -> None:
    for score in (
        Score.graded("u1", 8, score_maximum=10),
        Score.graded("u1", 9, score_maximum=10),
        Score.progress("u1", "Submitted", grading_progress="Pending"),
    ):
        assert (await bench.gradebook.post_score(score)).recorded
    assert [event.status for event in bench.events[-3:]] == [201, 200, 202]


@pytest.mark.parametrize("earlier", [timedelta(0), timedelta(milliseconds=1)])
async def test_an_older_score_is_stale(course: Course, bench: ToolBench, earlier: timedelta) -> None:
    await bench.gradebook.post_score(Score.graded("u1", 8, score_maximum=10, timestamp=TEN))
    with pytest.raises(StaleScoreError, match="oldtimestamp"):
        await bench.gradebook.post_score(Score.graded("u1", 9, score_maximum=10, timestamp=TEN - earlier))
    assert course.score("u1")["scoreGiven"] == 8


async def test_a_lost_answer_is_no_second_score(course: Course, bench: ToolBench) -> None:
    bench.transport.loses = 1
    delivery = await bench.gradebook.post_score(Score.graded("u1", 8, score_maximum=10))
    # Stale, and then looked into: ours stands there.
    posted = [event for event in bench.events if event.operation == "post_score"]
    assert (delivery.recorded, delivery.attempts, posted[-1].status) == (True, 2, 409)
    assert course.score("u1")["scoreGiven"] == 8


async def test_a_score_that_is_not_applied_is_forbidden(bench: ToolBench) -> None:
    with pytest.raises(ForbiddenError, match="notapplied") as caught:
        await bench.gradebook.post_score(Score.graded("nobody", 8, score_maximum=10))
    assert caught.value.recorded is False


async def test_a_class_is_posted_and_one_stranger_stops_nobody(course: Course, bench: ToolBench) -> None:
    users = [f"u{number:02}" for number in range(100)]
    scores = [Score.graded(user, points, score_maximum=100) for points, user in enumerate(users)]
    scores.insert(50, Score.graded("nobody", 1, score_maximum=100))
    report = await bench.gradebook.post_scores(scores)
    assert (report.total, report.recorded) == (101, 100)
    (failed,) = report.failed
    assert (failed.score.user_id, type(failed.error)) == ("nobody", ForbiddenError)
    found = {result.user_id: result.result_score async for result in bench.gradebook.results(limit=30)}
    assert found == {user: points for points, user in enumerate(users)}


# Results


async def test_results_are_on_the_items_scale(bench: ToolBench) -> None:
    await bench.gradebook.post_score(Score.graded("u1", 1, score_maximum=2, comment="Half"))
    result = await bench.gradebook.get_result("u1")
    assert result is not None
    assert (result.result_score, result.result_maximum, result.fraction, result.comment) == (50, 100, 0.5, "Half")
    assert await bench.gradebook.get_result("u2") is None


async def test_a_cleared_score_leaves_no_result(bench: ToolBench) -> None:
    await bench.gradebook.post_score(Score.graded("u1", 1, score_maximum=2))
    await bench.gradebook.post_score(Score.cleared("u1"))
    assert await bench.gradebook.get_result("u1") is None


async def test_results_of_an_item_that_is_not_there(bench: ToolBench) -> None:
    with pytest.raises(NotFoundError):
        await bench.gradebook.get_result("u1", line_item=f"{bench.endpoint.lineitems}/99")
