"""
How many requests one platform has in flight, and how soon one follows another.
"""

from __future__ import annotations

from math import ceil, exp, isfinite, log

import attrs

from aioags.model.policy import Pace
from aioags.protocol.messages import Response

START = 4
ROUND = 8
SURE = 32
SLOWER = log(1.5)
MUCH_SLOWER = log(3.0)
HEADROOM = 1.25
LOOK_AGAIN = 8
LOOK_EVERY = 64
ANSWERS_PER_THROTTLE = 100
PROBE_COST = 20.0
LONGEST_PATIENCE = 120.0
FIRST_PAUSE = 0.05
LONGEST_PAUSE = 30.0
LONGEST_HOLD = 3600.0
IDLE = 60.0
UP_FRONT = 50.0
TICK = 1e-6
_NEVER = float("-inf")


@attrs.frozen
class Signal:
    seconds: float
    throttled: bool = False
    hold: float | None = None
    remaining: float | None = None
    cost: float | None = None
    reset: float | None = None
    lost: bool = False


_HEADERS = {"x-rate-limit-remaining": "remaining", "x-request-cost": "cost", "x-rate-limit-reset": "reset"}


def read_signal(response: Response, seconds: float, *, throttled: bool, hold: float | None) -> Signal:
    told: dict[str, float] = {}
    for name, text in response.headers:
        if name[:2] in _OURS and (known := _HEADERS.get(name.lower())) is not None:
            value = _number(text)
            if value is not None:
                told[known] = value
    return Signal(seconds, throttled=throttled, hold=hold, **told)


_OURS = ("X-", "x-")


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if isfinite(value) else None


class Pacer:
    __slots__ = ("__dict__",)

    def __init__(self, pace: Pace) -> None:
        self._floor, self._ceiling = pace.floor, pace.ceiling
        self._window = min(max(START, self._floor), self._ceiling)
        self._edge: int | None = None
        self._in_flight = 0
        self._limit = self._window
        self._allowance = self._ceiling
        self._spread = 0.0
        self._gap = 0.0
        self._hold_until = self._due = self._cut_at = self._since = self._left_at = _NEVER
        self._pauses = 0
        self._strikes = 0
        self._lost = 0
        self._accepted = 0
        self._busy = 0.0
        self._patient_until = _NEVER
        self._patient_answers = 0
        self._base: float | None = None
        self._level = log(FIRST_PAUSE)
        self._rounds = LOOK_AGAIN
        self._looking: tuple[int, float] | None = None
        self._used = False
        self._forget_samples(_NEVER)

    floor = property(lambda self: self._floor)
    ceiling = property(lambda self: self._ceiling)
    window = property(lambda self: self._window)
    in_flight = property(lambda self: self._in_flight)

    def may_start(self, now: float) -> bool:
        now += TICK
        return self._in_flight < self._limit and now >= self._hold_until and now >= self._due

    def held_for(self, now: float) -> float:
        wait = max(self._hold_until, self._due) - now
        return wait if wait > TICK else 0.0

    def started(self, now: float) -> None:
        if not self._in_flight and now - self._left_at > IDLE:
            self._wake(now)
        self._in_flight += 1
        if self._in_flight >= self._window:
            self._used = True
        gap = self._gap if self._gap > self._spread else self._spread
        if gap:
            if now < self._due + gap:
                self._used = True
            self._due = max(self._due + gap, now)

    def abandoned(self, now: float) -> None:
        self._leave(now)

    def ended(self, now: float, signal: Signal, *, begun: float) -> None:
        self._leave(now)
        if signal.throttled:
            self._throttled(now, signal.hold, begun)
            return
        if signal.hold is not None:
            self._hold(now, signal.hold)
        if signal.lost:
            self._unanswered(now, begun)
            return
        if signal.remaining is not None:
            self._allow(now, signal)
        elif self._limit < self._window or self._spread:
            self._allow_more()
        self._lost = 0
        seconds = signal.seconds
        if begun < self._cut_at or not 1e-6 < seconds < 1e6:
            return
        self._accepted += 1
        self._busy += seconds
        if begun < self._since:
            return
        self._samples += 1
        self._total += log(seconds)
        if self._samples >= self._judge_at:
            self._judge(now)

    # ---
    def _leave(self, now):
        if self._in_flight:
            self._in_flight -= 1
        self._left_at = now

    def _wake(self, now):
        self._base = None
        self._looking = None
        self._set(min(self._window, START), now)

    def _forget_samples(self, now):
        self._since = now
        self._samples = 0
        self._total = 0.0
        self._judge_at = max(self._window, ROUND)

    def _set(self, window, now):
        self._window = min(max(window, self._floor), self._ceiling)
        self._limit = min(self._window, self._allowance)
        self._forget_samples(now)

    def _judge(self, now):
        level = self._level = self._total / self._samples
        sure = self._samples >= SURE
        if self._samples >= 2 * SURE:
            self._samples //= 2
            self._total = level * self._samples
        self._judge_at = self._samples + max(self._window, ROUND)
        used, self._used = self._used, False
        self._pauses = 0
        if self._looking is not None:
            if sure:
                self._looked(now, *self._looking)
            return
        self._rounds += used
        if self._base is None:
            self._base = level
        elif level < self._base:
            self._base = (self._base + level) / 2
        slower = level - self._base
        if slower > (SLOWER if sure else MUCH_SLOWER):
            self._overloaded(now)
        elif self._rounds >= LOOK_EVERY:
            self._look(now)
        elif slower <= SLOWER:
            self._grow(now, used)

    def _grow(self, now, used):
        edge = self._edge
        if edge is not None and self._window < edge:
            self._set(min(2 * self._window, edge), now)
            return
        if edge is not None and (now < self._patient_until or self._accepted < self._patient_answers):
            return
        self._strikes = 0
        if not used:
            return
        if self._gap:
            self._gap *= 0.9
            if self._gap < exp(self._level) / (2 * self._window):
                self._gap = 0.0
        elif self._window < self._ceiling:
            if edge is None:
                self._set(2 * self._window, now)
            else:
                self._edge = self._window
                self._set(self._window + 1, now)

    def _overloaded(self, now):
        if self._edge is not None and self._window > self._edge:
            self._wait(now, now - self._since, SURE)
            self._set(self._edge, now)
        elif self._rounds >= LOOK_AGAIN:
            self._look(now)

    def _look(self, now):
        self._rounds = 0
        if self._window == self._floor:
            self._base = self._level
            return
        self._looking = self._window, self._level
        self._set(self._window // 2, now)

    def _looked(self, now, window, before):
        self._looking = None
        self._base = self._level
        if before - self._level > SLOWER:
            knee = int(window * exp(self._level - before) * HEADROOM)
            self._edge = max(self._window, min(window - 1, knee))
            self._wait(now, now - self._since, SURE)
            window = self._edge
        self._set(window, now)

    def _wait(self, now, cost, answers):
        self._patient_until = now + min(PROBE_COST * cost, LONGEST_PATIENCE)
        self._patient_answers = self._accepted + answers

    def _hold(self, now, seconds):
        if seconds > 0:
            self._hold_until = max(self._hold_until, now + min(seconds, LONGEST_HOLD))

    def _throttled(self, now, hold, begun):
        if begun < self._cut_at:
            self._patient_answers += ANSWERS_PER_THROTTLE
            if hold is not None:
                self._hold(now, hold)
            return
        told = hold is not None and hold > 0
        latency = max(FIRST_PAUSE, exp(self._level))
        wait = hold if told else min(LONGEST_PAUSE, latency * 2.0 ** min(self._pauses, 60))
        self._pauses += 1
        self._cut(now, START if told else self._ceiling)
        self._hold(now, wait)
        self._wait(self._hold_until, wait + 2 * latency, ANSWERS_PER_THROTTLE)

    def _cut(self, now, most):
        level = max(self._floor, min(self._window, self._in_flight + 1))
        elapsed = now - self._cut_at
        if self._gap:
            if self._strikes == 0:
                self._gap /= 0.9
            else:
                self._gap = min(max(self._gap, elapsed / (0.95 * max(self._accepted, 1))), 2 * self._gap)
            self._gap = min(self._gap, LONGEST_PAUSE)
        elif self._edge is None:
            self._edge = max(self._floor, level // 2)
        elif self._window > self._edge:
            pass
        elif self._strikes == 0:
            self._edge = max(self._floor, level - 1)
        elif self._strikes == 1:
            self._edge = max(self._floor, min(level - 1, max(level // 2, int(self._busy / elapsed))))
        else:
            self._gap = min(elapsed / (0.95 * max(self._accepted, 1)), LONGEST_PAUSE)
        self._strikes += 1
        self._looking = None
        self._cut_at = now
        self._accepted = 0
        self._busy = 0.0
        self._set(min(level // 2, most), now)

    def _unanswered(self, now, begun):
        if begun < self._since:
            return
        self._lost += 1
        if self._lost >= self._window:
            self._lost = 0
            self._looking = None
            self._set(self._window // 2, now)

    def _allow(self, now, signal):
        left = signal.remaining
        self._spread = 0.0
        if signal.cost and signal.reset is None:
            self._allowance = self._in_flight + ceil(left / max(UP_FRONT, signal.cost)) - 1
        else:
            calls = left / (signal.cost or 1.0)
            self._allowance = int(min(calls, self._ceiling))
            calls -= self._in_flight
            if signal.reset and calls < 1:
                self._hold(now, signal.reset)
            elif signal.reset and calls <= 2 * self._window:
                self._spread = signal.reset / calls
        self._allowance = min(max(self._allowance, self._floor), self._ceiling)
        self._limit = min(self._window, self._allowance)

    def _allow_more(self):
        self._spread = 0.0
        self._allowance = min(self._allowance + 1, self._ceiling)
        self._limit = min(self._window, self._allowance)
