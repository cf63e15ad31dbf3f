"""
The settings of a client, checked when it is made: a wrong one would show at the first call, far from its cause.
"""

from __future__ import annotations

import inspect
from typing import Any

from aioags.calls.engine import Runtime
from aioags.calls.transport import Session
from aioags.model.policy import Pace, RetryPolicy, Timeouts


def check_settings(
    session: object, transport: object, retry: object, pace: object, timeouts: object, on_event: object, runtime: object
) -> None:
    """
    Check what a client is made of.

    Raises:
        TypeError, ValueError: What is wrong, and what to write instead.
    """
    _check_kind("retry", retry, RetryPolicy, "attempts")
    _check_kind("pace", pace, Pace, "ceiling")
    _check_kind("timeouts", timeouts, Timeouts, "total")
    _check_kind("runtime", runtime, Runtime, None)
    check_listener(on_event)
    if session is not None and transport not in (None, "session"):
        raise ValueError("give a session or a transport, not both")
    if session is not None:
        _check_session(session)
    # What is named by a word is chosen, and refused, elsewhere.
    if transport is not None and not isinstance(transport, str):
        check_transport(transport)


def _check_kind(name: str, value: object, kind: type[Any], count: str | None) -> None:
    if isinstance(value, kind):
        return
    wanted = f"{name} must be a {kind.__name__}"
    if count is not None and isinstance(value, (int, float)) and not isinstance(value, bool):
        raise TypeError(f"{wanted}, got {value!r}: write {name}={kind.__name__}({count}={value!r})")
    what = f"the class {value.__name__}" if isinstance(value, type) else type(value).__name__
    raise TypeError(f"{wanted}, got {what}: leave it out for the default")


def check_listener(on_event: object) -> None:
    """
    Check what is called after each request: a plain function.
    """
    if on_event is None:
        return
    if not callable(on_event):
        raise TypeError(f"on_event must be a function that takes an Event, got {type(on_event).__name__}")
    if inspect.iscoroutinefunction(on_event) or inspect.iscoroutinefunction(getattr(on_event, "__call__", None)):  # noqa: B004
        raise TypeError("on_event must be a plain function: what an async one returns would never be awaited")


def _check_session(session: object) -> None:
    if not isinstance(session, Session):
        hint = ": give it as transport=" if _sends(session) else ""
        raise TypeError(f"session must be an aiohttp.ClientSession, got {_named(session)}{hint}")
    if session.closed:
        raise ValueError("session is closed already: open it, and the Client inside of its async with")


def check_transport(transport: object) -> None:
    """
    Check what sends requests.
    """
    if isinstance(transport, Session):
        raise TypeError("transport must not be an aiohttp session: give it as session=")
    if isinstance(transport, type) or not _sends(transport):
        raise TypeError(f"transport must have the methods send and aclose of a Transport, got {_named(transport)}")


def _sends(value: object) -> bool:
    return all(callable(getattr(value, method, None)) for method in ("send", "aclose"))


def _named(value: object) -> str:
    return f"the class {value.__name__}" if isinstance(value, type) else type(value).__name__
