"""
``python -m aioags.emulator``: one platform on a port, until interrupted.
"""

from __future__ import annotations

import argparse
import asyncio
import ipaddress
import json
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NoReturn, TextIO

from aioags.emulator import control, roster
from aioags.emulator.database import Database, DatabaseError
from aioags.emulator.platform import Platform
from aioags.emulator.profiles import PROFILES
from aioags.emulator.server import serve
from aioags.emulator.state import Person

PROGRAM = "python -m aioags.emulator"
WRONG_USAGE = 2


class OptionError(ValueError):
    """
    An option is wrong; the text is the one line that says how.
    """


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise OptionError(message)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """
    Read the command line.

    Raises:
        OptionError: An option is wrong.
    """
    parser = _Parser(prog=PROGRAM, description="An LTI platform with Assignment and Grade Services, on your own desk.")
    parser.add_argument("--profile", choices=list(PROFILES), help="which platform it behaves as (default: spec)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: loopback only)")
    parser.add_argument("--port", type=_port, default=0, help="0: any free one (default)")
    parser.add_argument("--base-url", help="what its URLs begin with, where a proxy stands in front")
    parser.add_argument("--users", type=_count, default=30, help="how many learners to make up (default: 30)")
    parser.add_argument("--roster", type=Path, help="CSV file of people instead: user_id, name, role")
    parser.add_argument("--seed", type=int, default=0, help="of everything random (default: 0)")
    parser.add_argument("--page", action="store_true", help="serve a page that shows the gradebook and the requests")
    parser.add_argument("--db", type=Path, help="SQLite file that keeps the gradebook; made if it is not there")
    return parser.parse_args(arguments)


def _port(text: str) -> int:
    if not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port; give 0 to 65535")
    return int(text)


def _count(text: str) -> int:
    if not text.isdigit() or int(text) > 1_000_000:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of users; give 0 to 1000000")
    return int(text)


def read_people(path: Path | None) -> list[Person] | None:
    """
    Read a roster file; None: none was named.

    Raises:
        OptionError: It cannot be read or used.
    """
    if path is None:
        return None
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            return roster.read_csv(lines)
    except OSError as error:
        raise OptionError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise OptionError(f"{path}: {error}") from error


def document(platform: Platform) -> dict[str, Any]:
    """
    Build what a tool needs to know: the registration, the AGS claim, and where the platform is controlled.
    """
    whole = control.summary(platform)
    return {name: value for name, value in whole.items() if name not in ("counts", "token_requests", "routes")}


async def run(options: argparse.Namespace) -> None:
    """
    Serve until interrupted.

    Raises:
        OptionError: The roster or the file cannot be used, or the address cannot be listened on.
    """
    people = read_people(options.roster)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    failures: list[DatabaseError] = []

    def fail(error: DatabaseError) -> None:
        failures.append(error)
        stopped.set()

    with opened(options.db) as database:
        profile = options.profile or (database.profile if database is not None else None) or "spec"
        platform = Platform.create(profile, users=options.users, people=people, seed=options.seed)
        if database is not None:
            database.fail = fail
            database.keep(platform)
        await listen(platform, options, stopped)
    if failures:
        raise OptionError(str(failures[0]))


@contextmanager
def opened(path: Path | None) -> Iterator[Database | None]:
    """
    Open the file that keeps the gradebook while the block runs; None: none was named.

    Raises:
        OptionError: It cannot be used.
    """
    if path is None:
        yield None
        return
    try:
        with closing(Database.open(path)) as database:
            yield database
    except DatabaseError as error:
        raise OptionError(str(error)) from error


async def listen(platform: Platform, options: argparse.Namespace, stopped: asyncio.Event) -> None:
    """
    Serve one platform until it is to stop, and say where.

    Raises:
        OptionError: The address cannot be listened on.
    """
    where = {"host": options.host, "port": options.port, "base_url": options.base_url}
    try:
        async with serve(platform, **where, page=options.page) as server:
            shown = document(platform) | ({"page_url": server.page_url} if options.page else {})
            tell(json.dumps(shown, indent=2), sys.stdout)
            tell(announcement(options.host, server.url), sys.stderr)
            await stopped.wait()
    except OSError as error:
        raise OptionError(f"cannot listen on {options.host} port {options.port}: {error.strerror}") from error


def tell(text: str, stream: TextIO) -> None:
    """
    Write a text and a line end, at once: the reader may be a program that waits for it.
    """
    stream.write(text + "\n")
    stream.flush()


def announcement(host: str, url: str) -> str:
    """
    Say who can reach the platform.
    """
    if is_loopback(host):
        return f"Listening on {url}, for this machine only. Stop with Ctrl-C."
    return (
        f"Listening on {url}: everybody who reaches this machine can read and change the gradebook. Stop with Ctrl-C."
    )


def is_loopback(host: str) -> bool:
    """
    True for an address that only this machine reaches.
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run the command; return its exit status.
    """
    try:
        asyncio.run(run(parse(sys.argv[1:] if arguments is None else arguments)))
    except OptionError as error:
        tell(f"{PROGRAM}: {error}", sys.stderr)
        return WRONG_USAGE
    return 0
