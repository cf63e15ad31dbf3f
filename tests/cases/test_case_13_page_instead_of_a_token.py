"""
Case 13: the token URL answers 404 with a page.
"""

from __future__ import annotations

from aioags import GrantRefusedError
from tests.cases.token_endpoint import refused
from tests.fakes import answer


async def test_first_it_says_that_the_url_may_be_wrong() -> None:
    error = await refused(answer(404, "<!DOCTYPE html><html><title>Not found</title>"))
    assert isinstance(error, GrantRefusedError)
    text = str(error)
    assert 0 < text.index("token_url may be wrong") < text.index("Moodle")
    assert text.index("Moodle") < text.index("public key set")
