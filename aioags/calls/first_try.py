"""
The first try of a score, where nothing stands in its way.

Most scores find their platform as it should be: a place is free, a token is at hand, and the answer is a yes. Most of
what a call may need is never asked for then: an operation, a trial, a verdict. So the first try of a score goes here.
What is not as it should be goes on in `Engine.perform`: before it was sent as if nothing had been, after it with what
came. The gate, its pacer and breaker, and who listens learn of it what they learn there; no rule is of its own here
(docs/adr/0136).
"""

from __future__ import annotations

from asyncio import _get_running_loop
from collections.abc import Callable, Hashable
from functools import partial
from typing import Any, TypeAlias

from aioags.calls.credential import Credential
from aioags.calls.gates import Admission, Gate
from aioags.calls.home import Home
from aioags.calls.listening import Listening
from aioags.calls.log import DEBUG, logger
from aioags.calls.tokens import Authorization
from aioags.calls.transport import Transport
from aioags.errors import AGSError
from aioags.model.value import value
from aioags.protocol.acknowledgment import RejectionError, acknowledgment
from aioags.protocol.messages import Request, Response
from aioags.protocol.signals import REMAINING, read_signal
from aioags.wire.scalars import NotReadableError

# The gate, what a call to there is about, and account and name of the credential.
_Known: TypeAlias = tuple[Gate, str, Hashable, str]
_MOST_KNOWN = 1024
# A body that may be no yes: whoever judges reads it again.
_DOUBTFUL: Any = object()


@value
class Came:
    """
    What came of a try, and is to be judged.

    Attributes:
        gate: Of the platform.

        place: Not given back yet.

        authorization: What it was sent with. None: nothing.

        answer: The response, or the transport's error.

        seconds: From its sending on.
    """

    gate: Gate
    place: Admission
    authorization: Authorization | None
    answer: Response | AGSError
    seconds: float


@value
class Yes:
    """
    A platform's yes.

    Attributes:
        date: Its ``Date`` header. None: it has none.

        said: The JSON object beside it. None: it said no more.

        tell: Tells who listens; called once it is remembered what was said. None: nobody listens.
    """

    date: str | None
    said: dict[str, Any] | None
    tell: Callable[[], None] | None = None


class FirstTry:
    """
    Makes first tries for one `Engine`.

    Attributes:
        is_closed: Its engine is.
    """

    __slots__ = ("_clock", "_gate", "_home", "_known", "_told", "_transport", "is_closed")

    def __init__(
        self,
        transport: Transport,
        *,
        clock: Callable[[], float],
        home: Home,
        told: Listening,
        gate: Callable[[str, Credential], Gate],
    ) -> None:
        self.is_closed = False
        self._transport = transport
        self._clock = clock
        self._home = home
        self._told = told
        self._gate = gate
        # By URL, of the credential that asked last.
        self._known: dict[str, _Known] = {}

    async def send(
        self, name: str, request: Request, credential: Credential, authorization: Authorization
    ) -> Yes | Came | Gate | None:
        """
        Send a request once.

        Args:
            name: Of the operation, for events.

            request: What answers it is a 2xx without a defined body.

            authorization: What was held by the credential, and is in it.

        Returns:
            A gate: there is no place now, and nothing was sent. None: nothing was sent.
        """
        if self._home.loop is not _get_running_loop() or self.is_closed:
            return None
        url = request.url
        known, begun = self._known.get(url), self._clock()
        if known is None or known[0].is_forgotten or known[2] != credential.account or known[3] != credential.name:
            known = self._look_up(url, credential)
        gate, subject, _, _ = known
        if not gate.starts(begun):
            return gate
        recoveries, said, date, limits = gate.breaker.recoveries, _DOUBTFUL, None, None
        answer: Response | AGSError
        try:
            answer = await self._transport.send(request)
            # Not by .ok: this is done for every score.
            if isinstance(answer, Response) and 200 <= answer.status < 300:
                header, said = answer.by_name, _said(answer) if answer.body else None
                date, limits = header("Date"), header(REMAINING)
        except AGSError as error:
            answer = error
        except BaseException:
            gate.abandon(Admission(begun, False, recoveries, None, subject))
            raise
        now = self._clock()
        if said is _DOUBTFUL or isinstance(answer, AGSError) or gate.breaker.is_open:
            return Came(gate, Admission(begun, False, recoveries, None, subject), authorization, answer, now - begun)
        seconds, window, tell = now - begun, gate.pacer.window, None
        if answer.late:
            seconds = max(0.0, seconds - answer.late)
        if limits is None:
            gate.answered(now, seconds, begun, subject)
        else:
            signal = read_signal(answer, seconds, throttled=False, hold=None)
            gate.leave(Admission(begun, False, recoveries, None, subject), signal)
        if self._told.listener is not None or logger.isEnabledFor(DEBUG):
            # Nothing in it knows the token, whatever a listener does.
            said_what = (name, request.method, url, answer.status, seconds, credential.name, gate, window)
            tell = partial(self._told.said_yes, *said_what)
        return Yes(date, said, tell)

    def _look_up(self, url: str, credential: Credential) -> _Known:
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        gate, subject = self._gate(url, credential), url.partition("?")[0]
        known = self._known[url] = gate, subject, credential.account, credential.name
        return known


def _said(answer: Response) -> Any:
    try:
        return acknowledgment(answer)
    except (RejectionError, NotReadableError):
        return _DOUBTFUL
