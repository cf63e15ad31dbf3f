"""
Another aiohttp: what it changed is told in a sentence, and a score goes by a session, or is not sent at all.

Whatever of aiohttp is touched beyond its documentation is changed here, one thing after the other: docs/adr/0147.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable
from functools import partial, partialmethod
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import client_proto, client_reqrep, connector, streams
from aiohttp.client_proto import ResponseHandler

from aioags import (
    CleanConnector,
    Client,
    LostAnswerError,
    NoAnswerError,
    Score,
    Timeouts,
    UnreachableError,
    UntrustedURLError,
    open_transport,
)
from aioags.calls import lane_check, session_check
from aioags.calls.choosing import DefaultTransport
from aioags.calls.lane import LaneTransport
from aioags.calls.public_only import PublicTransport
from aioags.calls.transport import AiohttpTransport, Transport
from aioags.protocol.messages import Request
from tests.rigs.another_aiohttp import another_parser, rename
from tests.rigs.foreign_names import foreign_names
from tests.rigs.memory import until
from tests.rigs.raw_server import GRANT, RawServer, http, http_json
from tests.sockets.test_lane import serving

Patch = pytest.MonkeyPatch
Change = Callable[[Patch], None]

RECORD = Path(__file__).parents[2] / "docs" / "adr" / "0147-what-of-aiohttp-is-touched.md"

UNASKED = "a connection takes what nobody asked for"
OPENS = "a session does not open, keep or repeat as it did"
CONNECTS = "TCPConnector does not open connections as it did"
HEADS = "ClientRequest does not make headers as it did"
IN_TURN = "a parser does not read one answer after the other"
CHUNKS = "a parser does not read chunks as it did"
TO_THE_END = "a parser does not tell that an answer ends with its connection"
PACKED = "a parser decompresses though it was told not to"
WAITS = "a connection cannot be ended for who waits"


def graded() -> Score:
    return Score.graded("user-1", 8, score_maximum=10)


def lacks(sentence: str, owner: str, name: str) -> str:
    return f"{sentence} (AttributeError: '{owner}' object has no attribute '{name}')"


def renamed(name: str, *places: Any) -> Change:
    return lambda patch: rename(patch, name, *places)


def parser(**changes: Any) -> Change:
    return lambda patch: another_parser(patch, **changes)


def attribute(owner: Any, name: str, value: Any) -> Change:
    return lambda patch: patch.setattr(owner, name, value)


# -- What is changed ---------------------------------------------------------------------------------------------------


def opens_by_itself(patch: Patch) -> None:
    """
    Keep `_factory`, and do not use it.
    """
    rename(patch, "_factory")
    made = aiohttp.BaseConnector.__init__

    def init(self: Any, **settings: Any) -> None:
        made(self, **settings)
        self._factory = None

    patch.setattr(aiohttp.BaseConnector, "__init__", init)


def returns_protocols(patch: Patch) -> None:
    connect = aiohttp.TCPConnector.connect

    async def changed(self: Any, *request: Any, **settings: Any) -> Any:
        return (await connect(self, *request, **settings)).protocol

    patch.setattr(aiohttp.TCPConnector, "connect", changed)


def connects_by_keyword(patch: Patch) -> None:
    connect = aiohttp.TCPConnector.connect

    async def changed(self: Any, req: Any, *, traces: Any, **settings: Any) -> Any:
        return await connect(self, req, traces, **settings)

    patch.setattr(aiohttp.TCPConnector, "connect", changed)


def holds_messages(patch: Patch) -> None:
    """
    Keep messages in the buffer, without their sizes.
    """

    def feed_data(self: Any, data: Any, size: int = 0) -> None:
        self._buffer.append(data)

    patch.setattr(streams.DataQueue, "feed_data", feed_data)


def asks_for_a_session(patch: Patch) -> None:
    made = aiohttp.ClientRequest.__init__

    def init(self: Any, method: str, url: Any, *, session: Any, **settings: Any) -> None:
        made(self, method, url, session=session, **settings)

    patch.setattr(aiohttp.ClientRequest, "__init__", init)


def counts_repeats(patch: Patch) -> None:
    made = aiohttp.ClientSession.__init__

    def init(self: Any, *args: Any, **settings: Any) -> None:
        made(self, *args, **settings)
        self._retry_connection = 1

    patch.setattr(aiohttp.ClientSession, "__init__", init)


def always_decompresses(patch: Patch) -> None:
    expect = ResponseHandler.set_response_params

    def changed(self: Any, *, auto_decompress: bool = True, **params: Any) -> None:
        expect(self, **params)

    patch.setattr(ResponseHandler, "set_response_params", changed)


def says_otherwise_that_it_closes(patch: Patch) -> None:
    rename(patch, "should_close", ResponseHandler.data_received)
    another_parser(patch, without="should_close")


def takes_other_settings(patch: Patch) -> None:
    rename(patch, "read_until_eof")
    another_parser(patch)


def has_no_extensions(patch: Patch) -> None:
    patch.setattr(client_proto, "HttpResponseParser", aiohttp.http_parser.HttpResponseParserPy)


def nothing(self: Any, *args: Any) -> None:
    """
    Do nothing, where aiohttp did something.
    """


# What both transports need: changed, nothing is sent.
BOTH: dict[str, tuple[Change, str]] = {
    "ResponseHandler._payload": (renamed("_payload"), lacks(UNASKED, "Conversation", "_payload")),
    "ResponseHandler._should_close": (renamed("_should_close"), lacks(UNASKED, "Conversation", "_should_close")),
    "ResponseHandler._buffer": (renamed("_buffer"), lacks(UNASKED, "Conversation", "_buffer")),
    "ResponseHandler._buffer[0][0][0]": (holds_messages, UNASKED),
    "ResponseHandler.data_received": (attribute(ResponseHandler, "data_received", nothing), UNASKED),
    "ResponseHandler.should_close": (attribute(ResponseHandler, "should_close", property(lambda self: False)), UNASKED),
    "ResponseHandler.set_response_params": (renamed("set_response_params"), UNASKED),
    "ResponseHandler is a BufferedProtocol": (attribute(asyncio, "BufferedProtocol", ResponseHandler), OPENS),
    "RawResponseMessage.code": (parser(without="code"), UNASKED),
    "RawResponseMessage.headers": (parser(without="headers"), UNASKED),
    "StreamReader.total_bytes": (renamed("total_bytes"), lacks(UNASKED, "StreamReader", "total_bytes")),
    "StreamReader.is_eof": (renamed("is_eof"), f"{UNASKED} (AttributeError: "),
    "BaseConnector._factory": (renamed("_factory"), OPENS),
    "BaseConnector._factory, not used": (opens_by_itself, OPENS),
    "BaseConnector._get": (renamed("_get"), OPENS),
    "Connection.protocol": (
        renamed("protocol", connector.Connection, client_reqrep, aiohttp.client),
        lacks(OPENS, "Connection", "protocol"),
    ),
    "TCPConnector.connect, to a protocol": (returns_protocols, lacks(OPENS, "Conversation", "protocol")),
    "ClientSession._retry_connection": (
        renamed("_retry_connection"),
        lacks(OPENS, "ClientSession", "_retry_connection"),
    ),
    "ClientSession._retry_connection, a number": (counts_repeats, OPENS),
}
# What the lane alone needs: changed, a session is used.
LANE: dict[str, tuple[Change, str]] = {
    "ResponseHandler._parser": (renamed("_parser"), lacks(IN_TURN, "Wire", "_parser")),
    "ResponseHandler._parser.feed_eof": (parser(end=object()), IN_TURN),
    "ResponseHandler._parser, for one answer": (parser(most=1), IN_TURN),
    "ResponseHandler._parser, in Python": (has_no_extensions, "a parser does not "),
    "RawResponseMessage.should_close": (
        says_otherwise_that_it_closes,
        lacks(CHUNKS, "RawResponseMessage", "should_close"),
    ),
    "RawResponseMessage.chunked": (parser(without="chunked"), lacks(TO_THE_END, "RawResponseMessage", "chunked")),
    "RawResponseMessage.reason": (parser(otherwise={"reason": b"OK"}), IN_TURN),
    "ResponseHandler.set_response_params(read_until_eof=)": (takes_other_settings, f"{IN_TURN} (TypeError: "),
    "ResponseHandler.set_response_params(auto_decompress=)": (always_decompresses, PACKED),
    "ResponseHandler.read": (
        renamed("read", streams.DataQueue, client_reqrep.ClientResponse.start),
        lacks(IN_TURN, "Wire", "read"),
    ),
    "ResponseHandler.set_exception": (attribute(ResponseHandler, "set_exception", nothing), WAITS),
    "StreamReader.set_exception": (attribute(streams.StreamReader, "set_exception", nothing), WAITS),
    "StreamReader.readany": (renamed("readany"), lacks(IN_TURN, "StreamReader", "readany")),
    "StreamReader.at_eof": (renamed("at_eof"), f"{IN_TURN} (AttributeError: "),
    "TCPConnector.connect(request, traces, timeout)": (connects_by_keyword, f"{CONNECTS} (TypeError: "),
    "ClientRequest(method, url, headers=, loop=)": (asks_for_a_session, f"{CONNECTS} (TypeError: "),
}
# What is touched where it is there, and not missed.
NOBODY: dict[str, Change] = {
    "ClientSession._loop": renamed("_loop", connector, aiohttp.client),
    "ClientSession._trace_configs": renamed("_trace_configs"),
    "ClientResponse._protocol": renamed("_protocol", client_reqrep.ClientResponse),
}


@pytest.fixture(autouse=True)
def chosen_by_nobody(monkeypatch: Patch) -> None:
    """
    Let the program choose the transport.
    """
    monkeypatch.delenv("AIOAGS_TRANSPORT", raising=False)


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    """
    Return what we warned of.
    """
    ours = [record for record in caplog.records if record.name == "aioags"]
    return [record.getMessage() for record in ours if record.levelno >= logging.WARNING]


# -- This aiohttp ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sentence", lane_check.CHECKS)
async def test_aiohttp_is_as_the_lane_needs_it(sentence: str) -> None:
    """
    Where this fails, the name of the case says what a release of aiohttp changed.
    """
    assert lane_check.CHECKS[sentence](), f"aiohttp {aiohttp.__version__}: {sentence}"


@pytest.mark.parametrize("sentence", session_check.CHECKS)
async def test_aiohttp_is_as_both_transports_need_it(sentence: str) -> None:
    assert session_check.CHECKS[sentence](), f"aiohttp {aiohttp.__version__}: {sentence}"


# -- Another one -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("touched", LANE)
async def test_what_the_lane_alone_needs_is_warned_of_once_and_a_session_records_the_score(
    server: RawServer, monkeypatch: Patch, caplog: pytest.LogCaptureFixture, touched: str
) -> None:
    change, sentence = LANE[touched]
    change(monkeypatch)
    server.answers = [http(204)]
    async with Client() as client:
        for _ in range(2):
            assert (await server.gradebook(client).post_score(graded())).recorded
    assert len(server.received) == 2
    (warned,) = warnings(caplog)
    told = f"aiohttp {aiohttp.__version__} is not one that it is made for: {sentence}"
    assert warned.startswith(f"aioags sends through a session, which costs more: {told}")


@pytest.mark.parametrize("touched", LANE)
async def test_a_lane_that_was_asked_for_by_name_is_not_replaced(
    server: RawServer, monkeypatch: Patch, touched: str
) -> None:
    change, sentence = LANE[touched]
    change(monkeypatch)
    async with Client(transport="lane") as client:
        with pytest.raises(RuntimeError, match="the lane cannot be used: aiohttp") as caught:
            await server.gradebook(client).post_score(graded())
    assert sentence in str(caught.value)
    assert server.connections == 0


async def asks_for_a_score(server: RawServer, transport: Any = None) -> None:
    async with Client(transport=transport) as client:
        await server.gradebook(client).post_score(graded())


async def asks_in_public(server: RawServer) -> None:
    transport = PublicTransport(private_networks=["127.0.0.0/8"])
    try:
        await transport.send(Request("GET", f"{server.origin}/keys"))
    finally:
        await transport.aclose()


async def asks_by_a_clean_connector(server: RawServer) -> None:
    async with aiohttp.ClientSession(connector=CleanConnector()) as session, Client(session=session) as client:
        await server.gradebook(client).post_score(graded())


WAYS: list[Callable[[RawServer], Any]] = [
    asks_for_a_score,
    partial(asks_for_a_score, transport="lane"),
    partial(asks_for_a_score, transport="session"),
    asks_in_public,
    asks_by_a_clean_connector,
]


# On paper: what was opened is not a connection that could be closed.
@pytest.mark.filterwarnings("ignore:Unclosed connection:ResourceWarning")
@pytest.mark.parametrize("touched", BOTH)
async def test_what_both_need_is_told_before_anything_is_sent(
    server: RawServer, monkeypatch: Patch, caplog: pytest.LogCaptureFixture, touched: str
) -> None:
    change, sentence = BOTH[touched]
    change(monkeypatch)
    for way in WAYS:
        with pytest.raises(UnreachableError) as caught:
            await way(server)
        said = str(caught.value)
        told = f"aiohttp {aiohttp.__version__} is not one that it is made for: {sentence}"
        assert said.startswith(f"nothing was sent by aioags: {told}")
        assert said.endswith("Install a version of aiohttp that it was checked with (3.11 to 3.14), or a newer aioags")
        assert (caught.value.recorded, caught.value.transient) == (False, False)
    assert server.connections == 0
    assert warnings(caplog) == []


@pytest.mark.parametrize("touched", NOBODY)
@pytest.mark.parametrize("named", ["lane", "session"])
async def test_what_nobody_needs_is_not_missed(
    server: RawServer, monkeypatch: Patch, caplog: pytest.LogCaptureFixture, touched: str, named: Any
) -> None:
    NOBODY[touched](monkeypatch)
    server.answers = [http(204)]
    async with Client(transport=named) as client:
        assert (await server.gradebook(client).post_score(graded())).recorded
    async with aiohttp.ClientSession() as session, Client(session=session) as client:
        assert (await server.gradebook(client).post_score(graded())).recorded
    assert warnings(caplog) == []


async def test_a_session_of_the_callers_and_a_transport_of_the_callers_are_used_whatever_aiohttp_it_is(
    server: RawServer, monkeypatch: Patch
) -> None:
    rename(monkeypatch, "_payload")
    server.answers = [http(204)]
    async with aiohttp.ClientSession() as session:
        theirs: Transport = AiohttpTransport(session, timeouts=Timeouts(), user_agent="theirs")
        for given in ({"session": session}, {"transport": theirs}):
            async with Client(**given) as client:  # type: ignore[arg-type]
                assert (await server.gradebook(client).post_score(graded())).recorded


async def test_a_connection_that_is_none_of_the_lanes_is_not_written_on(server: RawServer, monkeypatch: Patch) -> None:
    """
    Whoever changes aiohttp does so while the program runs: a tracer, for one.
    """
    opened: list[Any] = []
    connect = aiohttp.TCPConnector.connect

    async def changed(self: Any, *request: Any) -> Any:
        self._factory = lambda: ResponseHandler(asyncio.get_running_loop())
        opened.append(await connect(self, *request))
        return opened[-1]

    async with LaneTransport(timeouts=Timeouts(), user_agent="test") as lane:
        await lane.send(Request("GET", f"{server.origin}/a"))
        await server.hang_up()
        monkeypatch.setattr(aiohttp.TCPConnector, "connect", changed)
        with pytest.raises(UnreachableError, match="none of the lane's"):
            await lane.send(Request("POST", f"{server.origin}/b", (), b"{}"))
        assert [connection.closed for connection in opened] == [True]
    assert [request.target for request in server.received] == ["/a"]


async def test_who_watches_every_session_of_a_process_does_not_see_the_check(
    server: RawServer, monkeypatch: Patch
) -> None:
    """
    As tracers do, which add themselves to each session; one that waits for something does not keep a score back.
    """
    watch, seen = aiohttp.TraceConfig(), []

    async def note(session: Any, context: Any, request: aiohttp.TraceRequestStartParams) -> None:
        await asyncio.sleep(0)
        seen.append(request.url.path)

    made = aiohttp.ClientSession.__init__
    watch.on_request_start.append(note)
    monkeypatch.setattr(aiohttp.ClientSession, "__init__", partialmethod(made, trace_configs=[watch]))
    server.answers = [http(204)]
    async with Client(transport="session") as client:
        assert (await server.gradebook(client).post_score(graded())).recorded
    assert seen == ["/token", "/items/7/scores"]


# -- Before it was asked -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("greeting", [b"", http(204), b"SSH-2.0-x\r\n"], ids=["closed at once", "answers", "speaks"])
async def test_a_connection_that_ended_before_it_was_asked_was_sent_nothing(
    server: RawServer, monkeypatch: Patch, greeting: bytes, both_transports: str
) -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        if not greeting:
            writer.close()
        while part := await reader.read(4096):
            heard.append(part)

    connect = aiohttp.TCPConnector.connect

    async def changed(self: Any, *request: Any, **settings: Any) -> Any:
        connection = await connect(self, *request, **settings)
        protocol: Any = connection.protocol
        # As where the answer came with the last packet of the handshake.
        await until(lambda: protocol.transport is None or protocol.transport.is_closing())
        return connection

    heard: list[bytes] = []
    settings: Any = {"timeouts": Timeouts(), "user_agent": "test"}
    transport = LaneTransport(**settings) if both_transports == "lane" else AiohttpTransport(**settings)
    async with serving(greet) as port, transport:
        # This aiohttp was looked at by then.
        await transport.send(Request("GET", f"{server.origin}/a"))
        monkeypatch.setattr(aiohttp.TCPConnector, "connect", changed)
        with pytest.raises(NoAnswerError) as caught:
            await transport.send(Request("POST", f"http://127.0.0.1:{port}/scores", (), b"{}"))
    assert heard == []
    # A session does not tell whether it had begun to write.
    assert type(caught.value) is (UnreachableError if both_transports == "lane" else LostAnswerError)
    assert (caught.value.recorded is False) == (both_transports == "lane")
    assert caught.value.transient


# -- Who is told of what -----------------------------------------------------------------------------------------------


def proxied(patch: Patch, **variables: str) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"):
        patch.delenv(name, raising=False)
        patch.delenv(name.lower(), raising=False)
    for name, value in variables.items():
        patch.setenv(name, value)


PROXY = "http://user:secret@proxy.example:3128"


@pytest.mark.parametrize(
    "variables, told",
    [
        ({"HTTP_PROXY": PROXY}, True),
        ({"http_proxy": PROXY, "NO_PROXY": "lms.example"}, True),
        ({"HTTP_PROXY": PROXY, "NO_PROXY": "127.0.0.1,localhost"}, False),
        ({"HTTP_PROXY": PROXY, "no_proxy": "*"}, False),
        ({"HTTPS_PROXY": PROXY}, False),
        ({}, False),
    ],
)
async def test_a_proxy_of_the_environment_that_is_not_used_is_told_once_and_not_quoted(
    server: RawServer,
    monkeypatch: Patch,
    caplog: pytest.LogCaptureFixture,
    both_transports: str,
    variables: dict[str, str],
    told: bool,
) -> None:
    proxied(monkeypatch, **variables)
    server.answers = [http(204)]
    async with Client() as client:
        for _ in range(2):
            assert (await server.gradebook(client).post_score(graded())).recorded
    sentence = "the environment's proxy for 127.0.0.1 is not used: give a session"
    assert warnings(caplog) == ([sentence] if told else [])
    assert "secret" not in caplog.text
    assert "proxy.example" not in caplog.text


async def test_who_gave_a_session_is_not_told_of_proxies(
    server: RawServer, monkeypatch: Patch, caplog: pytest.LogCaptureFixture
) -> None:
    proxied(monkeypatch, HTTP_PROXY=server.origin)
    # A proxy is asked for whole URLs, also for that of the token.
    server.answers = [http_json(GRANT), http(204)]
    async with aiohttp.ClientSession(trust_env=True) as session, Client(session=session) as client:
        assert (await server.gradebook(client).post_score(graded())).recorded
    assert server.received[0].target.startswith("http://")
    assert warnings(caplog) == []


@pytest.mark.parametrize("named", [None, "lane", "session"])
async def test_what_strangers_chose_goes_by_a_session_whatever_was_named_and_the_log_says_so_once(
    server: RawServer, caplog: pytest.LogCaptureFixture, named: Any
) -> None:
    transport = open_transport(named)
    assert isinstance(transport, DefaultTransport)
    with caplog.at_level(logging.INFO, "aioags"):
        for _ in range(2):
            with pytest.raises(UntrustedURLError):
                await transport.public.send(Request("GET", f"{server.origin}/keys"))
    await transport.aclose()
    (record,) = caplog.records
    assert record.levelno == logging.INFO
    assert record.getMessage() == "aioags asks what strangers chose by a session that connects to public addresses only"


# -- The list ----------------------------------------------------------------------------------------------------------


CHANGED = {**BOTH, **LANE, **NOBODY}


def bare(touched: str) -> str:
    """
    Return the name of what was touched: ``_buffer`` of ``ResponseHandler._buffer[0][0][0]``.
    """
    return re.findall(r"\w+", touched)[1]


def test_every_private_name_of_aiohttp_that_is_touched_is_changed_here_and_stands_in_the_record() -> None:
    record = RECORD.read_text(encoding="utf-8")
    for name, files in foreign_names().items():
        assert name in map(bare, CHANGED), f"{name} of aiohttp is touched in {files}, and no case changes it"
        assert f"`{name}`" in record or f".{name}`" in record, f"{name} of aiohttp is touched in {files}: {RECORD.name}"


def test_what_is_changed_here_is_touched_and_stands_in_the_record() -> None:
    record = RECORD.read_text(encoding="utf-8")
    assert {bare(touched) for touched in CHANGED if bare(touched).startswith("_")} == set(foreign_names())
    assert [touched for touched in CHANGED if not re.search(rf"\b{bare(touched)}\b", record)] == []
