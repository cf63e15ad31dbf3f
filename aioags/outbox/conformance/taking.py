"""
What is taken: an attempt is noted before it is made, and its stamp is settled.
"""

from __future__ import annotations

from aioags.outbox.conformance.given import ITEM, NOW, TS, OpenStore, entry, outcome, take, take_one
from aioags.outbox.model import SECOND, State


class TakingTests:
    """
    Promises of `take`.
    """

    async def test_an_attempt_is_noted_before_it_is_made(self, open_store: OpenStore) -> None:
        """
        Whoever takes the row again knows that the first attempt may have landed, and sends the same stamp.
        """
        store = open_store()
        await store.put([entry()], now=NOW)
        first = await take_one(store)
        assert (first.attempts, first.wire_ts, first.unsure) == (1, TS, False)
        again = await take_one(open_store(), now=NOW + 100)
        assert (again.attempts, again.wire_ts, again.unsure) == (2, TS, True)

    async def test_take_is_bounded_and_passes_over_who_is_busy(self, open_store: OpenStore) -> None:
        """
        Busy users do not use up the limit.
        """
        store = open_store()
        users = [f"user-{number:02}" for number in range(20)]
        await store.put([entry(user) for user in users], now=NOW)
        first = {row.user_id for row in await take(store, limit=8)}
        assert len(first) == 8
        second = {row.user_id for row in await take(store, limit=8, busy=sorted(first))}
        assert len(second) == 8
        assert not first & second
        assert await take(store, busy=users) == []

    async def test_take_keeps_to_its_line_item(self, open_store: OpenStore) -> None:
        """
        And to its registration.
        """
        store = open_store()
        other = "https://lms.example/items/2"
        await store.put([entry("ada"), entry("bob", item=other), entry("eve", school="elsewhere")], now=NOW)
        assert [row.user_id for row in await take(store)] == ["ada"]
        assert [row.user_id for row in await take(store, item=other)] == ["bob"]
        assert await take(store, item="https://lms.example/items/3") == []

    async def test_a_row_waits_for_its_time(self, open_store: OpenStore) -> None:
        """
        And the line item is listed with that time.
        """
        store = open_store()
        await store.put([entry()], now=NOW)
        later = outcome(await take_one(store), State.DUE, not_before=NOW + 60, error="BrokenError: 500")
        await store.settle([later], now=NOW)
        assert await take(store, now=NOW + 59) == []
        assert [(item.line_item, item.at) for item in await store.due(now=NOW)] == [(ITEM, NOW + 60)]
        row = await take_one(store, now=NOW + 60)
        assert (row.attempts, row.last_error, row.unsure) == (2, "BrokenError: 500", False)

    async def test_an_attempt_can_be_given_back(self, open_store: OpenStore) -> None:
        """
        A throttled attempt does not count, and its stamp stays.
        """
        store = open_store()
        await store.put([entry()], now=NOW)
        await store.settle([outcome(await take_one(store), State.DUE, counted=False)], now=NOW)
        row = await take_one(store)
        assert (row.attempts, row.wire_ts, row.unsure) == (1, TS, False)

    async def test_an_unknown_end_is_remembered(self, open_store: OpenStore) -> None:
        """
        Until an attempt ends otherwise.
        """
        store = open_store()
        await store.put([entry()], now=NOW)
        await store.settle([outcome(await take_one(store), State.DUE, unsure=True)], now=NOW)
        row = await take_one(store)
        assert (row.unsure, row.wire_ts) == (True, TS)
        await store.settle([outcome(row, State.DUE)], now=NOW)
        assert not (await take_one(store)).unsure

    async def test_whole_seconds_rise_on_the_wire(self, open_store: OpenStore) -> None:
        """
        Moodle compares whole seconds: a newer score in the same second goes out with the next one.
        """
        store = open_store()
        await store.put([entry(ts=TS + 200_000)], now=NOW)
        await store.settle([outcome(await take_one(store))], now=NOW)
        await store.put([entry(ts=TS + 700_000)], now=NOW)
        second = await take_one(store)
        assert (second.ts, second.wire_ts) == (TS + 700_000, TS + SECOND)
        await store.settle([outcome(second)], now=NOW)
        await store.put([entry(ts=TS + 900_000)], now=NOW)
        third = await take_one(store)
        assert third.wire_ts == TS + 2 * SECOND
        await store.settle([outcome(third)], now=NOW)
        await store.put([entry(ts=TS + 3_500_000)], now=NOW)
        assert (await take_one(store)).wire_ts == TS + 3_500_000

    async def test_a_stamp_lies_behind_what_the_platform_may_hold(self, open_store: OpenStore) -> None:
        """
        A score without a value, taken late, gets the platform's own time (Moodle); the grade after it must be newer.
        """
        store = open_store()
        await store.put([entry()], now=NOW)
        await store.settle([outcome(await take_one(store), wire_ts=TS + 90 * SECOND + 1)], now=NOW + 90)
        await store.put([entry(ts=TS + 80 * SECOND)], now=NOW + 90)
        assert (await take_one(store, now=NOW + 90)).wire_ts == TS + 91 * SECOND

    async def test_after_an_unknown_end_the_next_score_is_stamped_later_than_now(self, open_store: OpenStore) -> None:
        """
        Nobody knows which time the platform holds. This is what a crash leaves behind.
        """
        store = open_store()
        await store.put([entry()], now=NOW)
        await take_one(store)
        await store.put([entry(ts=TS + 1)], now=NOW + 50.5)
        row = await take_one(store, now=NOW + 50.5)
        assert (row.ts, row.wire_ts, row.unsure) == (TS + 1, TS + 51 * SECOND, False)
