"""
What is to be forgotten: a person, a column, a course, or a whole registration.

User ids are small numbers at some platforms, so nothing is ever erased across registrations. What belongs to a course
is known from the endpoints that were put: those that name its collection of line items.
"""

from __future__ import annotations

import json
from typing import Any

import attrs

from aioags.model import checks


@attrs.frozen
class Erased:
    """
    What was erased.

    Attributes:
        scores: Rows that are gone, whatever became of their scores.

        line_items: Line items that are forgotten, with their endpoints. None of them when a person was to be erased.

        remains: What keeps bytes of it in the store's own files, and what to do then. None: nothing does. PostgreSQL
            keeps dead rows for a while and does not say so: see the guide.

        attempts: Rows of the journal that are gone.
    """

    scores: int = 0
    line_items: int = 0
    remains: str | None = None
    attempts: int = 0


def check_erasure(registration_id: str, user_id: str | None, line_item: str | None, lineitems: str | None) -> None:
    """
    Check what is to be erased, before anything is.

    Raises:
        TypeError: One of them is no text.

        ValueError: One of them is blank; or a line item and a course are given, of which one would say nothing.
    """
    checks.text("registration_id", registration_id)
    checks.given_texts(user_id=user_id, line_item=line_item, lineitems=lineitems)
    if line_item is not None and lineitems is not None:
        raise ValueError("erase takes a line_item or the lineitems of a course, not both")


def is_of_course(endpoint: str, lineitems: str | None) -> bool:
    """
    True when a stored endpoint, JSON, names a course's collection of line items. None: any course will do.
    """
    if lineitems is None:
        return True
    try:
        claim: Any = json.loads(endpoint)
    except (ValueError, RecursionError):
        return False
    return isinstance(claim, dict) and claim.get("lineitems") == lineitems
