"""
Case 16: a server sends its certificate and not the one in between.
"""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from aioags import Client, Score, UnreachableError
from tests.fakes import endpoint, registration

pytestmark = pytest.mark.usefixtures("both_transports")

Key = ec.EllipticCurvePrivateKey


def certificate(name: str, key: Key, issuer: str, issuer_key: Key, *, authority: bool) -> x509.Certificate:
    """
    Return a certificate for localhost, or for an authority.
    """
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )
    if not authority:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


@pytest.fixture
def chain(tmp_path: Path) -> dict[str, Path]:
    """
    The root that is trusted, and what the server sends: its own certificate, with and without the one in between.
    """
    root, middle, leaf = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
    parts: dict[str, Any] = {
        "root": certificate("root", root, "root", root, authority=True),
        "middle": certificate("middle", middle, "root", root, authority=True),
        "leaf": certificate("leaf", leaf, "middle", middle, authority=False),
    }
    pem = {name: part.public_bytes(serialization.Encoding.PEM) for name, part in parts.items()}
    private = leaf.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    files = {"root": pem["root"], "whole": private + pem["leaf"] + pem["middle"], "short": private + pem["leaf"]}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    return {name: tmp_path / name for name in files}


async def test_it_is_told_in_words_once_and_not_tried_again(
    chain: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    trusting = ssl.create_default_context(cafile=str(chain["root"]))
    # Where aiohttp keeps what SSL_CERT_FILE said when it was imported.
    monkeypatch.setattr(aiohttp.connector, "_SSL_CONTEXT_VERIFIED", trusting)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain["short"])
    came: list[int] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append(1)
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=context)
    origin = f"https://localhost:{server.sockets[0].getsockname()[1]}"
    async with Client() as ags:
        where = endpoint(None, f"{origin}/items/7/lineitem")
        gradebook = ags.gradebook(registration(token_url=f"{origin}/token"), where)
        with pytest.raises(UnreachableError) as caught:
            await gradebook.post_score(Score.graded("user-1", 8, score_maximum=10))
    server.close()
    assert (caught.value.transient, caught.value.recorded) == (False, False)
    assert "certificate" in str(caught.value)
    assert "intermediate certificate" in str(caught.value)
    assert "issuer certificate" in str(caught.value)
    assert came == []
