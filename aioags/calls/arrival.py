"""
When an answer came: what lay in the kernel while our own event loop was busy is no latency of the platform.

A loop that is busy for 60 ms sees every answer of these 60 ms at their end, and a task that was woken may wait once
more until it runs. The kernel knows when the bytes came. Linux tells (``TCP_INFO``); elsewhere the lane discounts the
second wait, since it notes when it was handed the bytes, and a session nothing.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from typing import Any

from aioags.protocol.pace_figures import QUICK

WORTH_ASKING = QUICK
"""Seconds that an exchange takes at the least, for its lateness to matter: of a quicker one pacing makes nothing."""

# Of Linux' struct tcp_info, tcpi_last_data_recv: 32 bits behind eight bytes and eleven numbers, in milliseconds.
_LAST_RECEIVED = slice(52, 56)
# It counts in ticks, 4 ms at most kernels, and says up to one more than there were.
_TICK = 0.004


def seconds_unseen(transport: asyncio.BaseTransport | None) -> float:
    """
    Return the seconds since the latest bytes came to the kernel, less its inaccuracy; 0.0 where it does not tell.
    """
    sock: Any = None if transport is None else transport.get_extra_info("socket")
    if sock is None or sys.platform != "linux":
        return 0.0
    try:
        told = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _LAST_RECEIVED.stop)
    except (OSError, AttributeError):
        # Closed by now, or no TCP; or a loop of another make, whose sockets are none.
        return 0.0
    # A kernel that knows less fills in less.
    milliseconds = int.from_bytes(told[_LAST_RECEIVED], sys.byteorder)
    return max(0.0, milliseconds / 1000 - _TICK)
