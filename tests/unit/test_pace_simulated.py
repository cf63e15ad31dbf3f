"""
Pacing against model platforms, in virtual time: steady state, trouble and recovery.

`python benchmarks/pace_simulation.py` prints the figures behind the bounds.
"""

from __future__ import annotations

from statistics import mean

import attrs
import pytest

from aioags.model.policy import Pace
from aioags.protocol.pace import Pacer
from aioags.protocol.pace_figures import START
from tests.unit.pace_models import (
    CANVAS_FAR_AWAY,
    FAR_AWAY,
    SCENARIOS,
    SERVERS_FAR_AWAY,
    WARM,
    WINDOWS,
    Answer,
    Caller,
    CanvasBucket,
    Cliff,
    FixedWindow,
    Platform,
    Quota,
    Scenario,
    Servers,
    Steady,
    TokenBucket,
    Trouble,
    Visitor,
    World,
    best_fixed,
    fixed,
    paced,
    run,
)

SEEDS = range(3)


def named(scenario: Scenario) -> str:
    """
    Name a parameter.
    """
    return scenario.name


@pytest.mark.parametrize("scenario", SCENARIOS, ids=named)
def test_steady_state_is_within_a_tenth_of_the_best_fixed_window(scenario: Scenario) -> None:
    _, best = best_fixed(scenario)
    shares = [paced(scenario, seed).throughput / best.throughput for seed in SEEDS]
    assert mean(shares) >= 0.9, shares
    assert min(shares) >= 0.85, shares


def test_far_away_from_workers_it_comes_near_the_largest_window_that_is_as_polite() -> None:
    """
    The best fixed window, of 24, is refused 2 % of the time; one of 22 as seldom as the pacer is.
    """
    polite = fixed(SERVERS_FAR_AWAY, 22)
    outcomes = [paced(SERVERS_FAR_AWAY, seed) for seed in SEEDS]
    assert max(outcome.throttled for outcome in outcomes) < 2.0 * polite.throttled
    assert mean(outcome.throughput for outcome in outcomes) >= 0.85 * polite.throughput


def test_far_away_from_canvas_it_passes_each_fixed_window_that_is_polite_from_the_first_request() -> None:
    """
    Canvas forgets one request in flight in five seconds. A window of 24 is carried once it was forced on it, by more
    than a hundred refusals in the first minute.
    """
    best = 0.0
    for window in WINDOWS:
        until = (WARM + CANVAS_FAR_AWAY.until) / 2
        caller = run(FixedWindow(window), CANVAS_FAR_AWAY.make(), seed=1, until=until, way=CANVAS_FAR_AWAY.way)
        if caller.measure(0.0, until).throttled >= 0.02 or caller.measure(0.0, WARM).throttled >= 0.02:
            break
        best = max(best, caller.measure(WARM, until).throughput)
    assert mean(paced(CANVAS_FAR_AWAY, seed).throughput for seed in SEEDS) >= 1.1 * best


@pytest.mark.parametrize(
    "platform", [Servers(40, 0.2), Servers(40, 0.05), Cliff(40, 0.2, 0.5)], ids=["200 ms", "50 ms", "cliff"]
)
def test_a_platform_of_forty_workers_has_room_for_others_at_the_default_ceiling(platform: Servers | Cliff) -> None:
    world = World(1)
    caller, visitor = Caller(world, Pacer(Pace()), platform), Visitor(world, platform)
    for begin in (caller.pump, visitor.visit):
        world.later(0.0, begin)
    world.run(120.0)
    assert visitor.mean_wait(0.0, 20.0) < 1.1 * platform.seconds
    assert visitor.mean_wait(20.0, 120.0) < 1.05 * platform.seconds


@pytest.mark.parametrize("scenario", [*SCENARIOS, *FAR_AWAY], ids=named)
def test_steady_state_has_less_than_one_throttled_answer_in_fifty(scenario: Scenario) -> None:
    assert max(paced(scenario, seed).throttled for seed in SEEDS) < 0.02


@pytest.mark.parametrize("rate, seconds", [(5.0, 0.1), (20.0, 0.05), (20.0, 0.2), (60.0, 0.2)])
def test_a_token_bucket_is_used_to_nine_tenths_of_its_rate(rate: float, seconds: float) -> None:
    scenario = Scenario("bucket", lambda: TokenBucket(rate, 2.0 * rate, seconds))
    assert mean(paced(scenario, seed).throughput for seed in SEEDS) >= 0.9 * rate


@pytest.mark.parametrize("platform", [Steady(0.05), Steady(2.0), Steady(2.0, noise=0.0), Steady(0.1, noise=1.0)])
def test_a_slow_platform_gets_the_whole_window_if_that_is_not_what_slows_it(platform: Steady) -> None:
    pacer = Pacer(Pace(1, 32))
    run(pacer, platform, seed=1, until=30.0 * platform.seconds)
    assert pacer.window == 32


@pytest.mark.parametrize("seed", SEEDS)
def test_noise_does_not_collapse_the_window(seed: int) -> None:
    pacer = Pacer(Pace(1, 32))
    world = World(seed)
    caller = Caller(world, pacer, Steady(0.1, noise=1.0))
    world.later(0.0, caller.pump)
    world.run(20.0)
    smallest = 32
    for second in range(21, 120):
        world.run(float(second))
        smallest = min(smallest, pacer.window)
    # A look halves it for one round.
    assert smallest >= 16


def test_nobody_waits_for_a_platform_quicker_than_our_own_event_loop() -> None:
    # One worker of 0.3 ms: latency is in proportion to the window from the start, as on loopback.
    pacer = Pacer(Pace(1, 32))
    run(pacer, Servers(1, 0.0003), seed=1, until=1.0, way=0.0001)
    assert pacer.window == 32


def interrupted(hold: float, seed: int) -> Caller:
    """
    Run against a platform that from second 30 to 31 asks for silence.
    """
    platform = Trouble(Steady(0.1), 30.0, 31.0, Answer(throttled=True, hold=hold))
    return run(Pacer(Pace()), platform, seed=seed, until=80.0 + hold)


@pytest.mark.parametrize("hold", [5.0, 120.0])
def test_nothing_is_sent_while_a_retry_after_runs_and_no_burst_follows(hold: float) -> None:
    caller = interrupted(hold, seed=1)
    told = [when for when, throttled in caller.answers if throttled]
    assert not [start for start in caller.starts if told[0] < start < told[-1] + hold - 1e-6]
    resumed = min(start for start in caller.starts if start > told[-1])
    assert len([start for start in caller.starts if resumed <= start < resumed + 0.05]) <= START


def test_after_a_retry_after_full_speed_comes_back() -> None:
    callers = [interrupted(5.0, seed) for seed in SEEDS]
    before = mean(caller.measure(10.0, 30.0).throughput for caller in callers)
    assert mean(caller.measure(55.0, 80.0).throughput for caller in callers) >= 0.9 * before


def test_an_outage_without_hint_is_asked_ever_more_rarely_and_left_behind() -> None:
    platform = Trouble(Steady(0.1), 30.0, 60.0, Answer(throttled=True))
    caller = run(Pacer(Pace()), platform, seed=1, until=220.0)
    asked = [start for start in caller.starts if 31.0 < start < 60.0]
    assert 3 <= len(asked) <= 2 * START * 5
    assert caller.measure(200.0, 220.0).throughput >= 0.9 * caller.measure(10.0, 30.0).throughput


def test_a_dead_platform_gets_one_request_at_a_time_and_is_soon_back_at_full_speed() -> None:
    platform = Trouble(Steady(0.1), 30.0, 150.0, Answer(lost=True), after=10.0)
    caller = run(Pacer(Pace()), platform, seed=1, until=200.0)
    assert len([start for start in caller.starts if 100.0 < start < 150.0]) <= 2 * 5
    assert caller.measure(170.0, 200.0).throughput >= 0.9 * caller.measure(10.0, 30.0).throughput


@pytest.mark.parametrize("seed", SEEDS)
def test_a_platform_that_becomes_slow_and_then_fast_again_keeps_its_window(seed: int) -> None:
    platform = Steady(0.05)
    world = World(seed)
    caller = Caller(world, Pacer(Pace(1, 32)), platform)
    world.later(0.0, caller.pump)
    world.run(30.0)
    platform.seconds = 1.0
    world.run(90.0)
    platform.seconds = 0.05
    world.run(120.0)
    assert caller.measure(50.0, 90.0).throughput >= 0.9 * 32 / 1.01
    assert caller.measure(95.0, 120.0).throughput >= 0.95 * caller.measure(10.0, 30.0).throughput


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("queue", [float("inf"), 0.0])
def test_a_platform_that_loses_workers_and_gets_them_back_is_followed(queue: float, seed: int) -> None:
    platform = Servers(20, 0.2, queue=queue)
    world = World(seed)
    caller = Caller(world, Pacer(Pace()), platform)
    world.later(0.0, caller.pump)
    world.run(60.0)
    platform.workers = 5
    world.run(180.0)
    platform.workers = 20
    world.run(400.0)
    assert caller.measure(80.0, 180.0).throttled < 0.02
    # What is not queued but refused looks like a rate limit at first: 10 of the 25 a second.
    assert caller.measure(80.0, 180.0).throughput >= (0.9 if queue else 0.4) * 25.0
    assert caller.measure(320.0, 400.0).throughput >= 0.8 * caller.measure(30.0, 60.0).throughput


@pytest.mark.parametrize("seed", SEEDS)
def test_a_long_quick_past_does_not_hide_that_the_platform_is_overloaded_now(seed: int) -> None:
    platform = Servers(40, 0.2)
    pacer = Pacer(Pace(1, 32))
    world = World(seed)
    world.later(0.0, Caller(world, pacer, platform).pump)
    world.run(200.0)
    assert pacer.window == 32
    platform.workers = 4
    world.run(240.0)
    assert pacer.window <= 16


@pytest.mark.parametrize("seed", SEEDS)
def test_a_queue_of_our_own_is_found_though_nothing_became_slower(seed: int) -> None:
    """
    At first the work itself takes long, then a few workers are quick: with 32 in flight both look the same, but now
    three of four wait in a queue that we made, in front of everybody else's requests too.
    """
    platform = Servers(40, 0.8)
    pacer = Pacer(Pace(1, 32))
    world = World(seed)
    caller = Caller(world, pacer, platform)
    world.later(0.0, caller.pump)
    world.run(60.0)
    assert pacer.window == 32
    platform.workers, platform.seconds = 8, 0.2
    world.run(180.0)
    assert pacer.window <= 18
    # And nothing is lost by it.
    assert caller.measure(80.0, 180.0).throughput >= 0.9 * 8 / 0.2


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    "platform, refusals", [(TokenBucket(1.0, 2.0, 0.1), 8), (TokenBucket(5.0, 5.0, 0.1), 9)], ids=["60/min", "5/s"]
)
def test_what_a_rate_limit_is_costs_a_handful_of_refusals_to_find_out(
    platform: TokenBucket, refusals: int, seed: int
) -> None:
    """
    Each refusal that a pacer takes for one of the window, when it is one of the rate, is one more.
    """
    caller = run(Pacer(Pace()), attrs.evolve(platform), seed=seed, until=60.0)
    throttled = [when for when, kind in caller.answers if kind]
    assert 1 <= len(throttled) <= refusals


@pytest.mark.parametrize("seed", SEEDS)
def test_a_rate_limit_that_is_raised_is_noticed(seed: int) -> None:
    platform = TokenBucket(20.0, 20.0, 0.1)
    world = World(seed)
    caller = Caller(world, Pacer(Pace()), platform)
    world.later(0.0, caller.pump)
    world.run(60.0)
    platform.rate = platform.burst = 100.0
    world.run(300.0)
    assert caller.measure(30.0, 60.0).throughput <= 21.0
    assert caller.measure(240.0, 300.0).throughput >= 80.0


@pytest.mark.parametrize(
    "platform, capacity",
    [
        (CanvasBucket(0.3, 0.1, strict=True), 35.5),
        (Servers(20, 0.2, queue=0), 95.0),
        (TokenBucket(60.0, 60.0, 0.2), 60.0),
        (Servers(8, 0.2), 40.0),
    ],
)
def test_processes_that_share_a_platform_stay_polite_and_none_starves(platform: Platform, capacity: float) -> None:
    world = World(1)
    callers = [Caller(world, Pacer(Pace()), platform) for _ in range(3)]
    for number, caller in enumerate(callers):
        world.later(10.0 * number, caller.pump)
    world.run(360.0)
    outcomes = [caller.measure(60.0, 360.0) for caller in callers]
    assert max(outcome.throttled for outcome in outcomes) < 0.02
    assert sum(outcome.throughput for outcome in outcomes) >= 0.8 * capacity
    assert min(outcome.throughput for outcome in outcomes) >= 0.05 * capacity


def test_a_quota_that_is_told_is_never_overdrawn() -> None:
    # Brightspace: 10 credits a call. 600 calls a minute, 40 a second if one does not look.
    caller = run(Pacer(Pace()), Quota(6000.0, 60.0, 0.1, cost=10.0, told=True), seed=1, until=300.0)
    assert caller.measure(0.0, 300.0).throttled == 0.0
    assert caller.measure(0.0, 300.0).throughput >= 0.95 * 600 / 60


def test_canvas_is_never_throttled_by_one_process_that_heeds_its_figures() -> None:
    for seed in SEEDS:
        caller = run(Pacer(Pace()), CanvasBucket(0.3, 0.1, strict=True), seed=seed, until=120.0)
        assert caller.measure(0.0, 120.0).throttled == 0.0
