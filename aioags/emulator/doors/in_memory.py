"""
The platform without a socket: a transport for `aioags.Client`, and for any client that speaks in `Request`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from aioags.emulator.doors.key_fetch import fetch_keys
from aioags.emulator.platform import Platform
from aioags.emulator.wire.messages import Answer
from aioags.errors import LostAnswerError
from aioags.protocol.messages import Request, Response


class InMemoryTransport:
    """
    Carries requests to a platform in this process: ``Client(transport=InMemoryTransport(platform))``.

    What the platform's faults do to a connection comes out as the client's transport would say it: an answer that is
    dropped, reset or cut is a `LostAnswerError`.

    Args:
        platform: Who answers.

        sleep: What waits, for faults that wait; seconds.
    """

    def __init__(self, platform: Platform, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self.platform = platform
        self._sleep = sleep

    async def send(self, request: Request) -> Response:
        """
        Let the platform answer; requests that are under way together are in flight together.
        """
        await fetch_keys(self.platform, request)
        visit = self.platform.arrive(request)
        try:
            # One turn of the loop, as the shortest way to a platform takes.
            await asyncio.sleep(0)
            if visit.plan.wait:
                await self._sleep(visit.plan.wait)
            answer = visit.apply()
            if answer.manner.wait:
                await self._sleep(answer.manner.wait)
        finally:
            visit.leave()
        return _carried(request, answer)

    async def aclose(self) -> None:
        """
        Do nothing: there is nothing to close.
        """


def _carried(request: Request, answer: Answer) -> Response:
    if answer.manner.lost is not None or answer.manner.cut is not None:
        raise LostAnswerError("the connection broke", recorded=None, transient=True)
    return Response(answer.status, answer.phrase, answer.headers, answer.body, request.url)
