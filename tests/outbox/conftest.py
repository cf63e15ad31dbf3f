"""
Databases with all tables, for the tests of this folder that ask for one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import procrastinate
import pytest

from aioags.outbox.postgres import PostgresStore
from tests.rigs.postgres import Server


async def make_tables(url: str) -> None:
    """
    Make the tables of the outbox and of procrastinate.
    """
    store = PostgresStore(url)
    await store.migrate()
    await store.aclose()
    async with procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=url)).open_async() as app:
        await app.schema_manager.apply_schema_async()


@pytest.fixture(scope="session")
def template(postgres_server: Server) -> Iterator[str]:
    """
    Name of a database with all tables, to be copied.
    """
    with postgres_server.database() as url:
        asyncio.run(make_tables(url))
        yield url.partition("@/")[2].partition("?")[0]


@pytest.fixture
def prepared(postgres_server: Server, template: str) -> Iterator[str]:
    """
    URL of a database with all tables, for one test.
    """
    with postgres_server.database(template=template) as url:
        yield url
