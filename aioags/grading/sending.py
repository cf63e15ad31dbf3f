"""
One score, from its turn to its delivery.
"""

from __future__ import annotations

import asyncio
from decimal import Decimal

import attrs

from aioags.calls.engine import Credential, Engine
from aioags.errors import AGSError, SupersededError
from aioags.grading.listing import Reader, first_of
from aioags.model.checks import Number
from aioags.model.delivery import Delivery
from aioags.model.result import Result
from aioags.model.score import Score
from aioags.protocol.dialect import Dialect
from aioags.protocol.trial import Trial
from aioags.protocol.turns import Turns


@attrs.frozen
class Sender:
    """
    Sends scores for one gradebook; the turns are the whole `Client`'s.
    """

    engine: Engine
    turns: Turns
    dialect: Dialect
    credential: Credential

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
        key = (item_id, score.user_id)
        if not self.dialect.keeps_stamps and self.turns.is_older(key, score):
            # No 409 will come: the back end would put its own time on the older score, and it would win.
            return Delivery(score, item_id, error=SupersededError("a score with a later timestamp was sent before"))
        stamp = self.turns.stamp(key, score)
        sent = 0
        try:
            operation = self.dialect.post_score(item_id, score, stamp)
            trial = Trial(operation, self.engine.retry)
            try:
                await self.engine.perform(operation, self.credential, trial=trial)
            finally:
                sent = trial.sent
        except AGSError as error:
            settled = confirm and error.recorded is None and await self._is_recorded(item_id, score)
            return Delivery(score, item_id, sent, None if settled else error, stamp if sent else None)
        if score.score_given is None:
            self.turns.wiped(key, self.engine.runtime.wall())
        return Delivery(score, item_id, sent, None, stamp)

    async def _is_recorded(self, item_id: str, score: Score) -> bool:
        if score.score_given is None:
            # A score without a value leaves nothing in the results to recognise it by.
            return False
        reader = Reader(self.engine, self.dialect, self.credential)
        try:
            result = await first_of(reader.results(item_id, score.user_id))
        except AGSError:
            return False
        return result is not None and shows(result, score)


def shows(result: Result, score: Score) -> bool:
    """
    True when a result is what this score would have made: the same share of the maximum, the same comment.
    """
    if result.result_score is None or result.result_maximum <= 0 or score.score_given is None:
        return False
    # Canvas shows all comments together. One that this score should have cleared is no sign of it.
    if (score.comment or "") not in (result.comment or "") or bool(result.comment) != bool(score.comment):
        return False
    given = _fraction(score.score_given, score.score_maximum or 1)
    # Moodle stores five decimals.
    return abs(given - _fraction(result.result_score, result.result_maximum)) < Decimal("0.00001")


def _fraction(points: Number, maximum: Number) -> Decimal:
    return Decimal(str(points)) / Decimal(str(maximum))
