"""
A limit on scores per second, kept in PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import LiteralString

from aioags.outbox.limiter import Permits
from aioags.outbox.postgres.store import PostgresStore

# Generic cell rate: tat is when the bucket is empty again. The server's clock serves everybody. One that is further
# ahead than a bucket is deep was written while a clock was wrong.
_TAKE_PERMITS: LiteralString = """
    WITH clock AS (SELECT coalesce(%(now)s::float8, extract(epoch FROM clock_timestamp())::float8) AS now)
    UPDATE aioags_outbox_platform SET
        tat = CASE WHEN tat > now + %(depth)s THEN now ELSE greatest(tat, now) END + %(cost)s
    FROM clock
    WHERE registration = %(registration)s AND (blocked_until <= now OR blocked_until > now + 86400)
        AND (tat > now + %(depth)s OR greatest(tat, now) + %(cost)s <= now + %(depth)s)
    RETURNING 0
"""

_PERMITS_AFTER: LiteralString = """
    SELECT greatest(blocked_until, tat + %(cost)s - %(depth)s)
        - coalesce(%(now)s::float8, extract(epoch FROM clock_timestamp())::float8)
    FROM aioags_outbox_platform WHERE registration = %(registration)s
"""

_NEW_PLATFORM: LiteralString = (
    "INSERT INTO aioags_outbox_platform (registration) VALUES (%s) ON CONFLICT (registration) DO NOTHING"
)


class PostgresLimiter:
    """
    A limit on scores per second for each platform, kept in PostgreSQL and shared by everybody who asks there.

    Args:
        store: Whose database it is. A platform that the store has blocked gets no permits.

        rate: Scores per second, for every platform.

        burst: How many may go at once after a silence: the most by which a second may exceed the rate. Below 10 the
            rate is not reached, because whoever comes a little late has lost it.

        wall: Reads Unix time. None: the server's clock, which is the same for everybody.
    """

    def __init__(
        self, store: PostgresStore, rate: float, *, burst: int = 15, wall: Callable[[], float] | None = None
    ) -> None:
        if not rate > 0:
            raise ValueError(f"rate must be more than 0 scores per second, got {rate!r}")
        self._store = store
        self._rate = rate
        self._burst = burst
        self._wall = wall
        self._known: set[str] = set()

    async def take(self, registration_id: str, wanted: int) -> Permits:
        """
        Take permits for one platform: all that are wanted, or none and the time until then.
        """
        cost, depth = wanted / self._rate, max(wanted, self._burst) / self._rate
        now = None if self._wall is None else self._wall()
        arguments = {"registration": registration_id, "cost": cost, "depth": depth, "now": now}
        async with self._store.single() as connection:
            if registration_id not in self._known:
                await connection.execute(_NEW_PLATFORM, (registration_id,))
                self._known.add(registration_id)
            cursor = await connection.execute(_TAKE_PERMITS, arguments)
            if cursor.rowcount:
                return Permits(wanted)
            cursor = await connection.execute(_PERMITS_AFTER, arguments)
            row = await cursor.fetchone()
            return Permits(0, max(0.001, float(row[0])) if row else 0.001)
