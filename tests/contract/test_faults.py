"""
Whatever goes wrong with one request: what `Gradebook` says of it is what the platform has, with either back end.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from aioags import AGSError, LineItem, Score
from aioags.protocol.messages import Request
from tests.contract.bench import BACK_ENDS, Bench, is_creation, is_score, new_bench
from tests.rigs.faults import FAULTS, Fault


def befallen(back_end: str, fault: Fault, admits: Callable[[Request], bool]) -> Bench:
    """
    Set up a bench on which a fault befalls the first request that is admitted.
    """
    bench = new_bench(back_end)
    bench.befall(admits, lambda request, apply: fault.answer(request, apply, bench.platform))
    return bench


@pytest.mark.parametrize("back_end", BACK_ENDS)
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
@pytest.mark.parametrize("comment", [None, "Good."], ids=["plain", "comment"])
async def test_a_score_is_recorded_or_not_as_was_said(back_end: str, fault: Fault, comment: str | None) -> None:
    bench = befallen(back_end, fault, is_score)
    score = Score.graded(bench.users[0], 8, score_maximum=10, comment=comment)
    async with bench.client:
        report = await bench.gradebook.post_scores([score], line_item=bench.item)
    assert report.total == 1
    recorded = report.failed[0].recorded if report.failed else True
    assert recorded in (None, bench.points(bench.users[0]) == 0.8)


@pytest.mark.parametrize("back_end", BACK_ENDS)
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
async def test_a_line_item_is_created_once_or_not_as_was_said(back_end: str, fault: Fault) -> None:
    bench = befallen(back_end, fault, is_creation)
    async with bench.client:
        try:
            await bench.gradebook.create_line_item(LineItem("Quiz", 10, resource_id="quiz"))
            recorded: bool | None = True
        except AGSError as error:
            recorded = error.recorded
    made = [item for item in bench.platform.line_items() if item["label"] == "Quiz"]
    assert len(made) <= 1
    assert recorded in (None, len(made) == 1)
