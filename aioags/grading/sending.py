"""
One score, from its turn to its delivery.
"""

from __future__ import annotations

import asyncio
from functools import partial

import attrs

from aioags.calls.service import Service
from aioags.errors import AGSError, SupersededError
from aioags.model.delivery import Delivery
from aioags.model.score import Score
from aioags.protocol.confirm import score_search
from aioags.protocol.dialect import Dialect
from aioags.protocol.trial import Trial
from aioags.protocol.turns import Turns


@attrs.frozen
class Sender:
    """
    Sends scores for one gradebook; the turns are the whole `Client`'s.
    """

    service: Service[Dialect]
    turns: Turns

    async def post(self, item_id: str, score: Score, *, confirm: bool) -> Delivery:
        """
        Wait for the user's turn, send, and say what became of it. Every `AGSError` is in the delivery.
        """
        started = asyncio.Event()
        turn, first = self.turns.join((item_id, score.user_id), lambda _: started.set())
        try:
            if not first:
                await started.wait()
            return await self.send(item_id, score, confirm=confirm)
        finally:
            self.turns.leave(turn)

    async def send(self, item_id: str, score: Score, *, confirm: bool) -> Delivery:
        """
        Send a score whose turn it is.

        Args:
            confirm: When nobody knows whether it was recorded, read the result to find out.
        """
        service, key = self.service, (item_id, score.user_id)
        if not service.dialect.keeps_stamps and self.turns.is_older(key, score):
            # No 409 will come: the back end would put its own time on the older score, and it would win.
            return Delivery(score, item_id, error=SupersededError("a score with a later timestamp was sent before"))
        stamp = self.turns.stamp(key, score)
        # A score without a value leaves nothing in the results to recognise it by.
        searchable = confirm and score.score_given is not None
        search = partial(score_search, service.dialect, item_id, score) if searchable else None
        sent = 0
        try:
            operation = service.dialect.post_score(item_id, score, stamp)
            trial = Trial(operation, service.engine.retry, search)
            try:
                await service.perform(operation, trial=trial)
            finally:
                sent = trial.sent
        except AGSError as error:
            return Delivery(score, item_id, sent, error, stamp if sent else None)
        if score.score_given is None:
            self.turns.wiped(key, service.engine.runtime.wall())
        return Delivery(score, item_id, sent, None, stamp)
