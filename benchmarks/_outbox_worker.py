"""
A worker of procrastinate whose platform takes 20 ms for a score, without a network; for `outbox_postgres.py`.

Its argument is a JSON object: ``store`` (URL of the database), ``post`` (seconds); for the limited kind ``rate`` and
``callers``. It works until its input ends.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import logging
import sys
import time
from collections.abc import Coroutine
from typing import Any

import procrastinate
from joserfc.jwk import ECKey

from aioags import Client, Endpoint, Pace, Registration, Scope
from aioags.contrib.procrastinate import WORKER, add_tasks, wake
from aioags.outbox import Outbox
from aioags.outbox.limiter import PermitCache
from aioags.outbox.postgres import PostgresLimiter, PostgresStore
from aioags.protocol.messages import Request, Response

HOST = "https://lms.example"
GRANT = {"access_token": "t", "token_type": "Bearer", "expires_in": 3600, "scope": str(Scope.SCORE)}


class SlowPlatform:
    """
    A transport to a platform that takes its time and takes everything.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    async def send(self, request: Request) -> Response:
        """
        Answer after a while.
        """
        if request.url.endswith("/token"):
            return Response(200, "", (("Content-Type", "application/json"),), json.dumps(GRANT).encode(), request.url)
        await asyncio.sleep(self.seconds)
        return Response(204, "", (), b"", request.url)

    async def aclose(self) -> None:
        """
        Do nothing.
        """


def registration() -> Registration:
    """
    Make a registration with the platform.
    """
    return Registration(HOST, "tool", f"{HOST}/token", ECKey.generate_key("P-256", private=True))


def endpoint(item: int) -> Endpoint:
    """
    Return the endpoint of a line item.
    """
    return Endpoint(None, f"{HOST}/items/{item}", [Scope.SCORE])


def slow_client(seconds: float) -> Client:
    """
    Make a client that may have 128 requests in flight.
    """
    return Client(transport=SlowPlatform(seconds), pace=Pace(floor=16, ceiling=128))


def run(main: Coroutine[Any, Any, None]) -> None:
    """
    Run a program, on uvloop where there is one.
    """
    factory = importlib.import_module("uvloop").new_event_loop if importlib.util.find_spec("uvloop") else None
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(main)


async def until_input_ends() -> None:
    """
    Wait for the parent to close our input.
    """
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), ended.set)
    await ended.wait()


async def work(orders: dict[str, Any]) -> None:
    """
    Be a worker.
    """
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=orders["store"], max_size=10))
    async with slow_client(orders["post"]) as client, app.open_async():
        outbox = Outbox(PostgresStore(orders["store"], wake=wake), client, {"school": registration()})
        add_tasks(app, outbox)
        worker = asyncio.create_task(app.run_worker_async(**WORKER))
        print("ready", flush=True)
        await until_input_ends()
        worker.cancel()
        await asyncio.gather(worker, return_exceptions=True)
        await outbox.aclose()


async def limited(orders: dict[str, Any]) -> None:
    """
    Let callers spend permits, and print when.
    """
    store = PostgresStore(orders["store"])
    permits = PermitCache(PostgresLimiter(store, orders["rate"]), asyncio.sleep)
    print("ready", flush=True)
    ended = asyncio.create_task(until_input_ends())

    async def caller() -> None:
        while not ended.done():
            if await permits.spend("school", patience=0.5):
                print(f"{time.time():.4f}", flush=True)
            else:
                await asyncio.sleep(0.05)

    await asyncio.gather(*(caller() for _ in range(orders["callers"])))
    await store.aclose()


if __name__ == "__main__":
    logging.getLogger("procrastinate").setLevel(logging.ERROR)
    given = json.loads(sys.argv[1])
    run(limited(given) if "rate" in given else work(given))
