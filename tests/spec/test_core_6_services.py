"""
CORE 6.1, 6.2: every service call goes over https with a bearer token, and with nothing else.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from aioags import Gradebook, LineItem, Score, UntrustedURLError
from tests.fakes import HOST, ITEM, PaperPlatform, answer, header, item_record


async def listed(records: Any) -> list[Any]:
    """
    Read a listing to its end.
    """
    return [record async for record in records]


CALLS: dict[str, tuple[Callable[[Gradebook], Awaitable[Any]], Any]] = {
    "list": (lambda book: listed(book.line_items()), []),
    "get": (lambda book: book.get_line_item(), item_record()),
    "create": (lambda book: book.create_line_item(LineItem("Quiz", 10)), item_record()),
    "update": (lambda book: book.update_line_item(LineItem("Quiz", 10, id=ITEM)), item_record()),
    "delete": (lambda book: book.delete_line_item(ITEM, force=True), b""),
    "results": (lambda book: listed(book.results()), []),
    "result": (lambda book: book.get_result("u1"), []),
    "score": (lambda book: book.post_score(Score.cleared("u1")), b""),
    "scores": (lambda book: book.post_scores([Score.cleared("u1")]), b""),
}


@pytest.mark.parametrize("call, body", CALLS.values(), ids=CALLS.keys())
async def test_6_2_every_call_carries_one_bearer_token(platform: PaperPlatform, call: Any, body: Any) -> None:
    platform.script = [answer(200, body)]
    await call(platform.gradebook())
    assert [header(request, "Authorization") for request in platform.sent] == [["Bearer token-1"]]
    assert len(header(platform.sent[0], "Accept")) == 1
    assert len(header(platform.sent[0], "Content-Type")) == (platform.sent[0].body is not None)


async def test_4_1_one_token_serves_until_it_ends(platform: PaperPlatform) -> None:
    gradebook = platform.gradebook()
    for call, body in CALLS.values():
        platform.script = [answer(200, body)]
        await call(gradebook)
    assert len(platform.token_requests) == 1


@pytest.mark.parametrize("call, body", CALLS.values(), ids=CALLS.keys())
async def test_6_2_an_expired_token_is_renewed_once(platform: PaperPlatform, call: Any, body: Any) -> None:
    platform.script = [answer(401), answer(200, body)]
    await call(platform.gradebook())
    assert [header(request, "Authorization") for request in platform.sent] == [["Bearer token-1"], ["Bearer token-2"]]


@pytest.mark.parametrize(
    "url", ["http://other.example/2", "https://lms.example:port/", "lms.example/2", "https://a@lms.example/"]
)
@pytest.mark.parametrize("call, body", CALLS.values(), ids=CALLS.keys())
async def test_6_1_nothing_goes_over_http_nor_to_what_is_no_url(
    platform: PaperPlatform, call: Any, body: Any, url: str
) -> None:
    gradebook = platform.gradebook(lineitems=url, lineitem=url)
    try:
        report = await call(gradebook)
    except UntrustedURLError as error:
        assert error.spec == "CORE 6.1"  # noqa: PT017
    else:
        assert [type(delivery.error) for delivery in report.failed] == [UntrustedURLError]
    assert (platform.sent, platform.token_requests) == ([], [])


@pytest.mark.parametrize("call, body", CALLS.values(), ids=CALLS.keys())
async def test_6_2_a_redirect_elsewhere_gets_no_token(platform: PaperPlatform, call: Any, body: Any) -> None:
    platform.script = [answer(307, b"", ("Location", "https://evil.example/2"))]
    try:
        report = await call(platform.gradebook())
    except UntrustedURLError:
        pass
    else:
        assert [type(delivery.error) for delivery in report.failed] == [UntrustedURLError]
    assert len(platform.sent) == 1


async def test_6_1_loopback_needs_no_tls(platform: PaperPlatform) -> None:
    platform.script = [answer(204)]
    await platform.gradebook(lineitem="http://127.0.0.1:8000/li/7").post_score(Score.cleared("u1"))
    assert platform.sent[0].url == "http://127.0.0.1:8000/li/7/scores"


async def test_6_2_a_redirect_on_the_same_origin_keeps_method_body_and_token(platform: PaperPlatform) -> None:
    platform.script = [answer(308, b"", ("Location", "/moved/scores")), answer(204)]
    await platform.gradebook().post_score(Score.cleared("u1"))
    before, after = platform.sent
    assert after.url == f"{HOST}/moved/scores"
    assert (after.method, after.body, after.headers) == (before.method, before.body, before.headers)
