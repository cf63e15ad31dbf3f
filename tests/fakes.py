"""
A platform on paper, for tests without a network: it answers from a script and keeps what it was sent.

`PaperPlatform` is a `aioags.Transport`. It grants tokens by itself and answers each other request with the next entry
of its script, so a test reads as a dialogue: what the platform will say, what the tool does, what was sent. `PaperTime`
is a clock that moves only when somebody sleeps.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from typing import Any

import attrs
from joserfc.jwk import RSAKey

from aioags import AGSError, Client, Endpoint, Gradebook, Registration, RetryPolicy, Runtime, Scope
from aioags.model.stamp import Timekeeper, timekeeper
from aioags.protocol.messages import Request, Response
from tests.rigs.carrying import carry

HOST = "https://lms.example"
TOKEN_URL = f"{HOST}/token"
CONTAINER = f"{HOST}/2/lineitems?type_id=1"
ITEM = f"{HOST}/2/lineitems/7/lineitem?type_id=1"
SCORES = f"{HOST}/2/lineitems/7/lineitem/scores?type_id=1"
RESULTS = f"{HOST}/2/lineitems/7/lineitem/results?type_id=1"
WALL = 1_767_258_000.0  # 2026-01-01T09:00:00Z

Answer = Response | AGSError | Callable[[Request], Response]


@cache
def private_key() -> RSAKey:
    """
    Return one RSA key for all tests: making one takes long.
    """
    return RSAKey.generate_key(2048, {"kid": "tool-key-1"})


def registration(**changes: Any) -> Registration:
    """
    Return a registration with the paper platform.
    """
    fields: dict[str, Any] = {"issuer": HOST, "client_id": "tool-1", "token_url": TOKEN_URL, "key": private_key()}
    return Registration(**(fields | changes))


def endpoint(
    lineitems: str | None = CONTAINER, lineitem: str | None = ITEM, scope: Iterable[str] = tuple(Scope)
) -> Endpoint:
    """
    Return an endpoint that offers everything.
    """
    return Endpoint(lineitems, lineitem, frozenset(scope))


@contextmanager
def stamping(now: datetime, process: str = "one") -> Iterator[Timekeeper]:
    """
    Let the package stamp the scores made inside, as a process whose clock stands still.
    """
    keeper = Timekeeper(now.timestamp, process=process)
    token = timekeeper.set(keeper)
    try:
        yield keeper
    finally:
        timekeeper.reset(token)


def answer(
    status: int = 200, body: Any = b"", *headers: tuple[str, str], reason: str = "", url: str = ITEM
) -> Response:
    """
    Return a response; a body that is neither bytes nor text is written as JSON.
    """
    if not isinstance(body, bytes):
        body = (body if isinstance(body, str) else json.dumps(body)).encode()
    return Response(status, reason, headers, body, url)


def item_record(**changes: Any) -> dict[str, Any]:
    """
    Return a line item as a platform writes it; None leaves a field out.
    """
    record = {"id": ITEM, "label": "Quiz 1", "scoreMaximum": 10, "resourceId": "quiz-1", "tag": "grade"} | changes
    return {name: value for name, value in record.items() if value is not None}


@attrs.define
class PaperTime:
    """
    A clock that moves only when somebody sleeps.

    Attributes:
        now: Seconds since the test began.

        slept: Every wait, in order.
    """

    now: float = 0.0
    slept: list[float] = attrs.field(factory=list)

    async def sleep(self, seconds: float) -> None:
        """
        Move on at once.
        """
        self.slept.append(seconds)
        self.now += seconds

    def runtime(self) -> Runtime:
        """
        Return what a `Client` needs to live in this time; every draw is 0.5.
        """
        return Runtime(clock=lambda: self.now, wall=lambda: WALL + self.now, sleep=self.sleep, jitter=lambda: 0.5)


@attrs.define
class PaperPlatform:
    """
    A transport that answers from a script and keeps what it was sent.

    Attributes:
        script: What it answers to service requests, in order: a response, an error, or a function of the request. A
            request beyond its end fails the test.

        granted: Scopes of its tokens. None: those that were asked for.

        sent: The service requests, in order.

        token_requests: The token requests, in order. The nth is answered with the access token ``token-n``.
    """

    script: list[Answer] = attrs.field(factory=list)
    granted: Iterable[str] | None = None
    sent: list[Request] = attrs.field(factory=list)
    token_requests: list[Request] = attrs.field(factory=list)
    time: PaperTime = attrs.field(factory=PaperTime)

    async def send(self, request: Request) -> Response:
        """
        Keep the request and answer it, the way that is open.
        """
        return await carry(request, self.answer)

    async def answer(self, request: Request) -> Response:
        """
        Keep the request and answer it.
        """
        if request.url == TOKEN_URL:
            return self._grant(request)
        self.sent.append(request)
        if not self.script:
            raise AssertionError(f"nobody expected {request.method} {request.url}")
        said = self.script.pop(0)
        if isinstance(said, AGSError):
            raise said
        said = said(request) if callable(said) else said
        return attrs.evolve(said, url=request.url)

    def _grant(self, request: Request) -> Response:
        self.token_requests.append(request)
        grant: dict[str, Any] = {
            "access_token": f"token-{len(self.token_requests)}",
            "token_type": "Bearer",
            "expires_in": 3600,
        }
        if self.granted is not None:
            grant["scope"] = " ".join(self.granted)
        return answer(200, grant, url=request.url)

    async def aclose(self) -> None:
        """
        Do nothing: there is nothing to close.
        """

    def client(self, **settings: Any) -> Client:
        """
        Return a client that talks to this platform, in its time.
        """
        return Client(transport=self, **{"runtime": self.time.runtime(), "retry": RetryPolicy(), **settings})

    def gradebook(self, **fields: Any) -> Gradebook:
        """
        Return the gradebook of a client of its own; the fields are those of `endpoint`.
        """
        return self.client().gradebook(registration(), endpoint(**fields))


def header(request: Request, name: str) -> list[str]:
    """
    Return every value of a request's header, so that a test sees doubles.
    """
    return [value for key, value in request.headers if key.lower() == name.lower()]


def sent_json(request: Request) -> Any:
    """
    Return the JSON that a request carries.
    """
    assert request.body is not None
    return json.loads(request.body)
