"""
How many requests one platform has in flight, and how soon one follows another.

A pacer searches for the largest *window* (requests in flight) that a platform carries. It sees nothing but answers, so
it asks two questions of each: was it refused, and did it take longer because of us? Answers are judged in *rounds*: as
many as the window is wide, all to requests begun since the window last changed. What was begun before says nothing
about it. The window is in one of these states, told by the *edge*, the largest window known to be carried:

starting    No edge yet. The window doubles with each round that fills it and is not refused, nor slower in proportion.
climbing    Below the edge, after a cut. It doubles up to the edge.
resting     At the edge, until *patience* ends: so long that steps which fail cost a few percent of the time, and so
            many answers that about one in a hundred is throttled.
stepping    One above the edge, until it is clear whether more gets done. If so, that is the edge, and the next step
            follows. If not, back to the edge, and patience doubles, up to eightfold.
looking     At half the window, for one round; see below.

A throttle *cuts*: the window halves, everything pauses, and the edge is revised. Requests begun before the cut may
still be throttled; they lengthen hold and patience, and do not cut again. The first cut puts the edge at half of what
failed. A step that failed leaves the edge where it was. Cuts that follow before patience has ended lower it by an
eighth. With the fourth in a row the window is acquitted: it must be the number in a while that the platform minds. From
then on starts are *spaced* by a gap, measured from what was accepted between two cuts (of a token bucket, empty at
both, exactly its rate), and the gap is searched as the window was. Cuts between which nothing was accepted are an
outage, and teach nothing.

A platform may be slow on its own account or on ours, and only a *look* tells. When answers take clearly longer than
they once did, and now and then without cause, one round runs at half the window, and then the whole window again. No
clear difference: it was not us, and what was measured is the base for "longer" from now on. So a platform that always
takes two seconds reaches the ceiling. Half as long again or more: down to what it works off without a queue, and soon
up again by steps, since a queue that feeds itself hides where it began. "Clearly" is more than three standard errors of
a mean of logarithms, in which an outlier counts little.

On top of it lies what the platform says itself: a hold, or figures (`Allowance`) that limit or space what is in flight.

What cannot happen:

- More in flight than the window when a request starts, but for a probe: only `may_start` lets one start.
- A window outside its bounds: every change passes `_set`. The platform's figures cannot go below the floor either.
- Waiting for ever: a hold or a gap is bounded and ends by itself. Without one the limit is at least one, so a request
  may start or one is in flight, after whose end the caller asks again.
- A burst after a hold: the window was halved when it began, and cut to `START` when the platform had asked for it.
- Growth from nothing: a window that was not filled, or not yet judged, does not grow.
"""

from __future__ import annotations

from math import exp, inf, log

import attrs

from aioags.model.policy import Pace
from aioags.protocol.pace_figures import (
    ANSWERS_PER_THROTTLE,
    FIRST_PAUSE,
    HEADROOM,
    IDLE,
    LONGEST_PATIENCE,
    LOOK_AGAIN,
    LOOK_ANYWAY,
    MOST,
    MOST_ANSWERS,
    PATIENCE,
    QUICK,
    ROUND,
    SHARE,
    SHORTER,
    SHORTEST_PAUSE,
    SLOWER,
    START,
    STRIKES,
    SURE,
    TICK,
)
from aioags.protocol.signals import INSTEAD_OF_NONSENSE, LONGEST_HOLD, LONGEST_PAUSE, Allowance, Latency, Signal

# Beyond 30 fields a dict for each takes 1.6 KB.
_FIELDS = """
    _accepted _allowance _answers_unlooked _base _before _ceiling _cut_at _due _edge _failed_steps _floor _full _gap
    _held_until _in_flight _judge_at _latency _left_at _limit _look_from _looked _lost _patient_answers _patient_until
    _pauses _since _spaced _start _step_from _strikes _window
"""


class Pacer:
    """
    Decides when the next request to one platform may start.

    Every `started` is followed by exactly one `ended` or `abandoned`. Times are seconds on a clock of the caller's that
    never goes back. Not thread-safe; nothing here waits.

    Args:
        pace: Bounds of the window.

        start: First window, and the largest after a silence.
    """

    __slots__ = tuple(_FIELDS.split())

    def __init__(self, pace: Pace, start: int = START) -> None:
        self._floor, self._ceiling, self._start = pace.floor, pace.ceiling, start
        self._in_flight = 0
        self._allowance = Allowance.untold(self._floor, self._ceiling)
        # The search: see the module's theory.
        self._edge: int | None = None
        self._gap = 0.0
        self._strikes = self._failed_steps = self._pauses = 0
        self._held_until = self._due = self._cut_at = self._left_at = self._patient_until = -inf
        self._patient_answers = 0
        # Since the last cut, and since an answer last came.
        self._accepted = self._lost = 0
        # Latency with this window, with the one before, and undisturbed.
        self._latency = self._base = Latency.unknown
        self._look_from = 0
        self._answers_unlooked = LOOK_AGAIN
        # Did a start of this round fill the window, or wait for the gap?
        self._full = self._spaced = False
        self._set(start, -inf)

    @property
    def window(self) -> int:
        """
        How many requests may be in flight now, as far as the search is concerned. The platform may allow fewer.
        """
        return self._window

    @property
    def in_flight(self) -> int:
        """
        How many are.
        """
        return self._in_flight

    @property
    def has_limits(self) -> bool:
        """
        True when it learned what the platform does not take: limits last longer than conditions.
        """
        return self._edge is not None or self._gap > 0.0

    def is_idle(self, now: float) -> bool:
        """
        True when nothing is in flight or held, and it was silent for so long that only limits would be remembered.
        """
        return not self._in_flight and not self.held_for(now) and now - self._left_at > IDLE

    def may_start(self, now: float, *, knocks: bool = False) -> bool:
        """
        Is a place free, and no hold under way? Who knocks at a platform that is away is bound by the ceiling alone.
        """
        now += TICK
        most = self._ceiling if knocks else self._limit
        return self._in_flight < most and now >= self._held_until and now >= self._due

    def held_for(self, now: float) -> float:
        """
        Return the seconds until a hold ends or the next start is due, whether or not a place is free; 0.0 for neither.
        """
        wait = max(self._held_until, self._due) - now
        return wait if wait > TICK else 0.0

    def silent_for(self, now: float) -> float:
        """
        Return the seconds until a hold ends, 0.0 when there is none: `held_for` without the spacing of starts.
        """
        wait = self._held_until - now
        return wait if wait > TICK else 0.0

    def starts(self, now: float) -> bool:
        """
        Take a place, if `may_start`. True: taken.
        """
        soon = now + TICK
        if self._in_flight >= self._limit or soon < self._held_until or soon < self._due:
            return False
        self.started(now)
        return True

    def started(self, now: float) -> None:
        """
        Take a place. `may_start` was true.
        """
        if not self._in_flight and now - self._left_at > IDLE:
            self._wake(now)
        self._in_flight += 1
        if self._in_flight >= self._window:
            self._full = True
        if self._gap or self._allowance.spacing:
            gap = max(self._gap, self._allowance.spacing)
            self._spaced = self._spaced or now < self._due + gap
            # What started late is made up for, so that the rate is kept; never closer than half a gap.
            self._due = max(self._due + gap, now + gap / 2)

    def abandoned(self, now: float) -> None:
        """
        Give a place back: the caller cancelled. Nothing is learned.
        """
        self._in_flight = max(0, self._in_flight - 1)
        self._left_at = now

    def ended(self, now: float, signal: Signal, *, begun: float) -> None:
        """
        Give a place back, and learn from the answer.

        Args:
            begun: The `now` of the request's `started`.
        """
        self._in_flight = max(0, self._in_flight - 1)
        self._left_at = now
        if signal.throttled:
            self._throttled(now, signal.hold, begun)
            return
        if signal.hold is not None:
            self._hold(now, signal.hold)
        if signal.lost:
            self._unanswered(now, begun)
            return
        self._lost = 0
        if signal.remaining is not None or self._allowance.restricts:
            self._allowance = self._allowance.own()
            self._hold(now, self._allowance.read(signal, self._in_flight, self._window))
            self._limit = min(self._window, self._allowance.most)
        self._learn(now, signal.seconds, begun)

    def answered(self, now: float, seconds: float, *, begun: float) -> None:
        """
        Give a place back, as `ended` does, after an answer that was no throttle and said nothing about limits.
        """
        if self._allowance.restricts:
            self.ended(now, Signal(seconds), begun=begun)
            return
        self._in_flight -= 1
        self._left_at = now
        self._lost = 0
        self._learn(now, seconds, begun)

    def _learn(self, now: float, seconds: float, begun: float) -> None:
        if begun >= self._cut_at:
            self._accepted += 1
        if begun >= self._since and seconds < LONGEST_HOLD:
            if self._latency is Latency.unknown:
                self._latency = Latency()
            self._latency.add(seconds if seconds > QUICK else QUICK)
            if self._latency.count >= self._judge_at:
                self._judge(now)

    def _set(self, window: int, now: float) -> None:
        self._window = min(max(window, self._floor), self._ceiling)
        self._limit = min(self._window, self._allowance.most)
        self._since = now
        self._before, self._latency = self._latency, Latency.unknown
        self._judge_at = max(self._window, ROUND)
        self._step_from = 0
        self._looked = False

    def _wake(self, now: float) -> None:
        # The edge and the gap stay: limits last longer than conditions.
        self._base = Latency.unknown
        self._look_from = 0
        self._allowance = Allowance.untold(self._floor, self._ceiling)
        self._set(min(self._window, self._start), now)

    def _judge(self, now: float) -> None:
        latency, full, spaced = self._latency, self._full, self._spaced
        self._full = self._spaced = False
        self._pauses = 0
        self._judge_at = latency.count + max(self._window, ROUND)
        self._answers_unlooked += max(self._window, ROUND)
        sure = latency.count >= SURE
        if self._look_from:
            if sure:
                self._end_look(now)
            return
        if not self._base.count or self._base.exceeds(latency, 0.0):
            self._base = attrs.evolve(latency)
        if full and self._step_from:
            if not self._carries_step(now, sure):
                return
        elif full and sure and (self._answers_unlooked >= LOOK_ANYWAY or self._is_slower()):
            self._look_or_yield(now)
        if self._latency is latency:
            if not self._is_slower() or latency.count >= MOST:
                self._grow(now, full, spaced)
            self._fade()

    def _is_slower(self) -> bool:
        return self._latency.exceeds(self._base, SLOWER)

    def _fade(self) -> None:
        if self._latency.count >= MOST:
            self._looked = False
            self._latency = self._latency.faded()
            self._judge_at = self._latency.count + max(self._window, ROUND)

    def _carries_step(self, now: float, sure: bool) -> bool:
        """
        Judge the larger window. True: it is carried. False: it is not, and was taken back, or nobody knows yet.
        """
        # Slower by as much as the window is larger: no more gets done.
        worse = min(SLOWER, log(self._window / self._step_from))
        decide = self._latency.count >= MOST
        if self._latency.exceeds(self._before, worse, errors=1.5 if decide else 3.0):
            self._take_back(now)
            return False
        doubtful = self._before.count > 0 and self._latency.mean - self._before.mean > worse
        if (doubtful and not decide) or (self._edge is not None and not sure):
            return False
        self._step_from = 0
        if self._edge is not None:
            self._edge = self._window
            self._failed_steps = 0
        return True

    def _take_back(self, now: float) -> None:
        if self._edge is None:
            # Doubling was too much. Half of it may be too: look.
            self._answers_unlooked = LOOK_ANYWAY
            self._wait(now, 0.0, SURE)
        else:
            self._failed_steps += 1
            self._wait(now, now - self._since, SURE)
        self._edge = self._step_from
        self._set(self._edge, now)

    def _look_or_yield(self, now: float) -> None:
        if self._looked and self._is_slower():
            self._yield(now)
        elif self._answers_unlooked >= LOOK_AGAIN:
            self._answers_unlooked = 0
            if self._window > self._floor:
                self._look_from = self._window
                self._set(self._window // 2, now)
            else:
                self._base = attrs.evolve(self._latency)

    def _end_look(self, now: float) -> None:
        # The verdict waits for a fresh round of the full window: what made us look may have passed.
        self._base = self._latency
        window, self._look_from = self._look_from, 0
        self._set(window, now)
        self._looked = True

    def _yield(self, now: float) -> None:
        """
        Go down to what the platform works off without a queue, and look again from there.
        """
        knee = int(self._window * exp(self._base.mean - self._latency.mean) * HEADROOM)
        self._edge = max(self._window // 2, min(self._window - 1, knee), self._floor)
        self._answers_unlooked = LOOK_ANYWAY
        # The next step is by one: a new question, not to be paid for.
        self._wait(now, 0.0, SURE)
        self._set(self._edge, now)

    def _grow(self, now: float, full: bool, spaced: bool) -> None:
        if self._edge is not None and self._window < self._edge:
            self._set(min(2 * self._window, self._edge), now)
            return
        if now < self._patient_until or self._accepted < self._patient_answers:
            return
        self._strikes = 0
        if full and self._window < self._ceiling:
            window = self._window
            self._set(2 * window if self._edge is None else window + 1, now)
            self._step_from = window
        elif spaced and self._gap:
            self._gap *= SHORTER
            if self._gap < exp(self._latency.mean) / (2 * self._window):
                # It no longer binds: the window does.
                self._gap = 0.0

    def _wait(self, now: float, cost: float, answers: int) -> None:
        """
        Be patient, from now on.

        Args:
            cost: Seconds lost by the failure.
        """
        factor = PATIENCE * 2.0 ** min(self._failed_steps, 3)
        self._patient_until = now + min(factor * cost, LONGEST_PATIENCE)
        self._patient_answers = self._accepted + answers

    def _hold(self, now: float, seconds: float) -> None:
        if seconds > 0.0:
            told = seconds if seconds <= LONGEST_HOLD else INSTEAD_OF_NONSENSE
            self._held_until = max(self._held_until, now + told)

    def _throttled(self, now: float, hold: float | None, begun: float) -> None:
        told = hold if hold is not None and hold > 0.0 else 0.0
        if begun < self._cut_at:
            if self._edge is not None:
                self._patient_answers = min(self._patient_answers + ANSWERS_PER_THROTTLE, MOST_ANSWERS)
            self._hold(now, told)
            return
        latency = self._typical()
        wait = told or min(min(latency, FIRST_PAUSE) * 2.0 ** min(self._pauses, 30), LONGEST_PAUSE)
        self._pauses += 1
        doubling, learned = self._edge is None, self._accepted > 0
        self._cut(now, START if told else self._ceiling)
        self._hold(now, wait)
        if learned:
            # After doubling failed the next step is by one: a new question, not to be paid for.
            cost = 0.0 if doubling else wait + latency * (2.0 + log((self._edge or 1) / self._window))
            self._wait(self._held_until, cost, ANSWERS_PER_THROTTLE)

    def _typical(self) -> float:
        known = self._latency if self._latency.count else self._before
        return max(SHORTEST_PAUSE, exp(known.mean)) if known.count else SHORTEST_PAUSE

    def _cut(self, now: float, most: int) -> None:
        carried = max(self._floor, min(self._window, self._in_flight + 1))
        self._revise(carried, now - self._cut_at)
        self._look_from = 0
        self._cut_at = now
        self._accepted = 0
        self._set(min(carried // 2, most), now)

    def _revise(self, reached: int, elapsed: float) -> None:
        """
        Blame the doubling, the step, the edge or the rate.

        Args:
            reached: In flight when it happened, the throttled one included.

            elapsed: Seconds since the last cut.
        """
        if not self._accepted:
            return
        self._strikes += 1
        if self._edge is None:
            self._edge = max(self._floor, reached // 2)
        elif self._step_from:
            self._failed_steps += 1
        elif self._gap and self._strikes == 1:
            self._gap = min(self._gap / SHORTER, LONGEST_PAUSE)
        else:
            if reached >= self._window:
                self._edge = max(self._floor, min(reached - 1, reached * 7 // 8))
            if self._gap or self._strikes >= STRIKES:
                self._space(elapsed)

    def _space(self, elapsed: float) -> None:
        measured = min(elapsed / (SHARE * self._accepted), LONGEST_PAUSE)
        self._gap = min(max(measured, self._gap), 2.0 * self._gap) if self._gap else measured

    def _unanswered(self, now: float, begun: float) -> None:
        # One lost answer says nothing. A whole window of them: too much for whoever is still there.
        if begun >= self._since:
            self._lost += 1
        if self._lost >= self._window:
            self._lost = 0
            self._look_from = 0
            self._set(self._window // 2, now)
