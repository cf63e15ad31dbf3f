"""
Write the tables of ``docs/guides/register.md`` from ``aioags/launch/lms_fields.toml``.

Run ``python docs/register_tables.py``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from aioags.launch.lms_fields import OURS, THEIRS, LMSGuide, Mistake, OurField, TheirField, lms_guides

PAGE = Path(__file__).parent / "guides" / "register.md"
BEGIN, END = "<!-- made by docs/register_tables.py -->\n", "<!-- end of what was made -->"

STEPS = {
    "browser": "a page in the browser",
    "launch": "the launch",
    "token": "the token",
    "score": "the score",
}


def written(page: str) -> str:
    """
    Return a page with its tables made anew.

    Raises:
        ValueError: It has no place for them.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page needs {BEGIN!r} and {END!r}")
    sections = "\n".join(line for guide in lms_guides().values() if guide.name != "other" for line in section(guide))
    return f"{before}{begin}\n{sections}\n{end}{after}"


def section(guide: LMSGuide) -> Iterator[str]:
    """
    Yield the lines about one LMS.
    """
    yield from (f"## {guide.title}", "", f"**Where:** {guide.where}.", "", f"**Then:** {guide.then}.", "")
    yield from _table(("yours", "goes into", "known"), map(_ours, guide.ours))
    yield from _table(("theirs", "stands in", "is", "known"), map(_theirs, guide.theirs))
    if guide.name == "canvas-self-hosted":
        yield from ("What is said of a mistake is what hosted Canvas says.", "")
    elif guide.mistakes:
        yield from _table(("wrong", "shows at", "what is said", "so", "known"), map(_mistake, guide.mistakes))
    yield from (f"Sources: {guide.source}.", "")


def _table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"
    yield ""


def _ours(row: OurField) -> tuple[str, ...]:
    return OURS[row.value], _noted(row.field, row.note), f"{row.how.value}, {row.date}"


def _theirs(row: TheirField) -> tuple[str, ...]:
    usual = "" if row.usual is None else f"`{row.usual}`"
    named = f"{THEIRS[row.value]}, `{row.value}`"
    return named, row.field, _noted(usual, row.note), f"{row.how.value}, {row.date}"


def _mistake(row: Mistake) -> tuple[str, ...]:
    named = OURS.get(row.value) or THEIRS[row.value]
    named = "public key" if row.value == "public_key" else named
    whose = "your " if row.value in OURS else "their "
    how = row.how.value if row.emulated else f"{row.how.value}, not emulated"
    return whose + named, STEPS[row.step.value], f"`{row.says}`", row.means, f"{how}, {row.date}"


def _noted(text: str, note: str) -> str:
    # A placeholder would be taken for HTML.
    note = re.sub(r"(https?://\S+|<\w+>)", r"`\1`", note)
    return f"{text} ({note})" if text and note else text or note


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
