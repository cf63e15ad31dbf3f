"""
The embedded store, in one SQLite file.
"""

from aioags.outbox.sqlite.store import SQLiteStore, write_ahead

__all__ = ["SQLiteStore", "write_ahead"]
