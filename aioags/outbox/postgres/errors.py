"""
What PostgreSQL says, put so that no grade comes with it.

Its detail and its context may quote the row ("Failing row contains (…"), and so may a traceback that shows where an
error came from. Of both nothing is kept but the kind of the error and PostgreSQL's first sentence.
"""

from __future__ import annotations

import re

import psycopg
from psycopg.conninfo import conninfo_to_dict

from aioags.outbox.group_commit import HeldError
from aioags.outbox.model import StoreError


def store_error(error: psycopg.Error) -> StoreError:
    """
    Return the error to raise instead, which is to be raised ``from None``.
    """
    return held_error() if isinstance(error, psycopg.errors.LockNotAvailable) else StoreError(told(error))


def told(error: psycopg.Error) -> str:
    """
    Say what PostgreSQL or the way there has told, on one line.
    """
    kind = type(error).__name__ + (f" ({error.sqlstate})" if error.sqlstate else "")
    said = error.diag.message_primary or str(error).partition("\n")[0]
    return " ".join(f"PostgreSQL: {kind}: {said}".split())


def held_error() -> HeldError:
    """
    Return the error for a row that somebody else keeps locked.
    """
    return HeldError(
        "PostgreSQL: somebody's open transaction holds a row of the outbox that is to be changed, and does not end; "
        "pg_stat_activity shows it, by its state and xact_start"
    )


def check_conninfo(conninfo: str) -> None:
    """
    Check how a database is named, before anything is opened.

    Raises:
        ValueError: libpq would not take it.
    """
    # It holds a password: nothing of it is shown, and libpq's own words would.
    if re.match(r"\w+\+\w+:", conninfo):
        raise ValueError("conninfo must be as libpq takes it: write postgresql:// without the name of a driver")
    try:
        conninfo_to_dict(conninfo)
    except psycopg.ProgrammingError:
        message = "conninfo cannot be read: give a postgresql:// URL or a connection string of libpq"
        raise ValueError(message) from None
