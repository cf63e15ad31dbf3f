"""
Processes die at any moment; every grade that was acknowledged is on the platform in the end.

Writers put, a fifth of their scores with late stamps. A fifth of the posts fail, some of them after their effect. The
process that drains is killed with SIGKILL at a random point of its work, and with it, in every other round, a process
that puts. What a dead one leaves behind is all that the next one has. ``make soak`` plays more rounds, as many as
``AIOAGS_KILL_ROUNDS`` says.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import procrastinate
import pytest

from aioags.emulator import Fault, Platform, serve
from aioags.emulator.platform import Exchange
from aioags.outbox import SQLiteStore
from aioags.outbox.postgres import PostgresStore

pytestmark = pytest.mark.usefixtures("both_transports")

ROOT = Path(__file__).parent.parent.parent
FEW = 2
MANY = int(os.environ.get("AIOAGS_KILL_ROUNDS", "15"))
USERS = 24

FAULTS = [
    Fault.answer(500, operation="post_score", probability=0.04),
    Fault.answer(502, b"<html>", operation="post_score", probability=0.03, applied=True),
    Fault.drop(operation="post_score", probability=0.03),
    Fault.drop(operation="post_score", probability=0.04, applied=True),
    Fault.reset(operation="post_score", probability=0.03, applied=True),
    Fault.half(operation="post_score", probability=0.02),
    Fault.throttle(0.2, operation="post_score", probability=0.01),
    Fault.answer(503, operation="token", probability=0.1),
]
"""About a fifth of the posts."""


@attrs.define
class Ledger:
    """
    What the writers said.

    Attributes:
        tried: For each line item (by its place) and user, the stamp of each score, by its number.

        durable: Numbers of the scores that were acknowledged.
    """

    tried: dict[tuple[int, str], dict[int, int]] = attrs.field(factory=lambda: defaultdict(dict))
    durable: set[int] = attrs.field(factory=set)

    def note(self, line: str) -> None:
        """
        Take in one line.
        """
        word, *rest = line.split()
        if word == "T":
            number, item, user, ts = rest
            self.tried[int(item), user][int(number)] = int(ts)
        elif word == "A":
            self.durable.add(int(rest[0]))

    def newest(self, key: tuple[int, str]) -> int | None:
        """
        The latest stamp of a user that was acknowledged.
        """
        return max((ts for number, ts in self.tried[key].items() if number in self.durable), default=None)


@attrs.define
class Rig:
    """
    The platform, and the processes around it.

    Attributes:
        orders: What every process is told.
    """

    platform: Platform
    items: list[str]
    orders: dict[str, Any]
    ledger: Ledger = attrs.field(factory=Ledger)
    posts: int = 0
    _news: asyncio.Event = attrs.field(factory=asyncio.Event)

    def heard(self, exchange: Exchange) -> None:
        """
        Count a post.
        """
        self.posts += exchange.operation == "post_score"
        self._news.set()

    async def more_posts(self, count: int) -> None:
        """
        Wait until so many more posts have reached the platform.
        """
        target = self.posts + count
        while self.posts < target:
            self._news.clear()
            await self._news.wait()

    async def nothing_due(self, store: SQLiteStore | PostgresStore) -> None:
        """
        Wait until nothing is due: it is looked again whenever a process has said something.
        """
        self._news.clear()
        while (await store.stats(now=0.0)).due:
            await self._news.wait()
            self._news.clear()

    @asynccontextmanager
    async def process(self, module: str = "tests.rigs.outbox_process", **orders: Any) -> AsyncIterator[Any]:
        """
        Run a process while the block runs; it is killed at its end if it still runs.
        """
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            module,
            json.dumps(self.orders | orders),
            cwd=ROOT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        listener = asyncio.create_task(self._listen(process))
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
            await listener

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            # The last line of one that was killed may be cut.
            if line.endswith(b"\n"):
                self.ledger.note(line.decode())
                self._news.set()


@asynccontextmanager
async def new_rig(profile: str, store: str, seed: int) -> AsyncIterator[Rig]:
    """
    Serve a platform with three line items, and faults.
    """
    platform = Platform.create(profile, users=USERS, keep_requests=0, seed=seed)
    coupled = platform.add_line_item
    async with serve(platform):
        made = [platform.site.item_url(coupled(f"Item {number}", 100)) for number in range(2)]
        claim = platform.endpoint_claim()
        items = [claim["lineitem"], *made]
        orders = {
            "store": store,
            "claim": claim,
            "items": items,
            "users": platform.users(),
            "registration": platform.registration_args(),
        }
        rig = Rig(platform, items, orders)
        for fault in FAULTS:
            platform.faults.add(fault)
        platform.subscribe(rig.heard)
        yield rig


def check(rig: Rig) -> None:
    """
    Compare what the platform has with what was acknowledged.
    """
    assert len(rig.ledger.durable) > 50
    for (item, user), stamps in rig.ledger.tried.items():
        newest = rig.ledger.newest((item, user))
        applied = [stamps[score["scoreGiven"]] for score in rig.platform.history(rig.items[item], user)]
        assert applied == sorted(applied), "an older score over a newer one"
        # One whose acknowledgment died with its writer may have been stored, and then be newer still.
        assert newest is None or (applied and applied[-1] >= newest), "a lost grade"


async def end(process: asyncio.subprocess.Process) -> None:
    """
    Let a process end of itself.
    """
    assert process.stdin is not None
    process.stdin.close()
    assert await process.wait() == 0


@asynccontextmanager
async def writing(rig: Rig, seed: int, number: int, *, kill: bool) -> AsyncIterator[None]:
    """
    Let a process put while the block runs, and then kill it, or let it end.
    """
    async with rig.process(role="write", first=(number + 1) * 10_000_000, seed=seed + number) as writer:
        yield
        if kill:
            writer.kill()
            return
        await end(writer)


async def play_with_one_drainer(rig: Rig, store: SQLiteStore, rounds: int, seed: int) -> None:
    """
    Kill the drainer in each round, and a writer in every other; at the end let the last ones finish.
    """
    chance = random.Random(seed)
    async with writing(rig, seed, rounds, kill=False):
        for number in range(rounds):
            async with writing(rig, seed, number, kill=number % 2 == 1), rig.process(role="drain"):
                await rig.more_posts(chance.randrange(1, 150))
    async with rig.process(role="drain") as drainer:
        await rig.nothing_due(store)
        await end(drainer)


async def play_with_two_workers(rig: Rig, store: PostgresStore, rounds: int, seed: int) -> None:
    """
    Two workers at any time; each round kills one that is in the midst of its work, and starts another.
    """
    chance = random.Random(seed)
    async with writing(rig, seed, rounds, kill=False), rig.process(role="work") as steady:
        for number in range(rounds):
            async with writing(rig, seed, number, kill=number % 2 == 1), rig.process(role="work"):
                await rig.more_posts(chance.randrange(1, 150))
        steady.kill()
    async with rig.process(role="work") as first, rig.process(role="work") as second:
        await rig.nothing_due(store)
        await end(first)
        await end(second)


def seed_for(rounds: int) -> int:
    """
    The same for the few rounds of every day, another each time for the many.
    """
    seed = random.SystemRandom().randrange(10**6) if rounds == MANY else 7
    print(f"seed {seed}")
    return seed


def report(rig: Rig, rounds: int, sent: int) -> None:
    """
    Print the figures.
    """
    print(f"{rounds} kills, {len(rig.ledger.durable)} acknowledged, {rig.posts} posts, {sent} rows, lost 0, wrong 0")


# One for each transport, which the processes take from the environment.
PROFILES = pytest.mark.parametrize(
    "profile, both_transports", [("spec", "lane"), ("moodle", "session")], indirect=["both_transports"]
)
FEW_OR_MANY = pytest.mark.parametrize("rounds", [FEW, pytest.param(MANY, marks=pytest.mark.soak)])


@FEW_OR_MANY
@PROFILES
async def test_no_acknowledged_grade_is_lost_with_sqlite(profile: str, rounds: int, tmp_path: Path) -> None:
    seed = seed_for(rounds)
    store = SQLiteStore(tmp_path / "grades.db")
    async with new_rig(profile, str(store.path), seed) as rig:
        await play_with_one_drainer(rig, store, rounds, seed)
        check(rig)
    stats = await store.stats(now=0.0)
    await store.aclose()
    assert (stats.due, stats.dead) == (0, 0)
    report(rig, rounds, stats.sent)


@pytest.mark.needs("postgres")
@FEW_OR_MANY
@PROFILES
async def test_no_acknowledged_grade_is_lost_with_two_workers(profile: str, rounds: int, postgres: str) -> None:
    seed = seed_for(rounds)
    store = PostgresStore(postgres)
    await store.migrate()
    async with procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=postgres)).open_async() as app:
        await app.schema_manager.apply_schema_async()
    async with new_rig(profile, postgres, seed) as rig:
        await play_with_two_workers(rig, store, rounds, seed)
        check(rig)
    stats = await store.stats(now=0.0)
    await store.aclose()
    assert (stats.due, stats.dead) == (0, 0)
    report(rig, rounds, stats.sent)
