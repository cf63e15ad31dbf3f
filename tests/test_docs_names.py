"""
No name from nowhere: what a page's code uses, the page has made, or says in its text where it comes from.

A page that runs may still hold a function that nobody calls; its names are looked at here.
"""

from __future__ import annotations

import builtins
import symtable
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from tests.test_docs import GIVEN, PAGES, ROOT, blocks


def used_and_made(code: str) -> tuple[set[str], set[str]]:
    """
    Return the names that code reads from outside of its functions, and those that it makes there.
    """
    top = symtable.symtable(code, "page", "exec")
    made = {one.get_name() for one in top.get_symbols() if one.is_assigned() or one.is_imported()}
    used: set[str] = set()
    scopes = [top]
    while scopes:
        scope = scopes.pop()
        scopes += scope.get_children()
        used |= {
            one.get_name() for one in scope.get_symbols() if one.is_referenced() and (scope is top or one.is_global())
        }
    return used, made


def from_nowhere(page: str) -> set[str]:
    """
    Find the names that no block up to there has made.
    """
    found: set[str] = set()
    known = {*vars(builtins), "__name__"}
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


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_a_file_that_a_page_shows_makes_what_it_uses(page: Path) -> None:
    """
    What is not run here: an application of Django's, a test.
    """
    shown = [token for token in MarkdownIt().parse(page.read_text(encoding="utf-8")) if token.info == "py"]
    for block in shown:
        used, made = used_and_made(block.content)
        assert used - made - set(vars(builtins)) == set()


def test_a_name_that_no_block_made_is_found() -> None:
    first = "```python\nuser = 1\nprint(user, roster)\n```\n\n"
    then = "```python\ndef f():\n    other = scores\n    return lambda: (other, user)\n```\n"
    assert from_nowhere(first + then) == {"roster", "scores"}
    assert from_nowhere("```python\nimport a.b\nfor x in a.b: print(x)\n```\n") == set()
