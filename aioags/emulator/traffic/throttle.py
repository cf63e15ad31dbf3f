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
        Return what every answer tells about the allowance.
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

        cost: What a request has cost when it is done.

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

    def enter(self, now: float) -> None:
        """
        Charge the up-front cost.

        Raises:
            Refusal: The level is at the high-water mark.
        """
        self._leak(now)
        if self.level >= self.high_water:
            headers = (("X-Request-Cost", "0.0"), ("X-Rate-Limit-Remaining", "0.0"))
            raise Refusal(Kind.THROTTLED, "Rate Limit Exceeded", headers=headers)
        self.level = min(self.level + self.upfront, self.capacity)

    def leave(self, now: float) -> None:
        """
        Give the up-front cost back, and charge the real one.
        """
        self._leak(now)
        self.level = max(0.0, self.level - self.upfront + self.cost)

    def headers(self, now: float) -> tuple[Header, ...]:
        """
        Return cost and rest, as floats.
        """
        rest = max(0.0, self.high_water - self.level)
        return (("X-Request-Cost", str(float(self.cost))), ("X-Rate-Limit-Remaining", str(rest)))

    def _leak(self, now: float) -> None:
        if self.at is not None:
            self.level = max(0.0, self.level - self.outflow * (now - self.at))
        self.at = now


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
