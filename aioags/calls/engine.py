"""
Then do: the one loop that awaits the network.

Everything it decides is decided elsewhere: the operation says what to send and how to read the answer, the trial what
follows from it, the gate when to send. Here they are only put in order.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from asyncio import _get_running_loop
from collections.abc import Awaitable, Callable, Hashable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar

import attrs

from aioags.calls.credential import Credential
from aioags.calls.frames import forget_locals
from aioags.calls.gates import Admission, Gate
from aioags.calls.home import Home
from aioags.calls.platforms import MOST_PLATFORMS, Platforms, with_account
from aioags.calls.steady import SteadyWall
from aioags.calls.tokens import Authorization
from aioags.calls.transport import AiohttpTransport, Transport
from aioags.errors import AGSError, RefusedError, shown_url
from aioags.model.event import Event
from aioags.model.policy import Pace, RetryPolicy
from aioags.model.traffic import Traffic
from aioags.protocol.breaker import is_outage
from aioags.protocol.dialect import Operation, Page
from aioags.protocol.grants import TOKEN
from aioags.protocol.messages import Request, Response
from aioags.protocol.pace import START
from aioags.protocol.refusals import is_throttled, refusal
from aioags.protocol.signals import Signal, read_signal
from aioags.protocol.trial import Trial
from aioags.protocol.urls import origin
from aioags.protocol.verdicts import Again, Done, Follow, GiveUp, Look, Renew, Verdict

T = TypeVar("T")

_logger = logging.getLogger("aioags")

_SHORTEST = 1e-3
# Token requests to one host at once, until it showed what it takes. Canvas charges a third of what it allows for each,
# to everybody behind one address: four registrations at once would be too many, and what its answers say is known late.
_FIRST_TOKENS = 1
# Who may try only once or twice meets a lost answer every day: that tells nothing of the platform.
_FEWEST_TRIES = 3


ReadPage = Callable[[Trial[Page[Any]]], Awaitable[Page[Any]]]
"""Reads a page that a `Look` asks for, tried as the trial allows."""


@attrs.frozen
class Runtime:
    """
    Time and chance, as parameters: tests give their own.

    Attributes:
        clock: Seconds that never step back.

        wall: Unix time, seconds.

        sleep: Waits for so many seconds.

        jitter: Draws evenly from 0 to 1.
    """

    clock: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    jitter: Callable[[], float] = random.random


class Engine:
    """
    Performs operations: for one `Client`, over one transport.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        retry: RetryPolicy,
        pace: Pace,
        runtime: Runtime,
        most_platforms: int = MOST_PLATFORMS,
        on_event: Callable[[Event], None] | None = None,
    ) -> None:
        self._transport = transport
        self._pace = pace
        self._on_event = on_event
        # Two for each: what is asked with a token, and what for one.
        self._platforms = Platforms(2 * most_platforms, self._new_gate, clock=runtime.clock)
        self._closed = False
        self._home = Home()
        self.retry = retry
        self.runtime = runtime
        # For what one odd reading must not decide.
        self.wall = SteadyWall(runtime.wall, runtime.clock)

    @property
    def ceiling(self) -> int:
        """
        Most requests that one platform may have in flight.
        """
        return self._pace.ceiling

    async def perform(
        self,
        operation: Operation[T],
        credential: Credential | None = None,
        *,
        trial: Trial[T] | None = None,
        read: ReadPage | None = None,
    ) -> T:
        """
        Do one call: send, judge, and repeat as the trial says.

        Args:
            credential: None: the operation carries its own, as a token request does.

            trial: Watched by a caller that wants to know how often it was sent. None: a new one.

            read: Reads the pages of its search, where several calls can share them. None: each reads its own.

        Raises:
            AGSError: The trial gave up.

            RuntimeError: The client was closed, or lives in another event loop.
        """
        if self._closed:
            # Not left to the gates: a platform that was never asked has none yet.
            raise RuntimeError("the Client is closed")
        if self._home.loop is not _get_running_loop():
            self.check_loop()
        trial = trial or Trial(operation, self.retry)
        gate = self._gate(operation, credential)
        asked = self.runtime.clock()
        redirected: str | None = None
        try:
            while True:
                verdict = await self._try(trial, credential, gate, redirected, asked)
                while isinstance(verdict, Look):
                    verdict = await self._look(trial, verdict, read or partial(self._page, credential))
                if isinstance(verdict, Done):
                    return verdict.value
                if isinstance(verdict, GiveUp):
                    raise verdict.error
                if isinstance(verdict, Follow):
                    redirected = verdict.url
                elif isinstance(verdict, Again):
                    await self._back_off(gate, verdict.after)
                    # Idle so long, it may have been forgotten.
                    gate = self._gate(operation, credential)
        except BaseException as error:
            forget_locals(error)
            # It knows the latest answer, which may be that to a token request.
            del trial
            raise

    async def _back_off(self, gate: Gate, seconds: float) -> None:
        gate.backing_off += 1
        try:
            await self.runtime.sleep(seconds)
        finally:
            gate.backing_off -= 1

    def check_loop(self) -> None:
        """
        Take the running event loop for the one that this engine lives in, at the first call.

        Raises:
            RuntimeError: It lives in another one, or this process was forked since.
        """
        if self._home.loop is None and isinstance(self._transport, AiohttpTransport):
            self._transport.check_loop()
        self._home.enter()

    async def _page(self, credential: Credential | None, trial: Trial[Page[Any]]) -> Page[Any]:
        return await self.perform(trial.operation, credential, trial=trial)

    async def _look(self, trial: Trial[T], look: Look, read: ReadPage) -> Verdict[T]:
        # A look has the rest of the call's own time, and one try at the least.
        policy = attrs.evolve(self.retry, total_time=max(trial.time_left(self.runtime.clock()), _SHORTEST))
        found: Page[Any] | AGSError
        try:
            found = await read(Trial(look.operation, policy, waits=trial.waits))
        except AGSError as error:
            found = error
        return trial.looked(found, now=self.runtime.clock(), jitter=self.runtime.jitter())

    def _new_gate(self, key: tuple[str, str]) -> Gate:
        start = _FIRST_TOKENS if key[1] == TOKEN else START
        return Gate(self._pace, clock=self.runtime.clock, sleep=self.runtime.sleep, start=start)

    def _gate(self, operation: Operation[Any], credential: Credential | None) -> Gate:
        # A token is fetched while its first user holds a place: in the same line it would wait for itself.
        key = (origin(operation.request.url), operation.name if credential is None else f" {credential.name}")
        gate = self._platforms.gate(key)
        if credential is not None and credential.account not in gate.accounts:
            gate.accounts = with_account(gate.accounts, credential.account)
        return gate

    async def _try(
        self, trial: Trial[T], credential: Credential | None, gate: Gate, redirected: str | None, asked: float
    ) -> Verdict[T]:
        operation = trial.operation
        subject = trial.subject or operation.request.url.partition("?")[0]
        place = gate.enter_now(subject)
        waited = place is None
        if place is None:
            try:
                patience = trial.time_left(self.runtime.clock())
                place = await gate.enter(
                    patience, subject, waits=trial.waits, since=asked, total=trial.policy.total_time
                )
            except AGSError as error:
                trial.waited_for = type(error).__name__
                return trial.give_up(error)
        trial.entered(place.begun, place.recoveries, place.waited_for)
        sent = place.begun
        authorization = None if credential is None else credential.held(operation.scopes)
        try:
            if authorization is None and credential is not None:
                authorization, waited = await credential.authorize(operation.scopes, since=asked), True
            if waited:
                sent = self.runtime.clock()
                if gate.pacer.silent_for(sent):
                    # Asked for while we waited for a place or a token. Back into the line, as if nothing had been.
                    gate.abandon(place)
                    return Renew()
            request = _complete(operation, authorization, redirected)
            trial.sent += 1
            try:
                answer: Response | AGSError = await self._transport.send(request)
            except AGSError as error:
                answer = error
        except AGSError as error:
            # Without a token nothing left. Where the token endpoint is away the call waits as for the platform itself.
            if not is_outage(error):
                gate.abandon(place)
                return trial.give_up(error)
            error.recorded = False
            answer = error
        except BaseException:
            gate.abandon(place)
            raise
        seconds = self.runtime.clock() - sent
        if isinstance(answer, Response):
            seconds = max(0.0, seconds - answer.late)
        if isinstance(answer, Response) and answer.ok:
            gate.leave(place, read_signal(answer, seconds, throttled=False, hold=None))
        else:
            if authorization is not None and isinstance(answer, Response):
                answer = _without_token(answer, authorization)
            self._release(gate, trial, answer, place, seconds)
        return self._judge(trial, answer, credential, authorization, seconds, gate, place)

    def _release(
        self, gate: Gate, trial: Trial[Any], answer: Response | AGSError, place: Admission, seconds: float
    ) -> None:
        if isinstance(answer, AGSError):
            outage = answer if is_outage(answer) else None
            gate.leave(place, Signal(seconds, lost=True), outage=outage, tries=_spent(trial))
        elif is_throttled(answer):
            error = refusal(trial.operation, answer, wall=self.runtime.wall())
            gate.leave(place, read_signal(answer, seconds, throttled=True, hold=error.retry_after), error)
        elif is_outage(answer):
            # Quick failures say nothing about what the platform carries.
            error = refusal(trial.operation, answer, wall=self.runtime.wall())
            gate.leave(place, Signal(seconds, lost=True), outage=error, tries=_spent(trial))
        else:
            gate.leave(place, read_signal(answer, seconds, throttled=False, hold=None))

    def _judge(
        self,
        trial: Trial[T],
        answer: Response | AGSError,
        credential: Credential | None,
        authorization: Authorization | None,
        seconds: float,
        gate: Gate,
        place: Admission,
    ) -> Verdict[T]:
        verdict = trial.judge(
            answer,
            now=self.runtime.clock(),
            wall=self.runtime.wall(),
            jitter=self.runtime.jitter(),
            cached=authorization is not None and authorization.cached,
            renewable=not isinstance(answer, AGSError)
            and answer.status >= 400
            and credential is not None
            and authorization is not None
            and credential.suspects(authorization, answer.status),
            # The call that opens the breaker with its last attempt goes on as a probe would.
            probe=place.probe or (gate.breaker.is_open and _spent(trial) > 0),
        )
        if credential is not None and authorization is not None:
            if isinstance(verdict, Renew):
                credential.discard(authorization)
            # One that served others since may have been forgotten as well.
            elif trial.renewed and not authorization.cached and isinstance(verdict, GiveUp):
                _acquit(credential, authorization, verdict.error)
        if self._on_event is not None:
            self._tell(trial, answer, verdict, seconds, away=gate.breaker.is_open)
        return verdict

    def _tell(
        self,
        trial: Trial[Any],
        answer: Response | AGSError,
        verdict: Verdict[Any],
        seconds: float,
        *,
        away: bool,
    ) -> None:
        request = trial.operation.request
        error = verdict.error if isinstance(verdict, (Again, GiveUp)) else None
        if isinstance(verdict, Look):
            error = trial.doubt
        event = Event(
            operation=trial.operation.name,
            method=request.method,
            url=shown_url(request.url),
            attempt=trial.sent,
            status=None if isinstance(answer, AGSError) else answer.status,
            seconds=seconds,
            error=None if error is None else type(error).__name__,
            wait=verdict.after if isinstance(verdict, Again) else None,
            away=away,
        )
        self.tell(event)

    def tell(self, event: Event) -> None:
        """
        Tell who listens, if anybody does.
        """
        if self._on_event is None:
            return
        try:
            self._on_event(event)
        except Exception:
            # Not narrower: a broken listener must not cost a grade, however it breaks.
            _logger.exception("on_event failed")

    def traffic(self, tokens: Mapping[Hashable, float]) -> list[Traffic]:
        """
        Say how it stands with each platform that is remembered.

        Args:
            tokens: When the token of each credential's account ends, on this engine's clock.
        """
        now = self.runtime.clock()
        return [self._traffic(key, gate, tokens, now) for key, gate in self._platforms.items()]

    def _traffic(self, key: tuple[str, str], gate: Gate, tokens: Mapping[Hashable, float], now: float) -> Traffic:
        origin_, name = key
        held = gate.closed_for(now)
        # Not by name: two platforms may have given the same client id.
        ends = max((tokens[account] for account in gate.accounts if account in tokens), default=None)
        return Traffic(
            origin_,
            name.strip(),
            window=gate.pacer.window,
            in_flight=gate.pacer.in_flight,
            waiting=gate.waiting,
            closed_until=self._moment(held) if held or gate.breaker.is_open else None,
            why=gate.why if held or gate.breaker.is_open else None,
            token_until=None if ends is None else self._moment(ends - now),
        )

    def _moment(self, seconds: float) -> datetime:
        return datetime.fromtimestamp(self.runtime.wall() + seconds, UTC)

    @property
    def lives_here(self) -> bool:
        """
        True when nothing was asked yet, or this is its event loop.
        """
        return self._home.loop is None or self._home.loop is _get_running_loop()

    async def aclose(self) -> None:
        """
        Stop what waits, and close what the transport opened.

        After a fork nothing is closed: it is the other process's. Where the loop is closed nothing waits any more.

        Raises:
            RuntimeError: The engine lives in another event loop, which runs on.
        """
        self._closed = True
        if self._home.is_inherited:
            return
        if not self._home.is_over:
            self.check_loop()
            for _, gate in self._platforms.items():
                await gate.aclose()
        await self._transport.aclose()


def _spent(trial: Trial[Any]) -> int:
    tries = trial.tries + 1
    return tries if tries >= max(trial.policy.attempts, _FEWEST_TRIES) else 0


def _acquit(credential: Credential, authorization: Authorization, error: AGSError) -> None:
    if isinstance(error, RefusedError):
        credential.acquit(authorization, error.status)


def _complete(operation: Operation[Any], authorization: Authorization | None, redirected: str | None) -> Request:
    request = operation.request if operation.fresh is None else operation.fresh()
    if authorization is not None:
        # Not by attrs.evolve: this is done for every score.
        headers = (*request.headers, ("Authorization", authorization.header))
        request = Request(request.method, request.url, headers, request.body, request.most_bytes)
    return request if redirected is None else attrs.evolve(request, url=redirected)


def _without_token(answer: Response, authorization: Authorization) -> Response:
    """
    Return a refusal in which the token does not occur: some platforms echo it.
    """
    token = authorization.header.rpartition(" ")[2]
    if token.encode() not in answer.body and token not in answer.reason:
        return answer
    body = answer.body.replace(token.encode(), b"[redacted]")
    return attrs.evolve(answer, body=body, reason=answer.reason.replace(token, "[redacted]"))
