"""
What an outbox says of its scores: to the log, without whose they are, and to hooks.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable, Sequence

import attrs

from aioags.errors import SupersededError
from aioags.model.delivery import Delivery
from aioags.outbox.model import Entry, State, StoredScore
from aioags.outbox.verdict import Verdict

Hook = Callable[[str, Delivery], Awaitable[None] | None]
"""Called with the registration id and what became of a score; may be asynchronous."""

_logger = logging.getLogger("aioags.outbox")


@attrs.frozen
class Teller:
    """
    The hooks of an outbox; None: nobody listens.
    """

    recorded: Hook | None
    refused: Hook | None
    unknown: Hook | None
    deferred: Hook | None
    dropped_hook: Hook | None

    async def settled(self, row: StoredScore, verdict: Verdict, delivery: Delivery) -> None:
        """
        Say what became of an attempt with a row, as it was taken.
        """
        state, is_news = verdict.outcome.state, verdict.outcome.deferrals > row.deferrals == 0
        if state is State.DEAD:
            what = "is unknown and was given up" if verdict.is_unknown else "was given up"
            self._log(row, f"{what}: {verdict.outcome.error}")
        elif state is State.DEFERRED and is_news:
            self._log(row, f"is deferred: {verdict.outcome.error}")
        hook = self._hook(verdict, is_news)
        await _call(hook, row.registration_id, attrs.evolve(delivery, score=row.score, error=verdict.error))

    def _log(self, row: StoredScore, what: str) -> None:
        _logger.warning("outbox: a score for %s, %s %s", row.registration_id, row.line_item, what)

    def _hook(self, verdict: Verdict, is_news: bool) -> Hook | None:
        state = verdict.outcome.state
        if state is State.SENT:
            return self.recorded
        if state is State.DEFERRED:
            return self.deferred if is_news else None
        if verdict.is_unknown:
            return self.unknown
        return self.refused if state is State.DEAD else None

    async def dropped(self, entries: Sequence[Entry]) -> None:
        """
        Say that scores were not stored, at least one.
        """
        _logger.warning(
            "outbox: %d scores were not stored, since as new or newer ones are there; the first is for %s, %s",
            *(len(entries), entries[0].registration_id, entries[0].line_item),
        )
        for entry in entries if self.dropped_hook is not None else ():
            error = SupersededError("the outbox holds a score of this user that is as new or newer")
            delivery = Delivery(entry.score, entry.line_item, error=error)
            await _call(self.dropped_hook, entry.registration_id, delivery)


async def _call(hook: Hook | None, registration_id: str, delivery: Delivery) -> None:
    if hook is None:
        return
    try:
        called = hook(registration_id, delivery)
        if inspect.isawaitable(called):
            await called
    except Exception:
        # A broken listener must not cost a grade.
        _logger.exception("outbox: a hook failed")
