"""
Stores: put if absent, take once, forget in time. Each kind is held to the same tests.
"""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import pytest

from aioags.errors import LaunchError
from aioags.launch import LoginStore, MemoryLoginStore, SQLiteLoginStore


@attrs.define
class Clock:
    """
    A clock that a test moves.
    """

    now: float = 1000.0

    def __call__(self) -> float:
        """
        Return the time.
        """
        return self.now


@pytest.fixture
def clock() -> Clock:
    """
    The stores' clock.
    """
    return Clock()


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[LoginStore]:
    """
    A store of each kind.
    """
    if request.param == "memory":
        yield MemoryLoginStore(clock=clock)
        return
    store = SQLiteLoginStore(tmp_path / "logins.db", clock=clock)
    yield store
    store.close()


async def test_what_was_put_is_taken_once(store: LoginStore) -> None:
    assert await store.put("key", "välue", seconds=10)
    assert await store.take("key") == "välue"
    assert await store.take("key") is None
    assert await store.take("other") is None


async def test_a_key_in_use_is_not_overwritten_until_it_is_taken(store: LoginStore) -> None:
    assert await store.put("key", "one", seconds=10)
    assert not await store.put("key", "two", seconds=10)
    assert await store.take("key") == "one"
    assert await store.put("key", "three", seconds=10)


async def test_a_value_that_is_over_is_gone_and_its_key_free(store: LoginStore, clock: Clock) -> None:
    await store.put("a", "one", seconds=10)
    await store.put("b", "one", seconds=10)
    clock.now += 10
    assert await store.take("a") is None
    assert await store.put("b", "two", seconds=10)
    assert await store.take("b") == "two"


async def test_of_many_who_take_at_once_one_gets_it(store: LoginStore) -> None:
    await store.put("key", "value", seconds=10)
    taken = await asyncio.gather(*(store.take("key") for _ in range(20)))
    assert sorted(taken, key=str) == [None] * 19 + ["value"]


async def test_of_many_who_put_at_once_one_does(store: LoginStore) -> None:
    assert sum(await asyncio.gather(*(store.put("key", str(n), seconds=10) for n in range(20)))) == 1


async def test_what_counts_is_not_forgotten_for_what_comes_and_the_store_does_not_grow_without_bound() -> None:
    now = [0.0]
    store = MemoryLoginStore(most=100, clock=lambda: now[0])
    for n in range(100):
        await store.put(str(n), "", seconds=10)
    with pytest.raises(LaunchError, match="holds 100 values, its most") as caught:
        await store.put("one more", "", seconds=10)
    assert (caught.value.transient, caught.value.reason) == (True, "store")
    assert not await store.put("0", "", seconds=10)
    now[0] = 10.0
    assert await store.put("one more", "", seconds=10)


async def test_a_file_does_not_grow_without_bound_either(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "logins.db"
    store = SQLiteLoginStore(path, most=100, clock=clock)
    await store.put("first", "", seconds=10)
    for n in range(99):
        await store.put(str(n), "", seconds=10 if n % 2 else 20)
    with pytest.raises(LaunchError, match="holds 100 values, its most"):
        await store.put("one more", "", seconds=10)
    assert await store.take("first") == ""
    clock.now += 10
    # Half of them are over, but their numbers still span as far.
    assert await store.put("one more", "", seconds=10)
    store.close()


async def test_two_processes_share_a_file(tmp_path: Path) -> None:
    path = tmp_path / "logins.db"
    one = SQLiteLoginStore(path)
    await one.put("key", "value", seconds=60)
    code = (
        "import asyncio, sys; from aioags.launch import SQLiteLoginStore\n"
        "store = SQLiteLoginStore(sys.argv[1]); print(asyncio.run(store.take('key')))"
    )
    command = [sys.executable, "-c", code, str(path)]
    other = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    said, _ = await other.communicate()
    assert said.strip() == b"value"
    assert await one.take("key") is None
    one.close()


async def test_processes_that_open_a_new_file_at_once_agree_on_who_was_first(tmp_path: Path) -> None:
    path = tmp_path / "logins.db"
    code = (
        "import asyncio, sys; from aioags.launch import SQLiteLoginStore\n"
        "store = SQLiteLoginStore(sys.argv[1])\n"
        "async def main():\n"
        "    print(sum([await store.put(str(n), sys.argv[2], seconds=60) for n in range(30)]))\n"
        "asyncio.run(main())"
    )
    commands = [[sys.executable, "-c", code, str(path), name] for name in "abc"]
    pipe = asyncio.subprocess.PIPE
    programs = [await asyncio.create_subprocess_exec(*command, stdout=pipe) for command in commands]
    said = [await program.communicate() for program in programs]
    assert sum(int(output) for output, _ in said) == 30


async def test_a_store_that_was_closed_opens_again(tmp_path: Path, clock: Clock) -> None:
    store = SQLiteLoginStore(tmp_path / "logins.db", clock=clock)
    await store.put("key", "value", seconds=10)
    store.close()
    store.close()
    assert await store.take("key") == "value"
    store.close()


async def test_the_file_does_not_keep_what_is_over(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "logins.db"
    store = SQLiteLoginStore(path, clock=clock)
    await store.put("old", "value", seconds=10)
    clock.now += 11
    await store.put("new", "value", seconds=10)
    store.close()
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT key FROM aioags_logins").fetchall() == [("new",)]
    connection.close()


@pytest.mark.parametrize("make", [MemoryLoginStore, lambda: SQLiteLoginStore("unused.db")])
def test_both_are_stores(make: Callable[[], LoginStore]) -> None:
    assert isinstance(make(), LoginStore)
