"""
What an outbox keeps, and for how long: as the security review says.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs

from aioags.outbox import SQLiteStore
from aioags.outbox.model import DAY
from aioags.protocol.messages import Request
from tests.outbox.kit import new_desk
from tests.rigs.memory import tool_key


async def test_no_token_no_assertion_and_no_key_comes_into_the_file(tmp_path: Path) -> None:
    desk, sent = new_desk(store=SQLiteStore(tmp_path / "grades.db")), list[Request]()
    desk.transport.choose = sent.append
    await desk.put(desk.grade(5, comment="not bad"))
    assert await desk.drain() == (1, 0, 0)
    secrets = ["PRIVATE KEY", str(tool_key().as_dict(private=True)["d"])]
    for request in sent:
        if request.url.endswith("/token"):
            secrets += parse_qs((request.body or b"").decode())["client_assertion"]
        else:
            secrets.append(dict(request.headers)["Authorization"].removeprefix("Bearer "))
    assert len(secrets) == 4
    held = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert desk.user.encode() in held
    assert [secret for secret in secrets if secret.encode() in held] == []
    await desk.outbox.store.aclose()


async def test_recorded_scores_are_forgotten_after_30_days_by_default() -> None:
    desk = new_desk()
    await desk.put(desk.grade(5))
    await desk.drain()
    await desk.time.sleep(29 * DAY)
    assert await desk.outbox.prune() == 0
    await desk.time.sleep(2 * DAY)
    assert await desk.outbox.prune() == 1
    assert desk.table.rows == {}
