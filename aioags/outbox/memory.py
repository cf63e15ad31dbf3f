"""
The store for tests and simulations: the promises of `Store` in plain Python, with nothing on any disk.

It has no thread, no clock and no chance: what it does follows from the calls alone, in their order, and none of them
ever waits. So it suits a virtual clock, and what was seen once can be seen again.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import attrs

from aioags.outbox.attempt import Attempt
from aioags.outbox.erasing import Erased, is_of_course
from aioags.outbox.model import (
    SECOND,
    Block,
    Deferral,
    DueItem,
    Entry,
    Outcome,
    Selection,
    State,
    StoredScore,
    Taken,
    holds,
)
from aioags.outbox.order import Newest, stamp_over, wire_stamp
from aioags.outbox.rows import soonest
from aioags.outbox.stats import PlatformStats, Stats

_Key = tuple[str, str, str]
_WAITING = (State.DUE, State.DEFERRED)


@attrs.define
class Table:
    """
    What a `MemoryStore` holds: the database, so to say, of every store that is a handle on it.

    Attributes:
        rows: By (registration id, line item, user id).

        wire_for: For which score, by its timestamp, the stamp of a row was made.

        endpoints: JSON, by (registration id, line item).

        blocks: By registration id; those that are over stay.

        deferrals: Line items that refuse everything, by (registration id, line item).

        journal: Every attempt, by what tells it from others, in the order in which they were written; each with its
            number.

        written: Number of the last one.

        led: Some store drains in the background.
    """

    rows: dict[_Key, StoredScore] = attrs.field(factory=dict)
    wire_for: dict[_Key, int | None] = attrs.field(factory=dict)
    endpoints: dict[tuple[str, str], str] = attrs.field(factory=dict)
    blocks: dict[str, Block] = attrs.field(factory=dict)
    deferrals: dict[tuple[str, str], Deferral] = attrs.field(factory=dict)
    journal: dict[tuple[object, ...], tuple[int, Attempt]] = attrs.field(factory=dict)
    written: int = 0
    led: bool = False


@attrs.define(eq=False)
class MemoryStore:
    """
    Scores in memory, for tests and simulations: nothing survives the process.

    Attributes:
        table: What is stored. Give another store's to be a second handle on the same scores, as another process would
            have on the same file. By default a new one.

        leads: True while this is the one that drains in the background.

        closed: True once it was closed. Its table stays.
    """

    table: Table = attrs.field(factory=Table, repr=False)
    leads: bool = False
    closed: bool = False

    async def put(self, entries: Sequence[Entry], *, now: float) -> list[bool]:
        """
        Store scores.
        """
        newest = Newest.of(entries, now)
        stored: list[_Key] = []
        for entry in newest.entries:
            self.table.endpoints[entry.registration_id, entry.line_item] = entry.endpoint
            old = self.table.rows.get(entry.key)
            ts = entry.ts if old is None else stamp_over(entry, old, now)
            if ts is not None:
                stored.append(entry.key)
                self.table.rows[entry.key] = _put_over(old, attrs.evolve(entry, ts=ts), now)
        return newest.answers(len(entries), stored)

    async def due(self, *, now: float) -> list[DueItem]:
        """
        List the line items that have due scores.
        """
        return soonest((*row.key[:2], *self._times(row, now)) for row in self._in_state(*_WAITING))

    def _times(self, row: StoredScore, now: float) -> tuple[float, float]:
        block = self.table.blocks.get(row.key[0])
        held = block.until if block is not None and block.holds(now) else 0.0
        not_before = row.not_before if row.not_before <= now or holds(row.not_before, now) else 0.0
        return not_before, max(held, self._opens(row, now))

    def _opens(self, row: StoredScore, now: float) -> float:
        deferral = self.table.deferrals.get(row.key[:2])
        not_before = row.not_before if row.not_before <= now or holds(row.not_before, now) else 0.0
        return not_before if deferral is None else max(not_before, deferral.opens_for(row.state, now))

    async def endpoint(self, registration_id: str, line_item: str) -> str | None:
        """
        Return the JSON of the endpoint that was put last for a line item.
        """
        return self.table.endpoints.get((registration_id, line_item))

    async def take(
        self,
        registration_id: str,
        line_item: str,
        *,
        now: float,
        limit: int,
        busy: Collection[str] = (),
        probe: bool = False,
    ) -> Taken:
        """
        Begin an attempt with due scores of one line item.
        """
        place = (registration_id, line_item)
        due = [
            row
            for row in self._in_state(*_WAITING)
            if row.key[:2] == place and self._opens(row, now) <= now and row.user_id not in busy
        ]
        block = self.table.blocks.get(registration_id)
        if due and block is not None and block.holds(now):
            return Taken([], block)
        due.sort(key=lambda row: (row.attempts if probe else 0, row.state is State.DEFERRED, row.not_before))
        return Taken([self._begin(row, now) for row in due[:limit]], deferral=self.table.deferrals.get(place))

    def _begin(self, row: StoredScore, now: float) -> StoredScore:
        again = self.table.wire_for.get(row.key) == row.ts
        wire = row.wire_ts if again else wire_stamp(row.ts, row.wire_ts, row.unsure, now)
        self.table.wire_for[row.key] = row.ts
        self.table.rows[row.key] = attrs.evolve(row, wire_ts=wire, attempts=row.attempts + 1, unsure=True)
        return attrs.evolve(self.table.rows[row.key], unsure=row.unsure and again)

    async def settle(self, outcomes: Sequence[Outcome], *, now: float) -> None:
        """
        Store what became of attempts.
        """
        for outcome in outcomes:
            row = self.table.rows.get(outcome.key)
            if row is not None:
                # Before the row is changed: until it is, it knows only of attempts with itself.
                self._note(row, outcome.attempt)
                self.table.rows[outcome.key] = self._settled(row, outcome, now)

    def _note(self, row: StoredScore, attempt: Attempt | None) -> None:
        if attempt is not None and row.wire_ts is not None:
            self.table.written += 1
            self.table.journal.setdefault(attempt.identity, (self.table.written, attempt))

    def _settled(self, row: StoredScore, outcome: Outcome, now: float) -> StoredScore:
        unsure = outcome.unsure if self.table.wire_for.get(row.key) == outcome.ts else row.unsure
        row = attrs.evolve(row, wire_ts=max(row.wire_ts or 0, outcome.wire_ts), unsure=unsure)
        if outcome.state is State.SENT:
            row = attrs.evolve(row, sent_ts=max(row.sent_ts or 0, outcome.ts))
        if row.ts > outcome.ts and row.state is outcome.state is State.SENT:
            return attrs.evolve(row, state=State.DUE, since=now, attempts=0, deferrals=0, waited=0.0, unsure=True)
        if row.ts != outcome.ts or (row.state is State.SENT and outcome.state is not State.SENT):
            return row
        return attrs.evolve(
            row,
            state=outcome.state,
            since=row.since if outcome.state in _WAITING else now,
            attempts=row.attempts - (not outcome.counted),
            not_before=outcome.not_before,
            last_error=outcome.error,
            deferrals=outcome.deferrals,
            waited=outcome.waited,
            failed_at=outcome.failed_at,
        )

    async def block(self, block: Block, *, now: float) -> None:
        """
        Leave a platform alone until a time.
        """
        known = self.table.blocks.get(block.registration_id)
        if known is None or block.until > known.until or not known.holds(now):
            self.table.blocks[block.registration_id] = block

    async def delay(self, registration_id: str, line_item: str, until: float) -> None:
        """
        Try the due scores of one line item not before a time.
        """
        for row in self._in_state(State.DUE):
            if (row.registration_id, row.line_item) == (registration_id, line_item) and row.not_before < until:
                self.table.rows[row.key] = attrs.evolve(row, not_before=until)

    async def defer(self, registration_id: str, line_item: str, deferral: Deferral) -> int:
        """
        Note that a line item refuses everything: all its due scores are deferred.
        """
        self.table.deferrals[registration_id, line_item] = deferral
        due = [row for row in self._in_state(State.DUE) if row.key[:2] == (registration_id, line_item)]
        for row in due:
            self.table.rows[row.key] = attrs.evolve(row, state=State.DEFERRED, last_error=deferral.reason)
        return len(due)

    async def lift(self, registration_id: str, line_item: str) -> int:
        """
        Note that a line item takes scores again: all its deferred ones are due.
        """
        self.table.deferrals.pop((registration_id, line_item), None)
        deferred = [row for row in self._in_state(State.DEFERRED) if row.key[:2] == (registration_id, line_item)]
        for row in deferred:
            self.table.rows[row.key] = attrs.evolve(row, state=State.DUE, not_before=0.0)
        return len(deferred)

    async def stats(self, *, now: float) -> Stats:
        """
        Count the rows.
        """
        blocks = {name: block for name, block in self.table.blocks.items() if block.holds(now)}
        names = sorted({*blocks, *(key[0] for key in self.table.rows)})
        return Stats(tuple(self._counted(name, now, blocks.get(name)) for name in names))

    def _counted(self, name: str, now: float, block: Block | None) -> PlatformStats:
        due, deferred, sent, dead = (
            [row for row in self._in_state(state) if row.registration_id == name]
            for state in (State.DUE, State.DEFERRED, State.SENT, State.DEAD)
        )
        delayed = sum(holds(row.not_before, now) for row in due)
        unknown = sum(row.unsure for row in dead)
        oldest = min((row.since for row in due), default=None)
        dead_surely = len(dead) - unknown
        return PlatformStats(name, len(due), delayed, len(deferred), len(sent), dead_surely, unknown, oldest, block)

    async def listed(
        self, selection: Selection, state: State, *, after: _Key | None = None, limit: int = 500
    ) -> list[StoredScore]:
        """
        List rows of a state, by key, one page.
        """
        rows = [
            row
            for row in self._in_state(state)
            if _fits(row, selection) and (row.last_error is not None or state is not State.DUE)
        ]
        return [row for row in sorted(rows, key=lambda row: row.key) if after is None or row.key > after][:limit]

    async def retry(self, selection: Selection, *, now: float, restamp: bool = False, waiting: bool = False) -> int:
        """
        Make dead and deferred rows due again, and lift what holds them back.
        """
        for name in list(self.table.blocks):
            if selection.registration_id in (None, name):
                del self.table.blocks[name]
        for row in [row for row in self.table.rows.values() if _fits(row, selection)]:
            self.table.deferrals.pop(row.key[:2], None)
        late = [row for row in self._in_state(State.DUE) if waiting and row.not_before > now and _fits(row, selection)]
        for row in late:
            self.table.rows[row.key] = attrs.evolve(row, not_before=0.0)
        given_up = [row for row in self._in_state(State.DEAD, State.DEFERRED) if _fits(row, selection)]
        for row in given_up:
            fresh = attrs.evolve(
                row, state=State.DUE, since=now, attempts=0, not_before=0.0, deferrals=0, waited=0.0, failed_at=0.0
            )
            if restamp:
                self.table.wire_for[row.key] = None
                fresh = attrs.evolve(fresh, wire_ts=max(row.wire_ts or 0, int(now * SECOND)), made_by=None)
            self.table.rows[row.key] = fresh
        return len(given_up) + len(late)

    async def prune(self, *, before: float, dead: bool = False) -> int:
        """
        Delete rows that are done since before a time, and line items without any.
        """
        states = [State.SENT, State.DEAD] if dead else [State.SENT]
        gone = [row for state in states for row in self._in_state(state) if row.since < before]
        self._forget(gone)
        used = {key[:2] for key in self.table.rows} | {attempt.key[:2] for _, attempt in self.table.journal.values()}
        self.table.endpoints = {place: text for place, text in self.table.endpoints.items() if place in used}
        self.table.deferrals = {place: deferral for place, deferral in self.table.deferrals.items() if place in used}
        return len(gone)

    async def attempts(self, selection: Selection, *, after: int = 0, limit: int = 500) -> list[tuple[int, Attempt]]:
        """
        List what the journal holds, in the order in which it was written, one page.
        """
        written = self.table.journal.values()
        return [one for one in written if one[0] > after and _fits(one[1], selection)][:limit]

    async def last_sent(
        self, registration_id: str, line_item: str, *, after: str = "", limit: int = 500
    ) -> list[Attempt]:
        """
        List, of each user of a line item, the attempt that was recorded last and every later one of which nobody knows.
        """
        last: dict[str, list[Attempt]] = {}
        for _, attempt in self.table.journal.values():
            if attempt.key[:2] == (registration_id, line_item) and attempt.recorded is not False:
                before = [] if attempt.recorded else last.get(attempt.user_id, [])
                last[attempt.user_id] = [*before, attempt]
        users = [user_id for user_id in sorted(last) if user_id > after][:limit]
        return [attempt for user_id in users for attempt in last[user_id]]

    async def prune_attempts(self, *, before: float) -> int:
        """
        Delete from the journal what ended before a time.
        """
        return self._strike([one for _, one in self.table.journal.values() if one.at.timestamp() < before])

    def _strike(self, attempts: list[Attempt]) -> int:
        for attempt in attempts:
            del self.table.journal[attempt.identity]
        return len(attempts)

    def _forget(self, rows: list[StoredScore]) -> None:
        for row in rows:
            del self.table.rows[row.key]
            # Or a score with the stamp of one that is forgotten would count as tried before.
            self.table.wire_for.pop(row.key, None)

    async def erase(
        self,
        registration_id: str,
        *,
        user_id: str | None = None,
        line_item: str | None = None,
        lineitems: str | None = None,
    ) -> Erased:
        """
        Delete rows in whatever state: those that fit everything that is given.
        """
        places = {
            place
            for place, endpoint in self.table.endpoints.items()
            if place[0] == registration_id and line_item in (None, place[1]) and is_of_course(endpoint, lineitems)
        }
        rows = [row for row in self.table.rows.values() if row.key[:2] in places and user_id in (None, row.user_id)]
        self._forget(rows)
        written = [one for _, one in self.table.journal.values() if one.key[:2] in places]
        struck = self._strike([one for one in written if user_id in (None, one.user_id)])
        if user_id is not None:
            return Erased(len(rows), attempts=struck)
        for place in places:
            del self.table.endpoints[place]
            self.table.deferrals.pop(place, None)
        if line_item is lineitems is None:
            self.table.blocks.pop(registration_id, None)
        return Erased(len(rows), len(places), attempts=struck)

    async def lead(self) -> bool:
        """
        Try to become the one store of its table that drains in the background. True: it is this one, until `aclose`.
        """
        if not self.table.led:
            self.table.led = self.leads = True
        return self.leads

    async def aclose(self) -> None:
        """
        Let another store of its table drain it. Can be called twice.
        """
        if self.leads:
            self.table.led = self.leads = False
        self.closed = True

    def _in_state(self, *states: State) -> list[StoredScore]:
        return [row for row in self.table.rows.values() if row.state in states]


def _put_over(old: StoredScore | None, entry: Entry, now: float) -> StoredScore:
    return StoredScore(
        *entry.key,
        entry.ts,
        entry.payload,
        old.wire_ts if old else None,
        old.sent_ts if old else None,
        State.DUE,
        0,
        0.0,
        None,
        old.unsure if old else False,
        now,
        entry.made_by,
        entry.made_at,
        entry.order,
    )


def _fits(row: StoredScore | Attempt, selection: Selection) -> bool:
    wanted = (selection.registration_id, selection.line_item, selection.user_id)
    return all(want in (None, value) for want, value in zip(wanted, row.key, strict=True))
