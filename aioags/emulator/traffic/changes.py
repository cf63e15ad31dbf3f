"""
What changed in the platform's memory: what a page shows anew and a file writes anew.
"""

from __future__ import annotations

import json

import attrs

from aioags.emulator.profiles.profile import Profile
from aioags.emulator.traffic.visits import Visit


@attrs.frozen
class Change:
    """
    Where something changed, or may have.

    Attributes:
        item: Number of a line item. None: not in grades, unless there is a new state: courses, people, links, line
            items, tools, settings, faults.

        user: Whose grade. None: everybody's in the line item, and the line item itself.
    """

    item: int | None = None
    user: str | None = None


EVERYTHING = Change()


def touched_by(visit: Visit, profile: Profile) -> Change | None:
    """
    Tell what a tool's request may have changed, refused ones included; None: nothing.

    Args:
        profile: The platform's, which says what number an item has, and by what a person may be named.
    """
    operation = visit.exchange.operation
    if operation in ("create_line_item", "delete_line_item"):
        return EVERYTHING
    if operation not in ("post_score", "update_line_item") or visit.place is None or visit.place.item is None:
        return None
    number = profile.addresses.number("item", visit.place.item)
    # A changed maximum rescales every grade (AGS 3.2.6).
    user = scored_user(visit.asked.body) if operation == "post_score" else None
    # A number may be another name of anybody.
    is_other_name = user is not None and profile.numeric_user_ids and user.isdecimal()
    return Change(number, None if is_other_name else user)


def scored_user(body: bytes) -> str | None:
    """
    Return the user id of a score, read without judging it; None: it has none that is sure to be what is graded.
    """
    try:
        score = json.loads(body)
    except (ValueError, RecursionError):
        return None
    user = score.get("userId") if isinstance(score, dict) else None
    # Moodle and Canvas take a number for its digits; Moodle takes blanks off (seen).
    text = str(user)
    return text if user is not None and text == text.strip() else None
