"""
Which bytes stand in the request line: AGS 3.3.1 and 3.4.1 put a suffix on the path, and nothing else may change.

The server reads the socket itself: a URL library on the other side would put right what this side got wrong.
"""

from __future__ import annotations

import attrs
import pytest

from aioags import Client, LineItem, Score
from tests.rigs.raw_server import RawServer, http, http_json

pytestmark = pytest.mark.usefixtures("both_transports")

# What the line item's URL holds behind its origin: where its scores are.
SCORES_OF = {
    "/2/lineitems/7/lineitem?type_id=1": "/2/lineitems/7/lineitem/scores?type_id=1",
    "/i/7?a=1?b=2": "/i/7/scores?a=1?b=2",
    "/i/7?back=/x/y/": "/i/7/scores?back=/x/y/",
    "/i/a%2Cb,c?x=1%2C2,3": "/i/a%2Cb,c/scores?x=1%2C2,3",
    "/i/a%3Ab:c": "/i/a%3Ab:c/scores",
    "/i/context:::site:::7": "/i/context:::site:::7/scores",
    "/i/%2f%2F": "/i/%2f%2F/scores",
    "/i/%7Euser~": "/i/%7Euser~/scores",
    "/i/a+b%20c?q=a+b%20c": "/i/a+b%20c/scores?q=a+b%20c",
    "/i/7?q=%C3%A9%22": "/i/7/scores?q=%C3%A9%22",
    "/i/7#part": "/i/7/scores",
    "/i/7?a=1#part": "/i/7/scores?a=1",
    "/i/7/": "/i/7/scores",
    "/i/7/?a=1": "/i/7/scores?a=1",
    "/i//7": "/i//7/scores",
    "/i/./7/../8": "/i/./7/../8/scores",
    "/i/7?a=&b": "/i/7/scores?a=&b",
    "/i/7?": "/i/7/scores?",
    "/i/7?a=(1)!$'*;[2]|{3}": "/i/7/scores?a=(1)!$'*;[2]|{3}",
    "/i/7;v=1/lineitem": "/i/7;v=1/lineitem/scores",
}
# An empty query is the same resource to yarl, which drops its mark.
WITHOUT_EMPTY_QUERY = {path: wanted.removesuffix("?") for path, wanted in SCORES_OF.items()}


@pytest.mark.parametrize("item, wanted", WITHOUT_EMPTY_QUERY.items())
async def test_3_4_1_scores_go_on_the_path(server: RawServer, client: Client, item: str, wanted: str) -> None:
    server.answers = [http(204, reason=b"No Content")]
    await server.gradebook(client, item).post_score(Score.progress("u", "Started"))
    assert [request.line for request in server.received] == [f"POST {wanted} HTTP/1.1"]


@pytest.mark.parametrize("item, scores", WITHOUT_EMPTY_QUERY.items())
async def test_3_3_1_results_go_on_the_path(server: RawServer, client: Client, item: str, scores: str) -> None:
    gradebook = server.gradebook(client, item)
    assert [result async for result in gradebook.results()] == []
    assert server.received[0].line == f"GET {scores.replace('/scores', '/results')} HTTP/1.1"


@pytest.mark.parametrize("user", ["u 1", "u+1", "a&b=c", "é", "u/1?", "urn:x:1,2", "%41"])
async def test_3_3_5_the_user_filter_joins_the_platforms_own_query(
    server: RawServer, client: Client, user: str
) -> None:
    quoted = {"u 1": "u%201", "u+1": "u%2B1", "a&b=c": "a%26b%3Dc", "é": "%C3%A9", "u/1?": "u%2F1%3F"}
    quoted |= {"urn:x:1,2": "urn%3Ax%3A1%2C2", "%41": "%2541"}
    await server.gradebook(client, "/i/7?a=%2C,1").get_result(user)
    assert server.received[0].target == f"/i/7/results?a=%2C,1&user_id={quoted[user]}"


@pytest.mark.parametrize(
    "item", [path for path in SCORES_OF if "#" not in path and not path.endswith("?")] + ["/i/7/?a=1&"]
)
async def test_3_2_an_items_own_url_is_used_as_it_is(server: RawServer, client: Client, item: str) -> None:
    record = {"id": server.origin + item, "label": "Quiz", "scoreMaximum": 10}
    server.answers = [http_json(record), http_json(record), http(204, reason=b"No Content")]
    gradebook = server.gradebook(client, "/i/other")
    read = await gradebook.get_line_item(server.origin + item)
    await gradebook.update_line_item(attrs.evolve(read, label="Quiz 2"))
    await gradebook.delete_line_item(read)
    assert [request.line for request in server.received] == [f"{verb} {item} HTTP/1.1" for verb in VERBS]


VERBS = ("GET", "PUT", "DELETE")


@pytest.mark.parametrize(
    "container, wanted",
    [
        ("/2/items?type_id=1", "/2/items?type_id=1&tag=a%26b&limit=5"),
        ("/2/items", "/2/items?tag=a%26b&limit=5"),
        ("/2/items?", "/2/items?tag=a%26b&limit=5"),
        ("/2/items?x=%2C,", "/2/items?x=%2C,&tag=a%26b&limit=5"),
        ("/2/items?x=1&", "/2/items?x=1&tag=a%26b&limit=5"),
        ("/2/items/", "/2/items/?tag=a%26b&limit=5"),
        ("/2/items#f", "/2/items?tag=a%26b&limit=5"),
    ],
)
async def test_3_2_4_filters_keep_the_containers_own_query(
    server: RawServer, client: Client, container: str, wanted: str
) -> None:
    gradebook = server.gradebook(client, lineitems=container)
    assert [item async for item in gradebook.line_items(tag="a&b", limit=5)] == []
    assert server.received[0].target == wanted


@pytest.mark.parametrize(
    "link, wanted",
    [
        ("/2/items?from=2&x=%2C,", "/2/items?from=2&x=%2C,"),
        ("/2/items?bookmark=WyJBIiwxXQ:aB%3d", "/2/items?bookmark=WyJBIiwxXQ:aB%3d"),
        ("/2/items?type_id=1&amp;from=2", "/2/items?type_id=1&from=2"),
        ("{origin}/elsewhere/p2?a;b,c", "/elsewhere/p2?a;b,c"),
        ("?page=2", "/2/items?page=2"),
    ],
)
async def test_3_2_4_next_is_used_as_it_is_and_gets_no_filters(
    server: RawServer, client: Client, link: str, wanted: str
) -> None:
    target = link.format(origin=server.origin)
    server.answers = [http_json([], f'Link: <{target}>; rel="next"'), http_json([])]
    gradebook = server.gradebook(client, lineitems="/2/items?type_id=1")
    assert [item async for item in gradebook.line_items(tag="t", resource_id="r")] == []
    first, second = server.received
    assert first.target == "/2/items?type_id=1&resource_id=r&tag=t"
    assert second.target == wanted


async def test_3_3_next_of_results_is_used_as_it_is(server: RawServer, client: Client) -> None:
    server.answers = [http_json([], 'Link: </i/7/results?p=2,%2C>; rel="next"'), http_json([])]
    assert [result async for result in server.gradebook(client, "/i/7").results(user_id="u", limit=1)] == []
    assert [request.target for request in server.received] == [
        "/i/7/results?user_id=u&limit=1",
        "/i/7/results?p=2,%2C",
    ]


async def test_a_page_can_name_items_that_are_then_used_byte_for_byte(server: RawServer, client: Client) -> None:
    record = {"id": f"{server.origin}/x/a%2Cb:::c?t=1?2", "label": "Quiz", "scoreMaximum": 10}
    server.answers = [http_json([record]), http(204, reason=b"No Content")]
    gradebook = server.gradebook(client)
    items = [item async for item in gradebook.line_items()]
    assert isinstance(items[0], LineItem)
    await gradebook.post_score(Score.graded("u", 1, score_maximum=2), line_item=items[0])
    assert server.received[1].target == "/x/a%2Cb:::c/scores?t=1?2"


async def test_the_host_header_is_the_urls_own(server: RawServer, client: Client) -> None:
    await server.gradebook(client, "/i/7").get_result("u")
    assert server.received[0].header("Host") == [f"127.0.0.1:{server.port}"]
