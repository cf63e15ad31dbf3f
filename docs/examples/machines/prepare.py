"""
Make the tables, and save the registration of a school. Run it once; again does no harm.

    python prepare.py school.json
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from shared import Launches, jobs, pool, registrations

from aioags.launch import RegistrationRow
from aioags.outbox.postgres import PostgresStore


async def main(school: dict[str, Any]) -> None:
    """
    Make what is not there.

    Args:
        school: The fields of a `RegistrationRow`.
    """
    async with pool, jobs.open_async():
        store = PostgresStore(pool=pool)
        await store.migrate()  # first: it says what is wrong with a database
        await store.aclose()
        if not await jobs.check_connection_async():
            await jobs.schema_manager.apply_schema_async()
        await Launches().make_table()
        row = RegistrationRow(**school)
        if not await registrations.store.find(row.issuer, row.client_id):
            await registrations.store.save(row)


if __name__ == "__main__":
    asyncio.run(main(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))))
