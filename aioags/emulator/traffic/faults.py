"""
Faults on demand: what goes wrong, with which requests, how often.

Theory of operation. When a request arrives, every fault is asked in the order of adding whether it is meant; each that
is counts it. Waits add up. Of the faults that decide the answer, the first wins. A fault with ``applied=False`` happens
instead of what was asked; with ``applied=True`` the request does its work first, and then its answer suffers. So after
``drop`` with ``applied=True`` the gradebook has the grade and the tool does not know.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping
from typing import Any, Literal, get_args

import attrs

from aioags.emulator.profiles.profile import Profile
from aioags.emulator.refusals import Kind, Refusal
from aioags.emulator.wire.messages import Answer, Asked, Header

Effect = Literal[
    "latency",
    "drip",
    "drop",
    "reset",
    "half",
    "status",
    "truncate",
    "unlink",
    "odd",
    "throttle",
    "maintenance",
    "expire",
]

# Effects that happen to an answer that is there, so the request is always applied.
ON_ANSWERS = ("drip", "half", "truncate", "unlink", "odd")
# Effects that the platform refuses with, in its own shape.
REFUSALS: Mapping[str, tuple[Kind, str]] = {
    "throttle": (Kind.THROTTLED, "Too many requests; slow down."),
    "maintenance": (Kind.MAINTENANCE, "The platform is in maintenance."),
    "expire": (Kind.EXPIRED_TOKEN, "This access token has expired; ask for a new one."),
}


@attrs.frozen(kw_only=True)
class Fault:
    """
    One thing that goes wrong.

    Attributes:
        effect: ``latency``: it takes time. ``drip``: the answer comes byte by byte. ``drop``: the connection is closed
            with no answer. ``reset``: likewise, with RST. ``half``: the answer breaks off. ``status``: another answer
            comes. ``truncate``: the body ends early, and the head agrees. ``unlink``: a listing loses its Link header.
            ``odd``: the first record of a listing has other values in some fields. ``throttle``, ``maintenance``: the
            platform refuses, in its own shape. ``expire``: likewise, and the access token is no good any more.

        operation: ``token``, ``post_score`` and so on; None: any, the token request included.

        method: Upper case; None: any.

        path: Text that the request's target holds; None: any.

        skip: How many requests that match are spared first.

        times: How many it then happens to; None: all.

        probability: Of its happening to a request, 0 to 1, by the platform's seed.

        applied: False: instead of what was asked. True: after it was done.

        seconds: ``latency``: how long. ``drip``: between two bytes. ``throttle``, ``maintenance``: what the platform's
            own hint says; 0: no hint.

        jitter: Up to so many seconds more, evenly spread.

        over: ``latency``: only while more than so many requests are in flight: a cliff.

        size: ``half``, ``truncate``: bytes of the body that remain; None: half of them.

        status, reason, headers, body: Of the answer that ``status`` gives. ``odd``: `body` is a JSON object with the
            fields; null in it is null in the record.
    """

    effect: Effect
    operation: str | None = None
    method: str | None = None
    path: str | None = None
    skip: int = attrs.field(default=0, validator=attrs.validators.ge(0))
    times: int | None = attrs.field(default=None, validator=attrs.validators.optional(attrs.validators.ge(0)))
    probability: float = attrs.field(default=1.0, validator=[attrs.validators.ge(0), attrs.validators.le(1)])
    applied: bool = False
    seconds: float = attrs.field(default=0.0, validator=attrs.validators.ge(0))
    jitter: float = attrs.field(default=0.0, validator=attrs.validators.ge(0))
    over: int | None = None
    size: int | None = attrs.field(default=None, validator=attrs.validators.optional(attrs.validators.ge(0)))
    status: int = 500
    reason: str | None = None
    headers: tuple[Header, ...] = ()
    body: bytes = b""

    def __attrs_post_init__(self) -> None:
        if self.effect not in get_args(Effect):
            raise ValueError(f"there is no effect {self.effect!r}; choose from {', '.join(get_args(Effect))}")
        if self.effect == "odd" and not isinstance(_json(self.body), dict):
            raise ValueError("odd needs a JSON object as its body: the fields that the first record then has")

    @classmethod
    def latency(cls, seconds: float, **more: Any) -> Fault:
        """
        Make requests take time: ``jitter`` and ``over`` shape it, ``applied`` says on which side of the work.
        """
        return cls(effect="latency", seconds=seconds, **more)

    @classmethod
    def drop(cls, **more: Any) -> Fault:
        """
        Close the connection without an answer, before the work or, with ``applied``, after it.
        """
        return cls(effect="drop", **more)

    @classmethod
    def reset(cls, **more: Any) -> Fault:
        """
        Reset the connection without an answer, before the work or, with ``applied``, after it.
        """
        return cls(effect="reset", **more)

    @classmethod
    def half(cls, **more: Any) -> Fault:
        """
        Do the work, and let the answer break off.
        """
        return cls(effect="half", **more)

    @classmethod
    def answer(cls, status: int, body: bytes = b"", **more: Any) -> Fault:
        """
        Give another answer, instead of the work or, with ``applied``, after it.
        """
        return cls(effect="status", status=status, body=body, **more)

    @classmethod
    def odd(cls, fields: Mapping[str, Any], **more: Any) -> Fault:
        """
        Give the first record of a listing other values, such as ``{"scoreMaximum": None}`` or ``{"endDateTime": 0}``.
        """
        return cls(effect="odd", body=json.dumps(fields).encode(), **more)

    @classmethod
    def throttle(cls, seconds: float = 1.0, **more: Any) -> Fault:
        """
        Refuse as if too much had been asked.
        """
        return cls(effect="throttle", seconds=seconds, **more)

    def matches(self, operation: str, asked: Asked) -> bool:
        """
        True when a request is of the kind that this fault is about.
        """
        if self.operation is not None and operation != self.operation:
            return False
        if self.method is not None and asked.method != self.method:
            return False
        return self.path is None or self.path in asked.target

    @property
    def replaces(self) -> bool:
        """
        True when the request's work is not done.
        """
        return not self.applied and self.effect not in ON_ANSWERS and self.effect != "latency"


@attrs.define
class Active:
    """
    A fault that was added, and what it did so far.

    Attributes:
        number: What `FaultBook.add` returned.

        matched: How many requests it was about.

        happened: How many it happened to.
    """

    number: int
    fault: Fault
    matched: int = 0
    happened: int = 0


@attrs.define
class Fate:
    """
    What will go wrong with one request.

    Attributes:
        wait: Seconds before it is applied.

        instead: What happens instead of the work; None: the work is done.

        afterwards: What happens to the answer, in order.

        wait_after: Seconds between the work and the first byte of the answer.
    """

    wait: float = 0.0
    wait_after: float = 0.0
    instead: Fault | None = None
    afterwards: list[Fault] = attrs.field(factory=list)

    @property
    def effects(self) -> tuple[str, ...]:
        """
        The names of all that happens.
        """
        waits = ("latency",) if self.wait or self.wait_after else ()
        decisive = (self.instead.effect,) if self.instead is not None else ()
        return (*waits, *decisive, *(fault.effect for fault in self.afterwards))


NOTHING = Fate()


@attrs.define
class FaultBook:
    """
    The faults of one platform.
    """

    rng: random.Random
    active: dict[int, Active] = attrs.field(factory=dict)
    _last: int = 0

    def add(self, fault: Fault) -> int:
        """
        Let a fault happen from now on.

        Returns:
            Its number, for `remove`.
        """
        self._last += 1
        self.active[self._last] = Active(self._last, fault)
        return self._last

    def remove(self, number: int) -> bool:
        """
        End one fault; False: there was none of that number.
        """
        return self.active.pop(number, None) is not None

    def clear(self) -> None:
        """
        End all faults.
        """
        self.active.clear()

    def __iter__(self) -> Iterator[Active]:
        """
        Yield the faults and what they did, in order of adding.
        """
        return iter(self.active.values())

    def plan(self, operation: str, asked: Asked, in_flight: int) -> Fate:
        """
        Decide what will go wrong with a request that arrives.

        Args:
            in_flight: How many requests there are, this one included.
        """
        if not self.active:
            return NOTHING
        plan = Fate()
        for active in list(self.active.values()):
            if active.fault.matches(operation, asked) and self._happens(active, in_flight):
                self._note(plan, active.fault)
        return plan

    def _happens(self, active: Active, in_flight: int) -> bool:
        fault = active.fault
        if fault.over is not None and in_flight <= fault.over:
            return False
        active.matched += 1
        if active.matched <= fault.skip or (fault.times is not None and active.happened >= fault.times):
            return False
        if fault.probability < 1 and self.rng.random() >= fault.probability:
            return False
        active.happened += 1
        return True

    def _note(self, plan: Fate, fault: Fault) -> None:
        if fault.effect == "latency":
            seconds = fault.seconds + self.rng.random() * fault.jitter
            if fault.applied:
                plan.wait_after += seconds
            else:
                plan.wait += seconds
        elif not fault.replaces:
            plan.afterwards.append(fault)
        elif plan.instead is None:
            plan.instead = fault


def replacement(fault: Fault, profile: Profile) -> Answer:
    """
    Build the answer that a fault gives.

    Raises:
        Refusal: The platform gives it, in its own shape.
    """
    if fault.effect in REFUSALS:
        kind, text = REFUSALS[fault.effect]
        raise Refusal(kind, text, headers=fault.headers or _hint(fault, profile))
    if fault.effect in ("drop", "reset"):
        return Answer(0).carried(lost=fault.effect)
    return Answer(fault.status, fault.headers, fault.body, fault.reason)


def _hint(fault: Fault, profile: Profile) -> tuple[Header, ...]:
    if fault.effect == "throttle" and profile.throttle == "leaky_bucket":
        # Canvas never says how long (read).
        return (("X-Rate-Limit-Remaining", "0.0"),)
    if not fault.seconds:
        return ()
    is_d2l = fault.effect == "throttle" and profile.throttle == "credits"
    return (("X-Rate-Limit-Reset" if is_d2l else "Retry-After", f"{fault.seconds:g}"),)


def spoiled(answer: Answer, fault: Fault, profile: Profile) -> Answer:
    """
    Let a fault happen to an answer that is there.

    Raises:
        Refusal: The platform answers otherwise, in its own shape.
    """
    size = len(answer.body) // 2 if fault.size is None else fault.size
    if fault.effect == "half":
        return answer.carried(cut=size)
    if fault.effect == "truncate":
        return attrs.evolve(answer, body=answer.body[:size])
    if fault.effect == "drip":
        return answer.carried(drip=fault.seconds)
    if fault.effect == "unlink":
        return attrs.evolve(answer, headers=tuple(pair for pair in answer.headers if pair[0] != "Link"))
    if fault.effect == "odd":
        return attrs.evolve(answer, body=_with_an_odd_record(answer.body, json.loads(fault.body)))
    return replacement(fault, profile)


def _with_an_odd_record(body: bytes, fields: dict[str, Any]) -> bytes:
    said = _json(body)
    # Members come in an object, all else in an array.
    records = said.get("members") if isinstance(said, dict) else said
    if not isinstance(records, list) or not records:
        return body
    records[0] |= fields
    return json.dumps(said, ensure_ascii=False).encode()


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None
