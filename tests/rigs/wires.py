"""
A wire of the lane without a network.
"""

from __future__ import annotations

import asyncio
from typing import Any

from aioags.calls.lane import Wire
from aioags.calls.session_check import PaperTransport


def new_wire() -> Wire:
    """
    Return a wire that was asked something.
    """
    wire = Wire(asyncio.get_running_loop())
    wire.connection_made(PaperTransport())
    wire.hold(PaperTransport())
    wire.ask(b"GET / HTTP/1.1\r\n\r\n", 0.0, 100.0)
    return wire


async def heard_answer(wire: Wire) -> tuple[int, list[tuple[str, str]], bytes]:
    """
    Return status, headers and body of what a wire has heard; hints before it are passed over.
    """
    message: Any
    stream: Any
    while True:
        message, stream = await wire.read()
        if message.code >= 200:
            return message.code, list(message.headers.items()), await stream.read()
