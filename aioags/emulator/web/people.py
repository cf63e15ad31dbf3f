"""
The panel of one person of the gradebook page: what tools are told of them, and what they have.
"""

from __future__ import annotations

from typing import Any

import attrs

from aioags.emulator.platform import Platform
from aioags.emulator.services.call import ServiceCall
from aioags.emulator.services.memberships import memberships
from aioags.emulator.site.state import Course, Item, Person
from aioags.emulator.web.document import pretty
from aioags.emulator.web.panels import facts, more, panel
from aioags.emulator.web.table import launch
from aioags.emulator.wire.html import NOTHING, Html, fill, number
from aioags.emulator.wire.messages import Asked
from aioags.protocol.messages import Request

NO_LAUNCH = "Not possible: nobody said where the tool takes launches (--login-url, --redirect-uri)."


def person_panel(platform: Platform, course: Course, person: Person) -> Html:
    """
    Build the panel of one person.
    """
    told = member(platform, course, person)
    link = launch(platform, course, person)
    rows: list[tuple[str, object]] = [
        ("User id", person.user_id),
        ("Role", person.role),
        ("Enrolled", "yes" if person.active else "no longer"),
        *((item_label(item), _grade(item, person.user_id)) for item in course.items.values()),
        ("Launch", NO_LAUNCH if link is NOTHING and course is platform.course else ""),
    ]
    return panel(
        person.name or person.user_id,
        course.title,
        facts(rows),
        fill('<div class="actions">{link}</div>', link=link) if link else NOTHING,
        more("Member, as the tool reads it", pretty(told) if told is not None else _untold(), opened=True),
    )


def member(platform: Platform, course: Course, person: Person) -> dict[str, Any] | None:
    """
    Return what the membership service says of one person to the first tool; None: nothing.
    """
    # A course of nobody else: one page, wherever in the roll the person is.
    alone = attrs.evolve(course, people={person.user_id: person})
    tool = platform.tool
    url = platform.site.memberships_url(course, tool.client_id)
    asked = Asked(Request("GET", url))
    call = ServiceCall(platform.site, asked, "memberships", tool.client_id, frozenset(tool.scopes), alone)
    members = memberships(call).json()["members"]
    return members[0] if members else None


def item_label(item: Item) -> str:
    """
    Return what a line item is called.
    """
    return str(item.fields["label"])


def _grade(item: Item, user_id: str) -> str | None:
    grade = item.grades.get(user_id)
    if grade is None or grade.shown is None:
        return None
    return f"{number(grade.shown)} of {number(item.maximum)}"


def _untold() -> Html:
    return Html('<p class="none">Nothing.</p>')
