"""
A process that puts, and a process that drains, both to be killed. Run as ``python -m tests.rigs.outbox_process``.

Its one argument is a JSON object: ``role`` (``write`` or ``drain``), ``store`` (a path), ``claim``, ``registration``;
for a writer ``items``, ``users``, ``first`` (its numbers begin behind it), ``seed``; for a drainer ``until_empty``.

A writer prints ``T number item user ts`` before it puts a score and ``A number`` once that is durable. The number is
the score's points, so that each score can be told from every other.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import sys
import time
from typing import Any

from aioags import Client, Endpoint, Registration, RetryPolicy, Score
from aioags.outbox import Backoff, Entry, Outbox, SQLiteStore
from aioags.outbox.model import from_micros

CALLERS = 4
SHARE_OF_LATE = 0.2
MOST_POINTS = 10**9


def say(*words: object) -> None:
    """
    Print one line, whole, at once.
    """
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def next_entry(orders: dict[str, Any], chance: random.Random, number: int) -> Entry:
    """
    Make up a score: anybody's, a fifth of them with a stamp of some seconds ago.
    """
    ts = time.time_ns() // 1000
    if chance.random() < SHARE_OF_LATE:
        ts -= chance.randrange(5_000_000)
    item, user = chance.randrange(len(orders["items"])), chance.choice(orders["users"])
    score = Score.graded(user, number, score_maximum=MOST_POINTS, timestamp=from_micros(ts))
    say("T", number, item, user, ts)
    return Entry.of("school", Endpoint.from_claim(orders["claim"]), score, line_item=orders["items"][item])


async def write(orders: dict[str, Any]) -> None:
    """
    Put until the input ends.
    """
    chance = random.Random(orders["seed"])
    numbers = itertools.count(orders["first"] + 1)
    store = SQLiteStore(orders["store"])
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), ended.set)

    async def caller() -> None:
        while not ended.is_set():
            number = next(numbers)
            await store.put([next_entry(orders, chance, number)], now=time.time())
            say("A", number)

    await asyncio.gather(*(caller() for _ in range(CALLERS)))
    await store.aclose()


async def drain(orders: dict[str, Any]) -> None:
    """
    Drain in the background until killed, or until nothing is due.
    """
    async with Client(retry=RetryPolicy(attempts=2, first_wait=0.01, total_time=5.0)) as client:
        outbox = Outbox(
            SQLiteStore(orders["store"]),
            client,
            {"school": Registration(**orders["registration"])},
            backoff=Backoff(first_wait=0.05, longest_wait=0.2),
            poll=0.05,
        )
        async with outbox:
            say("draining")
            while not orders["until_empty"] or (await outbox.stats()).due:  # noqa: ASYNC110
                await asyncio.sleep(0.02)


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    asyncio.run({"write": write, "drain": drain}[given["role"]](given))
