"""
What is erased, and that it stays so.
"""

from __future__ import annotations

import attrs
import pytest

from aioags.model.endpoint import Endpoint
from aioags.model.progress import Scope
from aioags.outbox.conformance.given import ITEM, NOW, SCHOOL, TS, OpenStore, entry, kill, outcome, take, take_one
from aioags.outbox.erasing import Erased
from aioags.outbox.model import Block, Deferral, Entry, State
from aioags.outbox.store import Store

COURSE = "https://lms.example/courses/1/items"
OTHER = "https://lms.example/items/2"


def of_course(user: str, item: str, course: str | None) -> Entry:
    """
    Make an entry whose endpoint names a course.
    """
    given = entry(user, item=item)
    endpoint = Endpoint(course, item, [Scope.SCORE])
    return Entry.of(SCHOOL, endpoint, given.score)


async def left(store: Store) -> set[tuple[str, str, str]]:
    """
    Return the keys of everything that is due, by taking it.
    """
    keys: set[tuple[str, str, str]] = set()
    for place in await store.due(now=NOW):
        taken = await store.take(place.registration_id, place.line_item, now=NOW, limit=100)
        keys.update(row.key for row in taken.rows)
    return keys


class ErasingTests:
    """
    Promises of `erase`.
    """

    async def test_a_person_is_erased_in_every_state_and_nobody_else(self, open_store: OpenStore) -> None:
        """
        Due, sent, deferred, dead: of one registration, since user ids are small numbers at some platforms.
        """
        store = open_store()
        others = [entry("bob"), entry("ada", school="elsewhere")]
        items = [ITEM, OTHER, f"{ITEM}1", f"{ITEM}2"]
        await store.put([*others, *(entry("ada", item=item) for item in items)], now=NOW)
        states = (State.SENT, State.DEFERRED, State.DEAD)
        for item, state in zip(items[1:], states, strict=True):
            (row,) = await take(store, item=item)
            await store.settle([outcome(row, state, error="refused", not_before=NOW + 60)], now=NOW)
        assert await store.erase(SCHOOL, user_id="ada") == Erased(4, 0)
        assert await left(open_store()) == {each.key for each in others}
        stats = await store.stats(now=NOW)
        assert (stats.sent, stats.deferred, stats.dead) == (0, 0, 0)
        assert await store.erase(SCHOOL, user_id="ada") == Erased(0, 0)

    async def test_a_column_is_erased(self, open_store: OpenStore) -> None:
        """
        With its endpoint and its deferral, and for one person if asked.
        """
        store = open_store()
        await store.put([entry("ada"), entry("bob"), entry("ada", item=OTHER)], now=NOW)
        assert await store.erase(SCHOOL, user_id="bob", line_item=ITEM) == Erased(1, 0)
        await store.defer(SCHOOL, ITEM, Deferral(1, NOW, NOW + 300, "refused"))
        assert await store.erase(SCHOOL, line_item=ITEM) == Erased(1, 1)
        assert await store.endpoint(SCHOOL, ITEM) is None
        assert await left(store) == {(SCHOOL, OTHER, "ada")}
        await store.put([entry("ada")], now=NOW)
        assert (await store.take(SCHOOL, ITEM, now=NOW, limit=1)).deferral is None

    async def test_a_course_is_erased(self, open_store: OpenStore) -> None:
        """
        It is known by the endpoints that name it.
        """
        store = open_store()
        given = [of_course("ada", ITEM, COURSE), of_course("bob", OTHER, COURSE), of_course("ada", f"{ITEM}1", None)]
        await store.put(given, now=NOW)
        assert await store.erase(SCHOOL, user_id="ada", lineitems=COURSE) == Erased(1, 0)
        assert await store.erase(SCHOOL, lineitems=f"{COURSE}/") == Erased(0, 0)
        assert await store.erase(SCHOOL, lineitems=COURSE) == Erased(1, 2)
        assert await left(store) == {(SCHOOL, f"{ITEM}1", "ada")}

    async def test_a_registration_is_erased(self, open_store: OpenStore) -> None:
        """
        With the block of its platform.
        """
        store = open_store()
        await kill(store, entry("ada"), entry("bob", item=OTHER), entry("ada", school="elsewhere"))
        for school in (SCHOOL, "elsewhere"):
            await store.block(Block(school, NOW + 30, "busy"), now=NOW)
        assert await store.erase(SCHOOL) == Erased(2, 2)
        (platform,) = (await store.stats(now=NOW)).platforms
        assert (platform.registration_id, platform.dead) == ("elsewhere", 1)
        assert platform.block is not None

    @pytest.mark.parametrize("state", list(State))
    async def test_what_was_in_flight_is_not_brought_back(self, open_store: OpenStore, state: State) -> None:
        """
        Another process had taken it and settles it afterwards.
        """
        store, drainer = open_store(), open_store()
        await store.put([entry("ada"), entry("bob")], now=NOW)
        rows = await take(drainer)
        await store.erase(SCHOOL, user_id="ada")
        await drainer.settle([outcome(row, state, error="said") for row in rows], now=NOW)
        stats = await store.stats(now=NOW)
        assert (stats.due + stats.sent + stats.deferred + stats.dead) == 1
        assert await store.erase(SCHOOL, user_id="ada") == Erased(0, 0)

    async def test_nothing_is_remembered_of_what_was_erased(self, open_store: OpenStore) -> None:
        """
        An older score that is put afterwards is a new one, and goes out with its own stamp.
        """
        store = open_store()
        await store.put([entry(ts=TS + 5)], now=NOW)
        await store.settle([outcome(await take_one(store))], now=NOW)
        await store.erase(SCHOOL, user_id="ada")
        assert await store.put([entry(ts=TS)], now=NOW) == [True]
        row = await take_one(store)
        assert (row.ts, row.wire_ts, row.sent_ts, row.attempts, row.unsure) == (TS, TS, None, 1, False)

    async def test_what_was_erased_does_not_say_whose_it_was(self, open_store: OpenStore) -> None:
        """
        What is told of it may reach a log.
        """
        store = open_store()
        await store.put([entry("ada-lovelace")], now=NOW)
        erased = await store.erase(SCHOOL, user_id="ada-lovelace")
        assert "ada-lovelace" not in repr(erased)
        assert attrs.asdict(erased) == {"scores": 1, "line_items": 0, "remains": None, "attempts": 0}
