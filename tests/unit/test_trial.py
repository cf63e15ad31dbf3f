"""
The retry table, row by row, without an event loop: what follows from each answer, and what an error may still claim.
"""

from __future__ import annotations

from collections.abc import Iterable

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioags import (
    AGSError,
    RetryPolicy,
    ThrottledError,
)
from aioags.protocol.messages import Response
from aioags.protocol.trial import Again, Done, Follow, GiveUp, Renew, Trial
from tests.fakes import answer
from tests.unit.trials import (
    FREE,
    HTML,
    KINDS,
    POLICY,
    REPEATABLE_WRITES,
    WRITES,
    judged,
    lost,
    trial,
    unreachable,
)

# --- the table -----------------------------------------------------------------------------------------------------

UNREADABLE = dict.fromkeys(REPEATABLE_WRITES, "again") | dict.fromkeys(("score", "comment", "create"), "unknown")

ROWS: dict[str, tuple[Response | AGSError, dict[str, str]]] = {
    # A kind that a row does not name gives up. "again" counts as a try, "wait" does not.
    "never left": (unreachable(), dict.fromkeys(KINDS, "again")),
    "no answer after it left": (lost(), dict.fromkeys(FREE, "again") | {"comment": "unknown", "create": "unknown"}),
    "408": (answer(408), dict.fromkeys(FREE, "again") | {"comment": "unknown", "create": "unknown"}),
    "500": (answer(500), dict.fromkeys(FREE, "again") | {"comment": "unknown", "create": "unknown"}),
    "502": (answer(502), dict.fromkeys(FREE, "again") | {"comment": "unknown", "create": "unknown"}),
    "503": (answer(503), dict.fromkeys(FREE, "again") | {"comment": "unknown", "create": "unknown"}),
    "504": (answer(504), dict.fromkeys(FREE, "again") | {"comment": "unknown", "create": "unknown"}),
    "425": (answer(425), dict.fromkeys(KINDS, "again")),
    "501": (answer(501), {}),
    "429": (answer(429), dict.fromkeys(KINDS, "wait")),
    "429 with a hint": (answer(429, b"", ("Retry-After", "7")), dict.fromkeys(KINDS, "wait")),
    "403 that says throttled": (answer(403, "403 Forbidden (Rate Limit Exceeded)"), dict.fromkeys(KINDS, "wait")),
    "403 with nothing left": (answer(403, b"", ("X-Rate-Limit-Remaining", "0.0")), dict.fromkeys(KINDS, "wait")),
    "503 with a hint": (answer(503, b"", ("Retry-After", "7")), dict.fromkeys(KINDS, "wait")),
    "401": (answer(401), dict.fromkeys(KINDS.keys() - {"token"}, "renew")),
    "403, fresh token": (answer(403), {}),
    "400": (answer(400), {}),
    "404": (answer(404), {}),
    "409": (answer(409), {}),
    "412": (answer(412), {}),
    "422": (answer(422), {}),
    "303": (answer(303, b"", ("Location", "https://lms.example/login")), {"get": "follow"}),
    # Nobody knows who said it: what stands in the results may tell, a repeat does not.
    "200, HTML": (HTML, UNREADABLE),
    "200, broken JSON": (answer(200, '{"a":'), UNREADABLE),
    "200, a text": (answer(200, "Please log in"), UNREADABLE),
    "200, status 400": (answer(200, {"status": 400, "reason": "no"}), {"get": "done"}),
    "200, status 400 as a text": (answer(200, {"status": "400"}), {"get": "done"}),
    "200, an error": (answer(200, {"error": "no"}), {"get": "done"}),
    "500 [], Moodle's lock": (answer(500, "[]"), dict.fromkeys(FREE | {"comment"}, "again") | {"create": "unknown"}),
    "200 []": (answer(200, "[]"), {"get": "done"}),
    "200": (answer(200, '{"a": 1}'), dict.fromkeys(KINDS, "done")),
    "204": (answer(204), dict.fromkeys(WRITES | {"token"}, "done")),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("said, expected", ROWS.values(), ids=ROWS.keys())
def test_the_table_at_the_first_try(kind: str, said: Response | AGSError, expected: dict[str, str]) -> None:
    one = trial(kind)
    verdict = judged(one, said)
    match expected.get(kind, "give up"):
        case "again":
            assert isinstance(verdict, Again)
            assert (one.tries, one.throttles) == (1, 0)
        case "wait":
            assert isinstance(verdict, Again)
            assert isinstance(verdict.error, ThrottledError)
            assert (one.tries, one.throttles, one.lost) == (0, 1, False)
        case "unknown":
            assert isinstance(verdict, GiveUp)
            assert verdict.error.recorded is None
        case "renew":
            assert isinstance(verdict, Renew)
            assert one.tries == 0
        case "follow":
            assert isinstance(verdict, Follow)
        case "done":
            assert isinstance(verdict, Done)
        case _:
            assert isinstance(verdict, GiveUp)
            assert verdict.error.recorded is False


UNTOUCHED = [
    unreachable(),
    answer(425),
    answer(429),
    answer(403, "Rate Limit Exceeded"),
    answer(503, b"", ("Retry-After", "1")),
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("said", UNTOUCHED, ids=["never left", "425", "429", "Canvas 403", "503 with a hint"])
def test_what_did_not_reach_the_gradebook_leaves_no_doubt(kind: str, said: Response | AGSError) -> None:
    one = trial(kind)
    assert isinstance(judged(one, said), Again)
    assert not one.lost
    assert isinstance(judged(one, answer(409), now=2.0), GiveUp)


# --- how often and how long ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("said", [unreachable(), lost(), answer(500), answer(502), answer(425)])
@pytest.mark.parametrize("kind", sorted(FREE))
def test_attempts_bound_the_tries(kind: str, said: Response | AGSError) -> None:
    one = trial(kind)
    assert isinstance(judged(one, said), Again)
    assert isinstance(judged(one, said), Again)
    assert isinstance(judged(one, said), GiveUp)
    assert isinstance(judged(trial(kind, attrs.evolve(POLICY, attempts=1)), said), GiveUp)


def test_back_off_doubles_with_full_jitter_up_to_the_longest_wait() -> None:
    policy = RetryPolicy(attempts=100, first_wait=1.0, longest_wait=8.0, total_time=1e6)
    for jitter in (0.0, 0.25, 1.0):
        one = trial("get", policy)
        waits = [judged(one, answer(500), jitter=jitter).after for _ in range(6)]
        assert waits == [jitter * most for most in (1.0, 2.0, 4.0, 8.0, 8.0, 8.0)]


def test_throttles_do_not_consume_attempts_but_lengthen_the_wait() -> None:
    one = trial("score", attrs.evolve(POLICY, total_time=1e6))
    waits = [judged(one, answer(429), jitter=1.0).after for _ in range(70)]
    assert waits[:5] == [1.0, 2.0, 4.0, 8.0, 8.0]
    assert set(waits[5:]) == {8.0}
    assert [type(judged(one, answer(500))) for _ in range(3)] == [Again, Again, GiveUp]


HINTED = answer(429, b"", ("X-Rate-Limit-Reset", "42"), ("Retry-After", "7"))


@pytest.mark.parametrize(
    "said, wait",
    [
        (HINTED, 7.0),
        (answer(429, b"", ("Retry-After", "Thu, 01 Jan 2026 09:00:09 GMT")), 9.0),
        (answer(429, b"", ("Retry-After", "Thu, 01 Jan 2026 08:00:00 GMT")), 0.0),
        (answer(429, b"", ("X-Rate-Limit-Reset", "42")), 42.0),
        (answer(503, b"", ("Retry-After", "0")), 0.0),
        (answer(500, b"", ("Retry-After", "3")), 3.0),
        (answer(429), 0.5),
        (answer(500), 0.5),
        (unreachable(), 0.5),
    ],
)
def test_retry_after_beats_reset_beats_back_off(said: Response | AGSError, wait: float) -> None:
    verdict = judged(trial("score"), said, jitter=0.5)
    assert isinstance(verdict, Again)
    assert verdict.after == wait


def test_total_time_bounds_the_tries() -> None:
    assert isinstance(judged(trial("get"), answer(500), now=59.0, jitter=1.0), Again)
    assert isinstance(judged(trial("get"), answer(500), now=59.5, jitter=1.0), GiveUp)
    assert isinstance(judged(trial("get"), answer(500), now=100.0, jitter=0.0), GiveUp)
    assert isinstance(judged(trial("get"), answer(429), now=59.5, jitter=1.0), GiveUp)


def test_no_wait_is_cut_short() -> None:
    verdict = judged(trial("score"), answer(503, b"", ("Retry-After", "300")))
    assert isinstance(verdict, GiveUp)
    assert (verdict.error.retry_after, verdict.error.recorded, verdict.error.transient) == (300.0, False, True)
    # Exactly what is left is still waited for.
    verdict = judged(trial("score"), answer(429, b"", ("Retry-After", "59")), now=1.0)
    assert isinstance(verdict, Again)
    assert verdict.after == 59.0


def test_time_counts_from_the_first_try() -> None:
    assert trial("get").time_left(20.0) == 40.0
    assert Trial(KINDS["get"], POLICY).time_left(1e9) == 60.0
    assert trial("get", began=1e9).time_left(1e9 + 61) == -1.0


@given(
    st.sampled_from(sorted(FREE)),
    st.lists(st.tuples(st.sampled_from([429, 500, 408, 425]), st.floats(0, 1), st.floats(0, 5)), max_size=60),
)
def test_a_platform_that_never_recovers_is_left_in_time(kind: str, course: Iterable[tuple[int, float, float]]) -> None:
    one, now = trial(kind), 0.0
    for status, jitter, seconds in course:
        now += seconds
        verdict = judged(one, answer(status), now=now, jitter=jitter)
        if isinstance(verdict, GiveUp):
            return
        assert isinstance(verdict, Again)
        assert 0 <= verdict.after <= POLICY.longest_wait
        now += verdict.after
        assert now <= POLICY.total_time
        assert one.tries < POLICY.attempts
