"""
A PostgreSQL that loses its connections, or is started anew, while a line item is drained: each grade arrives, once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import psycopg
import pytest

from aioags.outbox import Outbox, StoreError
from aioags.outbox.postgres import PostgresStore
from aioags.protocol.messages import Request
from tests.outbox.kit import SCHOOL, Desk, new_desk
from tests.rigs.postgres import running_server

pytestmark = pytest.mark.needs("postgres")

KILL = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


def kill_backends(url: str) -> None:
    """
    Cut every connection to a database.
    """
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(KILL)


async def put_and_drain(desk: Desk, trouble: Callable[[], None], *, every: int, most: int) -> int:
    """
    Put two grades for everybody and drain until nothing is due, while something happens at every so many posts.

    Args:
        most: How often it happens.

    Returns:
        How many errors of the store were seen. Whoever puts then puts again.
    """
    posts = happened = 0
    # Of two that cut every connection at once, each cuts the other's.
    alone = asyncio.Lock()

    async def at_a_post(request: Request) -> None:
        nonlocal posts, happened
        posts += "/scores" in request.url
        if posts % every == 0 and happened < most and "/scores" in request.url:
            happened += 1
            async with alone:
                await asyncio.to_thread(trouble)

    desk.transport.before = at_a_post
    seen = 0
    scores = [desk.grade(points, user, at=points) for points in (3, 5) for user in desk.platform.users()]
    for turn in range(60):
        try:
            if turn in (0, 1):
                half = len(scores) // 2
                await desk.put(*scores[turn * half : (turn + 1) * half])
            await desk.drain()
        except StoreError:
            seen += 1
            await put_until_it_is_stored(desk, scores[: len(scores) // 2 * min(turn + 1, 2)])
        desk.time.now += 60
        if turn > 2 and await is_done(desk):
            break
    assert happened == most
    return seen


async def put_until_it_is_stored(desk: Desk, scores: list[object]) -> None:
    """
    Do what whoever gets a `StoreError` from a put has to.
    """
    for _ in range(50):
        try:
            await desk.put(*scores)  # type: ignore[arg-type]
        except StoreError:
            continue
        return


async def is_done(desk: Desk) -> bool:
    """
    True when nothing is due any more, and the store can be asked.
    """
    try:
        return (await desk.outbox.stats()).due == 0
    except StoreError:
        return False


def check(desk: Desk, stats: tuple[int, int]) -> None:
    """
    Everybody has the newest grade, and no older one came after it.
    """
    users = desk.platform.users()
    assert [desk.platform.score(desk.item, user)["scoreGiven"] for user in users] == [5] * len(users)
    assert all(desk.applied(user) == sorted(set(desk.applied(user))) for user in users)
    assert stats == (len(users), 0)


async def test_backends_that_are_killed_cost_no_grade(postgres: str) -> None:
    store = PostgresStore(postgres)
    await store.migrate()
    desk = new_desk(users=60, store=store)
    await put_and_drain(desk, lambda: kill_backends(postgres), every=9, most=6)
    stats = await desk.outbox.stats()
    check(desk, (stats.sent, stats.dead + stats.unknown))
    await desk.outbox.aclose()


async def test_a_server_that_is_started_anew_costs_no_grade() -> None:
    with running_server() as server:
        store = PostgresStore(server.url())
        await store.migrate()
        desk = new_desk(users=60, store=store)
        await put_and_drain(desk, server.restart, every=25, most=2)
        stats = await desk.outbox.stats()
        check(desk, (stats.sent, stats.dead + stats.unknown))
        await desk.outbox.aclose()


async def test_two_who_drain_one_line_item_do_no_harm(postgres: str) -> None:
    store = PostgresStore(postgres)
    await store.migrate()
    desk = new_desk(users=60, store=store)
    other = Outbox(PostgresStore(postgres), desk.client, {SCHOOL: desk.registration})
    for points in (3, 5):
        await desk.put(*(desk.grade(points, user, at=points) for user in desk.platform.users()))
        await asyncio.gather(desk.drain(), other.drain(SCHOOL, desk.item))
    await desk.drain()
    stats = await desk.outbox.stats()
    check(desk, (stats.sent, stats.dead + stats.unknown))
    await other.aclose()
    await desk.outbox.aclose()
