"""
The servers: nginx where it is installed, else a small one in C where there is a compiler, else one in Python.

Each runs in a process of its own, on the last core where there are several; the contestant has the others. How busy
that core was is measured: a server near 100 % is the bottleneck, and the figures say nothing of the client.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
TOKEN = '{"access_token": "0123456789abcdef0123456789abcdef", "token_type": "Bearer", "expires_in": 3600}'


@dataclass
class Server:
    """
    A server that runs.

    Attributes:
        name: What it is, for the report.

        origin: Where it is.

        cafile: Its own certificate, for https.

        busy: Seconds of CPU that it has used so far.
    """

    name: str
    origin: str
    cafile: str | None = None
    busy: Callable[[], float] = field(default=lambda: 0.0)


def cores() -> tuple[set[int], set[int]]:
    """
    Return the cores of contestants and those of the server.
    """
    if not hasattr(os, "sched_getaffinity"):
        return set(), set()
    available = sorted(os.sched_getaffinity(0))
    return (set(available[:-1]), {available[-1]}) if len(available) > 1 else (set(available), set(available))


def pinned(which: set[int]) -> list[str]:
    """
    Return what a command begins with, to stay on some cores.
    """
    return ["taskset", "-c", ",".join(map(str, sorted(which)))] if which and shutil.which("taskset") else []


def cpu_seconds(process: int) -> float:
    """
    Return the seconds of CPU that a process and its children that run have used; 0 where there is no /proc.
    """
    total = 0.0
    try:
        children = Path(f"/proc/{process}/task/{process}/children").read_text(encoding="ascii").split()
        for each in (str(process), *children):
            fields = Path(f"/proc/{each}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
            total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except OSError:
        return 0.0
    return total


@contextmanager
def running(name: str, command: list[str], scheme: str = "http", cafile: str | None = None) -> Iterator[Server]:
    """
    Run a server that prints its port.
    """
    with subprocess.Popen([*pinned(cores()[1]), *command], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline())
            yield Server(name, f"{scheme}://127.0.0.1:{port}", cafile, lambda: cpu_seconds(process.pid))
        finally:
            process.terminate()


@contextmanager
def python(*options: str, tls: bool = False) -> Iterator[Server]:
    """
    Run the one in Python.
    """
    with tempfile.TemporaryDirectory() as folder:
        certificate = certify(Path(folder)) if tls else None
        more = ["--tls", *map(str, certificate)] if certificate else []
        command = [sys.executable, str(HERE / "small_platform.py"), *options, *more]
        cafile = str(certificate[0]) if certificate else None
        with running("Python", command, "https" if tls else "http", cafile) as server:
            yield server


@contextmanager
def quick(delay: float = 0, *, tls: bool = False) -> Iterator[Server]:
    """
    Run the cheapest one: nginx without a delay, else the one in C, else the one in Python.

    Args:
        delay: Of every answer, in milliseconds.
    """
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if not delay and shutil.which("nginx"):
        with nginx(tls) as server:
            yield server
    elif compiler and not tls and sys.platform == "linux":
        with tempfile.TemporaryDirectory() as folder:
            program = f"{folder}/server"
            subprocess.run([compiler, "-O2", "-o", program, str(HERE / "server.c")], check=True)
            with running("C", [program, str(delay)]) as server:
                yield server
    else:
        with python("--delay", str(delay), tls=tls) as server:
            yield server


NGINX = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 8192; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    keepalive_requests 100000000;
    keepalive_timeout 300;
    server {{
        listen 127.0.0.1:{port} backlog=4096 {tls};
        {certificate}
        location = /token {{ default_type application/json; return 200 '{token}'; }}
        location / {{ return 204; }}
    }}
}}
"""


@contextmanager
def nginx(tls: bool) -> Iterator[Server]:
    """
    Run nginx with one worker.
    """
    with tempfile.TemporaryDirectory() as folder, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        certificate = ""
        if tls:
            public, private = certify(Path(folder))
            certificate = f"ssl_certificate {public}; ssl_certificate_key {private};"
        text = NGINX.format(folder=folder, port=port, tls="ssl" * tls, certificate=certificate, token=TOKEN)
        Path(folder, "nginx.conf").write_text(text, encoding="utf-8")
        Path(folder).chmod(0o755)
        command = [*pinned(cores()[1]), "nginx", "-c", f"{folder}/nginx.conf", "-e", f"{folder}/error.log"]
        with subprocess.Popen(command) as process:
            try:
                _await_port(port)
                cafile = f"{folder}/certificate.pem" if tls else None
                origin = f"http{'s' * tls}://127.0.0.1:{port}"
                yield Server("nginx", origin, cafile, lambda: cpu_seconds(process.pid))
            finally:
                process.terminate()


def _await_port(port: int) -> None:
    until = time.monotonic() + 10
    while time.monotonic() < until:
        with socket.socket() as probe:
            if not probe.connect_ex(("127.0.0.1", port)):
                return
        time.sleep(0.02)
    raise TimeoutError("nginx did not begin to listen within 10 s")


def certify(folder: Path) -> tuple[Path, Path]:
    """
    Make a certificate for 127.0.0.1; the files of it and of its key.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "aioags benchmark")])
    today = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(today - dt.timedelta(days=1)).not_valid_after(today + dt.timedelta(days=1))
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    builder = builder.add_extension(here, critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    public, private = folder / "certificate.pem", folder / "key.pem"
    public.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    form = serialization.PrivateFormat.PKCS8
    private.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
    return public, private


def counts(server: Server) -> dict[str, int]:
    """
    Return what the one in Python was asked.
    """
    import json

    with urllib.request.urlopen(f"{server.origin}/counts") as answer:
        return json.load(answer)
