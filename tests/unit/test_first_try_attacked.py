"""
A score's first try, where something is odd: it ends as the whole way does, and shows no secret.
"""

from __future__ import annotations

import asyncio
import copy
import json
import pickle
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from types import FrameType
from typing import Any

import attrs
import pytest

from aioags import (
    ActivityProgress,
    AGSError,
    Client,
    Delivery,
    NotOfferedError,
    Pace,
    RetryPolicy,
    Scope,
    Score,
    ThrottledError,
    Timeouts,
    UntrustedURLError,
)
from aioags.calls.first_try import FirstTry
from aioags.calls.lane import LaneTransport
from aioags.ltiaas import ServiceReference
from aioags.protocol.messages import Request, Response
from aioags.wire.codec import dump_score
from tests.adversity.test_frames import ACTS, COMMENT, ONCE, SAID, TOKEN, Doing, caught, leaks
from tests.fakes import (
    SCORES,
    TOKEN_URL,
    WALL,
    PaperPlatform,
    PaperTime,
    answer,
    endpoint,
    registration,
    stamping,
)
from tests.ltiaas import paper as gateway
from tests.rigs.raw_server import GRANT, http, http_json, raw_server

ELSEWHERE = "https://elsewhere.example/lineitems/1"


def graded(user: str = "user-1", **more: Any) -> Score:
    return Score.graded(user, 8, score_maximum=10, **more)


async def warm(act: str) -> tuple[Doing, Client, Any]:
    """
    Return a client that has a token, and whose platform then does as it is told.
    """
    transport = Doing(lambda _: answer(204))
    client = Client(transport=transport, retry=ONCE, runtime=PaperTime().runtime())
    gradebook = client.gradebook(registration(), endpoint())
    assert (await gradebook.post_score(graded("user-0"))).recorded
    transport.act = ACTS[act]
    return transport, client, gradebook


# -- Secrets -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("act", ACTS)
async def test_no_frame_holds_a_secret_where_the_token_is_at_hand(act: str) -> None:
    transport, _, gradebook = await warm(act)
    said = await caught(posted(gradebook, graded(comment=COMMENT)))
    if said is not None:
        assert leaks(said, transport.secrets()) == []


async def posted(gradebook: Any, score: Score, **more: Any) -> None:
    delivery: Delivery = await gradebook.post_score(score, **more)
    if delivery.error is not None:
        raise delivery.error


async def test_no_frame_holds_the_token_where_a_line_item_is_elsewhere() -> None:
    _, _, gradebook = await warm("404")
    error = await caught(posted(gradebook, graded(), line_item=ELSEWHERE))
    assert isinstance(error, UntrustedURLError)
    assert leaks(error, [TOKEN]) == []


async def test_no_frame_holds_the_key_where_ltiaas_is_asked_what_it_does_not_offer() -> None:
    _, account = gateway.on_paper()
    reference = ServiceReference(
        service_key=gateway.SERVICE_KEY,
        platform_id="lms-1",
        context_id="course-1",
        scope=frozenset({Scope.RESULT_READONLY}),
    )
    gradebook = account.gradebook(reference=reference)
    error = await caught(posted(gradebook, graded(), line_item=gateway.ITEM))
    assert isinstance(error, NotOfferedError)
    assert leaks(error, [gateway.API_KEY]) == []


# -- Whose gate --------------------------------------------------------------------------------------------------------


async def test_a_hold_of_one_lms_holds_what_goes_to_the_same_line_item() -> None:
    """
    Two gradebooks of one account, paced by LMS and all together: each has a gate of its own.
    """
    platform, account = gateway.on_paper(
        answer(204), answer(204), answer(204), answer(429, b"", ("Retry-After", "3600")), answer(204)
    )
    of_lms = account.gradebook(
        reference=ServiceReference(
            service_key=gateway.SERVICE_KEY, platform_id="lms-1", context_id="course-1", line_item=gateway.ITEM
        )
    )
    of_all = account.gradebook(ltik=gateway.LTIK, line_item=gateway.ITEM)
    for number in range(3):
        assert (await of_lms.post_score(graded(f"user-{number}"))).recorded
    with pytest.raises(ThrottledError):
        await of_all.get_result("user-1")
    assert isinstance(await caught(posted(of_all, graded("user-9"))), ThrottledError)
    assert len(platform.sent) == 4


async def test_the_clock_that_is_wrong_is_the_gateways(caplog: pytest.LogCaptureFixture) -> None:
    told = format_datetime(datetime.fromtimestamp(WALL, UTC) + timedelta(days=1), usegmt=True)
    _, gradebook = gateway.gradebook_on_paper(*[answer(204, b"", ("Date", told))] * 2)
    with stamping(datetime.fromtimestamp(WALL, UTC)):
        for user in ("user-1", "user-2"):
            await gradebook.post_score(graded(user))
    said = [record.getMessage() for record in caplog.records if "ahead" in record.getMessage()]
    assert len(said) == 1
    assert gateway.BASE in said[0]


# -- What a transport may give -----------------------------------------------------------------------------------------


@attrs.define
class Saying:
    """
    A transport of the caller's own that says the same to every score.
    """

    said: Any
    sent: list[Request] = attrs.field(factory=list)

    async def send(self, request: Request) -> Any:
        if request.url == TOKEN_URL:
            return answer(200, {"access_token": TOKEN, "token_type": "Bearer", "expires_in": 3600}, url=request.url)
        self.sent.append(request)
        return self.said

    async def aclose(self) -> None:
        """
        Do nothing.
        """

    def client(self, **settings: Any) -> Client:
        return Client(transport=self, runtime=PaperTime().runtime(), **settings)


class Duck:
    """
    What a caller's own transport may have made without our class: all that the protocol's example names.
    """

    status, reason, headers, body, url, ok = 204, "", (), b"", SCORES, True

    def header(self, name: str) -> None:
        """
        Know none.
        """


ODD: dict[str, Callable[[], Any]] = {
    "a list of pairs": lambda: Response(204, "", [("Date", "Thu, 01 Jan 2026 09:00:00 GMT")]),  # type: ignore[arg-type]
    "not our class": Duck,
}


@pytest.mark.parametrize("odd", ODD)
async def test_an_odd_answer_is_taken_and_no_place_is_lost(odd: str) -> None:
    transport = Saying(ODD[odd]())
    client = transport.client()
    gradebook = client.gradebook(registration(), endpoint())
    # No more than there are places: the next one would wait for ever.
    said = [await caught(posted(gradebook, graded(f"user-{number}"))) for number in range(3)]
    assert [traffic.in_flight for traffic in client._engine.traffic({})] == [0, 0]
    assert said == [None] * 3


async def answered(*head: str, body: bytes = b"{}") -> Response:
    """
    Return what the lane makes of an answer.
    """
    transport = LaneTransport(timeouts=Timeouts(), user_agent="test")
    async with raw_server(http(200, body, *head)) as server:
        try:
            return await transport.send(Request("POST", f"http://127.0.0.1:{server.port}/x", (), b"{}"))
        finally:
            await transport.aclose()


COPIES: dict[str, Callable[[Response], Any]] = {
    "pickle": lambda response: pickle.loads(pickle.dumps(response)),
    "deepcopy": copy.deepcopy,
    "copy": copy.copy,
    "evolve": attrs.evolve,
}


@pytest.mark.parametrize("how", COPIES)
async def test_an_answer_of_the_lane_is_a_value(how: str) -> None:
    response = await answered("Set-Cookie: a=1", "Set-Cookie: b=2", "X-Odd: yes")
    again = COPIES[how](response)
    assert again == response
    assert hash(again) == hash(response)
    assert again.headers == response.headers
    assert response.header_values("set-cookie") == ["a=1", "b=2"]


async def test_the_fields_of_an_answer_are_named_as_its_arguments() -> None:
    response = await answered("Set-Cookie: a=1")
    assert "headers" in attrs.asdict(response)


# -- A listener that ends the call -------------------------------------------------------------------------------------


async def test_what_the_platform_told_of_its_clock_is_kept_where_a_listener_ends_the_call() -> None:
    """
    A score without a value is stamped by the platform's clock, which is two minutes ahead.
    """
    told = format_datetime(datetime.fromtimestamp(WALL, UTC) + timedelta(seconds=120), usegmt=True)
    platform = PaperPlatform([answer(204), answer(204, b"", ("Date", told)), answer(204)])
    ends: list[bool] = []

    def listen(event: object) -> None:
        if ends and type(event).__name__ == "RequestEvent":
            ends.clear()
            raise asyncio.CancelledError

    gradebook = platform.client(on_event=listen).gradebook(registration(), endpoint())
    with stamping(datetime.fromtimestamp(WALL, UTC)):
        await gradebook.post_score(graded("user-0"))
        ends.append(True)
        said = await caught(gradebook.post_score(Score.progress("user-1", ActivityProgress.SUBMITTED)))
        assert isinstance(said, asyncio.CancelledError)
        await gradebook.post_score(graded("user-1"))
    stamp = datetime.fromisoformat(json.loads(platform.sent[-1].body or b"")["timestamp"])
    assert stamp.timestamp() > WALL + 120


# -- What it costs -----------------------------------------------------------------------------------------------------


@contextmanager
def counted(function: Callable[..., Any]) -> Iterator[list[str]]:
    """
    Give a list that grows by one with each call of a function.
    """
    calls: list[str] = []

    def see(frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and frame.f_code is function.__code__:
            calls.append(frame.f_code.co_name)

    before = sys.getprofile()
    sys.setprofile(see)
    try:
        yield calls
    finally:
        sys.setprofile(before)


@attrs.define
class Narrow:
    """
    A platform that takes few at once, and says no to more.
    """

    most: int
    in_flight: int = 0

    async def send(self, request: Request) -> Response:
        if request.url == TOKEN_URL:
            return answer(200, {"access_token": TOKEN, "token_type": "Bearer", "expires_in": 3600}, url=request.url)
        self.in_flight += 1
        try:
            if self.in_flight > self.most:
                return answer(429)
            for _ in range(3):
                await asyncio.sleep(0)
            return answer(204)
        finally:
            self.in_flight -= 1

    async def aclose(self) -> None:
        """
        Do nothing.
        """


async def test_a_score_that_waits_in_line_is_written_once() -> None:
    """
    Where the window is below the ceiling, as at every platform with limits, most scores wait in line.
    """
    async with Client(transport=Narrow(7), runtime=PaperTime().runtime()) as client:
        gradebook = client.gradebook(registration(), endpoint())
        await gradebook.post_scores([graded(f"first-{number}") for number in range(300)])
        with counted(dump_score) as written:
            report = await gradebook.post_scores([graded(f"user-{number}") for number in range(1000)])
    assert report.recorded == 1000
    assert 1000 <= len(written) < 1100


async def test_a_yes_that_tells_limits_is_not_written_again() -> None:
    """
    Canvas tells what is left with every answer.
    """
    transport = Saying(answer(204, b"", ("X-Rate-Limit-Remaining", "700"), ("X-Request-Cost", "1")))
    gradebook = transport.client(pace=Pace(floor=8, ceiling=8)).gradebook(registration(), endpoint())
    await gradebook.post_score(graded("first"))
    with counted(dump_score) as written:
        await gradebook.post_scores([graded(f"user-{number}") for number in range(40)])
    assert len(transport.sent) == 41
    assert len(written) == 40


async def test_a_second_gradebook_finds_what_the_first_one_knows() -> None:
    async with PaperPlatform([answer(204)] * 20).client() as client:
        with counted(FirstTry._look_up) as looked:
            for launch in range(2):
                gradebook = client.gradebook(registration(), endpoint())
                for number in range(10):
                    await gradebook.post_score(graded(f"user-{launch}-{number}"))
    assert 1 <= len(looked) <= 2


# -- A score that cannot be written ------------------------------------------------------------------------------------


async def test_no_frame_holds_the_token_where_a_score_cannot_be_written() -> None:
    _, _, gradebook = await warm("404")
    inner: list[Any] = []
    odd = graded(extensions={"https://tool.example/x": inner})
    # A program that goes on with what it has handed over.
    inner.append(object())
    error = await caught(posted(gradebook, odd))
    assert isinstance(error, TypeError)
    assert leaks(error, [TOKEN]) == []


# -- Over real sockets: aiohttp's frames as well -----------------------------------------------------------------------


@pytest.mark.parametrize("transport", ["lane", "session"])
@pytest.mark.parametrize("said", [*SAID, "silent", "cancelled"])
async def test_over_sockets_aiohttps_frames_hold_none_where_the_token_is_at_hand(said: str, transport: Any) -> None:
    asked = asyncio.Event()

    async def wait(request: Any, writer: Any) -> bool:
        asked.set()
        await asyncio.Event().wait()
        return True

    doing: Any = SAID.get(said, wait)
    times = Timeouts(total=0.05) if said == "silent" else Timeouts()
    retry = RetryPolicy(attempts=1)
    async with (
        raw_server(http(204), doing) as server,
        Client(transport=transport, retry=retry, timeouts=times) as client,
    ):
        server.answer_token = http_json(GRANT | {"access_token": TOKEN})
        gradebook = server.gradebook(client)
        await gradebook.post_score(graded("user-0"))
        task = asyncio.create_task(caught(gradebook.post_score(graded(comment=COMMENT))))
        if said == "cancelled":
            await asked.wait()
            task.cancel()
        error = await task
        assert isinstance(error, asyncio.CancelledError if said == "cancelled" else AGSError)
        assert leaks(error, [TOKEN, COMMENT], ("aioags", "aiohttp")) == []


@pytest.mark.parametrize("kind", [RuntimeError, asyncio.CancelledError])
async def test_a_listener_that_raises_at_a_yes(kind: type[BaseException], caplog: pytest.LogCaptureFixture) -> None:
    def listen(_: object) -> None:
        raise kind

    transport, client, gradebook = await warm("404")
    transport.act = lambda _: answer(200, {"resultUrl": "https://lms.example/r/1"})
    client._engine.told.listener = listen
    error = await caught(gradebook.post_score(graded(comment=COMMENT)))
    assert isinstance(error, kind if kind is asyncio.CancelledError else type(None))
    assert [traffic.in_flight for traffic in client._engine.traffic({})] == [0, 0]
    if error is not None:
        assert leaks(error, transport.secrets()) == []
    for record in caplog.records:
        if record.exc_info and record.exc_info[1] is not None:
            assert leaks(record.exc_info[1], transport.secrets()) == []
