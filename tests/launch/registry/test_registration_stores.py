"""
Each store of registrations keeps what is said of every one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

pytest.register_assert_rewrite("aioags.launch.registry.conformance")

from aioags.errors import RegistryError  # noqa: E402
from aioags.launch.registry.conformance import CHECKS, a_row  # noqa: E402
from aioags.launch.registry.key_ring import KeyRing  # noqa: E402
from aioags.launch.registry.postgres import PostgresRegistrationStore  # noqa: E402
from aioags.launch.registry.row import dump_row, load_row  # noqa: E402
from aioags.launch.registry.sqlite import SQLiteRegistrationStore  # noqa: E402
from aioags.launch.registry.store import MemoryRegistrationStore, RegistrationStore  # noqa: E402
from aioags.launch.registry.stored import StoredRegistrations  # noqa: E402
from tests.fakes import private_key  # noqa: E402

Check = Callable[[RegistrationStore], Awaitable[None]]
each_check = pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)


@pytest.fixture
async def postgres_store(postgres: str) -> AsyncIterator[PostgresRegistrationStore]:
    """
    A store in a database of its own.
    """
    store = PostgresRegistrationStore(postgres)
    yield store
    await store.aclose()


@each_check
async def test_memory(check: Check) -> None:
    await check(MemoryRegistrationStore())


@each_check
async def test_sqlite(check: Check, tmp_path: Path) -> None:
    store = SQLiteRegistrationStore(tmp_path / "registrations.db")
    await check(store)
    store.close()


@pytest.mark.needs("postgres")
@each_check
async def test_postgres(check: Check, postgres_store: PostgresRegistrationStore) -> None:
    await check(postgres_store)


@pytest.mark.needs("postgres")
async def test_two_processes_make_the_table_once(postgres: str) -> None:
    stores = [PostgresRegistrationStore(postgres) for _ in range(4)]
    assert all(await asyncio.gather(*(store.save(a_row(str(number))) for number, store in enumerate(stores))))
    assert len(await stores[0].page()) == 4
    for store in stores:
        await store.aclose()


@pytest.mark.needs("postgres")
async def test_a_failure_does_not_show_how_to_connect() -> None:
    store = PostgresRegistrationStore("postgresql://someone:geheim@127.0.0.1:1/none?connect_timeout=1")
    store._pool.timeout = 0.2
    with pytest.raises(RegistryError) as caught:
        await store.get("a")
    assert "geheim" not in str(caught.value) + repr(store)
    assert caught.value.transient
    await store.aclose()


async def test_two_processes_share_a_file(tmp_path: Path) -> None:
    one, other = (SQLiteRegistrationStore(tmp_path / "registrations.db") for _ in range(2))
    assert await one.save(a_row())
    assert not await other.save(a_row(note="another"))
    assert [row.id for row in await other.find("https://lms.example", "client-a")] == ["a"]
    one.close()
    other.close()


async def test_a_file_that_is_none_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"not a database " * 100)
    with pytest.raises(RegistryError, match="DatabaseError"):
        await SQLiteRegistrationStore(tmp_path / "file").get("a")


async def test_no_private_key_comes_into_a_table(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="key"):
        a_row(key=private_key())
    store = SQLiteRegistrationStore(tmp_path / "registrations.db")
    found = StoredRegistrations(store, KeyRing(private_key))
    await store.save(a_row(kid="tool-key-1"))
    assert len(await found.find("https://lms.example", "client-a")) == 1
    store.close()
    secret = private_key().as_dict(private=True)["d"]
    assert secret.encode() not in (tmp_path / "registrations.db").read_bytes()


def test_what_a_later_version_wrote_is_read() -> None:
    text = dump_row(a_row()).replace('"note"', '"later": 1, "note"')
    assert load_row(text, 3) == a_row(version=3)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"issuer": 1}', '{"issuer": "a", "client_id": "b", "token_url": "x"}']
)
def test_what_is_no_row_is_said(text: str) -> None:
    with pytest.raises(RegistryError, match="cannot be read"):
        load_row(text, 1)


@pytest.mark.parametrize(
    "field, value", [("issuer", ""), ("token_url", "http://lms.example/"), ("jwks_url", "file:///a"), ("kid", "")]
)
def test_a_row_is_checked_where_it_is_made(field: str, value: str) -> None:
    with pytest.raises(ValueError, match=field):
        a_row(**{field: value})
