"""
Lines on the disk: who is there twice, what they are compared with, what became of them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from aioags import Result, Score
from aioags.cli.kinds import LineKind
from aioags.cli.spool import Spool
from aioags.cli.table import BadLine, Row
from aioags.cli.table_cells import CellError
from aioags.model.last_sent import LastSent


def row(line: int, person: str, points: object = 8, comment: str | None = None) -> Row:
    return Row(line, person, points, 10, comment)  # type: ignore[arg-type]


def somebody(person: str) -> str:
    if person == "nobody":
        raise CellError("'nobody' is not in the course")
    return person.casefold()


async def results(*shown: Result) -> AsyncIterator[Result]:
    for one in shown:
        yield one


def kinds(spool: Spool) -> dict[int, tuple[str | None, str | None]]:
    return {entry.line: (entry.kind, entry.why) for page in spool.pages() for entry in page}


def test_people_who_are_there_twice_are_told_and_neither_line_is_sent() -> None:
    lines = [row(2, "a"), row(3, "b"), row(4, "A", 9), BadLine(5, "odd"), row(6, "nobody"), row(7, "a")]
    with Spool() as spool:
        spool.read(lines, somebody)
        spool.compare()
        assert kinds(spool) == {
            2: (LineKind.UNUSABLE, "'a' is there twice, on lines 2 and 7: keep one of them"),
            3: (LineKind.NEW, "no grade stands there"),
            4: (LineKind.UNUSABLE, "'A' is there twice, on lines 2 and 4: keep one of them"),
            5: (LineKind.UNUSABLE, "odd"),
            6: (LineKind.UNUSABLE, "'nobody' is not in the course"),
            7: (LineKind.UNUSABLE, "'a' is there twice, on lines 2 and 7: keep one of them"),
        }


async def test_each_line_is_compared_with_what_is_shown_and_what_was_sent() -> None:
    with Spool() as spool:
        spool.read(
            [row(line, str(line), Decimal("8.5"), "hi" if line == 9 else None) for line in range(2, 10)], somebody
        )
        for user in ("5", "6"):
            spool.sent(LastSent.of(Score.graded(user, 7, score_maximum=10)))
        await spool.show(
            results(
                Result(user_id="3", result_score=85, result_maximum=100),
                Result(user_id="4", result_score=None, result_maximum=100),
                Result(user_id="5", result_score=70.0, result_maximum=100),
                Result(user_id="6", result_score=71, result_maximum=100),
                Result(user_id="7", result_score=0, result_maximum=100),
                Result(user_id="8", result_score=85.00004, result_maximum=100),
                Result(user_id="9", result_score=85, result_maximum=100, comment="ho"),
                Result(user_id="x", result_score=85, result_maximum=100),
            )
        )
        spool.compare()
        assert {line: kind for line, (kind, _) in kinds(spool).items()} == {
            2: LineKind.NEW,
            3: LineKind.UNCHANGED,
            4: LineKind.NEW,
            5: LineKind.CHANGED,
            6: LineKind.OVERRIDDEN,
            7: LineKind.OVERRIDDEN,
            8: LineKind.UNCHANGED,
            9: LineKind.OVERRIDDEN,
        }
        assert spool.only_on_platform() == 1
        (entry,) = [entry for page in spool.pages([LineKind.CHANGED]) for entry in page]
        assert (entry.shown, entry.row) == ("70.0 of 100", row(5, "5", Decimal("8.5")))
        spool.conclude("5", LineKind.REFUSED, "no")
        assert spool.counts() == {"new": 2, "unchanged": 2, "refused": 1, "overridden": 3}


@pytest.mark.parametrize("rows", [1, 999, 1_000, 1_001, 2_500])
def test_every_line_comes_once_while_lines_are_marked(rows: int) -> None:
    with Spool() as spool:
        spool.read([row(line, str(line)) for line in range(1, rows + 1)], somebody)
        spool.compare()
        seen: list[int] = []
        for page in spool.pages([LineKind.NEW]):
            seen.extend(entry.line for entry in page)
            spool.mark((LineKind.WAITING, None, None, entry.line) for entry in page)
        assert seen == list(range(1, rows + 1))
