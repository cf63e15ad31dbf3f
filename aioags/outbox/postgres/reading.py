"""
Reading rows of which one may be damaged.

PostgreSQL checks what it is given, but not what it finds on a page of which a disk has flipped a bit. A text that is
not UTF-8 any more must not cost the others of its page, whose attempt was noted when they were taken.
"""

from __future__ import annotations

from hashlib import md5
from typing import Any, LiteralString

import psycopg
from psycopg.abc import Buffer
from psycopg.adapt import AdaptersMap, Loader, Transformer
from psycopg.rows import tuple_row

from aioags.outbox.model import StoreError

_Row = tuple[Any, ...]


class _Tolerant(Loader):
    def load(self, data: Buffer) -> str:
        """
        Read a text. What is no UTF-8 becomes lone surrogates, which no score may hold.
        """
        return bytes(data).decode("utf-8", "surrogateescape")


class _Context:
    """
    What psycopg reads values with, but for texts.
    """

    def __init__(self, cursor: psycopg.AsyncCursor[_Row]) -> None:
        self.connection = cursor.connection
        self.adapters = AdaptersMap(cursor.adapters)
        self.adapters.register_loader("text", _Tolerant)


# By their bytes, which nobody can name as a text.
_BURY: LiteralString = """
    UPDATE aioags_outbox_score AS score SET
        user_id = 'unreadable-' || given.digest, state = 'dead', last_error = 'its user id cannot be read'
    FROM unnest(%s::text[], %s::text[], %s::text[]) AS given (registration, line_item, digest)
    WHERE score.registration = given.registration AND score.line_item = given.line_item
        AND md5(textsend(score.user_id)) = given.digest
"""


async def fetched(cursor: psycopg.AsyncCursor[_Row]) -> list[_Row]:
    """
    Return the rows of a statement.
    """
    try:
        return await cursor.fetchall()
    except UnicodeDecodeError:
        pass
    result = cursor.pgresult
    if result is None:
        return []
    transformer = Transformer(_Context(cursor))
    transformer.set_pgresult(result)
    return transformer.load_rows(0, result.ntuples, tuple_row(cursor))


async def bury(connection: psycopg.AsyncConnection[Any], rows: list[_Row]) -> list[_Row]:
    """
    Name rows whose user id cannot be read, and leave them for dead; without a name nothing could be done to them.

    Args:
        rows: Each begins with its key.

    Returns:
        The others.

    Raises:
        StoreError: Of one not even the line item can be read.
    """
    if not all(_is_text(row[0]) and _is_text(row[1]) for row in rows):
        raise StoreError("PostgreSQL: the key of a row of the outbox cannot be read: its table is damaged")
    unnamed = [row for row in rows if not _is_text(row[2])]
    if unnamed:
        digests = [md5(row[2].encode("utf-8", "surrogateescape"), usedforsecurity=False).hexdigest() for row in unnamed]
        await connection.execute(_BURY, ([row[0] for row in unnamed], [row[1] for row in unnamed], digests))
    return [row for row in rows if _is_text(row[2])]


def _is_text(value: str) -> bool:
    return value.isascii() or not any("\udc80" <= letter <= "\udcff" for letter in value)
