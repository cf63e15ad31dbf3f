"""
What is to be done with a line of a table, and what became of it.
"""

from __future__ import annotations

from collections import Counter
from enum import StrEnum


class LineKind(StrEnum):
    """
    One word for one line.
    """

    NEW = "new"
    """The platform shows nothing: it is sent."""

    CHANGED = "changed"
    """The platform shows what was sent last, which is something else: it is sent."""

    UNCHANGED = "unchanged"
    """The platform shows it already: it is not sent."""

    OVERRIDDEN = "overridden"
    """The platform shows what is not known to come from here: it is sent only when told."""

    KEPT = "kept"
    """As overridden, and the platform keeps it whatever is sent: it was seen to. It is not sent again."""

    UNUSABLE = "unusable"
    """The line cannot be sent: it cannot be read, or nobody in the course is meant, or two are."""

    WAITING = "waiting"
    """It is stored, and not sent yet: the same command goes on with it."""

    RECORDED = "recorded"
    """The platform has it."""

    REFUSED = "refused"
    """The platform does not take it."""

    DEFERRED = "deferred"
    """The platform does not take it now, which may lift; the same command asks again."""

    UNKNOWN = "unknown"
    """Nobody knows whether the platform has it."""


FAILED = (LineKind.UNUSABLE, LineKind.WAITING, LineKind.REFUSED, LineKind.DEFERRED, LineKind.UNKNOWN)
"""What somebody should look at."""


def described(counts: Counter[str]) -> str:
    """
    Write counts in one line, such as ``12 new, 3 overridden, 1 without a grade``.
    """
    more = (("without_grade", "without a grade"), ("only_on_platform", "only on the platform"))
    words = [*((str(kind), str(kind)) for kind in LineKind), *more]
    return ", ".join(f"{counts[name]} {word}" for name, word in words if counts[name]) or "nothing"
