"""
What an outbox says of its scores: to the log, without whose they are, and to hooks.
"""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

import attrs

from aioags.calls.listening import Listening, shown
from aioags.calls.log import ERROR, log
from aioags.errors import SupersededError
from aioags.model.delivery import Delivery
from aioags.model.outbox_event import OutboxEvent, OutboxNews
from aioags.outbox.model import Entry, State, StoredScore
from aioags.outbox.verdict import Verdict

Hook = Callable[[str, Delivery], Awaitable[None] | None]
"""Called with the registration id and what became of a score; may be asynchronous."""


@attrs.frozen
class Teller:
    """
    The hooks of an outbox, None: nobody listens; and who is told of all of it.
    """

    told: Listening

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
            became = "is unknown and was given up" if verdict.is_unknown else "was given up"
            self._tell(row, "dead", verdict, f"{became}: {verdict.outcome.error}")
        elif state is State.DEFERRED and is_news:
            self._tell(row, "deferred", verdict, verdict.outcome.error)
        elif self.told.listener is not None:
            self._tell(row, "recorded" if state is State.SENT else "postponed", verdict, verdict.outcome.error)
        hook = self._hook(verdict, is_news)
        await _call(hook, row.registration_id, attrs.evolve(delivery, score=row.score, error=verdict.error))

    def _tell(self, row: StoredScore, what: OutboxNews, verdict: Verdict, reason: str | None) -> None:
        error = None if verdict.error is None else type(verdict.error).__name__
        self.told.tell(OutboxEvent(what, row.registration_id, shown(row.line_item), error=error, reason=reason))

    def _hook(self, verdict: Verdict, is_news: bool) -> Hook | None:
        state = verdict.outcome.state
        if state is State.SENT:
            return self.recorded
        if state is State.DEFERRED:
            return self.deferred if is_news else None
        if verdict.is_unknown:
            return self.unknown
        return self.refused if state is State.DEAD else None

    def put(self, entries: Sequence[Entry], stored: Sequence[bool]) -> None:
        """
        Say that scores were stored, of each line item how many.
        """
        kept = Counter(
            (entry.registration_id, entry.line_item) for entry, kept in zip(entries, stored, strict=True) if kept
        )
        for (registration_id, line_item), count in kept.items():
            self.told.tell(OutboxEvent("put", registration_id, shown(line_item), count))

    async def dropped(self, entries: Sequence[Entry]) -> None:
        """
        Say that scores were not stored, at least one.
        """
        first = entries[0]
        self.told.tell(OutboxEvent("dropped", first.registration_id, shown(first.line_item), len(entries)))
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
    except Exception:  # noqa: BLE001 - a broken listener must not cost a grade
        log(ERROR, "outbox: a hook failed", trace=True)
