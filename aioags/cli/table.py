"""
A table of grades: each line is understood, or told by its number, before anything is sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import BinaryIO, Self

import attrs

from aioags.cli.table_cells import Cell, CellError, read_comment, read_maximum, read_person, read_points
from aioags.cli.table_columns import Columns, choose_columns
from aioags.cli.table_files import Source, TableError, open_source, read_source
from aioags.model.checks import Number

_CANVAS_TOTALS = "points possible"
"""Canvas's export has a second line of headings, with the maximum of each column."""


@attrs.frozen
class Row:
    """
    A line with a grade.

    Attributes:
        line: Number of the line in the file, from 1.

        person: As the file names them, by the column that `Columns.by` says.

        maximum: What the points are out of.

        comment: None: there is none.
    """

    line: int
    person: str = attrs.field(repr=False)
    points: Number
    maximum: Number
    comment: str | None = attrs.field(repr=False)


@attrs.frozen
class BadLine:
    """
    A line that cannot be used.

    Attributes:
        line: Its number; 0: it is the whole file.

        why: For people; it may quote the cell.
    """

    line: int
    why: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.why}" if self.line else self.why


class GradesTable:
    """
    A file of grades. It is read anew for each `rows`, and never held.

    Args:
        file: Closed with the table.

        source: What is in it, where that is known.

        maximum: What the points are out of where the line does not say. None: each line says so.

    Attributes:
        without_grade: How many lines of the last reading have no grade.

    Raises:
        TableError, ColumnError: It is no table, or its columns do not say what is needed.
    """

    def __init__(
        self,
        file: BinaryIO,
        source: Source | None = None,
        *,
        by: str | None = None,
        named: Sequence[str] = (),
        label: str | None = None,
        maximum: Number | None = None,
    ) -> None:
        self._file = file
        self._maximum = maximum
        self.without_grade = 0
        self.source: Source = read_source(file) if source is None else source
        self.columns: Columns = choose_columns(self.source.headings, by=by, named=named, label=label)

    @classmethod
    def open(
        cls,
        path: str,
        *,
        by: str | None = None,
        named: Sequence[str] = (),
        label: str | None = None,
        maximum: Number | None = None,
    ) -> Self:
        """
        Open a file by its path, or standard input as ``-``.

        Raises:
            TableError, ColumnError: As for the class.
        """
        file, source = open_source(path)
        try:
            return cls(file, source, by=by, named=named, label=label, maximum=maximum)
        except ValueError:
            file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self._file.close()

    def rows(self) -> Iterator[Row | BadLine]:
        """
        Read the lines with a grade, and those that are wrong. `without_grade` is counted anew.
        """
        return (read for _, read in self.lines() if read is not None)

    def lines(self) -> Iterator[tuple[Sequence[Cell], Row | BadLine | None]]:
        """
        Read the lines that are not blank: the cells as they are there, and what they say; None: no grade.
        """
        self.without_grade = 0
        try:
            for number, cells in self.source.lines():
                if any(cell not in (None, "") and str(cell).strip() for cell in cells) and not _is_totals(cells):
                    read = self._line(number, cells)
                    self.without_grade += read is None
                    yield cells, read
        except TableError as error:
            yield (), BadLine(0, str(error))

    def _line(self, number: int, cells: Sequence[Cell]) -> Row | BadLine | None:
        width = len(self.source.headings)
        if any(cell not in (None, "") for cell in cells[width:]):
            mark = "comma" if self.source.commas else "mark"
            why = f"has {len(cells)} cells below {width} headings: a text with a {mark} in it is written in quotes"
            return BadLine(number, why)
        try:
            return self._row(number, cells)
        except CellError as error:
            return BadLine(number, str(error))

    def _row(self, number: int, cells: Sequence[Cell]) -> Row | BadLine | None:
        columns, commas = self.columns, self.source.commas
        own = read_maximum(_at(cells, columns.maximum), commas=commas)
        maximum = self._maximum if own is None else own
        points = read_points(_at(cells, columns.points), maximum, commas=commas)
        person = read_person(_at(cells, columns.person))
        if points is None:
            return None
        if not person:
            return BadLine(number, "has a grade and names nobody")
        if maximum is None:
            return BadLine(number, "does not say what the points are out of: --max")
        return Row(number, person, points, maximum, read_comment(_at(cells, columns.comment)))


def _at(cells: Sequence[Cell], place: int | None) -> Cell:
    """
    Return a cell; None where the line ends before it.
    """
    return cells[place] if place is not None and place < len(cells) else None


def _is_totals(cells: Sequence[Cell]) -> bool:
    return isinstance(cells[0], str) and cells[0].strip().casefold() == _CANVAS_TOTALS
