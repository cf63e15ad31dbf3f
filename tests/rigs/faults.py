"""
Faults as data: what can go wrong with one HTTP request, and whether the platform took it all the same.

A fault sits between the tool and a platform in this process, so that "the effect was applied and the answer lost" is
exact and not a matter of timing. The same faults over real sockets are in `tests/emulated` and `tests/sockets`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from email.utils import formatdate

import attrs

from aioags import AGSError, LostAnswerError, UnreachableError
from aioags.emulator import Platform
from aioags.protocol.messages import Request, Response
from tests.rigs.carrying import carry, refuse
from tests.rigs.memory import MemoryTransport

Apply = Callable[[], Response]
Act = Callable[[Request, Apply, Platform], Response]


@attrs.frozen
class Fault:
    """
    One thing that can go wrong.

    Attributes:
        name: For the test's id.

        act: Answers in the platform's stead; calls the second argument to let the platform answer first. None: nobody
            is reached.
    """

    name: str
    act: Act | None

    def answer(self, request: Request, apply: Apply, platform: Platform) -> Response:
        """
        Act in this process.

        Raises:
            UnreachableError: Nobody is reached.
        """
        if self.act is None:
            raise UnreachableError("refused", transient=True)
        return self.act(request, apply, platform)


def _fail(error: AGSError) -> Response:
    raise error


def _lost(request: Request, apply: Apply, platform: Platform) -> Response:
    return _fail(LostAnswerError("reset", recorded=None, transient=True))


def _applied_and_lost(request: Request, apply: Apply, platform: Platform) -> Response:
    apply()
    return _lost(request, apply, platform)


def _status(status: int, body: bytes = b"", *headers: tuple[str, str], applied: bool = False) -> Act:
    def act(request: Request, apply: Apply, _: Platform) -> Response:
        if applied:
            apply()
        return Response(status, "", headers, body, request.url)

    return act


def _retry_after_date(request: Request, _: Apply, __: Platform) -> Response:
    headers = (("Date", formatdate(1000, usegmt=True)), ("Retry-After", formatdate(1007, usegmt=True)))
    return Response(429, "", headers, b"", request.url)


def _wrong_content_type(_: Request, apply: Apply, __: Platform) -> Response:
    answer = apply()
    kept = tuple(pair for pair in answer.headers if pair[0].lower() != "content-type")
    return attrs.evolve(answer, headers=(*kept, ("Content-Type", "text/html; charset=utf-8")))


def _redirect(target: str) -> Act:
    def act(request: Request, _: Apply, __: Platform) -> Response:
        return Response(307, "", (("Location", target or request.url),), b"", request.url)

    return act


def _revoked(_: Request, apply: Apply, platform: Platform) -> Response:
    platform.tokens.revoke()
    return apply()


def _skewed(_: Request, apply: Apply, platform: Platform) -> Response:
    platform.site.skew = 20.0
    try:
        return apply()
    finally:
        platform.site.skew = 0.0


_HTML = b"<!DOCTYPE html><html><title>Sign in</title></html>"

FAULTS = [
    Fault("refused", None),
    Fault("reset-before-send", None),
    Fault("reset-after-send", _lost),
    Fault("reset-after-effect", _applied_and_lost),
    Fault("half-answer", _applied_and_lost),
    Fault("time-out", _lost),
    Fault("time-out-after-effect", _applied_and_lost),
    Fault("408", _status(408)),
    Fault("425", _status(425)),
    Fault("429", _status(429)),
    Fault("429-retry-after", _status(429, b"", ("Retry-After", "7"))),
    Fault("429-retry-after-date", _retry_after_date),
    Fault("429-reset", _status(429, b"", ("X-Rate-Limit-Reset", "5"), ("X-Rate-Limit-Remaining", "0"))),
    Fault("canvas-403", _status(403, b"403 Forbidden (Rate Limit Exceeded)", ("X-Rate-Limit-Remaining", "0.0"))),
    Fault("500", _status(500)),
    Fault("500-after-effect", _status(500, applied=True)),
    Fault("502", _status(502, _HTML)),
    Fault("502-after-effect", _status(502, _HTML, applied=True)),
    Fault("503-retry-after", _status(503, _HTML, ("Retry-After", "3"))),
    Fault("200-empty-list", _status(200, b"[]")),
    Fault("html-page", _status(200, _HTML)),
    Fault("html-page-after-effect", _status(200, _HTML, applied=True)),
    Fault("garbage-json", _status(200, b'{"id": "htt')),
    Fault("garbage-json-after-effect", _status(200, b'{"id": "htt', applied=True)),
    Fault("wrong-content-type", _wrong_content_type),
    Fault("redirect-same-origin", _redirect("")),
    Fault("redirect-other-origin", _redirect("https://elsewhere.example/scores")),
    Fault("expired-token", _revoked),
    Fault("revoked-token-403", _status(403)),
    Fault("clock-skew", _skewed),
]
"""Every fault of one request. A partial grant is a state of the platform and has tests of its own."""


@attrs.define
class FaultyTransport(MemoryTransport):
    """
    Carries requests to a platform, badly.

    Attributes:
        choose: Which fault befalls a request; None: none.

        befallen: How many requests were.
    """

    choose: Callable[[Request], Fault | None] = lambda _: None
    befallen: int = 0

    async def send(self, request: Request) -> Response:
        """
        Let the platform answer, or the fault.
        """
        await asyncio.sleep(0)
        fault = self.choose(request)
        if fault is None:
            return await super().send(request)
        self.befallen += 1
        if (act := fault.act) is None:
            return await refuse(request)

        async def answer(request: Request) -> Response:
            return act(request, lambda: self._answer(request), self.platform)

        return await carry(request, answer)

    def _answer(self, request: Request) -> Response:
        answer = self.platform.answer(request)
        return Response(answer.status, answer.phrase, answer.headers, answer.body, request.url)
