"""
Does this aiohttp carry what keeps answers apart, over the session as well? Tried out on paper, without a network.

`Conversation` and `CleanConnector` touch more of aiohttp than is documented, and the lane stands on the first of them:
where that fails there is nothing to fall back to, and nothing is sent. What the lane alone needs, `lane_check` tries.
The list is that of docs/adr/0147. Both take less than a millisecond, once for each `Client`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import aiohttp

from aioags.calls.conversation import CleanConnector, Conversation
from aioags.errors import UnreachableError

YES = b"HTTP/1.1 204 No Content\r\n\r\n"
NOWHERE = "http://127.0.0.1:8/a%2Cb?c=d"


class PaperTransport(asyncio.Transport):
    """
    Where nothing is sent.
    """

    closed = False

    def is_closing(self) -> bool:
        """
        True once it was closed.
        """
        return self.closed

    def get_write_buffer_size(self) -> int:
        """
        Return 0: all has left.
        """
        return 0

    def write(self, data: Any) -> None:
        """
        Forget it.
        """

    def close(self) -> None:
        """
        Note it.
        """
        self.closed = True

    abort = close


class PaperLoop:
    """
    The running loop, but that it connects to nobody.
    """

    def __getattr__(self, name: str) -> Any:
        return getattr(asyncio.get_running_loop(), name)

    async def sock_connect(self, sock: Any, address: Any) -> None:
        """
        Do nothing.
        """

    async def create_connection(self, factory: Any, *_: Any, sock: Any, **__: Any) -> tuple[Any, Any]:
        """
        Return a transport of paper, and its protocol.
        """
        sock.close()
        transport, protocol = PaperTransport(), factory()
        protocol.connection_made(transport)
        return transport, protocol


class _Watched(CleanConnector):
    """
    Opens two connections, of which the first is dirty when the second is asked for, and raises their protocols.
    """

    async def connect(self, *request: Any, **settings: Any) -> Any:
        seen = []
        for end in ("release", "close"):
            connection = await super().connect(*request, **settings)
            seen.append(connection.protocol)
            getattr(connection, end)()
        raise LookupError(*seen)


def now(coroutine: Any) -> Any:
    """
    Return what a coroutine returns that needs not wait.
    """
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("it waits")


def _opens_conversations() -> bool:
    session = aiohttp.ClientSession(connector=_Watched(loop=PaperLoop(), resolver=PaperTransport()))
    # Tracers add themselves to each session of a process, often with a list that is the same for all.
    session._trace_configs = []
    try:
        now(session.get(NOWHERE, timeout=aiohttp.ClientTimeout()))
    except LookupError as seen:
        one, other = seen.args
        kept = isinstance(one, Conversation) and not isinstance(one, asyncio.BufferedProtocol)
        return kept and one is not other and one.transport is None and session._retry_connection is True
    finally:
        session.detach()
    return False


def _hears_one_answer() -> bool:
    talk = Conversation(asyncio.get_running_loop())
    talk.connection_made(PaperTransport())
    talk.set_response_params()
    talk.data_received(b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n[1")
    kept = talk._begun and talk._missing == 3
    talk.data_received(b",2]")
    kept = kept and [talk._buffer.popleft()[0][0].code for _ in "ab"] == [103, 200] and not talk.should_close
    talk.data_received(YES)
    return kept and talk._hung_up and talk.should_close


CHECKS: dict[str, Callable[[], bool]] = {
    "a connection takes what nobody asked for": _hears_one_answer,
    "a session does not open, keep or repeat as it did": _opens_conversations,
}
"""What would have changed for both, and how to see whether it has."""


def fault_of(checks: dict[str, Callable[[], bool]]) -> str | None:
    """
    Say in a sentence what of this aiohttp is not as these need it; None: nothing. Needs a running event loop.
    """
    for sentence, holds in checks.items():
        try:
            if holds():
                continue
            why = ""
        except Exception as error:  # noqa: BLE001 - whatever another version raises, it is another
            why = f" ({type(error).__name__}: {error})"
        return f"aiohttp {aiohttp.__version__} is not one that it is made for: {sentence}{why}"
    return None


def check_aiohttp() -> None:
    """
    Check that nobody's answer can be taken for another's, and that what is sent once is sent once.

    Raises:
        UnreachableError: The installed aiohttp is not as that needs it.
    """
    if (fault := fault_of(CHECKS)) is not None:
        # The oldest and the newest with which CI has run the tests of sockets.
        wanted = "Install a version of aiohttp that it was checked with (3.11 to 3.14), or a newer aioags"
        raise UnreachableError(f"nothing was sent by aioags: {fault}. {wanted}")
