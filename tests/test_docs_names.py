"""
No name from nowhere: what a page's code uses and no block of it has made is named at the page's head, with a link to
what it is and how a program comes by it.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.test_docs import PAGES, ROOT, blocks

FOUND = ["registration", "claims", "endpoint", "user", "roster", "scores", "ags", "gradebook"]
"""What `tests.test_docs` puts before a page."""

LINE = re.compile(
    r"^\[Names in the code\]\(\.\./concepts\.md#names-in-the-code\) that come from elsewhere: (.*)\.$", re.M
)
# The first screen says where its names come from; the page of concepts is where the link leads.
THEMSELVES = {"README.md", "concepts.md"}


def used_and_made(code: str) -> tuple[set[str], set[str]]:
    """
    Return the names that code reads, and those that it makes somewhere.
    """
    used: set[str] = set()
    made: set[str] = set()
    for node in ast.walk(ast.parse(code)):
        match node:
            case ast.Name(id=name, ctx=ast.Load()):
                used.add(name)
            case ast.Name(id=name) | ast.arg(arg=name):
                made.add(name)
            case ast.alias(name=name, asname=other):
                made.add(other or name)
            case _:
                pass
    return used, made


def needed(page: str) -> list[str]:
    """
    Find what a page takes from before it, in the order of `FOUND`.
    """
    found: set[str] = set()
    made_before: set[str] = set()
    for block in blocks(page):
        used, made = used_and_made(block.code)
        found |= used - made - made_before
        made_before |= made
    return [name for name in FOUND if name in found]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_a_page_names_what_it_did_not_make(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    said = [name for line in LINE.findall(text) for name in re.findall(r"`(\w+)`", line)]
    assert said == ([] if page.name in THEMSELVES else needed(text))


def test_what_a_block_makes_is_not_from_elsewhere() -> None:
    page = "```python\nuser = 1\nprint(user, roster)\n```\n\n```python\nprint(user, scores)\n```\n"
    assert needed(page) == ["roster", "scores"]


def test_each_name_is_explained() -> None:
    concepts = (ROOT / "docs" / "concepts.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `(.*?)` \|", concepts, re.M) == [*FOUND[:4], "roster`, `scores", *FOUND[6:]]
