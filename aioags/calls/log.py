"""
The one logger of the package, `aioags`.

A line's text is the same each time, so that collectors can group by it; what differs stands beside it once more, under
``aioags`` in the record's attributes, for machines.
"""

from __future__ import annotations

import logging
from logging import DEBUG, ERROR, INFO, WARNING

import attrs

from aioags.model.event import Event
from aioags.protocol.urls import origin

__all__ = ["DEBUG", "ERROR", "INFO", "WARNING", "OncePerHost", "log", "log_event", "logger"]

logger = logging.getLogger("aioags")

_MOST_SAID = 1024


def log(level: int, text: str, *, trace: bool = False, **facts: object) -> None:
    """
    Write a line that is no event.

    Args:
        text: With ``%(fact)s`` for facts.

        trace: With the traceback of the exception being handled.

        facts: Plain values that anybody may see: no token, no key, no user id.
    """
    logger.log(level, text, *([facts] if facts else []), exc_info=trace, extra={"aioags": facts}, stacklevel=2)


def log_event(event: Event) -> None:
    """
    Write an event's line, if its level is wanted.
    """
    if event.level and logger.isEnabledFor(event.level):
        facts = attrs.asdict(event)
        logger.log(
            event.level, event.text, facts, extra={"aioags": {"event": type(event).__name__, **facts}}, stacklevel=3
        )


class OncePerHost:
    """
    The hosts of which something was said that will be so at every call.
    """

    def __init__(self) -> None:
        self._said: set[str] = set()

    def first(self, url: str) -> str | None:
        """
        Return the origin of a URL to say it of, the first time. None: it was said, or of too many others.
        """
        host = origin(url)
        if host in self._said or len(self._said) >= _MOST_SAID:
            return None
        self._said.add(host)
        return host
