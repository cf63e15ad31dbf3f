"""
One score, from its turn to its delivery.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from functools import partial
from typing import Any

import attrs

from aioags.calls.service import Service
from aioags.errors import AGSError, NotFoundError, StaleScoreError, SupersededError
from aioags.grading.looking import Looks
from aioags.grading.presence import Presence
from aioags.grading.shared import Shared
from aioags.model.canvas import CANVAS_PATH
from aioags.model.delivery import Delivery
from aioags.model.score import Score
from aioags.protocol.canvas import dated
from aioags.protocol.confirm import score_search
from aioags.protocol.dialect import Dialect
from aioags.protocol.hints import moment
from aioags.protocol.trial import Trial
from aioags.protocol.turns import Key

_logger = logging.getLogger("aioags")

# Seconds that a platform's clock may be ahead of ours. One that is further ahead is wrong: a stamp from there would
# shut out every other process.
_FURTHEST_AHEAD = 300.0


@attrs.frozen
class Sender:
    """
    Sends scores for one gradebook; what is shared is the whole `Client`'s.

    Attributes:
        waits: Wait while the platform is away. False: fail at once.

        presence: What the scores of one batch know of their line items. None: each score asks for itself.
    """

    service: Service[Dialect]
    shared: Shared
    looks: Looks
    waits: bool = True
    presence: Presence | None = None

    async def post(self, item_id: str, score: Score, *, confirm: bool) -> Delivery:
        """
        Wait for the user's turn, send, and say what became of it. Every `AGSError` is in the delivery.
        """
        started = asyncio.Event()
        turn, first = self.shared.turns.join((item_id, score.user_id), lambda _: started.set())
        ended = False
        try:
            if not first:
                # Before it waits for what may belong to another loop.
                self.service.engine.check_loop()
                await started.wait()
            while item_id in self.shared.new and not self.shared.enter(item_id, turn, (free := asyncio.Event()).set):
                await free.wait()
            delivery = await self.send(item_id, score, confirm=confirm)
            ended = has_ended(delivery)
        finally:
            self.shared.leave(item_id, turn, ended=ended)
            self.shared.turns.leave(turn)
        return delivery

    async def send(self, item_id: str, score: Score, *, confirm: bool) -> Delivery:
        """
        Send a score whose turn it is.

        Args:
            confirm: When nobody knows whether it was recorded, read the result to find out.
        """
        service, key = self.service, (item_id, score.user_id)
        if (outdated := self._outdated(key, score)) is not None:
            return Delivery(score, item_id, error=outdated)
        stamp = self.shared.turns.stamp(key, score)
        # A score without a value leaves nothing in the results to recognise it by.
        valued = score.score_given is not None
        search = partial(score_search, service.dialect, item_id, score, stamp) if valued else None
        try:
            said = dated(score, service.engine.runtime.wall()) if CANVAS_PATH in item_id else score
            operation = service.dialect.post_score(item_id, said, stamp)
        except AGSError as error:
            return Delivery(score, item_id, error=error)
        trial = Trial(operation, service.engine.retry, search, confirm=confirm, waits=self.waits)
        failure: AGSError | None = None
        answer: dict[str, Any] | None = None
        try:
            read = partial(self.looks.read, item_id, score.user_id)
            answer = await service.engine.perform(operation, service.credential, trial=trial, read=read)
        except AGSError as error:
            failure = error
        except BaseException:
            # Cancelled: the platform may hold it all the same.
            if trial.sent:
                self._settle(key, score, trial, None)
            raise
        restamped = self._settle(key, score, trial, failure)
        if isinstance(failure, NotFoundError):
            failure = await (self.presence or Presence(service, waits=self.waits)).explain(item_id, failure)
        told = stamp if trial.sent else None
        return Delivery(score, item_id, trial.sent, failure, told, restamped, trial.waited_for, answer)

    def _outdated(self, key: Key, score: Score) -> AGSError | None:
        if self.shared.turns.is_older(key, score):
            # Its stamp may move past what was made before it, and past nothing else.
            return _older()
        if not self.service.dialect.keeps_stamps and self.shared.turns.is_stamped_before(key, score):
            # No 409 will come: the back end would put its own time on the older score, and it would win.
            return SupersededError("a score with a later timestamp was sent before")
        return None

    def _settle(self, key: Key, score: Score, trial: Trial[Any], error: AGSError | None) -> datetime | None:
        """
        Remember what the platform may hold now.

        Returns:
            What it may have stamped the score with, by its own clock. None: it keeps the stamp.
        """
        if error is not None and error.recorded is False:
            return None
        # A score without a value gets the platform's time, and before Moodle 4.5.6 every score of a coupled item.
        if score.score_given is not None and key[0] != self.service.dialect.coupled:
            self.shared.turns.sent(key, score)
            return None
        second = self._platform_second(trial)
        self.shared.turns.sent(key, score, restamped=second)
        return datetime.fromtimestamp(second, UTC)

    def _platform_second(self, trial: Trial[Any]) -> int:
        wall = self.service.engine.runtime.wall()
        date = trial.date
        told = moment(date) if date else None
        if told is not None and told > wall + _FURTHEST_AHEAD:
            if not self.shared.clock_told:
                # Once: a batch would say it for each score.
                self.shared.clock_told = True
                _logger.warning("a platform's clock is %.0f s ahead of ours: not followed", told - wall)
            told = None
        return int(wall if told is None else told)


def has_ended(delivery: Delivery) -> bool:
    """
    True when a score was sent, or the platform could not be had: False when it was not even asked.
    """
    return delivery.attempts > 0 or (delivery.error is not None and delivery.error.transient)


def _older() -> StaleScoreError:
    # The platform was not asked: 409 is what it would have to say (AGS 3.4.9).
    return StaleScoreError(
        "a newer score of this user was sent before; not sent", status=409, method="POST", spec="AGS 3.4.9"
    )
