"""
A server that reads the socket itself, and a client.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from aioags import Client
from tests.rigs.raw_server import RawServer, http_json, raw_server


@pytest.fixture
async def server() -> AsyncIterator[RawServer]:
    """
    A server that lists nothing, whatever it is asked.
    """
    async with raw_server(http_json([])) as running:
        yield running


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    """
    A client with the settings of its own accord.
    """
    async with Client() as opened:
        yield opened
