"""
Case 12: the token URL answers with a redirect.
"""

from __future__ import annotations

import pytest

from aioags import GrantRefusedError
from tests.cases.token_endpoint import refused
from tests.fakes import answer

ELSEWHERE = "https://new.example/oauth/token?session=3714bfd0e53f66ec60c5d4bb81c9d2da"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_the_targets_origin_is_named_and_what_to_correct(status: int) -> None:
    error = await refused(answer(status, "", ("Location", ELSEWHERE)))
    assert isinstance(error, GrantRefusedError)
    assert f"answered {status}" in str(error)
    assert "https://new.example" in str(error)
    assert "token_url" in str(error)
    assert "3714bfd0" not in str(error)
    assert not error.transient


@pytest.mark.parametrize("location", [None, "", "http://[", "javascript:alert(1)"])
async def test_a_target_that_is_none(location: str | None) -> None:
    headers = () if location is None else (("Location", location),)
    error = await refused(answer(302, "", *headers))
    assert "token_url" in str(error)
    assert "alert" not in str(error)
