"""
The journal in a SQLite file: a table that is added to, read from its beginning and forgotten from there.
"""

from __future__ import annotations

import sqlite3
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from aioags.outbox.journal import COLUMNS, JournalInSQL, dumped
from aioags.outbox.model import SECOND, Outcome
from aioags.outbox.sqlite.reading import fetched

T = TypeVar("T")

_PRUNED_AT_ONCE = 5_000

_OWN = ", ".join(COLUMNS[3:])

# Beside a score of which an attempt was noted: one that was erased gets no history, and one that is put anew not that
# of the one before.
_NOTE = f"""
    INSERT INTO attempt (item, user_id, {_OWN})
    SELECT item, user_id, {", ".join(["?"] * len(COLUMNS[3:]))}
    FROM score WHERE item = ? AND user_id = ? AND wire_ts IS NOT NULL
    ON CONFLICT (item, user_id, at, stamp) DO NOTHING
"""  # noqa: S608  Here and below: only our own text is put in.

_LISTED = f"""
    SELECT attempt.id, line_item.registration, line_item.line_item, user_id,
        {", ".join(f"attempt.{column}" for column in COLUMNS[3:])}
    FROM attempt JOIN line_item ON line_item.id = attempt.item
    WHERE attempt.id IN ({{}})
    ORDER BY {{}}
"""  # noqa: S608

_PLACES = """
    SELECT id FROM line_item
    WHERE registration = :registration AND (:line_item IS NULL OR line_item = :line_item)
"""


def _page(whose: str) -> str:
    # First the numbers alone, of which the index knows: a column may have a hundred thousand.
    numbers = f"""
        SELECT id FROM attempt WHERE item IN ({_PLACES}) AND {whose} AND id > :after ORDER BY id LIMIT :limit
    """  # noqa: S608
    return _LISTED.format(numbers, "attempt.id")


_OF_EVERYBODY = _page("true")

_OF_A_PERSON = _page("user_id = :user_id")

# Of one line item, so that the index alone has them in order, and a page costs what is on it.
_ITEM = "(SELECT id FROM line_item WHERE registration = :registration AND line_item = :line_item)"

LAST_SENT = _LISTED.format(
    f"""
        SELECT id FROM attempt WHERE item = {_ITEM} AND recorded IS NOT 0 AND user_id IN (
            SELECT DISTINCT user_id FROM attempt
            WHERE item = {_ITEM} AND user_id > :after AND recorded IS NOT 0 ORDER BY user_id LIMIT :limit
        ) AND id >= coalesce((
            SELECT max(id) FROM attempt AS taken
            WHERE taken.item = attempt.item AND taken.user_id = attempt.user_id AND taken.recorded
        ), 0)
    """,  # noqa: S608
    "user_id, attempt.id",
)

_PRUNE = "DELETE FROM attempt WHERE id IN (SELECT id FROM attempt WHERE at < :before LIMIT :limit)"


def note(connection: sqlite3.Connection, outcomes: Sequence[tuple[int, Outcome]]) -> None:
    """
    Write attempts into the journal, within the caller's transaction, before their rows are settled.

    Args:
        outcomes: Each with the number of its line item.
    """
    rows = [
        (*dumped(outcome.attempt), item, outcome.user_id) for item, outcome in outcomes if outcome.attempt is not None
    ]
    connection.executemany(_NOTE, rows)


class JournalInFile(JournalInSQL):
    """
    The journal of a store.
    """

    @abstractmethod
    async def _read(self, query: Callable[[sqlite3.Connection], T]) -> T: ...

    @abstractmethod
    async def _execute(self, arguments: Mapping[str, Any], *statements: str) -> list[int]: ...

    async def _attempts(self, arguments: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        statement = _OF_EVERYBODY if arguments["user_id"] is None else _OF_A_PERSON
        return await self._read(lambda connection: fetched(connection, statement, arguments))

    async def _sent(self, arguments: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        return await self._read(lambda connection: fetched(connection, LAST_SENT, arguments))

    async def prune_attempts(self, *, before: float) -> int:
        """
        Delete from the journal what ended before a time.
        """
        return await self._pruned(_PRUNE, {"before": int(before * SECOND)})

    async def _pruned(self, statement: str, arguments: Mapping[str, Any]) -> int:
        """
        Delete in portions, so that a put never waits long.
        """
        deleted, portion = 0, _PRUNED_AT_ONCE
        while portion == _PRUNED_AT_ONCE:
            (portion,) = await self._execute({**arguments, "limit": _PRUNED_AT_ONCE}, statement)
            deleted += portion
        return deleted
