"""
What the web processes and the workers of a tool on several machines have in common: one PostgreSQL.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

import procrastinate
import psycopg
from psycopg_pool import AsyncConnectionPool

from aioags import Client, Endpoint, Gradebook
from aioags.contrib.procrastinate import wake
from aioags.launch import KeyRing, Launch, StoredRegistrations
from aioags.launch.registry.postgres import PostgresRegistrationStore
from aioags.outbox import Outbox
from aioags.outbox.postgres import PostgresStore

DATABASE_URL = os.environ["DATABASE_URL"]

pool: AsyncConnectionPool[psycopg.AsyncConnection[Any]] = AsyncConnectionPool(
    DATABASE_URL, kwargs={"autocommit": True}, open=False
)
jobs = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=DATABASE_URL))
# The same private keys on every machine: they sign, and they seal the logins.
keys = KeyRing(lambda: os.environ["AIOAGS_KEYS"])
registrations = StoredRegistrations(PostgresRegistrationStore(pool=pool), keys)


def name_of(launch: Launch) -> str:
    """
    Name the registration of a launch, for the outbox.
    """
    return json.dumps([launch.issuer, launch.client_id, launch.deployment_id, launch.registration.token_url])


async def open_gradebook(client: Client, name: str, endpoint: Mapping[str, Any]) -> Gradebook:
    """
    Find it again. None, or several: an error, and the scores wait.
    """
    issuer, client_id, deployment_id, token_url = json.loads(name)
    (registration,) = (
        one
        for one in await registrations.find(issuer, client_id)
        if one.deployment_id in (None, deployment_id) and one.token_url == token_url
    )
    return client.gradebook(registration, Endpoint.from_claim(endpoint))


def open_outbox(client: Client) -> Outbox:
    """
    Make the outbox of one process.
    """
    return Outbox(PostgresStore(pool=pool, wake=wake), client, open_gradebook)


class Launches:
    """
    Where it is noted that a launch was taken: by one machine, and for all of them.
    """

    async def make_table(self) -> None:
        """
        Make the table, once.
        """
        async with pool.connection() as connection:
            await connection.execute(
                "CREATE TABLE IF NOT EXISTS launches"
                " (key TEXT PRIMARY KEY, value TEXT NOT NULL, until TIMESTAMPTZ NOT NULL)"
            )
            await connection.execute("CREATE INDEX IF NOT EXISTS launches_until ON launches (until)")

    async def put(self, key: str, value: str, *, seconds: float) -> bool:
        """
        Keep a value, unless the key is in use.
        """
        async with pool.connection() as connection:
            await connection.execute("DELETE FROM launches WHERE until < now()")
            added = await connection.execute(
                "INSERT INTO launches VALUES (%s, %s, now() + make_interval(secs => %s)) ON CONFLICT DO NOTHING",
                (key, value, seconds),
            )
        return added.rowcount == 1

    async def take(self, key: str) -> str | None:
        """
        Return a value and forget it.
        """
        async with pool.connection() as connection:
            taken = await connection.execute(
                "DELETE FROM launches WHERE key = %s RETURNING value, until > now()", (key,)
            )
            row = await taken.fetchone()
        return row[0] if row is not None and row[1] else None
