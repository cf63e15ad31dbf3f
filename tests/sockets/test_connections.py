"""
What servers do with connections and status lines, and who closes what.
"""

from __future__ import annotations

import asyncio
import gc
import random
import warnings
import zlib

import aiohttp
import pytest

from aioags import (
    AGSError,
    Client,
    Gradebook,
    LineItem,
    LostAnswerError,
    MalformedError,
    NotFoundError,
    RefusedError,
    RetryPolicy,
    Score,
    Timeouts,
    UnreachableError,
    UserNotGradableError,
)
from aioags.calls.lane import LaneTransport
from tests.rigs.raw_server import RawServer, Received, http, http_json

pytestmark = pytest.mark.usefixtures("both_transports")

ONCE = RetryPolicy(attempts=1)
QUICK = RetryPolicy(first_wait=0.001)


def graded(comment: str | None = None) -> Score:
    """
    Return a grade.
    """
    return Score.graded("user-1", 8, score_maximum=10, comment=comment)


# -- Keeping, closing --------------------------------------------------------------------------------------------------


async def test_one_connection_serves_call_after_call(server: RawServer) -> None:
    server.answers = [http(204)]
    async with Client() as client:
        gradebook = server.gradebook(client)
        for _ in range(5):
            await gradebook.post_score(graded())
    assert [request.connection for request in server.received] == [1] * 5
    assert server.connections == 1


@pytest.mark.parametrize("idle, connection", [(3.0, 1), (5.0, 2)])
async def test_a_connection_is_not_used_again_when_a_server_may_be_closing_it(
    server: RawServer, monkeypatch: pytest.MonkeyPatch, both_transports: str, idle: float, connection: int
) -> None:
    """
    Apache and Node close after five seconds of silence: a POST that meets that is a lost answer.
    """
    server.answers = [http(204)]
    now = 1000.0
    # The clock by which a connection has been idle: so nobody has to wait.
    monkeypatch.setattr(aiohttp.connector, "monotonic", lambda: now)
    lane = LaneTransport(timeouts=Timeouts(), user_agent="test", clock=lambda: now)
    async with Client(transport=lane if both_transports == "lane" else "session") as client:
        gradebook = server.gradebook(client)
        await gradebook.post_score(graded())
        now += idle
        await gradebook.post_score(graded())
    assert [request.connection for request in server.received] == [1, connection]


async def test_a_cookie_of_one_answer_is_not_sent_with_the_next_request(server: RawServer) -> None:
    """
    Calls of many courses and tools share the session: a platform's cookie would make them one visitor.
    """
    server.answers = [http(204, b"", "Set-Cookie: MoodleSession=of-another; Path=/")]
    # Not an IP address: of those aiohttp's own jar takes no cookies anyway.
    origin = f"http://localhost:{server.port}"
    async with Client() as client:
        gradebook = server.gradebook(client, f"{origin}/items/7", f"{origin}/items")
        for _ in range(2):
            await gradebook.post_score(graded())
    assert [request.header("Cookie") for request in server.received] == [[], []]


async def test_http_1_0_closes_after_each_answer(server: RawServer) -> None:
    server.answers = [http(200, version=b"1.0")]
    server.answer_token = server.answer_token.replace(b"HTTP/1.1", b"HTTP/1.0")  # type: ignore[union-attr]
    async with Client() as client:
        gradebook = server.gradebook(client)
        for _ in range(3):
            await gradebook.post_score(graded())
    assert [request.connection for request in server.received] == [2, 3, 4]


async def test_http_1_0_without_a_length_ends_with_the_connection(server: RawServer) -> None:
    server.answers = [b'HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n[{"userId":"u","resultScore":0}]']
    async with Client() as client:
        result = await server.gradebook(client).get_result("u")
    assert result is not None
    assert result.result_score == 0


async def test_an_answer_that_says_close_is_whole(server: RawServer) -> None:
    server.answers = [http_json([{"userId": "u"}], "Connection: close")]
    async with Client() as client:
        gradebook = server.gradebook(client)
        assert [result.user_id async for result in gradebook.results()] == ["u"]
        assert [result.user_id async for result in gradebook.results()] == ["u"]
    assert server.connections == 2


async def test_a_connection_that_the_server_closed_meanwhile_is_a_lost_answer(server: RawServer) -> None:
    """
    aiohttp does not repeat a POST on it; we do, with the same bytes, because nobody knows whether it was applied.
    """
    server.answers = [http(204)]
    async with Client(retry=QUICK) as client:
        gradebook = server.gradebook(client)
        await gradebook.post_score(graded())
        server.answers = [lambda request, writer: True, http(204)]
        delivery = await gradebook.post_score(graded())
    assert delivery.attempts == 2
    assert server.received[1].body == server.received[2].body


async def test_a_client_opens_and_closes_its_own_session(server: RawServer) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        async with Client() as client:
            await server.gradebook(client).get_result("u")
        await client.aclose()
        del client
        gc.collect()
    assert [str(warning.message) for warning in caught] == []


async def test_a_callers_session_stays_open(server: RawServer) -> None:
    async with aiohttp.ClientSession() as session:
        async with Client(session=session) as client:
            await server.gradebook(client).get_result("u")
        assert not session.closed
        async with session.get(f"{server.origin}/still-usable") as answer:
            assert answer.status == 200


async def test_a_closed_client_says_so(server: RawServer) -> None:
    async with Client() as client:
        gradebook = server.gradebook(client)
    with pytest.raises(RuntimeError, match="closed"):
        await gradebook.get_result("u")
    with pytest.raises(RuntimeError, match="closed"):
        await gradebook.post_score(graded())
    gc.collect()
    assert server.connections == 0


async def test_a_client_closed_while_calls_are_in_flight_ends_them(server: RawServer) -> None:
    began = asyncio.Event()

    async def hold(request: Received, writer: asyncio.StreamWriter) -> bool:
        began.set()
        await asyncio.get_running_loop().create_future()
        return True

    server.answers = [hold]
    client = Client(retry=QUICK)
    call = asyncio.create_task(server.gradebook(client).post_score(graded()))
    await began.wait()
    await client.aclose()
    with pytest.raises((RuntimeError, LostAnswerError)):
        await call


# -- Callers' sessions with other habits -------------------------------------------------------------------------------


async def test_a_session_that_raises_for_status_changes_nothing(server: RawServer) -> None:
    server.answers = [http(404, b'{"error": "gone"}', reason=b"Not Found")]
    async with aiohttp.ClientSession(raise_for_status=True) as session, Client(session=session) as client:
        with pytest.raises(NotFoundError) as caught:
            await server.gradebook(client).post_score(graded())
    assert caught.value.recorded is False
    looked = "the line item is looked at, and the others"
    assert [request.method for request in server.received] == ["POST", "GET", "GET"], looked


async def test_a_session_that_decompresses_changes_nothing(server: RawServer) -> None:
    body = zlib.compress(b'[{"userId":"u"}]', wbits=31)
    server.answers = [http(200, body, "Content-Encoding: gzip")]
    async with aiohttp.ClientSession(auto_decompress=True) as session, Client(session=session) as client:
        assert [result.user_id async for result in server.gradebook(client).results()] == ["u"]


@pytest.mark.parametrize(
    "encoding, wbits", [("gzip", 31), ("x-gzip", 31), ("GZIP", 31), ("deflate", 15), ("deflate", -15)]
)
async def test_compressed_answers_are_read(server: RawServer, encoding: str, wbits: int) -> None:
    """
    Moodle's nginx compresses its token answer; "deflate" means two things in the wild (RFC 9110 8.4.1.2).
    """
    server.answers = [http(200, zlib.compress(b'[{"userId":"u"}]', wbits=wbits), f"Content-Encoding: {encoding}")]
    async with Client() as client:
        assert [result.user_id async for result in server.gradebook(client).results()] == ["u"]


@pytest.mark.parametrize("encoding, wbits", [("gzip", 31), ("deflate", 15), ("deflate", -15)])
@pytest.mark.parametrize("missing", [1, 4, 8, 9])
async def test_a_compressed_answer_that_ends_too_early_is_not_read_though_what_came_is_well_formed(
    server: RawServer, encoding: str, wbits: int, missing: int
) -> None:
    """
    A cut at the end takes the checksum, or white space: the array looks whole, and nobody knows whether it is.
    """
    # Random enough that each of its last characters takes bytes of its own.
    padding = bytes(random.Random(1).choices(b" \t\n\r", k=400))
    body = zlib.compress(b'[{"userId":"u"}]' + padding, wbits=wbits)[:-missing]
    server.answers = [http(200, body, f"Content-Encoding: {encoding}")]
    async with Client(retry=ONCE) as client:
        with pytest.raises(MalformedError, match="ends too early"):
            _ = [result async for result in server.gradebook(client).results()]


async def test_a_score_whose_compressed_answer_ends_too_early_may_be_recorded(server: RawServer) -> None:
    server.answers = [http(200, zlib.compress(b"{}", wbits=31)[:-8], "Content-Encoding: gzip")]
    async with Client(retry=ONCE) as client:
        with pytest.raises(MalformedError) as caught:
            await server.gradebook(client).post_score(graded())
    assert caught.value.recorded is None


async def test_an_empty_answer_may_be_called_compressed(server: RawServer) -> None:
    server.answers = [http(200, b"", "Content-Encoding: gzip")]
    async with Client() as client:
        assert (await server.gradebook(client).post_score(graded())).recorded is True


# -- Status lines ------------------------------------------------------------------------------------------------------


async def test_moodle_under_mod_php_puts_100_kilobytes_on_the_status_line(server: RawServer) -> None:
    comment = "Sehr gut. " * 10_000
    reason = b'Incorrect score received{"userId": "user-1", "comment": "%s"}' % comment.encode()
    server.answers = [http(400, b"[]", reason=reason, version=b"1.0")]
    async with Client() as client:
        with pytest.raises(UserNotGradableError) as caught:
            await server.gradebook(client).post_score(graded(comment))
    assert "Incorrect score received" in caught.value.words
    assert "Sehr gut" not in str(caught.value)


@pytest.mark.parametrize(
    "reason",
    ["Ungültige Übergabe".encode(), "Ungültige Übergabe".encode("latin-1"), b"\xff\xfe\x80", "成績".encode(), b""],
)
async def test_a_reason_phrase_may_hold_any_bytes(server: RawServer, reason: bytes) -> None:
    server.answers = [http(400, b"", reason=reason)]
    async with Client() as client:
        with pytest.raises(RefusedError) as caught:
            await server.gradebook(client).post_score(graded())
    # What cannot be encoded cannot be printed or logged either.
    str(caught.value).encode("utf-8")
    caught.value.words.encode("utf-8")


async def test_headers_may_hold_any_bytes(server: RawServer) -> None:
    server.answers = [
        b"HTTP/1.1 200 OK\r\nX-Name: J\xf6rg\r\nLink: <https://x/\xe9>; rel=\x93prev\x94\r\nContent-Length: 2\r\n\r\n[]"
    ]
    async with Client() as client:
        assert [result async for result in server.gradebook(client).results()] == []


async def test_moodles_curly_quotes_are_read_from_the_wire(server: RawServer) -> None:
    link = "Link: </items?type_id=1&amp;from=2>; rel=“canonical”, </items?from=2>; rel=“next”"
    server.answers = [http_json([], link), http_json([])]
    async with Client() as client:
        assert [item async for item in server.gradebook(client).line_items()] == []
    assert [request.target for request in server.received] == ["/items", "/items?from=2"]


@pytest.mark.parametrize(
    "lines",
    [
        ['Link: </a>; rel="prev"', "Link: </items?p=2>; rel=next"],
        ["LINK: </a,b;c>; rel=prev,</items?p=2>;REL=NEXT"],
        ['Link: </items?p=2>; title="a, <b>; rel=prev"; rel="last next"'],
    ],
)
async def test_links_may_stand_on_several_lines(server: RawServer, lines: list[str]) -> None:
    server.answers = [http_json([], *lines), http_json([])]
    async with Client() as client:
        assert [item async for item in server.gradebook(client).line_items()] == []
    assert [request.target for request in server.received] == ["/items", "/items?p=2"]


async def test_a_100_continue_before_the_answer_is_no_answer(server: RawServer) -> None:
    server.answers = [b"HTTP/1.1 100 Continue\r\n\r\n" + http(204)]
    async with Client() as client:
        assert (await server.gradebook(client).post_score(graded())).attempts == 1


async def test_moodle_says_204_ok(server: RawServer) -> None:
    server.answers = [b"HTTP/1.1 204 OK\r\nContent-Type: text/html\r\n\r\n"]
    async with Client() as client:
        await server.gradebook(client).delete_line_item(f"{server.origin}/items/9")
    assert server.received[0].method == "DELETE"


# -- No connection -----------------------------------------------------------------------------------------------------


async def test_a_refused_connection_surely_recorded_nothing(server: RawServer) -> None:
    async with Client(retry=ONCE) as client:
        gradebook = server.gradebook(client)
        await gradebook.get_result("u")
        away = gradebook_of_a_closed_port(server, client)
        with pytest.raises(UnreachableError) as caught:
            await away.post_score(graded())
    assert caught.value.recorded is False
    assert caught.value.transient is True


def gradebook_of_a_closed_port(server: RawServer, client: Client) -> Gradebook:
    """
    Return a gradebook with a live token endpoint, and services where nobody listens.
    """
    return server.gradebook(client, "http://127.0.0.1:1/items/7", "http://127.0.0.1:1/items")


async def test_an_unknown_host_surely_recorded_nothing(server: RawServer) -> None:
    async with Client(retry=ONCE) as client:
        gradebook = server.gradebook(client, "https://lms.invalid/items/7", "https://lms.invalid/items")
        with pytest.raises(UnreachableError) as caught:
            await gradebook.post_score(graded())
    assert caught.value.recorded is False


# -- Once means once ---------------------------------------------------------------------------------------------------


async def test_a_delete_whose_answer_was_lost_is_done(server: RawServer) -> None:
    """
    The first DELETE took effect; the repeat finds nothing left. aiohttp would repeat it behind our back.
    """
    server.answers = [lambda request, writer: True, http(404, reason=b"Not Found")]
    async with Client(retry=QUICK) as client:
        await server.gradebook(client).delete_line_item(f"{server.origin}/items/9")
    assert [request.method for request in server.received] == ["DELETE", "DELETE"]


@pytest.mark.parametrize("verb", ["GET", "PUT", "POST", "DELETE"])
async def test_a_request_is_sent_once_for_each_try(server: RawServer, verb: str) -> None:
    server.answers = [lambda request, writer: True]
    item = LineItem("Quiz", 10, id=f"{server.origin}/items/9")
    async with Client(retry=ONCE) as client:
        gradebook = server.gradebook(client)
        calls = {
            "GET": lambda: gradebook.get_line_item(item),
            "PUT": lambda: gradebook.update_line_item(item),
            "POST": lambda: gradebook.post_score(graded(), line_item=item),
            "DELETE": lambda: gradebook.delete_line_item(item),
        }
        with pytest.raises(LostAnswerError):
            await calls[verb]()
    assert [request.method for request in server.received] == [verb]


async def test_a_chunk_that_cannot_be_read_ends_the_call_at_once(server: RawServer) -> None:
    """
    And not at the read time-out, which is longer here than the test may take.
    """

    async def broken(request: Received, writer: asyncio.StreamWriter) -> bool:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[1\r\n")
        # Until the beginning was read: in one piece with it, aiohttp says so by itself.
        for _ in range(50):
            await asyncio.sleep(0)
        writer.write(b"zz\r\n")
        await asyncio.get_running_loop().create_future()
        return True

    server.answers = [broken]
    async with Client(retry=ONCE, timeouts=Timeouts(read=300, total=300)) as client:
        with pytest.raises(AGSError):
            async with asyncio.timeout(60):
                await server.gradebook(client).get_result("user-1")
