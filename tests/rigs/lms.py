"""
A named LMS on the desk for one test, in a time of its own: sleeping takes none, but moves the platform's clock as well.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import cache
from typing import Any

import attrs
from joserfc.jwk import RSAKey

from aioags import Client, Endpoint, Registration, Runtime, Scope
from aioags.emulator import Exchange, Profile, serve
from tests.rigs.carrying import way
from tests.rigs.memory import MemoryTransport, Stand, new_platform

START = 1_900_000_000.0


@cache
def rsa_key() -> RSAKey:
    """
    Return one RSA key for every LMS: Open edX takes no other kind.
    """
    return RSAKey.generate_key(2048)


@attrs.define
class SharedTime:
    """
    One clock for the tool and the platform.

    Attributes:
        now: Seconds since the test began.

        slept: Every wait, in order.
    """

    now: float = 0.0
    slept: list[float] = attrs.field(factory=list)

    def wall(self) -> float:
        """
        Return Unix time.
        """
        return START + self.now

    async def sleep(self, seconds: float) -> None:
        """
        Be later at once.
        """
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)

    def runtime(self) -> Runtime:
        """
        Return what a `Client` needs to live in this time.
        """
        return Runtime(clock=lambda: self.now, wall=self.wall, sleep=self.sleep, jitter=lambda: 0.5)


@attrs.define
class Lms(Stand):
    """
    A stand of a named profile.

    Attributes:
        time: Its clock, the tool's and the platform's.
    """

    time: SharedTime = attrs.field(factory=SharedTime)

    def seen(self, operation: str) -> list[Exchange]:
        """
        Return what the platform recorded of one operation.
        """
        return [exchange for exchange in self.platform.requests if exchange.operation == operation]

    def offering(self, *scopes: Scope, **changes: Any) -> None:
        """
        Let the launch claim other scopes than it did, whatever the platform grants.
        """
        self.endpoint = attrs.evolve(self.endpoint, scope=scopes or frozenset(Scope), **changes)
        self.gradebook = self.client.gradebook(self.registration, self.endpoint)


@asynccontextmanager
async def lms(profile: str | Profile, *, users: int = 6, **settings: Any) -> AsyncIterator[Lms]:
    """
    Open a platform of this profile with a tool in front of it; behind its real server, where the way is a socket.
    """
    time = SharedTime()
    platform = new_platform(profile, users=users, clock=time.wall, key=rsa_key(), **settings)
    transport = MemoryTransport(platform) if way() == "memory" else None
    async with AsyncExitStack() as stack:
        if transport is None:
            await stack.enter_async_context(serve(platform, sleep=time.sleep))
        client = await stack.enter_async_context(Client(transport=transport or way(), runtime=time.runtime()))
        registration = Registration(**platform.registration_args() | {"key": rsa_key()})
        endpoint = Endpoint.from_claim(platform.endpoint_claim())
        gradebook = client.gradebook(registration, endpoint)
        yield Lms(platform, client, registration, endpoint, gradebook, transport, time)


def sent(exchange: Exchange) -> dict[str, Any]:
    """
    Return the JSON that a recorded request carried.
    """
    fields: dict[str, Any] = json.loads(exchange.request.body or b"{}")
    return fields


def header_of(exchange: Exchange, name: str) -> str | None:
    """
    Return a header of a recorded request.
    """
    return next((value for key, value in exchange.request.headers if key.lower() == name.lower()), None)
