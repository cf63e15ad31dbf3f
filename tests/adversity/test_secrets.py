"""
No token, key, assertion or comment text in anything that is shown; and no token to anybody but the platform.

The platforms here echo: whatever they were sent comes back in reason phrases, headers and bodies, in the encodings that
were seen. After every way in which a call can fail, everything that a tool might print, log, pickle or send to a
monitor is searched.
"""

from __future__ import annotations

import asyncio
import html
import json
import logging
import pickle
import traceback
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

import attrs
import pytest

from aioags import (
    AGSError,
    Client,
    Endpoint,
    Event,
    Gradebook,
    LineItem,
    LostAnswerError,
    Registration,
    RetryPolicy,
    Scope,
    Score,
    Timeouts,
    UntrustedURLError,
)
from aioags.protocol.messages import Request, Response
from tests.fakes import PaperTime
from tests.rigs.carrying import carry
from tests.rigs.memory import tool_key
from tests.rigs.raw_server import GRANT, Received, http, http_json, raw_server

# 32 hex digits, as Moodle gives them: nothing about it looks like a token.
TOKEN = "3714bfd0e53f66ec60c5d4bb81c9d2da"
# And nothing about this one either, nor is it long.
SHORT_TOKEN = "Zq8kLm2Pq+xYt4/Nn0BvAA"
COMMENT = 'Très bien, "Zoë" & <b>don\'t</b> tell / anybody about the second draft – 漢字'
SHORT = "see me"
EVERY = pytest.mark.usefixtures("every_transport")
HOST = "https://lms.example"
ITEM = f"{HOST}/items/7?type_id=1"
ONCE = RetryPolicy(attempts=2, total_time=10.0)
QUICK = RetryPolicy(attempts=2, first_wait=0.001, total_time=1.0)


def secrets(comment: str, requests: list[Request]) -> list[str]:
    """
    Return every text that must not be shown: long ones by their parts, which may come back cut.
    """
    assertions = [request.body.decode() for request in requests if request.url.endswith("/token") and request.body]
    parts = [form.partition("client_assertion=")[2].partition("&")[0] for form in assertions]
    key = tool_key().as_dict(private=True)
    words = [comment] if len(comment) < 24 else ["second draft", "anybody about", "bien"]
    return [
        TOKEN,
        TOKEN[:20],
        str(key["d"]),
        *words,
        *(part[-40:] for part in parts),
        *(part[100:140] for part in parts),
    ]


def shown(error: BaseException) -> dict[str, str]:
    """
    Return everything of an error that may be printed, logged or stored.
    """
    restored = pickle.loads(pickle.dumps(error))
    return {
        "str": str(error),
        "repr": repr(error),
        "traceback": "".join(traceback.format_exception(error)),
        "args": repr(error.args),
        "state": repr(error.__dict__),
        "restored": f"{restored} {restored!r} {restored.__dict__!r}",
    }


def assert_silent(texts: dict[str, str], hidden: list[str]) -> None:
    """
    Check that no text holds a secret.
    """
    for where, text in texts.items():
        for secret in hidden:
            assert secret not in text, f"{secret!r} in {where}: {text}"


def told(request: Request) -> str:
    """
    Return all that a request said, as a careless platform would dump it.
    """
    lines = [f"{request.method} {request.url}", *(f"{name}: {value}" for name, value in request.headers)]
    return "\n".join([*lines, "", (request.body or b"").decode()])


ECHOES: dict[str, Callable[[str], str]] = {
    "plain": lambda text: text,
    "json": lambda text: json.dumps({"error": text}),
    "json utf-8": lambda text: json.dumps({"errors": [{"message": text}]}, ensure_ascii=False),
    "php": lambda text: json.dumps({"message": text}).replace("/", "\\/"),
    "html": lambda text: f"<html><pre>{html.escape(text)}</pre></html>",
    "html numeric": lambda text: f"<html>{html.escape(text).replace('&#x27;', '&#39;')}</html>",
    "form": lambda text: "error=" + quote(text),
    "python": repr,
}


@attrs.define
class Parrot:
    """
    A transport whose platform answers everything but the first token request with what it was told.
    """

    status: int
    echo: Callable[[str], str]
    refuse_token: bool = False
    token: str = TOKEN
    requests: list[Request] = attrs.field(factory=list)

    async def send(self, request: Request) -> Response:
        return await carry(request, self.answer)

    async def answer(self, request: Request) -> Response:
        self.requests.append(request)
        if request.url.endswith("/token") and not self.refuse_token:
            body = json.dumps(GRANT | {"access_token": self.token}).encode()
            return Response(200, "OK", (), body, request.url)
        text = told(request)
        headers = (
            ("Location", f"{HOST}/elsewhere?access_token={TOKEN}"),
            ("WWW-Authenticate", text.replace("\n", " ")),
        )
        body = self.echo(text).encode()
        return Response(self.status, self.echo(text).replace("\n", " "), headers, body, request.url)

    async def aclose(self) -> None:
        """
        Do nothing.
        """


def registration(origin: str = HOST) -> Registration:
    return Registration(origin, "tool-1", f"{origin}/token", tool_key())


def client_of(transport: Any, **settings: Any) -> Client:
    """
    Return a client in whose time waiting costs nothing.
    """
    return Client(transport=transport, retry=ONCE, runtime=PaperTime().runtime(), **settings)


def gradebook_of(client: Client) -> Gradebook:
    return client.gradebook(registration(), Endpoint(f"{HOST}/items", ITEM, frozenset(Scope)))


def score(comment: str) -> Score:
    return Score.graded("user-1", 8, score_maximum=10, comment=comment)


CALLS: dict[str, Callable[[Gradebook, str], Awaitable[Any]]] = {
    "post_score": lambda gradebook, comment: gradebook.post_score(score(comment)),
    "get_line_item": lambda gradebook, comment: gradebook.get_line_item(),
    "create_line_item": lambda gradebook, comment: gradebook.create_line_item(LineItem("Quiz", 10)),
    "get_result": lambda gradebook, comment: gradebook.get_result("user-1"),
    "delete": lambda gradebook, comment: gradebook.delete_line_item(f"{HOST}/items/9"),
}
STATUSES = [200, 201, 302, 307, 400, 401, 403, 404, 409, 410, 422, 425, 429, 500, 501, 503]


@EVERY
@pytest.mark.parametrize("echo", ECHOES)
@pytest.mark.parametrize("name, comment", [("post_score", SHORT), *((name, COMMENT) for name in CALLS)])
async def test_an_echo_is_never_shown(name: str, echo: str, comment: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for status in STATUSES:
        events: list[Event] = []
        parrot = Parrot(status, ECHOES[echo])
        client = client_of(parrot, on_event=events.append)
        try:
            await CALLS[name](gradebook_of(client), comment)
        except AGSError as error:
            texts = shown(error)
        else:
            texts = {}
        hidden = secrets(comment, parrot.requests)
        assert_silent(texts | {"log": caplog.text, "events": repr(events)}, hidden)
        assert parrot.requests[0].url.endswith("/token")
        assert len(parrot.requests) >= 2


@EVERY
@pytest.mark.parametrize("echo", ECHOES)
@pytest.mark.parametrize("status", STATUSES)
async def test_a_token_endpoint_that_echoes_the_assertion(
    status: int, echo: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    events: list[Event] = []
    parrot = Parrot(status, ECHOES[echo], refuse_token=True)
    client = client_of(parrot, on_event=events.append)
    with pytest.raises(AGSError) as caught:
        await gradebook_of(client).post_score(score(COMMENT))
    assert caught.value.recorded is False
    assert_silent(shown(caught.value) | {"log": caplog.text, "events": repr(events)}, secrets(COMMENT, parrot.requests))


@EVERY
@pytest.mark.parametrize("token", [TOKEN, SHORT_TOKEN, "a.b.c"])
@pytest.mark.parametrize("status", [400, 403, 404, 422, 500])
async def test_a_token_that_is_echoed_alone_is_never_shown(status: int, token: str) -> None:
    @attrs.define
    class Quoting(Parrot):
        async def answer(self, request: Request) -> Response:
            if request.url.endswith("/token"):
                return await Parrot.answer(self, request)
            text = f"<{token}> is not good"
            return Response(status, text, (), json.dumps({"error": text}).encode(), request.url)

    transport = Quoting(status, ECHOES["plain"], token=token)
    with pytest.raises(AGSError) as caught:
        await gradebook_of(client_of(transport)).post_score(score(COMMENT))
    assert_silent(shown(caught.value), [f"<{token}>"])
    assert "is not good" in str(caught.value)


@EVERY
async def test_what_stands_around_a_call_shows_nothing() -> None:
    parrot = Parrot(422, ECHOES["json"])
    client = client_of(parrot)
    gradebook = gradebook_of(client)
    report = await gradebook.post_scores([score(COMMENT)])
    things = [client, gradebook, registration(), report, *report.failed, score(COMMENT), *parrot.requests]
    texts = {type(thing).__name__: f"{thing!r} {thing}" for thing in things}
    assert_silent(texts, secrets(COMMENT, parrot.requests))


@EVERY
async def test_a_token_that_cannot_be_used_is_not_quoted() -> None:
    bad = f"{TOKEN}\r\nX-Injected: 1"

    @attrs.define
    class Odd(Parrot):
        async def answer(self, request: Request) -> Response:
            return Response(200, "OK", (), json.dumps(GRANT | {"access_token": bad}).encode(), request.url)

    client = client_of(Odd(200, ECHOES["plain"]))
    with pytest.raises(AGSError) as caught:
        await gradebook_of(client).post_score(score(COMMENT))
    assert_silent(shown(caught.value), [TOKEN])


@pytest.mark.parametrize("key", ["PEM", "not a key at all", "{}", b"\x00\x01"])
def test_a_bad_key_is_not_quoted(key: Any) -> None:
    secret = "MHcCAQEEIBsecretsecretsecretsecret"
    text = f"-----BEGIN PRIVATE KEY-----\n{secret}\n-----END PRIVATE KEY-----" if key == "PEM" else key
    with pytest.raises((ValueError, TypeError)) as caught:
        Registration(HOST, "tool-1", f"{HOST}/token", text)
    assert_silent({"str": str(caught.value), "trace": "".join(traceback.format_exception(caught.value))}, [secret])


# -- Over real sockets, with what aiohttp and asyncio say --------------------------------------------------------------


def echo_head(request: Received) -> bytes:
    """
    Return all that a request said, on one line.
    """
    return b" ".join(request.head.split(b"\r\n")) + b" " + request.body.replace(b"\n", b" ")


def long_line(request: Received, writer: asyncio.StreamWriter) -> bool:
    """
    Put the request on a status line beyond every limit.
    """
    writer.write(b"HTTP/1.1 400 " + echo_head(request) + b"x" * 400_000 + b"\r\n\r\n")
    return True


def bad_header(request: Received, writer: asyncio.StreamWriter) -> bool:
    writer.write(b"HTTP/1.1 200 OK\r\n" + echo_head(request) + b"\r\nContent-Length: 0\r\n\r\n")
    return True


def bad_length(request: Received, writer: asyncio.StreamWriter) -> bool:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: " + echo_head(request) + b"\r\n\r\n")
    return True


def bad_chunk(request: Received, writer: asyncio.StreamWriter) -> bool:
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + echo_head(request) + b"\r\n")
    return True


def no_http(request: Received, writer: asyncio.StreamWriter) -> bool:
    writer.write(echo_head(request) + b"\r\n\r\n")
    return True


def closed(request: Received, writer: asyncio.StreamWriter) -> bool:
    return True


def cut(request: Received, writer: asyncio.StreamWriter) -> bool:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + echo_head(request))
    return True


def moved(request: Received, writer: asyncio.StreamWriter) -> bool:
    writer.write(http(307, echo_head(request), "Location: https://evil.example/" + quote(echo_head(request))))
    return False


def refused(request: Received, writer: asyncio.StreamWriter) -> bool:
    writer.write(http(400, echo_head(request), reason=echo_head(request)))
    return False


DOINGS = [long_line, bad_header, bad_length, bad_chunk, no_http, closed, cut, moved, refused]


@pytest.mark.usefixtures("both_transports")
@pytest.mark.parametrize("doing", DOINGS)
@pytest.mark.parametrize("where", ["service", "token"])
async def test_no_library_says_it_for_us(
    doing: Callable[[Received, asyncio.StreamWriter], bool], where: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    asyncio.get_running_loop().set_debug(True)
    async with raw_server(doing) as server, Client(retry=QUICK, timeouts=Timeouts(total=5.0)) as client:
        server.answer_token = http_json(GRANT | {"access_token": TOKEN}) if where == "service" else doing
        with pytest.raises(AGSError) as caught:
            await server.gradebook(client).post_score(score(COMMENT))
        asyncio.get_running_loop().set_debug(False)
    assertions = [Request("POST", f"{HOST}/token", (), request.body) for request in server.tokens]
    assert_silent(shown(caught.value) | {"log": caplog.text}, secrets(COMMENT, assertions))


# -- Where a token goes ------------------------------------------------------------------------------------------------

FOREIGN = [
    "https://evil.example/items?page=2",
    "https://lms.example.evil.example/items",
    "https://lms.example@evil.example/items",
    "https://evil.example\\@lms.example/items",
    "//evil.example/items",
    "http://other.example/items",
    "https://lms.example:8443/items",
    "ftp://lms.example/items",
    "javascript:alert(1)",
    "file:///etc/passwd",
    "https://user:pass@lms.example/items",
    "https://LMS.example.:443/items",
    "https://lms.example/ items",
    "https:///items",
    "https://[::1/items",
]


@attrs.define
class Leading:
    """
    A transport whose platform leads elsewhere: by a Link, by a redirect, or not at all.
    """

    target: str
    by: str
    requests: list[Request] = attrs.field(factory=list)

    async def send(self, request: Request) -> Response:
        return await carry(request, self.answer)

    async def answer(self, request: Request) -> Response:
        self.requests.append(request)
        if request.url == f"{HOST}/token":
            return Response(200, "OK", (), json.dumps(GRANT | {"access_token": TOKEN}).encode(), request.url)
        if self.by == "link":
            return Response(200, "OK", (("Link", f'<{self.target}>; rel="next"'),), b"[]", request.url)
        status = int(self.by)
        return Response(status, "", (("Location", self.target),), b"", request.url)

    async def aclose(self) -> None:
        """
        Do nothing.
        """


def assert_nobody_else_was_asked(transport: Leading) -> None:
    """
    Check that every request went to the platform itself.
    """
    assert {request.url.split("/")[2] for request in transport.requests} == {"lms.example"}
    assert all(request.url.startswith("https://lms.example/") for request in transport.requests)


@EVERY
@pytest.mark.parametrize("target", FOREIGN)
async def test_a_next_page_elsewhere_is_an_error_and_no_end(target: str) -> None:
    transport = Leading(target, "link")
    client = client_of(transport)
    with pytest.raises(UntrustedURLError) as caught:
        [item async for item in gradebook_of(client).line_items()]
    assert "user:pass" not in str(caught.value)
    with pytest.raises(UntrustedURLError):
        [result async for result in gradebook_of(client).results()]
    assert_nobody_else_was_asked(transport)


@EVERY
@pytest.mark.parametrize("target", FOREIGN)
@pytest.mark.parametrize("status", ["301", "302", "303", "307", "308"])
async def test_a_redirect_elsewhere_is_an_error(target: str, status: str) -> None:
    transport = Leading(target, status)
    client = client_of(transport)
    gradebook = gradebook_of(client)
    with pytest.raises(UntrustedURLError):
        await gradebook.get_line_item()
    with pytest.raises(AGSError) as caught:
        await gradebook.post_score(score(COMMENT))
    assert caught.value.recorded is False
    assert_nobody_else_was_asked(transport)


@pytest.mark.parametrize("target", FOREIGN)
async def test_an_item_elsewhere_is_an_error_before_anything_is_sent(target: str) -> None:
    transport = Leading(target, "200")
    gradebook = gradebook_of(client_of(transport))
    item = LineItem("Quiz", 10, id=target)
    for call in (
        lambda: gradebook.post_score(score(COMMENT), line_item=target),
        lambda: gradebook.get_line_item(item),
        lambda: gradebook.update_line_item(item),
        lambda: gradebook.delete_line_item(item),
        lambda: gradebook.get_result("u", line_item=target),
    ):
        with pytest.raises(UntrustedURLError) as caught:
            await call()
        assert "pass@" not in str(caught.value)
    report = await gradebook.post_scores([(target, score(COMMENT))])
    assert isinstance(report.failed[0].error, UntrustedURLError)
    assert transport.requests == []


@EVERY
@pytest.mark.parametrize("status", ["301", "302", "303", "307", "308"])
async def test_the_token_endpoint_cannot_send_the_assertion_elsewhere(status: str) -> None:
    @attrs.define
    class Away(Leading):
        async def answer(self, request: Request) -> Response:
            self.requests.append(request)
            return Response(int(self.by), "", (("Location", self.target),), b"", request.url)

    transport = Away("https://evil.example/token", status)
    with pytest.raises(AGSError) as caught:
        await gradebook_of(client_of(transport)).post_score(score(COMMENT))
    assert caught.value.recorded is False
    assert_nobody_else_was_asked(transport)


@pytest.mark.parametrize(
    "url", ["http://other.example/items", "http://10.0.0.1/items", "ftp://lms.example/items", "items"]
)
async def test_an_endpoint_in_the_clear_gets_no_token(url: str) -> None:
    transport = Leading("", "200")
    client = client_of(transport)
    gradebook = client.gradebook(registration(), Endpoint(url, f"{url}/7", frozenset(Scope)))
    with pytest.raises(UntrustedURLError):
        await gradebook.post_score(score(COMMENT))
    with pytest.raises(UntrustedURLError):
        [item async for item in gradebook.line_items()]
    assert transport.requests == []


@EVERY
@pytest.mark.parametrize("host", ["127.0.0.1:80", "localhost", "tool.localhost:8080", "[::1]:8080"])
async def test_loopback_may_be_in_the_clear(host: str) -> None:
    @attrs.define
    class Near(Leading):
        async def answer(self, request: Request) -> Response:
            self.requests.append(request)
            token = request.url.endswith("/token")
            body = json.dumps(GRANT).encode() if token else b""
            return Response(200, "OK", (), body, request.url)

    transport = Near("", "200")
    client = client_of(transport)
    origin = f"http://{host}"
    gradebook = client.gradebook(registration(origin), Endpoint(f"{origin}/i", f"{origin}/i/7", frozenset(Scope)))
    assert (await gradebook.post_score(score(COMMENT))).recorded is True


@pytest.mark.usefixtures("both_transports")
async def test_redirects_within_the_platform_are_followed_a_few_times() -> None:
    async with raw_server() as server, Client(retry=QUICK) as client:
        record = {"id": f"{server.origin}/items/7", "label": "Quiz", "scoreMaximum": 10}
        server.answers = [http(307, b"", "Location: /moved/7?a=%2C"), http_json(record)]
        assert (await server.gradebook(client).get_line_item()).label == "Quiz"
        assert [request.target for request in server.received] == ["/items/7", "/moved/7?a=%2C"]
        assert [request.header("Authorization") for request in server.received] == [
            [f"Bearer {GRANT['access_token']}"]
        ] * 2


@pytest.mark.usefixtures("both_transports")
async def test_a_score_is_never_turned_into_a_get() -> None:
    """
    302 and 303 would drop the body: the score would be gone without a word.
    """
    for status in (301, 302, 303):
        async with raw_server(http(status, b"", "Location: /elsewhere")) as server, Client(retry=QUICK) as client:
            with pytest.raises(AGSError) as caught:
                await server.gradebook(client).post_score(score(COMMENT))
            assert caught.value.recorded is False
            assert [request.method for request in server.received] == ["POST"]


@pytest.mark.usefixtures("both_transports")
async def test_307_repeats_the_score_at_the_new_place() -> None:
    async with raw_server() as server, Client(retry=QUICK) as client:
        server.answers = [http(307, b"", "Location: /moved/scores"), http(204)]
        delivery = await server.gradebook(client).post_score(score(COMMENT))
        assert delivery.recorded is True
        first, second = server.received
        assert (first.body, second.target) == (second.body, "/moved/scores")


@EVERY
async def test_a_lost_answer_names_no_secret_either() -> None:
    @attrs.define
    class Losing(Parrot):
        async def answer(self, request: Request) -> Response:
            if request.url.endswith("/token"):
                return await Parrot.answer(self, request)
            raise LostAnswerError(f"lost {request.method}", recorded=None, transient=True) from OSError("reset")

    transport = Losing(200, ECHOES["plain"])
    with pytest.raises(LostAnswerError) as caught:
        await gradebook_of(client_of(transport)).post_score(score(COMMENT))
    assert_silent(shown(caught.value), secrets(COMMENT, transport.requests))
