"""
Each test of this folder that takes a `bench` runs with every back end in front of every platform.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator

import pytest

from aioags.emulator import PROFILES
from tests.contract.bench import BACK_ENDS, Bench, new_bench

WAYS = list(itertools.product(BACK_ENDS, PROFILES))


@pytest.fixture(params=WAYS, ids="-".join)
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    back_end, profile = request.param
    bench = new_bench(back_end, profile)
    async with bench.client:
        yield bench
