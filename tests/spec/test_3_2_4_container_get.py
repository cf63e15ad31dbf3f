"""
AGS 3.2.4: listing line items: the media type, the filters, the pages, and their end.
"""

from __future__ import annotations

from typing import Any

import pytest

from aioags import LineItem, MalformedError, UntrustedURLError
from aioags.calls.pages import MOST_PAGES
from aioags.protocol.messages import Request, Response
from tests.fakes import CONTAINER, HOST, PaperPlatform, answer, header, item_record


def item(number: int, **changes: Any) -> dict[str, Any]:
    """
    Return the nth line item as the platform writes it.
    """
    return item_record(**({"id": f"{HOST}/2/lineitems/{number}", "label": f"Quiz {number}"} | changes))


def page(*numbers: int, following: str | None = None) -> Response:
    """
    Return a page of line items, with the target of its next link.
    """
    links = () if following is None else (("Link", f'<{following}>; rel="next"'),)
    return answer(200, [item(number) for number in numbers], *links)


async def listed(platform: PaperPlatform, **filters: Any) -> list[LineItem]:
    """
    List the items of a new gradebook.
    """
    return [found async for found in platform.gradebook().line_items(**filters)]


async def test_3_2_4_get_on_the_container_with_its_media_type(platform: PaperPlatform) -> None:
    platform.script = [page(1)]
    await listed(platform)
    (request,) = platform.sent
    assert (request.method, request.url, request.body) == ("GET", CONTAINER, None)
    assert header(request, "Accept") == ["application/vnd.ims.lis.v2.lineitemcontainer+json"]
    assert header(request, "Content-Type") == []


async def test_3_2_4_no_item_is_an_empty_array(platform: PaperPlatform) -> None:
    platform.script = [page()]
    assert await listed(platform) == []


@pytest.mark.parametrize("name", ["resource_link_id", "resource_id", "tag"])
async def test_3_2_4_a_filter_is_sent_and_applied_again(platform: PaperPlatform, name: str) -> None:
    field = {"resource_link_id": "resourceLinkId", "resource_id": "resourceId", "tag": "tag"}[name]
    platform.script = [answer(200, [item(1, **{field: "a&b"}), item(2, **{field: "A&B"}), item(3, **{field: ""})])]
    found = await listed(platform, **{name: "a&b"})
    assert platform.sent[0].url == f"{CONTAINER}&{name}=a%26b"
    # Sakai ignores a filter it knows by another name; comparison is exact.
    assert [one.label for one in found] == ["Quiz 1"]


async def test_3_2_4_filters_combine_with_and(platform: PaperPlatform) -> None:
    platform.script = [
        answer(200, [item(1, resourceLinkId="l"), item(2, resourceLinkId="l", resourceId="r"), item(3, resourceId="r")])
    ]
    found = await listed(platform, resource_link_id="l", resource_id="r")
    assert [one.label for one in found] == ["Quiz 2"]
    assert platform.sent[0].url == f"{CONTAINER}&resource_link_id=l&resource_id=r"


async def test_3_2_4_limit_is_sent_and_smaller_pages_are_fine(platform: PaperPlatform) -> None:
    platform.script = [page(1, following="?page=2"), page(2, 3)]
    assert len(await listed(platform, limit=50)) == 3
    assert platform.sent[0].url == f"{CONTAINER}&limit=50"


@pytest.mark.parametrize(
    "limit, error", [(0, ValueError), (-1, ValueError), (True, TypeError), ("5", TypeError), (5.0, TypeError)]
)
async def test_3_2_4_a_wrong_limit_is_refused_before_anything_is_sent(
    platform: PaperPlatform, limit: Any, error: type[Exception]
) -> None:
    with pytest.raises(error, match="limit must be"):
        await listed(platform, limit=limit)
    assert platform.token_requests == []


@pytest.mark.parametrize("name", ["resource_link_id", "resource_id", "tag"])
@pytest.mark.parametrize("value, error", [("", ValueError), (" ", ValueError), (5, TypeError)])
async def test_3_2_4_a_wrong_filter_is_refused_before_anything_is_sent(
    platform: PaperPlatform, name: str, value: Any, error: type[Exception]
) -> None:
    # Moodle takes an empty filter for "is empty".
    with pytest.raises(error, match=f"{name} must"):
        await listed(platform, **{name: value})
    assert platform.token_requests == []


async def test_3_2_4_next_is_followed_as_it_is_and_filters_are_not_applied_to_it_again(platform: PaperPlatform) -> None:
    following = f"{HOST}/2/lineitems?page=bookmark:AbC%2c&x=a?b"
    platform.script = [page(1, following=following), page(2)]
    found = await listed(platform, tag="grade", limit=1)
    assert [one.label for one in found] == ["Quiz 1", "Quiz 2"]
    assert platform.sent[1].url == following
    assert header(platform.sent[1], "Accept") == header(platform.sent[0], "Accept")


async def test_3_2_4_only_the_absence_of_next_ends_the_listing(platform: PaperPlatform) -> None:
    platform.script = [page(following="?page=2"), page(1, following="?page=3"), page(following="?page=4"), page(2)]
    assert [one.label for one in await listed(platform)] == ["Quiz 1", "Quiz 2"]


async def test_3_2_4_a_platform_may_page_unasked(platform: PaperPlatform) -> None:
    platform.script = [page(*range(10), following="?page=2"), page(10)]
    assert len(await listed(platform)) == 11


async def test_3_2_4_pages_are_fetched_when_they_are_needed(platform: PaperPlatform) -> None:
    platform.script = [page(1, 2, following="?page=2")]
    items = platform.gradebook().line_items()
    assert (await anext(items)).label == "Quiz 1"
    assert (await anext(items)).label == "Quiz 2"
    assert len(platform.sent) == 1
    await items.aclose()


@pytest.mark.parametrize("following", [CONTAINER, "?page=2"], ids=["the first page", "itself"])
async def test_3_2_4_a_page_that_was_read_already_is_an_error_not_an_end(
    platform: PaperPlatform, following: str
) -> None:
    platform.script = [page(1, following="?page=2"), page(2, following=following)]
    found: list[str] = []
    with pytest.raises(MalformedError, match="one already read") as caught:
        async for one in platform.gradebook().line_items():
            found.append(one.label)
    assert found == ["Quiz 1", "Quiz 2"]
    assert caught.value.spec == "AGS 3.2.4"


async def test_3_2_4_a_listing_without_end_is_an_error() -> None:
    numbers = iter(range(MOST_PAGES + 10))

    def endless(_: Request) -> Response:
        return page(following=f"?page={next(numbers)}")

    platform = PaperPlatform(script=[endless] * (MOST_PAGES + 1))
    with pytest.raises(MalformedError, match=f"more than {MOST_PAGES} pages"):
        await listed(platform)
    assert len(platform.sent) == MOST_PAGES


@pytest.mark.parametrize(
    "following", ["https://evil.example/2", "http://other.example/2", "//evil.example/2", "mailto:x"]
)
async def test_3_2_4_a_next_elsewhere_is_an_error_not_an_end(platform: PaperPlatform, following: str) -> None:
    platform.script = [page(1, following=following)]
    with pytest.raises(UntrustedURLError, match="the next page of line items"):
        await listed(platform)
    assert len(platform.sent) == 1


@pytest.mark.parametrize("body", [b"", "<html>log in</html>", '[{"id"', {"items": []}, "null", [[]], [item(1), {}]])
async def test_3_2_4_a_page_that_cannot_be_read_is_an_error_not_an_end(platform: PaperPlatform, body: Any) -> None:
    platform.script = [page(1, following="?page=2"), answer(200, body)]
    with pytest.raises(MalformedError) as caught:
        await listed(platform)
    assert (caught.value.recorded, caught.value.status) == (False, 200)


async def test_3_2_3_an_odd_record_is_named(platform: PaperPlatform) -> None:
    platform.script = [answer(200, [item(1), item(2, scoreMaximum="many")])]
    with pytest.raises(
        MalformedError, match=r"record 1: in the line item .*/2/lineitems/2: scoreMaximum is not a number"
    ):
        await listed(platform)
