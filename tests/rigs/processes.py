"""
Several processes of one tool: a `Client` each, with a transport of its own, at one platform in memory.

Who goes first is drawn from a seed: every request waits a few turns of the loop before it takes effect and a few before
it is answered. The same seed gives the same order.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from random import Random
from typing import Any

import attrs

from aioags import Client, NoticeEvent, RequestEvent
from aioags.emulator import Platform, Profile
from aioags.protocol.messages import Request
from tests.fakes import private_key
from tests.rigs.listening import keeping
from tests.rigs.memory import MemoryTransport, Stand, new_platform, runtime_for, stand_of, tool_key
from tests.rigs.virtual_time import VirtualTime

# Turns that a request may lie on the way; fewer than those after which virtual time moves.
_LONGEST = 12


@attrs.define
class World:
    """
    One platform and the processes that ask it.

    Attributes:
        stands: One for each process.

        events: What the clients of all processes told.
    """

    platform: Platform
    time: VirtualTime
    stands: list[Stand]
    events: list[RequestEvent | NoticeEvent]

    @property
    def told(self) -> list[str]:
        """
        What was said of line items that stay.
        """
        return [event.reason for event in self.events if isinstance(event, NoticeEvent)]

    def columns(self, **fields: str) -> list[str]:
        """
        Return the URLs of the line items that have these fields, oldest first.
        """
        shown = self.platform.line_items()
        return [item["id"] for item in shown if all(item.get(name) == value for name, value in fields.items())]


@asynccontextmanager
async def processes(
    count: int,
    profile: str | Profile = "spec",
    *,
    seed: int | None = None,
    client: dict[str, Any] | None = None,
    **settings: Any,
) -> AsyncIterator[World]:
    """
    Open a world.

    Args:
        seed: Of who goes first. None: each in turn.

        client: Arguments of each `Client`.

        settings: Of the platform.
    """
    time, rng, events = VirtualTime(), Random(seed), list[RequestEvent | NoticeEvent]()

    async def travel(_: Request) -> None:
        for _ in range(1 if seed is None else rng.randrange(_LONGEST)):
            await asyncio.sleep(0)

    async with AsyncExitStack() as stack:
        # Open edX takes RSA alone.
        key = private_key() if profile == "openedx" else tool_key()
        platform = new_platform(profile, clock=time.wall, key=key, **settings)
        stands, listen = [], keeping(events, RequestEvent, NoticeEvent)
        for _ in range(count):
            transport = MemoryTransport(platform, travel, travel)
            own = Client(transport=transport, runtime=runtime_for(time), on_event=listen, **(client or {}))
            stands.append(stand_of(platform, await stack.enter_async_context(own), transport, key=key))
        yield World(platform, time, stands, events)
