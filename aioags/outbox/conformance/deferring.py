"""
What waits and why: line items that refuse everything, and times that a wrong clock wrote.
"""

from __future__ import annotations

from aioags.outbox.conformance.given import ITEM, NOW, SCHOOL, TS, OpenStore, entry, outcome, take, take_one
from aioags.outbox.model import DAY, FIRST_DEFERRAL, Block, Deferral, Selection, State

OTHER = "https://lms.example/items/2"
REASON = "RefusedError: not published"
YEAR = 365 * DAY


class DeferringTests:
    """
    Promises of `defer` and `lift`, and of what holds a row back.
    """

    async def test_a_refused_score_has_its_own_time(self, open_store: OpenStore) -> None:
        """
        It is listed and counted apart, and remembers how often it was refused.
        """
        store = open_store()
        await store.put([entry("ada"), entry("bob")], now=NOW)
        rows = {row.user_id: row for row in await take(store)}
        refused = outcome(
            rows["ada"], State.DEFERRED, not_before=NOW + 300, error=REASON, deferrals=3, waited=9.5, failed_at=NOW
        )
        await store.settle([refused, outcome(rows["bob"])], now=NOW)
        (platform,) = (await store.stats(now=NOW)).platforms
        assert (platform.due, platform.deferred, platform.sent, platform.oldest) == (0, 1, 1, None)
        (listed,) = await store.listed(Selection(), State.DEFERRED)
        assert (listed.user_id, listed.last_error, listed.since) == ("ada", REASON, NOW)
        assert [(item.line_item, item.at) for item in await store.due(now=NOW)] == [(ITEM, NOW + 300)]
        assert await take(store, now=NOW + 299) == []
        row = await take_one(store, now=NOW + 300)
        assert (row.state, row.deferrals, row.waited, row.failed_at) == (State.DEFERRED, 3, 9.5, NOW)

    async def test_a_line_item_that_refuses_everything_is_deferred_in_one_go(self, open_store: OpenStore) -> None:
        """
        For everybody, whichever handle they have; other line items go on.
        """
        store = open_store()
        await store.put([*(entry(user) for user in ("ada", "bob", "cid")), entry("ada", item=OTHER)], now=NOW)
        deferral = Deferral(1, NOW, NOW + 600, REASON, 12.5)
        assert await store.defer(SCHOOL, ITEM, deferral) == 3
        assert {
            (row.state, row.last_error) for row in await store.listed(Selection(line_item=ITEM), State.DEFERRED)
        } == {(State.DEFERRED, REASON)}
        again = open_store()
        assert await take(again, now=NOW + 599) == []
        assert len(await take(again, item=OTHER)) == 1
        assert {item.line_item: item.at for item in await again.due(now=NOW)}[ITEM] == NOW + 600
        taken = await again.take(SCHOOL, ITEM, now=NOW + 600, limit=1, probe=True)
        assert (len(taken.rows), taken.deferral) == (1, deferral)

    async def test_a_probe_takes_what_was_tried_least_often(self, open_store: OpenStore) -> None:
        """
        So that each is another one.
        """
        store = open_store()
        users = {"ada", "bob", "cid"}
        await store.put([entry(user) for user in users], now=NOW)
        await store.defer(SCHOOL, ITEM, Deferral(1, NOW, NOW + 1, REASON))
        asked = []
        for turn in range(1, 7):
            now = NOW + turn * 1000
            (row,) = (await store.take(SCHOOL, ITEM, now=now, limit=1, probe=True)).rows
            asked.append(row.user_id)
            await store.settle([outcome(row, State.DEFERRED, not_before=now + 1, error=REASON)], now=now)
            await store.defer(SCHOOL, ITEM, Deferral(turn + 1, now, now + 1, REASON))
        assert set(asked[:3]) == set(asked[3:]) == users

    async def test_what_is_put_for_a_deferred_line_item_is_tried_soon(self, open_store: OpenStore) -> None:
        """
        Nobody has refused it yet.
        """
        store = open_store()
        await store.put([entry("ada")], now=NOW)
        await store.defer(SCHOOL, ITEM, Deferral(9, NOW, NOW + DAY, REASON))
        await store.put([entry("bob")], now=NOW + 5)
        assert await take(store, now=NOW + FIRST_DEFERRAL - 1) == []
        assert [item.at for item in await store.due(now=NOW + 5)] == [NOW + FIRST_DEFERRAL]
        assert [row.user_id for row in await take(store, now=NOW + FIRST_DEFERRAL)] == ["bob"]

    async def test_a_line_item_that_takes_scores_again_frees_them_all(self, open_store: OpenStore) -> None:
        """
        Also those that wait for a time of their own.
        """
        store = open_store()
        await store.put([entry("ada"), entry("bob")], now=NOW)
        rows = {row.user_id: row for row in await take(store)}
        refused = outcome(rows["ada"], State.DEFERRED, not_before=NOW + DAY, error=REASON, deferrals=2)
        await store.settle([refused, outcome(rows["bob"], State.DUE, counted=False)], now=NOW)
        await store.defer(SCHOOL, ITEM, Deferral(3, NOW, NOW + DAY, REASON))
        assert await store.lift(SCHOOL, ITEM) == 2
        taken = await store.take(SCHOOL, ITEM, now=NOW, limit=9)
        assert {(row.user_id, row.deferrals) for row in taken.rows} == {("ada", 2), ("bob", 0)}
        assert taken.deferral is None

    async def test_retry_lifts_deferred_scores_and_their_line_items_at_once(self, open_store: OpenStore) -> None:
        """
        Those that are asked for.
        """
        store = open_store()
        await store.put([entry("ada"), entry("bob"), entry("ada", item=OTHER)], now=NOW)
        for item in (ITEM, OTHER):
            await store.defer(SCHOOL, item, Deferral(3, NOW, NOW + DAY, REASON))
        assert await store.retry(Selection(line_item=ITEM), now=NOW) == 2
        taken = await store.take(SCHOOL, ITEM, now=NOW, limit=9)
        assert ([row.deferrals for row in taken.rows], taken.deferral) == ([0, 0], None)
        assert await take(store, item=OTHER) == []
        assert await store.retry(Selection(user_id="ada"), now=NOW) == 1
        assert len(await take(store, item=OTHER)) == 1

    async def test_dead_and_unknown_are_counted_apart(self, open_store: OpenStore) -> None:
        """
        And listed together.
        """
        store = open_store()
        await store.put([entry("ada"), entry("bob")], now=NOW)
        ada, bob = sorted(await take(store), key=lambda row: row.user_id)
        outcomes = [outcome(ada, State.DEAD, error="no"), outcome(bob, State.DEAD, error="lost", unsure=True)]
        await store.settle(outcomes, now=NOW)
        stats = await store.stats(now=NOW)
        assert (stats.dead, stats.unknown) == (1, 1)
        rows = await store.listed(Selection(), State.DEAD)
        assert {(row.user_id, row.unsure) for row in rows} == {("ada", False), ("bob", True)}

    async def test_a_time_that_a_wrong_clock_wrote_holds_nothing_back(self, open_store: OpenStore) -> None:
        """
        A clock was a year ahead for a moment; nothing waits for longer than a day from now.
        """
        store = open_store()
        await store.put([entry(user) for user in ("ada", "bob", "cid")], now=NOW)
        wrong = NOW + YEAR
        rows = {row.user_id: row for row in await take(store, now=wrong)}
        outcomes = [
            outcome(rows["ada"], State.DUE, not_before=wrong + 60, error="BrokenError: 500"),
            outcome(rows["bob"], State.DEFERRED, not_before=wrong + 300, error=REASON, deferrals=1),
            outcome(rows["cid"], State.DUE, not_before=NOW + DAY, error="BrokenError: 500"),
        ]
        await store.settle(outcomes, now=wrong)
        await store.block(Block(SCHOOL, wrong + 60, "ThrottledError: 429"), now=wrong)
        await store.defer(SCHOOL, ITEM, Deferral(1, wrong, wrong + 300, REASON))
        assert [item.at <= NOW for item in await store.due(now=NOW)] == [True]
        (platform,) = (await store.stats(now=NOW)).platforms
        assert platform.block is None
        assert {row.user_id for row in await take(store)} == {"ada", "bob"}
        await store.block(Block(SCHOOL, NOW + 60, "now"), now=NOW)
        assert (await store.stats(now=NOW)).platforms[0].block == Block(SCHOOL, NOW + 60, "now")

    async def test_a_score_that_is_put_begins_afresh(self, open_store: OpenStore) -> None:
        """
        What the one before was refused says nothing of it.
        """
        store = open_store()
        await store.put([entry()], now=NOW)
        row = await take_one(store)
        refused = outcome(row, State.DEFERRED, error=REASON, deferrals=5, waited=7.0, failed_at=NOW)
        await store.settle([refused], now=NOW)
        await store.put([entry(ts=TS + 1)], now=NOW)
        fresh = await take_one(store)
        assert (fresh.state, fresh.deferrals, fresh.waited, fresh.failed_at) == (State.DUE, 0, 0.0, 0.0)
