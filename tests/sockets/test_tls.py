"""
Over TLS nothing is different: kept connections, strays, and who is not the one that was meant.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from aioags import Client, RefusedError, RetryPolicy, Score, UnreachableError
from tests.rigs.certificate import self_signed
from tests.rigs.raw_server import RawServer, http

pytestmark = pytest.mark.usefixtures("both_transports")

ONCE = RetryPolicy(attempts=1)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """
    A key, and a certificate for 127.0.0.1 that it signed itself.
    """
    return self_signed(tmp_path_factory.mktemp("tls"))


class TLSServer(RawServer):
    """
    A raw server behind TLS.
    """

    @property
    def origin(self) -> str:
        """
        Scheme, host and port.
        """
        return f"https://127.0.0.1:{self.port}"


@pytest.fixture
async def server(certificate: Path) -> AsyncIterator[TLSServer]:
    running = TLSServer(answers=[http(204)])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    listener = await asyncio.start_server(running.serve_connection, "127.0.0.1", 0, ssl=context)
    running.port = listener.sockets[0].getsockname()[1]
    yield running
    listener.close()
    await running.hang_up()
    await listener.wait_closed()


@pytest.fixture
def trusted(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Let aiohttp trust the certificate: where it keeps what SSL_CERT_FILE said when it was imported.
    """
    context = ssl.create_default_context(cafile=str(certificate))
    monkeypatch.setattr(aiohttp.connector, "_SSL_CONTEXT_VERIFIED", context)


def graded() -> Score:
    return Score.graded("user-1", 8, score_maximum=10)


@pytest.mark.usefixtures("trusted")
async def test_one_connection_serves_call_after_call(server: TLSServer) -> None:
    async with Client() as client:
        for _ in range(5):
            assert (await server.gradebook(client).post_score(graded())).attempts == 1
    assert [request.connection for request in server.received] == [1] * 5


@pytest.mark.usefixtures("trusted")
async def test_a_stray_answer_answers_nobody(server: TLSServer) -> None:
    writers: list[asyncio.StreamWriter] = []

    def keep(_: object, writer: asyncio.StreamWriter) -> bool:
        writers.append(writer)
        writer.write(http(204))
        return False

    server.answers = [keep, http(422, b'{"message": "no"}', reason=b"Unprocessable")]
    async with Client(retry=ONCE) as client:
        await server.gradebook(client).post_score(graded())
        writers[0].write(http(204))
        with pytest.raises(RefusedError) as caught:
            await server.gradebook(client).post_score(graded())
    assert caught.value.recorded is False


async def test_a_certificate_that_nobody_signed_is_sent_nothing(server: TLSServer) -> None:
    async with Client(retry=ONCE) as client:
        with pytest.raises(UnreachableError) as caught:
            await server.gradebook(client).post_score(graded())
    assert caught.value.recorded is False
    assert server.received == server.tokens == []
