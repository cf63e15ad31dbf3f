"""
Who is told what happens: the listener of a client, and the log. What nobody wants to hear is not made.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from aioags.calls.credential import Credential
from aioags.calls.gates import Gate
from aioags.calls.log import ERROR, log, log_event, logger
from aioags.errors import AGSError, shown_url
from aioags.model.event import BreakerEvent, Event, RepeatEvent, RequestEvent, ThrottleEvent, WindowEvent
from aioags.protocol.messages import Response
from aioags.protocol.refusals import is_throttled
from aioags.protocol.trial import Trial
from aioags.protocol.urls import origin
from aioags.protocol.verdicts import Again, GiveUp, Look, Renew, Verdict

Listener = Callable[[Event], None]

# Every score asks again for the same few URLs.
shown = lru_cache(maxsize=1024)(shown_url)


@lru_cache(maxsize=1024)
def place(url: str) -> str:
    """
    Return the origin of what a caller named, who may have named anything; empty where there is none.
    """
    try:
        return origin(url)
    except ValueError:
        return ""


class Listening:
    """
    A listener, and the log.

    Attributes:
        listener: None: nobody listens.
    """

    def __init__(self, listener: Listener | None) -> None:
        self.listener = listener

    def wants(self, level: int) -> bool:
        """
        True when anybody would hear an event of this level.
        """
        return self.listener is not None or logger.isEnabledFor(level)

    def tell(self, event: Event) -> None:
        """
        Log an event, and tell the listener. That one may raise, and costs no grade by it.
        """
        if event.loudest and logger.isEnabledFor(event.loudest):
            log_event(event)
        if self.listener is None:
            return
        try:
            self.listener(event)
        except Exception:  # noqa: BLE001 - a broken listener must not cost a grade, however it breaks
            log(ERROR, "on_event failed", trace=True)

    def answered(
        self,
        trial: Trial[Any],
        answer: Response | AGSError,
        verdict: Verdict[Any],
        seconds: float,
        credential: Credential | None,
        gate: Gate,
        now: float,
        window: int,
        opened_at: float | None,
    ) -> None:
        """
        Tell of one request, and of what its answer changed.

        Args:
            seconds: How long it took.

            now: On the gate's clock.

            window, opened_at: The pacer's and the breaker's, before. A window of 0: not known.
        """
        operation = trial.operation
        where, status = origin(operation.request.url), None if isinstance(answer, AGSError) else answer.status
        name = operation.name if credential is None else credential.name
        failure = verdict.error if isinstance(verdict, (Again, GiveUp)) else None
        if isinstance(verdict, Look):
            failure = trial.doubt
        error = None if failure is None else type(failure).__name__
        wait = verdict.after if isinstance(verdict, Again) else None
        away, url = gate.breaker.is_open, shown(operation.request.url)
        method = operation.request.method
        self.tell(
            RequestEvent(operation.name, method, url, trial.sent, status, seconds, error, wait, away, where, name)
        )
        if isinstance(verdict, (Again, Renew)):
            self.tell(RepeatEvent(operation.name, where, name, trial.sent + 1, wait or 0.0, error))
        if isinstance(answer, Response) and answer.status >= 400 and is_throttled(answer):
            hold = gate.pacer.silent_for(now)
            self.tell(ThrottleEvent(operation.name, where, name, answer.status, hold, gate.pacer.window))
        self._tell_window(where, name, gate, window)
        if away and opened_at is None:
            self.tell(BreakerEvent(where, name, True, gate.why, 0.0))
        elif opened_at is not None and not away:
            self.tell(BreakerEvent(where, name, False, None, now - opened_at))

    def said_yes(
        self,
        operation: str,
        method: str,
        url: str,
        status: int,
        seconds: float,
        credential: str,
        gate: Gate,
        window: int,
    ) -> None:
        """
        Tell of a first try that was answered with a yes, as `answered` does.

        Args:
            credential: Its name.
        """
        where = origin(url)
        self.tell(RequestEvent(operation, method, shown(url), 1, status, seconds, None, None, False, where, credential))
        self._tell_window(where, credential, gate, window)

    def _tell_window(self, where: str, name: str, gate: Gate, window: int) -> None:
        if window and window != (wide := gate.pacer.window):
            self.tell(WindowEvent(where, name, window, wide, gate.pacer.in_flight))
