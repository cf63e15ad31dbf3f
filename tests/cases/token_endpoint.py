"""
A paper platform whose token endpoint answers as a test says.
"""

from __future__ import annotations

import attrs
import pytest

from aioags import AGSError, Score
from aioags.protocol.messages import Request, Response
from tests.fakes import PaperPlatform


@attrs.define
class TokenPlatform(PaperPlatform):
    """
    Answers each token request with the same.
    """

    said: Response = attrs.field(factory=lambda: Response(500))

    def _grant(self, request: Request) -> Response:
        self.token_requests.append(request)
        return attrs.evolve(self.said, url=request.url)


async def refused(said: Response) -> AGSError:
    """
    Post a score, and return the error that it ends with; the token was asked for once.
    """
    platform = TokenPlatform(said=said)
    with pytest.raises(AGSError) as caught:
        await platform.gradebook().post_score(Score.graded("user-1", 8, score_maximum=10))
    assert len(platform.token_requests) == 1
    assert platform.sent == []
    return caught.value
