"""
What an answer costs: 64 KiB of nonsense is little more work than a word, since nothing else runs meanwhile.

Counted in calls of Python functions. `benchmarks/hostile_servers.py --neighbours` measures what it is to neighbours.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from itertools import chain, pairwise
from typing import Any

import pytest

from aioags import AGSError, Client, MalformedError, RetryPolicy, Score, UserNotGradableError
from aioags.ltiaas.keys import LaunchKey
from aioags.ltiaas.operations import LTIAASDialect
from aioags.protocol.messages import Request, Response
from aioags.protocol.operations import DirectDialect
from aioags.protocol.refusals import refusal
from aioags.wire.batches import LONG, json_batches
from aioags.wire.codec import MOST_ODD, OTHERS_READ, load_list, load_result
from aioags.wire.scalars import NotReadableError
from aioags.wire.steps import finished
from tests.fakes import HOST, ITEM, TOKEN_URL, answer, endpoint, registration
from tests.rigs.work import Work

# What a score and its look take at the most, whatever comes: one of an honest platform takes some 200.
MOST_CALLS = 2_000
# Too short for any wait.
ONCE = RetryPolicy(attempts=1, first_wait=0.01, longest_wait=0.01, total_time=0.01)
KINDS = {
    "objects": b"[" + b"{}," * 21_000 + b"{}]",
    "numbers": b"[" + b"0," * 32_000 + b"0]",
    "arrays": b"[" + b"[0]," * 16_000 + b"0]",
    "results without a user": json.dumps([{"resultScore": 1}] * 3_000).encode(),
    "results of others": json.dumps([{"userId": str(number)} for number in range(3_000)]).encode(),
    "arrays in each other": b"[" * 32_000 + b"]" * 32_000,
    "words": b"user timestamp access token " * 2_400,
    "brackets": b"[" * 65_000,
}


class Hostile:
    """
    A platform that answers every call with the same, and the work that it makes.
    """

    def __init__(self, status: int, body: bytes) -> None:
        self.status, self.body = status, body
        self.asked: list[str] = []

    async def send(self, request: Request) -> Response:
        if request.url == TOKEN_URL:
            return answer(200, {"access_token": "token", "token_type": "Bearer", "expires_in": 3600})
        self.asked.append(request.method)
        return Response(self.status, "OK", (), self.body, request.url)

    async def aclose(self) -> None:
        pass


@pytest.mark.parametrize("status", [200, 201, 400, 403, 404, 422, 503])
@pytest.mark.parametrize("kind", KINDS)
async def test_a_score_and_its_look_are_little_work_whatever_is_answered(kind: str, status: int) -> None:
    platform = Hostile(status, KINDS[kind])
    async with Client(transport=platform, retry=ONCE) as client:
        with pytest.raises(AGSError):
            await client.gradebook(registration(), endpoint()).post_score(Score.graded("u-1", 5, score_maximum=10))
        # Another: it has not seen that everybody is listed, and so lists nobody for those who wait together.
        gradebook = client.gradebook(registration(), endpoint())
        before = len(platform.asked)
        with Work() as work, pytest.raises(AGSError):
            await gradebook.post_score(Score.graded("user-2", 5, score_maximum=10))
    assert len(platform.asked) > before
    assert work.calls < MOST_CALLS


def gateway() -> LTIAASDialect:
    return LTIAASDialect("https://gateway.example", LaunchKey.ltik("k"), api_key="a")


def read_direct(body: bytes, **wanted: Any) -> Any:
    return DirectDialect(endpoint()).results(ITEM, **wanted).read(Response(200, "OK", (), body, f"{HOST}/results"))


def read_gateway(body: bytes, **wanted: Any) -> Any:
    return gateway().results(ITEM, **wanted).read(Response(200, "OK", (), b'{"scores": ' + body + b"}", HOST))


@pytest.mark.parametrize("read", [read_direct, read_gateway])
@pytest.mark.parametrize("spelled", ["42", 42])
def test_among_everybody_the_one_is_found_and_a_few_others(read: Callable[..., Any], spelled: str | int) -> None:
    """
    Open edX and Sakai ignore the filter.
    """
    records = [{"userId": str(number), "resultScore": number} for number in range(1_000, 6_000)]
    records[4_321] = {"userId": spelled, "resultScore": 7}
    page = read(json.dumps(records).encode(), user_id="42", limit=None)
    assert [result.result_score for result in page.records] == [*range(1_000, 1_000 + OTHERS_READ), 7]
    assert len(read(json.dumps(records).encode(), user_id="42", limit=10_000).records) == 5_000
    assert len(read(json.dumps(records).encode(), user_id=None, limit=None).records) == 5_000


def test_so_many_odd_records_are_none() -> None:
    odd = {"resultScore": 1, "resultMaximum": 1}
    good = json.dumps([{"userId": "1"}, *[odd] * MOST_ODD]).encode()
    found = finished(load_list(good, load_result))
    assert (len(found.records), len(found.odd)) == (1, MOST_ODD)
    with pytest.raises(NotReadableError, match="more than 10000 records cannot be read; the result has no userId"):
        finished(load_list(json.dumps([{"userId": "1"}, *[odd] * (MOST_ODD + 1)]).encode(), load_result))


def test_a_line_item_of_a_gateway_holds_no_more_than_one() -> None:
    operation = gateway().get_line_item(ITEM)
    with pytest.raises(NotReadableError, match="too many values"):
        operation.read(Response(200, "OK", (), b'{"x": [' + b"0," * 20_000 + b"0]}", HOST))


@pytest.mark.parametrize("between, near", [(" ", True), (" " + "x " * 90, True), (" " + "x " * 101, False)])
def test_words_that_belong_together_are_near_each_other(between: str, near: bool) -> None:
    score = Score.graded("u", 1, score_maximum=1)
    operation = DirectDialect(endpoint()).post_score(ITEM, score, score.timestamp)
    error = refusal(operation, answer(400, {"message": f"The user{between}was not found"}), wall=0.0)
    assert isinstance(error, UserNotGradableError) is near


DENSE = (b"{}", b"0", b"[0]", b'{"":0}', b'""')


@pytest.mark.parametrize("record", DENSE)
def test_a_page_of_hardly_more_than_values_is_not_read(record: bytes) -> None:
    page = b"[" + b",".join([record] * 21_000) + b"]"
    with pytest.raises(NotReadableError, match="too many values"):
        finished(load_list(page, load_result))


@pytest.mark.parametrize(
    "comment", [",{[" * 50_000, '\\"' * 50_000, ",".join(f'"{number}"' for number in range(20_000))]
)
def test_a_comment_holds_as_many_commas_as_it_likes(comment: str) -> None:
    found = finished(load_list(json.dumps([{"userId": "1", "comment": comment}]).encode(), load_result))
    assert [result.comment for result in found.records] == [comment]


def test_the_smallest_records_that_say_anything_are_read() -> None:
    page = json.dumps([{"userId": "1", "resultScore": 1}] * 20_000, separators=(",", ":")).encode()
    assert len(finished(load_list(page, load_result)).records) == 20_000


@pytest.mark.parametrize("body", [b'"' + b'\\"' * 500_000, b'["' + b"\\" * 999_999, b'["' + b",\\\\" * 300_000])
def test_a_string_that_never_ends_is_looked_at_once(body: bytes) -> None:
    """
    Looked at anew from each quote in it, this would take an hour.
    """
    with pytest.raises(NotReadableError):
        finished(load_list(b"{}," * 100_000 + body, load_result))


MANY = json.dumps([{"userId": str(number), "resultScore": 1} for number in range(20_000)]).encode()


@pytest.mark.parametrize("listings", [1, 20])
async def test_while_a_long_page_is_read_everybody_else_has_turns(listings: int) -> None:
    platform = Hostile(200, MANY)
    turns = []
    async with Client(transport=platform, retry=ONCE) as client:
        gradebook = client.gradebook(registration(), endpoint())
        with Work() as work:
            reading = [asyncio.create_task(gradebook.get_result("42")) for _ in range(listings)]
            while not all(task.done() for task in reading):
                await asyncio.sleep(0)
                turns.append(work.calls)
        found = await asyncio.gather(*reading)
    assert [result.user_id for result in found if result] == ["42"] * listings
    assert max(after - before for before, after in pairwise(turns)) < MOST_CALLS


async def test_while_a_long_page_is_yielded_everybody_else_has_turns() -> None:
    platform = Hostile(200, MANY)
    turns = []

    async def read() -> int:
        return len([result async for result in client.gradebook(registration(), endpoint()).results()])

    async with Client(transport=platform, retry=ONCE) as client:
        with Work() as work:
            reading = asyncio.create_task(read())
            while not reading.done():
                await asyncio.sleep(0)
                turns.append(work.calls)
    assert reading.result() == 20_000
    assert max(after - before for before, after in pairwise(turns)) < 4 * MOST_CALLS


async def test_what_a_long_page_cannot_be_read_for_is_told() -> None:
    platform = Hostile(200, MANY[:-1])
    async with Client(transport=platform, retry=ONCE) as client:
        gradebook = client.gradebook(registration(), endpoint())
        with pytest.raises(MalformedError, match="the body is no JSON"):
            await gradebook.get_result("42")
        platform.body = MANY
        assert await gradebook.get_result("42") is not None


@pytest.mark.parametrize("value", [[], ["x"], {"a": [1]}, [[1, "[,]"], {"b": {}}, None, 1.5, "\u2028 ü" * 9], 7])
@pytest.mark.parametrize("blank", ["", " ", "\n\t" * 20_000])
def test_a_long_array_is_the_same_in_batches(value: Any, blank: str) -> None:
    text = json.dumps(value * 9_000 if isinstance(value, list) else value)
    body = f"{blank}{text}{' ' * LONG}".encode()
    batches = list(json_batches(body))
    assert (list(chain.from_iterable(batches)) if isinstance(value, list) else batches[0]) == json.loads(text)
    assert len(batches) > 1 or not isinstance(value, list) or not value


def test_a_long_array_may_be_empty() -> None:
    assert list(json_batches(b"[" + b" " * LONG + b"]")) == [[]]


@pytest.mark.parametrize("end", ["", ",", ",]", "]]", "] 1", "}", "1]", ',"'])
def test_a_long_array_that_is_none_is_not_read(end: str) -> None:
    with pytest.raises(NotReadableError, match="no JSON"):
        list(json_batches(("[" + ",".join(['{"label": "of a line item"}'] * 9_000) + end).encode()))


@pytest.mark.parametrize(
    "deep, why", [(b"[" * 200 + b"]" * 200, "too deep"), (b"[" * 9_000 + b"]" * 9_000, "too deep"), (b"NaN", "NaN")]
)
def test_one_deep_record_of_a_long_array_is_not_read(deep: bytes, why: str) -> None:
    with pytest.raises(NotReadableError, match=why):
        list(json_batches(b'["' + b"x" * 2 * LONG + b'",' + deep + b"]"))


async def test_what_a_listing_cannot_read_is_told_at_once() -> None:
    platform = Hostile(200, json.dumps([{"label": "a line item without an id"}] * 20_000).encode())
    async with Client(transport=platform, retry=ONCE) as client:
        gradebook = client.gradebook(registration(), endpoint())
        with pytest.raises(MalformedError, match="more than 10000 records"):
            _ = [item async for item in gradebook.line_items(on_unreadable=lambda _: None)]
