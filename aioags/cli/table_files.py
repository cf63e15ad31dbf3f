"""
From a file's bytes to headings and rows of cells, whatever spreadsheet or program wrote it.

CSV with commas, semicolons, tabs or bars; UTF-8 with or without a mark at its beginning, UTF-16 (Excel's "Unicode
text"), Windows-1252; JSON Lines; XLSX. What it is, the bytes say and not the name. A file is read several times and
never held: only XLSX has a table of its texts, which openpyxl holds.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import shutil
import sys
import tempfile
import warnings
import zipfile
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO, TextIO

import attrs

from aioags.cli.table_cells import Cell
from aioags.cli.table_hidden import hidden_cells

NumberedCells = tuple[int, Sequence[Cell]]
"""Number of a line, from 1, and its cells."""

_DELIMITERS = "\t;,|"
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    # Before UTF-16, whose mark it begins with.
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CHUNK = 1 << 16
_MOST_KEYS = 1_000
_LONGEST_LINE = 1 << 20
_LARGEST_UNPACKED = 1 << 30
_PRECISE = 10**15
"""Excel keeps 15 digits of a number."""


class TableError(ValueError):
    """
    A file is no table that can be read; the text says why, and names the line where there is one.
    """


@attrs.frozen
class Source:
    """
    A table that can be read again and again, one reading at a time.

    Attributes:
        commas: Commas part the cells.

        lines: Reads the lines below the headings; it may raise `TableError` anywhere.

        sheet: The one that is read of several. None: there is no other.
    """

    headings: Sequence[str]
    commas: bool
    lines: Callable[[], Iterator[NumberedCells]]
    sheet: str | None = None


def open_source(path: str, stdin: BinaryIO | None = None) -> tuple[BinaryIO, Source]:
    """
    Open a table so that it can be read from its beginning again; ``-`` is standard input.

    Returns:
        The file, which the caller closes, and what is in it.

    Raises:
        TableError: It is not there, may not be read, or is no table. The text names it.
    """
    try:
        file = _open_binary(path, sys.stdin.buffer if stdin is None else stdin)
        try:
            return file, read_source(file)
        except Exception:
            file.close()
            raise
    except TableError as error:
        raise TableError(f"{'standard input' if path == '-' else path}: {error}") from None


def _open_binary(path: str, stdin: BinaryIO) -> BinaryIO:
    try:
        file: BinaryIO = stdin if path == "-" else Path(path).open("rb")  # noqa: SIM115  The caller closes it.
        if path != "-" and file.seekable():
            return file
        # Only its owner can read it, and it has no name.
        with file:
            kept: BinaryIO = tempfile.TemporaryFile()  # noqa: SIM115
            shutil.copyfileobj(file, kept)
        return kept
    except (OSError, ValueError) as error:
        raise TableError(f"cannot be read: {getattr(error, 'strerror', None) or error}") from None


def read_source(file: BinaryIO) -> Source:
    """
    Find out what a file is, and read its headings.

    Raises:
        TableError: It is no table.
    """
    file.seek(0)
    start = file.read(4096)
    if not start.strip():
        raise TableError("is empty")
    if start.startswith(b"PK\x03\x04"):
        return _excel(file)
    if start.startswith(b"\xd0\xcf\x11\xe0"):
        raise TableError("is of an old Excel (.xls): save it as .xlsx or CSV")
    encoding = _encoding(file, start)
    with _Text(file, encoding) as text:
        first = _first_line(text)
    if first.startswith("{"):
        return _json_lines(file, encoding)
    if first.startswith("["):
        raise TableError("is a JSON array: write JSON Lines, one object a line")
    return _delimited(file, encoding, first)


class _Text:
    """
    A file as text, from its beginning; the file stays open.
    """

    def __init__(self, file: BinaryIO, encoding: str) -> None:
        file.seek(0)
        self._wrapper = io.TextIOWrapper(file, encoding=encoding, newline="")

    def __enter__(self) -> TextIO:
        return self._wrapper

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self._wrapper.detach()
        if isinstance(error, UnicodeError):
            raise TableError("is no text in UTF-8, UTF-16 or Windows-1252: save it as UTF-8") from None


def _encoding(file: BinaryIO, start: bytes) -> str:
    for mark, name in _MARKS:
        if start.startswith(mark):
            return name
    even, odd = start[::2].count(0), start[1::2].count(0)
    if max(even, odd) > len(start) / 8:
        # Latin letters in UTF-16 have a zero each, and the headings are mostly such.
        return "utf-16-le" if odd > even else "utf-16-be"
    decoder = codecs.getincrementaldecoder("utf-8")()
    file.seek(0)
    try:
        while chunk := file.read(_CHUNK):
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def _first_line(text: TextIO) -> str:
    while line := text.readline(_LONGEST_LINE):
        if line.strip():
            return line.strip("\r\n\ufeff ")
    raise TableError("is empty")


def _delimited(file: BinaryIO, encoding: str, first: str) -> Source:
    told = first[4:5] if first[:4].lower() == "sep=" else ""
    delimiter = told or max(_DELIMITERS, key=lambda mark: len(next(csv.reader([first], delimiter=mark), [])))

    def rows() -> Generator[NumberedCells, None, None]:
        with _Text(file, encoding) as text:
            for number, cells in _csv(text, delimiter):
                # Excel's word to itself is no line of the table.
                if any(cells) and not (told and [cell.lower() for cell in cells[:1]] == ["sep="]):
                    yield number, cells

    return _below_headings(rows, commas=delimiter == ",")


def _csv(text: TextIO, delimiter: str) -> Generator[tuple[int, list[str]], None, None]:
    number = 1
    try:
        # Strict: a quote that is never closed swallows the rest of the file otherwise.
        reader = csv.reader(text, delimiter=delimiter, strict=True)
        for cells in reader:
            if any("\0" in cell for cell in cells):
                raise TableError(f"line {number} holds a zero character: this is no text")
            yield number, cells
            number = reader.line_num + 1
    except csv.Error as error:
        raise TableError(f"line {number} cannot be read: {error}") from None


def _below_headings(rows: Callable[[], Generator[NumberedCells, None, None]], *, commas: bool) -> Source:
    reading = rows()
    _, first = next(reading, (0, ()))
    reading.close()
    if not first:
        raise TableError("is empty")

    def lines() -> Iterator[NumberedCells]:
        reading = rows()
        next(reading, None)
        return reading

    headings = ["" if cell is None else str(cell).strip("\ufeff \t") for cell in first]
    return Source(headings, commas, lines)


def _json_lines(file: BinaryIO, encoding: str) -> Source:
    keys: dict[str, None] = {}
    for _, record in _records(file, encoding):
        keys.update(dict.fromkeys(record))
        if len(keys) > _MOST_KEYS:
            raise TableError(f"has more than {_MOST_KEYS} different keys")
    headings = list(keys)

    def lines() -> Iterator[NumberedCells]:
        return ((number, [record.get(key) for key in headings]) for number, record in _records(file, encoding))

    return Source(headings, False, lines)


def _records(file: BinaryIO, encoding: str) -> Iterator[tuple[int, Mapping[str, Cell]]]:
    with _Text(file, encoding) as text:
        number = 0
        while line := text.readline(_LONGEST_LINE):
            number += 1
            if line.strip():
                yield number, _record(line.strip("\ufeff \t\r\n"), number)


def _record(line: str, number: int) -> Mapping[str, Cell]:
    try:
        record = json.loads(line, parse_float=Decimal, object_pairs_hook=_object)
    except TableError as error:
        raise TableError(f"line {number}: {error}") from None
    except (ValueError, ArithmeticError, RecursionError):
        raise TableError(f"line {number} is no JSON object of its own") from None
    if not isinstance(record, dict):
        raise TableError(f"line {number} is no JSON object")
    for key, value in record.items():
        if isinstance(value, bool | float) or not isinstance(value, str | int | Decimal | None):
            raise TableError(f"line {number}: {key[:40]!r} is neither text nor a number")
    return record


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise TableError("a key is there twice")
    return found


def _excel(file: BinaryIO) -> Source:
    try:
        with zipfile.ZipFile(file) as archive:
            if sum(part.file_size for part in archive.infolist()) > _LARGEST_UNPACKED:
                raise TableError("unpacks to more than 1 GiB")
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
        raise error if isinstance(error, TableError) else TableError("is a damaged Excel file") from None
    with _opened_sheet(file) as (sheet, others):
        title = sheet.title
    try:
        source = _below_headings(lambda: _sheet(file), commas=False)
    except TableError as error:
        if not others:
            raise
        advice = f"put the right one in front, of {', '.join(others)}"
        raise TableError(f"{error} in its sheet {title!r}: {advice}") from None
    return attrs.evolve(source, sheet=title if others else None)


@contextmanager
def _opened_sheet(file: BinaryIO) -> Iterator[tuple[Any, list[str]]]:
    """
    Open the sheet in front, and name the others.
    """
    try:
        with warnings.catch_warnings():
            # Of styles and extensions, which are nothing to us.
            warnings.simplefilter("ignore")
            # Most tables are none of Excel.
            import openpyxl

            book = openpyxl.load_workbook(file, read_only=True, data_only=True)
            try:
                sheet = book.active
                if sheet is None or not hasattr(sheet, "reset_dimensions"):
                    raise TableError("has no sheet of cells in front")
                # What a file says of its own extent may be wrong.
                sheet.reset_dimensions()
                yield sheet, [name for name in book.sheetnames if name != sheet.title]
            finally:
                book.close()
    except TableError:
        raise
    except Exception as error:  # noqa: BLE001 - openpyxl raises whatever a damaged part makes of it
        raise TableError(f"cannot be read as an Excel file ({type(error).__name__})") from None


def _sheet(file: BinaryIO) -> Generator[NumberedCells, None, None]:
    with _opened_sheet(file) as (sheet, _):
        hidden = hidden_cells(file, sheet)
        for number, row in enumerate(sheet.iter_rows(), start=1):
            cells = [_excel_cell(cell) for cell in row]
            for place, why in hidden.get(number, {}).items():
                cells += [None] * (place + 1 - len(cells))
                cells[place] = why if cells[place] in (None, "") else cells[place]
            if any(cell not in (None, "") for cell in cells):
                yield number, cells


def _excel_cell(cell: Any) -> Cell:
    value = cell.value
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        # As text, which no column takes for what it was: 8/10 becomes a day in October.
        return f"{'a date' if hasattr(value, 'year') else type(value).__name__} ({value})"
    if "%" in (cell.number_format or ""):
        return f"{value * 100:.15g}%"
    if abs(value) >= _PRECISE:
        return f"{value:.14E}"
    return int(value) if value == int(value) else Decimal(f"{value:.15g}")
