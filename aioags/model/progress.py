"""
The closed vocabularies of the standard, with their wire values.
"""

from __future__ import annotations

from enum import StrEnum

_SCOPE = "https://purl.imsglobal.org/spec/lti-ags/scope/"


class ActivityProgress(StrEnum):
    """
    How far the user is with the activity (AGS 3.4.7).
    """

    INITIALIZED = "Initialized"
    """Not started, or reset: clears both submission times."""

    STARTED = "Started"
    """Begun, nothing to see yet."""

    IN_PROGRESS = "InProgress"
    """A draft that may be commented on."""

    SUBMITTED = "Submitted"
    """Handed in at least once; more may follow."""

    COMPLETED = "Completed"
    """Done."""


class GradingProgress(StrEnum):
    """
    How far the grading is (AGS 3.4.8). A platform may ignore every score that is not `FULLY_GRADED`.
    """

    FULLY_GRADED = "FullyGraded"
    """The score, if any, is final and may be shown."""

    PENDING = "Pending"
    """Partial; automatic grading goes on."""

    PENDING_MANUAL = "PendingManual"
    """Partial; a person has to grade."""

    FAILED = "Failed"
    """Grading could not finish."""

    NOT_READY = "NotReady"
    """Nothing is being graded."""


class Scope(StrEnum):
    """
    What an access token allows (AGS 3.2, 3.3.2, 3.4.2).
    """

    LINE_ITEM = _SCOPE + "lineitem"
    """Read and change line items."""

    LINE_ITEM_READONLY = _SCOPE + "lineitem.readonly"
    """Read line items."""

    RESULT_READONLY = _SCOPE + "result.readonly"
    """Read results."""

    SCORE = _SCOPE + "score"
    """Post scores."""


MEMBERSHIPS_SCOPE = "https://purl.imsglobal.org/spec/lti-nrps/scope/contextmembership.readonly"
"""Scope that lets a tool read the members (NRPS 2.4)."""
