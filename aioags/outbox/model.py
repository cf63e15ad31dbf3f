"""
The values of an outbox: what goes in, what is stored, what became of it.

Instants of scores are whole microseconds since 1970 (UTC), so that they compare exactly everywhere. Instants of the
outbox's own work are Unix time, float seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Any, Self

import attrs

from aioags.errors import NotOfferedError
from aioags.model.canvas import is_canvas
from aioags.model.endpoint import Endpoint
from aioags.model.line_item import LineItem, item_url
from aioags.model.score import Score
from aioags.model.stamp import Stamp
from aioags.model.value import value
from aioags.outbox.attempt import Attempt
from aioags.outbox.packing import check_key, pack_endpoint
from aioags.outbox.payload import dump_payload, load_score
from aioags.protocol.canvas import dated

SECOND = 1_000_000
"""Microseconds in a second."""

DAY = 86_400.0
"""
Longest wait that anything stored imposes, counted from now, seconds: a later time was written while a clock was wrong.
"""

FIRST_DEFERRAL = 300.0
"""Seconds from a refusal to the next try; it doubles up to a day."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class StoreError(Exception):
    """
    The store failed or refuses to work; the message says why. A score whose `put` raised this may not be stored.
    """


def to_micros(instant: datetime) -> int:
    """
    Return an aware datetime as microseconds since 1970.
    """
    return (instant - _EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """
    Return microseconds since 1970 as a datetime in UTC.
    """
    return _EPOCH + micros * _MICROSECOND


def holds(until: float, now: float) -> bool:
    """
    True when a stored time still holds back what waits for it.
    """
    return now < until <= now + DAY


class State(StrEnum):
    """
    What a stored score waits for.
    """

    DUE = "due"
    """To be recorded by the platform."""

    SENT = "sent"
    """Nothing: the platform has it. The row stays for a while, because it remembers the last stamp."""

    DEFERRED = "deferred"
    """Its time: the platform refused it, which may lift. It is tried again, at a slow pace."""

    DEAD = "dead"
    """Somebody: it was given up. A dead letter: kept with its reason until it is retried or pruned."""


@attrs.frozen
class Entry:
    """
    One score on its way into an outbox. Make it with `of`.

    Attributes:
        registration_id: Your name for the registration.

        endpoint: JSON of what the registry needs to open the gradebook again.

        line_item: URL of the line item.

        user_id: Whose score it is.

        ts: The score's timestamp, microseconds since 1970.

        payload: The score as JSON.

        made_by: Name of the process that stamped it. None: the timestamp is the caller's own.

        made_at: What the clock of that process showed, microseconds since 1970.

        order: Rises with each stamp of that process.

        ticks: What a clock of that process showed which never steps, seconds. It is not stored.
    """

    registration_id: str
    endpoint: str = attrs.field(repr=False)
    line_item: str
    user_id: str = attrs.field(repr=False)
    ts: int
    payload: str = attrs.field(repr=False)
    made_by: str | None = None
    made_at: int | None = None
    order: int | None = None
    ticks: float | None = attrs.field(default=None, eq=False, repr=False)

    @classmethod
    def of(
        cls,
        registration_id: str,
        endpoint: Endpoint | Mapping[str, Any],
        score: Score,
        *,
        line_item: LineItem | str | None = None,
    ) -> Self:
        """
        Check and pack one score.

        Args:
            registration_id: Your name for the registration: a key of your settings or table. It reaches logs.

            endpoint: The launch's `Endpoint`, or its claim; or, for another back end, a JSON object that your registry
                understands, such as a `ServiceReference.to_dict`.

            line_item: A line item or its id. None: the endpoint's own; in a JSON object its ``line_item``.

        Raises:
            NotOfferedError: The endpoint does not let this tool post scores, or has no line item of its own.

            UntrustedURLError: The line item's id is no URL. One of an origin that neither endpoint nor registration
                names is deferred when it is sent.

            ValueError: The key is longer than 2,500 bytes, or the timestamp does not lie before the year 9999.
        """
        if not isinstance(score, Score):
            raise TypeError(f"an outbox takes Scores, got {type(score).__name__}")
        reference, own = pack_endpoint(endpoint, item_url(line_item))
        if own is None:
            raise NotOfferedError("the endpoint has no line item of its own: pass line_item=", spec="AGS 3.1")
        check_key(registration_id, own, score)
        key = (registration_id, reference, own, score.user_id)
        ts, made = to_micros(score.timestamp), score.stamp
        if made is None:
            # The stamp may move between attempts; what they are one attempt by must not.
            return cls(*key, ts, dump_payload(dated(score) if is_canvas(own) else score))
        payload = dump_payload(score)
        # Mostly the same instant: it is made of the reading.
        made_at = ts if made.made_at is score.timestamp else to_micros(made.made_at)
        return cls(*key, ts, payload, made.made_by, made_at, made.order, made.ticks)

    @property
    def key(self) -> tuple[str, str, str]:
        """
        Registration, line item, user: one row of the table.
        """
        return (self.registration_id, self.line_item, self.user_id)

    @property
    def score(self) -> Score:
        """
        The score as it was packed.
        """
        return _score(self, self.ts)


def _score(packed: Entry | StoredScore, ts: int, *, settled: bool = False) -> Score:
    stamp = None
    if packed.made_by is not None:
        at, order = from_micros(packed.made_at or packed.ts), packed.order or 0
        stamp = Stamp(from_micros(ts), packed.made_by, at, order, settled)
    return load_score(packed.payload, from_micros(ts), stamp)


@attrs.frozen
class StoredScore:
    """
    One row of the table: the latest score of one user for one line item.

    Attributes:
        registration_id: Your name for the registration.

        line_item: URL of the line item.

        user_id: Whose score it is.

        ts: The score's timestamp, microseconds since 1970.

        payload: The score as JSON; `score` reads it.

        wire_ts: The stamp that goes, or last went, over the wire. None: never tried.

        sent_ts: Latest stamp of which the platform said that it recorded it. None: none yet.

        state: See `State`.

        attempts: How often this score was tried, throttled attempts not counted.

        not_before: Unix time before which it is not tried again. 0: at once.

        last_error: Class and text of the last failure, free of grade data. None: there was none.

        unsure: An earlier attempt with this very score may have reached the platform.

        since: Unix time since when it is in this state; for one that is due, since when it was put.

        made_by, made_at, order: Who stamped it; as of `Entry`.

        deferrals: How often the platform has refused this score.

        waited: For how long it has failed, seconds; of a time without attempts a day at the most is counted.

        failed_at: Unix time of its last failure. 0: there was none.
    """

    registration_id: str
    line_item: str
    user_id: str = attrs.field(repr=False)
    ts: int
    payload: str = attrs.field(repr=False)
    wire_ts: int | None
    sent_ts: int | None
    state: State = attrs.field(converter=State)
    attempts: int
    not_before: float
    last_error: str | None
    unsure: bool = attrs.field(converter=bool)
    since: float
    made_by: str | None = None
    made_at: int | None = None
    order: int | None = None
    deferrals: int = 0
    waited: float = 0.0
    failed_at: float = 0.0

    @property
    def key(self) -> tuple[str, str, str]:
        """
        Registration, line item, user.
        """
        return (self.registration_id, self.line_item, self.user_id)

    @property
    def score(self) -> Score:
        """
        The score as it was put.
        """
        return _score(self, self.ts)

    @cached_property
    def wire_score(self) -> Score:
        """
        The score with the stamp that goes over the wire, which is settled: nobody moves it any more.
        """
        return _score(self, self.ts if self.wire_ts is None else self.wire_ts, settled=True)


@value
class Outcome:
    """
    What became of one attempt, for the store. It closes the row only if the row's `ts` is still this one.

    Attributes:
        ts: Stamp of the score that was tried.

        state: What the score waits for now.

        wire_ts: Latest stamp that the platform may hold now.

        not_before: Unix time before which it is not tried again.

        counted: False: the attempt is given back.

        unsure: The platform may hold this score although it did not say so.

        error: For the row. None: there is none.

        deferrals, waited, failed_at: For the row; as of `StoredScore`.

        attempt: For the journal. None: nothing.
    """

    registration_id: str
    line_item: str
    user_id: str = attrs.field(repr=False)
    ts: int
    state: State
    wire_ts: int
    not_before: float = 0.0
    counted: bool = True
    unsure: bool = False
    error: str | None = None
    deferrals: int = 0
    waited: float = 0.0
    failed_at: float = 0.0
    attempt: Attempt | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        """
        Registration, line item, user.
        """
        return (self.registration_id, self.line_item, self.user_id)


@attrs.frozen
class Block:
    """
    A platform that is to be left alone.

    Attributes:
        until: Unix time.

        reason: For people.
    """

    registration_id: str
    until: float
    reason: str

    def holds(self, now: float) -> bool:
        """
        True while it lasts.
        """
        return holds(self.until, now)


@attrs.frozen
class Deferral:
    """
    A line item that refuses everything: one score is tried now and again, each time another.

    Attributes:
        count: How many times in a row it was found so.

        at: Unix time of the last time.

        until: Unix time of the next try. A score that was put since then is tried sooner, `FIRST_DEFERRAL` after `at`.

        reason: Class and text of the refusal.

        waited: For how long it has refused, seconds, counted as in `StoredScore`.
    """

    count: int
    at: float
    until: float
    reason: str
    waited: float = 0.0

    def opens_for(self, state: State, now: float) -> float:
        """
        Return the Unix time from when on a row of a state may be tried; 0.0 when it may now.
        """
        at = self.at + FIRST_DEFERRAL if state is State.DUE else self.until
        return at if holds(at, now) else 0.0


@attrs.frozen
class DueItem:
    """
    A line item that has scores to send.

    Attributes:
        at: Unix time from when on; it may lie in the past.
    """

    registration_id: str
    line_item: str
    at: float


@attrs.frozen
class Taken:
    """
    Scores to send now, their attempt already counted and their stamps settled.

    Attributes:
        rows: At most as many as asked for.

        block: Why there are none although some are due. None: nothing holds them back.

        deferral: The line item refused everything when it was tried last. None: it did not.
    """

    rows: list[StoredScore]
    block: Block | None = None
    deferral: Deferral | None = None


@attrs.frozen
class Selection:
    """
    Which rows: those that fit everything that is not None.
    """

    registration_id: str | None = None
    line_item: str | None = None
    user_id: str | None = attrs.field(default=None, repr=False)
