"""
Ports of loopback, for programs that are told where to listen.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def held_port() -> Iterator[int]:
    """
    Keep a port of loopback for a program that is to listen on it: the system gives it to nobody else meanwhile.
    """
    with socket.socket() as holder:
        # Then somebody who asks for this very port gets it, as long as it does not listen here.
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]
