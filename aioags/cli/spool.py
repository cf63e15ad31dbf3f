"""
The lines of a table, what the platform shows and what was last sent, side by side on the disk.

A table may have 100,000 lines and the platform as many results: what is compared lies in a file of
`aioags.outbox.scratch`. In memory is one page of it.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import AsyncIterable, Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any, Self

import attrs

from aioags.cli.kinds import LineKind
from aioags.cli.table import BadLine, Row
from aioags.model.checks import Number
from aioags.model.last_sent import LastSent
from aioags.model.result import Result
from aioags.model.score import Score
from aioags.outbox.scratch import SentRecords, encodable, load_sent, scratch
from aioags.protocol.comparing import CHANGED_SINCE, compare, is_ours

STAYS = "recorded, but a teacher's grade stays; --overwrite replaces it"
_PAGE = 1_000

_TABLES = """
    CREATE TABLE wanted (line INTEGER PRIMARY KEY, person, user_id, points, maximum, comment, kind, shown, why, before);
    CREATE UNIQUE INDEX wanted_user ON wanted (user_id) WHERE user_id IS NOT NULL;
    CREATE TABLE shown (user_id PRIMARY KEY, points, maximum, comment, place, more) WITHOUT ROWID;
"""
_COMPARED = """
    SELECT wanted.line, wanted.person, wanted.user_id, wanted.points, wanted.maximum, wanted.comment,
        shown.user_id IS NOT NULL, shown.points, shown.maximum, shown.comment, shown.place, shown.more,
        (SELECT json_group_array(record) FROM sent WHERE sent.user_id = wanted.user_id)
    FROM wanted LEFT JOIN shown USING (user_id)
    WHERE wanted.line > :last AND wanted.user_id IS NOT NULL
        AND CASE WHEN :kind IS NULL THEN wanted.kind IS NOT 'unusable' ELSE wanted.kind = :kind END
    ORDER BY wanted.line LIMIT 1000
"""


@attrs.frozen
class Line:
    """
    One line as it stands.

    Attributes:
        line: Number of the line in the file.

        person: As the file names them.

        user_id: None: nobody knows whose grade it is, or the line cannot be used.

        row: None: the line cannot be used.

        kind: What is to be done, or became of it. None: it was not compared yet.

        shown: What the platform shows, for people. None: nothing.

        why: For people. None: there is nothing to say.
    """

    line: int
    person: str | None = attrs.field(repr=False)
    user_id: str | None = attrs.field(repr=False)
    row: Row | None
    kind: str | None
    shown: str | None
    why: str | None


class Spool:
    """
    Lines of a table on the disk. Use it as a context manager.
    """

    def __init__(self) -> None:
        self._data = scratch(_TABLES)
        self._sent = SentRecords(self._data)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self._data.close()

    def read(self, lines: Iterable[Row | BadLine], user_id: Callable[[str], str]) -> None:
        """
        Take the lines of a table.

        Args:
            user_id: From what the table calls somebody to the user id; what it raises says why there is none.
        """
        for read in lines:
            if isinstance(read, BadLine):
                self._fail(read.line, None, read.why)
                continue
            try:
                user = user_id(read.person)
            except ValueError as error:
                self._fail(read.line, read.person, str(error))
                continue
            columns = (read.line, read.person, user, str(read.points), str(read.maximum), read.comment)
            try:
                self._data.execute(
                    "INSERT INTO wanted (line, person, user_id, points, maximum, comment) VALUES (?, ?, ?, ?, ?, ?)",
                    columns,
                )
            except sqlite3.IntegrityError:
                self._double(read, user)

    def _fail(self, line: int, person: str | None, why: str) -> None:
        columns = (line, person, LineKind.UNUSABLE, why)
        self._data.execute("INSERT OR REPLACE INTO wanted (line, person, kind, why) VALUES (?, ?, ?, ?)", columns)

    def _double(self, row: Row, user_id: str) -> None:
        """
        Two lines for one person: which of them is meant, nobody knows, so neither is.
        """
        ((first,),) = self._data.execute("SELECT line FROM wanted WHERE user_id = ?", (user_id,))
        why = f"{row.person!r} is there twice, on lines {first} and {row.line}: keep one of them"
        # It keeps its place, so that a third line finds it.
        self._data.execute("UPDATE wanted SET kind = ?, why = ? WHERE line = ?", (LineKind.UNUSABLE, why, first))
        self._fail(row.line, row.person, why)

    async def show(self, results: AsyncIterable[Result]) -> None:
        """
        Take what the platform shows, in place of what it showed before.
        """
        self._data.execute("DELETE FROM shown")
        async for result in results:
            points, maximum = _text(result.result_score), str(result.result_maximum)
            more = json.dumps(dict(result.extensions), default=str)
            texts = (result.user_id, points, maximum, result.comment, result.score_of or result.id, more)
            self._data.execute("INSERT OR REPLACE INTO shown VALUES (?, ?, ?, ?, ?, ?)", tuple(map(encodable, texts)))

    def sent(self, record: LastSent) -> None:
        """
        Take what was sent last for somebody.
        """
        self._sent.add(record)

    def compare(self, *, hides: bool = False) -> None:
        """
        Compare each line that can be sent with what is shown, and with what was sent last.

        Args:
            hides: As of `aioags.protocol.comparing.compare`.
        """
        for page in self._compared(None):
            self.mark(_judged(columns, hides) for columns in page)

    def find_kept(self) -> None:
        """
        Find what was recorded while another grade shows: it is kept.
        """
        for page in self._compared(LineKind.RECORDED):
            self.mark((LineKind.KEPT, None, STAYS, columns[0]) for columns in page if not _shows(columns))

    def is_scaled(self, maximum: Number) -> bool:
        """
        True when something was recorded that is out of another maximum.
        """
        question = "SELECT DISTINCT maximum FROM wanted WHERE kind = ?"
        return any(number(text) != maximum for (text,) in self._data.execute(question, (LineKind.RECORDED,)))

    def _compared(self, kind: LineKind | None) -> Iterator[list[tuple[Any, ...]]]:
        last = -1
        while page := self._data.execute(_COMPARED, {"last": last, "kind": kind}).fetchall():
            yield page
            last = page[-1][0]

    def keep_shown(self) -> None:
        """
        Keep what is shown of each line, for `override_what_changed`.
        """
        self._data.execute("UPDATE wanted SET before = shown")

    def override_what_changed(self) -> None:
        """
        Take what is shown otherwise than when it was kept as somebody else's.
        """
        self._data.execute(
            "UPDATE wanted SET kind = ?, why = ? WHERE kind IN (?, ?) AND shown IS NOT before",
            (LineKind.OVERRIDDEN, CHANGED_SINCE, LineKind.NEW, LineKind.CHANGED),
        )

    def only_on_platform(self) -> int:
        """
        Count the scores that the platform shows of people of whom the table says nothing.
        """
        ((count,),) = self._data.execute(
            "SELECT count(*) FROM shown WHERE points IS NOT NULL AND user_id NOT IN "
            "(SELECT user_id FROM wanted WHERE user_id IS NOT NULL)"
        )
        return int(count)

    def pages(self, kinds: Sequence[str] | None = None) -> Iterator[list[Line]]:
        """
        Yield the lines in the order of the file, some at a time. They may be changed meanwhile.

        Args:
            kinds: Only these. None: all.
        """
        last = -1
        where = "" if kinds is None else f"AND kind IN ({', '.join('?' * len(kinds))})"
        while page := self._data.execute(
            f"SELECT * FROM wanted WHERE line > ? {where} ORDER BY line LIMIT {_PAGE}",  # noqa: S608 - marks only
            (last, *(kinds or ())),
        ).fetchall():
            yield [_entry(columns) for columns in page]
            last = page[-1][0]

    def mark(self, marks: Iterable[tuple[str, str | None, str | None, int]]) -> None:
        """
        Note kind, what is shown, and why, of lines.
        """
        self._data.executemany("UPDATE wanted SET kind = ?, shown = ?, why = ? WHERE line = ?", marks)

    def conclude(self, user_id: str, kind: str, why: str | None) -> None:
        """
        Note what became of somebody's grade.
        """
        self._data.execute("UPDATE wanted SET kind = ?, why = ? WHERE user_id = ?", (kind, why, user_id))

    def counts(self) -> Counter[str]:
        """
        Count the lines of each kind.
        """
        return Counter(dict(self._data.execute("SELECT kind, count(*) FROM wanted GROUP BY kind")))


def _judged(columns: tuple[Any, ...], hides: bool) -> tuple[str, str | None, str | None, int]:
    line, person, user_id, points, maximum, comment, is_shown, *shown, sent = columns
    row = Row(line, person, number(points) or 0, number(maximum) or 0, comment)
    records = [load_sent(user_id, *json.loads(record)) for record in json.loads(sent)]
    change = compare(score_of(user_id, row), _result(user_id, *shown) if is_shown else None, records, hides=hides)
    kind = LineKind.KEPT if change.kept else LineKind(change.kind)
    return kind, None if change.before is None else str(change.before), change.why or None, line


def _shows(columns: tuple[Any, ...]) -> bool:
    line, person, user_id, points, maximum, comment, is_shown, *shown, _ = columns
    row = Row(line, person, number(points) or 0, number(maximum) or 0, comment)
    # Of a result that is not there yet nothing is known.
    return not is_shown or is_ours(_result(user_id, *shown), LastSent.of(score_of(user_id, row)))


def score_of(user_id: str, row: Row) -> Score:
    """
    Make the score of a line, stamped now.
    """
    return Score.graded(user_id, row.points, score_maximum=row.maximum, comment=row.comment)


def _result(
    user_id: str, points: str | None, maximum: str, comment: str | None, place: str | None, more: str
) -> Result:
    return Result(
        user_id=user_id,
        score_of=place,
        result_score=number(points),
        result_maximum=number(maximum) or 0,
        comment=comment,
        extensions=json.loads(more),
    )


def _entry(columns: tuple[Any, ...]) -> Line:
    line, person, user_id, points, maximum, comment, kind, shown, why, _ = columns
    row = None if points is None else Row(line, person, number(points) or 0, number(maximum) or 0, comment)
    return Line(line, person, user_id, row, kind, shown, why)


def number(text: str | None) -> Number | None:
    """
    Read a number as it was written, exactly; None stays None.
    """
    if text is None:
        return None
    return int(text) if text.removeprefix("-").isdecimal() else Decimal(text)


def _text(value: Number | None) -> str | None:
    return None if value is None else str(value)
