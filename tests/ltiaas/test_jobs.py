"""
Grading later: what a launch stores is all that a job needs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from aioags import Client, Gradebook, Score
from aioags.ltiaas import ServiceReference
from aioags.outbox import MemoryStore, Outbox
from tests.contract.bench import Bench, new_bench
from tests.rigs.memory import runtime_for


async def stored_at_launch(bench: Bench) -> str:
    """
    Do what a tool does at each launch.
    """
    assert bench.gateway is not None
    assert bench.account is not None
    idtoken = await bench.account.idtoken(ltik=bench.gateway.launch(bench.users[0]).ltik)
    assert idtoken.reference is not None
    return json.dumps(idtoken.reference.to_dict())


async def test_a_stored_reference_grades_after_the_ltik_is_dead() -> None:
    bench = new_bench("ltiaas", "moodle")
    async with bench.client:
        text = await stored_at_launch(bench)
        bench.time.now += 30 * 24 * 3600
        assert bench.account is not None
        gradebook = bench.account.gradebook(reference=ServiceReference.from_dict(json.loads(text)))
        report = await gradebook.post_scores([Score.graded(user, 8, score_maximum=10) for user in bench.users])
    assert report.ok
    assert [bench.points(user) for user in bench.users] == [0.8] * 5


async def test_the_outbox_takes_a_reference_for_an_endpoint() -> None:
    bench = new_bench("ltiaas", "moodle")
    async with bench.client:
        reference = json.loads(await stored_at_launch(bench))

        def registry(client: Client, registration_id: str, stored: Mapping[str, Any]) -> Gradebook:
            assert bench.gateway is not None
            account = client.ltiaas(bench.gateway.base_url, bench.gateway.api_key)
            return account.gradebook(reference=ServiceReference.from_dict(stored))

        outbox = Outbox(MemoryStore(), bench.client, registry, runtime=runtime_for(bench.time))
        for user in bench.users:
            await outbox.put("school", reference, Score.graded(user, 8, score_maximum=10))
        drained = await outbox.drain("school", bench.item)
    assert drained.recorded == 5
    assert [bench.points(user) for user in bench.users] == [0.8] * 5
