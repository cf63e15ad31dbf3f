"""
Both ways of sending, for every test that has a server on a socket.
"""

from __future__ import annotations

import pytest


@pytest.fixture(params=["lane", "session"])
def both_transports(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """
    Let each `Client` that is given nothing else send so, and say how.
    """
    # A lane that was named is never replaced by a session.
    monkeypatch.setenv("AIOAGS_TRANSPORT", request.param)
    return str(request.param)
