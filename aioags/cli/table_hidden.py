"""
Cells of an Excel sheet that look filled and hold nothing: of merged cells all but the first, and formulas that were
never calculated, as a program writes them that is no spreadsheet. Left alone, each would be a grade that is not there.
"""

from __future__ import annotations

import zipfile
from collections import defaultdict
from collections.abc import Mapping
from typing import IO, Any, BinaryIO
from xml.etree import ElementTree

_CHUNK = 1 << 20
_SIGNS = b"<f", b"<mergeCell "
_MOST = 200_000
"""Cells; of more there is something else wrong."""


def hidden_cells(file: BinaryIO, sheet: Any) -> Mapping[int, Mapping[int, str]]:
    """
    Find them.

    Args:
        sheet: As openpyxl has it.

    Returns:
        By number of the row, from 1, and place in it, from 0: what to say instead of nothing.
    """
    found: dict[int, dict[int, str]] = defaultdict(dict)
    with zipfile.ZipFile(file) as archive:
        # There is no other way to know which part of the file it is.
        path = sheet._worksheet_path
        with archive.open(path) as part:
            if not _holds(part):
                return found
        with archive.open(path) as part:
            _search(part, found)
    return found


def _holds(part: IO[bytes]) -> bool:
    tail = b""
    while chunk := part.read(_CHUNK):
        if any(sign in tail + chunk for sign in _SIGNS):
            return True
        tail = chunk[-len(_SIGNS[1]) :]
    return False


def _search(part: IO[bytes], found: dict[int, dict[int, str]]) -> None:
    # Nobody else pays for it.
    from openpyxl.utils.cell import column_index_from_string, coordinate_from_string, range_boundaries

    rows = None
    for event, node in ElementTree.iterparse(part, ("start", "end")):  # noqa: S314 - openpyxl reads the same
        name = node.tag.rpartition("}")[2]
        if event == "start":
            rows = node if name == "sheetData" else rows
        elif name == "c" and node.find("{*}f") is not None and not node.findtext("{*}v"):
            column, row = coordinate_from_string(node.get("r"))
            found[row][column_index_from_string(column) - 1] = f"a formula that was never calculated ({column}{row})"
        elif name == "row" and rows is not None:
            rows.clear()
        elif name == "mergeCell":
            left, top, _, bottom = (int(bound or 0) for bound in range_boundaries(node.get("ref")))
            for row in range(top + 1, min(bottom, top + _MOST) + 1):
                found[row].setdefault(left - 1, f"merged with the cell above ({node.get('ref')})")
