"""
What an outage costs a trial: time, and no tries until another call succeeds.
"""

from __future__ import annotations

from math import inf
from typing import Any

import attrs
import pytest

from aioags import AGSError
from aioags.protocol.messages import Response
from aioags.protocol.trial import Again, Done, GiveUp, Trial
from tests.fakes import answer
from tests.unit.trials import FREE, POLICY, judged, lost, trial, unreachable

OUTAGES: dict[str, Response | AGSError] = {
    "never left": unreachable(),
    "no answer": lost(),
    "502": answer(502),
    "408": answer(408),
}


def probe(one: Trial[Any], said: Response | AGSError, recoveries: int = 0, now: float = 1.0) -> Any:
    """
    Let a call find out whether the platform is back.
    """
    one.entered(now, recoveries, "BrokenError")
    return judged(one, said, now=now, probe=True)


@pytest.mark.parametrize("kind", sorted(FREE))
@pytest.mark.parametrize("said", OUTAGES.values(), ids=OUTAGES.keys())
def test_b5_a_failed_probe_is_no_try(kind: str, said: Response | AGSError) -> None:
    one = trial(kind)
    for _ in range(20):
        assert isinstance(probe(one, said), Again)
        assert one.tries == 0
    assert isinstance(judged(one, answer(200, "{}")), Done)


def test_b5_a_failed_probe_costs_a_try_as_soon_as_another_call_succeeds() -> None:
    one = trial("score")
    for _ in range(POLICY.attempts - 1):
        assert isinstance(probe(one, answer(502)), Again)
    # Somebody else was answered, and the platform went away again.
    assert isinstance(probe(one, answer(502), recoveries=1), Again)
    assert one.tries == POLICY.attempts - 1
    assert isinstance(judged(one, answer(502)), GiveUp)


def test_b5_of_a_call_that_failed_before_others_succeeded_each_failed_probe_is_a_try() -> None:
    one = trial("score")
    one.stumbled(10.0, well_at=9.9, began=0.0)
    assert not one.own, "what began before says nothing"
    one.stumbled(11.0, well_at=10.5, began=10.9)
    assert one.own
    assert isinstance(probe(one, answer(502)), Again)
    assert one.tries == 1
    one.stumbled(50.0, well_at=10.5, began=49.0)
    assert one.own, "and nobody need succeed again"
    one.steadied()
    one.stumbled(60.0, well_at=59.0, began=59.5)
    assert not one.own, "it was answered itself"


def test_b5_a_try_that_was_silent_since_the_outage_is_not_its_own_for_what_was_answered_meanwhile() -> None:
    one = trial("score")
    one.stumbled(5.0, well_at=-inf, began=0.0)
    one.entered(10.0, 0, "BrokenError", well_at=-inf)
    one.stumbled(40.0, well_at=20.0, began=10.0)
    assert not one.own
    one.entered(41.0, 1, None, well_at=39.0)
    one.stumbled(71.0, well_at=70.0, began=41.0)
    assert one.own, "others were answered before it began, and were so all the time"


def test_b5_each_failed_probe_is_paid_for_once() -> None:
    one = trial("score", attrs.evolve(POLICY, attempts=10))
    probe(one, answer(502))
    for recoveries in (1, 2, 3):
        one.entered(1.0, recoveries, None)
    assert one.tries == 1


def test_b5_a_probe_that_is_answered_counts_as_any_answer() -> None:
    one = trial("score")
    for number in range(1, POLICY.attempts):
        assert isinstance(probe(one, answer(425)), Again)
        assert one.tries == number
    assert isinstance(probe(one, answer(422)), GiveUp)


def test_b5_what_is_no_probe_costs_a_try_outage_or_not() -> None:
    one = trial("score")
    for number in range(1, POLICY.attempts):
        one.entered(1.0, 0, None)
        assert isinstance(judged(one, answer(502)), Again)
        assert one.tries == number
    assert isinstance(judged(one, answer(502)), GiveUp)


def test_b5_a_comment_is_not_repeated_though_it_was_a_probe() -> None:
    verdict = probe(trial("comment"), answer(502))
    assert isinstance(verdict, GiveUp)
    assert verdict.error.recorded is None


def test_b5_a_failed_probe_leaves_its_doubt() -> None:
    one = trial("score")
    assert isinstance(probe(one, answer(502)), Again)
    assert one.lost


def test_b5_time_bounds_the_probes() -> None:
    one = trial("get")
    assert isinstance(probe(one, answer(502), now=POLICY.total_time + 1.0), GiveUp)


def test_b5_a_trial_remembers_for_what_it_waited() -> None:
    one = trial("get")
    one.entered(1.0, 0, None)
    assert one.waited_for is None
    one.entered(2.0, 0, "BrokenError")
    one.entered(3.0, 1, None)
    assert one.waited_for == "BrokenError"
