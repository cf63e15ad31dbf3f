"""
The store in memory: what else can be relied on, besides the promises of every store.
"""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from aioags.outbox import MemoryStore
from aioags.outbox.conformance.given import ITEM, NOW, SCHOOL, entry

LOADED = """
import sys
import aioags.outbox
print(sorted({"psycopg", "psycopg_pool", "procrastinate", "django"} & set(sys.modules)))
"""


async def test_a_second_handle_sees_the_same_scores_and_leads_when_the_first_is_closed() -> None:
    first = MemoryStore()
    second = MemoryStore(first.table)
    await first.put([entry("ada")], now=NOW)
    assert [row.user_id for row in (await second.take(SCHOOL, ITEM, now=NOW, limit=9)).rows] == ["ada"]
    assert (await first.lead(), await second.lead()) == (True, False)
    await first.aclose()
    assert await second.lead()
    assert (await MemoryStore().stats(now=NOW)).platforms == ()


def test_it_waits_for_nothing_and_starts_nothing() -> None:
    before = threading.active_count()
    work = MemoryStore().put([entry("ada"), entry("bob")], now=NOW)
    with pytest.raises(StopIteration) as end:
        work.send(None)
    assert end.value.value == [True, True]
    assert threading.active_count() == before


def test_an_outbox_without_postgresql_does_not_load_it() -> None:
    done = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
