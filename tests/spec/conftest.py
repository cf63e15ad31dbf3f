"""
Every file here is one section of the standard, every test one duty of a tool, named by its section. A test scripts what
the platform answers, and looks at what the tool would send.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fakes import PaperPlatform


@pytest.fixture
def platform() -> Iterator[PaperPlatform]:
    """
    A platform on paper; at the end of a test it must have been asked everything it was ready to answer.
    """
    paper = PaperPlatform()
    yield paper
    assert paper.script == []
