"""
The arguments of an outbox, checked when it is made: a wrong one would show much later, far from its cause.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from aioags.client import Client
from aioags.model.registration import Registration
from aioags.outbox.journal import Journal
from aioags.outbox.verdict import Backoff


def check_parts(
    store: object, client: object, registrations: object, limiter: object, backoff: object, journal: object
) -> None:
    """
    Check what an outbox is made of.
    """
    _require(hasattr(store, "take"), "store", "a store such as SQLiteStore(path)", store)
    _require(isinstance(client, Client), "client", "a Client", client)
    if isinstance(registrations, Registration):
        instead = 'write {"your-name": registration}'
        raise TypeError(f"registrations must be {_REGISTRATIONS}, got one Registration: {instead}")
    _require(
        callable(registrations) or isinstance(registrations, Mapping), "registrations", _REGISTRATIONS, registrations
    )
    if isinstance(registrations, Mapping):
        for registration in registrations.values():
            _require(isinstance(registration, Registration), "registrations", _REGISTRATIONS, registration)
    _require(limiter is None or hasattr(limiter, "take"), "limiter", "a Limiter or None", limiter)
    _require(isinstance(backoff, Backoff), "backoff", "a Backoff", backoff)
    _require(journal is None or isinstance(journal, Journal), "journal", "a Journal or None", journal)


_REGISTRATIONS = "a mapping of your names to Registrations, or a function that opens gradebooks"


def check_hooks(hooks: Iterable[Callable[..., Any] | None]) -> None:
    """
    Check what is to be called.
    """
    for hook in hooks:
        _require(hook is None or callable(hook), "a hook", "a function or None", hook)


def check_numbers(*, line_items_at_once: object, patience: object, poll: object, grace: object) -> None:
    """
    Check counts and seconds.
    """
    if not isinstance(line_items_at_once, int) or isinstance(line_items_at_once, bool) or line_items_at_once < 1:
        raise ValueError(f"line_items_at_once must be a whole number of at least 1, got {line_items_at_once!r}")
    for name, seconds in {"patience": patience, "poll": poll, "grace": grace}.items():
        if not isinstance(seconds, (int, float)) or isinstance(seconds, bool) or math.isnan(seconds) or seconds < 0:
            raise ValueError(f"{name} must be a number of seconds, 0 or more, got {seconds!r}")
    if not poll:
        raise ValueError("poll must be more than 0 seconds")


def _require(fits: bool, name: str, wanted: str, got: object) -> None:
    if not fits:
        raise TypeError(f"{name} must be {wanted}, got {type(got).__name__}")
