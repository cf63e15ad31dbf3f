"""
Stores: put if absent, take once, forget in time. Each kind is held to the same tests.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
import sys
import tracemalloc
from collections import Counter
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


def each_kind(kind: str, path: Path, clock: Clock, **room: int) -> Iterator[LoginStore]:
    """
    Open a store of this kind, and close it.
    """
    if kind == "memory":
        yield MemoryLoginStore(clock=clock, **room)
        return
    store = SQLiteLoginStore(path / "logins.db", clock=clock, **room)
    yield store
    store.close()


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[LoginStore]:
    """
    A store of each kind.
    """
    yield from each_kind(request.param, tmp_path, clock)


@pytest.fixture(params=["memory", "sqlite"])
def small(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[LoginStore]:
    """
    A store of each kind that holds 100 values.
    """
    yield from each_kind(request.param, tmp_path, clock, most=100)


async def flood(store: LoginStore, share: str, *, seconds: float = 10) -> int:
    """
    Put under a share until it is refused, and return how many values were taken.
    """
    taken = 0
    with pytest.raises(LaunchError, match="still count") as caught:
        while taken < 1000:
            assert await store.put(f"{share}/{taken}", "", seconds=seconds)
            taken += 1
    assert (caught.value.transient, caught.value.reason) == (True, "store")
    return taken


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


async def test_what_counts_is_not_forgotten_for_what_comes_and_the_store_does_not_grow_without_bound(
    small: LoginStore, clock: Clock
) -> None:
    for n in range(100):
        await small.put(str(n), "", seconds=10)
    with pytest.raises(LaunchError, match="holds 100 values, its most") as caught:
        await small.put("one more", "", seconds=10)
    assert (caught.value.transient, caught.value.reason) == (True, "store")
    clock.now += 10
    assert await small.put("one more", "", seconds=10)


async def test_a_full_store_still_says_that_a_key_is_in_use(small: LoginStore) -> None:
    for n in range(100):
        await small.put(str(n), "old", seconds=10)
    assert not await small.put("0", "new", seconds=10)
    assert await small.take("0") == "old"


async def test_one_share_holds_no_more_than_it_leaves_to_all_others(small: LoginStore, clock: Clock) -> None:
    assert await flood(small, "hostile") == 50
    with pytest.raises(LaunchError, match="one registration holds 50 of the 100 values"):
        await small.put("hostile/one more", "", seconds=10)
    for school in range(8):
        for n in range(5):
            assert await small.put(f"school {school}/{n}", "", seconds=10)
    assert not await small.put("hostile/0", "", seconds=10)
    clock.now += 10
    assert await flood(small, "hostile") == 50


async def test_a_second_flood_has_half_of_what_the_first_left(small: LoginStore) -> None:
    assert [await flood(small, share) for share in ("a", "b", "c")] == [50, 25, 13]
    assert await small.put("school/1", "", seconds=10)


async def test_what_is_taken_or_over_leaves_its_share(small: LoginStore, clock: Clock) -> None:
    await flood(small, "a")
    assert await small.take("a/0") == ""
    assert await small.put("a/0", "", seconds=20)
    clock.now += 10
    assert await small.take("a/1") is None
    assert await small.take("a/0") == ""
    assert await flood(small, "a") == 50


async def test_a_value_that_is_over_at_once_takes_no_room(small: LoginStore) -> None:
    for n in range(200):
        await small.put(f"a/{n}", "", seconds=0)
    assert await flood(small, "a") == 50


@pytest.mark.parametrize("waiting", [0, 30])
async def test_what_was_taken_leaves_no_room_behind(clock: Clock, waiting: int) -> None:
    store = MemoryLoginStore(clock=clock)
    for n in range(waiting):
        await store.put(f"waiting {n}", "", seconds=1000)
    tracemalloc.start()
    try:
        for n in range(3000):
            await store.put(f"{n:0100}", "", seconds=1000)
            assert await store.take(f"{n:0100}") == ""
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 3000 * 20


async def test_a_value_of_nobody_is_bound_by_the_whole_alone(small: LoginStore) -> None:
    for key in range(99):
        assert await small.put(f"/{key}" if key % 2 else str(key), "", seconds=10)
    assert await small.put("first/1", "", seconds=10)
    with pytest.raises(LaunchError, match="its most"):
        await small.put("second/1", "", seconds=10)


async def test_both_kinds_do_as_a_plain_table_of_what_counts_would(small: LoginStore, clock: Clock) -> None:
    rng = random.Random(13)
    counting: dict[str, float] = {}
    outcomes: Counter[object] = Counter()
    for _ in range(3000):
        clock.now += rng.choice((0, 0, 0, 1))
        counting = {key: end for key, end in counting.items() if end > clock.now}
        key = f"{rng.choice('aaaaaabcc')}/{rng.randrange(90)}" if rng.random() < 0.9 else str(rng.randrange(20))
        if rng.random() < 0.1:
            assert (await small.take(key) is not None) == (counting.pop(key, None) is not None)
            continue
        seconds = rng.randrange(80)
        free = 100 - len(counting)
        held = sum(one.startswith(key[:2]) for one in counting) if "/" in key else 0
        wanted: object = key not in counting and ("refused" if held >= free else True)
        try:
            got: object = await small.put(key, "", seconds=seconds)
        except LaunchError:
            got = "refused"
        assert got == wanted
        outcomes[got] += 1
        if got is True:
            counting[key] = clock.now + seconds
    assert min(outcomes[one] for one in (True, False, "refused")) > 100


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


async def test_a_file_of_an_older_version_is_counted_as_it_stands_and_goes_on(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "logins.db"
    older = sqlite3.connect(path)
    older.execute("CREATE TABLE aioags_logins (key TEXT PRIMARY KEY, value TEXT NOT NULL, expires_at REAL NOT NULL)")
    row = "INSERT OR IGNORE INTO aioags_logins VALUES (?, 'x', 1010)"
    with older:
        older.executemany(row, [(f"launched {n}",) for n in range(60)])
    store = SQLiteLoginStore(path, most=100, clock=clock)
    assert await flood(store, "hostile") == 20
    # A process of the older version is still running.
    with older:
        older.executemany(row, [(f"launched {n}",) for n in range(50, 80)])
    older.close()
    with pytest.raises(LaunchError, match="holds 100 values, its most"):
        await store.put("one more", "", seconds=10)
    assert await store.take("launched 0") == "x"
    clock.now += 10
    assert await flood(store, "hostile") == 50
    store.close()


async def test_processes_share_the_bound_of_a_share(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "logins.db"
    one, other = (SQLiteLoginStore(path, most=100, clock=clock) for _ in range(2))
    assert await flood(one, "hostile") == 50
    with pytest.raises(LaunchError, match="one registration"):
        await other.put("hostile/one more", "", seconds=10)
    assert await other.put("school/1", "", seconds=10)
    one.close()
    other.close()


async def test_a_put_that_is_refused_still_deletes_what_is_over(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "logins.db"
    store = SQLiteLoginStore(path, most=4, clock=clock)
    await store.put("old", "", seconds=10)
    await store.put("a/1", "", seconds=20)
    await store.put("a/2", "", seconds=20)
    clock.now += 10
    with pytest.raises(LaunchError, match="one registration"):
        await store.put("a/3", "", seconds=10)
    store.close()
    connection = sqlite3.connect(path)
    assert sorted(connection.execute("SELECT key FROM aioags_logins")) == [("a/1",), ("a/2",)]
    connection.close()


async def test_a_share_that_holds_nothing_leaves_no_row(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "logins.db"
    store = SQLiteLoginStore(path, clock=clock)
    for n in range(30):
        await store.put(f"school {n}/1", "", seconds=10)
    clock.now += 10
    await store.put("school/1", "", seconds=10)
    store.close()
    connection = sqlite3.connect(path)
    assert sorted(connection.execute("SELECT * FROM aioags_login_shares")) == [("", 1), ("school", 1)]
    connection.close()


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
