"""
Single requests, as they are, without a client's patience: for ``token`` and ``doctor``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from uuid import uuid4

from aioags._version import __version__
from aioags.calls.transport import AiohttpTransport, Transport
from aioags.cli.command import Run
from aioags.model.policy import Timeouts
from aioags.model.registration import Registration
from aioags.protocol.dialect import Operation
from aioags.protocol.grants import Grant, request_token, token_refusal
from aioags.protocol.messages import Request, Response

_TIMEOUTS = Timeouts(total=20.0, connect=8.0, read=15.0)


@asynccontextmanager
async def opened(run: Run) -> AsyncIterator[Transport]:
    """
    Open what requests go through.
    """
    if run.world.transport is not None:
        yield run.world.transport
        return
    transport = AiohttpTransport(timeouts=_TIMEOUTS, user_agent=f"aioags/{__version__}")
    try:
        yield transport
    finally:
        await transport.aclose()


def token_operation(run: Run, registration: Registration, scopes: Iterable[str]) -> Operation[Grant]:
    """
    Return how a token is asked for, once.
    """
    return request_token(registration, frozenset(scopes), wall=run.world.now, new_jti=lambda: str(uuid4()))


async def perform(transport: Transport, operation: Operation[Grant], wall: float) -> tuple[Response, Grant]:
    """
    Ask for a token once.

    Raises:
        AGSError: There is none: what the platform answered is judged as a client would.
    """
    request = operation.fresh() if operation.fresh is not None else operation.request
    response = await transport.send(request)
    if not response.ok:
        raise token_refusal(operation, response, wall)
    return response, operation.read(response)


def authorized(request: Request, token: str) -> Request:
    """
    Return a request that carries a token.
    """
    headers = (*request.headers, ("Authorization", f"Bearer {token}"))
    return Request(request.method, request.url, headers, request.body, request.most_bytes)


class Recorder:
    """
    A transport that keeps what was answered.

    Attributes:
        answers: Requests and their answers, in order.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self.answers: list[tuple[Request, Response]] = []

    async def send(self, request: Request) -> Response:
        """
        Send one request; see `Transport.send`.
        """
        response = await self._transport.send(request)
        self.answers.append((request, response))
        return response

    async def aclose(self) -> None:
        """
        Do nothing: the transport is closed by who opened it.
        """
