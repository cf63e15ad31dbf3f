"""
Which outbox a command is about: the path of a SQLite file, or a PostgreSQL database.
"""

from __future__ import annotations

import re
from typing import Protocol

from aioags.cli.failures import CommandError
from aioags.outbox import SQLiteStore, Store

VARIABLE = "AIOAGS_OUTBOX"
"""Names the store when ``--store`` does not."""

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*", re.IGNORECASE)
# A path may hold such a word too, but hardly at its beginning or after a blank.
_CONNECTION_STRING = re.compile(r"(^|\s)(host|hostaddr|dbname|user|passw\w*|service)\s*=", re.IGNORECASE)
# With one slash or none: a slip, and it may hold a password.
_ALMOST_URL = re.compile(r"postgres[^/\s]*:", re.IGNORECASE)


class MigratingStore(Store, Protocol):
    """
    A store that can be brought to the newest version.
    """

    async def migrate(self) -> None:
        """
        Make its tables, or bring them to the newest version.
        """
        ...


def open_store(named: str | None) -> MigratingStore:
    """
    Return the store of a name: the path of a SQLite file, or the URL or connection string of a PostgreSQL database.

    Raises:
        CommandError: There is no name, or it is none of these, or the extra for it is not installed. It shows no more
            of the name than the scheme of a URL: the rest may hold a password.
    """
    if not named:
        raise CommandError(f"name the store: --store PATH or postgresql://…, or set {VARIABLE}")
    database = _database(named)
    if database is not None:
        return _open_database(database)
    try:
        return SQLiteStore(named, create=False)
    except ValueError as error:
        raise CommandError(str(error)) from None


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
        raise CommandError(f"--store {scheme}://… is SQLAlchemy's way to write it: write postgresql://…")
    if not is_scheme and _CONNECTION_STRING.search(named):
        return named
    if is_url or _ALMOST_URL.match(named):
        shown = f"--store {scheme}://…" if is_scheme else "--store"
        raise CommandError(f"{shown} is neither a path nor a postgresql:// URL")
    return None


def _open_database(named: str) -> MigratingStore:
    try:
        from psycopg import ProgrammingError
        from psycopg.conninfo import conninfo_to_dict

        from aioags.outbox.postgres import PostgresStore
    except ImportError as error:
        raise CommandError(f"{error}: pip install 'aioags[procrastinate]'") from error
    try:
        # An @ that the password was cut at: the rest of it would be shown as a host that cannot be found. As the first
        # letter it marks an abstract socket.
        readable = "@" not in str(conninfo_to_dict(named).get("host", ""))[1:]
    except ProgrammingError:
        # Its words quote what it stumbled over.
        readable = False
    if not readable:
        raise CommandError(
            "--store cannot be read by PostgreSQL; in a URL a @, a % or a blank of the password is "
            "written %40, %25, %20"
        )
    return PostgresStore(named)
