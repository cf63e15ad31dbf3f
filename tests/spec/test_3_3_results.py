"""
AGS 3.3: reading results: the URL, the media type, the fields, and who is absent.
"""

from __future__ import annotations

from typing import Any

import pytest

from aioags import LineItem, MalformedError, Result
from aioags.protocol.messages import Response
from tests.fakes import HOST, ITEM, RESULTS, PaperPlatform, answer, header


def row(user_id: Any, **fields: Any) -> dict[str, Any]:
    """
    Return a result as the platform writes it.
    """
    return {"id": f"{ITEM}/results/{user_id}", "scoreOf": ITEM, "userId": user_id} | fields


def page(*user_ids: str, following: str | None = None) -> Response:
    """
    Return a page of results.
    """
    links = () if following is None else (("Link", f'<{following}>; rel="next"'),)
    return answer(200, [row(user_id, resultScore=5) for user_id in user_ids], *links)


async def listed(platform: PaperPlatform, **filters: Any) -> list[Result]:
    """
    Read the results of a new gradebook.
    """
    return [result async for result in platform.gradebook().results(**filters)]


@pytest.mark.parametrize(
    "item, results",
    [
        (f"{HOST}/li/7", f"{HOST}/li/7/results"),
        (f"{HOST}/li/7?type_id=1", f"{HOST}/li/7/results?type_id=1"),
        (f"{HOST}/li/7/?a=b?c=%2C", f"{HOST}/li/7/results?a=b?c=%2C"),
        (f"{HOST}/li/8f3:::x/7", f"{HOST}/li/8f3:::x/7/results"),
    ],
)
async def test_3_3_1_results_goes_on_the_items_path(platform: PaperPlatform, item: str, results: str) -> None:
    platform.script = [page()]
    await listed(platform, line_item=item)
    assert platform.sent[0].url == results


async def test_3_3_get_with_the_results_media_type(platform: PaperPlatform) -> None:
    platform.script = [page()]
    await listed(platform)
    (request,) = platform.sent
    assert (request.method, request.url, request.body) == ("GET", RESULTS, None)
    assert header(request, "Accept") == ["application/vnd.ims.lis.v2.resultcontainer+json"]


async def test_3_3_4_every_field(platform: PaperPlatform) -> None:
    platform.script = [
        answer(200, [row("u1", resultScore=0, resultMaximum=6, scoringUserId="t1", comment="x", extra=1)])
    ]
    (result,) = await listed(platform)
    assert (result.id, result.score_of, result.user_id) == (f"{ITEM}/results/u1", ITEM, "u1")
    assert (result.result_score, result.result_maximum, result.fraction) == (0, 6, 0.0)
    assert (result.scoring_user_id, result.comment, result.extensions) == ("t1", "x", {"extra": 1})


@pytest.mark.parametrize("name", ["resultScore", "scoringUserId", "comment", "scoreOf", "id"])
async def test_3_3_4_a_field_may_be_absent_or_null(platform: PaperPlatform, name: str) -> None:
    platform.script = [answer(200, [row("u1", **{name: None}), {"userId": "u1"}])]
    for result in await listed(platform):
        assert (
            getattr(
                result,
                {"resultScore": "result_score", "scoringUserId": "scoring_user_id", "scoreOf": "score_of"}.get(
                    name, name
                ),
            )
            is None
        )


async def test_3_3_4_6_a_missing_maximum_is_one(platform: PaperPlatform) -> None:
    platform.script = [answer(200, [row("u1", resultScore=0.5), row("u2", resultScore=0.5, resultMaximum=None)])]
    for result in await listed(platform):
        assert (result.result_maximum, result.fraction) == (1, 0.5)


async def test_3_3_5_results_are_sparse(platform: PaperPlatform) -> None:
    platform.script = [answer(200, [row("u1", resultScore=5), row("u2")])]
    results = await listed(platform)
    assert [(result.user_id, result.result_score) for result in results] == [("u1", 5), ("u2", None)]


async def test_3_3_6_one_user(platform: PaperPlatform) -> None:
    platform.script = [page("u/1")]
    result = await platform.gradebook().get_result("u/1")
    assert result is not None
    assert result.user_id == "u/1"
    assert platform.sent[0].url == f"{RESULTS}&user_id=u%2F1"


async def test_3_3_6_nobody_is_an_empty_array(platform: PaperPlatform) -> None:
    platform.script = [page()]
    assert await platform.gradebook().get_result("u1") is None


async def test_r2_a_platform_that_ignores_the_filter_is_filtered_here(platform: PaperPlatform) -> None:
    platform.script = [page("u2", "u3", following=f"{RESULTS}&page=2"), page("u1", "u4")]
    result = await platform.gradebook().get_result("u1")
    assert result is not None
    assert result.user_id == "u1"
    platform.script = [page("u2", "u3")]
    assert await platform.gradebook().get_result("u1") is None


async def test_r3_a_bare_object_is_one_result(platform: PaperPlatform) -> None:
    platform.script = [answer(200, row("u1", resultScore=5))]
    result = await platform.gradebook().get_result("u1")
    assert result is not None
    assert result.result_score == 5


async def test_3_3_6_pages_are_followed_as_they_are(platform: PaperPlatform) -> None:
    following = f"{RESULTS}&from=1"
    platform.script = [page("u1", following=following), page(following=f"{RESULTS}&from=2"), page("u2")]
    assert [result.user_id for result in await listed(platform)] == ["u1", "u2"]
    assert [request.url for request in platform.sent] == [RESULTS, following, f"{RESULTS}&from=2"]


async def test_3_3_6_limit_is_sent_when_asked_for(platform: PaperPlatform) -> None:
    platform.script = [page("u1")]
    await listed(platform, limit=5)
    assert platform.sent[0].url == f"{RESULTS}&limit=5"


@pytest.mark.parametrize("response", [answer(404, "<html>Call to a member function out()</html>"), answer(501)])
async def test_p7_moodle_fails_with_a_limit_and_is_asked_again_without(
    platform: PaperPlatform, response: Response
) -> None:
    platform.script = [response, page("u1")]
    assert len(await listed(platform, limit=5)) == 1
    assert [request.url for request in platform.sent] == [f"{RESULTS}&limit=5", RESULTS]


async def test_3_3_a_page_that_cannot_be_read_is_an_error_that_names_the_record(platform: PaperPlatform) -> None:
    platform.script = [answer(200, [row("u1"), row(None)])]
    with pytest.raises(MalformedError, match="record 1: the result has no userId"):
        await listed(platform)


@pytest.mark.parametrize("user_id, error", [("", ValueError), (" ", ValueError), (5, TypeError), (None, TypeError)])
async def test_3_3_6_a_wrong_user_is_refused_before_anything_is_sent(
    platform: PaperPlatform, user_id: Any, error: type[Exception]
) -> None:
    with pytest.raises(error, match="user_id must"):
        await platform.gradebook().get_result(user_id)
    assert platform.token_requests == []


async def test_3_3_4_3_the_results_of_an_item_or_its_id(platform: PaperPlatform) -> None:
    platform.script = [page(), page(), page()]
    for line_item in (None, ITEM, LineItem("Quiz 1", 10, id=ITEM)):
        await listed(platform, line_item=line_item)
    assert {request.url for request in platform.sent} == {RESULTS}
