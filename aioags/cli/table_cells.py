"""
What one cell of a table of grades says: points, a maximum, a person, a comment.

People write ``8,5`` and ``85%`` and ``1,000``; what a comma means depends on who wrote it. A cell that can be read in
two ways is read in neither, unless one of them is out of all proportion, or the file itself says whose comma it is:
where commas part the cells, a comma within one parts thousands.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

from aioags.model.checks import Number

Cell = str | int | Decimal | None
"""What a file holds in one place. None: nothing."""

NO_GRADE: Final = frozenset({"", "-", "–", "—", "−"})
"""What stands where there is no grade; a hyphen is Moodle's."""

# A blank or an apostrophe between groups of three digits: 1 000, 1'000.
_GROUPS = re.compile(r"(?<=\d)[\s'’](?=\d{3}(?!\d))")
_READINGS = tuple(
    (group, mark, re.compile(rf"[+-]?(\d+|\d{{1,3}}({re.escape(group)}\d{{3}})+)?({re.escape(mark)}\d*)?"))
    for group, mark in ((",", "."), (".", ","))
)
_SCIENTIFIC = re.compile(r"\d+([.,]\d+)?[eE]\+?\d+")
# How many times the maximum a reading may be: extra credit is, a thousandfold is not.
_PROPORTION = 2
_LONGEST_NUMBER = 40
_SMALLEST = Decimal("1e-40")
_LONGEST_ID = 255
"""LTI 1.3 5.3.6: the most characters of a ``sub``."""


class CellError(ValueError):
    """
    A cell cannot be read; the text says why, and what to write instead.
    """


def read_points(cell: Cell, maximum: Number | None, *, commas: bool) -> Number | None:
    """
    Read points: ``8.5``, ``8,5``, ``1,000``, ``1 000`` or ``85%``.

    Args:
        maximum: What they are out of. None: not known, which a percentage needs.

        commas: Commas part the cells of this file.

    Returns:
        None where there is no grade.

    Raises:
        CellError: It is no number of at least 0, or may be one of two.
    """
    if not isinstance(cell, str):
        return None if cell is None else _checked(cell)
    text = cell.strip()
    if text in NO_GRADE:
        return None
    if not text.endswith("%"):
        return _checked(_number(text, maximum, commas))
    if maximum is None:
        raise CellError(f"{_shown(text)} needs a maximum: --max")
    return _checked(Decimal(_number(text[:-1].strip(), 100, commas)) * _exact(maximum) / 100)


def read_maximum(cell: Cell, *, commas: bool) -> Number | None:
    """
    Read what points are out of; None where the cell is empty.
    """
    value = read_points(cell, None, commas=commas)
    if value is not None and value <= 0:
        raise CellError(f"a maximum is more than 0, not {value}")
    return value


def read_person(cell: Cell) -> str:
    """
    Read who it is, without the blanks around; empty when nobody is named.
    """
    if isinstance(cell, Decimal):
        raise CellError("the person is a number with a fraction: format that column as text")
    text = "" if cell is None else str(cell).strip()
    if _SCIENTIFIC.fullmatch(text):
        raise CellError("the person's id was rounded by a spreadsheet: format that column as text, and export again")
    if len(text) > _LONGEST_ID:
        raise CellError(f"the person has {len(text)} characters, and the most is {_LONGEST_ID}")
    if not text.isprintable():
        raise CellError("the person holds characters that cannot be printed")
    return text


def read_comment(cell: Cell) -> str | None:
    """
    Read a comment; None where there is none.
    """
    text = "" if cell is None else str(cell)
    # JSON can write half a character, which nothing can send.
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise CellError("the comment holds half a character (a surrogate)")
    return text if text.strip() else None


def _number(text: str, maximum: Number | None, commas: bool) -> Number:
    readings = _readings(text)
    if len(readings) > 1 and maximum is not None:
        readings = [value for value in readings if value <= _PROPORTION * _exact(maximum)] or readings
    if len(readings) == 1 or (readings and commas):
        return readings[0]
    if readings:
        raise CellError(f"{_shown(text)} may be {readings[0]} or {readings[1]}: write it without a mark of thousands")
    if text.startswith("#"):
        raise CellError(f"{_shown(text)} is the error of a formula")
    raise CellError(f"{_shown(text)} is no number")


def _readings(text: str) -> list[Number]:
    """
    Return the different numbers that a text may be, with commas between thousands first.
    """
    found: list[Number] = []
    bare = _GROUPS.sub("", text)
    if len(bare) > _LONGEST_NUMBER or not any(character.isdecimal() for character in bare):
        return found
    for group, mark, pattern in _READINGS:
        if pattern.fullmatch(bare):
            plain = bare.replace(group, "").replace(mark, ".")
            value = int(plain) if "." not in plain else Decimal(plain)
            if value not in found:
                found.append(value)
    return found


def _exact(value: Number) -> Decimal:
    return Decimal(str(value))


def _checked(value: Number) -> Number:
    if isinstance(value, Decimal) and not value.is_finite():
        raise CellError(f"{value} is no number of points")
    if abs(value) >= 10**_LONGEST_NUMBER:
        raise CellError("the number is too large")
    if value < 0:
        raise CellError(f"{value} is less than 0, the least that a score may be")
    if 0 < value < _SMALLEST:
        raise CellError("the number is too small")
    return value


def _shown(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:39] + "…")
