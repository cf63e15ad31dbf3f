"""
The site as a whole: the navigation and llms.txt name every page.
"""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).parent.parent / "docs"
PAGES = {
    page.relative_to(DOCS).with_suffix("").as_posix()
    for page in DOCS.rglob("*.md")
    if not {"_build", "adr", "examples"} & set(page.relative_to(DOCS).parts)
}
LISTED = re.compile(r"^- \[[^]]+\]\((?:_sources/([\w/-]+)\.md\.txt|([\w/-]+)\.html)\): .+\.$")
LLMS = (DOCS / "llms.txt").read_text(encoding="utf-8")


def captions(text: str, mark: str) -> list[str]:
    """
    Find the headings of the parts.
    """
    return re.findall(rf"^{mark} ?(.*)", text, re.MULTILINE)


def in_the_navigation() -> list[str]:
    """
    Find the pages of the toctrees, in order; the list of decisions finds its own.
    """
    found = []
    for page in (DOCS / "index.md", DOCS / "reference" / "index.md"):
        folder = page.parent.relative_to(DOCS)
        for entries in re.findall(r"```\{toctree\}\n(?::.*\n)*\n?((?:.+\n)+?)```", page.read_text(encoding="utf-8")):
            found += [(folder / entry).as_posix() for entry in entries.split()]
    return found


def test_the_navigation_names_each_page_once() -> None:
    named = in_the_navigation()
    assert sorted(named) == sorted(PAGES - {"index"})


def test_llms_txt_names_each_page_once_with_a_sentence() -> None:
    lines = [line for line in LLMS.splitlines() if line.startswith("- ")]
    found = [LISTED.match(line) for line in lines]
    assert [line for line, match in zip(lines, found, strict=True) if match is None] == []
    assert sorted(match[1] or match[2] for match in found if match) == sorted(PAGES - {"index"})


def test_both_have_the_same_parts_in_the_same_order() -> None:
    assert captions(LLMS, "##") == captions((DOCS / "index.md").read_text(encoding="utf-8"), ":caption:")
