"""
``aioags doctor`` on what lies below HTTP: names, ports, TLS and certificates, on real sockets.
"""

from __future__ import annotations

import datetime
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from aioags.emulator.doors.config_file import update_table
from tests.cli.conftest import Desk

DAY = datetime.timedelta(days=1)


def certificate(folder: Path, *, host: str = "localhost", age: datetime.timedelta = DAY) -> Path:
    """
    Make a certificate that signed itself, for two days.

    Args:
        age: Since when it is valid.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    since = datetime.datetime.now(datetime.UTC) - age
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(since)
        .not_valid_after(since + 2 * DAY)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    kinds = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path = folder / f"{host}.pem"
    path.write_bytes(key.private_bytes(*kinds) + made.public_bytes(serialization.Encoding.PEM))
    return path


@contextmanager
def listening(chain: Path | None) -> Iterator[int]:
    """
    Listen, and shake hands with whoever comes; None: say something that is no TLS.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if chain is not None:
        context.load_cert_chain(chain)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with closing(connection):
                try:
                    if chain is None:
                        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                    else:
                        with closing(context.wrap_socket(connection, server_side=True)) as secure:
                            secure.recv(4096)
                            secure.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
                except OSError:
                    continue

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def told(desk: Desk, url: str) -> tuple[int, str]:
    """
    Examine the platform with its services at another address.
    """
    update_table(desk.config, "moodle", {"lineitems": url, "lineitem": None}, pem=None)
    done = desk.call("doctor")
    return done.status, done.out


def test_what_could_not_be_tried_is_not_called_well(desk: Desk) -> None:
    update_table(desk.config, "moodle", {"lineitems": None, "lineitem": None, "scope": None}, pem=None)
    done = desk.call("doctor")
    assert done.out.endswith("no fault found, but not all could be tried: listing, results\n")


def test_a_platform_on_loopback_is_well(desk: Desk) -> None:
    done = desk.call("doctor")
    assert (done.status, done.err) == (0, "")
    assert done.out.endswith("all well\n")
    assert "speaks http: that is taken from this machine only" in done.out
    states = [one["state"] for one in desk.call("doctor", "--json").records]
    assert "ok" in states
    assert "fault" not in states


def test_a_name_without_an_address(desk: Desk) -> None:
    status, out = told(desk, "https://lms.invalid/items")
    assert status == 4
    assert "there is no address for lms.invalid" in out
    assert "-> is the name right? lineitems in" in out


def test_a_port_that_nobody_listens_on(desk: Desk) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    status, out = told(desk, f"https://127.0.0.1:{port}/items")
    assert status == 4
    assert f"nobody answers at 127.0.0.1 port {port}" in out


def test_a_certificate_that_signed_itself(desk: Desk, tmp_path: Path) -> None:
    with listening(certificate(tmp_path)) as port:
        status, out = told(desk, f"https://localhost:{port}/items")
    assert status == 4
    assert "localhost shows a certificate that it signed itself" in out


@pytest.mark.parametrize(
    "host, age, said",
    [
        ("localhost", 9 * DAY, "the certificate of localhost is over"),
        ("localhost", -DAY, "the certificate of localhost is not valid yet"),
        ("other.example", DAY, "the certificate of localhost is for other names"),
    ],
)
def test_a_certificate_that_is_trusted_and_wrong(
    host: str, age: datetime.timedelta, said: str, desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain = certificate(tmp_path, host=host, age=age)
    monkeypatch.setenv("SSL_CERT_FILE", str(chain))
    with listening(chain) as port:
        status, out = told(desk, f"https://localhost:{port}/items")
    assert status == 4
    assert said in out


def test_a_trusted_certificate_is_well(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chain = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(chain))
    with listening(chain) as port:
        _, out = told(desk, f"https://localhost:{port}/items")
    assert "localhost: TLSv1.3, and its certificate is trusted" in out


def test_https_where_http_is_spoken(desk: Desk) -> None:
    with listening(None) as port:
        status, out = told(desk, f"https://localhost:{port}/items")
    assert status == 4
    assert f"localhost port {port} does not speak TLS" in out
