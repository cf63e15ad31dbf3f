"""
``python -m aioags.emulator``: one platform on a port, until interrupted.
"""

from __future__ import annotations

import argparse
import asyncio
import ipaddress
import json
import reprlib
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, NoReturn, TextIO
from urllib.parse import urlsplit

from aioags.emulator.database import Database, DatabaseError
from aioags.emulator.doors import control
from aioags.emulator.doors.config_file import ConfigError, check_config, write_config
from aioags.emulator.doors.server import serve
from aioags.emulator.platform import Platform
from aioags.emulator.profiles import PROFILES
from aioags.emulator.profiles.files import ProfileError, load_profile
from aioags.emulator.profiles.profile import Profile
from aioags.emulator.profiles.sharing import PRIVACY
from aioags.emulator.site import roster
from aioags.emulator.site.state import Person
from aioags.emulator.site.tool_keys import PublicKeyError, read_public_keys

PROGRAM = "python -m aioags.emulator"
WRONG_USAGE = 2


class OptionError(ValueError):
    """
    An option is wrong; the text is the one line that says how.
    """


class _OptionParser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise OptionError(message)


def parse(arguments: Sequence[str], program: str = PROGRAM) -> argparse.Namespace:
    """
    Read the command line.

    Args:
        program: How it was called.

    Raises:
        OptionError: An option is wrong.
    """
    parser = _OptionParser(
        prog=program,
        description="An LTI platform with Assignment and Grade Services, on your own desk.",
        epilog=f"Example: {program} --profile moodle --page",
    )
    platforms = f"which platform it behaves as: {', '.join(PROFILES)}, or a file that aioags doctor recorded"
    known = "(default: spec, or what the file of --db holds)"
    parser.add_argument("--profile", metavar="NAME", type=_profile, help=f"{platforms} {known}")
    parser.add_argument("--page", action="store_true", help="serve a page that shows the gradebook and the requests")
    parser.add_argument("--db", metavar="FILE", type=Path, help="SQLite file that keeps the gradebook; made if need be")
    config = "TOML file that gets registration and endpoint under a name (default: that of the profile)"
    parser.add_argument("--config", metavar=("FILE", "NAME"), nargs="+", help=config)
    _add_people(parser.add_argument_group("people"))
    _add_addresses(parser.add_argument_group("addresses"))
    _add_launches(parser.add_argument_group("launches, where your tool takes them"))
    _add_keys(parser.add_argument_group("keys, where your tool makes its own"))
    parser.add_argument("--seed", metavar="N", type=_seed, default=0, help="of everything random (default: 0)")
    options = parser.parse_args(arguments)
    places = (options.login_url, options.redirect_uri)
    if None in places and (*places, options.target_link_uri) != (None, None, None):
        parser.error("--login-url and --redirect-uri go together")
    if options.config is not None and len(options.config) > 2:
        parser.error("--config takes a file and one name")
    return options


def _add_people(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--users", metavar="N", type=_count, default=30, help="how many to make up (default: 30)")
    group.add_argument("--roster", metavar="FILE", type=Path, help="CSV file of them instead: user_id, name, role")
    told = f"what the tool is told of them: {', '.join(PRIVACY)} (default: public)"
    group.add_argument("--privacy", metavar="SETTING", choices=PRIVACY, default="public", help=told)


def _add_addresses(group: argparse._ArgumentGroup) -> None:
    loopback = "to listen on (default: 127.0.0.1, for this machine only)"
    group.add_argument("--host", metavar="ADDRESS", type=_host, default="127.0.0.1", help=loopback)
    group.add_argument("--port", metavar="N", type=port, default=0, help="to listen on (default: any free one)")
    elsewhere = "what the platform's URLs begin with, where it is reached by another name or through a proxy"
    group.add_argument("--base-url", metavar="URL", type=_origin, help=elsewhere)


def _add_launches(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--login-url", metavar="URL", type=_url, help="its login initiation URL")
    group.add_argument("--redirect-uri", metavar="URL", type=_url, help="where it takes the id_token")
    group.add_argument("--target-link-uri", metavar="URL", type=_url, help="what opens (default: the redirect URI)")


def _add_keys(group: argparse._ArgumentGroup) -> None:
    one = group.add_mutually_exclusive_group()
    one.add_argument("--tool-jwks", metavar="URL", type=_url, help="where it publishes its public keys")
    one.add_argument("--tool-public-key", metavar="FILE", type=Path, help="its public keys: PEM, JWK or key set")


def read_key(path: Path | None) -> str | None:
    """
    Read a file of public keys; None: none was named.

    Raises:
        OptionError: It cannot be read, or holds something else.
    """
    if path is None:
        return None
    try:
        text = path.read_text(encoding="utf-8-sig")
        read_public_keys(text)
    except OSError as error:
        raise OptionError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        reason = error if isinstance(error, PublicKeyError) else "it is no UTF-8 text"
        raise OptionError(f"{path} cannot be the tool's public key: {reason}") from None
    return text


def _profile(text: str) -> Profile:
    if text in PROFILES:
        return PROFILES[text]
    if not Path(text).exists():
        told = f"invalid choice: {reprlib.repr(text)} is neither a file nor one of {', '.join(PROFILES)}"
        raise argparse.ArgumentTypeError(told)
    try:
        return load_profile(text)
    except ProfileError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _host(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("it is empty; give an address such as 127.0.0.1")
    return text


def port(text: str) -> int:
    """
    Read the number of a port; 0: any free one.
    """
    return number(text, 65_535, "port")


def _count(text: str) -> int:
    return number(text, 1_000_000, "number of users")


def number(text: str, most: int, kind: str, *, least: int = 0) -> int:
    """
    Read a whole number that an option may have.
    """
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(most)) and least <= int(text) <= most):
        raise argparse.ArgumentTypeError(f"{reprlib.repr(text)} is no {kind}; give {least} to {most}")
    return int(text)


def _seed(text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{reprlib.repr(text)} is no whole number") from error


def _url(text: str) -> str:
    try:
        parts = urlsplit(text)
        # Reading the port is what checks it.
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise argparse.ArgumentTypeError(f"{text!r} is no URL; give one such as https://lms.example")
    return text


def _origin(text: str) -> str:
    parts = urlsplit(_url(text))
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise argparse.ArgumentTypeError(f"{text!r} has more than an origin has; give one such as https://lms.example")
    return text


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
    except UnicodeDecodeError as error:
        raise OptionError(f"{path} is no UTF-8 text") from error
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
    people, public_keys = read_people(options.roster), read_key(options.tool_public_key)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for caught in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(caught, stopped.set)
    failures: list[DatabaseError] = []

    def fail(error: DatabaseError) -> None:
        failures.append(error)
        stopped.set()

    with opened(options.db) as database:
        profile = chosen_profile(options, database)
        config = chosen_config(options, profile)
        made = {"users": options.users, "people": people, "seed": options.seed, "privacy": options.privacy}
        platform = Platform.create(profile, **made, tool_jwks_url=options.tool_jwks, tool_public_keys=public_keys)
        if database is not None:
            database.fail = fail
            database.keep(platform)
        if options.tool_jwks is not None or public_keys is not None:
            # Again: the tool may be one that the file holds.
            platform.register_keys(jwks_url=options.tool_jwks, public_keys=public_keys)
        if options.login_url is not None:
            # Not before: the tool may be one that the file holds.
            target = {"target_link_uri": options.target_link_uri}
            platform.launches.connect(login_url=options.login_url, redirect_uri=options.redirect_uri, **target)
        await listen(platform, options, stopped, config)
    if failures:
        raise OptionError(str(failures[0]))


def chosen_profile(options: argparse.Namespace, database: Database | None) -> Profile:
    """
    Return the profile that is asked for, or kept.

    Raises:
        OptionError: The file holds a platform of a profile that there is not.
    """
    kept = database.profile if database is not None else None
    asked: Profile | None = options.profile
    if asked is not None and kept in (None, asked.name):
        return asked
    if kept is not None and kept not in PROFILES:
        advice = "name the file of its profile, if it was recorded"
        raise OptionError(f"{options.db} holds a {kept} platform, which this version of aioags does not know: {advice}")
    return asked or PROFILES[kept or "spec"]


def chosen_config(options: argparse.Namespace, profile: Profile) -> tuple[Path, str] | None:
    """
    Return the file and the name in it that the platform is written into; None: none.

    Raises:
        OptionError: They cannot be used.
    """
    if options.config is None:
        return None
    path, *name = options.config
    chosen = Path(path), name[0] if name else profile.name
    try:
        check_config(*chosen)
    except ConfigError as error:
        raise OptionError(str(error)) from error
    return chosen


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


async def listen(
    platform: Platform, options: argparse.Namespace, stopped: asyncio.Event, config: tuple[Path, str] | None
) -> None:
    """
    Serve one platform until it is to stop, and say where.

    Raises:
        OptionError: The address cannot be listened on, or the file of `config` not written.
    """
    where = {"host": options.host, "port": options.port, "base_url": options.base_url}
    async with AsyncExitStack() as stack:
        try:
            server = await stack.enter_async_context(serve(platform, **where, page=options.page))
        except (OSError, UnicodeError) as error:
            # UnicodeError: a name that is none, such as a..b.
            reason = error.strerror if isinstance(error, OSError) else "it is no name"
            raise OptionError(f"cannot listen on {options.host} port {options.port}: {reason}") from error
        if config is not None:
            try:
                write_config(*config, platform)
            except ConfigError as error:
                raise OptionError(str(error)) from error
        shown = document(platform)
        if options.page:
            shown["page_url"] = server.page_url
        if options.login_url is not None:
            shown["launch_url"] = platform.launches.page_url
        tell(json.dumps(shown, indent=2), sys.stdout)
        tell(announcement(options.host, server.url), sys.stderr)
        await stopped.wait()


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


def main(arguments: Sequence[str] | None = None, program: str = PROGRAM) -> int:
    """
    Run the command; return its exit status.

    Args:
        program: How it was called.
    """
    try:
        asyncio.run(run(parse(sys.argv[1:] if arguments is None else arguments, program)))
    except OptionError as error:
        tell(f"{program}: {error}", sys.stderr)
        return WRONG_USAGE
    except BrokenPipeError:
        tell(f"{program}: nobody reads what it prints", sys.stderr)
        return WRONG_USAGE
    return 0
