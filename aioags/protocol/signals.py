"""
What answers say about a platform: how long it takes, and what it allows.
"""

from __future__ import annotations

from functools import lru_cache
from math import ceil, inf, isfinite, log, sqrt
from typing import ClassVar

import attrs

from aioags.model.value import value
from aioags.protocol.messages import Response

# Longest silence that a platform may impose: a day, as in an outbox. What is longer is taken for nonsense, such as
# milliseconds, and must not stop a tool for ever: it is asked again after an hour.
LONGEST_HOLD, INSTEAD_OF_NONSENSE = 86_400.0, 3600.0
# Longest one that it did not ask for.
LONGEST_PAUSE = 30.0
# Canvas's defaults (app/middleware/request_throttle.rb): charge of a request while it is in flight, and what runs out
# of the bucket in a second. The real cost is charged at the end, and is what X-Request-Cost says.
UP_FRONT, OUTFLOW = 50.0, 10.0
# Rounds whose smallest room counts. A request under way to Canvas is not yet in its figure, so each figure is too high
# by those; the smallest of many is right.
CALM_ROUNDS = 8

REMAINING = "x-rate-limit-remaining"
"""The header that says what is left. Where it is absent, the others say nothing."""

_HEADERS = {REMAINING: "remaining", "x-request-cost": "cost", "x-rate-limit-reset": "reset"}


@value
class Signal:
    """
    What one answer says about the platform's condition.

    Attributes:
        seconds: From the start of the request to its end.

        throttled: The platform refused because of too many requests: 429, Canvas's 403, 503 with a hint.

        hold: Seconds to send nothing. None: it does not ask.

        remaining: What is left, in the platform's unit, ``X-Rate-Limit-Remaining``. Below 0 is possible (Canvas).

        cost: What this request took of that, ``X-Request-Cost``.

        reset: Seconds until the count starts anew, ``X-Rate-Limit-Reset``.

        lost: No answer came (time-out, reset). `seconds` then says nothing about latency.
    """

    seconds: float
    throttled: bool = False
    hold: float | None = None
    remaining: float | None = None
    cost: float | None = None
    reset: float | None = None
    lost: bool = False


def read_signal(response: Response, seconds: float, *, throttled: bool, hold: float | None) -> Signal:
    """
    Read the headers about rate limits. What is no finite number counts as absent.

    Args:
        seconds: From the start of the request to its end.
    """
    told: dict[str, float | None] = {}
    for name, text in response.headers:
        # Every answer passes here, and two letters tell most headers apart.
        if name[:2] in {"X-", "x-"} and (key := _HEADERS.get(name.lower())) is not None:
            told.setdefault(key, _number(text))
    if not told:
        return Signal(seconds, throttled, hold)
    return Signal(seconds, throttled, hold, told.get("remaining"), told.get("cost"), told.get("reset"))


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if isfinite(value) else None


@attrs.define
class Latency:
    """
    How long requests take: mean and its error, of logarithms, so that one outlier counts little.

    Attributes:
        count: How many requests.

        unknown: Of every platform that was not asked yet: there may be 10,000. Nothing is added to it.
    """

    unknown: ClassVar[Latency]
    count: int = 0
    _sum: float = 0.0
    _squares: float = 0.0

    def add(self, seconds: float) -> None:
        """
        Take one request, more than 0 seconds.
        """
        value = log(seconds)
        self.count += 1
        self._sum += value
        self._squares += value * value

    @property
    def mean(self) -> float:
        """
        Return the mean logarithm. There must be one request.
        """
        return self._sum / self.count

    @property
    def variance(self) -> float:
        """
        Return the variance of the mean, not of one request.
        """
        return max(0.0, self._squares / self.count - self.mean**2) / self.count

    def faded(self) -> Latency:
        """
        Return the same mean and spread with half the weight.
        """
        count = self.count // 2
        share = count / self.count
        return Latency(count, self._sum * share, self._squares * share)

    def exceeds(self, other: Latency, by: float, errors: float = 3.0) -> bool:
        """
        Is this longer than the other, by more than `by` and so many standard errors? False when one is unknown.
        """
        if not (self.count and other.count):
            return False
        return self.mean - other.mean > by + errors * sqrt(self.variance + other.variance)


Latency.unknown = Latency()


class Allowance:
    """
    What the platform's own figures allow.

    Attributes:
        most: In flight at once, from the floor to the ceiling.

        spacing: Seconds from one start to the next; 0.0 when there is enough.

        restricts: It allows less than the ceiling.
    """

    __slots__ = ("_ceiling", "_floor", "_left_in_round", "_room", "_room_before", "most", "restricts", "spacing")

    def __init__(self, floor: int, ceiling: int) -> None:
        self._floor, self._ceiling = floor, ceiling
        self.most = self._room = self._room_before = ceiling
        self.spacing = 0.0
        # Beside the two as a fact of its own: every answer asks.
        self.restricts = False
        self._left_in_round = 0

    @staticmethod
    @lru_cache(maxsize=64)
    def untold(floor: int, ceiling: int) -> Allowance:
        """
        Return that of every platform that has told nothing; it reads no answer.
        """
        return Allowance(floor, ceiling)

    def own(self) -> Allowance:
        """
        Return this one, or in place of what others have as well one that can read answers.
        """
        shared = self is Allowance.untold(self._floor, self._ceiling)
        return Allowance(self._floor, self._ceiling) if shared else self

    def read(self, signal: Signal, in_flight: int, window: int) -> float:
        """
        Take an answer's figures.

        Returns:
            Seconds to send nothing; 0.0 for none.
        """
        silence = self._read(signal, in_flight, window)
        self.restricts = self.most < self._ceiling or self.spacing > 0.0
        return silence

    def _read(self, signal: Signal, in_flight: int, window: int) -> float:
        left, cost, reset = signal.remaining, signal.cost or 0.0, signal.reset
        self.spacing = 0.0
        if left is None or not isfinite(left):
            return self._untold()
        cost = cost if 0.0 < cost < inf else 0.0
        reset = min(reset, INSTEAD_OF_NONSENSE) if reset is not None and reset >= 0.0 else None
        if cost and reset is None:
            return self._leaky(left, max(cost, UP_FRONT), in_flight)
        return self._counted(left / (cost or 1.0), reset, in_flight, window)

    def _untold(self) -> float:
        # Little by little: an answer without figures may come from a proxy in between.
        self._permit(self.most + 1)
        return 0.0

    def _leaky(self, left: float, charge: float, in_flight: int) -> float:
        # Those in flight are charged already. One more is refused when its charge would leave nothing.
        room = in_flight + ceil(max(left, -self._ceiling * charge) / charge) - 1
        self._room = min(self._room, room)
        self._permit(min(self._room, self._room_before))
        self._left_in_round -= 1
        if self._left_in_round <= 0:
            self._left_in_round = CALM_ROUNDS * self.most
            self._room_before, self._room = self._room, self._ceiling
        return 0.0 if in_flight or left > charge else min((charge - left) / OUTFLOW, LONGEST_PAUSE)

    def _counted(self, calls: float, reset: float | None, in_flight: int, window: int) -> float:
        self._permit(int(min(max(calls, 0.0), self._ceiling)))
        # Whether those in flight are counted already is not known.
        calls -= in_flight
        if reset is None or calls > 2 * window:
            return 0.0
        if calls < 1.0:
            return reset
        self.spacing = reset / calls
        return 0.0

    def _permit(self, most: int) -> None:
        self.most = min(max(most, self._floor), self._ceiling)
