"""
AGS 3.4.1 to 3.4.3: where a score goes and as what; what counts as taken.
"""

from __future__ import annotations

from typing import Any

import pytest

from aioags import LineItem, MalformedError, Score, UserNotGradableError
from tests.fakes import HOST, ITEM, SCORES, PaperPlatform, answer, header

SCORE = Score.graded("u1", 8, score_maximum=10)


async def test_3_4_1_the_endpoints_own_item_is_one_item_however_it_is_spelled(platform: PaperPlatform) -> None:
    platform.script = [answer(200)] * 4
    gradebook, plain = platform.gradebook(), ITEM.partition("?")[0]
    await gradebook.post_score(Score.graded("ada", 1, score_maximum=10), line_item=plain)
    scores = [Score.graded("ada", points, score_maximum=10) for points in (2, 3, 4)]
    # They wait for each other: of one user, for one item.
    async with gradebook.post_scores(zip((plain, ITEM, None), scores, strict=True)) as deliveries:
        told = [(delivery.line_item, delivery.score.score_given) async for delivery in deliveries]
    assert told == [(ITEM, 2), (ITEM, 3), (ITEM, 4)]
    assert [request.url for request in platform.sent] == [SCORES] * 4


@pytest.mark.parametrize(
    "item, scores",
    [
        (f"{HOST}/li/7", f"{HOST}/li/7/scores"),
        (f"{HOST}/li/7?type_id=1", f"{HOST}/li/7/scores?type_id=1"),
        (f"{HOST}/li/7/?type_id=1", f"{HOST}/li/7/scores?type_id=1"),
        (f"{HOST}/li/7?a=b?c=d", f"{HOST}/li/7/scores?a=b?c=d"),
        (f"{HOST}/li/a%2Cb%3A?x=%2F", f"{HOST}/li/a%2Cb%3A/scores?x=%2F"),
        (f"{HOST}/li/8f3:::x/7", f"{HOST}/li/8f3:::x/7/scores"),
        (f"{HOST}/li/7#top", f"{HOST}/li/7/scores"),
    ],
)
async def test_3_4_1_scores_goes_on_the_items_path(platform: PaperPlatform, item: str, scores: str) -> None:
    platform.script = [answer(204), answer(204)]
    await platform.gradebook().post_score(SCORE, line_item=item)
    await platform.gradebook(lineitem=item).post_score(SCORE)
    assert [request.url for request in platform.sent] == [scores, scores]


async def test_3_4_1_post_with_the_scores_media_type(platform: PaperPlatform) -> None:
    platform.script = [answer(204)]
    await platform.gradebook().post_score(SCORE)
    (request,) = platform.sent
    assert (request.method, request.url) == ("POST", SCORES)
    assert header(request, "Content-Type") == ["application/vnd.ims.lis.v1.score+json"]
    assert header(request, "Accept") == ["application/vnd.ims.lis.v1.score+json"]


async def test_3_4_1_an_item_or_its_id(platform: PaperPlatform) -> None:
    platform.script = [answer(204)] * 3
    for line_item in (None, ITEM, LineItem("Quiz 1", 10, id=ITEM)):
        await platform.gradebook().post_score(SCORE, line_item=line_item)
    assert {request.url for request in platform.sent} == {SCORES}


@pytest.mark.parametrize("line_item, error", [("", ValueError), (LineItem("Quiz", 10), ValueError), (7, TypeError)])
async def test_3_4_1_what_is_no_item_is_refused_before_anything_is_sent(
    platform: PaperPlatform, line_item: Any, error: type[Exception]
) -> None:
    with pytest.raises(error, match="line_item"):
        await platform.gradebook().post_score(SCORE, line_item=line_item)
    assert platform.token_requests == []


async def test_3_4_1_what_is_no_score_is_refused_before_anything_is_sent(platform: PaperPlatform) -> None:
    with pytest.raises(TypeError, match="takes a Score"):
        await platform.gradebook().post_score({"userId": "u1"})  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="iterable of Scores"):
        platform.gradebook().post_scores(SCORE)  # type: ignore[arg-type]
    assert platform.token_requests == []


@pytest.mark.parametrize("status", [200, 201, 202, 204])
@pytest.mark.parametrize("body", [b"", {"resultUrl": "https://lms.example/r/1"}, {"userId": "u1"}])
async def test_3_4_any_2xx_is_taken(platform: PaperPlatform, status: int, body: Any) -> None:
    platform.script = [answer(status, body)]
    delivery = await platform.gradebook().post_score(SCORE)
    assert (delivery.recorded, delivery.error, delivery.attempts) == (True, None, 1)
    assert delivery.score is SCORE


async def test_s2_moodles_empty_array_is_not_taken(platform: PaperPlatform) -> None:
    platform.script = [answer(200, "[]")]
    with pytest.raises(UserNotGradableError) as caught:
        await platform.gradebook().post_score(SCORE)
    assert caught.value.recorded is False


async def test_n4_a_page_is_not_taken_for_a_yes(platform: PaperPlatform) -> None:
    platform.script = [answer(200, "<html>log in</html>"), answer(200, "[]")]
    with pytest.raises(MalformedError) as caught:
        await platform.gradebook().post_score(SCORE)
    assert caught.value.recorded is None
    # Whoever said it would say it again: the results are looked at instead.
    assert [request.method for request in platform.sent] == ["POST", "GET"]
