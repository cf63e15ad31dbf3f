"""
The embedded store keeps the promises of every store; so does the store of these tests.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

pytest.register_assert_rewrite("aioags.outbox.conformance")

from aioags.outbox import MemoryStore, SQLiteStore  # noqa: E402
from aioags.outbox.conformance import OpenStore, StoreConformance  # noqa: E402
from aioags.outbox.memory import Table  # noqa: E402
from aioags.outbox.postgres import PostgresStore  # noqa: E402


class TestSQLiteStore(StoreConformance):
    @pytest.fixture
    async def open_store(self, tmp_path: Path) -> AsyncIterator[OpenStore]:
        stores: list[SQLiteStore] = []

        def open_store() -> SQLiteStore:
            stores.append(SQLiteStore(tmp_path / "grades.db"))
            return stores[-1]

        yield open_store
        for store in stores:
            await store.aclose()


@pytest.mark.needs("postgres")
class TestPostgresStore(StoreConformance):
    @pytest.fixture
    async def open_store(self, postgres: str) -> AsyncIterator[OpenStore]:
        stores: list[PostgresStore] = []

        def open_store() -> PostgresStore:
            stores.append(PostgresStore(postgres))
            return stores[-1]

        await open_store().migrate()
        yield open_store
        for store in stores:
            await store.aclose()


class TestMemoryStore(StoreConformance):
    @pytest.fixture
    def open_store(self) -> OpenStore:
        table = Table()
        return lambda: MemoryStore(table)
