"""
Whatever a server does, a call ends with a clear error, in bounded time and memory.

Times are those of the policies, not of the machine: `benchmarks/hostile_servers.py` measures and prints them.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import tracemalloc
from typing import Literal

import aiohttp
import pytest

from aioags import AGSError, Client, LineItem, LostAnswerError, MalformedError, RetryPolicy, Score, Timeouts
from aioags.calls.choosing import open_transport
from aioags.calls.pages import MOST_PAGES
from aioags.protocol.messages import PAGE_BYTES, Request, Response
from tests.fakes import HOST, PaperPlatform
from tests.fakes import answer as paper_answer
from tests.rigs.hostile import CASES, HARMLESS, HASTY, MEGABYTE, PATIENT, Case, chunk, endless, exploding, silent, whole
from tests.rigs.raw_server import GRANT, Received, http, http_json, raw_server

pytestmark = pytest.mark.usefixtures("both_transports")

ONCE = RetryPolicy(attempts=1)
# A test that takes longer than this hangs; none needs a tenth of it.
FOR_EVER = 60.0


def named(cases: list[Case]) -> list[object]:
    """
    Return the cases as parameters.
    """
    return [pytest.param(case, id=case.name) for case in cases]


def graded() -> Score:
    return Score.graded("user-1", 8, score_maximum=10)


async def listed(case: Case, session: aiohttp.ClientSession | None = None) -> list[LineItem]:
    """
    List the line items of a hostile server.
    """
    async with raw_server(case.answer) as server, Client(session=session, retry=ONCE, timeouts=case.timeouts) as client:
        async with asyncio.timeout(FOR_EVER):
            return [item async for item in server.gradebook(client).line_items()]


@pytest.mark.parametrize("case", named([case for case in CASES if case.name != "ten thousand pages"]))
async def test_a_listing_ends_with_an_error_and_never_just_ends(case: Case) -> None:
    with pytest.raises(AGSError) as caught:
        await listed(case)
    assert type(caught.value) is case.error or isinstance(caught.value, case.error), caught.value
    assert caught.value.recorded is False
    assert len(str(caught.value)) < 1000
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("case", named(HARMLESS))
async def test_what_only_looks_odd_is_read(case: Case) -> None:
    assert [item.label for item in await listed(case)] == ["Quiz"]


@pytest.mark.parametrize("case", named([case for case in CASES if "bomb" in case.name or "gigabytes" in case.name]))
async def test_a_callers_own_session_has_the_same_bounds(case: Case) -> None:
    async with aiohttp.ClientSession() as session:
        with pytest.raises(case.error, match="larger than"):
            await listed(case, session)


READ_AS_SUCCESS = {
    # A score's success needs no body (AGS 3.4), so what is wrong with a list may be right for a score.
    "a next page that is itself", "pages in a circle", "ten thousand pages", "a huge Link", "204 for a listing",
    "an empty body", "no array", "half a surrogate", "a number beyond floats", "an int beyond floats",
    "one odd record among good ones",
}  # fmt: skip
NOTHING_HAPPENED = {"redirects without end", "a redirect to another origin", "a redirect to nowhere"}


@pytest.mark.parametrize("case", named([case for case in CASES if case.name not in READ_AS_SUCCESS]))
async def test_a_score_is_never_recorded_by_a_broken_answer(case: Case) -> None:
    """
    The request was sent, so nobody knows: neither "recorded" nor "surely not".
    """
    async with raw_server(case.answer) as server, Client(retry=ONCE, timeouts=case.timeouts) as client:
        async with asyncio.timeout(FOR_EVER):
            with pytest.raises(AGSError) as caught:
                await server.gradebook(client).post_score(graded())
    assert caught.value.recorded is (False if case.name in NOTHING_HAPPENED else None)


@pytest.mark.parametrize("case", named([case for case in CASES if case.error in (LostAnswerError, MalformedError)]))
async def test_a_hostile_token_endpoint_sends_no_score(case: Case) -> None:
    """
    Without a token nothing was sent, so surely nothing was recorded.
    """
    if case.name in {"a next page that is itself", "pages in a circle", "ten thousand pages"}:
        return
    async with raw_server(http(204)) as server, Client(retry=ONCE, timeouts=case.timeouts) as client:
        server.answer_token = case.answer
        async with asyncio.timeout(FOR_EVER):
            with pytest.raises(AGSError) as caught:
                await server.gradebook(client).post_score(graded())
    assert caught.value.recorded is False
    assert server.received == []


# -- Bounds ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", named([case for case in CASES if "bomb" in case.name or "gigabytes" in case.name]))
async def test_memory_stays_within_a_few_times_the_largest_answer(case: Case) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(MalformedError, match="larger than"):
            await listed(case)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 6 * PAGE_BYTES


async def test_an_answer_of_the_largest_size_is_read_and_one_byte_more_is_not() -> None:
    body = b"[" + b" " * (PAGE_BYTES - 2) + b"]"
    assert await listed(Case("largest", whole(http(200, body)), AGSError)) == []
    packed = http(200, gzip.compress(body, 1), "Content-Encoding: gzip")
    assert await listed(Case("largest, packed", whole(packed), AGSError)) == []
    for answer in (http(200, body + b" "), http(200, gzip.compress(body + b" ", 1), "Content-Encoding: gzip")):
        with pytest.raises(MalformedError, match="larger than"):
            await listed(Case("too large", whole(answer), AGSError))


async def test_the_rest_of_a_refused_answer_is_not_read() -> None:
    written = 0

    async def counting(request: Received, writer: asyncio.StreamWriter) -> bool:
        nonlocal written
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while not writer.is_closing():
            writer.write(chunk(b" " * MEGABYTE))
            written += MEGABYTE
            await writer.drain()
        return True

    with pytest.raises(MalformedError):
        await listed(Case("counting", counting, MalformedError))
    # What the sockets between the two hold, besides.
    assert written < PAGE_BYTES + 32 * MEGABYTE


async def test_pages_are_bounded() -> None:
    """
    As "ten thousand pages" of the benchmark, without sockets.
    """

    def another(request: Request) -> Response:
        number = int(request.url.partition("page=")[2] or 0)
        return paper_answer(200, b"[]", ("Link", f'<{HOST}/items?page={number + 1}>; rel="next"'))

    platform = PaperPlatform(script=[another] * 10_000)
    with pytest.raises(MalformedError, match=f"more than {MOST_PAGES} pages"):
        [item async for item in platform.gradebook().line_items()]
    assert len(platform.sent) == MOST_PAGES


async def test_a_circle_is_noticed_at_its_first_repetition() -> None:
    (case,) = [case for case in CASES if case.name == "pages in a circle"]
    async with raw_server(case.answer) as server, Client(retry=ONCE) as client:
        with pytest.raises(MalformedError, match="already read"):
            [item async for item in server.gradebook(client).line_items()]
        assert len(server.received) == 4


async def test_an_empty_page_is_no_end() -> None:
    """
    AGS 3.2.4: only the absence of ``next`` ends a listing.
    """
    record = {"id": "https://lms.example/1", "label": "Quiz", "scoreMaximum": 10}
    pages = [http_json([], f'Link: </items?p={number}>; rel="next"') for number in range(1, 4)]
    async with raw_server(*pages, http_json([record])) as server, Client() as client:
        assert [item.label async for item in server.gradebook(client).line_items()] == ["Quiz"]


async def test_an_odd_record_is_named_by_its_place() -> None:
    body = [{"id": "https://lms.example/1", "label": "Quiz", "scoreMaximum": 10}, {"label": "no id"}]
    with pytest.raises(MalformedError, match="record 1"):
        await listed(Case("odd", whole(http_json(body)), MalformedError))


async def test_records_before_a_broken_page_were_given_and_the_end_is_an_error() -> None:
    record = {"id": "https://lms.example/1", "label": "Quiz", "scoreMaximum": 10}
    first = http_json([record], 'Link: </items?p=2>; rel="next"')
    seen: list[str] = []
    async with raw_server(first, http(200, b"<html>")) as server, Client(retry=ONCE) as client:
        with pytest.raises(MalformedError):
            async for item in server.gradebook(client).line_items():
                seen.append(item.label)
    assert seen == ["Quiz"]


# -- Time --------------------------------------------------------------------------------------------------------------


async def test_each_bound_of_time_ends_a_try_by_itself() -> None:
    long = 1000.0
    for timeouts in (Timeouts(long, 0.1, long), Timeouts(long, long, 0.1)):
        with pytest.raises(LostAnswerError, match="in time"):
            await listed(Case("silent", silent, LostAnswerError, timeouts))


async def test_a_server_that_always_says_something_is_bounded_by_the_total() -> None:
    dripping = endless(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n", b"[")
    with pytest.raises(LostAnswerError, match="in time"):
        await listed(Case("dripping", dripping, LostAnswerError, Timeouts(read=1000.0, total=0.2)))


async def test_a_slow_answer_within_its_bounds_is_read() -> None:
    async def slowly(request: Received, writer: asyncio.StreamWriter) -> bool:
        for byte in http_json([]):
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0)
        return True

    assert await listed(Case("slow", slowly, AGSError)) == []


async def test_a_batch_at_a_dead_server_ends() -> None:
    # From the eighth on they wait for the platform to come back, as long as they may.
    briefly = RetryPolicy(attempts=1, total_time=2.0)
    async with raw_server(silent) as server, Client(retry=briefly, timeouts=HASTY) as client:
        async with asyncio.timeout(FOR_EVER):
            report = await server.gradebook(client).post_scores(
                Score.graded(f"user-{number}", 8, score_maximum=10) for number in range(12)
            )
    assert (report.total, report.recorded) == (12, 0)
    assert report.unknown >= 8


# -- Answers that nobody asked for -------------------------------------------------------------------------------------


async def test_two_answers_at_once_do_not_answer_two_requests() -> None:
    """
    A second answer behind the first must not be taken for that of the next request: a score would be recorded by it.
    """
    async with raw_server(http(204) + http(204), http(500)) as server, Client(retry=ONCE) as client:
        gradebook = server.gradebook(client)
        assert (await gradebook.post_score(graded())).recorded is True
        with pytest.raises(AGSError) as caught:
            await gradebook.post_score(graded())
    assert caught.value.recorded is None


async def test_a_body_where_none_may_be_is_a_lost_answer_at_worst() -> None:
    """
    aiohttp cannot tell where the next answer begins, and gives the connection up.
    """
    answer = b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello"
    async with raw_server(answer) as server, Client(retry=ONCE) as client:
        gradebook = server.gradebook(client)
        for _ in range(3):
            with pytest.raises(LostAnswerError) as caught:
                await gradebook.post_score(graded())
            assert caught.value.recorded is None


async def test_an_answer_before_the_request_is_whole_is_still_an_answer() -> None:
    """
    A proxy refuses a large body early and closes.
    """

    async def early(request: Received, writer: asyncio.StreamWriter) -> bool:
        writer.write(http(413, b"too large", "Connection: close", reason=b"Payload Too Large"))
        await writer.drain()
        return True

    comment = "x" * 200_000
    async with raw_server(early) as server, Client(retry=ONCE) as client:
        with pytest.raises(AGSError) as caught:
            await server.gradebook(client).post_score(Score.graded("u", 1, score_maximum=2, comment=comment))
    assert caught.value.recorded is False
    assert len(str(caught.value)) < 1000


# -- The transport by itself -------------------------------------------------------------------------------------------


async def test_the_transport_keeps_its_word_for_each_case(both_transports: Literal["lane", "session"]) -> None:
    """
    Every foreign exception is mapped: nothing but an `AGSError` leaves `send`.
    """
    for case in CASES:
        transport = open_transport(both_transports, timeouts=case.timeouts, user_agent="test")
        async with raw_server(case.answer) as server:
            with contextlib.suppress(AGSError):
                response = await transport.send(Request("GET", f"{server.origin}/items"))
                assert len(response.body) <= PAGE_BYTES, case.name
            await transport.aclose()


async def test_a_bomb_at_the_token_endpoint_is_no_grant() -> None:
    async with raw_server(http(204)) as server, Client(retry=ONCE, timeouts=PATIENT) as client:
        server.answer_token = exploding(b"gzip", 31)
        with pytest.raises(MalformedError) as caught:
            await server.gradebook(client).post_score(graded())
        assert caught.value.recorded is False
        server.answer_token = http_json(GRANT)
        assert (await server.gradebook(client).post_score(graded())).recorded is True
