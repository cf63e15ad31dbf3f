"""
The bytes that leave for LTIAAS, as a server without any manners sees them.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import attrs
import pytest

from aioags import Client, LineItem, Score
from aioags.ltiaas import Account
from tests.ltiaas.paper import API_KEY, ENCODED, ITEM, LTIK, SERVICE_KEY, item_record
from tests.rigs.raw_server import RawServer, http, http_json, raw_server

pytestmark = pytest.mark.usefixtures("both_transports")

MOMENT = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
NEXT = "https://lms.example/lineitems?page=2&tag=a%20b"


@attrs.define
class Rig:
    """
    A raw server, and an account on it.
    """

    server: RawServer
    account: Account


@asynccontextmanager
async def rig(*answers: bytes, path: str = "") -> AsyncIterator[Rig]:
    async with raw_server(*answers) as server, Client() as ags:
        yield Rig(server, ags.ltiaas(server.origin + path, API_KEY))


async def test_the_header_of_a_launch() -> None:
    async with rig(http_json(item_record())) as it:
        await it.account.gradebook(ltik=LTIK).get_line_item(ITEM)
        (request,) = it.server.received
        assert request.header("Authorization") == [f"LTIK-AUTH-V2 {API_KEY}:{LTIK}"]
        assert it.server.tokens == []


async def test_the_header_of_a_job() -> None:
    async with rig(http_json(item_record())) as it:
        await it.account.gradebook(service_key=SERVICE_KEY).get_line_item(ITEM)
        assert it.server.received[0].header("Authorization") == [f"SERVICE-AUTH-V1 {API_KEY}:{SERVICE_KEY}"]


async def test_a_line_items_id_is_one_segment_with_nothing_left_safe() -> None:
    async with rig(http_json(item_record())) as it:
        gradebook = it.account.gradebook(ltik=LTIK)
        item = await gradebook.get_line_item(ITEM)
        await gradebook.update_line_item(item)
        await gradebook.delete_line_item(item)
        lines = [request.line for request in it.server.received]
    assert lines == [f"{method} /api/lineitems/{ENCODED} HTTP/1.1" for method in ("GET", "PUT", "DELETE")]


async def test_the_base_url_may_have_a_path() -> None:
    async with rig(http_json(item_record()), path="/lti/") as it:
        await it.account.gradebook(ltik=LTIK).get_line_item(ITEM)
        assert it.server.received[0].target == f"/lti/api/lineitems/{ENCODED}"


async def test_a_score_is_the_standards_in_plain_json() -> None:
    async with rig(http(204)) as it:
        await it.account.gradebook(ltik=LTIK, line_item=ITEM).post_score(
            Score.graded("7", 0, score_maximum=10, timestamp=MOMENT)
        )
        (request,) = it.server.received
    assert request.line == f"POST /api/lineitems/{ENCODED}/scores HTTP/1.1"
    assert request.header("Content-Type") == ["application/json"]
    assert json.loads(request.body) == {
        "userId": "7",
        "activityProgress": "Completed",
        "gradingProgress": "FullyGraded",
        "timestamp": "2026-01-02T03:04:05.678Z",
        "scoreGiven": 0,
        "scoreMaximum": 10,
    }


async def test_a_new_line_item_is_posted_without_nulls() -> None:
    async with rig(http_json(item_record(), status=201)) as it:
        made = await it.account.gradebook(ltik=LTIK).create_line_item(LineItem("Quiz 1", 10, resource_id="quiz-1"))
        (request,) = it.server.received
    assert made.id == ITEM
    assert request.line == "POST /api/lineitems HTTP/1.1"
    assert request.body == b'{"label":"Quiz 1","scoreMaximum":10,"resourceId":"quiz-1"}'


async def test_filters_go_under_their_own_names() -> None:
    async with rig(http_json({"lineItems": []})) as it:
        gradebook = it.account.gradebook(ltik=LTIK)
        assert [
            item async for item in gradebook.line_items(resource_link_id="a/b", resource_id="é", tag="x&y", limit=5)
        ] == []
        (request,) = it.server.received
    assert request.target == "/api/lineitems?resourceLinkId=a%2Fb&resourceId=%C3%A9&tag=x%26y&limit=5"


async def test_the_next_page_is_asked_for_with_its_url_encoded_once_and_nothing_else() -> None:
    first, last = (
        {"lineItems": [item_record()], "next": NEXT},
        {"lineItems": [item_record(id=f"{ITEM}2", label="Quiz 2")]},
    )
    async with rig(http_json(first), http_json(last)) as it:
        items = [item.label async for item in it.account.gradebook(ltik=LTIK).line_items(tag="grade", limit=1)]
        targets = [request.target for request in it.server.received]
    assert items == ["Quiz 1", "Quiz 2"]
    assert targets == [
        "/api/lineitems?tag=grade&limit=1",
        "/api/lineitems?url=https%3A%2F%2Flms.example%2Flineitems%3Fpage%3D2%26tag%3Da%2520b",
    ]


async def test_results_are_a_get_of_scores() -> None:
    record = {"id": "https://lms.example/r/1", "userId": 7, "scoreOf": ITEM, "resultScore": None, "comment": None}
    first, last = {"scores": [record], "next": "https://lms.example/r?p=2"}, {"scores": []}
    async with rig(http_json(first), http_json(last)) as it:
        (result,) = [
            result async for result in it.account.gradebook(ltik=LTIK, line_item=ITEM).results(user_id="7", limit=1)
        ]
        targets = [request.target for request in it.server.received]
    assert (result.user_id, result.result_score, result.result_maximum, result.comment) == ("7", None, 1, None)
    assert targets == [
        f"/api/lineitems/{ENCODED}/scores?userId=7&limit=1",
        f"/api/lineitems/{ENCODED}/scores?url=https%3A%2F%2Flms.example%2Fr%3Fp%3D2",
    ]


async def test_the_idtoken_and_the_lmss_own_claims() -> None:
    async with rig(http_json({"sub": "7"})) as it:
        await it.account.idtoken(ltik=LTIK)
        assert await it.account.claims(ltik=LTIK) == {"sub": "7"}
        assert [request.target for request in it.server.received] == ["/api/idtoken", "/api/idtoken?raw=true"]


async def test_memberships() -> None:
    first = {"members": [{"userId": "7", "roles": ["Learner"]}], "next": "https://lms.example/m?p=2"}
    async with rig(http_json(first), http_json({"members": []})) as it:
        members = it.account.memberships(service_key=SERVICE_KEY, role="Learner", resource_link_id="4", limit=1)
        assert [member.user_id async for member in members] == ["7"]
        targets = [request.target for request in it.server.received]
    assert targets == [
        "/api/memberships?role=Learner&resourceLinkId=4&limit=1",
        "/api/memberships?url=https%3A%2F%2Flms.example%2Fm%3Fp%3D2",
    ]


async def test_deep_linking() -> None:
    link = {"type": "ltiResourceLink", "url": "https://your.ltiaas.com/lti/launch?resource=1", "title": "É"}
    form, message = {"form": "<form>"}, {"message": "a.b.c", "target": "https://lms.example/dl"}
    async with rig(http_json(form), http_json(message)) as it:
        assert await it.account.deep_linking_form([link], ltik=LTIK) == "<form>"
        parts = await it.account.deep_linking_message([link], ltik=LTIK, message="Done", error_log="x")
        one, two = it.server.received
    assert (parts.message, parts.target) == ("a.b.c", "https://lms.example/dl")
    assert (one.line, json.loads(one.body)) == ("POST /api/deeplinking/form HTTP/1.1", {"contentItems": [link]})
    assert two.line == "POST /api/deeplinking HTTP/1.1"
    assert json.loads(two.body) == {"contentItems": [link], "options": {"message": "Done", "errLog": "x"}}


async def test_a_403_or_401_leads_to_no_token_request_and_no_second_try() -> None:
    async with rig(http(401)) as it:
        report = await it.account.gradebook(ltik=LTIK, line_item=ITEM).post_scores(
            [Score.graded("7", 1, score_maximum=1)]
        )
        assert not report.ok
        assert (len(it.server.received), it.server.tokens) == (1, [])
