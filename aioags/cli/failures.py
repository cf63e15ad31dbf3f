"""
What can go wrong in a command: one line that says what to do, and an exit status.
"""

from __future__ import annotations

import re
from enum import IntEnum

from aioags.errors import (
    AGSError,
    AuthorizationError,
    BrokenError,
    ForbiddenError,
    GrantMalformedError,
    LaunchError,
    NoAnswerError,
    NotOfferedError,
    ThrottledError,
)
from aioags.outbox import StoreError


class Status(IntEnum):
    """
    What a command ends with.
    """

    OK = 0
    """All well."""

    FAILED = 1
    """Something was refused, deferred, or nobody knows."""

    USAGE = 2
    """It was called wrongly, or what is configured cannot be used; nothing was sent."""

    UNAUTHORIZED = 3
    """The platform does not let this tool in, or not there."""

    UNREACHABLE = 4
    """The platform is away."""

    INTERRUPTED = 130
    """Ctrl-C."""

    UNREAD = 141
    """Nobody reads what it prints any more: what a shell says of a program that SIGPIPE ended."""


class CommandError(Exception):
    """
    A command cannot go on; the text is the one line that says why, and what to do.

    Args:
        status: What the command ends with.
    """

    def __init__(self, message: str, status: Status = Status.USAGE) -> None:
        super().__init__(message)
        self.status = status


# From here on an argument may hold a password.
_SECRET = re.compile(r"(://|passw\w*\s*=).*", re.IGNORECASE | re.DOTALL)


def without_secrets(message: str) -> str:
    """
    Cut a message about a command line before what may be a password.
    """
    return _SECRET.sub(r"\1…", message)


_STATUS: tuple[tuple[type[Exception], Status, str], ...] = (
    (LaunchError, Status.UNAUTHORIZED, ""),
    (AuthorizationError, Status.UNAUTHORIZED, "aioags doctor{} says what to change where"),
    (ForbiddenError, Status.UNAUTHORIZED, "aioags doctor{} says what to change where"),
    (NotOfferedError, Status.UNAUTHORIZED, "aioags doctor{} says what to change where"),
    (NoAnswerError, Status.UNREACHABLE, "aioags doctor{} looks where it ends"),
    (BrokenError, Status.UNREACHABLE, "try again later"),
    (ThrottledError, Status.UNREACHABLE, "it asked for patience: try again later"),
    (AGSError, Status.FAILED, ""),
    (StoreError, Status.FAILED, ""),
    (ValueError, Status.USAGE, ""),
    (TypeError, Status.USAGE, ""),
    # Of files: a disk that is full, a folder that went away. The text names the file.
    (OSError, Status.FAILED, ""),
)
"""The first that fits: kind of error, exit status, what to do."""


def explained(error: Exception, to: str | None = None) -> tuple[str, Status] | None:
    """
    Say in one line what an error means for who gave the command, and how the command ends.

    Args:
        to: The registration that it was about. None: not known.

    Returns:
        None: it is none that a command has to expect, so a fault of this package.
    """
    if isinstance(error, CommandError):
        return str(error), error.status
    for kind, status, advice in _STATUS:
        if isinstance(error, kind) and not isinstance(error, UnicodeError):
            said = " ".join(str(error).split())
            hint = advice.format(f" {to}" if to else "")
            return (f"{said}; {hint}" if hint else said), _refined(error, status)
    return None


def _refined(error: Exception, status: Status) -> Status:
    # A token endpoint that is broken or answers a page lets nobody in, but it is no answer about this tool.
    away = isinstance(error, AuthorizationError) and (error.transient or isinstance(error, GrantMalformedError))
    return Status.UNREACHABLE if away and (getattr(error, "status", None) or 500) >= 500 else status
