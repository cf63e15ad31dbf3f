"""
What is put: the latest stamp wins, and nothing is lost.
"""

from __future__ import annotations

import asyncio
from datetime import datetime

from aioags.outbox.conformance.given import NOW, TS, OpenStore, entry, outcome, stamped, take, take_one
from aioags.outbox.model import SECOND, State


class PuttingTests:
    """
    Promises of `put`.
    """

    async def test_a_score_that_was_put_is_due(self, open_store: OpenStore) -> None:
        """
        It comes back as it was given.
        """
        store = open_store()
        given = entry("ada", points=8.5)
        assert await store.put([given], now=NOW) == [True]
        row = await take_one(store)
        assert (row.registration_id, row.line_item, row.user_id) == given.key
        assert (row.ts, row.payload, row.state, row.sent_ts) == (TS, given.payload, State.DUE, None)
        assert row.score.score_given == 8.5
        assert row.score.timestamp == datetime.fromisoformat("2027-01-15T08:00:00+00:00")

    async def test_texts_of_any_kind_come_back(self, open_store: OpenStore) -> None:
        """
        User ids are anything but blank.
        """
        store = open_store()
        users = ["ü", "学生", "🎓", "o'neil; --", 'q"uote', "%s %(x)s {}", "a" * 255]
        assert all(await store.put([entry(user) for user in users], now=NOW))
        assert {row.user_id for row in await take(store)} == set(users)

    async def test_the_later_stamp_wins_whatever_comes_last(self, open_store: OpenStore) -> None:
        """
        Equal and earlier stamps change nothing.
        """
        store = open_store()
        assert await store.put([entry(ts=TS, points=1)], now=NOW) == [True]
        assert await store.put([entry(ts=TS, points=2)], now=NOW) == [False]
        assert await store.put([entry(ts=TS - 1, points=3)], now=NOW) == [False]
        assert (await take_one(store)).score.score_given == 1
        assert await store.put([entry(ts=TS + 1, points=4)], now=NOW) == [True]
        assert (await take_one(store)).score.score_given == 4

    async def test_the_latest_of_one_batch_wins(self, open_store: OpenStore) -> None:
        """
        A batch may hold a user several times, in any order.
        """
        store = open_store()
        batch = [entry(ts=TS + 1, points=1), entry(ts=TS + 3, points=3), entry(ts=TS + 2, points=2), entry("bob")]
        assert await store.put(batch, now=NOW) == [False, True, False, True]
        points = {row.user_id: row.score.score_given for row in await take(store)}
        assert points == {"ada": 3, "bob": 1}

    async def test_an_empty_batch_is_nothing(self, open_store: OpenStore) -> None:
        """
        Neither to put nor to settle.
        """
        store = open_store()
        assert await store.put([], now=NOW) == []
        await store.settle([], now=NOW)
        assert (await store.stats(now=NOW)).platforms == ()

    async def test_what_was_sent_keeps_older_scores_out(self, open_store: OpenStore) -> None:
        """
        The row remembers the latest stamp after it was sent.
        """
        store = open_store()
        await store.put([entry()], now=NOW)
        await store.settle([outcome(await take_one(store))], now=NOW)
        assert await store.put([entry(ts=TS - 1), entry("bob")], now=NOW) == [False, True]
        assert [row.user_id for row in await take(store)] == ["bob"]

    async def test_a_newer_score_makes_any_row_due_afresh(self, open_store: OpenStore) -> None:
        """
        Sent, dead or waiting for its time: the new score has failed at nothing yet.
        """
        store = open_store()
        await store.put([entry("sent"), entry("dead"), entry("waiting")], now=NOW)
        rows = {row.user_id: row for row in await take(store)}
        outcomes = [
            outcome(rows["sent"]),
            outcome(rows["dead"], State.DEAD, error="refused"),
            outcome(rows["waiting"], State.DUE, not_before=NOW + 60, error="failed"),
        ]
        await store.settle(outcomes, now=NOW)
        assert await take(store) == []
        later = TS + 5 * SECOND
        assert all(await store.put([entry(user, later) for user in rows], now=NOW))
        taken = await take(store)
        assert {row.user_id for row in taken} == set(rows)
        assert {(row.attempts, row.last_error, row.unsure, row.wire_ts) for row in taken} == {(1, None, False, later)}

    async def test_what_was_put_outlives_its_handle(self, open_store: OpenStore) -> None:
        """
        Closed or not, another handle sees it.
        """
        store = open_store()
        await store.put([entry()], now=NOW)
        await store.aclose()
        await store.aclose()
        assert (await take_one(open_store())).user_id == "ada"

    async def test_many_writers_at_once_leave_the_latest(self, open_store: OpenStore) -> None:
        """
        Two handles, many callers, stamps in disorder.
        """
        stores = [open_store(), open_store()]
        stamps = [(number * 37) % 100 for number in range(100)]
        answers = await asyncio.gather(
            *(
                stores[place % 2].put([entry("ada", TS + stamp, stamp), entry("bob", TS - stamp, stamp)], now=NOW)
                for place, stamp in enumerate(stamps)
            )
        )
        assert answers[stamps.index(99)][0]
        points = {row.user_id: row.score.score_given for row in await take(stores[0])}
        assert points == {"ada": 99, "bob": 0}

    async def test_a_row_remembers_who_stamped_its_score(self, open_store: OpenStore) -> None:
        """
        So that the score that is read is the one that was put, stamp and all.
        """
        store = open_store()
        given = stamped("a", 7, TS + 3, made_at=TS)
        await store.put([given, entry("bob")], now=NOW)
        rows = {row.user_id: row for row in await take(store)}
        ada, bob = rows["ada"], rows["bob"]
        assert (ada.made_by, ada.made_at, ada.order, ada.score.stamp) == ("a", TS, 7, given.score.stamp)
        assert (ada.score.is_auto_stamped, ada.wire_score.is_auto_stamped) == (True, False)
        assert (ada.wire_score.stamped_by, ada.wire_score.timestamp) == ("a", ada.score.timestamp)
        assert (bob.made_by, bob.made_at, bob.order, bob.score.stamp) == (None, None, None, None)

    async def test_scores_of_one_process_are_in_the_order_of_their_making(self, open_store: OpenStore) -> None:
        """
        Whatever its clock did: one that stepped back makes no grade older, one that stepped ahead none newer.
        """
        store = open_store()
        assert await store.put([stamped("a", 2, TS, 1)], now=NOW) == [True]
        assert await store.put([stamped("a", 3, TS - 9 * SECOND, 2)], now=NOW) == [True]
        row = await take_one(store)
        assert (row.ts, row.score.score_given, row.order) == (TS + 1, 2, 3)
        assert await store.put([stamped("a", 1, TS + 9 * SECOND, 3)], now=NOW) == [False]
        assert await store.put([stamped("a", 3, TS - 9 * SECOND, 2)], now=NOW) == [False], "the same again"
        assert (await take_one(store)).score.score_given == 2

    async def test_of_two_processes_the_one_that_put_last_is_newer(self, open_store: OpenStore) -> None:
        """
        If it made its score a moment ago: clocks differ. One that comes late is compared by its timestamp.
        """
        store = open_store()
        assert await store.put([stamped("ahead", 1, TS + 2 * SECOND, 50)], now=NOW) == [True]
        assert await store.put([stamped("b", 1, TS, 80)], now=NOW + 60) == [True]
        row = await take_one(store)
        assert (row.ts, row.score.score_given, row.made_by) == (TS + 2 * SECOND + 1, 80, "b")
        assert await store.put([stamped("c", 1, TS, 90)], now=NOW + 61) == [False]
        assert await store.put([stamped("c", 2, TS + 9 * SECOND, 95)], now=NOW + 600) == [True]
        assert (await take_one(store)).score.score_given == 95

    async def test_a_timestamp_of_the_callers_own_keeps_its_meaning(self, open_store: OpenStore) -> None:
        """
        It is compared as it is; what the package stamps afterwards goes past it.
        """
        store = open_store()
        assert await store.put([stamped("a", 1, TS)], now=NOW) == [True]
        assert await store.put([entry(ts=TS - 1)], now=NOW) == [False]
        assert await store.put([entry(ts=TS + 90 * SECOND, points=2)], now=NOW) == [True]
        assert (await take_one(store)).ts == TS + 90 * SECOND
        assert await store.put([stamped("a", 2, TS, 3)], now=NOW) == [True]
        row = await take_one(store)
        assert (row.ts, row.score.score_given) == (TS + 90 * SECOND + 1, 3)

    async def test_one_batch_is_as_several_puts(self, open_store: OpenStore) -> None:
        """
        Of each user the newest is stored, with a stamp later than the others'.
        """
        store = open_store()
        batch = [
            stamped("a", 2, TS + 2, 1),
            stamped("a", 1, TS + 5, 2),
            stamped("b", 1, TS, 3),
            entry(ts=TS + 1, points=4),
            stamped("a", 1, TS, 5, user="bob"),
        ]
        assert await store.put(batch, now=NOW) == [False, False, True, False, True]
        rows = {row.user_id: row for row in await take(store)}
        assert (rows["ada"].score.score_given, rows["ada"].ts, rows["bob"].ts) == (3, TS + 3, TS)
