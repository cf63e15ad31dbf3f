"""
What follows from one attempt: tables without an event loop.
"""

from __future__ import annotations

from datetime import UTC, datetime

import attrs
import pytest

from aioags import (
    AGSError,
    AuthorizationError,
    BrokenError,
    Delivery,
    ForbiddenError,
    GrantRefusedError,
    LostAnswerError,
    MalformedError,
    NotFoundError,
    NotOfferedError,
    RefusedError,
    Score,
    StaleScoreError,
    ThrottledError,
    UnreachableError,
    UntrustedURLError,
    UserNotGradableError,
)
from aioags.outbox import Backoff, Permits, State, StoredScore
from aioags.outbox.health import Health
from aioags.outbox.limiter import CHUNK, PermitCache
from aioags.outbox.model import DAY, from_micros
from aioags.outbox.payload import dump_payload
from aioags.outbox.verdict import Standing, Verdict, defer_again, judge, untouched

NOW = 1_800_000_000.0
TS = 1_799_999_000_000_000
HEALTHY, BUSY, CLOSED, SHAKY = Standing
BACKOFF = Backoff(first_wait=8, longest_wait=100, give_up_after=1000)


def row(**changes: object) -> StoredScore:
    score = Score.graded("ada", 1, score_maximum=2, timestamp=from_micros(TS))
    stored = StoredScore(
        "school",
        "https://lms.example/1",
        "ada",
        TS,
        dump_payload(score),
        TS + 5,
        None,
        State.DUE,
        1,
        0.0,
        None,
        False,
        NOW,
    )
    return attrs.evolve(stored, **changes)


def decide(error: AGSError | None, jitter: float = 0.5, **changes: object) -> Verdict:
    return judge(row(**changes), error, now=NOW, jitter=jitter, backoff=BACKOFF)


DEAD, DEFERRED, DUE, SENT = State.DEAD, State.DEFERRED, State.DUE, State.SENT

TABLE: list[tuple[AGSError | None, State, Standing, bool, bool]] = [
    # error, state, standing, attempt counts, may have landed
    (None, SENT, HEALTHY, True, False),
    (StaleScoreError("", status=409), DEAD, HEALTHY, True, False),
    (UserNotGradableError("", status=422), DEFERRED, HEALTHY, True, False),
    (NotFoundError("", status=404), DEFERRED, HEALTHY, True, False),
    (ForbiddenError("", status=403), DEFERRED, HEALTHY, True, False),
    (RefusedError("", status=400), DEFERRED, HEALTHY, True, False),
    (RefusedError("", status=422, recorded=None), DEFERRED, HEALTHY, True, True),
    (NotOfferedError(""), DEAD, HEALTHY, True, False),
    (BrokenError("", status=501), DEFERRED, HEALTHY, True, False),
    (UnreachableError("a certificate that is over"), DUE, SHAKY, True, False),
    (RefusedError("", status=302), DUE, SHAKY, True, False),
    (StaleScoreError("", status=409, transient=True), DUE, HEALTHY, True, False),
    (UntrustedURLError(""), DUE, SHAKY, True, False),
    (UnreachableError("", transient=True), DUE, SHAKY, True, False),
    (LostAnswerError("", recorded=None, transient=True), DUE, SHAKY, True, True),
    (LostAnswerError("", recorded=None), DEAD, HEALTHY, True, True),
    (StaleScoreError("", status=409, recorded=None), DEAD, HEALTHY, True, True),
    (RefusedError("", status=500, transient=True), DEFERRED, HEALTHY, True, False),
    (BrokenError("", status=500, recorded=None, transient=True), DUE, SHAKY, True, True),
    (MalformedError("", status=200, recorded=None), DUE, SHAKY, True, True),
    (ThrottledError("", status=429, transient=True), DUE, BUSY, False, False),
    (ThrottledError("", status=429, transient=True, retry_after=9.0), DUE, BUSY, False, False),
    (BrokenError("", status=503, recorded=None, transient=True, retry_after=9.0), DUE, BUSY, False, True),
    (ForbiddenError("", status=401), DUE, CLOSED, False, False),
    (AuthorizationError(""), DUE, CLOSED, False, False),
    (GrantRefusedError("", code="invalid_client"), DUE, CLOSED, False, False),
    (AuthorizationError("", transient=True, retry_after=9.0), DUE, BUSY, False, False),
]


@pytest.mark.parametrize("error, state, standing, counted, unsure", TABLE)
def test_each_answer_has_its_consequence(
    error: AGSError | None, state: State, standing: Standing, counted: bool, unsure: bool
) -> None:
    verdict = decide(error)
    assert (verdict.outcome.state, verdict.standing) == (state, standing)
    assert (verdict.outcome.counted, verdict.outcome.unsure) == (counted, unsure)
    assert verdict.outcome.ts == TS
    assert verdict.hold == (None if error is None or state is DEAD else error.retry_after)
    waits = {DUE: NOW + 6 if counted else 0, DEFERRED: NOW + 300}
    assert verdict.outcome.not_before == waits.get(state, 0)


def test_stale_after_an_attempt_that_may_have_landed_is_unknown_unless_a_look_tells() -> None:
    verdict = decide(StaleScoreError("", status=409), unsure=True)
    assert (verdict.outcome.state, verdict.outcome.unsure, verdict.is_unknown) == (DEAD, True, True)
    assert not decide(StaleScoreError("", status=409)).is_unknown


@pytest.mark.parametrize("unsure", [False, True])
@pytest.mark.parametrize("given_up", [False, True])
@pytest.mark.parametrize("error", [error for error, *_ in TABLE if error is not None])
def test_what_is_told_at_the_end_is_about_every_attempt_and_says_that_it_is_the_end(
    error: AGSError, given_up: bool, unsure: bool
) -> None:
    verdict = decide(error, unsure=unsure, waited=900.0 if given_up else 0.0, failed_at=NOW - 100)
    told, state = verdict.error, verdict.outcome.state
    assert told is not None
    assert str(told) == str(error)
    if state is DEAD:
        assert (told.recorded, told.transient) == (None if verdict.outcome.unsure else False, False)
        assert verdict.is_unknown is verdict.outcome.unsure
    else:
        assert told.recorded is error.recorded
        assert told.transient or not (state is DUE and verdict.is_unknown)


def test_stale_by_a_stamp_that_a_gateway_made_proves_nothing() -> None:
    verdict = decide(StaleScoreError("", status=409, transient=True, retry_after=1.0), unsure=True)
    assert (verdict.outcome.state, verdict.outcome.unsure) == (DUE, True)


@pytest.mark.parametrize("error", [error for error, state, *_ in TABLE if error is not None and state is DUE])
def test_what_may_have_landed_once_is_not_forgotten_by_a_later_failure(error: AGSError) -> None:
    assert decide(error, unsure=True).outcome.unsure
    assert untouched(row(unsure=True)).unsure


@pytest.mark.parametrize("error", [error for error, state, *_ in TABLE if error and state in (DUE, DEFERRED)])
def test_nothing_is_tried_for_ever(error: AGSError) -> None:
    state = decide(error).outcome.state
    assert decide(error, waited=899, failed_at=NOW - 100).outcome.state is state
    given_up = decide(error, waited=900, failed_at=NOW - 100)
    assert given_up.outcome.state is DEAD
    assert str(given_up.outcome.error).startswith("gave up after")
    assert given_up.standing is decide(error).standing


@pytest.mark.parametrize("reading", [NOW - 400 * DAY, NOW + 400 * DAY])
def test_one_wrong_reading_of_a_clock_gives_nothing_up(reading: float) -> None:
    backoff = Backoff()
    error = UnreachableError("", transient=True)
    put = row(since=reading)
    put_wrongly = judge(put, error, now=NOW, jitter=0.5, backoff=backoff).outcome
    tried_wrongly = judge(row(), error, now=reading, jitter=0.5, backoff=backoff).outcome
    assert {put_wrongly.state, tried_wrongly.state} == {DUE}
    again = row(waited=tried_wrongly.waited, failed_at=tried_wrongly.failed_at)
    after = judge(again, error, now=NOW + 5, jitter=0.5, backoff=backoff).outcome
    assert after.state is DUE
    assert 0 <= after.waited <= 2 * DAY
    assert after.not_before <= NOW + 5 + backoff.longest_wait


def test_a_refusal_is_tried_again_from_five_minutes_doubling_to_a_day() -> None:
    error = UserNotGradableError("", status=422)
    waits = [decide(error, deferrals=count).outcome.not_before - NOW for count in range(12)]
    assert waits == [300 * 2**count for count in range(9)] + [86_400] * 3
    assert decide(error, deferrals=3).outcome.deferrals == 4


def test_a_refusal_of_a_line_item_that_is_gone_is_for_good() -> None:
    verdict = judge(row(), NotFoundError("", status=404), now=NOW, jitter=0.5, backoff=BACKOFF, gone=True)
    assert (verdict.outcome.state, verdict.is_unknown) == (DEAD, False)


@pytest.mark.parametrize("gone, refusing", [(True, 0.0), (False, 2000.0)])
def test_what_is_given_up_and_may_have_landed_before_is_told_as_unknown(gone: bool, refusing: float) -> None:
    """
    The last refusal says nothing of what an earlier attempt left there.
    """
    error = NotFoundError("", status=404, recorded=False)
    for unsure, recorded in ((True, None), (False, False)):
        waiting = row(unsure=unsure, since=NOW - 2000)
        verdict = judge(waiting, error, now=NOW, jitter=0.5, backoff=BACKOFF, gone=gone, refusing=refusing)
        assert (verdict.outcome.state, verdict.is_unknown) == (DEAD, unsure)
        assert verdict.error is not None
        assert verdict.error.recorded is recorded
    assert error.recorded is False


def test_a_line_item_that_refuses_for_too_long_ends_the_scores_that_waited_for_as_long() -> None:
    error = RefusedError("", status=422)

    def state(age: float, refusing: float) -> State:
        old = row(since=NOW - age)
        return judge(old, error, now=NOW, jitter=0.5, backoff=BACKOFF, refusing=refusing).outcome.state

    assert state(1000, 1000) is DEAD
    assert (state(999, 2000), state(10**9, 999)) == (DEFERRED, DEAD)


def test_deferrals_of_a_line_item_double_and_count_a_day_of_each_gap_at_the_most() -> None:
    first = defer_again(None, "RefusedError: no", NOW)
    assert (first.count, first.until, first.waited) == (1, NOW + 300, 0)
    second = defer_again(first, "RefusedError: no", NOW + 300)
    assert (second.count, second.until, second.waited) == (2, NOW + 900, 300)
    assert defer_again(second, "no", NOW + 900 * DAY).waited == 300 + DAY
    assert defer_again(second, "no", NOW - 900 * DAY).waited == 300


def away(error: AGSError, attempts: int) -> Verdict:
    delivery = Delivery(row().score, None, attempts, error, waited_for=type(error).__name__)
    return judge(row(), error, now=NOW, jitter=0.5, backoff=BACKOFF, delivery=delivery)


@pytest.mark.parametrize("attempts, not_before", [(0, 0), (3, NOW + 6)])
def test_what_the_client_did_not_send_to_a_platform_that_is_away_is_untouched(attempts: int, not_before: float) -> None:
    verdict = away(UnreachableError("", transient=True, retry_after=4.0), attempts)
    assert (verdict.standing, verdict.hold, verdict.outcome.state) == (CLOSED, 4.0, DUE)
    assert (verdict.outcome.counted, verdict.outcome.not_before) == (attempts > 0, not_before)


def test_a_platform_that_is_away_is_left_alone_at_once_and_not_before_the_next_probe() -> None:
    health = new_health()
    verdict = away(UnreachableError("", transient=True, retry_after=9.5), 0)
    assert health.note(verdict, "one", NOW) == 9.5
    assert health.note(verdict, "one", NOW + 10) == 16


def test_the_next_stamp_lies_behind_the_platforms_own_second() -> None:
    score = row().score
    told = Delivery(score, None, 1, None, restamped=datetime.fromtimestamp(TS // 1_000_000 + 90, UTC))
    verdict = judge(row(), None, now=NOW, jitter=0.5, backoff=BACKOFF, delivery=told)
    assert verdict.outcome.wire_ts == TS + 90_000_000
    lost = LostAnswerError("", recorded=None, transient=True)
    assert judge(row(), lost, now=NOW, jitter=0.5, backoff=BACKOFF, delivery=told).outcome.wire_ts == TS + 90_000_000


@pytest.mark.parametrize(
    "attempts, jitter, wait", [(1, 0.0, 4), (1, 1.0, 8), (2, 1.0, 16), (4, 1.0, 64), (5, 1.0, 100), (5000, 0.0, 50)]
)
def test_waits_double_up_to_the_longest_and_at_least_half_of_each_is_waited(
    attempts: int, jitter: float, wait: float
) -> None:
    error = UnreachableError("", transient=True)
    assert decide(error, jitter, attempts=attempts).outcome.not_before == NOW + wait


def test_a_score_without_a_value_may_have_got_the_platforms_own_time() -> None:
    valueless = dump_payload(Score.progress("ada", "Started", timestamp=from_micros(TS)))
    assert decide(None).outcome.wire_ts == TS + 5
    assert decide(None, payload=valueless).outcome.wire_ts == NOW * 1_000_000


def new_health() -> Health:
    return Health(lambda count: BACKOFF.wait(count, 1.0))


def is_suspect(health: Health) -> bool:
    return health.doubts("a line item without a failure")


def failing(
    health: Health, times: int, now: float, error: AGSError | None = None, item: str = "one"
) -> list[float | None]:
    verdict = decide(error or UnreachableError("", transient=True))
    return [health.note(verdict, item, now) for _ in range(times)]


def answering(health: Health, now: float, error: AGSError | None = None, item: str = "one") -> None:
    assert health.note(decide(error), item, now) is None


def test_eight_failures_in_a_row_block_a_platform() -> None:
    health = new_health()
    assert failing(health, 10, NOW) == [None] * 7 + [8, None, None]
    assert is_suspect(health)


def test_a_proper_answer_in_between_begins_the_count_anew() -> None:
    health = new_health()
    failing(health, 7, NOW)
    answering(health, NOW)
    assert failing(health, 7, NOW) == [None] * 7
    failing(health, 1, NOW)
    answering(health, NOW, UserNotGradableError("", status=422))
    assert not is_suspect(health), "a refusal is a proper answer"


def test_a_suspect_platform_is_blocked_by_the_next_failure_of_another_line_item_for_longer() -> None:
    health = new_health()
    failing(health, 8, NOW)
    assert failing(health, 1, NOW + 8, item="two") == [16]
    assert failing(health, 1, NOW + 24, item="three") == [32]
    assert failing(health, 3, NOW + 30, item="four") == [None] * 3, "these were in flight when the block began"


def test_a_line_item_that_is_known_to_be_in_trouble_says_nothing_of_the_platform() -> None:
    health = new_health()
    failing(health, 8, NOW, item="locked")
    assert health.silence_of("locked") == NOW + 8
    assert failing(health, 1, NOW + 8, item="locked") == [None]
    assert health.silence_of("locked") == NOW + 8 + 16
    assert health.silence_of("other") < 0
    answering(health, NOW + 9, item="other")
    assert not health.doubts("other")
    assert health.doubts("locked")
    answering(health, NOW + 30, item="locked")
    assert not health.doubts("locked")
    assert failing(health, 7, NOW + 31, item="locked") == [None] * 7, "and the count begins anew"


def test_a_told_silence_is_kept_once_and_lengthened_only_by_a_longer_one() -> None:
    health = new_health()

    def told(seconds: float) -> AGSError:
        return ThrottledError("", status=429, transient=True, retry_after=seconds)

    assert failing(health, 3, NOW, told(60)) == [60, None, None]
    assert failing(health, 1, NOW + 1, told(59)) == [None]
    assert failing(health, 1, NOW + 1, told(90)) == [90]
    assert not is_suspect(health)


def test_a_platform_that_lets_nobody_in_is_blocked_at_once() -> None:
    health = new_health()
    assert failing(health, 2, NOW, ForbiddenError("", status=401)) == [8, None]


class ScriptedLimiter:
    """
    Grants what the script says.
    """

    def __init__(self, *script: Permits) -> None:
        self.script = list(script)
        self.asked: list[tuple[str, int]] = []

    async def take(self, registration_id: str, wanted: int) -> Permits:
        self.asked.append((registration_id, wanted))
        return self.script.pop(0)


async def test_permits_are_fetched_in_chunks_and_waited_for() -> None:
    limiter = ScriptedLimiter(Permits(2), Permits(0, 0.25), Permits(5), Permits(0, 99.0))
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    cache = PermitCache(limiter, sleep)
    assert [await cache.spend("school", patience=30) for _ in range(7)] == [True] * 7
    assert limiter.asked == [("school", CHUNK)] * 3
    assert slept == [0.25]
    assert await cache.spend("school", patience=30) is False


async def test_permits_belong_to_one_platform_and_are_dropped_when_it_is_blocked() -> None:
    limiter = ScriptedLimiter(Permits(5), Permits(5), Permits(5))
    cache = PermitCache(limiter, lambda _: pytest.fail("nothing to wait for"))
    await cache.spend("one", patience=1)
    await cache.spend("two", patience=1)
    cache.drop("one")
    await cache.spend("one", patience=1)
    assert [name for name, _ in limiter.asked] == ["one", "two", "one"]
