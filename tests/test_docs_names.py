"""
No name from nowhere: what a page's code uses, the page has made, or says in its text where it comes from.

A page that runs may still hold a function that nobody calls; its names are looked at here.
"""

from __future__ import annotations

import ast
import builtins
from pathlib import Path

import pytest

from tests.test_docs import GIVEN, PAGES, ROOT, blocks


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
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                made.add(name)
            case ast.alias(name=name, asname=other):
                made.add(other or name.partition(".")[0])
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
                made.add(name)
            case _:
                pass
    return used, made


def from_nowhere(page: str) -> set[str]:
    """
    Find the names that no block up to there has made.
    """
    found: set[str] = set()
    known = set(vars(builtins))
    for block in blocks(page):
        used, made = used_and_made(block.code)
        known |= made
        found |= used - known
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_a_page_makes_what_it_uses(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    given = GIVEN.get(page.name, set())
    assert from_nowhere(text) == given
    assert [name for name in given if f"`{name}`" not in text] == []


def test_a_name_that_no_block_made_is_found() -> None:
    page = "```python\nuser = 1\nprint(user, roster)\n```\n\n```python\ndef f():\n    return scores\n```\n"
    assert from_nowhere(page) == {"roster", "scores"}
    assert from_nowhere("```python\nimport a.b\nfor x in a.b: print(x)\n```\n") == set()
