"""
PostgreSQL behind PgBouncer in transaction mode: no two transactions may count on the same connection.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

pytest.register_assert_rewrite("aioags.outbox.conformance")

from aioags.outbox import StoreError  # noqa: E402
from aioags.outbox.conformance import OpenStore, StoreConformance  # noqa: E402
from aioags.outbox.conformance.given import ITEM, NOW, SCHOOL, entry  # noqa: E402
from aioags.outbox.postgres import PostgresLimiter, PostgresStore  # noqa: E402
from tests.outbox.kit import new_desk  # noqa: E402
from tests.rigs.pgbouncer import Bouncer, running_bouncer  # noqa: E402
from tests.rigs.postgres import Server  # noqa: E402

pytestmark = [pytest.mark.needs("postgres"), pytest.mark.needs("pgbouncer")]


@pytest.fixture(scope="module")
def bouncer(postgres_server: Server) -> Iterator[Bouncer]:
    with running_bouncer(postgres_server) as running:
        yield running


class TestProxiedStore(StoreConformance):
    """
    Every promise, through it; so the tables are made and used by nothing that lasts longer than a transaction.
    """

    @pytest.fixture
    async def open_store(self, prepared: str, bouncer: Bouncer) -> AsyncIterator[OpenStore]:
        stores: list[PostgresStore] = []

        def open_store() -> PostgresStore:
            stores.append(PostgresStore(bouncer.url(prepared), proxied=True))
            return stores[-1]

        yield open_store
        for store in stores:
            await store.aclose()


async def test_its_tables_are_made_through_it(postgres: str, bouncer: Bouncer) -> None:
    store = PostgresStore(bouncer.url(postgres), proxied=True)
    await store.migrate()
    await store.migrate()
    assert await store.put([entry()], now=NOW) == [True]
    await store.aclose()


async def test_the_same_statements_again_and_again(prepared: str, bouncer: Bouncer) -> None:
    """
    More often than after which psycopg would prepare them; on whichever connection is free.
    """
    store = PostgresStore(bouncer.url(prepared), proxied=True)
    desk = new_desk(users=100, store=store, outbox={"limiter": PostgresLimiter(store, 1e6, burst=1_000)})
    for number, user in enumerate(desk.platform.users()):
        await desk.put(desk.grade(number % 10, user))
        if not number % 10:
            await desk.drain()
    await desk.drain()
    assert (await desk.outbox.stats()).sent == 100
    await desk.outbox.aclose()


async def test_a_lock_that_would_not_hold_is_refused(prepared: str, bouncer: Bouncer) -> None:
    store = PostgresStore(bouncer.url(prepared), proxied=True)
    with pytest.raises(StoreError, match="keeps no lock: let the job engine lock by lock_name"):
        async with store.alone(SCHOOL, ITEM):
            pass
    await store.aclose()
