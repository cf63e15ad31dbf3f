"""
When an answer came is told by the kernel, not by when our loop found time for it.
"""

from __future__ import annotations

import asyncio
import sys
import time

import pytest

from aioags import Timeouts
from aioags.calls.choosing import open_transport
from aioags.protocol.messages import Request
from tests.rigs.raw_server import Answerer, Received, http, raw_server

pytestmark = [
    pytest.mark.usefixtures("both_transports"),
    pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells"),
]

BUSY = 0.05


def answer_and_be_busy(body: bytes) -> Answerer:
    """
    Answer, and hold the loop of both sides: the answer lies there meanwhile.
    """

    def say(request: Received, writer: asyncio.StreamWriter) -> bool:
        writer.write(http(200, body))
        begun = time.monotonic()
        while time.monotonic() - begun < BUSY:
            pass
        return False

    return say


@pytest.mark.parametrize("body", [b"", b"{}"])
async def test_an_answer_that_lay_there_says_for_how_long(body: bytes) -> None:
    async with raw_server(answer_and_be_busy(body)) as server:
        transport = open_transport(None, timeouts=Timeouts(), user_agent="aioags/test")
        try:
            for _ in range(2):
                answer = await transport.send(Request("GET", f"{server.origin}/items"))
                # Less two ticks: the kernel's clock and ours begin theirs apart.
                assert answer.late > BUSY - 0.008
        finally:
            await transport.aclose()
