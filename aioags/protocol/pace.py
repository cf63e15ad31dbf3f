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
HEADROOM = 1.2
LOOK_AGAIN = 256
LOOK_EVERY = 3000
MOST = 64
ANSWERS_PER_THROTTLE = 100
PROBE_COST = 10.0
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


class _Latency:
    """
    What requests take on average, on a logarithmic scale, and how sure that is.
    """
    __slots__ = ("count", "_sum", "_squares")

    def __init__(self):
        self.count = 0
        self._sum = self._squares = 0.0

    def add(self, seconds):
        value = log(seconds)
        self.count += 1
        self._sum += value
        self._squares += value * value

    @property
    def mean(self):
        return self._sum / self.count if self.count else log(FIRST_PAUSE)

    @property
    def error(self):
        "variance of mean"
        if not self.count: return 1.0
        mean = self._sum / self.count
        return max(0.0, self._squares / self.count - mean * mean) / self.count

    def fade(self):
        self.count //= 2
        self._sum /= 2
        self._squares /= 2
        # count odd?

    def slower_than(self, other, than):
        """-> excess beyond ``than`` in units..."""


class Pacer:
    __slots__ = ("__dict__",)

    def __init__(self, pace: Pace) -> None:
        self._floor, self._ceiling = pace.floor, pace.ceiling
        self._window = min(max(START, self._floor), self._ceiling)
        self._edge: int | None = None
        self._in_flight = 0
        self._limit = self._window
        self._allowance = self._ceiling
        self._leaky = False
        self._reserve = 0
        self._room = self._room_before = self._ceiling
        self._room_left = 0
        self._spread = 0.0
        self._gap = 0.0
        self._hold_until = self._due = self._cut_at = self._since = self._left_at = _NEVER
        self._pauses = 0
        self._strikes = 0
        self._failures = 0
        self._lost = 0
        self._accepted = 0
        self._patient_until = _NEVER
        self._patient_answers = 0
        self._now = _Latency()
        self._base: _Latency | None = None
        self._before: _Latency | None = None
        self._answers_since_look = LOOK_AGAIN
        self._look_from = 0
        self._fresh = False
        self._full = False
        self._spaced = False
        self._set(self._window, _NEVER)

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
            self._full = True
        gap = self._gap if self._gap > self._spread else self._spread
        if gap:
            if now < self._due + gap:
                self._spaced = True
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
        if begun < self._since:
            return
        self._now.add(seconds)
        if self._now.count >= self._judge_at:
            self._judge(now)

    # ---
    def _leave(self, now):
        if self._in_flight:
            self._in_flight -= 1
        self._left_at = now

    def _wake(self, now):
        self._base = None
        self._look_from = 0
        self._set(min(self._window, START), now)

    def _set(self, window, now):
        self._window = min(max(window, self._floor), self._ceiling)
        self._limit = min(self._window, self._allowance)
        self._since = now
        self._before = self._now
        self._now = _Latency()
        self._judge_at = max(self._window, ROUND)
        self._step = 0

    def _judge(self, now):
        level = self._now
        self._judge_at = level.count + max(self._window, ROUND)
        full, spaced = self._full, self._spaced
        self._full = self._spaced = False
        self._pauses = 0
        sure = level.count >= SURE
        self._answers_since_look += max(self._window, ROUND)
        if self._look_from:
            if sure:
                self._base = level
                self._fresh = True
                self._set(self._look_from, now)
                self._look_from = 0
            return
        if self._base is None or clearly_above(self._base, level, 0.0):
            self._base = level
        if self._step and not self._stepped(now, sure, full):
            return
        if full and clearly_above(level, self._base, SLOWER):
            if self._fresh:
                self._yield(now)
            elif self._answers_since_look >= LOOK_AGAIN:
                self._look(now)
        elif full and sure and self._answers_since_look >= LOOK_EVERY:
            self._look(now)
        elif level.mean - self._base.mean <= SLOWER or level.count >= MOST:
            self._grow(now, full, spaced)
        if sure:
            self._fresh = False
        if self._now is level and level.count >= MOST:
            self._now = faded(level)
            self._judge_at = self._now.count + max(self._window, ROUND)

    def _stepped(self, now, sure, full):
        if not full:
            return True
        than = min(SLOWER, log(self._window / self._step))
        enough = self._now.count >= MOST
        if clearly_above(self._now, self._before, than, 1.0 if enough else 3.0):
            if self._edge is None:
                self._wait(now, 0.0, SURE)
                self._answers_since_look = LOOK_EVERY
            else:
                self._failures += 1
                self._wait(now, now - self._since, SURE)
            self._edge = self._step
            self._set(self._step, now)
            return False
        if self._edge is not None and not sure:
            return False
        if self._now.mean - self._before.mean > than and not enough:
            return False
        self._step = 0
        if self._edge is not None:
            self._failures = 0
            self._edge = self._window
        return True

    def _grow(self, now, full, spaced):
        edge = self._edge
        if edge is not None and self._window < edge:
            self._set(min(2 * self._window, edge), now)
            return
        if now < self._patient_until or self._accepted < self._patient_answers:
            return
        self._strikes = 0
        if self._gap and spaced and not full:
            self._gap *= 0.9
            if self._gap < exp(self._now.mean) / (2 * self._window):
                self._gap = 0.0
        elif full and self._window < self._ceiling:
            step = self._window
            self._set(2 * step if edge is None else step + 1, now)
            self._step = step

    def _yield(self, now):
        knee = int(self._window * exp(self._base.mean - self._now.mean) * HEADROOM)
        self._edge = max(self._window // 2, min(self._window - 1, knee), self._floor)
        self._wait(now, now - self._since, SURE)
        self._answers_since_look = LOOK_EVERY
        self._set(self._edge, now)

    def _look(self, now):
        self._answers_since_look = 0
        if self._window == self._floor:
            self._base = self._now
            return
        self._look_from = self._window
        self._set(self._window // 2, now)

    def _wait(self, now, cost, answers):
        self._patient_until = now + min(PROBE_COST * cost * 2.0 ** min(self._failures, 3), LONGEST_PATIENCE)
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
        first = self._edge is None
        latency = max(FIRST_PAUSE, exp(self._now.mean if self._now.count else self._before.mean))
        wait = hold if told else min(LONGEST_PAUSE, latency * 2.0 ** min(self._pauses, 60))
        self._pauses += 1
        self._cut(now, START if told else self._ceiling)
        self._hold(now, wait)
        climb = log((self._edge or self._ceiling) / self._window) + 2
        self._wait(self._hold_until, 0.0 if first else wait + climb * latency, ANSWERS_PER_THROTTLE)

    def _cut(self, now, most):
        level = max(self._floor, min(self._window, self._in_flight + 1))
        elapsed = now - self._cut_at
        if self._edge is None:
            self._edge = max(self._floor, level // 2)
        elif self._step:
            self._failures += 1
        elif self._gap and self._strikes == 0:
            self._gap /= 0.9
        elif self._accepted:
            if level >= self._window:
                self._edge = max(self._floor, level * 7 // 8 if level > 7 else level - 1)
            if self._gap or self._strikes >= 3:
                gap = elapsed / (0.95 * self._accepted)
                self._gap = min(gap if not self._gap else min(max(self._gap, gap), 2 * self._gap), LONGEST_PAUSE)
        self._strikes += 1
        self._look_from = 0
        self._cut_at = now
        self._accepted = 0
        self._set(min(level // 2, most), now)

    def _unanswered(self, now, begun):
        if begun < self._since:
            return
        self._lost += 1
        if self._lost >= self._window:
            self._lost = 0
            self._look_from = 0
            self._set(self._window // 2, now)

    def _allow(self, now, signal):
        left = signal.remaining
        self._spread = 0.0
        self._leaky = bool(signal.cost) and signal.reset is None
        if self._leaky:
            charge = max(UP_FRONT, signal.cost)
            room = self._in_flight + ceil(left / charge) - 1
            self._room = min(self._room, room)
            self._allowance = min(self._room, self._room_before)
            self._room_left -= 1
            if self._room_left <= 0:
                self._room_before, self._room, self._room_left = self._room, self._ceiling, 8 * room
            if not self._in_flight and left <= charge:
                self._hold(now, min((charge - left) / 10.0, LONGEST_PAUSE))
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
        self._leaky = False
        self._allowance = min(self._allowance + 1, self._ceiling)
        self._limit = min(self._window, self._allowance)


def faded(level):
    old = _Latency()
    old.count = level.count // 2
    old._sum = level._sum * old.count / level.count
    old._squares = level._squares * old.count / level.count
    return old


def clearly_above(one, other, than, sigmas=3.0):
    if not one.count or not other.count: return False
    return one.mean - other.mean > than + sigmas * (one.error + other.error) ** .5
