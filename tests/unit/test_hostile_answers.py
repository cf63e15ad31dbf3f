"""
What an answer costs: 64 KiB of nonsense is little more work than a word, since nothing else runs meanwhile.

Counted in calls of Python functions. `benchmarks/hostile_servers.py --neighbours` measures what it is to neighbours.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from aioags import AGSError, Client, MalformedError, RetryPolicy, Score, UserNotGradableError
from aioags.ltiaas.keys import LaunchKey
from aioags.ltiaas.operations import LTIAASDialect
from aioags.protocol.messages import Request, Response
from aioags.protocol.operations import DirectDialect
from aioags.protocol.refusals import refusal
from aioags.wire.codec import MOST_ODD, OTHERS_READ, load_list, load_result
from aioags.wire.scalars import NotReadableError
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
    good = json.dumps([{"userId": "1"}, *[{}] * MOST_ODD]).encode()
    found = load_list(good, load_result)
    assert (len(found.records), len(found.odd)) == (1, MOST_ODD)
    with pytest.raises(NotReadableError, match="more than 10000 records cannot be read; the result has no userId"):
        load_list(json.dumps([{"userId": "1"}, *[{}] * (MOST_ODD + 1)]).encode(), load_result)


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


async def test_what_a_listing_cannot_read_is_told_at_once() -> None:
    platform = Hostile(200, b"[" + b"{}," * 1_400_000 + b"{}]")
    async with Client(transport=platform, retry=ONCE) as client:
        gradebook = client.gradebook(registration(), endpoint())
        with pytest.raises(MalformedError, match="more than 10000 records"):
            _ = [item async for item in gradebook.line_items(on_unreadable=lambda _: None)]
