"""
What is settled: a row is closed only by the score that it holds, and dead rows can be tried again.
"""

from __future__ import annotations

from aioags.outbox.conformance.given import ITEM, NOW, SCHOOL, TS, OpenStore, entry, kill, outcome, take, take_one
from aioags.outbox.model import SECOND, Selection, State


class SettlingTests:
    """
    Promises of `settle`, `listed` and `retry`.
    """

    async def test_a_score_put_during_the_post_of_an_older_one_stays_due(self, open_store: OpenStore) -> None:
        """
        `settle` closes a row only if its score is the one that was sent.
        """
        store = open_store()
        await store.put([entry(points=1)], now=NOW)
        old = await take_one(store)
        await store.put([entry(ts=TS + 1, points=2)], now=NOW)
        await store.settle([outcome(old)], now=NOW)
        new = await take_one(store)
        assert (new.score.score_given, new.wire_ts, new.sent_ts) == (2, TS + SECOND, TS)
        assert (new.attempts, new.unsure) == (1, False)

    async def test_a_refusal_of_the_older_score_leaves_the_newer_one_alone(self, open_store: OpenStore) -> None:
        """
        Nor does its wait hold the newer one back.
        """
        store = open_store()
        await store.put([entry("ada"), entry("bob")], now=NOW)
        ada, bob = sorted(await take(store), key=lambda row: row.user_id)
        await store.put([entry("ada", TS + 1), entry("bob", TS + 1)], now=NOW)
        outcomes = [outcome(ada, State.DEAD, error="refused"), outcome(bob, State.DUE, not_before=NOW + 60, error="x")]
        await store.settle(outcomes, now=NOW)
        assert {(row.user_id, row.ts, row.last_error) for row in await take(store)} == {
            ("ada", TS + 1, None),
            ("bob", TS + 1, None),
        }
        assert await store.listed(Selection(), State.DEAD) == []

    async def test_a_sent_row_is_closed(self, open_store: OpenStore) -> None:
        """
        It is neither due nor failed, and counted as sent.
        """
        store = open_store()
        await store.put([entry()], now=NOW)
        await store.settle([outcome(await take_one(store))], now=NOW)
        assert await take(store) == []
        assert await store.due(now=NOW) == []
        stats = await store.stats(now=NOW)
        assert (stats.due, stats.sent, stats.dead, stats.oldest) == (0, 1, 0, None)

    async def test_what_was_recorded_stays_recorded(self, open_store: OpenStore) -> None:
        """
        A worker that was taken for dead may come back, and hear that the score it posts is stale.
        """
        store = open_store()
        await store.put([entry("ada"), entry("bob")], now=NOW)
        first, again = await take(store), await take(store)
        await store.settle([outcome(row) for row in again], now=NOW)
        ada, bob = sorted(first, key=lambda row: row.user_id)
        later = outcome(bob, State.DUE, not_before=NOW, error="lost")
        await store.settle([outcome(ada, State.DEAD, error="stale"), later], now=NOW)
        stats = await store.stats(now=NOW)
        assert (stats.due, stats.sent, stats.dead) == (0, 2, 0)

    async def test_the_end_of_an_older_attempt_says_nothing_of_a_newer_one(self, open_store: OpenStore) -> None:
        """
        Of two drains that should not have been, one may die: what its attempt left stays unknown.
        """
        store = open_store()
        await store.put([entry(points=1)], now=NOW)
        old = await take_one(store)
        await store.put([entry(ts=TS + 1, points=2)], now=NOW)
        await take_one(store)
        await store.settle([outcome(old)], now=NOW)
        assert (await take_one(store)).unsure

    async def test_a_score_that_an_older_one_came_after_goes_out_again(self, open_store: OpenStore) -> None:
        """
        With its stamp, so that a platform which compares stamps has it already.
        """
        store = open_store()
        await store.put([entry(points=1)], now=NOW)
        old = await take_one(store)
        await store.put([entry(ts=TS + 1, points=2)], now=NOW)
        new = await take_one(store)
        await store.settle([outcome(new)], now=NOW)
        await store.settle([outcome(old)], now=NOW + 9)
        again = await take_one(store, now=NOW + 9)
        assert (again.ts, again.wire_ts, again.unsure) == (new.ts, new.wire_ts, True)
        assert (again.attempts, again.since) == (1, NOW + 9)
        await store.settle([outcome(again)], now=NOW + 9)
        assert (await store.stats(now=NOW + 9)).sent == 1

    async def test_a_dead_row_is_listed_with_its_reason(self, open_store: OpenStore) -> None:
        """
        And it is not tried again by itself.
        """
        store = open_store()
        await store.put([entry()], now=NOW)
        dead = outcome(await take_one(store), State.DEAD, error="UserNotGradableError: not a learner")
        await store.settle([dead], now=NOW + 3)
        assert await take(store, now=NOW + 10**6) == []
        (row,) = await store.listed(Selection(), State.DEAD)
        assert (row.user_id, row.state, row.last_error) == ("ada", State.DEAD, "UserNotGradableError: not a learner")
        assert row.since == NOW + 3

    async def test_failed_rows_come_in_pages_by_key(self, open_store: OpenStore) -> None:
        """
        Each once, whatever the size of a page.
        """
        store = open_store()
        other = "https://lms.example/items/2"
        users = [f"user-{number}" for number in range(5)]
        await kill(
            store,
            *(entry(user) for user in users),
            *(entry(user, item=other) for user in users),
            entry("ada", school="elsewhere"),
        )
        keys: list[tuple[str, str, str]] = []
        while page := await store.listed(Selection(), State.DEAD, after=keys[-1] if keys else None, limit=2):
            keys.extend(row.key for row in page)
        assert len(keys) == 11
        assert keys == sorted(set(keys))

    async def test_a_selection_picks_rows(self, open_store: OpenStore) -> None:
        """
        By everything that is not None.
        """
        store = open_store()
        other = "https://lms.example/items/2"
        await kill(store, entry("ada"), entry("bob"), entry("ada", item=other), entry("ada", school="elsewhere"))
        counts = {
            Selection(): 4,
            Selection(SCHOOL): 3,
            Selection(SCHOOL, ITEM): 2,
            Selection(SCHOOL, ITEM, "bob"): 1,
            Selection(user_id="ada"): 3,
            Selection(line_item=other): 1,
            Selection("nowhere"): 0,
        }
        for selection, count in counts.items():
            assert len(await store.listed(selection, State.DEAD)) == count
        assert await store.retry(Selection(SCHOOL, ITEM), now=NOW) == 2
        assert (await store.stats(now=NOW)).dead == 2

    async def test_a_requeued_row_starts_afresh_with_its_stamp(self, open_store: OpenStore) -> None:
        """
        What may have landed is not forgotten.
        """
        store = open_store()
        await store.put([entry()], now=NOW)
        await store.settle([outcome(await take_one(store), State.DEAD, unsure=True, error="refused")], now=NOW)
        assert await store.retry(Selection(), now=NOW + 70) == 1
        row = await take_one(store, now=NOW + 70)
        assert (row.attempts, row.wire_ts, row.unsure) == (1, TS, True)

    async def test_a_restamped_row_goes_out_as_of_now(self, open_store: OpenStore) -> None:
        """
        Its own stamp stays, so that it is still the score that was put.
        """
        store = open_store()
        await kill(store, entry())
        assert await store.retry(Selection(), now=NOW + 70.25, restamp=True) == 1
        row = await take_one(store, now=NOW + 80)
        assert (row.ts, row.wire_ts, row.unsure) == (TS, TS + 71 * SECOND, False)

    async def test_requeue_leaves_other_rows_alone(self, open_store: OpenStore) -> None:
        """
        Only dead ones are tried again.
        """
        store = open_store()
        await store.put([entry("ada"), entry("bob")], now=NOW)
        (row,) = await take(store, limit=1)
        await store.settle([outcome(row)], now=NOW)
        assert await store.retry(Selection(), now=NOW) == 0
        assert (await store.stats(now=NOW)).sent == 1

    async def test_a_line_item_can_be_delayed(self, open_store: OpenStore) -> None:
        """
        All that is due for it, and nothing else; a score that is put afterwards is due at once.
        """
        store = open_store()
        other = "https://lms.example/items/2"
        await store.put([entry("ada"), entry("bob"), entry("cid"), entry("ada", item=other)], now=NOW)
        rows = {row.user_id: row for row in await take(store)}
        outcomes = [outcome(rows["ada"]), outcome(rows["bob"], State.DUE, not_before=NOW + 99, error="500")]
        await store.settle(outcomes, now=NOW)
        await store.delay(SCHOOL, ITEM, NOW + 60)
        assert await take(store, now=NOW + 59) == []
        assert [row.user_id for row in await take(store, now=NOW + 60)] == ["cid"], "bob waits for longer anyway"
        assert len(await take(store, item=other)) == 1
        await store.delay(SCHOOL, ITEM, NOW + 200)
        await store.put([entry("bob", TS + 1)], now=NOW)
        assert [row.user_id for row in await take(store, now=NOW)] == ["bob"]

    async def test_what_failed_and_waits_is_listed_with_its_reason(self, open_store: OpenStore) -> None:
        """
        Not what nobody has tried.
        """
        store = open_store()
        await store.put([entry("ada"), entry("bob"), entry("cid")], now=NOW)
        ada, bob, _ = sorted(await take(store), key=lambda row: row.user_id)
        late = outcome(ada, State.DUE, not_before=NOW + 60, error="BrokenError: 500")
        await store.settle([late, outcome(bob, State.DEAD, error="refused")], now=NOW)
        (row,) = await store.listed(Selection(), State.DUE)
        assert (row.user_id, row.last_error, row.not_before) == ("ada", "BrokenError: 500", NOW + 60)
        assert [row.user_id for row in await store.listed(Selection(), State.DEAD)] == ["bob"]
        assert await store.listed(Selection(user_id="bob"), State.DUE) == []

    async def test_what_waits_can_be_tried_at_once(self, open_store: OpenStore) -> None:
        """
        With its attempts and its stamp; only what is asked for.
        """
        store = open_store()
        await store.put([entry("ada"), entry("bob"), entry("cid")], now=NOW)
        taken = await take(store)
        later = [outcome(row, State.DUE, not_before=NOW + 60, unsure=True, error="500") for row in taken]
        await store.settle(later, now=NOW)
        assert await store.retry(Selection(), now=NOW) == 0
        assert await store.retry(Selection(user_id="ada"), now=NOW, waiting=True, restamp=True) == 1
        (row,) = await take(store)
        assert (row.user_id, row.attempts, row.wire_ts, row.unsure) == ("ada", 2, TS, True)
        assert await store.retry(Selection(), now=NOW, waiting=True) == 2
        assert len(await take(store, now=NOW)) == 3
