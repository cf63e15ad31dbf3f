"""
A listener that keeps some kinds of events, for tests that ask for no others.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aioags import Event, RequestEvent


def keeping(kept: list[Any], *kinds: type[Event]) -> Callable[[Event], None]:
    """
    Return a listener that appends events of these kinds. None given: requests.
    """

    def listen(event: Event) -> None:
        if isinstance(event, kinds or RequestEvent):
            kept.append(event)

    return listen
