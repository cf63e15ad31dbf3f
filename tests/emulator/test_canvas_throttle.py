"""
The throttle of the canvas profile: what fills its buckets, whose they are, and what it says.
"""

from __future__ import annotations

import attrs
import pytest

from aioags.emulator import PROFILES, Answer, Fault, ManualClock
from aioags.emulator.refusals import Kind
from tests.emulator.raw_tool import SCORE_TYPE, START, RawTool, score, spliced, tool


def rest(answer: Answer) -> float:
    """
    Return what is left as an answer tells it.
    """
    return float(answer.header("X-Rate-Limit-Remaining") or "nan")


def in_flight(one: RawTool, count: int) -> list[Answer]:
    """
    Keep some requests in flight at once, then let them go.
    """
    url = spliced(one.item_url, "/scores")
    posts = [one.request("POST", url, score(one.users[n]), SCORE_TYPE) for n in range(count)]
    visits = [one.platform.arrive(post) for post in posts]
    answers = [visit.apply() for visit in visits]
    for visit in visits:
        visit.leave()
    return answers


def test_CV6_a_token_costs_200_and_the_fourth_in_a_row_is_throttled() -> None:
    clock = ManualClock(START)
    one = tool("canvas", clock=clock)
    answers = [one.ask_token() for _ in range(4)]
    assert [answer.status for answer in answers] == [200, 200, 200, 429]
    assert [float(answer.header("X-Request-Cost") or "nan") for answer in answers[:3]] == [200.1] * 3
    assert [round(rest(answer), 3) for answer in answers[:3]] == [399.9, 199.8, -0.3]
    clock.advance(20)
    assert one.ask_token().status == 200


def test_CV6_what_has_no_token_shares_one_bucket_and_what_has_one_has_its_own() -> None:
    one = tool("canvas")
    assert one.token
    other = one.platform.add_tool("10000000000002")
    for _ in range(2):
        assert one.ask_token(one.form(one.sign(one.claims(sub=other.client_id)))).status == 200
    assert one.ask_token().status == 429
    gibberish = one.platform.answer(one.request("GET", one.items_url, Authorization="Bearer a.b.c"))
    assert gibberish.status == 429
    assert round(rest(one.list()), 3) == 599.9


def test_CV6_a_refused_grant_costs_as_much() -> None:
    one = tool("canvas")
    assert [one.grant(iat=0).status for _ in range(4)] == [400, 400, 400, 429]


def test_CV7_eleven_in_flight_pass() -> None:
    answers = in_flight(tool("canvas", users=20), 20)
    assert [answer.status for answer in answers] == [200] * 11 + [429] * 9


def test_CV8_what_is_left_is_told_without_ones_own_up_front_charge() -> None:
    one = tool("canvas", users=20)
    alone = one.list()
    assert round(rest(alone), 3) == 599.9
    assert alone.header("X-Request-Cost") == "0.1"
    first, second, *_ = in_flight(one, 3)
    assert round(rest(first) - rest(second), 3) == 50


@pytest.mark.parametrize("status", [403, 429])
def test_CV9_throttled_is_a_text_without_a_hint_and_the_rest_may_be_positive(status: int) -> None:
    statuses = {**PROFILES["canvas"].statuses, Kind.THROTTLED: status}
    one = tool(attrs.evolve(PROFILES["canvas"], statuses=statuses), users=20)
    throttled = in_flight(one, 12)[-1]
    assert (throttled.status, throttled.body) == (status, b"%d Forbidden (Rate Limit Exceeded)\n" % status)
    assert throttled.header("Content-Type") == "text/plain; charset=utf-8"
    assert throttled.header("Retry-After") is None
    assert throttled.header("X-Request-Cost") is None
    assert 0 < rest(throttled) <= 50


def test_CV9_what_is_left_goes_below_zero() -> None:
    one = tool("canvas")
    for _ in range(3):
        one.ask_token()
    throttled = one.ask_token()
    assert throttled.status == 429
    assert round(rest(throttled), 3) == -0.3
    assert rest(throttled) >= -200


def test_CV9_a_throttle_that_is_asked_for_looks_the_same() -> None:
    one = tool("canvas")
    assert one.token
    one.platform.faults.add(Fault.throttle(3, times=1))
    answer = one.list()
    assert (answer.status, answer.header("X-Request-Cost"), rest(answer)) == (429, None, 0.0)


def test_one_after_the_other_nothing_is_throttled_and_the_bucket_leaks() -> None:
    clock = ManualClock(START)
    one = tool("canvas", clock=clock, users=200)
    for user in one.users:
        assert one.post(score(user)).status == 200
    before = rest(one.list())
    clock.advance(1)
    assert round(rest(one.list()), 3) == round(before - 0.1 + 10, 3)
