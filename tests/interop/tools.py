"""
Our client as a tool beside a platform that is not ours.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import attrs

from aioags import (
    AiohttpTransport,
    Client,
    Endpoint,
    Gradebook,
    LostAnswerError,
    Registration,
    RequestEvent,
    RetryPolicy,
    Timeouts,
)
from aioags.protocol.messages import Request, Response
from tests.rigs.listening import keeping

FAST = RetryPolicy(attempts=3, first_wait=0.01, longest_wait=0.02)


class Losing(AiohttpTransport):
    """
    Carries requests over real sockets, and loses the answer to the next score when told.

    Attributes:
        loses: How many answers to scores are still to be lost.
    """

    def __init__(self) -> None:
        super().__init__(timeouts=Timeouts(), user_agent="a tool in a test")
        self.loses = 0

    async def send(self, request: Request) -> Response:
        """
        Send one request; the platform has applied it when its answer is lost.
        """
        response = await super().send(request)
        if self.loses and request.method == "POST" and request.url.endswith("/scores"):
            self.loses -= 1
            raise LostAnswerError("the connection broke", recorded=None, transient=True)
        return response


@attrs.frozen
class ToolBench:
    """
    A gradebook of our client, and what it sent.

    Attributes:
        events: One for each request, in order.
    """

    client: Client
    gradebook: Gradebook
    registration: Registration
    endpoint: Endpoint
    transport: Losing
    events: list[RequestEvent]

    def sent(self) -> Counter[str]:
        """
        Count the requests by operation.
        """
        return Counter(event.operation for event in self.events)

    def other(self, *, registration: dict[str, Any] | None = None, **endpoint: Any) -> Gradebook:
        """
        Return another gradebook of the same client, with some fields of registration and endpoint changed.
        """
        changed = attrs.evolve(self.registration, **(registration or {}))
        return self.client.gradebook(changed, attrs.evolve(self.endpoint, **endpoint))


@asynccontextmanager
async def tool_bench(registration: Registration, endpoint: Endpoint) -> AsyncIterator[ToolBench]:
    """
    Open a client at one platform.
    """
    events: list[RequestEvent] = []
    transport = Losing()
    async with Client(transport=transport, retry=FAST, on_event=keeping(events)) as client:
        gradebook = client.gradebook(registration, endpoint)
        yield ToolBench(client, gradebook, registration, endpoint, transport, events)
