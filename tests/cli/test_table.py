"""
Grades files: whatever a spreadsheet writes is understood, or told by line.
"""

from __future__ import annotations

import io
import json
import tracemalloc
import warnings
import zipfile
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aioags.cli.table import BadLine, GradesTable, Row
from aioags.cli.table_cells import CellError, read_points
from aioags.cli.table_columns import ColumnError
from aioags.cli.table_files import TableError, open_source

GRADES = Path(__file__).parent / "grades"
CASE_28 = (GRADES / "case_28.csv").read_text(encoding="utf-8")

# What the file of case 28 says, with 100 for the line that ends before its maximum.
UNDERSTOOD = [
    (3, "4102", Decimal(85), 100),
    (4, "4103", Decimal("8.5"), 10),
    (6, "4105", 1000, 1000),
    (7, "4106", 76, 100),
]


def table(content: bytes | str, **more: Any) -> GradesTable:
    """
    Open a table that lies in memory.
    """
    return GradesTable(io.BytesIO(content.encode() if isinstance(content, str) else content), **more)


def read(content: bytes | str, **more: Any) -> list[tuple[int, str, Any, Any]]:
    """
    Read a table without faults.
    """
    rows = list(table(content, **more).rows())
    assert not [row for row in rows if isinstance(row, BadLine)]
    return [(row.line, row.person, row.points, row.maximum) for row in rows if isinstance(row, Row)]


def faults(content: bytes | str, **more: Any) -> list[str]:
    """
    Say what is wrong with a table.
    """
    return [str(row) for row in table(content, **more).rows() if isinstance(row, BadLine)]


def count(opened: GradesTable) -> tuple[int, int]:
    """
    Count the lines with a grade, and those without.
    """
    return sum(isinstance(row, Row) for row in opened.rows()), opened.without_grade


def excel(rows: list[list[Any]], formats: dict[str, str] | None = None) -> bytes:
    """
    Make an Excel file.
    """
    import openpyxl

    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for place, written in (formats or {}).items():
        book.active[place].number_format = written
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


@pytest.mark.parametrize(
    "encode",
    [
        lambda text: text.encode(),
        lambda text: text.encode("utf-8-sig"),
        lambda text: text.encode("utf-16"),
        lambda text: text.encode("utf-16-le"),
        lambda text: text.encode("utf-16-be"),
        lambda text: text.encode("utf-32"),
        lambda text: text.replace("name", "Prénom").encode("cp1252"),
        lambda text: text.replace("\n", "\r\n").encode(),
        lambda text: text.replace("\n", "\r").encode(),
        lambda text: ("\n\n" + text).encode()[2:],
    ],
    ids=["utf-8", "bom", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252", "crlf", "cr", "plain"],
)
def test_case_28_is_understood_in_every_encoding(encode: Callable[[str], bytes]) -> None:
    assert read(encode(CASE_28), maximum=100) == UNDERSTOOD
    assert count(table(encode(CASE_28), maximum=100)) == (4, 2)


def test_case_28_with_semicolons_and_decimal_commas() -> None:
    assert read((GRADES / "case_28_semicolons.csv").read_bytes()) == [(2, "4101", Decimal("8.5"), 10)]


def test_a_short_line_without_any_maximum_is_told() -> None:
    assert faults(CASE_28) == ["line 7: does not say what the points are out of: --max"]


@pytest.mark.parametrize("mark", ["\t", ";", "|"])
def test_other_marks_between_cells(mark: str) -> None:
    assert read(f"user_id{mark}points\n 4101 {mark}8,5\n4102  {mark}9.25\n", maximum=10) == [
        (2, "4101", Decimal("8.5"), 10),
        (3, "4102", Decimal("9.25"), 10),
    ]


def test_the_mark_that_excel_names_is_taken() -> None:
    assert read("sep=;\nuser_id;points\n4101;7\n", maximum=10) == [(3, "4101", 7, 10)]


def test_json_lines_keep_their_numbers() -> None:
    lines = [{"user_id": "4101", "points": 8.25}, {"user_id": 4102, "points": "85%", "comment": "ok"}, {"user_id": "3"}]
    opened = table("\n".join(json.dumps(line) for line in lines), maximum=100)
    assert list(opened.rows()) == [
        Row(1, "4101", Decimal("8.25"), 100, None),
        Row(2, "4102", Decimal(85), 100, "ok"),
    ]
    assert opened.without_grade == 1


@pytest.mark.parametrize(
    "line, told",
    [
        ('{"user_id": "1", "points": true}', "line 1: 'points' is neither text nor a number"),
        ('{"user_id": "1", "points": NaN}', "line 1: 'points' is neither text nor a number"),
        ('{"user_id": "1", "points": [1]}', "line 1: 'points' is neither text nor a number"),
        ('{"user_id": "1", "points": 1, "points": 2}', "line 1: a key is there twice"),
        ('{"user_id": "1"', "line 1 is no JSON object of its own"),
        ('{"a":' * 5_000, "line 1 is no JSON object of its own"),
        ('{"user_id": "1", "points": 1e99999999999999999999}', "line 1 is no JSON object of its own"),
        ('{"user_id": "1", "points": 1' + "0" * 5_000 + "}", "line 1 is no JSON object of its own"),
        ('[{"user_id": "1", "points": 1}]', "is a JSON array: write JSON Lines, one object a line"),
    ],
)
def test_json_that_is_no_row_is_told(line: str, told: str) -> None:
    with pytest.raises(TableError) as raised:
        table(line)
    assert str(raised.value) == told


def test_excel_with_numbers_percents_and_ids() -> None:
    rows = [["user_id", "points"], [4101, 0.85], [4102.0, 8.5], ["4103 ", 0.1 + 0.2], [], [None, None], ["4104", None]]
    assert read(excel(rows, {"B2": "0.0%"}), maximum=10) == [
        (2, "4101", Decimal("8.5"), 10),
        (3, "4102", Decimal("8.5"), 10),
        (4, "4103", Decimal("0.3"), 10),
    ]


def test_what_excel_made_of_a_cell_is_told() -> None:
    import datetime

    rows = [["user_id", "points"], ["1", datetime.date(2026, 10, 8)], [12345678901234567, 8], ["3", True]]
    assert faults(excel(rows), maximum=10) == [
        "line 2: 'a date (2026-10-08 00:00:00)' is no number",
        "line 3: the person's id was rounded by a spreadsheet: format that column as text, and export again",
        "line 4: 'bool (True)' is no number",
    ]


def test_merged_cells_and_formulas_without_a_value_are_told_by_line() -> None:
    import openpyxl

    book = openpyxl.Workbook()
    sheet = book.active
    for row in (["user_id", "points", "total"], ["1", 5, "=2*B3"], ["2", "=1+2"], ["3", 7], ["4"], [None, 8]):
        sheet.append(row)
    for merged in ("B4:B5", "A5:A6"):
        sheet.merge_cells(merged)
    file = io.BytesIO()
    book.save(file)
    with table(file.getvalue(), maximum=10) as opened:
        told = [str(row) if isinstance(row, BadLine) else f"line {row.line}: {row.points}" for row in opened.rows()]
    assert told == [
        "line 2: 5",
        "line 3: 'a formula that was never calculated (B3)' is no number",
        "line 4: 7",
        "line 5: 'merged with the cell above (B4:B5)' is no number",
        "line 6: 8",
    ]


def sheets(*contents: list[list[Any]]) -> bytes:
    """
    Make an Excel file of several sheets, the first in front.
    """
    import openpyxl

    book = openpyxl.Workbook()
    for place, rows in enumerate(contents):
        sheet = book.active if place == 0 else book.create_sheet(f"Sheet{place}")
        for row in rows:
            sheet.append(row)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def test_of_several_sheets_the_one_in_front_is_read_and_named() -> None:
    rows: list[list[Any]] = [["user_id", "points"], ["1", 5]]
    with table(sheets(rows, [["notes"]])) as opened:
        assert opened.source.sheet == "Sheet"
    with table(sheets(rows)) as opened:
        assert opened.source.sheet is None
    with pytest.raises(TableError, match=r"^is empty in its sheet 'Sheet': put the right one in front, of Sheet1$"):
        table(sheets([], rows))


def test_what_is_no_excel_file_is_told() -> None:
    whole = excel([["user_id", "points"], ["1", 2]])
    for damaged in (whole[:200], whole[:-100], b"PK\x03\x04"):
        with pytest.raises(TableError, match="Excel"):
            table(damaged)
    empty = io.BytesIO()
    with zipfile.ZipFile(empty, "w") as archive:
        archive.writestr("hello.txt", "hello")
    with pytest.raises(TableError, match="cannot be read as an Excel file"):
        table(empty.getvalue())
    with pytest.raises(TableError, match="old Excel"):
        table(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600))


@pytest.mark.parametrize(
    "text, maximum, commas, value",
    [
        ("76", 100, True, 76),
        (" 76 ", 100, True, 76),
        ("8,5", 10, True, Decimal("8.5")),
        ("8.5", 10, False, Decimal("8.5")),
        (".5", 10, True, Decimal("0.5")),
        ("85%", 10, True, Decimal("8.5")),
        ("8,5 %", 200, False, Decimal(17)),
        ("1,000", 1000, True, 1000),
        ("1,050", 1000, True, 1050),
        ("1,000", 10, True, Decimal(1)),
        ("8.500", 10, False, Decimal("8.5")),
        ("87.125", 100, False, Decimal("87.125")),
        ("1 000", 1000, False, 1000),
        ("1\u202f000,5", 1000, False, Decimal("1000.5")),
        ("1'000", 1000, False, 1000),
        ("1,000.5", 1000, False, Decimal("1000.5")),
        ("1.000,5", 1000, True, Decimal("1000.5")),
        ("٨٥", 100, True, 85),
        ("+5", 10, True, 5),
        ("0", 10, True, 0),
        ("-", 10, True, None),
        ("–", 10, True, None),
        ("", 10, True, None),
    ],
)
def test_numbers_as_people_write_them(text: str, maximum: Any, commas: bool, value: Any) -> None:
    assert read_points(text, maximum, commas=commas) == value


@pytest.mark.parametrize(
    "text, told",
    [
        ("1,000", "'1,000' may be 1000 or 1.000: write it without a mark of thousands"),
        ("1.000", "'1.000' may be 1.000 or 1000: write it without a mark of thousands"),
        ("-5", "-5 is less than 0, the least that a score may be"),
        ("A+", "'A+' is no number"),
        ("NaN", "'NaN' is no number"),
        ("Infinity", "'Infinity' is no number"),
        ("1_000", "'1_000' is no number"),
        ("8/10", "'8/10' is no number"),
        ("1e3", "'1e3' is no number"),
        ("²", "'²' is no number"),
        (".", "'.' is no number"),
        ("#DIV/0!", "'#DIV/0!' is the error of a formula"),
        ("9" * 41, "'" + "9" * 39 + "…' is no number"),
        ("x" * 80, "'" + "x" * 39 + "…' is no number"),
    ],
)
def test_what_is_no_number_is_told(text: str, told: str) -> None:
    with pytest.raises(CellError) as raised:
        read_points(text, 1000, commas=False)
    assert str(raised.value) == told


@pytest.mark.parametrize(
    "content, told",
    [
        ("user_id,points\n,8\n", ["line 2: has a grade and names nobody"]),
        (
            "user_id,points\n4101,8,5\n",
            ["line 2: has 3 cells below 2 headings: a text with a comma in it is written in quotes"],
        ),
        ("user_id,points\n4101,8,,\n", []),
        ('user_id,points\n4101,8\n4102,"9\n4103,7\n', ["line 3 cannot be read: unexpected end of data"]),
        ("user_id,points\n4101,8\n\0,7\n", ["line 3 holds a zero character: this is no text"]),
        (
            "user_id,points\n1.23457E+17,8\n",
            ["line 2: the person's id was rounded by a spreadsheet: format that column as text, and export again"],
        ),
        (f"user_id,points\n{'x' * 256},8\n", ["line 2: the person has 256 characters, and the most is 255"]),
        ("user_id,points\na\x07b,8\n", ["line 2: the person holds characters that cannot be printed"]),
        ("user_id,points,max\n1,8,0\n", ["line 2: a maximum is more than 0, not 0"]),
    ],
)
def test_a_line_that_cannot_be_used_is_told_by_its_number(content: str, told: list[str]) -> None:
    assert faults(content, maximum=10) == told


def test_a_comment_of_several_lines_does_not_shift_the_numbers() -> None:
    content = 'user_id,points,comment\n4101,8,"one\ntwo"\n4102,x,\n'
    assert faults(content, maximum=10) == ["line 4: 'x' is no number"]


MOODLE = "First name,Last name,ID number,Email address,Quiz: Midterm (Real),Quiz: Final (Real)\nA,B,s-1,a@b,7.5,-\n"
CANVAS = 'Student,ID,SIS User ID,Section,Midterm (4711)\n    Points Possible,,,,100\n"Khan, Lucas",88,s-1,1,76\n'


def test_the_exports_of_moodle_and_canvas_are_taken_as_they_are() -> None:
    assert read(MOODLE, label="Midterm", maximum=10) == [(2, "a@b", Decimal("7.5"), 10)]
    assert read(CANVAS, label="Midterm", maximum=100) == [(3, "s-1", 76, 100)]
    assert read(CANVAS, label="Midterm", by="name", maximum=100) == [(3, "Khan, Lucas", 76, 100)]


@pytest.mark.parametrize(
    "headings, more, told",
    [
        ("4101,76", {}, "no column holds the points: name it with --column; the first line has '4101', '76'"),
        (
            "who,points",
            {},
            "no column says who it is by user_id or email or sis_id or name: name it with --column user_id",
        ),
        ("user_id,points", {"by": "email"}, "no column says who it is by email: name it with --column email=HEADING"),
        (
            "user_id,points,score",
            {},
            "points may be 'points' (column 2) and 'score' (column 3): name one with --column",
        ),
        ("user_id,points", {"named": ["Total"]}, "there is no column 'Total': the first line has 'user_id', 'points'"),
        ("user_id,a,a", {"named": ["a"]}, "--column 'a' may be 'a' (column 2) and 'a' (column 3)"),
    ],
)
def test_columns_that_do_not_say_enough_are_told(headings: str, more: dict[str, Any], told: str) -> None:
    with pytest.raises(ColumnError) as raised:
        table(f"{headings}\n1,2\n", **more)
    assert str(raised.value).startswith(told)


def test_columns_are_named() -> None:
    content = "Contact,Total,Of,Points\na@b,7,10,1\n"
    assert read(content, named=["Total", "email=contact", "maximum=Of"]) == [(2, "a@b", 7, 10)]


def test_a_file_is_opened_by_name_and_standard_input_as_a_hyphen(tmp_path: Path) -> None:
    with GradesTable(*open_source("-", io.BytesIO(CASE_28.encode())), maximum=100) as opened:
        assert count(opened) == count(opened) == (4, 2)
    with GradesTable.open(str(GRADES / "case_28.csv"), maximum=100) as opened:
        assert count(opened) == (4, 2)
    (tmp_path / "empty.csv").write_bytes(b"\xef\xbb\xbf\n \n")
    for name, told in (
        ("nothing.csv", "cannot be read: No such file"),
        (".", "Is a directory"),
        ("empty.csv", "is empty"),
    ):
        with pytest.raises(TableError, match=told) as raised:
            open_source(str(tmp_path / name))
        assert str(raised.value).startswith(f"{tmp_path / name}: ")
    with pytest.raises(TableError, match="standard input: is empty"):
        open_source("-", io.BytesIO())


def attempt(content: bytes, **more: Any) -> None:
    """
    Read a table; whatever it is, it ends in rows, faults or a sentence of one line.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            opened = table(content, **more)
            told = [str(read) for read in opened.rows() if isinstance(read, BadLine)]
        except (TableError, ColumnError) as error:
            told = [str(error)]
    assert not [sentence for sentence in told if "\n" in sentence]


@given(st.binary(max_size=400))
def test_no_bytes_make_a_traceback(content: bytes) -> None:
    attempt(content, maximum=100)


CELLS = st.sampled_from(
    ["", "4101", "8,5", "85%", '"1,000"', '"', '""', "\0", "\ufeff", "é", "-", "=", "{", "[1", "\r", "😀"]
)
ENCODINGS = st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252", "latin-1", "utf-32"])


@given(st.lists(st.lists(CELLS, max_size=4), max_size=6), st.sampled_from("\t;,|"), ENCODINGS, st.integers(0, 3))
def test_no_table_of_odd_cells_makes_a_traceback(rows: list[list[str]], mark: str, encoding: str, cut: int) -> None:
    text = "\n".join([f"user_id{mark}points{mark}max", *(mark.join(row) for row in rows)])
    content = text.encode(encoding, errors="ignore")
    attempt(content[: len(content) - cut])


JSON = st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(), st.lists, max_leaves=3)


@given(st.lists(st.dictionaries(st.sampled_from(["user_id", "points", "max", "comment"]), JSON), max_size=4))
def test_no_json_lines_make_a_traceback(records: list[dict[str, Any]]) -> None:
    attempt("\n".join(['{"user_id": "1", "points": 1}', *map(json.dumps, records)]).encode())


WHOLE = excel([["user_id", "points"], ["4101", 8.5], [4102, "9"]])


@settings(max_examples=60)
@given(st.integers(0, len(WHOLE) - 1), st.binary(min_size=1, max_size=8))
def test_no_damage_of_an_excel_file_makes_a_traceback(place: int, damage: bytes) -> None:
    attempt(WHOLE[:place] + damage + WHOLE[place + len(damage) :], maximum=10)


@settings(max_examples=60)
@given(
    st.sampled_from(["xl/worksheets/sheet1.xml", "xl/workbook.xml", "xl/styles.xml"]),
    st.integers(0, 5_000),
    st.text(max_size=5),
)
def test_no_part_of_an_excel_file_makes_a_traceback(part: str, place: int, damage: str) -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(WHOLE)) as whole, zipfile.ZipFile(made, "w") as archive:
        for name in whole.namelist():
            content = whole.read(name)
            if name == part:
                at = place % len(content)
                content = content[:at] + damage.encode("utf-8", "ignore") + content[at + len(damage) :]
            archive.writestr(name, content)
    attempt(made.getvalue(), maximum=10)


def peak(rows: int) -> int:
    """
    Measure the most memory that checking a table takes, in bytes.
    """
    lines = "".join(f"user-{number:08},{number % 100}.5,100\n" for number in range(rows))
    content = io.BytesIO(("user_id,points,max\n" + lines).encode())
    del lines
    tracemalloc.start()
    try:
        assert count(GradesTable(content)) == (rows, 0)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_large_file_takes_no_more_memory_than_a_small_one() -> None:
    assert peak(20_000) - peak(2_000) < 100_000


def test_half_a_character_in_a_comment_is_told_by_line() -> None:
    line = '{"user_id": "1", "points": 5, "comment": "\\ud800"}\n'
    assert faults(line, maximum=10) == ["line 1: the comment holds half a character (a surrogate)"]
