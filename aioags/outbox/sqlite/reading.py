"""
Reading a file in which something is damaged.

Theory of operation. SQLite takes whatever it is given: a text need not be UTF-8, a number may be a word. Reading looks
no closer than it must, so that it costs nothing; what it cannot make sense of raises `Damage`, in which nothing of the
value is told (SQLite's own words quote it). Whoever catches that has the file mended and reads again.

Mending goes through the whole file and gives every column a value that it may have. A row whose key, score or stamp
was lost is dead then, with the reason, and its key can be named: it is counted, listed, tried again, erased like any
other. What only counted something begins anew. So a second reading finds no damage.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from aioags.calls.log import ERROR, log
from aioags.outbox.model import Deferral, StoreError
from aioags.outbox.payload import UNREADABLE
from aioags.outbox.sqlite import sql

_Row = tuple[Any, ...]

_TEXT: tuple[type, ...] = (str,)
_WHOLE: tuple[type, ...] = (int,)
_NUMBER: tuple[type, ...] = (float, int)
_NOTHING: tuple[type, ...] = (type(None),)

# Of the columns of a `StoredScore`, in their order.
_KINDS = (
    *(_TEXT, _TEXT, _TEXT, _WHOLE, _TEXT, _WHOLE + _NOTHING, _WHOLE + _NOTHING),
    *(_TEXT, _WHOLE, _NUMBER, _TEXT + _NOTHING, _WHOLE, _NUMBER),
    *(_TEXT + _NOTHING, _WHOLE + _NOTHING, _WHOLE + _NOTHING, _WHOLE, _NUMBER, _NUMBER),
)


# By the number that is stored with a score: a row of which that was damaged is seen by nobody who joins the two.
_WITHOUT_LINE_ITEM = """
    SELECT count(*) FROM score WHERE NOT EXISTS (SELECT 1 FROM line_item WHERE line_item.id = score.item)
"""


class Damage(StoreError):
    """
    Something in the file cannot be read.
    """

    def __init__(self) -> None:
        super().__init__("SQLite: something in the outbox cannot be read")


FAILURES = (sqlite3.Error, OSError, UnicodeDecodeError)
"""What SQLite may raise. The last: it wanted to quote what is damaged."""


def told(error: Exception) -> str:
    """
    Say what SQLite has told.
    """
    return f"SQLite: {'the file is damaged' if isinstance(error, UnicodeDecodeError) else error}"


def fetched(
    connection: sqlite3.Connection, statement: str, arguments: Sequence[Any] | Mapping[str, Any] = ()
) -> list[_Row]:
    """
    Run a statement and return its rows.

    Raises:
        Damage: A text is not UTF-8.
    """
    try:
        return connection.execute(statement, arguments).fetchall()
    except sqlite3.OperationalError as error:
        if not str(error).startswith("Could not decode to UTF-8"):
            raise
    # Out here, or the error would keep the other one.
    raise Damage


def fetched_scores(
    connection: sqlite3.Connection, statement: str, arguments: Sequence[Any] | Mapping[str, Any]
) -> list[_Row]:
    """
    Run a statement and return its rows, which end with all columns of a `StoredScore`.

    Raises:
        Damage: A column holds what it cannot.
    """
    rows = fetched(connection, statement, arguments)
    # Rows are many and their kinds few: each is judged once.
    if not all(map(_are_sound, {tuple(map(type, row[-len(_KINDS) :])) for row in rows})):
        raise Damage
    return rows


def fetched_item(connection: sqlite3.Connection, place: tuple[str, str]) -> tuple[int, Deferral | None] | None:
    """
    Return the number of a line item, and what it is deferred with.

    Raises:
        Damage: A column holds what it cannot.
    """
    rows = fetched(connection, sql.DEFERRAL, place)
    if not rows:
        return None
    number, count, at, until, reason, waited = rows[0]
    if not all(type(value) in _NUMBER for value in (count, at, until, waited)) or not isinstance(reason, str):
        raise Damage
    return number, Deferral(count, at, until, reason, waited) if count > 0 else None


@lru_cache(maxsize=64)
def _are_sound(kinds: tuple[type, ...]) -> bool:
    return all(kind in allowed for kind, allowed in zip(kinds, _KINDS, strict=True))


def first_damage(connection: sqlite3.Connection) -> str | None:
    """
    Look whether the file holds together: its pages, what its indexes leave out, rows of a line item that is not there.

    Returns:
        What is wrong, in SQLite's words, which quote no value. None: nothing.
    """
    ((said,),) = fetched(connection, "PRAGMA integrity_check(1)")
    if said != "ok":
        return " ".join(str(said).split())
    ((lost,),) = fetched(connection, _WITHOUT_LINE_ITEM)
    return f"scores without a line item: {lost}" if lost else None


def mend(connection: sqlite3.Connection) -> None:
    """
    Give every column of every row a value that it may have, within the caller's transaction.
    """
    connection.create_function("is_text", 2, _is_text, deterministic=True)
    connection.create_function("legible", 1, _legible, deterministic=True)
    connection.create_function("quoted", 1, _quoted, deterministic=True)
    count = sum(connection.execute(statement).rowcount for statement in _MENDING)
    log(
        ERROR,
        "outbox: the file is damaged: %(count)d values could not be read; what cannot be sent is dead",
        count=count,
    )


def _is_text(kind: str, value: bytes | None) -> bool:
    try:
        return kind == "text" and (value or b"").decode() is not None
    except UnicodeDecodeError:
        return False


def _legible(value: bytes | None) -> str:
    return (value or b"").decode("utf-8", "backslashreplace") or "(nothing)"


def _quoted(value: bytes | None) -> str:
    # For people. A text is no score, so however often it is tried again, it is never sent.
    return json.dumps((value or b"").decode("utf-8", "backslashreplace"), ensure_ascii=False)


def _broken(column: str) -> str:
    return f"NOT is_text(typeof({column}), CAST({column} AS BLOB))"


def _legibly(column: str) -> str:
    return f"{column} = CASE WHEN {_broken(column)} THEN legible(CAST({column} AS BLOB)) ELSE {column} END"


def _end(reason: str) -> str:
    return (
        f"last_error = CASE WHEN state = 'sent' THEN last_error ELSE '{reason}' END, "
        "state = CASE WHEN state = 'sent' THEN state ELSE 'dead' END"
    )


def _numbers(table: str, columns: Mapping[str, str], *kinds: str) -> Iterator[str]:
    allowed = ", ".join(f"'{kind}'" for kind in kinds)
    for column, instead in columns.items():
        yield f"UPDATE {table} SET {column} = {instead} WHERE typeof({column}) NOT IN ({allowed})"  # noqa: S608


def _statements() -> Iterator[str]:
    for column, reason in (("registration", "its registration"), ("line_item", "its line item")):
        items = f"SELECT id FROM line_item WHERE {_broken(column)}"  # noqa: S608  Here and below: only our own text.
        yield f"UPDATE score SET {_end(f'{reason} cannot be read')} WHERE item IN ({items})"  # noqa: S608
        yield f"UPDATE line_item SET {_legibly(column)} WHERE {_broken(column)}"  # noqa: S608
    # As if it were missing: a URL that is only almost right must not be asked.
    yield f"UPDATE line_item SET endpoint = '' WHERE {_broken('endpoint')}"  # noqa: S608
    yield f"UPDATE line_item SET {_legibly('reason')} WHERE {_broken('reason')}"  # noqa: S608
    yield from _numbers("line_item", {"deferrals": "0"}, "integer")
    numbers = {"deferred_at": "0", "deferred_until": "0", "waited": "0"}
    yield from _numbers("line_item", numbers, "integer", "real")
    yield f"UPDATE score SET {_legibly('user_id')}, {_end('its user id cannot be read')} WHERE {_broken('user_id')}"  # noqa: S608
    yield f"UPDATE score SET payload = quoted(CAST(payload AS BLOB)), {_end(UNREADABLE)} WHERE {_broken('payload')}"  # noqa: S608
    yield f"UPDATE score SET ts = 0, {_end('its timestamp cannot be read')} WHERE typeof(ts) <> 'integer'"  # noqa: S608
    yield from _numbers("score", {"attempts": "0", "deferrals": "0", "unsure": "1"}, "integer")
    yield from _numbers("score", dict.fromkeys(("not_before", "since", "waited", "failed_at"), "0"), "integer", "real")
    stamps = ("wire_ts", "wire_for", "sent_ts", "made_at", "made_order")
    yield from _numbers("score", dict.fromkeys(stamps, "NULL"), "integer", "null")
    for column in ("made_by", "last_error"):
        yield f"UPDATE score SET {_legibly(column)} WHERE {column} IS NOT NULL AND {_broken(column)}"  # noqa: S608
    # Of the journal nothing is made up: what cannot be read is gone, and what no person's name would find.
    maybe = (f"{column} IS NOT NULL AND {_broken(column)}" for column in ("reason", "comment"))
    broken = " OR ".join([_broken("user_id"), _broken("facts"), *maybe])
    yield f"DELETE FROM attempt WHERE item NOT IN (SELECT id FROM line_item) OR {broken}"  # noqa: S608
    broken = " OR ".join(map(_broken, ("registration", "reason")))
    yield f"DELETE FROM platform WHERE {broken} OR typeof(blocked_until) NOT IN ('integer', 'real')"  # noqa: S608


_MENDING = tuple(_statements())
