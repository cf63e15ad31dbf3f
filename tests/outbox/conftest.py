"""
A real PostgreSQL for the tests of this folder that ask for one.
"""

from __future__ import annotations

from tests.rigs.postgres import postgres, postgres_server

__all__ = ["postgres", "postgres_server"]
