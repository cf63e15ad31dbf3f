"""
What the journal holds: written with the settlement, once, and never of somebody who was erased.
"""

from __future__ import annotations

from decimal import Decimal

import attrs
import pytest

from aioags.model.checks import Number
from aioags.model.endpoint import Endpoint
from aioags.model.progress import ActivityProgress, GradingProgress, Scope
from aioags.outbox.attempt import Attempt
from aioags.outbox.conformance.given import ITEM, NOW, SCHOOL, TS, OpenStore, entry, outcome, take, take_one
from aioags.outbox.erasing import Erased
from aioags.outbox.model import SECOND, Entry, Selection, State, StoredScore, from_micros
from aioags.outbox.store import Store

COURSE = "https://lms.example/courses/1/items"
OTHER = "https://lms.example/items/2"
OF_SCHOOL = Selection(SCHOOL)


def attempt_with(row: StoredScore, *, at: float = NOW, recorded: bool | None = True, points: Number = 1) -> Attempt:
    """
    Make an attempt with a row.
    """
    return Attempt(
        *row.key,
        from_micros(int(at * SECOND)),
        from_micros(row.wire_ts or row.ts),
        points,
        10,
        ActivityProgress.COMPLETED,
        GradingProgress.FULLY_GRADED,
        recorded,
        recorded is True,
        reason=None if recorded else "BrokenError: 503",
        status=None if recorded else 503,
    )


async def send(store: Store, *entries: Entry, at: float = NOW, recorded: bool | None = True) -> None:
    """
    Put scores, and settle an attempt with each, of one line item after the other.
    """
    await store.put(entries, now=at)
    for school, item in dict.fromkeys((each.registration_id, each.line_item) for each in entries):
        rows = (await store.take(school, item, now=at, limit=100)).rows
        state = State.SENT if recorded else State.DUE
        outcomes = [outcome(row, state, attempt=attempt_with(row, at=at, recorded=recorded)) for row in rows]
        await store.settle(outcomes, now=at)


async def told(store: Store, selection: Selection = OF_SCHOOL) -> list[Attempt]:
    """
    Return what the journal holds.
    """
    return [attempt for _, attempt in await store.attempts(selection)]


class NotingTests:
    """
    Promises of `settle`, `attempts`, `last_sent` and `prune_attempts`.
    """

    @pytest.mark.parametrize("points", [0, 83, 8.5, 1 / 3, Decimal("0.10"), Decimal("1E+2"), None])
    async def test_an_attempt_is_read_as_it_was_written(self, open_store: OpenStore, points: Number | None) -> None:
        """
        Numbers exactly, and nothing made of what was not there.
        """
        store = open_store()
        await store.put([entry()], now=NOW)
        row = await take_one(store)
        full = attrs.evolve(
            attempt_with(row, at=NOW + 0.25, recorded=None),
            score_given=points,
            score_maximum=points,
            requests=3,
            comment_digest="d" * 32,
            comment="Gut gemacht, \N{GRINNING FACE}",
        )
        await store.settle([outcome(row, State.DUE, attempt=full)], now=NOW)
        (read,) = await told(open_store())
        assert read == full
        assert (str(read.score_given), read.recorded) == (str(points), None)

    async def test_it_is_written_with_the_settlement_and_once(self, open_store: OpenStore) -> None:
        """
        Who was not told that it is settled tells it again.
        """
        store = open_store()
        await store.put([entry()], now=NOW)
        row = await take_one(store)
        assert await told(store) == []
        later = outcome(row, State.DUE, not_before=NOW, attempt=attempt_with(row, recorded=False))
        await store.settle([later], now=NOW)
        await store.settle([later], now=NOW + 1)
        assert await told(store) == [later.attempt]
        again = await take_one(store)
        await store.settle([outcome(again, attempt=attempt_with(again, at=NOW + 2))], now=NOW + 2)
        assert [each.recorded for each in await told(store)] == [False, True]

    async def test_an_outcome_without_an_attempt_writes_nothing(self, open_store: OpenStore) -> None:
        """
        It was given back, or there is no journal.
        """
        store = open_store()
        await store.put([entry("ada"), entry("bob")], now=NOW)
        ada, bob = sorted(await take(store), key=lambda row: row.user_id)
        await store.settle([outcome(ada), outcome(bob, attempt=attempt_with(bob))], now=NOW)
        assert [each.user_id for each in await told(store)] == ["bob"]
        assert (await store.stats(now=NOW)).sent == 2

    async def test_an_attempt_that_was_overtaken_is_written(self, open_store: OpenStore) -> None:
        """
        A newer score was put meanwhile: what was sent was sent.
        """
        store = open_store()
        await store.put([entry()], now=NOW)
        row = await take_one(store)
        await store.put([entry(ts=TS + 5)], now=NOW)
        await store.settle([outcome(row, attempt=attempt_with(row))], now=NOW)
        assert [each.timestamp for each in await told(store)] == [from_micros(TS)]

    async def test_who_was_erased_gets_no_history(self, open_store: OpenStore) -> None:
        """
        Neither when an attempt ends afterwards, nor by a score that was put anew.
        """
        store, drainer = open_store(), open_store()
        await store.put([entry("ada"), entry("bob")], now=NOW)
        rows = await take(drainer)
        await store.erase(SCHOOL, user_id="ada")
        await store.erase(SCHOOL, user_id="bob")
        await store.put([entry("bob", ts=TS + 5)], now=NOW)
        await drainer.settle([outcome(row, attempt=attempt_with(row)) for row in rows], now=NOW)
        assert await told(store) == []

    async def test_it_is_listed_by_whose_it_is_and_page_by_page(self, open_store: OpenStore) -> None:
        """
        In the order in which it was written.
        """
        store = open_store()
        for turn in range(3):
            everybody = [entry("ada", TS + turn), entry("bob", TS + turn), entry("ada", TS + turn, item=OTHER)]
            await send(store, *everybody, entry("ada", TS + turn, school="elsewhere"), at=NOW + turn)
        assert len(await told(store)) == 9
        assert [each.at.timestamp() - NOW for each in await told(store, Selection(SCHOOL, ITEM, "ada"))] == [0, 1, 2]
        assert {each.key for each in await told(store, Selection(SCHOOL, OTHER))} == {(SCHOOL, OTHER, "ada")}
        assert {each.line_item for each in await told(store, Selection(SCHOOL, None, "ada"))} == {ITEM, OTHER}
        pages, after = [], 0
        while page := await store.attempts(OF_SCHOOL, after=after, limit=4):
            pages.append([attempt for _, attempt in page])
            after = page[-1][0]
        assert [len(page) for page in pages] == [4, 4, 1]
        assert [attempt for page in pages for attempt in page] == await told(store)

    async def test_what_was_sent_last_to_each_user(self, open_store: OpenStore) -> None:
        """
        What was recorded last, and what may stand there since; what was refused never stood there.
        """
        store = open_store()
        await send(store, entry("bob"), entry("ada"), entry("eve", item=OTHER), entry("joe", school="elsewhere"))
        await send(store, entry("ada", TS + 5), at=NOW + 5)
        for turn in range(2):
            await send(store, entry("bob", TS + 9), at=NOW + 9 + turn, recorded=None)
        await send(store, entry("cat", TS + 20), at=NOW + 20, recorded=False)
        await send(store, entry("zoe", TS + 30), at=NOW + 30, recorded=None)
        last = await store.last_sent(SCHOOL, ITEM)
        assert [(each.user_id, each.recorded, each.at.timestamp() - NOW) for each in last] == [
            ("ada", True, 5),
            *(("bob", True, 0), ("bob", None, 9), ("bob", None, 10), ("bob", None, 30)),
            *(("cat", None, 30), ("zoe", None, 30)),
        ]
        pages, after = [], ""
        while page := await store.last_sent(SCHOOL, ITEM, after=after, limit=2):
            pages.append(page)
            after = page[-1].user_id
        assert [len(page) for page in pages] == [5, 2]
        assert [each for page in pages for each in page] == last

    async def test_what_is_old_is_forgotten(self, open_store: OpenStore) -> None:
        """
        Whatever became of its row.
        """
        store = open_store()
        await send(store, entry("ada"), entry("bob"))
        await send(store, entry("ada", TS + 5), at=NOW + 5)
        assert await store.prune_attempts(before=NOW) == 0
        assert await store.prune_attempts(before=NOW + 1) == 2
        assert [each.at.timestamp() - NOW for each in await told(store)] == [5]
        assert (await store.stats(now=NOW)).sent == 2

    async def test_it_outlives_the_rows(self, open_store: OpenStore) -> None:
        """
        And is still known to be of its course.
        """
        store = open_store()
        given = Entry.of(SCHOOL, Endpoint(COURSE, ITEM, [Scope.SCORE]), entry().score)
        await send(store, given)
        assert await store.prune(before=NOW + 1) == 1
        assert len(await told(store)) == 1
        assert await store.erase(SCHOOL, lineitems=f"{COURSE}/2") == Erased()
        assert await store.erase(SCHOOL, lineitems=COURSE) == Erased(0, 1, attempts=1)
        assert await told(store) == []

    @pytest.mark.parametrize(
        "whose, left",
        [
            ({"user_id": "ada"}, {"bob": 1}),
            ({"user_id": "ada", "line_item": OTHER}, {"ada": 2, "bob": 1}),
            ({"line_item": ITEM}, {"ada": 1}),
            ({}, {}),
        ],
    )
    async def test_it_is_erased_with_the_rows(
        self, open_store: OpenStore, whose: dict[str, str], left: dict[str, int]
    ) -> None:
        """
        A person, a person in a column, a column, a registration; and nobody else's.
        """
        store = open_store()
        await send(store, entry("ada"), entry("bob"), entry("ada", item=OTHER), entry("ada", school="elsewhere"))
        await send(store, entry("ada", TS + 5), at=NOW + 5)
        erased = await store.erase(SCHOOL, **whose)
        kept = [each.user_id for each in await told(open_store())]
        assert {user_id: kept.count(user_id) for user_id in kept} == left
        assert erased.attempts == 4 - len(kept)
        assert len(await told(store, Selection("elsewhere"))) == 1

    async def test_attempts_do_not_show_whose_they_are(self, open_store: OpenStore) -> None:
        """
        Their text may reach a log.
        """
        store = open_store()
        await store.put([entry("ada-lovelace")], now=NOW)
        row = await take_one(store)
        attempt = attrs.evolve(attempt_with(row, points=7.25), comment="Well done", comment_digest="abc123")
        settled = outcome(row, attempt=attempt)
        await store.settle([settled], now=NOW)
        for shown in (repr(settled), repr(await store.attempts(OF_SCHOOL))):
            for secret in ("ada-lovelace", "7.25", "Well done", "abc123"):
                assert secret not in shown
