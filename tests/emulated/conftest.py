"""
Each test of this folder that takes a `stand` runs three times: in memory, and over real sockets both ways.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import attrs
import pytest

from aioags import Client, RetryPolicy
from aioags.emulator import PROFILES, serve
from tests.rigs.memory import Stand, memory_stand, new_platform, stand_of

# Pages of two, so that every listing has several.
SMALL_PAGES = attrs.evolve(PROFILES["spec"], page_size=2)


@pytest.fixture(params=["memory", "lane", "session"])
async def stand(request: pytest.FixtureRequest) -> AsyncIterator[Stand]:
    if request.param == "memory":
        stand = memory_stand(SMALL_PAGES, users=7)
        async with stand.client:
            yield stand
        return
    platform = new_platform(SMALL_PAGES, users=7)
    retry = RetryPolicy(attempts=2, first_wait=0.01)
    async with serve(platform), Client(transport=request.param, retry=retry) as client:
        yield stand_of(platform, client)
