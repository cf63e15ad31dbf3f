"""
One score, from its turn to its delivery.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import Any

import attrs

from aioags.calls.first_try import Came, Yes
from aioags.calls.frames import forget_locals
from aioags.calls.gates import Gate
from aioags.calls.listening import place, shown
from aioags.calls.log import WARNING, log
from aioags.calls.service import Service
from aioags.errors import AGSError, LostAnswerError, NotFoundError, StaleScoreError, SupersededError
from aioags.grading.looking import Looks
from aioags.grading.presence import Presence
from aioags.grading.shared import AWAY, REFUSED, UNSURE, Shared
from aioags.model.canvas import CANVAS_PATH
from aioags.model.delivery import Delivery
from aioags.model.event import DeliveryEvent
from aioags.model.score import Score
from aioags.model.stamp import timekeeper
from aioags.protocol.canvas import dated
from aioags.protocol.confirm import score_search
from aioags.protocol.dialect import Dialect
from aioags.protocol.hints import moment
from aioags.protocol.messages import Request
from aioags.protocol.operations import POST_SCORE, POST_SCORE_SCOPES
from aioags.protocol.trial import Trial
from aioags.protocol.turns import NOTHING, Key, Last
from aioags.protocol.verdicts import Search

# Seconds that a platform's clock may be ahead of ours. One that is further ahead is wrong: a stamp from there would
# shut out every other process.
_FURTHEST_AHEAD = 300.0
_CANCELLED = LostAnswerError("nobody waits for the answer", recorded=None)


class Sender:
    """
    Sends scores for one gradebook; what is shared is the whole `Client`'s.

    Attributes:
        waits: Wait while the platform is away. False: fail at once.

        presence: What the scores of one batch know of their line items. None: each score asks for itself.
    """

    def __init__(
        self,
        service: Service[Dialect],
        shared: Shared,
        looks: Looks,
        *,
        waits: bool = True,
        presence: Presence | None = None,
    ) -> None:
        assert service.credential is not None  # noqa: S101 - a gradebook's has one
        self.service = service
        self.shared = shared
        self.looks = looks
        self.waits = waits
        self.presence = presence
        # At hand, since every score needs them.
        self._dialect, self._credential = service.dialect, service.credential
        self._coupled = service.dialect.coupled
        self._first_try = service.engine.first_try
        self._turns = shared.turns
        # Where there was no place for the latest one. None: there was.
        self._crowded: Gate | None = None

    def of_batch(self, *, waits: bool) -> Sender:
        """
        Return one for the scores of a batch.
        """
        presence = Presence(self.service, waits=waits)
        return Sender(self.service, self.shared, self.looks, waits=waits, presence=presence)

    async def post(self, item_id: str, score: Score, *, confirm: bool) -> Delivery:
        """
        Wait for the user's turn, send, and say what became of it. Every `AGSError` is in the delivery.
        """
        started = asyncio.Event()
        turn, first = self._turns.join((item_id, score.user_id), lambda _: started.set())
        ended: float = False
        try:
            if not first:
                # Before it waits for what may belong to another loop.
                self.service.engine.check_loop()
                await started.wait()
            while item_id in self.shared.new and not self.shared.enter(item_id, turn, (free := asyncio.Event()).set):
                await free.wait()
            delivery = await self.send(turn.key, score, confirm=confirm)
            ended = has_ended(delivery)
        finally:
            self.shared.leave(item_id, turn, ended=ended)
            self._turns.leave(turn)
        if self.service.engine.told.listener is not None:
            self.service.engine.told.tell(delivered(delivery))
        return delivery

    async def send(self, key: Key, score: Score, *, confirm: bool) -> Delivery:
        """
        Send a score whose turn it is.

        Args:
            confirm: When nobody knows whether it was recorded, read the result to find out.
        """
        item_id = key[0]
        last = self._turns.last(key)
        if last is not NOTHING and (outdated := self._outdated(last, score)) is not None:
            return Delivery(score, item_id, error=outdated)
        stamp, second = last.stamp(score)
        said = dated(score, self.service.engine.runtime.wall()) if CANVAS_PATH in item_id else score
        # Where it is not sent as it is, at once.
        if (
            last.may_come
            or (self._crowded is not None and self._is_crowded())
            or (held := self._credential.held(POST_SCORE_SCOPES)) is None
        ):
            return await self._send_on(key, score, said, last, None, confirm=confirm)
        try:
            request = self._dialect.score_request(item_id, said, stamp, ("Authorization", held.header))
        except BaseException as error:
            # What is handed on knows no token.
            forget_locals(error)
            del held
            if not isinstance(error, AGSError):
                raise
            return Delivery(score, item_id, error=error)
        try:
            came = await self._first_try.send(POST_SCORE, request, self._credential, held)
        except BaseException as failure:
            forget_locals(failure)
            del request, held
            # Cancelled: the platform may hold it all the same.
            self._settle(key, score, None, _CANCELLED, last, second, key[0])
            raise
        if isinstance(came, Yes):
            restamped = self._settle(key, score, came.date, None, last, second, request.url)
            if came.tell is not None:
                del request, held
                came.tell()
            return Delivery(score, item_id, 1, None, stamp, restamped, None, came.said)
        if isinstance(came, Gate):
            # Those that follow need not be written twice.
            self._crowded, came = came, None
        sent_on = self._send_on(key, score, said, last, came, confirm=confirm)
        # What is raised there comes through this frame: it knows no token.
        del request, held, came
        return await sent_on

    def _is_crowded(self) -> bool:
        if self._crowded is not None and not self._crowded.waiting:
            self._crowded = None
        return self._crowded is not None

    async def _send_on(
        self, key: Key, score: Score, said: Score, last: Last, came: Came | None, *, confirm: bool
    ) -> Delivery:
        """
        Send a score the whole way.

        Args:
            said: As it is said to this platform.
        """
        service, item_id = self.service, key[0]
        stamp, second = last.stamp(score)
        try:
            operation = service.dialect.post_score(item_id, said, stamp)
        except AGSError as error:
            return Delivery(score, item_id, error=error)

        def search() -> Search[dict[str, Any] | None]:
            return score_search(service.dialect, item_id, score, stamp)

        def lifted() -> Request:
            nonlocal stamp, second
            if not trial.left:
                stamp, second = last.stamp(score, self._now_there(item_id, score))
            return service.dialect.post_score(item_id, said, stamp).request

        if last.may_come:
            # While this one waited for its turn, a place and a token, what was lost may have come.
            operation = attrs.evolve(operation, fresh=lifted)
        # A score without a value leaves nothing in the results to recognise it by.
        look = search if score.score_given is not None else None
        trial = Trial(operation, service.engine.retry, look, confirm=confirm, waits=self.waits)
        failure: AGSError | None = None
        answer: dict[str, Any] | None = None
        try:
            read = partial(self.looks.read, item_id, score.user_id)
            performed = service.engine.perform(operation, service.credential, trial=trial, read=read, came=came)
            del came
            answer = await performed
        except AGSError as error:
            failure = error
        except BaseException:
            # Cancelled: the platform may hold it all the same.
            if trial.sent:
                self._settle(key, score, trial.date, _CANCELLED, last, second, operation.request.url)
            raise
        restamped = self._settle(key, score, trial.date, failure, last, second, operation.request.url)
        if isinstance(failure, NotFoundError):
            failure = await (self.presence or Presence(service, waits=self.waits)).explain(item_id, failure)
        told = stamp if trial.sent else None
        return Delivery(score, item_id, trial.sent, failure, told, restamped, trial.waited_for, answer)

    def _outdated(self, last: Last, score: Score) -> AGSError | None:
        if last.is_newer(score):
            # Its stamp may move past what was made before it, and past nothing else.
            return _older()
        if not self.service.dialect.keeps_stamps and last.is_stamped_later(score):
            # No 409 will come: the back end would put its own time on the older score, and it would win.
            return SupersededError("a score with a later timestamp was sent before")
        return None

    def _settle(
        self, key: Key, score: Score, date: str | None, error: AGSError | None, last: Last, second: int, url: str
    ) -> datetime | None:
        """
        Remember what the platform may hold now, beside what it held before.

        Args:
            date: ``Date`` of its latest answer.

            url: Who was asked.

        Returns:
            What it may have stamped the score with, by its own clock. None: it keeps the stamp.
        """
        if error is not None and error.recorded is False:
            # Else nothing stands there, and it may come again as it is: nothing older is to be lifted over it.
            if isinstance(error, StaleScoreError) or second != int(score.timestamp.timestamp()):
                self._turns.note(key, last.refused(second))
            return None
        # A score without a value gets the platform's time, and before Moodle 4.5.6 every score of a coupled item.
        if score.score_given is not None and key[0] != self._coupled:
            self._turns.note(key, last.sent(score, second))
            return None
        agreed = self.shared.agreed
        # A platform answers many scores of one second within one second.
        if date is not None and date == agreed[0] and second == agreed[1]:
            told: float | None = agreed[2]
        else:
            told = self._told_time(key[0], date, second, url, fresh=error is None)
        theirs = held = int(self._now(score) if told is None else told)
        if error is not None:
            # Nobody knows when it came: not when an earlier answer told the time.
            held = max(theirs, int(self._now_there(key[0], score)))
        if not self._dialect.keeps_stamps:
            # The order of sending is what counts there: no stamp of ours has to pass the platform's own time.
            self._turns.note(key, last.sent(score, second))
        else:
            self._turns.note(key, last.sent(score, max(held, second), may_come=error is not None))
        return _instant(theirs)

    def _now(self, score: Score) -> float:
        made = score.stamp
        now = None if made is None else timekeeper.get().now(made)
        return self.service.engine.wall() if now is None else now

    def _now_there(self, item_id: str, score: Score) -> float:
        return self._now(score) + self.shared.ahead_of_us(item_id)

    def _told_time(self, item_id: str, date: str | None, sent: int, url: str, *, fresh: bool) -> float | None:
        """
        Return the platform's time as its latest answer told it. None: it did not, or tells what cannot be.

        Args:
            sent: Second of the stamp.

            fresh: That answer came just now.
        """
        shared = self.shared
        told = moment(date) if date else None
        if told is None:
            return None
        engine = self.service.engine
        least = ahead = told - engine.runtime.wall()
        if abs(ahead) > UNSURE:
            # The stamp is a third reading of our clock: one of them is wrong for a moment now and then.
            ahead = told - engine.wall()
            least = min(least, ahead, told - sent)
        if least > _FURTHEST_AHEAD:
            if (host := shared.clocks_told.first(url)) is not None:
                log(WARNING, "the clock of %(host)s is %(ahead).0f s ahead: not followed", host=host, ahead=ahead)
            return None
        if fresh and ahead <= _FURTHEST_AHEAD:
            if shared.ahead or abs(ahead) > UNSURE:
                shared.note_clock(item_id, ahead)
            else:
                shared.agreed = (date, sent, told)
        return told


# A platform answers many calls within one second.
@lru_cache(maxsize=64)
def _instant(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)


def has_ended(delivery: Delivery) -> float:
    """
    Return what a delivery says for letting the rest go, as `Shared.leave` takes it.
    """
    error = delivery.error
    if error is None or error.recorded:
        return True
    return AWAY if error.transient else REFUSED * (delivery.attempts > 0)


def delivered(delivery: Delivery) -> DeliveryEvent:
    """
    Return what is told of a delivery.
    """
    item, error = delivery.line_item, delivery.error
    where, item = ("", None) if item is None else (place(item), shown(item))
    if error is None:
        return DeliveryEvent(where, item, delivery.attempts, True, None)
    return DeliveryEvent(where, item, delivery.attempts, error.recorded, type(error).__name__)


def _older() -> StaleScoreError:
    # The platform was not asked: 409 is what it would have to say (AGS 3.4.9).
    return StaleScoreError(
        "a newer score of this user was sent before; not sent", status=409, method="POST", spec="AGS 3.4.9"
    )
