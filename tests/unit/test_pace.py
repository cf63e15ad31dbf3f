"""
The rules of pacing, one by one. What they come to together is in test_pace_simulated.py.
"""

from __future__ import annotations

import copy
import math
from itertools import pairwise

import hypothesis
import hypothesis.strategies as st
import pytest
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from aioags.model.policy import Pace
from aioags.protocol.messages import Response
from aioags.protocol.pace import Pacer
from aioags.protocol.pace_figures import FIRST_PAUSE, IDLE, ROUND, SHORTEST_PAUSE, START
from aioags.protocol.signals import INSTEAD_OF_NONSENSE, LONGEST_HOLD, LONGEST_PAUSE, Signal, read_signal

QUICK = Signal(0.1)
REFUSED = Signal(0.01, throttled=True)


class Tool:
    """
    A caller with a clock of its own, that fills the window whenever it may.
    """

    def __init__(self, floor: int = 1, ceiling: int = 32) -> None:
        self.pacer = Pacer(Pace(floor, ceiling))
        self.now = 1000.0
        self.begun: list[float] = []

    def fill(self) -> int:
        """
        Start all that may start, and count it.
        """
        started = 0
        while self.pacer.may_start(self.now):
            self.pacer.started(self.now)
            self.begun.append(self.now)
            started += 1
        return started

    def end(self, signal: Signal = QUICK) -> None:
        """
        End the oldest request.
        """
        self.pacer.ended(self.now, signal, begun=self.begun.pop(0))

    def round(self, signal: Signal = QUICK) -> None:
        """
        Start all that may start, and end it a tenth of a second later.
        """
        self.fill()
        self.now += 0.1
        while self.begun:
            self.end(signal)

    def grow(self, window: int) -> None:
        """
        Answer quickly until the window is so large.
        """
        while self.pacer.window < window:
            self.round()

    def wait(self) -> float:
        """
        Let a hold end, and say how long it took.
        """
        held = self.pacer.held_for(self.now)
        self.now += held
        return held


def test_starts_small() -> None:
    assert Tool().fill() == START


@pytest.mark.parametrize("floor, ceiling, window", [(1, 2, 2), (6, 32, 6), (1, 1, 1), (4, 4, 4)])
def test_starts_within_floor_and_ceiling(floor: int, ceiling: int, window: int) -> None:
    pacer = Pacer(Pace(floor, ceiling))
    assert (pacer.window, pacer._floor, pacer._ceiling, pacer.in_flight) == (window, floor, ceiling, 0)


def test_doubles_with_every_round_of_quick_answers_up_to_the_ceiling() -> None:
    tool = Tool(ceiling=20)
    seen = [tool.pacer.window]
    for _ in range(8):
        tool.round()
        if tool.pacer.window != seen[-1]:
            seen.append(tool.pacer.window)
    assert seen == [4, 8, 16, 20]


def test_does_not_grow_while_the_window_is_not_used() -> None:
    tool = Tool()
    for _ in range(200):
        tool.pacer.started(tool.now)
        tool.now += 0.1
        tool.pacer.ended(tool.now, QUICK, begun=tool.now - 0.1)
    assert tool.pacer.window == START


def test_a_throttle_halves_the_window_once_per_round() -> None:
    tool = Tool()
    tool.grow(32)
    tool.fill()
    tool.now += 0.1
    for _ in range(32):
        tool.end(REFUSED)
    assert tool.pacer.window == 16
    assert tool.pacer.in_flight == 0


def test_a_request_begun_after_the_cut_cuts_again() -> None:
    tool = Tool()
    tool.grow(32)
    tool.round(REFUSED)
    tool.wait()
    tool.round(REFUSED)
    assert tool.pacer.window == 8


def test_never_goes_below_the_floor() -> None:
    tool = Tool(floor=3)
    for _ in range(20):
        tool.round(REFUSED)
        tool.wait()
    assert tool.pacer.window == 3
    assert tool.fill() == 3


def test_a_hold_stops_everything_and_ends_by_itself() -> None:
    tool = Tool()
    tool.fill()
    tool.end(Signal(0.01, throttled=True, hold=7.0))
    assert tool.fill() == 0
    assert tool.pacer.held_for(tool.now) == 7.0
    tool.now += 6.9
    assert tool.fill() == 0
    tool.now += 0.1
    assert tool.pacer.held_for(tool.now) == 0.0
    while tool.begun:
        tool.end()
    assert tool.fill() > 0


def test_the_longest_of_several_holds_counts_also_of_requests_begun_before_the_cut() -> None:
    tool = Tool()
    tool.fill()
    for hold in (7.0, 30.0, 2.0):
        tool.end(Signal(0.01, throttled=True, hold=hold))
    assert tool.pacer.held_for(tool.now) == 30.0


def test_no_burst_after_a_hold_that_was_asked_for() -> None:
    tool = Tool()
    tool.grow(32)
    tool.round(Signal(0.01, throttled=True, hold=2.0))
    tool.wait()
    assert tool.fill() == START


def test_after_a_cut_the_window_doubles_up_to_half_of_what_failed_and_then_waits() -> None:
    tool = Tool()
    tool.grow(32)
    tool.round(Signal(0.01, throttled=True, hold=2.0))
    tool.wait()
    seen = [tool.pacer.window]
    for _ in range(12):
        tool.round()
        if tool.pacer.window != seen[-1]:
            seen.append(tool.pacer.window)
    assert seen == [4, 8, 16]


def test_after_a_hundred_answers_per_throttled_one_it_tries_one_more() -> None:
    tool = Tool()
    tool.grow(8)
    tool.fill()
    tool.end(REFUSED)
    tool.wait()
    answers = 0
    while tool.pacer.window <= 4:
        tool.round()
        answers += 4
    assert tool.pacer.window == 5
    assert 100 <= answers <= 120


def test_with_the_fourth_cut_in_a_row_starts_are_spaced() -> None:
    """
    Four windows that failed, each smaller: it is not what is in flight that the platform minds.
    """
    tool = Tool()
    tool.grow(32)
    spaced: list[bool] = []
    for _ in range(4):
        tool.round(REFUSED)
        tool.wait()
        tool.fill()
        # Beside the hold, only a gap makes anybody wait who could otherwise start.
        spaced.append(tool.pacer.held_for(tool.now) > 0.0)
        while tool.begun:
            tool.end()
        tool.wait()
    assert spaced == [False, False, False, True]


def test_a_throttle_without_hint_pauses_ever_longer_until_a_round_goes_well() -> None:
    tool = Tool()
    pauses = []
    for _ in range(12):
        tool.round(REFUSED)
        pauses.append(tool.wait())
    assert pauses[0] == pytest.approx(SHORTEST_PAUSE)
    assert all(later == pytest.approx(min(2 * earlier, LONGEST_PAUSE)) for earlier, later in pairwise(pauses))
    for _ in range(ROUND + 1):
        tool.round()
    tool.round(REFUSED)
    # The platform's own latency, once it is known.
    assert tool.wait() == pytest.approx(0.1)


@pytest.mark.parametrize("hold", [0.0, -5.0, math.nan])
def test_a_hint_that_says_nothing_counts_as_none(hold: float) -> None:
    tool = Tool()
    tool.round(Signal(0.01, throttled=True, hold=hold))
    assert tool.wait() == pytest.approx(SHORTEST_PAUSE)


@pytest.mark.parametrize(
    "told, kept",
    [(7200.0, 7200.0), (LONGEST_HOLD, LONGEST_HOLD), (LONGEST_HOLD + 1.0, INSTEAD_OF_NONSENSE), (1e12, 3600.0)],
)
def test_a_hold_of_hours_is_kept_and_one_of_more_than_a_day_is_nonsense(told: float, kept: float) -> None:
    tool = Tool()
    tool.round(Signal(0.01, throttled=True, hold=told))
    assert tool.pacer.held_for(tool.now) == pytest.approx(kept)


@pytest.mark.parametrize(
    "nonsense",
    [
        Signal(0.01, throttled=True, hold=1e12),
        Signal(0.1, hold=1e9),
        Signal(0.1, remaining=0.0, cost=10.0, reset=1e9),
    ],
)
def test_a_platform_that_asks_for_years_of_silence_is_asked_again_within_the_hour(nonsense: Signal) -> None:
    """
    A clock that is wrong, or milliseconds taken for seconds, must not stop a tool until somebody restarts it.
    """
    tool = Tool()
    tool.fill()
    while tool.begun:
        tool.end(nonsense)
    tool.now += 3599.0
    assert tool.fill() == 0
    tool.now += 1.0
    assert tool.fill() > 0


def test_a_platform_that_accepted_nothing_between_two_cuts_teaches_nothing() -> None:
    tool = Tool()
    tool.grow(32)
    for _ in range(10):
        tool.round(REFUSED)
        tool.wait()
    for _ in range(30):
        tool.round()
    assert tool.pacer.window == 16
    assert tool.fill() == 16


def test_a_platform_that_is_closed_at_first_is_not_held_to_it() -> None:
    # Moodle under maintenance: 503 with Retry-After 300.
    tool = Tool()
    tool.round(Signal(0.01, throttled=True, hold=300.0))
    assert tool.wait() == pytest.approx(300.0)
    for _ in range(8):
        tool.round()
    assert tool.pacer.window == 32


def state(pacer: Pacer) -> dict[str, object]:
    return {name: getattr(pacer, name) for name in Pacer.__slots__}


def test_an_abandoned_request_gives_its_place_back_and_teaches_nothing() -> None:
    tool = Tool()
    tool.round()
    before = copy.deepcopy(state(tool.pacer))
    tool.pacer.started(tool.now)
    tool.pacer.abandoned(tool.now)
    after = state(tool.pacer)
    changed = {name for name in before if before[name] != after[name]}
    assert changed <= {"_left_at", "_allowance"}
    assert tool.pacer.in_flight == 0


def test_a_lost_answer_says_nothing_about_latency() -> None:
    tool = Tool()
    tool.grow(16)
    for _ in range(50):
        tool.fill()
        tool.now += 0.1
        tool.end(Signal(60.0, lost=True))
        while tool.begun:
            tool.end()
    assert tool.pacer.window >= 16


def test_a_whole_window_of_lost_answers_halves_it() -> None:
    tool = Tool()
    tool.grow(16)
    tool.round(Signal(60.0, lost=True))
    assert tool.pacer.window == 8


def test_after_long_silence_it_starts_small_again_and_remembers_the_edge() -> None:
    tool = Tool()
    tool.grow(32)
    tool.round(Signal(0.01, throttled=True, hold=1.0))
    tool.wait()
    tool.grow(16)
    tool.now += IDLE + 1.0
    tool.round()
    assert tool.pacer.window == START
    tool.grow(16)
    tool.round()
    assert tool.pacer.window == 16


# Latency.


def slowed(tool: Tool, rounds: int, seconds_at: float, per_request: float) -> None:
    """
    Answer rounds in a time that grows with the window.
    """
    for _ in range(rounds):
        window = tool.fill()
        seconds = seconds_at + per_request * window
        tool.now += seconds
        while tool.begun:
            tool.end(Signal(seconds))


def test_latency_in_proportion_to_the_window_stops_its_growth() -> None:
    tool = Tool()
    slowed(tool, 100, seconds_at=0.0, per_request=0.1)
    assert tool.pacer.window <= START


def test_latency_that_is_high_by_itself_does_not() -> None:
    tool = Tool()
    slowed(tool, 20, seconds_at=5.0, per_request=0.0)
    assert tool.pacer.window == 32


def test_after_long_silence_what_was_quick_then_is_no_measure_for_now() -> None:
    tool = Tool()
    tool.grow(32)
    tool.now += IDLE + 1.0
    slowed(tool, 6, seconds_at=5.0, per_request=0.0)
    assert tool.pacer.window == 32


@pytest.mark.parametrize("seconds", [math.nan, math.inf, -1.0, 0.0, 1.7e308])
def test_a_duration_that_cannot_be_breaks_nothing(seconds: float) -> None:
    tool = Tool()
    for _ in range(10):
        tool.round(Signal(seconds))
    tool.round(REFUSED)
    assert tool.wait() <= FIRST_PAUSE


# What platforms say: Canvas (X-Request-Cost and X-Rate-Limit-Remaining).


def left_after(remaining: float, *, in_flight: int, **figures: float) -> Tool:
    """
    A tool of which one request of a large window has just ended, with so many still in flight.
    """
    tool = Tool()
    tool.grow(32)
    for _ in range(in_flight + 1):
        tool.pacer.started(tool.now)
        tool.begun.append(tool.now)
    tool.now += 0.1
    tool.end(Signal(0.1, remaining=remaining, **figures))
    return tool


@pytest.mark.parametrize(
    "remaining, more",
    [(600.0, 11), (550.0, 10), (551.0, 11), (100.0, 1), (101.0, 2), (51.0, 1), (50.0, 0), (0.0, 0), (-120.0, 0)],
)
def test_canvas_another_request_starts_only_if_its_up_front_charge_leaves_something(
    remaining: float, more: int
) -> None:
    assert left_after(remaining, in_flight=5, cost=0.2).fill() == more


@pytest.mark.parametrize("remaining, wait", [(50.0, 0.0), (49.0, 0.1), (0.0, 5.0), (-200.0, 25.0), (-1e9, 30.0)])
def test_canvas_with_nothing_in_flight_waits_until_enough_has_run_out(remaining: float, wait: float) -> None:
    tool = left_after(remaining, in_flight=0, cost=0.2)
    assert tool.pacer.held_for(tool.now) == pytest.approx(wait)
    tool.now += wait
    assert tool.fill() == 1


def test_canvas_the_smallest_room_of_several_rounds_counts() -> None:
    tool = left_after(300.0, in_flight=10, cost=0.2)
    tool.end(Signal(0.1, remaining=599.0, cost=0.2))
    assert tool.fill() == 15 - 9


# Brightspace (credits, and seconds until they come back).


def test_brightspace_with_enough_left_nothing_changes() -> None:
    tool = left_after(50_000.0, in_flight=0, cost=10.0, reset=60.0)
    assert tool.fill() == 32
    assert tool.pacer.held_for(tool.now) == 0.0


def test_brightspace_the_last_requests_are_spread_until_the_reset() -> None:
    tool = left_after(120.0, in_flight=2, cost=10.0, reset=30.0)
    # 12 calls, of which 2 in flight may not be counted yet: one every 3 seconds.
    waits = []
    for _ in range(5):
        assert tool.fill() == 1
        waits.append(tool.wait())
    assert waits[1:] == pytest.approx([3.0, 3.0, 3.0, 3.0])


def test_brightspace_with_nothing_left_waits_for_the_reset() -> None:
    tool = left_after(9.0, in_flight=0, cost=10.0, reset=30.0)
    assert tool.fill() == 0
    assert tool.wait() == pytest.approx(30.0)
    assert tool.fill() > 0


def test_brightspace_a_spread_ends_when_the_count_starts_anew() -> None:
    tool = left_after(120.0, in_flight=2, cost=10.0, reset=30.0)
    tool.fill()
    tool.wait()
    tool.end(Signal(0.1, remaining=50_000.0, cost=10.0, reset=60.0))
    assert tool.fill() == 30


def test_brightspace_a_spread_ends_when_answers_no_longer_say_anything() -> None:
    tool = left_after(500.0, in_flight=2, cost=10.0, reset=30.0)
    tool.fill()
    assert tool.wait() > 0.0
    tool.end()
    tool.wait()
    assert tool.fill() > 1


# Blackboard (a plain count, without a reset).


@pytest.mark.parametrize("remaining, in_flight", [(9_000.0, 32), (5.0, 5), (1.0, 1), (0.0, 1), (-3.0, 1)])
def test_blackboard_no_more_in_flight_than_is_left_but_never_nothing(remaining: float, in_flight: int) -> None:
    assert left_after(remaining, in_flight=0).fill() == in_flight


def test_an_answer_without_figures_releases_little_by_little() -> None:
    tool = left_after(0.0, in_flight=0)
    for allowed in (1, 2, 3):
        assert tool.fill() == allowed
        tool.now += 0.1
        tool.end()
        while tool.begun:
            tool.pacer.abandoned(tool.now)
            tool.begun.pop()


@pytest.mark.parametrize(
    "figures",
    [
        {"remaining": math.nan},
        {"remaining": math.inf, "cost": 1.0},
        {"remaining": -math.inf, "cost": 1.0},
        {"remaining": 500.0, "cost": math.nan},
        {"remaining": 500.0, "cost": -1.0, "reset": math.nan},
        {"remaining": 5.0, "cost": 1e-300, "reset": -1.0},
        {"remaining": -5.0, "cost": 1e-310, "reset": 1.0},
        {"remaining": -1e308, "cost": 1e-310},
        {"remaining": 1e308, "cost": 1e-310},
    ],
)
def test_nonsense_figures_restrict_nothing_for_ever(figures: dict[str, float]) -> None:
    tool = Tool()
    tool.fill()
    tool.end(Signal(0.1, **figures))
    while tool.begun:
        tool.end()
    tool.wait()
    assert tool.fill() > 0


# Headers.


def signal_of(*headers: tuple[str, str]) -> Signal:
    """
    Read a signal from headers.
    """
    return read_signal(Response(200, headers=headers), 0.1, throttled=False, hold=None)


def test_reads_the_headers_whatever_their_case() -> None:
    signal = signal_of(
        ("Content-Type", "application/json"),
        ("x-rate-limit-remaining", "599.87"),
        ("X-REQUEST-COST", " 0.13 "),
        ("X-Rate-Limit-Reset", "60"),
        ("X-Rate-Limit-Limit", "10000"),
    )
    assert signal == Signal(0.1, remaining=599.87, cost=0.13, reset=60.0)


@pytest.mark.parametrize("garbage", ["", "many", "nan", "inf", "-inf", "1,5", "0x10", "599.8;q=1"])
def test_garbage_in_a_header_is_no_figure(garbage: str) -> None:
    assert signal_of(("X-Rate-Limit-Remaining", garbage), ("X-Request-Cost", garbage)) == Signal(0.1)


def test_of_a_repeated_header_the_first_counts() -> None:
    assert signal_of(("X-Rate-Limit-Remaining", "5"), ("X-Rate-Limit-Remaining", "900")).remaining == 5.0


def test_hands_on_what_the_caller_knows() -> None:
    assert read_signal(Response(429), 0.1, throttled=True, hold=3.0) == Signal(0.1, throttled=True, hold=3.0)


# Whatever happens.

ROUNDING = 1e-6
ANY = st.one_of(st.none(), st.floats(), st.floats(-1e3, 1e4), st.integers(-5, 5).map(float))
SIGNALS = st.builds(
    Signal,
    seconds=st.one_of(st.floats(0.001, 60.0), st.floats()),
    throttled=st.booleans(),
    hold=ANY,
    remaining=ANY,
    cost=ANY,
    reset=ANY,
    lost=st.sampled_from([False, False, False, True]),
)
TIMES = st.one_of(st.floats(0.0, 1.0), st.floats(0.0, 10_000.0), st.just(0.0))


class AnyPlatform(RuleBasedStateMachine):
    """
    Any answers at any time: the window keeps its bounds, and in the end a request may always start.
    """

    def __init__(self) -> None:
        super().__init__()
        self.pacer = Pacer(Pace())
        self.now = 0.0
        self.begun: list[float] = []

    @initialize(first=st.integers(1, 40), second=st.integers(1, 40))
    def bounds(self, first: int, second: int) -> None:
        self.pacer = Pacer(Pace(min(first, second), max(first, second)))

    @rule(seconds=TIMES)
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(count=st.integers(1, 50))
    def starts(self, count: int) -> None:
        for _ in range(count):
            if self.pacer.may_start(self.now):
                self.pacer.started(self.now)
                self.begun.append(self.now)
                assert self.pacer.in_flight <= self.pacer.window

    @precondition(lambda self: self.begun)
    @rule(signal=SIGNALS, count=st.integers(1, 60), data=st.data())
    def end(self, signal: Signal, count: int, data: st.DataObject) -> None:
        for _ in range(min(count, len(self.begun))):
            which = data.draw(st.integers(0, len(self.begun) - 1))
            self.pacer.ended(self.now, signal, begun=self.begun.pop(which))

    @precondition(lambda self: self.begun)
    @rule()
    def is_abandoned(self) -> None:
        self.begun.pop()
        self.pacer.abandoned(self.now)

    @rule(signal=SIGNALS, rounds=st.integers(1, 40), seconds=st.floats(0.0, 5.0))
    def full_rounds(self, signal: Signal, rounds: int, seconds: float) -> None:
        for _ in range(rounds):
            self.starts(50)
            self.now += seconds
            while self.begun:
                self.pacer.ended(self.now, signal, begun=self.begun.pop())

    @invariant()
    def bounds_hold(self) -> None:
        assert self.pacer._floor <= self.pacer.window <= self.pacer._ceiling
        assert self.pacer.in_flight == len(self.begun)
        assert 0.0 <= self.pacer.held_for(self.now) <= LONGEST_HOLD + ROUNDING

    def teardown(self) -> None:
        """
        When those in flight are gone and the hold has ended, the next may start.
        """
        for _ in self.begun:
            self.pacer.abandoned(self.now)
        assert self.pacer.may_start(self.now + self.pacer.held_for(self.now))


TestAnyPlatform = AnyPlatform.TestCase
TestAnyPlatform.settings = hypothesis.settings(stateful_step_count=25)
