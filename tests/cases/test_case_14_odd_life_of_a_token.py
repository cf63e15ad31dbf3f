"""
Case 14: ``expires_in`` is no number, and the token is good.
"""

from __future__ import annotations

from typing import Any

import pytest

from aioags import Score
from tests.cases.token_endpoint import TokenPlatform
from tests.fakes import answer


@pytest.mark.parametrize("expires_in", ["3600s", True, "2026-11-28T12:00:00Z", [3600], {}, "soon"])
async def test_the_token_serves_for_the_default_life(expires_in: Any) -> None:
    platform = TokenPlatform(said=answer(200, {"access_token": "token-1", "expires_in": expires_in}))
    platform.script = [answer(204), answer(204), answer(204)]
    gradebook = platform.gradebook()
    for user in ("user-1", "user-2"):
        await gradebook.post_score(Score.graded(user, 8, score_maximum=10))
    assert len(platform.token_requests) == 1
    platform.time.now += 3600
    await gradebook.post_score(Score.graded("user-3", 8, score_maximum=10))
    assert len(platform.token_requests) == 2
