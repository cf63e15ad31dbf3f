"""
What a tool tells about launches.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import attrs

from aioags.model.event import INFO, Event


@attrs.frozen
class LaunchEvent(Event):
    """
    A browser came to begin a launch, or to end one.

    Attributes:
        step: ``login`` or ``launch``.

        issuer, client_id: Of the platform. None: it was refused, and what it said of itself is not to be believed.

        seconds: How long it took, the platform's keys included.

        error: Class name of the error. None: it was taken.

        fault: What is at fault, in one word: ``LaunchError.reason``. None: it was taken.

        reason: The error's line, fit for a log. None: it was taken.
    """

    loudest: ClassVar[int] = INFO
    step: Literal["login", "launch"]
    issuer: str | None
    client_id: str | None
    seconds: float
    error: str | None = None
    fault: str | None = None
    reason: str | None = None

    @property
    def level(self) -> int:
        """
        What is refused is told; no warning: anybody may send nonsense.
        """
        return INFO if self.error else 0

    @property
    def text(self) -> str:
        """
        Its line in the log.
        """
        if self.error:
            return "a %(step)s was refused: %(reason)s"
        return "a %(step)s of %(client_id)s at %(issuer)s was taken in %(seconds).3f s"


@attrs.frozen
class KeySetEvent(Event):
    """
    A platform's public keys were fetched.

    Attributes:
        origin: Scheme, host and port.

        url: Where they are, fit for a log line.

        keys: How many there are. None: they could not be had.

        seconds: How long it took, waits included.

        error: Class name of the error. None: there is none.
    """

    origin: str
    url: str
    keys: int | None
    seconds: float
    error: str | None

    @property
    def text(self) -> str:
        """
        Its line in the log.
        """
        return f"%(url)s: {'%(error)s' if self.error else 'keys: %(keys)d'}, %(seconds).3f s"
