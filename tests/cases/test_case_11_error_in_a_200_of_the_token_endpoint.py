"""
Case 11: the token endpoint answers 200 with an error object.
"""

from __future__ import annotations

from typing import Any

import pytest

from aioags import GrantRefusedError
from tests.cases.token_endpoint import refused
from tests.fakes import answer


@pytest.mark.parametrize("extra", [{}, {"access_token": None}, {"access_token": ""}])
async def test_it_is_a_refusal_with_the_platforms_words(extra: dict[str, Any]) -> None:
    error = await refused(answer(200, {"error": "invalid_client", "error_description": "no such key"} | extra))
    assert isinstance(error, GrantRefusedError)
    assert (error.code, error.status, error.recorded, error.transient) == ("invalid_client", 200, False, False)
    assert "no such key" in str(error)
