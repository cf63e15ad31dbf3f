"""
One drain: everything due for one line item goes to the platform.

Theory of operation. Rows flow round a circle: *taken* from the store (from then on the store knows that an attempt may
have landed), *posted* through a gradebook, *settled* in the store. A row between taken and settled is in flight here
and is not taken again. Settling is the only thing that closes a row, and it does so only if the row's score is still
the one that was posted; if not, the row is due and is taken again within the same drain.

Wherever the process dies, each row is either settled, or due and known to have been attempted. The second is posted
again with the same stamp, which makes the repeat idempotent: a platform that has it says that it is stale. So it does
when somebody else's is newer, so the result is looked at: ours is recorded, anything else is dead, and unknown where
nothing tells. What no stamp protects, a comment that Canvas would append again, is looked up before it is sent.

Taking stops when the platform is blocked or the outbox is closing; what is in flight ends. Rows that were taken and not
sent are given back as they were. While nobody knows whether the platform is back, or whether the line item takes
anything at all, one row at a time is taken: those that were tried least often first.

A line item refuses everything when some scores in a row, each for the first time, are refused for one reason, with no
success between: few if none has succeeded in this drain, more if some did; and more for reasons that differ. Then all
its rows are deferred in one go, and at each of its times one of them is sent. A success frees them all. Where others
succeed a refusal is the row's own.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from math import inf

import attrs

from aioags.calls.engine import Runtime
from aioags.calls.listening import Listening, shown
from aioags.errors import AGSError, NotFoundError, NotOfferedError, StaleScoreError
from aioags.gradebook import Gradebook
from aioags.model.delivery import Delivery
from aioags.model.outbox_event import OutboxEvent
from aioags.model.score import Score
from aioags.outbox.damage import damage_of
from aioags.outbox.health import Health
from aioags.outbox.journal import Journal, noted
from aioags.outbox.limiter import PermitCache
from aioags.outbox.looking import may_look_later, whose_is_newer
from aioags.outbox.model import Block, Deferral, Outcome, State, StoredScore
from aioags.outbox.settler import Settler
from aioags.outbox.store import Store
from aioags.outbox.verdict import Backoff, Verdict, defer_again, describe, judge, untouched
from aioags.protocol.confirm import shows

_TAKEN_AT_ONCE = 100
# Outcomes that may wait for the store before no more rows are taken.
_MOST_UNSETTLED = 500
# Refusals in a row by which a line item refuses everything: while nothing succeeded in this drain, and after that. With
# one refusal in five, eight in a row come once in 400,000.
_FEW, _MANY = 5, 8
# Platforms in one line of text.
_MOST_SHOWN = 5


@attrs.frozen
class Drained:
    """
    What one drain did.

    Attributes:
        recorded: Scores that the platform has.

        refused: Scores that are dead now, and surely not recorded.

        postponed: Attempts that are to be made again.

        deferred: Attempts that the platform refused, to be made again at a slow pace.

        unknown: Scores that are dead now, and nobody knows whether the platform has them.
    """

    recorded: int = 0
    refused: int = 0
    postponed: int = 0
    deferred: int = 0
    unknown: int = 0

    def __add__(self, other: Drained) -> Drained:
        mine, theirs = attrs.astuple(self), attrs.astuple(other)
        return Drained(*(one + more for one, more in zip(mine, theirs, strict=True)))


@attrs.frozen(eq=False)
class Surroundings:
    """
    What every drain of an outbox shares.

    Attributes:
        health: By registration id.

        permits: None: there is no shared limit.

        tell: Called with each settled attempt.

        told: Who is told of the rest.

        journal: What is written down of each. None: nothing.

        look_first: Look up whatever may have landed before it is sent again.

        stopping: Set when the outbox is closing.

        drains: Those that run.
    """

    store: Store
    runtime: Runtime
    backoff: Backoff
    permits: PermitCache | None
    tell: Callable[[StoredScore, Verdict, Delivery], Awaitable[None]]
    told: Listening
    patience: float
    journal: Journal | None
    look_first: bool = False
    health: dict[str, Health] = attrs.field(factory=dict)
    stopping: asyncio.Event = attrs.field(factory=asyncio.Event)
    drains: set[Drain] = attrs.field(factory=set)

    def health_of(self, registration_id: str) -> Health:
        """
        What is known of one platform.
        """
        return self.health.setdefault(registration_id, Health(self._silence))

    def _silence(self, count: int) -> float:
        return self.backoff.wait(count, self.runtime.jitter())

    @contextmanager
    def drain(self, registration_id: str, line_item: str) -> Iterator[Drain]:
        """
        Make a drain that is among `drains` for the time of the block.
        """
        drain = Drain(self, registration_id, line_item)
        self.drains.add(drain)
        try:
            yield drain
        finally:
            self.drains.discard(drain)

    def summary(self) -> str:
        """
        Say what goes on in this process, in one line, without a look into the store.
        """
        now = self.runtime.clock()
        alone = [
            f"{name} for {health.platform.until - now:.0f} s"
            for name, health in sorted(self.health.items())
            if health.platform.until > now
        ]
        if len(alone) > _MOST_SHOWN:
            alone[_MOST_SHOWN:] = [f"{len(alone) - _MOST_SHOWN} more"]
        left = f"; left alone: {', '.join(alone)}" if alone else ""
        in_flight = sum(drain.in_flight for drain in self.drains)
        return f"line items draining: {len(self.drains)}; scores in flight: {in_flight}{left}"


class Drain:
    """
    One pass over the due scores of one line item.
    """

    def __init__(self, surroundings: Surroundings, registration_id: str, line_item: str) -> None:
        self.block: Block | None = None
        self.taken = 0
        self.out_of_permits = False
        self._around = surroundings
        self._registration_id = registration_id
        self._line_item = line_item
        self._health = surroundings.health_of(registration_id)
        self._known_block = self._health.platform.until
        self._known_silence = self._health.silence_of(line_item)
        # What the line item is deferred with; None once it takes scores.
        self._deferral: Deferral | None = None
        # With which it is to be deferred when this drain ends.
        self._shut: Deferral | None = None
        # Why all its rows are dead: it is gone, or has refused for too long.
        self._end: AGSError | None = None
        self._is_gone = False
        self._has_taken = False
        self._refused = 0
        self._refused_in_all = 0
        self._reason = ""
        self._in_flight: dict[str, StoredScore] = {}
        self._unjudged: set[str] = set()
        self._judged = asyncio.Event()
        self._counts: Counter[str] = Counter()
        self._news: dict[str, tuple[Verdict, Delivery]] = {}
        self._settler = Settler(surroundings.store, surroundings.runtime, self._on_settled)

    @property
    def in_flight(self) -> int:
        """
        How many scores are taken and not settled.
        """
        return len(self._in_flight)

    @property
    def done(self) -> Drained:
        """
        What it did so far.
        """
        return Drained(**self._counts)

    async def run(self, gradebook: Gradebook) -> None:
        """
        Post what is due until nothing is, or the platform is blocked, or the outbox is closing.
        """
        try:
            posting = gradebook.post_scores(self._source(gradebook), line_item=self._line_item, patient=False)
            async with posting as deliveries:
                async for delivery in deliveries:
                    row = self._in_flight[delivery.score.user_id]
                    await self._judge(row, await self._explained(gradebook, row, delivery))
        finally:
            await self._settler.finish()
        if self._end is not None:
            await self._conclude_all(self._end)
        if self._shut is not None:
            await self._defer(self._shut)
        await self._keep_silence()

    async def postpone(self, error: AGSError) -> None:
        """
        Put off what is due, each score for its own time: there is no gradebook to post it to.
        """
        await self._conclude_all(error)
        if not self.taken:
            return
        # One failure, however many scores there are: it may be this line item's alone.
        seconds = self._health.stumble_at(self._line_item, self._around.runtime.clock(), at_once=True)
        if seconds is not None:
            await self._block(seconds, describe(error))
        await self._keep_silence()

    async def _conclude_all(self, error: AGSError) -> None:
        """
        End an attempt with each due row, none of which is made, with the same error.
        """
        taken = -1
        while taken < self.taken:
            taken = self.taken
            for row in await self._take(_TAKEN_AT_ONCE):
                self._conclude(row, Delivery(row.wire_score, self._line_item, error=error))
            await self._settler.finish()

    async def _defer(self, deferral: Deferral) -> None:
        count = await self._around.store.defer(self._registration_id, self._line_item, deferral)
        seconds = deferral.until - deferral.at
        place = self._registration_id, shown(self._line_item)
        self._around.told.tell(OutboxEvent("refuses everything", *place, count, seconds, reason=deferral.reason))

    async def _keep_silence(self) -> None:
        if self._is_silenced():
            # Told to the store, where whoever knows better may lift it. A score that is put meanwhile is tried at once.
            left = self._health.silence_of(self._line_item) - self._around.runtime.clock()
            until = self._around.runtime.wall() + left
            await self._around.store.delay(self._registration_id, self._line_item, until)

    async def _source(self, gradebook: Gradebook) -> AsyncGenerator[Score, None]:
        while not self._must_stop():
            if self._settler.failed or self._settler.backlog > _MOST_UNSETTLED:
                await self._settler.finish()
            cautious = self._is_cautious()
            limit = 1 if cautious else _TAKEN_AT_ONCE
            taken = self.taken
            rows = await self._take(limit, probe=cautious)
            for place, row in enumerate(rows):
                if self._must_stop() or not await self._may_send():
                    self._give_back(rows[place:])
                    return
                self._unjudged.add(row.user_id)
                if not await self._is_settled_by_looking(gradebook, row):
                    yield row.wire_score
            if self.taken - taken < limit:
                # What comes due meanwhile is for the next pass.
                return
            if self._is_cautious():
                await self._rest()
            if self._deferral is not None:
                # One probe that ended in some other way: the next one has its time.
                return

    def _is_cautious(self) -> bool:
        return not self._has_taken or self._health.doubts(self._line_item)

    async def _rest(self) -> None:
        # Until each is judged, not until it is told: a hook may take its time.
        while self._unjudged:
            self._judged.clear()
            await self._judged.wait()

    async def _take(self, limit: int, *, probe: bool = False) -> list[StoredScore]:
        now, busy = self._around.runtime.wall(), tuple(self._in_flight)
        taken = await self._around.store.take(
            self._registration_id, self._line_item, now=now, limit=limit, busy=busy, probe=probe
        )
        self.block = taken.block
        self._deferral = None if self._has_taken else taken.deferral
        self.taken += len(taken.rows)
        self._in_flight |= {row.user_id: row for row in taken.rows}
        if taken.rows and self._health.platform.until == self._known_block:
            # Over, or lifted by somebody who knows better.
            self._health.platform.until = self._known_block = -inf
        return [row for row in taken.rows if self._is_readable(row)]

    def _is_readable(self, row: StoredScore) -> bool:
        damage = damage_of(row)
        if damage is not None:
            reason = f"was given up: {damage}"
            self._around.told.tell(OutboxEvent("dead", row.registration_id, shown(row.line_item), reason=reason))
            self._counts["unknown" if row.unsure else "refused"] += 1
            self._settler.add(attrs.evolve(untouched(row), state=State.DEAD, counted=True, error=damage))
        return damage is None

    def _must_stop(self) -> bool:
        # Only a block that began since: whether an older one still stands, the store knows.
        blocked = max(self._known_block, self._around.runtime.clock()) < self._health.platform.until
        closed = self._shut is not None or self._end is not None
        return blocked or closed or self._is_silenced() or self._around.stopping.is_set()

    def _is_silenced(self) -> bool:
        return self._health.silence_of(self._line_item) > self._known_silence

    async def _may_send(self) -> bool:
        permits, patience = self._around.permits, self._around.patience
        self.out_of_permits = permits is not None and not await permits.spend(self._registration_id, patience=patience)
        return not self.out_of_permits

    def _give_back(self, rows: list[StoredScore]) -> None:
        for row in rows:
            self._settler.add(untouched(row))

    async def _is_settled_by_looking(self, gradebook: Gradebook, row: StoredScore) -> bool:
        if not (row.unsure and (self._around.look_first or row.wire_score.appends)):
            return False
        delivery = Delivery(row.wire_score, self._line_item, timestamp=row.wire_score.timestamp)
        try:
            result = await gradebook.get_result(row.user_id, line_item=self._line_item, patient=False)
        except NotOfferedError:
            # Nobody can know. A comment that stands there twice is better than a grade that is missing.
            return False
        except AGSError as error:
            await self._judge(row, attrs.evolve(delivery, error=error))
            return True
        if result is None or not shows(result, row.wire_score):
            return False
        await self._judge(row, delivery)
        return True

    async def _explained(self, gradebook: Gradebook, row: StoredScore, delivery: Delivery) -> Delivery:
        """
        Find out what the platform's answer means: whose score made this one stale.
        """
        error = delivery.error
        may_be_ours = row.unsure or delivery.attempts
        if may_be_ours and isinstance(error, StaleScoreError) and error.recorded is False and not error.transient:
            return attrs.evolve(delivery, error=await whose_is_newer(gradebook, row, error))
        if error is not None and may_look_later(error):
            # The next attempt finds it stale, and looks then.
            return attrs.evolve(delivery, error=attrs.evolve(error, transient=True))
        if isinstance(error, NotFoundError) and error.gone:
            self._is_gone, self._end = True, attrs.evolve(error, recorded=False)
        return delivery

    def _conclude(self, row: StoredScore, delivery: Delivery) -> Verdict:
        now, jitter = self._around.runtime.wall(), self._around.runtime.jitter()
        shut = self._shut or (self._deferral and defer_again(self._deferral, "", now))
        verdict = judge(
            row,
            delivery.error,
            now=now,
            jitter=jitter,
            backoff=self._around.backoff,
            delivery=delivery,
            gone=self._is_gone,
            refusing=shut.waited if shut else 0.0,
            others=self._has_taken,
        )
        self._counts[_kind(verdict)] += 1
        self._news[row.user_id] = (verdict, delivery)
        self._settler.add(noted(self._around.journal, verdict, row, delivery, now))
        return verdict

    async def _judge(self, row: StoredScore, delivery: Delivery) -> None:
        verdict = self._conclude(row, delivery)
        if verdict.error is None:
            await self._lift()
        elif verdict.is_refusal and (row.deferrals == 0 or self._deferral is not None):
            self._note_refusal(verdict.error)
        seconds = self._health.note(verdict, self._line_item, self._around.runtime.clock())
        if seconds is not None and verdict.error is not None:
            await self._block(seconds, describe(verdict.error))
        self._unjudged.discard(row.user_id)
        self._judged.set()

    async def _lift(self) -> None:
        self._has_taken, self._refused, self._refused_in_all, self._shut = True, 0, 0, None
        if self._deferral is not None:
            self._deferral = None
            count = await self._around.store.lift(self._registration_id, self._line_item)
            place = self._registration_id, shown(self._line_item)
            self._around.told.tell(OutboxEvent("takes scores again", *place, count))

    def _note_refusal(self, error: AGSError) -> None:
        reason = f"{type(error).__name__} {getattr(error, 'status', '')}"
        self._refused = self._refused + 1 if reason == self._reason else 1
        self._reason = reason
        self._refused_in_all += 1
        few, many = (_MANY, 2 * _MANY) if self._has_taken else (_FEW, _MANY)
        refuses_all = self._refused >= few or self._refused_in_all >= many
        if self._shut is None and (self._deferral is not None or refuses_all):
            self._shut = defer_again(self._deferral, describe(error), self._around.runtime.wall())
            if self._shut.waited >= self._around.backoff.give_up_after:
                self._end = attrs.evolve(error, recorded=False)

    async def _block(self, seconds: float, reason: str) -> None:
        now = self._around.runtime.wall()
        if self._around.permits is not None:
            self._around.permits.drop(self._registration_id)
        self.block = Block(self._registration_id, now + seconds, reason)
        self._around.told.tell(OutboxEvent("left alone", self._registration_id, None, 0, seconds, reason=reason))
        await self._around.store.block(self.block, now=now)

    async def _on_settled(self, outcome: Outcome) -> None:
        row = self._in_flight.pop(outcome.user_id, None)
        news = self._news.pop(outcome.user_id, None)
        if row is not None and news is not None:
            await self._around.tell(row, *news)


def _kind(verdict: Verdict) -> str:
    """
    Return the count of `Drained` that a verdict adds to.
    """
    state = verdict.outcome.state
    if state is State.DEAD:
        return "unknown" if verdict.is_unknown else "refused"
    if state is State.DEFERRED and verdict.is_refusal:
        return "deferred"
    return "recorded" if state is State.SENT else "postponed"
