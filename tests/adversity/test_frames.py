"""
No token, assertion, API key or comment in the local variables of our frames, whatever leaves the client.

A monitor stores the locals of every frame of an error, of its causes and of its contexts. Here all of them are read,
with what is inside of requests, answers and tokens, after every way in which a call can end badly.
"""

from __future__ import annotations

import asyncio
import socket
import traceback
from collections.abc import Awaitable, Callable, Iterator, Mapping
from types import FrameType
from typing import Any

import attrs
import pytest

from aioags import AGSError, Client, Endpoint, Gradebook, LostAnswerError, RetryPolicy, Scope, Score, Timeouts
from aioags.calls.tokens import Authorization, Token
from aioags.memberships import Memberships
from aioags.protocol.grants import Grant
from aioags.protocol.messages import Request, Response
from tests.fakes import ITEM, TOKEN_URL, PaperTime, answer, endpoint, registration
from tests.ltiaas.paper import API_KEY, BASE, LTIK
from tests.rigs.raw_server import GRANT, http, http_json, raw_server

TOKEN = "3714bfd0e53f66ec60c5d4bb81c9d2da"
COMMENT = "see me about the second draft"
KEPT = (Request, Response, Authorization, Token, Grant)
ONCE = RetryPolicy(attempts=2, first_wait=0.001, total_time=1.0)


def inside(value: object, depth: int = 0) -> str:
    """
    Return all that a value shows, and what is inside of those that hold a secret and hide it.
    """
    if depth > 6:
        return ""
    if isinstance(value, Mapping):
        return " ".join(inside(one, depth + 1) for pair in list(value.items()) for one in pair)
    if isinstance(value, (list, tuple, set, frozenset)):
        return " ".join(inside(one, depth + 1) for one in list(value))
    if isinstance(value, KEPT):
        return " ".join(inside(getattr(value, field.name), depth + 1) for field in attrs.fields(type(value)))
    return repr(value)


def frames(error: BaseException | None, seen: set[int]) -> Iterator[FrameType]:
    """
    Yield every frame that an error came through, and those of what it came from.
    """
    if error is None or id(error) in seen:
        return
    seen.add(id(error))
    for frame, _ in traceback.walk_tb(error.__traceback__):
        yield frame
    for other in (error.__cause__, error.__context__, *getattr(error, "exceptions", ())):
        yield from frames(other, seen)


def leaks(error: BaseException, secrets: list[str], packages: tuple[str, ...] = ("aioags",)) -> list[str]:
    """
    Name the frames of these packages that hold a secret, and the variable.
    """
    found, count = [], 0
    for frame in frames(error, set()):
        if frame.f_globals.get("__name__", "").partition(".")[0] not in packages:
            continue
        count += 1
        for name, value in frame.f_locals.items():
            text = inside(value)
            found += [f"{frame.f_code.co_qualname}: {name}" for secret in secrets if secret in text]
    assert count, "the error came through no frame of ours"
    return found


@attrs.define
class Doing:
    """
    A transport that does as it is told, once it has granted a token.

    Attributes:
        act: What it does to a request of a service, or of the token endpoint if `at_token`.
    """

    act: Callable[[Request], Any]
    at_token: bool = False
    sent: list[Request] = attrs.field(factory=list)

    async def send(self, request: Request) -> Response:
        self.sent.append(request)
        is_token = request.url == TOKEN_URL
        if is_token and not self.at_token:
            return answer(200, GRANT | {"access_token": TOKEN}, url=request.url)
        said = self.act(request)
        if isinstance(said, BaseException):
            raise said
        if asyncio.iscoroutine(said):
            said = await said
        return attrs.evolve(said, url=request.url)

    async def aclose(self) -> None:
        """
        Do nothing.
        """

    def secrets(self) -> list[str]:
        """
        Return every text that must be in no frame.
        """
        forms = [(request.body or b"").decode() for request in self.sent if request.url == TOKEN_URL]
        return [TOKEN, API_KEY, LTIK, COMMENT, *(form.partition("client_assertion=")[2][-60:] for form in forms)]


def lost() -> LostAnswerError:
    error = LostAnswerError("no answer", recorded=None, transient=True)
    error.__cause__ = OSError("reset")
    return error


# What the platform, the network or a bug does.
ACTS: dict[str, Callable[[Request], Any]] = {
    "400": lambda _: answer(400, b"no"),
    "401": lambda _: answer(401),
    "403": lambda _: answer(403),
    "404": lambda _: answer(404),
    "409": lambda _: answer(409),
    "429": lambda _: answer(429, b"", ("Retry-After", "999")),
    "500": lambda _: answer(500),
    "302": lambda _: answer(302, b"", ("Location", "https://elsewhere.example/")),
    "307": lambda _: answer(307, b"", ("Location", "https://elsewhere.example/")),
    "unreadable": lambda _: answer(200, "<html>login</html>"),
    "no token": lambda _: answer(200, {"access_token": TOKEN, "token_type": "mac"}),
    "too narrow": lambda _: answer(200, {"access_token": TOKEN, "scope": "other"}),
    "lost": lambda _: lost(),
    "bug": lambda _: RuntimeError("a bug"),
    "exit": lambda _: KeyboardInterrupt(),
    "cancelled": lambda _: asyncio.CancelledError(),
}
GradebookCall = Callable[[Client, Gradebook], Awaitable[Any]]


async def listed(source: Any) -> list[Any]:
    return [record async for record in source]


def score() -> Score:
    return Score.graded("user-1", 8, score_maximum=10, comment=COMMENT)


CALLS: dict[str, GradebookCall] = {
    "post_score": lambda _, gradebook: gradebook.post_score(score()),
    "confirmed": lambda _, gradebook: gradebook.post_score(score(), confirm=True),
    "line_items": lambda _, gradebook: listed(gradebook.line_items()),
    "get_result": lambda _, gradebook: gradebook.get_result("user-1"),
    "memberships": lambda client, _: listed(
        client.memberships(Memberships(registration(), "https://lms.example/members"))
    ),
    "service": lambda client, _: client.service(registration(), ITEM, scopes=["groups"]).request("GET"),
    "ltiaas": lambda client, _: client.ltiaas(BASE, API_KEY).gradebook(ltik=LTIK, line_item=ITEM).post_score(score()),
}


async def caught(call: Awaitable[Any]) -> BaseException | None:
    """
    Return what leaves a call, whatever it is.
    """
    try:
        await call
    except BaseException as error:  # noqa: BLE001 - that is what is looked at
        return error
    return None


# A gateway is asked for no token. Of the token's own task an exit ends the loop.
@pytest.mark.parametrize(
    "name, act, at_token",
    [
        (name, act, at_token)
        for name in CALLS
        for act in ACTS
        for at_token in (False, True)
        if not (at_token and (name == "ltiaas" or act == "exit"))
    ],
)
async def test_no_frame_of_ours_holds_a_secret(name: str, act: str, at_token: bool) -> None:
    transport = Doing(ACTS[act], at_token)
    client = Client(transport=transport, retry=ONCE, runtime=PaperTime().runtime())
    error = await caught(CALLS[name](client, client.gradebook(registration(), endpoint())))
    if error is None:
        assert (act, at_token) in {("no token", False), ("too narrow", False), ("404", False)}, "nothing failed"
        return
    assert leaks(error, transport.secrets()) == []


async def test_a_batch_that_a_bug_ends_and_what_it_delivers() -> None:
    transport = Doing(ACTS["bug"])
    client = Client(transport=transport, retry=ONCE, runtime=PaperTime().runtime())
    gradebook = client.gradebook(registration(), endpoint())
    error = await caught(gradebook.post_scores([score()]).__aenter__())
    assert error is None
    error = await caught(asyncio.ensure_future(_whole(gradebook)))
    assert isinstance(error, RuntimeError)
    assert leaks(error, transport.secrets()) == []
    transport.act = ACTS["403"]
    report = await gradebook.post_scores([score()])
    assert leaks(report.failed[0].error or AssertionError(), transport.secrets()) == []


async def _whole(gradebook: Gradebook) -> Any:
    return await gradebook.post_scores([score()])


async def test_a_call_that_is_cancelled_while_it_waits_for_the_answer() -> None:
    for at_token in (False, True):
        asked, waits = asyncio.Event(), asyncio.Event()

        async def wait(asked: asyncio.Event = asked, waits: asyncio.Event = waits) -> None:
            asked.set()
            await waits.wait()

        transport = Doing(lambda _, wait=wait: wait(), at_token)
        client = Client(transport=transport, retry=ONCE)
        task = asyncio.create_task(caught(client.gradebook(registration(), endpoint()).post_score(score())))
        await asked.wait()
        task.cancel()
        error = await task
        assert isinstance(error, asyncio.CancelledError)
        assert leaks(error, transport.secrets()) == []
        await client.aclose()


@pytest.mark.parametrize("kind", [RuntimeError, asyncio.CancelledError])
async def test_a_listener_that_raises(kind: type[BaseException], caplog: pytest.LogCaptureFixture) -> None:
    def listen(_: object) -> None:
        raise kind

    transport = Doing(ACTS["403"])
    client = Client(transport=transport, retry=ONCE, runtime=PaperTime().runtime(), on_event=listen)
    error = await caught(client.gradebook(registration(), endpoint()).post_score(score()))
    assert error is not None
    assert leaks(error, transport.secrets()) == []
    for record in caplog.records:
        if record.exc_info and record.exc_info[1] is not None:
            assert leaks(record.exc_info[1], transport.secrets()) == []


def test_the_walk_would_find_it() -> None:
    """
    Without clearing: a request in a local, a cause's frame, a dict of headers.
    """

    def sends(request: Request) -> None:
        headers = dict(request.headers)
        raise OSError(len(headers))

    def maps(request: Request) -> None:
        try:
            sends(request)
        except OSError as error:
            raise ValueError from error

    request = Request("POST", ITEM, (("Authorization", f"Bearer {TOKEN}"),))
    with pytest.raises(ValueError) as found:
        maps(request)
    del request
    own = __name__.partition(".")[0]
    said = leaks(found.value, [TOKEN], (own,))
    assert {entry.rpartition(".")[2] for entry in said} >= {"maps: request", "sends: request", "sends: headers"}
    assert TOKEN not in repr(Request("POST", ITEM, (("Authorization", f"Bearer {TOKEN}"),)))


async def test_a_call_that_is_cancelled_while_its_long_answer_is_read() -> None:
    page = [{"userId": str(number), "comment": TOKEN} for number in range(20_000)]
    asked = asyncio.Event()

    async def say() -> Response:
        asked.set()
        return answer(200, page)

    transport = Doing(lambda _: say())
    async with Client(transport=transport, retry=ONCE) as client:
        task = asyncio.create_task(caught(client.gradebook(registration(), endpoint()).get_result("42")))
        await asked.wait()
        for _ in range(3):
            await asyncio.sleep(0)
        task.cancel()
        error = await task
        assert isinstance(error, asyncio.CancelledError)
        assert "_read_long" in [frame.f_code.co_name for frame in frames(error, set())]
        assert leaks(error, transport.secrets()) == []


# -- Over real sockets: aiohttp's frames as well -----------------------------------------------------------------------

BOTH = pytest.mark.parametrize("transport", ["lane", "session"])

SAID = {
    "closed": lambda request, writer: True,
    "cut": lambda request, writer: (writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx"), True)[1],
    "no http": lambda request, writer: (writer.write(b"hello\r\n\r\n"), True)[1],
    "refused": http(403),
}


@BOTH
@pytest.mark.parametrize("where", ["service", "token"])
@pytest.mark.parametrize("said", [*SAID, "silent"])
async def test_over_sockets_aiohttps_frames_hold_none_either(said: str, where: str, transport: Any) -> None:
    silent = asyncio.Event()

    async def wait(request: Any, writer: Any) -> bool:
        silent.set()
        await asyncio.Event().wait()
        return True

    doing = SAID.get(said, wait)
    times = Timeouts(total=0.05) if said == "silent" else Timeouts()
    async with (
        raw_server(doing) as server,
        Client(transport=transport, retry=RetryPolicy(attempts=1), timeouts=times) as client,
    ):
        server.answer_token = http_json(GRANT | {"access_token": TOKEN}) if where == "service" else doing
        error = await caught(server.gradebook(client).post_score(score()))
        assert isinstance(error, AGSError)
        assertions = [request.body.decode().partition("client_assertion=")[2][-60:] for request in server.tokens]
        assert leaks(error, [TOKEN, COMMENT, *assertions], ("aioags", "aiohttp")) == []


@BOTH
async def test_over_sockets_a_cancelled_call(transport: Any) -> None:
    asked = asyncio.Event()

    async def wait(request: Any, writer: Any) -> bool:
        asked.set()
        await asyncio.Event().wait()
        return True

    async with raw_server(wait) as server, Client(transport=transport) as client:
        server.answer_token = http_json(GRANT | {"access_token": TOKEN})
        task = asyncio.create_task(caught(server.gradebook(client).post_score(score())))
        await asked.wait()
        task.cancel()
        error = await task
        assert isinstance(error, asyncio.CancelledError)
        assert leaks(error, [TOKEN], ("aioags", "aiohttp")) == []


@BOTH
async def test_over_sockets_nobody_there(transport: Any) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        origin = f"http://127.0.0.1:{taken.getsockname()[1]}"
        async with Client(transport=transport, retry=RetryPolicy(attempts=1)) as client:
            known = registration(token_url=f"{origin}/token")
            gradebook = client.gradebook(known, Endpoint(None, f"{origin}/7", frozenset(Scope)))
            error = await caught(gradebook.post_score(score()))
    assert isinstance(error, AGSError)
    assert leaks(error, ["client_assertion"], ("aioags", "aiohttp")) == []


@BOTH
@pytest.mark.parametrize("kind", [RuntimeError, asyncio.CancelledError, KeyError])
async def test_over_sockets_a_listener_that_raises(
    kind: type[BaseException], transport: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def listen(_: object) -> None:
        raise kind

    async with raw_server(http(403)) as server, Client(transport=transport, retry=ONCE, on_event=listen) as client:
        server.answer_token = http_json(GRANT | {"access_token": TOKEN})
        error = await caught(server.gradebook(client).post_score(score()))
        assert isinstance(error, asyncio.CancelledError if kind is asyncio.CancelledError else AGSError)
        assert leaks(error, [TOKEN, COMMENT], ("aioags", "aiohttp")) == []
        for record in caplog.records:
            if record.exc_info and record.exc_info[1] is not None:
                assert leaks(record.exc_info[1], [TOKEN, COMMENT], ("aioags", "aiohttp")) == []
