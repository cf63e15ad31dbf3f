"""
``aioags outbox``: look into an outbox, try again what is dead or deferred, erase what must be forgotten.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, aclosing, nullcontext
from datetime import UTC, datetime
from typing import Any, Protocol

import attrs

from aioags.cli.usage import UsageError, duration, new_parser, shown_duration
from aioags.outbox import PlatformStats, Selection, SQLiteStore, State, Stats, Store, StoredScore, StoreError
from aioags.outbox.erasing import check_erasure

VARIABLE = "AIOAGS_OUTBOX"
"""Names the store when ``--store`` does not."""

EMPTY = "the outbox is empty"

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*", re.IGNORECASE)
# A path may hold such a word too, but hardly at its beginning or after a blank.
_CONNECTION_STRING = re.compile(r"(^|\s)(host|hostaddr|dbname|user|passw\w*|service)\s*=", re.IGNORECASE)
# With one slash or none: a slip, and it may hold a password.
_ALMOST_URL = re.compile(r"postgres[^/\s]*:", re.IGNORECASE)

LISTS = {
    "dead": (State.DEAD, "were given up", "given up"),
    "deferred": (State.DEFERRED, "were refused and are tried again", "deferred"),
    "delayed": (State.DUE, "failed and are tried again", "waiting after a failure"),
}
"""By action: which scores it lists, and how they are called in its help and below the list."""

HEADINGS = ("registration", "due", "delayed", "deferred", "sent", "dead", "unknown", "oldest due", "left alone")


class MigratingStore(Store, Protocol):
    """
    A store that can be brought to the newest version.
    """

    async def migrate(self) -> None:
        """
        Make its tables, or bring them to the newest version.
        """
        ...


@attrs.frozen
class Invocation:
    """
    One run of the command.

    Attributes:
        options: From the command line.

        now: Reads Unix time.

        sleep: Waits for so many seconds.

        terminal: False: what is printed goes to a file or another program.
    """

    store: MigratingStore
    options: argparse.Namespace
    now: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]
    terminal: bool

    @property
    def selection(self) -> Selection:
        """
        The rows that it is about.
        """
        return Selection(self.options.registration, self.options.line_item, self.options.user)


def run(
    arguments: Sequence[str],
    *,
    now: Callable[[], float] = time.time,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    terminal: bool | None = None,
) -> int:
    """
    Run the command; see `aioags.cli.main`.

    Args:
        terminal: As in `Invocation`. None: what standard output says of itself.
    """
    options = _parser().parse_args(arguments)
    store = open_store(options.store or os.environ.get(VARIABLE))
    try:
        asyncio.run(_run(Invocation(store, options, now, sleep, sys.stdout.isatty() if terminal is None else terminal)))
    except StoreError as error:
        print(f"aioags outbox: {error}", file=sys.stderr)
        return 1
    return 0


async def _run(invocation: Invocation) -> None:
    async with aclosing(invocation.store):
        await invocation.options.action(invocation)


def open_store(named: str | None) -> MigratingStore:
    """
    Return the store of a name: the path of a SQLite file, or the URL or connection string of a PostgreSQL database.

    Raises:
        UsageError: There is no name, or it is none of these, or the extra for it is not installed. It shows no more of
            the name than the scheme of a URL: the rest may hold a password.
    """
    if not named:
        raise UsageError(f"aioags outbox: name the store: --store PATH or postgresql://…, or set {VARIABLE}")
    database = _database(named)
    if database is not None:
        return _open_database(database)
    try:
        return SQLiteStore(named, create=False)
    except ValueError as error:
        raise UsageError(f"aioags outbox: {error}") from None


def _database(named: str) -> str | None:
    """
    Return a database's name as PostgreSQL understands it. None: it is a path.
    """
    scheme, is_url, rest = named.partition("://")
    is_scheme = is_url and _SCHEME.fullmatch(scheme)
    if is_scheme and scheme.lower() in ("postgresql", "postgres"):
        # PostgreSQL knows it in small letters only.
        return f"postgresql://{rest}"
    if is_scheme and "+" in scheme and scheme.lower().startswith("postgres"):
        raise UsageError(f"aioags outbox: --store {scheme}://… is SQLAlchemy's way to write it: write postgresql://…")
    if not is_scheme and _CONNECTION_STRING.search(named):
        return named
    if is_url or _ALMOST_URL.match(named):
        shown = f"--store {scheme}://…" if is_scheme else "--store"
        raise UsageError(f"aioags outbox: {shown} is neither a path nor a postgresql:// URL")
    return None


def _open_database(named: str) -> MigratingStore:
    try:
        from psycopg import ProgrammingError
        from psycopg.conninfo import conninfo_to_dict

        from aioags.outbox.postgres import PostgresStore
    except ImportError as error:
        raise UsageError(f"aioags outbox: {error}: pip install 'aioags[procrastinate]'") from error
    try:
        # An @ that the password was cut at: the rest of it would be shown as a host that cannot be found. As the first
        # letter it marks an abstract socket.
        readable = "@" not in str(conninfo_to_dict(named).get("host", ""))[1:]
    except ProgrammingError:
        # Its words quote what it stumbled over.
        readable = False
    if not readable:
        raise UsageError(
            "aioags outbox: --store cannot be read by PostgreSQL; in a URL a @, a % or a blank of the password is "
            "written %40, %25, %20"
        )
    return PostgresStore(named)


def _parser() -> argparse.ArgumentParser:
    parser = new_parser("aioags outbox", "Look into an outbox, and try again what is dead or deferred.")
    parser.add_argument("--store", help=f"path of a SQLite file, or a postgresql:// URL (default: ${VARIABLE})")
    actions = parser.add_subparsers(required=True, metavar="action", title="actions")

    stats = actions.add_parser("stats", help="count the scores of each registration")
    stats.add_argument("--json", action="store_true", help="a JSON array of one object for each registration")
    stats.set_defaults(action=_stats)

    for name, (state, what, _) in LISTS.items():
        listing = actions.add_parser(name, help=f"list the scores that {what}, with the reason")
        _add_selection(listing)
        listing.add_argument("--json", action="store_true", help="one JSON object for each, on a line of its own")
        listing.set_defaults(action=_list, state=state)

    retry = actions.add_parser("retry", help="try dead and deferred scores again, at once")
    _add_selection(retry)
    retry.add_argument("--all", action="store_true", help="all of them")
    retry.add_argument("--waiting", action="store_true", help="also the delayed ones")
    retry.add_argument("--restamp", action="store_true", help="as of now: overwrite what made them stale")
    retry.set_defaults(action=_retry)

    prune = actions.add_parser("prune", help="forget what was recorded long ago")
    prune.add_argument("--older-than", type=duration, default="30d", help="such as 12h or 30d (default: 30d)")
    prune.add_argument("--dead", action="store_true", help="also what was given up so long ago")
    prune.set_defaults(action=_prune)

    erase = actions.add_parser("erase", help="forget a person, a column, a course or a registration, for good")
    erase.add_argument("--registration", required=True, help="of this registration")
    erase.add_argument("--user", help="only this user id")
    erase.add_argument("--line-item", help="only this line item, by its URL")
    erase.add_argument("--lineitems", help="only this course, by the URL of its line items")
    erase.add_argument("--yes", action="store_true", help="really: nothing brings it back")
    erase.add_argument("--json", action="store_true", help="one JSON object")
    erase.set_defaults(action=_erase)

    migrate = actions.add_parser("migrate", help="make its tables, or bring them to the newest version")
    migrate.set_defaults(action=_migrate)

    watch = actions.add_parser("watch", help="count again and again, until interrupted")
    watch.add_argument("--every", type=duration, default="2s", help="such as 5s or 1m (default: 2s)")
    watch.set_defaults(action=_watch)
    return parser


def _add_selection(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--registration", help="only of this registration")
    parser.add_argument("--line-item", help="only of this line item, by its URL")
    parser.add_argument("--user", help="only of this user id")


async def _stats(invocation: Invocation) -> None:
    now = invocation.now()
    stats = await invocation.store.stats(now=now)
    if invocation.options.json:
        print(json.dumps([attrs.asdict(platform) for platform in stats.platforms]))
    else:
        print(aligned([HEADINGS, *rows(stats, now)]) if stats.platforms else EMPTY)


async def _list(invocation: Invocation) -> None:
    state: State = invocation.options.state
    after: tuple[str, str, str] | None = None
    count = 0
    while page := await invocation.store.listed(invocation.selection, state, after=after):
        for row in page:
            print(json.dumps(_record(row)) if invocation.options.json else _described(row, invocation.now()))
        after = page[-1].key
        count += len(page)
    if not invocation.options.json:
        (called,) = (called for listed, _, called in LISTS.values() if listed is state)
        print(f"{_scores(count)} {called}")


def _record(row: StoredScore) -> dict[str, Any]:
    return {
        "registration": row.registration_id,
        "line_item": row.line_item,
        "user": row.user_id,
        "since": row.since,
        "attempts": row.attempts,
        "may_have_landed": row.unsure,
        "next_attempt": (row.not_before or None) if row.state is not State.DEAD else None,
        "error": row.last_error,
    }


def _described(row: StoredScore, now: float) -> str:
    since = datetime.fromtimestamp(row.since, UTC).isoformat(sep=" ", timespec="seconds")
    tried = f"tried {row.attempts} times" if row.attempts != 1 else "tried once"
    following = f", again in {shown_duration(row.not_before - now)}" if row.not_before > now else ""
    unknown = ", may be recorded" if row.state is State.DEAD and row.unsure else ""
    place = f"{row.registration_id}  {row.line_item}  user {row.user_id}"
    return f"{place}\n    {since}, {tried}{following}{unknown}: {row.last_error}"


async def _retry(invocation: Invocation) -> None:
    if invocation.selection == Selection() and not invocation.options.all:
        raise UsageError("aioags outbox retry: say which: --registration, --line-item, --user or --all")
    options = {"restamp": invocation.options.restamp, "waiting": invocation.options.waiting}
    count = await invocation.store.retry(invocation.selection, now=invocation.now(), **options)
    registration = invocation.options.registration
    asked = (
        "platforms that were left alone are asked again"
        if registration is None
        else f"if the platform of {registration!r} was left alone, it is asked again"
    )
    print(f"{_scores(count)} due again; {asked}")


async def _prune(invocation: Invocation) -> None:
    count = await invocation.store.prune(
        before=invocation.now() - invocation.options.older_than, dead=invocation.options.dead
    )
    print(f"{_scores(count)} forgotten")


async def _erase(invocation: Invocation) -> None:
    options = invocation.options
    asked = {"user_id": options.user, "line_item": options.line_item, "lineitems": options.lineitems}
    try:
        check_erasure(options.registration, **asked)
    except ValueError as error:
        raise UsageError(f"aioags outbox erase: {error}") from None
    if not options.yes:
        raise UsageError("aioags outbox erase: nothing was erased: say --yes, since nothing brings it back")
    erased = await invocation.store.erase(options.registration, **asked)
    if options.json:
        print(json.dumps(attrs.asdict(erased)))
        return
    items = f"{erased.line_items:,} line item{'' if erased.line_items == 1 else 's'}"
    print(f"{_scores(erased.scores)}{f' and {items}' if erased.line_items else ''} erased")
    if erased.remains is not None:
        raise StoreError(erased.remains)


async def _migrate(invocation: Invocation) -> None:
    await invocation.store.migrate()
    print("the outbox is of the newest version")


class Screen(Protocol):
    """
    Where `watch` shows its counts.
    """

    def show(self, rows: Sequence[Sequence[str]], caption: str) -> None:
        """
        Show the counts of now, and a line below them.
        """
        ...


class Lines:
    """
    A `Screen` that is no terminal: each time everything is printed once more.
    """

    def show(self, rows: Sequence[Sequence[str]], caption: str) -> None:
        """
        Print the counts of now, and a line below them.
        """
        table = f"{aligned([HEADINGS, *rows])}\n" if rows else ""
        # At once: whoever reads a pipe would wait for thousands of letters.
        print(f"{table}{caption}", flush=True)


def _screen(terminal: bool) -> AbstractContextManager[Screen]:
    if not terminal:
        return nullcontext(Lines())
    try:
        from aioags.cli.live import LiveTable
    except ImportError as error:
        raise UsageError(f"aioags outbox watch: {error}: pip install 'aioags[cli]'") from error
    return LiveTable(HEADINGS)


async def _watch(invocation: Invocation) -> None:
    screen = _screen(invocation.terminal)
    every = invocation.options.every
    if not every:
        raise UsageError("aioags outbox watch: --every must be at least 1s")
    shown: list[tuple[str, ...]] = []
    # A store that is not there, or not an outbox, will not be one later: that ends the command.
    await invocation.store.stats(now=invocation.now())
    with screen as table:
        while True:
            now = invocation.now()
            caption = f"{datetime.fromtimestamp(now, UTC):%H:%M:%S} UTC, every {shown_duration(every)}, Ctrl-C ends"
            try:
                shown = rows(await invocation.store.stats(now=now), now)
            except StoreError as error:
                caption = f"{caption}; as it was before: {error}"
            table.show(shown, caption if shown else f"{EMPTY}; {caption}")
            await invocation.sleep(every)


def rows(stats: Stats, now: float) -> list[tuple[str, ...]]:
    """
    Write the counts of each registration as cells, in the order of `HEADINGS`.

    Args:
        now: Unix time.
    """
    return [_cells(platform, now) for platform in stats.platforms]


def _cells(platform: PlatformStats, now: float) -> tuple[str, ...]:
    counts = (
        platform.due,
        platform.delayed,
        platform.deferred,
        platform.sent,
        platform.dead,
        platform.unknown,
    )
    oldest = "" if platform.oldest is None else shown_duration(now - platform.oldest)
    block = platform.block
    alone = "" if block is None else f"{shown_duration(block.until - now)}: {block.reason}"
    return (platform.registration_id, *(f"{count:,}" for count in counts), oldest, alone)


def aligned(table: Sequence[Sequence[str]]) -> str:
    """
    Write cells in columns, the first and the last to the left, the rest to the right.
    """
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return "\n".join(_line(cells, widths) for cells in table)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *middle = (cell.rjust(width) for cell, width in zip(cells, widths, strict=True))
    first = cells[0].ljust(widths[0])
    return "  ".join([first, *middle[:-1], cells[-1]]).rstrip()


def _scores(count: int) -> str:
    return f"{count:,} score{'' if count == 1 else 's'}"
