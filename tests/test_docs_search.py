"""
What people paste into the search of the documentation: it leads to a heading of the page of troubles.

Sphinx's own index is asked, which the page in the browser asks as well: what is not in it as a word is not found,
however plainly it stands in the text. It leaves numbers out: those are found as entries of the general index alone.
"""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from docutils.core import publish_doctree
from myst_parser.parsers.docutils_ import Parser
from sphinx.search import IndexBuilder

PAGE = Path(__file__).parent.parent / "docs" / "troubleshooting.md"
PASTED = """
401 / 403 / 404 / 409 / 422 / 429 / 500 / stale / invalid_client / invalid_scope / invalid_grant / unauthorized_client
Event loop is closed / another loop / attached to a different loop / was never awaited / Unclosed client session
percent / %2F / pagination / only the first page / duplicate column / grade does not show / upload csv
cookie / state / nonce / kid / clock / redirect_uri / localhost / audience / Too Many Requests / rate limit
certificate verify failed / SSL / StaleScoreError / UserNotGradableError / ThrottledError / LostAnswerError / timeout
NotOfferedError / UntrustedURLError / MalformedError / database is locked / proxy / rounded / comment disappears
"""
TERMS = [term.strip() for term in re.split(r"[/\n]", PASTED) if term.strip()]


class Index:
    """
    What Sphinx keeps of one page.
    """

    def __init__(self, text: str) -> None:
        kept = {
            f"_search_index_{name}": {}
            for name in (
                "titles", "filenames", "mapping", "title_mapping", "all_titles", "index_entries", "objtypes", "objnames"
            )
        }  # fmt: skip
        env: Any = SimpleNamespace(domains=(), version=(), **kept)
        settings = {"report_level": 5, "myst_heading_anchors": 3}
        self._builder = IndexBuilder(env, "en", {}, "")
        self._builder.feed("page", "page.md", "", publish_doctree(text, parser=Parser(), settings_overrides=settings))
        self._in_titles: dict[str, set[str]] = kept["_search_index_title_mapping"]
        self._entries = re.findall(r"\{index\}`!(.*?)`", text)

    def leads_from(self, term: str) -> bool:
        """
        Say whether a search is an entry of the index, or each of its words that counts is a word of a heading.
        """
        if term in self._entries:
            return True
        language = self._builder.lang
        words = [word for word in re.findall(r"\w+", term.lower()) if language.word_filter(word)]
        return bool(words) and all(language.stem(word).lower() in self._in_titles for word in words)


@pytest.fixture(scope="module")
def index() -> Index:
    return Index(PAGE.read_text(encoding="utf-8"))


@pytest.mark.parametrize("term", TERMS)
def test_what_is_pasted_is_found(index: Index, term: str) -> None:
    assert index.leads_from(term)


@pytest.mark.parametrize("term", ["teapot", "418", "stale teapot", "the"])
def test_what_is_not_there_is_not_found(index: Index, term: str) -> None:
    assert not index.leads_from(term)


def test_each_trouble_leads_on() -> None:
    """
    Each says where the rest stands, or what to type.
    """
    troubles = re.split(r"^### ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    assert [
        trouble.partition("\n")[0] for trouble in troubles if "](" not in trouble and "`aioags" not in trouble
    ] == []
