"""
How a platform keeps tools from asking too much. Every throttle is told when a request comes and when it goes.
"""

from __future__ import annotations

import math
from typing import Protocol

import attrs

from aioags.emulator.profiles.profile import Profile
from aioags.emulator.refusals import Kind, Refusal
from aioags.emulator.wire.messages import Header


class Throttle(Protocol):
    """
    One tool's allowance at one platform.
    """

    def enter(self, now: float) -> None:
        """
        Charge a request that comes.

        Raises:
            Refusal: There is no room; nothing was charged.
        """

    def leave(self, now: float) -> None:
        """
        Settle a request that goes.
        """

    def headers(self, now: float) -> tuple[Header, ...]:
        """
        Return what every answer tells about the allowance, the request that it answers still being charged.
        """
        return ()


@attrs.define
class LeakyBucket:
    """
    Canvas's throttle: requests in flight weigh much, finished ones little, and the bucket leaks all the time.

    Attributes:
        level: What is in it now, at time `at`.

        capacity: It never holds more.

        high_water: Above it requests are refused.

        outflow: Leaks per second.

        upfront: Charged while a request is in flight.

        cost: What a request has cost when it is done. `dearer` makes a bucket of what costs more.

    Source:
        Canvas, ``app/middleware/request_throttle.rb`` and ``doc/api/throttling.md``.
    """

    capacity: float
    high_water: float
    outflow: float
    upfront: float
    cost: float
    level: float = 0.0
    at: float | None = None

    def dearer(self, cost: float) -> Throttle:
        """
        Return the same bucket for a request that costs more when it is done.

        Args:
            cost: What it costs besides.
        """
        return Dearer(self, cost)

    def enter(self, now: float) -> None:
        """
        Charge the up-front cost.

        Raises:
            Refusal: With it the level is at the high-water mark. The rest that is told is without it: maybe above 0.
        """
        self._leak(now)
        level = min(self.level + self.upfront, self.capacity)
        if level >= self.high_water:
            rest = ("X-Rate-Limit-Remaining", str(self.high_water - (level - self.upfront)))
            raise Refusal(Kind.THROTTLED, "Rate Limit Exceeded", headers=(rest,))
        self.level = level

    def leave(self, now: float) -> None:
        """
        Give the up-front cost back, and charge the real one.
        """
        self.settle(now, self.cost)

    def settle(self, now: float, cost: float) -> None:
        """
        Give the up-front cost back, and charge another one.
        """
        self._leak(now)
        self.level = self._settled(cost)

    def headers(self, now: float) -> tuple[Header, ...]:
        """
        Return cost and rest, as floats; the rest is what it will be once the request is settled, and may be below 0.
        """
        return self.told(self.cost)

    def told(self, cost: float) -> tuple[Header, ...]:
        """
        Return the headers for a request of some cost.
        """
        rest = self.high_water - self._settled(cost)
        return (("X-Request-Cost", str(float(cost))), ("X-Rate-Limit-Remaining", str(rest)))

    def _settled(self, cost: float) -> float:
        return min(self.capacity, max(0.0, self.level - self.upfront) + cost)

    def _leak(self, now: float) -> None:
        if self.at is not None:
            self.level = max(0.0, self.level - self.outflow * (now - self.at))
        self.at = now


@attrs.define
class Dearer:
    """
    A bucket as a request sees it that costs more than others.
    """

    bucket: LeakyBucket
    more: float

    def enter(self, now: float) -> None:
        """
        Charge the up-front cost, as for any other.
        """
        self.bucket.enter(now)

    def leave(self, now: float) -> None:
        """
        Charge what it really cost.
        """
        self.bucket.settle(now, self.bucket.cost + self.more)

    def headers(self, now: float) -> tuple[Header, ...]:
        """
        Return cost and rest, as floats.
        """
        return self.bucket.told(self.bucket.cost + self.more)


@attrs.define
class Quota:
    """
    So many units in a window that begins with the first of them.

    Attributes:
        limit: Units in a window.

        window: Seconds.

        cost: Units of one request.

        style: Which headers tell of it: ``retry_after`` (Blackboard), ``reset`` (D2L), ``bare`` (Retry-After on 429
            and nothing else).
    """

    limit: float
    window: float
    cost: float = 1.0
    style: str = "bare"
    used: float = 0.0
    began: float | None = None

    def enter(self, now: float) -> None:
        """
        Use up one request's units.

        Raises:
            Refusal: The window has no more.
        """
        if self.began is None or now - self.began >= self.window:
            self.began, self.used = now, 0.0
        if self.used + self.cost > self.limit:
            wait = str(math.ceil(self.window - (now - self.began)))
            hint = () if self.style == "reset" else (("Retry-After", wait),)
            raise Refusal(Kind.THROTTLED, "Too many requests.", headers=hint + self.headers(now))
        self.used += self.cost

    def leave(self, now: float) -> None:
        """
        Do nothing: what is used stays used.
        """

    def headers(self, now: float) -> tuple[Header, ...]:
        """
        Return limit and rest, as the style has it.
        """
        rest = str(int(self.limit - self.used))
        if self.style == "retry_after":
            return (("X-Rate-Limit-Limit", str(int(self.limit))), ("X-Rate-Limit-Remaining", rest))
        if self.style == "reset":
            reset = str(math.ceil(self.window - (now - (self.began or now))))
            cost = ("X-Request-Cost", str(int(self.cost)))
            return (cost, ("X-Rate-Limit-Remaining", rest), ("X-Rate-Limit-Reset", reset))
        return ()


def throttle_of(profile: Profile) -> Throttle | None:
    """
    Make one tool's throttle; None: the platform has none.
    """
    if profile.throttle == "leaky_bucket":
        return LeakyBucket(
            profile.throttle_capacity,
            profile.throttle_high_water,
            profile.throttle_outflow,
            profile.throttle_upfront,
            profile.throttle_cost,
        )
    if profile.throttle == "credits":
        return Quota(profile.throttle_capacity, MINUTE, profile.throttle_cost, "reset")
    if profile.throttle == "quota":
        return Quota(profile.throttle_capacity, DAY, profile.throttle_cost, "retry_after")
    return None


MINUTE = 60.0
DAY = 86_400.0
