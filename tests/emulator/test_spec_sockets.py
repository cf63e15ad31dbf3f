"""
The strict platform on a real socket, asked by a plain HTTP client and by bare bytes.
"""

from __future__ import annotations

import asyncio
import io
import json
import sys
from collections.abc import AsyncIterator

import aiohttp
import attrs
import pytest

from aioags.emulator import ManualClock, Platform, Server, serve
from aioags.emulator.wire.messages import Answer, Manner
from tests.emulator.raw_tool import CONTAINER_TYPE, SCORE_TYPE, START, RawTool, score


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    platform = Platform.create(clock=ManualClock(START))
    async with serve(platform) as running:
        yield running


async def raw(server: Server, text: bytes) -> bytes:
    """
    Send bytes, and read until the server closes.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(text)
    answer = await reader.read()
    writer.close()
    return answer


async def test_urls_say_where_the_server_listens(server: Server) -> None:
    args = server.platform.registration_args()
    assert args["token_url"].startswith(server.url + "/")
    assert args["issuer"] == server.url
    assert server.platform.endpoint_claim()["lineitems"].startswith(server.url + "/")


async def test_a_score_goes_over_the_socket_and_comes_back(server: Server) -> None:
    one = RawTool(server.platform)
    args = server.platform.registration_args()
    async with aiohttp.ClientSession() as session:
        async with session.post(args["token_url"], data=one.form()) as answer:
            token = (await answer.json())["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        body = json.dumps(score(one.users[0], comment="ü€👍"), ensure_ascii=False).encode()
        post = headers | {"Content-Type": SCORE_TYPE}
        async with session.post(one.item_url + "/scores", data=body, headers=post) as answer:
            assert (answer.status, await answer.read()) == (204, b"")
        async with session.get(one.item_url + "/results", headers=headers) as answer:
            assert (await answer.json(content_type=None))[0]["comment"] == "ü€👍"
    recorded = server.platform.requests[1]
    assert recorded.request.body == body
    assert recorded.request.url == one.item_url + "/scores"


async def test_a_connection_serves_many_requests_and_close_is_honoured(server: Server) -> None:
    request = b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n"
    last = b"GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answer = await raw(server, request * 2 + last)
    assert answer.count(b"HTTP/1.1 404 Not Found\r\n") == 3
    assert answer.count(b"Connection: close") == 1


async def test_the_url_is_kept_as_it_was_on_the_wire(server: Server) -> None:
    await raw(server, b"GET /a%3Ab/:::?x=%2C,&y HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert server.platform.requests[-1].request.url == server.url + "/a%3Ab/:::?x=%2C,&y"


@attrs.define
class OneAnswer(Platform):
    """
    A platform that always says the same.
    """

    said: Answer = attrs.field(default=Answer(200), kw_only=True)

    def perform(self, visit: object) -> Answer:
        return self.said


async def carried(answer: Answer, request: bytes = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n") -> bytes:
    """
    Return the bytes that a client gets for an answer.
    """
    made = Platform.create()
    platform = OneAnswer(made.site, made.key, made.tokens, made.requests, made.faults, made.furnish, said=answer)
    async with serve(platform, sleep=lambda seconds: asyncio.sleep(0)) as running:
        return await raw(running, request)


async def test_reason_phrases_and_headers_go_out_as_utf8_bytes() -> None:
    long = "Ünfug “" + "x" * 9000
    answer = await carried(Answer(400, (("Link", "<https://a>; rel=“next”"),), b"[]", long))
    assert answer.startswith(f"HTTP/1.1 400 {long}\r\n".encode())
    assert b"rel=\xe2\x80\x9cnext\xe2\x80\x9d\r\n" in answer
    assert answer.endswith(b"\r\n\r\n[]")


async def test_http_1_0_closes() -> None:
    keep_alive = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    answer = await carried(Answer(200, (), b"[]", manner=Manner(http_version="1.0")), keep_alive)
    assert answer.startswith(b"HTTP/1.0 200 OK\r\n")
    assert b"Connection: close\r\n" in answer


async def test_a_half_answer_promises_more_than_it_sends() -> None:
    answer = await carried(Answer(200, (), b"0123456789", manner=Manner(cut=4)))
    assert b"Content-Length: 10\r\n" in answer
    assert answer.endswith(b"\r\n\r\n0123")


async def test_a_dripped_answer_is_whole_in_the_end() -> None:
    assert (await carried(Answer(200, (), b"0123456789", manner=Manner(drip=1.0)))).endswith(b"\r\n\r\n0123456789")


async def test_a_dropped_answer_is_an_empty_close() -> None:
    assert await carried(Answer(200, (), b"x", manner=Manner(lost="drop"))) == b""


async def test_a_reset_answer_is_a_reset() -> None:
    with pytest.raises(ConnectionResetError):
        await carried(Answer(200, (), b"x", manner=Manner(lost="reset")))


async def test_head_has_no_body_and_204_no_length() -> None:
    head = b"HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    assert (await carried(Answer(200, (), b"xyz"), head)).endswith(b"Content-Length: 3\r\n\r\n")
    assert b"Content-Length" not in await carried(Answer(204))


async def test_a_body_beyond_all_measure_is_413(server: Server) -> None:
    one = RawTool(server.platform)
    async with aiohttp.ClientSession() as session:
        data = io.BytesIO(b"x" * (8 * 1024 * 1024 + 1))
        async with session.post(one.item_url + "/scores", data=data) as answer:
            assert answer.status == 413


async def test_garbage_is_400_and_the_server_lives_on(server: Server) -> None:
    assert b" 400 " in await raw(server, b"\x16\x03\x01 nonsense\r\n\r\n")
    headers = {"Accept": CONTAINER_TYPE}
    async with aiohttp.ClientSession() as session, session.get(server.url, headers=headers) as answer:
        assert answer.status == 404


async def test_the_command_prints_what_a_tool_needs_and_serves() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "aioags.emulator",
        "--users",
        "2",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    lines = []
    while not lines or lines[-1] != b"}\n":
        lines.append(await process.stdout.readline())
    document = json.loads(b"".join(lines))
    assert b"for this machine only" in await process.stderr.readline()
    assert {"issuer", "token_url", "client_id", "key", "deployment_id", "endpoint", "control_url"} <= set(document)
    async with aiohttp.ClientSession() as session, session.get(document["endpoint"]["lineitems"]) as answer:
        assert answer.status == 401
    process.terminate()
    assert await process.wait() == 0
