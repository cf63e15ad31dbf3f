"""
Whether a platform is away: what counts, when the breaker opens, when it is knocked at again, when it closes.
"""

from __future__ import annotations

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioags import AGSError, BrokenError, LostAnswerError, MalformedError, UnreachableError
from aioags.protocol.breaker import FEWEST, FIRST_WAIT, LONGEST_WAIT, Breaker, is_outage
from aioags.protocol.messages import Response
from tests.fakes import answer

OUTAGES: dict[str, Response | AGSError] = {
    "no connection": UnreachableError("no connection", transient=True),
    "no answer": LostAnswerError("no answer", recorded=None, transient=True),
    "408": answer(408),
    "500": answer(500),
    "500 with a page": answer(500, "<html>"),
    "502": answer(502),
    "503 without a hint": answer(503),
    "504": answer(504),
    "599": answer(599),
}
PROPER: dict[str, Response | AGSError] = {
    "200": answer(200),
    "a page": answer(200, "<html>"),
    "204": answer(204),
    "303": answer(303),
    "400": answer(400),
    "401": answer(401),
    "404": answer(404),
    "409": answer(409),
    "422": answer(422),
    "425": answer(425),
    "429": answer(429),
    "501": answer(501),
    "503 with a hint: somebody is there": answer(503, b"", ("Retry-After", "5")),
    "Moodle's lock": answer(500, "[]"),
    "Moodle's lock with white space": answer(500, " []\n"),
    "what cannot be sent at all": UnreachableError("cannot be sent"),
    "what cannot be read": MalformedError("too large", status=200, method="GET", url="https://lms.example/"),
}


@pytest.mark.parametrize("said", OUTAGES.values(), ids=OUTAGES.keys())
def test_b5_what_is_no_proper_answer(said: Response | AGSError) -> None:
    assert is_outage(said)


@pytest.mark.parametrize("said", PROPER.values(), ids=PROPER.keys())
def test_b5_what_is_an_answer_whatever_it_says(said: Response | AGSError) -> None:
    assert not is_outage(said)


def failed(breaker: Breaker, times: int, now: float = 0.0, window: int = 1) -> list[bool]:
    """
    Let so many calls fail; return which of them opened the breaker.
    """
    return [breaker.failed(now, window) for _ in range(times)]


def opened(now: float = 0.0) -> Breaker:
    """
    Return a breaker that opened at this time.
    """
    breaker = Breaker()
    assert failed(breaker, FEWEST, now)[-1]
    return breaker


def probed(breaker: Breaker, now: float) -> bool:
    """
    Let a probe fail, if it is time for one.
    """
    if not breaker.may_probe(now):
        return False
    breaker.probe(now)
    breaker.failed(now, 1, probe=now)
    return True


@pytest.mark.parametrize("window, most", [(1, 8), (8, 8), (9, 9), (32, 32)])
def test_b5_it_opens_after_as_many_failures_in_a_row_as_are_in_flight_and_eight_at_least(
    window: int, most: int
) -> None:
    breaker = Breaker()
    assert failed(breaker, most + 3, now=5.0, window=window) == [False] * (most - 1) + [True] + [False] * 3
    assert breaker.is_open
    assert breaker.opened_at == 5.0


def test_b5_a_call_that_has_used_up_its_attempts_opens_it_at_once() -> None:
    breaker = Breaker()
    failed(breaker, 4)
    assert breaker.failures == 4
    assert breaker.failed(7.0, 1, spent=True)
    assert breaker.opened_at == 7.0
    assert not breaker.failed(8.0, 1, spent=True)


def test_b5_a_proper_answer_in_between_starts_the_count_afresh() -> None:
    breaker = Breaker()
    for _ in range(10):
        failed(breaker, FEWEST - 1)
        assert breaker.answered() is False
    assert not breaker.is_open
    assert breaker.recoveries == 0


def test_b5_probes_come_after_1_2_4_8_and_then_each_10_seconds() -> None:
    breaker = opened(100.0)
    moments = [tick / 10 for tick in range(1000, 1700) if probed(breaker, tick / 10)]
    assert moments == [101.0, 103.0, 107.0, 115.0, 125.0, 135.0, 145.0, 155.0, 165.0]


def test_b5_one_probe_at_a_time() -> None:
    breaker = opened()
    assert not breaker.may_probe(0.9)
    assert breaker.next_probe(0.25) == 0.75
    assert breaker.may_probe(1.0)
    breaker.probe(1.0)
    assert not breaker.may_probe(10.9)
    assert breaker.next_probe(5.0) == 6.0


def test_b5_a_probe_that_is_silent_for_long_holds_nobody_up() -> None:
    """
    Its answer may be lost after the platform is back: a read time-out later those who wait would have no time left.
    """
    breaker = opened()
    breaker.probe(1.0)
    assert breaker.may_probe(11.0)
    breaker.probe(11.0)
    assert not breaker.may_probe(20.9)
    # The first one's end is no news of the second.
    breaker.abandon_probe(1.0)
    assert not breaker.may_probe(20.9)
    breaker.failed(20.9, 1, probe=11.0)
    assert breaker.next_probe(20.9) == 2 * FIRST_WAIT
    # And that one's is no further failure.
    breaker.failed(21.0, 1, probe=1.0)
    assert breaker.next_probe(20.9) == 2 * FIRST_WAIT


def test_b5_a_proper_answer_to_anybody_closes_it() -> None:
    for probing in (True, False):
        breaker = opened()
        if probing:
            breaker.probe(1.0)
        assert breaker.answered() is True
        assert not breaker.is_open
        assert breaker.opened_at is None
        assert breaker.recoveries == 1
        # And it starts afresh: eight failures, a second until the probe.
        assert failed(breaker, FEWEST, now=50.0) == [False] * (FEWEST - 1) + [True]
        assert breaker.next_probe(50.0) == FIRST_WAIT


def test_b5_what_was_in_flight_when_it_opened_teaches_nothing() -> None:
    breaker = opened()
    failed(breaker, 30, now=0.5)
    assert breaker.next_probe(0.5) == 0.5
    breaker.probe(1.0)
    # Nor does it end the probe.
    failed(breaker, 30, now=1.5)
    assert not breaker.may_probe(1.5)


def test_b5_a_probe_whose_caller_is_gone_is_made_up_for_at_once() -> None:
    breaker = opened()
    breaker.probe(1.0)
    breaker.abandon_probe(1.0)
    assert breaker.may_probe(1.0)


# -- One line item -----------------------------------------------------------------------------------------------------


def test_b5_a_line_item_that_fails_while_others_are_answered_is_broken_by_itself() -> None:
    breaker = Breaker()
    for _ in range(FEWEST):
        breaker.failed(0.0, 1, subject="bad")
        breaker.answered("good")
    assert not any(breaker.failed(1.0, 1, subject="bad") for _ in range(100))
    # The others' failures count as ever.
    assert [breaker.failed(2.0, 1, subject="good") for _ in range(FEWEST)] == [False] * (FEWEST - 1) + [True]


def test_b5_a_line_item_that_is_answered_again_counts_again() -> None:
    breaker = Breaker()
    for _ in range(FEWEST):
        breaker.failed(0.0, 1, subject="bad")
        breaker.answered("good")
    breaker.answered("bad")
    assert [breaker.failed(2.0, 1, subject="bad") for _ in range(FEWEST)][-1]


def test_b5_few_answers_of_others_prove_nothing() -> None:
    """
    When a platform goes, some calls fail while others that came before are still answered.
    """
    breaker = Breaker()
    breaker.failed(0.0, 1, subject="one")
    for _ in range(FEWEST - 1):
        breaker.answered("other")
    assert [breaker.failed(0.0, 1, subject="one") for _ in range(FEWEST)][-1]


def test_b5_answers_from_before_its_failures_prove_nothing() -> None:
    breaker = Breaker()
    for _ in range(100):
        breaker.answered("other")
        breaker.answered("one")
    assert [breaker.failed(0.0, 1, subject="one") for _ in range(FEWEST)][-1]


def test_b5_what_failed_in_an_outage_that_is_over_does_not_fail_by_itself_in_the_next() -> None:
    breaker = Breaker()
    for _ in range(2 * FEWEST):
        breaker.failed(0.0, 1, subject="one")
    for _ in range(2 * FEWEST):
        breaker.answered("other")
    assert [breaker.failed(100.0, 1, subject="one") for _ in range(FEWEST)] == [False] * (FEWEST - 1) + [True]


def test_b5_what_is_remembered_of_line_items_is_bounded() -> None:
    breaker = Breaker()
    for number in range(10_000):
        breaker.failed(0.0, 1, subject=str(number))
        breaker.answered("good")
    assert len(breaker._streaks) <= 256


def test_b5_what_is_a_calls_own_says_nothing_of_the_platform() -> None:
    breaker = Breaker()
    assert not any(breaker.failed(0.0, 1, own=True) for _ in range(100))
    assert not breaker.failed(0.0, 1, own=True, spent=True)
    assert failed(breaker, FEWEST) == [False] * (FEWEST - 1) + [True]
    # As a probe it fails like any other.
    breaker.probe(1.0)
    breaker.failed(1.0, 1, probe=1.0, own=True)
    assert breaker.next_probe(1.0) == 2 * FIRST_WAIT


def test_b5_while_a_call_fails_that_was_not_known_for_it_nobody_else_says_that_the_platform_is_well() -> None:
    breaker = Breaker()
    breaker.answered(begun=5.0)
    breaker.failed(6.0, 1, own=True)
    assert breaker.well_beside == 5.0
    breaker.failed(6.0, 1)
    assert breaker.well_beside == -inf
    breaker.answered(begun=4.0)
    assert breaker.well_beside == 5.0


def test_b5_when_the_platform_was_well_is_when_the_latest_answered_call_began() -> None:
    breaker = Breaker()
    for begun in (3.0, 5.0, 4.0):
        breaker.answered(begun=begun)
    assert breaker.well_at == 5.0


@given(st.lists(st.tuples(st.sampled_from(["fail", "answer", "probe"]), st.floats(0, 3)), max_size=80))
def test_b5_nobody_waits_for_a_probe_longer_than_ten_seconds(course: list[tuple[str, float]]) -> None:
    breaker, now = Breaker(), 0.0
    for what, seconds in course:
        now += seconds
        if what == "answer":
            breaker.answered()
        elif what == "probe" and breaker.is_open:
            probed(breaker, now)
        else:
            breaker.failed(now, 1)
        if breaker.is_open:
            assert 0.0 <= breaker.next_probe(now) <= LONGEST_WAIT
        assert breaker.is_open == (breaker.opened_at is not None)


def test_b5_an_error_of_a_broken_token_endpoint_is_an_outage() -> None:
    assert is_outage(BrokenError("the platform failed", status=502, transient=True))
    assert not is_outage(BrokenError("the platform failed", status=501, transient=False))


def test_b5_after_an_hour_without_a_call_a_failed_probe_begins_an_outage_of_its_own() -> None:
    breaker = Breaker()
    for _ in range(FEWEST):
        breaker.failed(0.0, FEWEST)
    breaker.probe(3600.0)
    breaker.failed(3600.1, FEWEST, probe=3600.0)
    assert breaker.opened_at is not None
    assert breaker.opened_at >= 3600.0
    assert breaker.next_probe(3600.1) == pytest.approx(1.0)
