"""
Case 24: a score that is answered 200 with a body that says 400 is refused.
"""

from __future__ import annotations

from typing import Any

import pytest

from aioags import RefusedError, Score
from tests.fakes import PaperPlatform, answer


@pytest.mark.parametrize(
    "body", [{"status": 400, "reason": "no such grade"}, {"status": "400", "error": "no such grade"}]
)
async def test_it_is_not_recorded(body: dict[str, Any]) -> None:
    platform = PaperPlatform([answer(200, body)])
    with pytest.raises(RefusedError) as caught:
        await platform.gradebook().post_score(Score.graded("user-1", 8, score_maximum=10))
    assert (caught.value.recorded, caught.value.status) == (False, 400)
    assert "no such grade" in str(caught.value)
    assert len(platform.sent) == 1
