"""
What an outbox tells about its scores.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import attrs

from aioags.model.event import DEBUG, INFO, WARNING, Event

OutboxNews = Literal[
    "put", "dropped", "recorded", "postponed", "deferred", "dead",
    "left alone", "refuses everything", "takes scores again",
]  # fmt: skip

_OUTBOX_TEXTS: dict[str, tuple[int, str]] = {
    "dropped": (
        WARNING,
        "outbox: %(count)d scores were not stored, since as new or newer ones are there; the first is for "
        "%(registration_id)s, %(line_item)s",
    ),
    "deferred": (WARNING, "outbox: a score for %(registration_id)s, %(line_item)s is deferred: %(reason)s"),
    "dead": (WARNING, "outbox: a score for %(registration_id)s, %(line_item)s %(reason)s"),
    "left alone": (WARNING, "outbox: %(registration_id)s is left alone for %(seconds).0f s: %(reason)s"),
    "refuses everything": (
        WARNING,
        "outbox: %(registration_id)s, %(line_item)s refuses everything; asked again in %(seconds).0f s, "
        "%(count)d more scores deferred: %(reason)s",
    ),
    "takes scores again": (
        INFO,
        "outbox: %(registration_id)s, %(line_item)s takes scores again: %(count)d are due",
    ),
}
_OUTBOX_TEXT = DEBUG, "outbox: %(count)d scores for %(registration_id)s, %(line_item)s: %(what)s"


@attrs.frozen
class OutboxEvent(Event):
    """
    Something became of scores in an outbox, or of a platform or line item as the outbox sees it.

    Attributes:
        what: ``put``, ``dropped``; ``recorded``, ``postponed`` (tried again later), ``deferred`` (refused, and tried
            again at a slow pace), ``dead`` (given up): an attempt ended so. ``left alone``: a platform, for a time;
            ``refuses everything``, ``takes scores again``: a line item.

        registration_id: Your name for the registration.

        line_item: Its URL, fit for a log line. None: it is about the whole platform.

        count: How many scores it is about.

        seconds: Until it is tried again, where that is told. 0.0: it is not.

        error: Class name of the error. None: there is none.

        reason: The error's line, fit for a log. None: there is none.
    """

    loudest: ClassVar[int] = WARNING
    what: OutboxNews
    registration_id: str
    line_item: str | None
    count: int = 1
    seconds: float = 0.0
    error: str | None = None
    reason: str | None = None

    @property
    def level(self) -> int:
        """
        A warning when a score or a platform changed for the worse.
        """
        return _OUTBOX_TEXTS.get(self.what, _OUTBOX_TEXT)[0]

    @property
    def text(self) -> str:
        """
        Its line in the log.
        """
        return _OUTBOX_TEXTS.get(self.what, _OUTBOX_TEXT)[1]
