"""
One request on its way through the platform, and what is remembered of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from aioags.emulator.addresses import Place
from aioags.emulator.faults import Plan
from aioags.emulator.messages import Answer, Asked
from aioags.emulator.refusals import Refusal
from aioags.emulator.site import Held
from aioags.emulator.throttle import Limiter
from aioags.protocol.messages import Request

if TYPE_CHECKING:
    from aioags.emulator.platform import Platform


@attrs.define
class Exchange:
    """
    One recorded request and its answer.

    Attributes:
        number: Counts every request from 1.

        at: The platform's time of arrival, seconds since 1970.

        operation: ``token``, an operation such as ``post_score``, or ``unknown``.

        answer: As it was sent, or would have been. None: not applied yet.

        applied: The platform did what was asked, whatever became of the answer.

        refusal: Why it was refused; None: it was not, or by the token endpoint.

        faults: The effects of the faults that happened to it.
    """

    number: int
    at: float
    request: Request
    operation: str
    answer: Answer | None = None
    applied: bool = False
    refusal: Refusal | None = None
    faults: tuple[str, ...] = ()


@attrs.define
class Visit:
    """
    One request between arriving and leaving.

    Attributes:
        plan: What will go wrong. An adapter waits ``plan.wait`` seconds before it calls `apply`.
    """

    platform: Platform = attrs.field(repr=False)
    exchange: Exchange
    asked: Asked
    place: Place | None
    plan: Plan
    held: list[Held] = attrs.field(factory=list)
    limiter: Limiter | None = None
    gone: bool = False

    def apply(self) -> Answer:
        """
        Do what is asked, and return the answer as it is to be carried.
        """
        answer = self.platform.perform(self)
        self.exchange.answer = answer
        self.platform.announce(self.exchange)
        return answer

    def leave(self) -> None:
        """
        Say that the request is no longer in flight. Harmless when said twice.
        """
        if not self.gone:
            self.gone = True
            self.platform.in_flight -= 1
            self.platform.site.release(self.held)
            if self.limiter is not None:
                self.limiter.leave(self.platform.site.now())
