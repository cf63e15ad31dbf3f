"""
An outbox in front of an emulated platform, all in memory, on a clock that only sleepers move.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs

from aioags import Client, Delivery, Endpoint, Registration, RetryPolicy, Score
from aioags.emulator import Platform, Profile
from aioags.outbox import MemoryStore, Outbox, Store, StoredScore
from aioags.outbox.memory import Table
from aioags.outbox.registry import Registry
from aioags.protocol.messages import Request
from tests.rigs.faults import FAULTS, Fault, FaultyTransport
from tests.rigs.memory import new_platform, runtime_for, tool_key
from tests.rigs.virtual_time import VirtualTime

SCHOOL = "school"

FAULT = {fault.name: fault for fault in FAULTS}

ONE_TRY = RetryPolicy(attempts=1, total_time=0.001)
"""The client gives up at once, so that the outbox has to decide."""


@attrs.define
class Desk:
    """
    An outbox and everything around it.

    Attributes:
        told: What the hooks were told, as (what, user, attempts), in order.
    """

    platform: Platform
    transport: FaultyTransport
    client: Client
    time: VirtualTime
    table: Table
    registration: Registration
    endpoint: Endpoint
    outbox: Outbox
    told: list[tuple[str, str, int]]

    @property
    def item(self) -> str:
        return str(self.endpoint.lineitem)

    @property
    def user(self) -> str:
        return self.platform.users()[0]

    def now(self, seconds: float = 0.0) -> datetime:
        """
        The clock's time, and so many seconds later.
        """
        return datetime.fromtimestamp(self.time.wall(), UTC) + timedelta(seconds=seconds)

    def grade(
        self, points: float = 5, user: str | None = None, *, at: float = 0.0, comment: str | None = None
    ) -> Score:
        """
        A grade, stamped so many seconds from now.
        """
        return Score.graded(user or self.user, points, score_maximum=10, timestamp=self.now(at), comment=comment)

    async def put(self, *scores: Score) -> int:
        """
        Put scores for the coupled line item.
        """
        return await self.outbox.put_many(SCHOOL, self.endpoint, scores)

    async def drain(self) -> tuple[int, int, int]:
        """
        Drain the coupled line item; what became of the scores.
        """
        done = await self.outbox.drain(SCHOOL, self.item)
        return (done.recorded, done.refused, done.postponed)

    def row(self, user: str | None = None) -> StoredScore:
        """
        The stored row of a user.
        """
        return self.table.rows[SCHOOL, self.item, user or self.user]

    def applied(self, user: str | None = None) -> list[float | None]:
        """
        Points of every score that the platform applied, in order.
        """
        return [score.get("scoreGiven") for score in self.platform.history(self.item, user or self.user)]

    def put_during_the_first_post(self, points: float) -> None:
        """
        Put a newer grade while the first one is posted.
        """

        async def put_newer(request: Request) -> None:
            if "/scores" in request.url and self.applied() == []:
                await self.put(self.grade(points, at=1))

        self.transport.before = put_newer

    def fail(self, name: str, *, times: int | None = None, of: str = "/scores") -> None:
        """
        Let a fault befall the next requests whose URL holds a text. None: all of them.
        """
        self.transport.choose = befall(FAULT[name], times, of)

    def heal(self) -> None:
        """
        No more faults.
        """
        self.transport.choose = lambda _: None


def befall(fault: Fault, times: int | None, of: str) -> Callable[[Request], Fault | None]:
    """
    Choose a fault for the next requests whose URL holds a text.
    """
    left = [times]

    def choose(request: Request) -> Fault | None:
        if of not in request.url or left[0] == 0:
            return None
        left[0] = None if left[0] is None else left[0] - 1
        return fault

    return choose


def new_desk(
    profile: str | Profile = "spec",
    *,
    users: int = 3,
    retry: RetryPolicy = ONE_TRY,
    store: Store | None = None,
    registry: Registry | None = None,
    start: float = 1_900_000_000.0,
    outbox: dict[str, Any] | None = None,
) -> Desk:
    """
    Return an outbox over a store in memory.

    Args:
        registry: None: a mapping with the one registration.

        outbox: More arguments of the `Outbox`.
    """
    time = VirtualTime(start=start)
    platform = new_platform(profile, users=users, clock=time.wall)
    transport = FaultyTransport(platform)
    runtime = runtime_for(time)
    client = Client(transport=transport, retry=retry, runtime=runtime)
    registration = Registration(**(platform.registration_args() | {"key": tool_key()}))
    table = Table()
    told: list[tuple[str, str, int]] = []

    def teller(what: str) -> Callable[[str, Delivery], None]:
        return lambda registration_id, delivery: told.append((what, delivery.score.user_id, delivery.attempts))

    box = Outbox(
        store or MemoryStore(table),
        client,
        registry or {SCHOOL: registration},
        runtime=runtime,
        **{
            "on_recorded": teller("recorded"),
            "on_refused": teller("refused"),
            "on_unknown": teller("unknown"),
            "on_deferred": teller("deferred"),
            "on_dropped": teller("dropped"),
            **(outbox or {}),
        },
    )
    endpoint = Endpoint.from_claim(platform.endpoint_claim())
    return Desk(platform, transport, client, time, table, registration, endpoint, box, told)
