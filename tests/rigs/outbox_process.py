"""
A process that puts, and a process that drains, both to be killed. Run as ``python -m tests.rigs.outbox_process``.

Its one argument is a JSON object: ``role`` (``write``, ``drain``, or ``work`` for a worker of procrastinate), ``store``
(a path, or the URL of a database), ``claim``, ``registration``; for a writer ``items``, ``users``, ``first`` (its
numbers begin behind it), ``seed``. It ends when its input does.

A writer prints ``T number item user ts`` before it puts a score and ``A number`` once that is durable. The number is
the score's points, so that each score can be told from every other. The others print ``S`` when they begin, and once
what became of a score is durable.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import random
import sys
import time
from typing import Any

import procrastinate

from aioags import Client, Endpoint, Event, OutboxEvent, Registration, RetryPolicy, Score
from aioags.contrib.procrastinate import WORKER, add_tasks, wake
from aioags.outbox import Backoff, Entry, Outbox, SQLiteStore
from aioags.outbox.model import from_micros
from aioags.outbox.postgres import PostgresStore

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


def open_store(name: str) -> SQLiteStore | PostgresStore:
    """
    Open a store by its path or URL.
    """
    return PostgresStore(name, wake=wake) if name.startswith("postgresql:") else SQLiteStore(name)


def when_input_ends() -> asyncio.Event:
    """
    Return what is set when the input ends.
    """
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), ended.set)
    return ended


async def write(orders: dict[str, Any]) -> None:
    """
    Put until the input ends.
    """
    chance = random.Random(orders["seed"])
    numbers = itertools.count(orders["first"] + 1)
    store = open_store(orders["store"])
    ended = when_input_ends()

    async def caller() -> None:
        while not ended.is_set():
            number = next(numbers)
            await store.put([next_entry(orders, chance, number)], now=time.time())
            say("A", number)

    await asyncio.gather(*(caller() for _ in range(CALLERS)))
    await store.aclose()


def new_outbox(orders: dict[str, Any], client: Client) -> Outbox:
    """
    Make an outbox that is quick to try again.
    """
    registrations = {"school": Registration(**orders["registration"])}
    backoff = Backoff(first_wait=0.05, longest_wait=0.2)
    return Outbox(open_store(orders["store"]), client, registrations, backoff=backoff, poll=0.05)


def new_client() -> Client:
    """
    Make a client that leaves most of the trying to the outbox.
    """

    def told(event: Event) -> None:
        if isinstance(event, OutboxEvent):
            say("S")

    return Client(retry=RetryPolicy(attempts=2, first_wait=0.01, total_time=5.0), on_event=told)


async def drain(orders: dict[str, Any]) -> None:
    """
    Drain in the background until killed, or until the input ends.
    """
    async with new_client() as client, new_outbox(orders, client):
        say("S")
        await when_input_ends().wait()


async def work(orders: dict[str, Any]) -> None:
    """
    Be a worker of procrastinate until killed, or until the input ends; one that looks after the dead every second.
    """
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=orders["store"]))
    async with new_client() as client, app.open_async():
        outbox = new_outbox(orders, client)
        add_tasks(app, outbox, sweep_every=1, stalled_after=1.5)
        haste = {"update_heartbeat_interval": 0.2, "stalled_worker_timeout": 1.5, "fetch_job_polling_interval": 0.2}
        say("S")
        worker = asyncio.create_task(app.run_worker_async(**{**WORKER, **haste}))
        await asyncio.wait(
            [worker, waiter := asyncio.create_task(when_input_ends().wait())],
            return_when=asyncio.FIRST_COMPLETED,
        )
        worker.cancel()
        waiter.cancel()
        await asyncio.gather(worker, waiter, return_exceptions=True)
        await outbox.aclose()


if __name__ == "__main__":
    # procrastinate would warn that an app of the main module cannot be imported by others; nobody does.
    logging.getLogger("procrastinate").setLevel(logging.ERROR)
    given = json.loads(sys.argv[1])
    asyncio.run({"write": write, "drain": drain, "work": work}[given["role"]](given))
