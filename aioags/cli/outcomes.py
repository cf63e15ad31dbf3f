"""
What a push leaves behind: a report of every line, and the lines that failed as a table to be corrected and pushed.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from aioags.cli.failures import CommandError
from aioags.cli.kinds import FAILED
from aioags.cli.spool import Line, Spool
from aioags.cli.table import GradesTable

_WHY = "why"


@contextmanager
def replaced(path: Path, encoding: str = "utf-8") -> Generator[TextIO, None, None]:
    """
    Write a file, readable for its owner only, that takes its place when it is whole.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding=encoding, newline="") as file:
            yield file
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def check_place(path: Path) -> None:
    """
    Refuse a path that `replaced` cannot write, before anything is sent whose outcome would be lost.

    Raises:
        CommandError: Its folder is not there or may not be written, or it is a folder itself.
    """
    if path.is_dir():
        raise CommandError(f"cannot write {path}: it is a folder")
    if not path.parent.is_dir():
        raise CommandError(f"cannot write {path}: there is no folder {path.parent}")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise CommandError(f"cannot write {path}: the folder {path.parent.resolve()} may not be written")


def write_report(path: Path, spool: Spool) -> None:
    """
    Write one JSON object for each line, in the order of the file; no grade and no comment.
    """
    with replaced(path) as file:
        for page in spool.pages():
            for entry in page:
                file.write(json.dumps(_record(entry), ensure_ascii=False) + "\n")


def _record(entry: Line) -> dict[str, object]:
    return {
        "line": entry.line,
        "person": entry.person,
        "user_id": entry.user_id,
        "outcome": entry.kind,
        "why": entry.why,
    }


def write_refused(path: Path, table: GradesTable, spool: Spool) -> int:
    """
    Write the lines that failed as they were in the file, each with the reason in a column of its own.

    Returns:
        How many. 0: no file is written.
    """
    failed = {entry.line: entry for page in spool.pages(FAILED) for entry in page}
    if not failed:
        return 0
    headings = table.source.headings
    kept = [place for place, heading in enumerate(headings) if heading != _WHY]
    # A byte order mark, or Excel takes it for Windows-1252. The comma between cells says whose comma is in them.
    with replaced(path, encoding="utf-8-sig") as file:
        writer = csv.writer(file, delimiter="," if table.source.commas else ";")
        writer.writerow([*(headings[place] for place in kept), _WHY])
        for number, cells in table.source.lines():
            if number in failed:
                padded = [*cells, *[None] * len(headings)]
                # What has no heading stays without one, behind the others: it is what is wrong.
                beyond = cells[len(headings) :]
                writer.writerow([*(padded[place] for place in kept), failed[number].why, *beyond])
    return len(failed)
