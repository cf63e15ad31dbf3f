"""
The store for more than one machine, in PostgreSQL. Needs psycopg: the extra ``procrastinate``.
"""

from aioags.outbox.postgres.limiter import PostgresLimiter
from aioags.outbox.postgres.store import Connection, Pool, PostgresStore, Wake

__all__ = ["Connection", "Pool", "PostgresLimiter", "PostgresStore", "Wake"]
