"""
Then do: the one loop that awaits the network.

Everything it decides is decided elsewhere: the operation says what to send and how to read the answer, the trial what
follows from it, the gate when to send. Here they are only put in order.
"""

from __future__ import annotations

import asyncio
import random
import time
from asyncio import _get_running_loop
from collections.abc import Awaitable, Callable, Hashable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar

import attrs

from aioags.calls.credential import Credential
from aioags.calls.first_try import Came, FirstTry
from aioags.calls.frames import forget_locals
from aioags.calls.gates import Admission, Gate
from aioags.calls.home import Home
from aioags.calls.listening import Listener, Listening
from aioags.calls.log import DEBUG, logger
from aioags.calls.long_answers import LongAnswers
from aioags.calls.platforms import MOST_PLATFORMS, Platforms, with_account
from aioags.calls.requesting import completed, public_side, without_token
from aioags.calls.steady import SteadyWall
from aioags.calls.tokens import Authorization
from aioags.calls.transport import AiohttpTransport, Transport
from aioags.errors import AGSError, RefusedError, ThrottledError
from aioags.model.event import Event
from aioags.model.policy import Pace, RetryPolicy
from aioags.model.traffic import Traffic
from aioags.protocol.breaker import is_outage
from aioags.protocol.dialect import Operation, Page
from aioags.protocol.grants import TOKEN
from aioags.protocol.messages import Response
from aioags.protocol.pace_figures import START
from aioags.protocol.refusals import is_throttled, refusal
from aioags.protocol.signals import Signal, read_signal
from aioags.protocol.trial import Trial
from aioags.protocol.urls import origin
from aioags.protocol.verdicts import Again, Done, Follow, GiveUp, Look, Renew, Verdict
from aioags.wire.batches import LONG

T = TypeVar("T")

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

    Attributes:
        told: Who is told what happens.

        first_try: Makes first tries of scores.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        retry: RetryPolicy,
        pace: Pace,
        runtime: Runtime,
        most_platforms: int = MOST_PLATFORMS,
        on_event: Listener | None = None,
    ) -> None:
        self._transport = transport
        self._pace = pace
        self.told = Listening(on_event)
        # Two for each: what is asked with a token, and what for one.
        self._platforms = Platforms(2 * most_platforms, self._new_gate, clock=runtime.clock)
        self._closed = False
        self._home = Home()
        self.first_try = FirstTry(transport, clock=runtime.clock, home=self._home, told=self.told, gate=self._gate)
        self._long_answers = LongAnswers()
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
        came: Came | None = None,
    ) -> T:
        """
        Do one call: send, judge, and repeat as the trial says.

        Args:
            credential: None: the operation carries its own, as a token request does.

            trial: Watched by a caller that wants to know how often it was sent. None: a new one.

            read: Reads the pages of its search, where several calls can share them. None: each reads its own.

            came: What came of its first try. None: there was none yet.

        Raises:
            AGSError: The trial gave up.

            RuntimeError: The client was closed, or lives in another event loop.
        """
        if self._closed and came is None:
            # Not left to the gates: a platform that was never asked has none yet.
            raise RuntimeError("the Client is closed")
        if self._home.loop is not _get_running_loop():
            self.check_loop()
        trial = trial or Trial(operation, self.retry)
        gate = self._gate(operation.request.url, credential, operation.name) if came is None else came.gate
        asked = self.runtime.clock() if came is None else came.place.begun
        redirected: str | None = None
        try:
            while True:
                if came is None:
                    verdict = await self._try(trial, credential, gate, redirected, asked)
                else:
                    trial.entered(came.place.begun, came.place.recoveries, None)
                    trial.sent += 1
                    verdict, came = await self._conclude(trial, credential, came), None
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
                    gate = self._gate(operation.request.url, credential, operation.name)
        except BaseException as error:
            forget_locals(error)
            # They know the latest answer, which may be that to a token request.
            del trial, came
            raise

    async def fetch(self, trial: Trial[T], event: Callable[[str, float, T | None, str | None], Event]) -> T:
        """
        Do one call, and tell of it as a whole, as is done for tokens and keys.

        Args:
            event: Makes the event, of the origin, the seconds, and what came or the class name of the error.
        """
        begun, where = self.runtime.clock(), origin(trial.operation.request.url)
        try:
            value = await self.perform(trial.operation, trial=trial)
        except AGSError as error:
            if self.told.wants(DEBUG):
                self.told.tell(event(where, self.runtime.clock() - begun, None, type(error).__name__))
            raise
        if self.told.wants(DEBUG):
            self.told.tell(event(where, self.runtime.clock() - begun, value, None))
        return value

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

    def _gate(self, url: str, credential: Credential | None, name: str = "") -> Gate:
        # A token is fetched while its first user holds a place: in the same line it would wait for itself.
        gate = self._platforms.gate((origin(url), name if credential is None else f" {credential.name}"))
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
            entered = await self._enter(trial, gate, subject, asked)
            if not isinstance(entered, Admission):
                return entered
            place = entered
        trial.entered(place.begun, place.recoveries, place.waited_for, gate.breaker.well_beside)
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
            request = completed(operation, authorization, redirected)
            trial.sent += 1
            try:
                transport = self._transport if not operation.public_only else public_side(self._transport)
                answer: Response | AGSError = await transport.send(request)
            except AGSError as error:
                answer = error
        except AGSError as error:
            # Without a token nothing left. Where the token endpoint is away the call waits as for the platform itself.
            if not is_outage(error):
                gate.abandon(place)
                return trial.give_up(error)
            error.recorded = False
            trial.waited_for = trial.waited_for or type(error).__name__
            answer = error
        except BaseException:
            gate.abandon(place)
            raise
        seconds = self.runtime.clock() - sent
        return await self._conclude(trial, credential, Came(gate, place, authorization, answer, seconds))

    async def _conclude(self, trial: Trial[T], credential: Credential | None, came: Came) -> Verdict[T]:
        gate, place, authorization, answer = came.gate, came.place, came.authorization, came.answer
        seconds = max(0.0, came.seconds - answer.late) if isinstance(answer, Response) else came.seconds
        listens = self.told.listener is not None or logger.isEnabledFor(DEBUG)
        window, opened_at = gate.pacer.window if listens else 0, gate.breaker.opened_at
        if isinstance(answer, Response) and answer.ok:
            if len(answer.body) > LONG:
                await self._read_long(trial, answer, gate, place)
            gate.leave(place, read_signal(answer, seconds, throttled=False, hold=None))
        else:
            answer = self._release(gate, trial, answer, authorization, place, seconds)
        verdict = self._judge(trial, answer, credential, authorization, gate, place)
        # A breaker is told of whether or not anybody listens: its opening is a warning.
        if listens or gate.breaker.is_open is (opened_at is None):
            now = self.runtime.clock()
            self.told.answered(trial, answer, verdict, seconds, credential, gate, now, window, opened_at)
        return verdict

    async def _enter(self, trial: Trial[T], gate: Gate, subject: str, asked: float) -> Admission | Verdict[T]:
        try:
            patience = trial.time_left(self.runtime.clock())
            return await gate.enter(patience, subject, waits=trial.waits, since=asked, total=trial.policy.total_time)
        except AGSError as error:
            if not isinstance(error, ThrottledError):
                trial.waited_for = type(error).__name__
            return trial.give_up(error)

    async def _read_long(self, trial: Trial[T], answer: Response, gate: Gate, place: Admission) -> None:
        # The place is kept: what is not read yet is held in memory.
        try:
            trial.read = await self._long_answers.read(trial.operation.read, answer, gate)
        except BaseException:
            gate.abandon(place)
            raise

    def _release(
        self,
        gate: Gate,
        trial: Trial[Any],
        answer: Response | AGSError,
        authorization: Authorization | None,
        place: Admission,
        seconds: float,
    ) -> Response | AGSError:
        if authorization is not None and isinstance(answer, Response):
            answer = without_token(answer, authorization)
        if is_outage(answer):
            error = answer if isinstance(answer, AGSError) else self._refusal(trial, answer)
            trial.stumbled(self.runtime.clock(), gate.breaker.well_beside, place.begun)
            # Quick failures say nothing about what the platform carries.
            gate.leave(place, Signal(seconds, lost=True), outage=error, tries=_spent(trial), own=trial.own)
            return answer
        trial.steadied()
        if isinstance(answer, AGSError):
            gate.leave(place, Signal(seconds, lost=True))
        elif is_throttled(answer):
            error = self._refusal(trial, answer)
            gate.leave(place, read_signal(answer, seconds, throttled=True, hold=error.retry_after), error)
        else:
            gate.leave(place, read_signal(answer, seconds, throttled=False, hold=None))
        return answer

    def _refusal(self, trial: Trial[Any], answer: Response) -> AGSError:
        return refusal(trial.operation, answer, wall=self.runtime.wall())

    def _judge(
        self,
        trial: Trial[T],
        answer: Response | AGSError,
        credential: Credential | None,
        authorization: Authorization | None,
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
            elif not authorization.cached and isinstance(verdict, GiveUp):
                _acquit(credential, authorization, verdict.error, trial.renewed)
        return verdict

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
        self._closed = self.first_try.is_closed = True
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


def _acquit(credential: Credential, authorization: Authorization, error: AGSError, renewed: int) -> None:
    # One that served others since may have been forgotten as well; so may this one, where only the status is new.
    if isinstance(error, RefusedError) and error.status == renewed:
        credential.acquit(authorization, renewed)
