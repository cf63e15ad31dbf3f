"""
Which headers and bodies are sent: one exact media type each (Moodle and Schoology take no list and no ``*/*``).
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from urllib.parse import parse_qs

import aiohttp
import attrs
import pytest
from joserfc import jwt

import aioags
from aioags import Client, LineItem, Scope, Score
from tests.rigs.memory import tool_key
from tests.rigs.raw_server import GRANT, RawServer, Received, http, http_json

pytestmark = pytest.mark.usefixtures("both_transports")

CONTAINER = "application/vnd.ims.lis.v2.lineitemcontainer+json"
LINE_ITEM = "application/vnd.ims.lis.v2.lineitem+json"
RESULTS = "application/vnd.ims.lis.v2.resultcontainer+json"
SCORE = "application/vnd.ims.lis.v1.score+json"


def media(request: Received) -> tuple[list[str], list[str]]:
    """
    Return what a request says it takes, and what it says it carries.
    """
    return request.header("Accept"), request.header("Content-Type")


async def test_every_call_names_one_exact_media_type(server: RawServer, client: Client) -> None:
    record = {"id": f"{server.origin}/items/7", "label": "Quiz", "scoreMaximum": 10}
    gradebook = server.gradebook(client)
    server.answers = [http_json([record]), *[http_json(record)] * 3, http(204), http(204), http_json([])]
    (item,) = [item async for item in gradebook.line_items()]
    await gradebook.get_line_item(item)
    await gradebook.create_line_item(LineItem("Quiz", 10))
    await gradebook.update_line_item(item)
    await gradebook.delete_line_item(item, force=True)
    await gradebook.post_score(Score.progress("u", "Started"))
    assert [result async for result in gradebook.results()] == []
    assert [media(request) for request in server.received] == [
        ([CONTAINER], []),
        ([LINE_ITEM], []),
        ([LINE_ITEM], [LINE_ITEM]),
        ([LINE_ITEM], [LINE_ITEM]),
        ([LINE_ITEM], []),
        ([SCORE], [SCORE]),
        ([RESULTS], []),
    ]


async def test_what_every_request_says_of_itself(server: RawServer, client: Client) -> None:
    await server.gradebook(client).get_result("u")
    (request,) = server.received
    assert request.header("User-Agent") == [f"aioags/{aioags.__version__}"]
    assert request.header("Authorization") == [f"Bearer {GRANT['access_token']}"]
    assert request.header("Cookie") == []
    assert request.header("Content-Length") == []
    assert b"*/*" not in request.head
    assert b"\r\n " not in request.head


async def test_the_user_agent_is_on_token_requests_too(server: RawServer, client: Client) -> None:
    await server.gradebook(client).get_result("u")
    assert server.tokens[0].header("User-Agent") == [f"aioags/{aioags.__version__}"]
    assert server.tokens[0].header("Authorization") == []


async def test_a_callers_session_may_have_defaults_of_its_own(server: RawServer) -> None:
    defaults = {"Accept": "*/*", "Content-Type": "text/plain", "Authorization": "Basic eA==", "X-Ours": "kept"}
    async with aiohttp.ClientSession(headers=defaults) as session, Client(session=session) as client:
        await server.gradebook(client).get_result("u")
    (request,) = server.received
    assert request.header("Accept") == [RESULTS]
    assert request.header("Authorization") == [f"Bearer {GRANT['access_token']}"]
    assert request.header("X-Ours") == ["kept"]


async def test_4_1_the_token_request_is_the_form_of_the_security_framework(server: RawServer, client: Client) -> None:
    await server.gradebook(client).get_result("u")
    (request,) = server.tokens
    assert request.line == "POST /token HTTP/1.1"
    assert media(request) == (["application/json"], ["application/x-www-form-urlencoded"])
    form = parse_qs(request.body.decode("ascii"), strict_parsing=True)
    assert form["grant_type"] == ["client_credentials"]
    assert form["client_assertion_type"] == ["urn:ietf:params:oauth:client-assertion-type:jwt-bearer"]
    assert form["scope"] == [" ".join(sorted(Scope))]
    assert set(form) == {"grant_type", "client_assertion_type", "client_assertion", "scope"}
    claims = jwt.decode(form["client_assertion"][0], tool_key(), algorithms=["ES256"]).claims
    assert (claims["iss"], claims["sub"], claims["aud"]) == ("tool-1", "tool-1", f"{server.origin}/token")


async def test_a_score_is_compact_json_on_one_line(server: RawServer, client: Client) -> None:
    server.answers = [http(204)]
    comment = "Zeile 1\nZeile 2 – ü 漢 \u2028 😀"
    stamp = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    score = Score.graded("ü/1", Decimal("8.50"), score_maximum=10, comment=comment, timestamp=stamp)
    await server.gradebook(client).post_score(score)
    (request,) = server.received
    assert b"\n" not in request.body
    assert b'"scoreGiven":8.50,"scoreMaximum":10,' in request.body
    assert b'"timestamp":"2026-01-02T03:04:05.000Z"' in request.body
    assert request.header("Content-Length") == [str(len(request.body))]
    sent = json.loads(request.body.decode("utf-8"))
    assert (sent["userId"], sent["comment"]) == ("ü/1", comment)


async def test_an_update_holds_everything_but_the_id(server: RawServer, client: Client) -> None:
    record = {
        "id": f"{server.origin}/items/7",
        "label": "Quiz",
        "scoreMaximum": 10,
        "tag": None,
        "resourceId": "",
        "https://lms.example/color": {"a": [1, None]},
        "unknown": "kept",
    }
    server.answers = [http_json(record)]
    gradebook = server.gradebook(client)
    item = await gradebook.get_line_item()
    await gradebook.update_line_item(attrs.evolve(item, label="Quiz 2"))
    assert json.loads(server.received[1].body) == {
        "label": "Quiz 2",
        "scoreMaximum": 10,
        "https://lms.example/color": {"a": [1, None]},
        "unknown": "kept",
    }
