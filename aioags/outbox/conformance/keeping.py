"""
What is kept besides scores: blocks, endpoints, counts; and what is let go.
"""

from __future__ import annotations

from aioags.model.endpoint import Endpoint
from aioags.model.progress import Scope
from aioags.model.score import Score
from aioags.outbox.conformance.given import ITEM, NOW, SCHOOL, TS, OpenStore, entry, kill, outcome, take, take_one
from aioags.outbox.model import Block, Entry, Selection, State, from_micros


class KeepingTests:
    """
    Promises of `block`, `endpoint`, `due`, `stats` and `prune`.
    """

    async def test_a_blocked_platform_gives_nothing(self, open_store: OpenStore) -> None:
        """
        To nobody, whichever handle they have; its rows stay untouched.
        """
        store = open_store()
        await store.put([entry(), entry("eve", school="elsewhere")], now=NOW)
        block = Block(SCHOOL, NOW + 30, "ThrottledError: 429")
        await store.block(block, now=NOW)
        taken = await open_store().take(SCHOOL, ITEM, now=NOW + 29, limit=10)
        assert (taken.rows, taken.block) == ([], block)
        assert (await store.take("elsewhere", ITEM, now=NOW, limit=10)).block is None
        times = {item.registration_id: item.at for item in await store.due(now=NOW)}
        assert times[SCHOOL] == NOW + 30
        assert times["elsewhere"] <= NOW
        assert (await take_one(store, now=NOW + 30)).attempts == 1

    async def test_a_block_without_due_rows_is_no_reason_to_wait(self, open_store: OpenStore) -> None:
        """
        Who has nothing to send is not held back.
        """
        store = open_store()
        await store.block(Block(SCHOOL, NOW + 30, "busy"), now=NOW)
        taken = await store.take(SCHOOL, ITEM, now=NOW, limit=10)
        assert (taken.rows, taken.block) == ([], None)

    async def test_a_block_is_never_cut_short(self, open_store: OpenStore) -> None:
        """
        But by whoever requeues.
        """
        store = open_store()
        await kill(store, entry())
        await store.block(Block(SCHOOL, NOW + 30, "long"), now=NOW)
        await store.block(Block(SCHOOL, NOW + 10, "short"), now=NOW)
        (platform,) = (await store.stats(now=NOW)).platforms
        assert platform.block == Block(SCHOOL, NOW + 30, "long")
        assert (await store.stats(now=NOW + 31)).platforms[0].block is None
        await store.retry(Selection(), now=NOW)
        assert (await take_one(store)).attempts == 1

    async def test_the_newest_endpoint_is_kept(self, open_store: OpenStore) -> None:
        """
        Also when the score itself is not the newest.
        """
        store = open_store()
        assert await store.endpoint(SCHOOL, ITEM) is None
        endpoints = [Endpoint(container, ITEM, [Scope.SCORE]) for container in ("https://lms.example/a", None)]
        for endpoint, ts in zip(endpoints, (TS, TS - 1), strict=True):
            score = Score.graded("ada", 1, score_maximum=10, timestamp=from_micros(ts))
            packed = Entry.of(SCHOOL, endpoint, score)
            await store.put([packed], now=NOW)
            assert await store.endpoint(SCHOOL, ITEM) == packed.endpoint

    async def test_due_lists_each_line_item_once(self, open_store: OpenStore) -> None:
        """
        However many scores it has.
        """
        store = open_store()
        items = [f"https://lms.example/items/{number}" for number in range(30)]
        await store.put([entry(user, item=item) for item in items for user in ("ada", "bob")], now=NOW)
        listed = await store.due(now=NOW)
        assert sorted(item.line_item for item in listed) == sorted(items)
        assert all(item.at <= NOW for item in listed)

    async def test_due_lists_first_what_has_waited_longest(self, open_store: OpenStore) -> None:
        """
        Whatever holds the platform back: the one that has just been tried is the last to be tried again.
        """
        store = open_store()
        items = [f"https://lms.example/items/{number}" for number in range(3)]
        await store.put([entry("ada", item=item) for item in items], now=NOW)
        await store.block(Block(SCHOOL, NOW + 60, "closed"), now=NOW)
        for number in range(3):
            later = NOW + 100 * (number + 1)
            (row,) = (await store.take(SCHOOL, items[number], now=later, limit=1, probe=True)).rows
            await store.settle([outcome(row, State.DUE, not_before=later)], now=later)
            await store.block(Block(SCHOOL, later + 60, "closed"), now=later)
            listed = await store.due(now=later)
            assert [item.line_item for item in listed][-number - 1 :] == items[: number + 1]
            assert {item.at for item in listed} == {later + 60}

    async def test_stats_count_by_registration(self, open_store: OpenStore) -> None:
        """
        With the age of what waits longest.
        """
        store = open_store()
        await store.put([entry("ada"), entry("bob")], now=NOW)
        await store.put([entry("eve"), entry("joe", school="elsewhere")], now=NOW + 5)
        rows = {row.user_id: row for row in await take(store)}
        later = outcome(rows["bob"], State.DUE, not_before=NOW + 60)
        await store.settle([outcome(rows["ada"]), later], now=NOW)
        elsewhere, school = (await store.stats(now=NOW)).platforms
        assert (school.due, school.delayed, school.sent, school.dead, school.oldest) == (2, 1, 1, 0, NOW)
        assert (elsewhere.registration_id, elsewhere.due, elsewhere.oldest) == ("elsewhere", 1, NOW + 5)

    async def test_prune_forgets_what_was_sent_long_ago(self, open_store: OpenStore) -> None:
        """
        What is due stays for ever, what is dead until it is asked for.
        """
        store = open_store()
        await kill(store, entry("dead"))
        await store.put([entry("sent"), entry("due")], now=NOW)
        rows = {row.user_id: row for row in await take(store)}
        await store.settle([outcome(rows["sent"])], now=NOW)
        assert await store.prune(before=NOW) == 0
        assert await store.prune(before=NOW + 1) == 1
        assert await store.prune(before=NOW + 1, dead=True) == 1
        stats = await store.stats(now=NOW)
        assert (stats.due, stats.sent, stats.dead) == (1, 0, 0)

    async def test_a_score_that_was_forgotten_is_new_when_it_is_put_again(self, open_store: OpenStore) -> None:
        """
        Nothing is left of its earlier attempt.
        """
        store = open_store()
        await store.put([entry("ada")], now=NOW)
        (first,) = await take(store)
        await store.settle([outcome(first)], now=NOW)
        await store.prune(before=NOW + 1)
        await store.put([entry("ada")], now=NOW)
        (again,) = await take(store)
        assert (again.wire_ts, again.attempts, again.unsure) == (again.ts, 1, False)

    async def test_settling_a_row_that_is_gone_does_nothing(self, open_store: OpenStore) -> None:
        """
        Somebody may have pruned it.
        """
        store = open_store()
        await store.put([entry("ada"), entry("bob")], now=NOW)
        rows = await take(store)
        await store.settle([outcome(row) for row in rows], now=NOW)
        await store.prune(before=NOW + 1)
        await store.settle([outcome(row) for row in rows], now=NOW)
        assert (await store.stats(now=NOW)).platforms == ()

    async def test_rows_do_not_show_whose_they_are(self, open_store: OpenStore) -> None:
        """
        Their text may reach a log.
        """
        store = open_store()
        await store.put([entry("ada-lovelace", points=7.25)], now=NOW)
        taken = await store.take(SCHOOL, ITEM, now=NOW, limit=1)
        for shown in (repr(taken), repr(entry("ada-lovelace")), repr(outcome(taken.rows[0])), repr(store)):
            assert "ada-lovelace" not in shown
            assert "7.25" not in shown
            assert "Well done" not in shown
