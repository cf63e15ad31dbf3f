"""
Durable posting: scores that survive the process, and the machine.

`Outbox` stores scores and posts them; `SQLiteStore` is the store that needs nothing else. For more than one machine
there is `aioags.outbox.postgres.PostgresStore`, with `aioags.contrib.procrastinate` for a job engine; for tests and
simulations `MemoryStore`, of which nothing survives.
"""

from aioags.outbox.attempt import Attempt
from aioags.outbox.drain import Drained
from aioags.outbox.erasing import Erased
from aioags.outbox.journal import Journal
from aioags.outbox.limiter import Limiter, Permits
from aioags.outbox.memory import MemoryStore
from aioags.outbox.model import (
    Block,
    Deferral,
    DueItem,
    Entry,
    Outcome,
    Selection,
    State,
    StoredScore,
    StoreError,
    Taken,
)
from aioags.outbox.outbox import Outbox
from aioags.outbox.planning import Drift, OutboxPlan
from aioags.outbox.registry import Registry
from aioags.outbox.sqlite import SQLiteStore
from aioags.outbox.stats import PlatformStats, Stats
from aioags.outbox.store import Store, lock_name
from aioags.outbox.telling import Hook
from aioags.outbox.verdict import Backoff

__all__ = [
    "Attempt",
    "Backoff",
    "Block",
    "Deferral",
    "Drained",
    "Drift",
    "DueItem",
    "Entry",
    "Erased",
    "Hook",
    "Journal",
    "Limiter",
    "MemoryStore",
    "Outbox",
    "OutboxPlan",
    "Outcome",
    "Permits",
    "PlatformStats",
    "Registry",
    "SQLiteStore",
    "Selection",
    "State",
    "Stats",
    "Store",
    "StoreError",
    "StoredScore",
    "Taken",
    "lock_name",
]
