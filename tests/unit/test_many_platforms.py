"""
Ten thousand schools: what is known of one is found without a look at the others, and goes when it is over.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from aioags import AGSError, Client, Pace, Registration, ThrottledError
from aioags.calls.gates import Gate
from aioags.calls.platforms import Platforms
from aioags.errors import BrokenError, GrantRefusedError
from aioags.protocol.pace_figures import IDLE
from aioags.protocol.signals import Signal
from benchmarks.many_platforms import Instant, post_to_all, registrations
from tests.fakes import registration
from tests.rigs.work import Work
from tests.unit.lines import FINE, Hand
from tests.unit.test_tokens import ALL, SCORE, Office


class Lines:
    """
    Counts the lines of our code that are run.
    """

    def __init__(self) -> None:
        self.count = 0

    def __enter__(self) -> Lines:
        sys.settrace(self._trace)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)

    def _trace(self, frame: FrameType, event: str, arg: object) -> Any:
        if "/aioags/" not in frame.f_code.co_filename:
            return None
        self.count += event == "line"
        return self._trace


def lines_of(act: Callable[[], object]) -> int:
    with Lines() as lines:
        act()
    return lines.count


async def calls_of_a_score(schools: list[Registration]) -> float:
    async with Client(transport=Instant()) as client:
        await post_to_all(client, schools, "user-0")
        with Work() as work:
            await post_to_all(client, schools, "user-1")
    return work.calls / len(schools)


async def test_a_score_is_as_much_work_among_many_platforms() -> None:
    """
    Beyond what the caches of URLs hold.
    """
    few, many = registrations(10), registrations(1_500)
    assert await calls_of_a_score(many) - await calls_of_a_score(few) < 6


async def test_little_is_kept_of_an_idle_platform() -> None:
    """
    In objects that the garbage collector looks through, all of them each time.
    """
    schools = registrations(300)
    async with Client(transport=Instant()) as client:
        await post_to_all(client, schools[:10], "user-0")
        gc.collect()
        before = len(gc.get_objects())
        await post_to_all(client, schools, "user-0")
        gc.collect()
        assert (len(gc.get_objects()) - before) / 290 < 15


# -- Tokens ------------------------------------------------------------------------------------------------------------


async def asked_by(office: Office, cache: Any, number: int) -> None:
    await cache.token(registration(client_id=f"tool-{number}"), ALL, SCORE)


@pytest.mark.parametrize("held", [3, 500])
async def test_a_token_that_is_missing_is_not_searched_for_among_all(held: int) -> None:
    office = Office()
    cache = office.cache()
    for number in range(held):
        await asked_by(office, cache, number)
    # The assertion is signed and the task made besides: some 300 lines, however many tokens there are.
    with Lines() as lines:
        await asked_by(office, cache, held)
    assert lines.count < 450


async def test_what_is_over_goes_when_others_come() -> None:
    office = Office(life=600.0)
    cache = office.cache()
    for number in range(100):
        await asked_by(office, cache, number)
    office.now += 600.0
    for number in range(100, 160):
        await asked_by(office, cache, number)
    assert len(cache._known) == 60
    assert len(cache.expiries()) == 60


async def test_a_refusal_is_remembered_for_its_time_and_goes() -> None:
    office = Office(grants=lambda asked: GrantRefusedError("no", code="invalid_client"))
    cache = office.cache()
    began = office.now
    with pytest.raises(GrantRefusedError):
        await asked_by(office, cache, 0)
    with pytest.raises(GrantRefusedError):
        await cache.token(registration(client_id="tool-0"), ALL, SCORE, since=began)
    assert len(office.asked) == 1
    office.grants, office.now = lambda asked: asked, began + 700.0
    for number in range(1, 4):
        await asked_by(office, cache, number)
    assert len(cache._known) == 3


async def test_beyond_the_bound_the_oldest_goes_and_the_others_stay() -> None:
    office = Office()
    cache = office.cache()
    cache._most = 50
    for number in range(60):
        await asked_by(office, cache, number)
    assert len(cache._known) == 50
    asked = len(office.asked)
    await asked_by(office, cache, 59)
    assert len(office.asked) == asked


@pytest.mark.parametrize("most", [0, -1, 2.5, "many"])
def test_a_bound_that_is_none_is_refused(most: Any) -> None:
    with pytest.raises(ValueError, match="most_platforms"):
        Client(most_platforms=most)


# -- Gates -------------------------------------------------------------------------------------------------------------


def platforms(hand: Hand, most: int = 1000) -> Platforms:
    return Platforms(most, lambda _: Gate(Pace(), clock=hand.clock, sleep=hand.sleep), clock=hand.clock)


async def used(held: Platforms, name: str, signal: Signal = FINE, error: AGSError | None = None) -> Gate:
    """
    Let one call through the gate of a platform.
    """
    gate = held.gate((name, "tool"))
    gate.leave(await gate.enter(10.0), signal, error if signal.throttled else None, None if signal.throttled else error)
    return gate


def come(held: Platforms, number: int, prefix: str = "new") -> None:
    for one in range(number):
        held.gate((f"{prefix}-{one}", "tool"))


async def test_a_gate_goes_when_it_holds_nothing_and_others_come() -> None:
    hand = Hand()
    held = platforms(hand)
    for number in range(100):
        await used(held, f"school-{number}")
    hand.now += IDLE + 1
    come(held, 100)
    assert not [key for key, _ in held.items() if key[0].startswith("school")]


async def test_what_must_not_be_forgotten_stays_beyond_any_bound() -> None:
    hand = Hand()
    held = platforms(hand, most=4)
    busy = held.gate(("busy", "tool"))
    await busy.enter(10.0)
    throttled = ThrottledError("wait", status=429, method="GET", url="https://lms.example/")
    silent = await used(held, "silent", Signal(0.1, throttled=True, hold=600.0), throttled)
    away = held.gate(("away", "tool"))
    for _ in range(8):
        away.leave(await away.enter(10.0), Signal(0.1, lost=True), None, BrokenError("500", status=500))
    assert away.breaker.is_open
    failing = await used(held, "failing", Signal(0.1, lost=True), BrokenError("500", status=500))
    hand.now += IDLE + 1
    come(held, 50)
    for name, gate in (("busy", busy), ("silent", silent), ("away", away), ("failing", failing)):
        assert held.gate((name, "tool")) is gate


async def test_a_limit_that_was_learned_goes_only_where_there_are_too_many() -> None:
    hand = Hand()
    throttled = ThrottledError("wait", status=429, method="GET", url="https://lms.example/")
    for most, stays in ((1000, True), (4, False)):
        held = platforms(hand, most=most)
        await used(held, "learned")
        gate = await used(held, "learned", Signal(0.1, throttled=True, hold=1.0), throttled)
        assert gate.pacer.has_limits
        hand.now += IDLE + 10
        for number in range(50):
            await used(held, f"new-{number}")
        assert (held.gate(("learned", "tool")) is gate) is stays


async def test_a_new_platform_costs_the_same_however_many_there_are() -> None:
    counts = []
    for number in (10, 2000):
        hand = Hand()
        held = platforms(hand)
        come(held, number)
        counts.append(lines_of(lambda held=held: held.gate(("another", "tool"))))
    assert counts[0] == counts[1]


async def test_a_full_house_of_busy_gates_is_not_searched_through() -> None:
    hand = Hand()
    held = platforms(hand, most=100)
    for number in range(300):
        await held.gate((f"busy-{number}", "tool")).enter(10.0)
    assert len(held) == 300
    assert lines_of(lambda: held.gate(("another", "tool"))) < 400
