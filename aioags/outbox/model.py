"""
The values of an outbox: what goes in, what is stored, what became of it.

Instants of scores are whole microseconds since 1970 (UTC), so that they compare exactly everywhere. Instants of the
outbox's own work are Unix time, float seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Any, Self

import attrs

from aioags.errors import NotOfferedError
from aioags.model.endpoint import Endpoint
from aioags.model.line_item import LineItem, item_url
from aioags.model.score import Score
from aioags.outbox.packing import check_key, pack_endpoint
from aioags.outbox.payload import dump_payload, load_score

SECOND = 1_000_000
"""Microseconds in a second."""

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


class State(StrEnum):
    """
    What a stored score waits for.
    """

    DUE = "due"
    """To be recorded by the platform."""

    SENT = "sent"
    """Nothing: the platform has it. The row stays for a while, because it remembers the last stamp."""

    DEAD = "dead"
    """Somebody: the platform refused it for good. A dead letter: kept with its reason until requeued or pruned."""


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
    """

    registration_id: str
    endpoint: str = attrs.field(repr=False)
    line_item: str
    user_id: str = attrs.field(repr=False)
    ts: int
    payload: str = attrs.field(repr=False)

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

            UntrustedURLError: The line item is of an origin that the endpoint does not name.

            ValueError: The key is longer than 2,500 bytes, or the timestamp does not lie before the year 9999.
        """
        if not isinstance(score, Score):
            raise TypeError(f"an outbox takes Scores, got {type(score).__name__}")
        reference, own = pack_endpoint(endpoint, item_url(line_item))
        if own is None:
            raise NotOfferedError("the endpoint has no line item of its own: pass line_item=", spec="AGS 3.1")
        check_key(registration_id, own, score)
        return cls(
            registration_id,
            reference,
            own,
            score.user_id,
            to_micros(score.timestamp),
            dump_payload(score),
        )

    @property
    def key(self) -> tuple[str, str, str]:
        """
        Registration, line item, user: one row of the table.
        """
        return (self.registration_id, self.line_item, self.user_id)


def newest(entries: Iterable[Entry]) -> list[Entry]:
    """
    Keep the entry with the latest stamp for each key, in the order of the keys, so that writers never wait in a circle.
    """
    kept: dict[tuple[str, str, str], Entry] = {}
    for entry in entries:
        if entry.key not in kept or entry.ts > kept[entry.key].ts:
            kept[entry.key] = entry
    return [kept[key] for key in sorted(kept)]


def wire_stamp(ts: int, wire_ts: int | None, unsure: bool, now: float) -> int:
    """
    Return the stamp for the first attempt with a score: its own, or a later whole second that a platform which compares
    whole seconds takes for newer than what it may hold.

    Args:
        wire_ts: Latest stamp that went over the wire for this user. None: none did.

        unsure: Nobody knows what became of that; without a value, the platform may have given it its own time.

        now: Unix time.
    """
    if wire_ts is None:
        return ts
    held = max(wire_ts, int(now * SECOND)) if unsure else wire_ts
    return max(ts, (held // SECOND + 1) * SECOND)


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
        return load_score(self.payload, from_micros(self.ts))

    @cached_property
    def wire_score(self) -> Score:
        """
        The score with the stamp that goes over the wire.
        """
        return load_score(self.payload, from_micros(self.ts if self.wire_ts is None else self.wire_ts))


@attrs.frozen
class Outcome:
    """
    What became of one attempt, for the store. It closes the row only if the row's `ts` is still this one.

    Attributes:
        ts: Stamp of the score that was tried.

        state: SENT, DUE (try again) or DEAD.

        wire_ts: Latest stamp that the platform may hold now.

        not_before: Unix time before which it is not tried again.

        counted: False: the attempt is given back.

        unsure: The platform may hold this score although it did not say so.

        error: For the row. None: there is none.
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
    """

    rows: list[StoredScore]
    block: Block | None = None


@attrs.frozen
class Selection:
    """
    Which rows: those that fit everything that is not None.
    """

    registration_id: str | None = None
    line_item: str | None = None
    user_id: str | None = attrs.field(default=None, repr=False)


@attrs.frozen
class PlatformStats:
    """
    The rows of one registration, counted.

    Attributes:
        due: Not recorded yet.

        delayed: How many of these wait for a later time.

        sent: Recorded, and not pruned yet.

        dead: Refused.

        oldest: Unix time when the oldest due score was put. None: none is due.

        block: Until when and why the platform is left alone. None: it is not.
    """

    registration_id: str
    due: int = 0
    delayed: int = 0
    sent: int = 0
    dead: int = 0
    oldest: float | None = None
    block: Block | None = None


@attrs.frozen
class Stats:
    """
    The whole outbox, counted.

    Attributes:
        platforms: One for each registration, by its id.
    """

    platforms: tuple[PlatformStats, ...] = ()

    @property
    def due(self) -> int:
        """
        Scores not recorded yet.
        """
        return sum(platform.due for platform in self.platforms)

    @property
    def delayed(self) -> int:
        """
        Due scores that wait for a later time.
        """
        return sum(platform.delayed for platform in self.platforms)

    @property
    def sent(self) -> int:
        """
        Scores recorded, and not pruned yet.
        """
        return sum(platform.sent for platform in self.platforms)

    @property
    def dead(self) -> int:
        """
        Scores refused for good.
        """
        return sum(platform.dead for platform in self.platforms)

    @property
    def oldest(self) -> float | None:
        """
        Unix time when the oldest due score was put. None: none is due.
        """
        return min((platform.oldest for platform in self.platforms if platform.oldest is not None), default=None)
