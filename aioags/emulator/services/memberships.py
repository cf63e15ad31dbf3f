"""
The membership service: who is in the course (NRPS 2.0).
"""

from __future__ import annotations

from typing import Any

from aioags.emulator.profiles.profile import MEMBERSHIPS_TYPE
from aioags.emulator.refusals import Kind, Refusal
from aioags.emulator.services.call import ServiceCall
from aioags.emulator.site.state import Person
from aioags.emulator.wire.messages import Answer, json_answer
from aioags.emulator.wire.names import LTI, ROLES
from aioags.emulator.wire.paging import cut, read_listing


def memberships(call: ServiceCall) -> Answer:
    """
    Answer a GET of the memberships: everybody in the course, a page at a time.

    Spec:
        NRPS 2.2 to 2.4
    """
    url = call.site.memberships_url(call.course, call.client_id)
    listing = read_listing(call.asked, url, ("role", "rlid"), call.profile, call.profile.paging)
    role, rlid = listing.filters.get("role"), listing.filters.get("rlid")
    if rlid is not None and rlid not in call.course.links:
        raise Refusal(Kind.UNKNOWN_LINK, f"There is no resource link {rlid!r} in this course.", "NRPS 2.4.1")
    people = [(one.user_id, one) for one in call.course.people.values() if _matches(one, role)]
    page, links = cut(listing, sorted(people), call.profile)
    body = {
        "id": url,
        "context": {"id": call.course.id, "title": call.course.title},
        "members": [_render(person, rlid) for person in page],
    }
    return json_answer(200, body, MEMBERSHIPS_TYPE + call.profile.response_charset).with_headers(*links)


def _matches(person: Person, role: str | None) -> bool:
    return role is None or role in (person.role, ROLES.get(person.role))


def _render(person: Person, rlid: str | None) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "status": "Active" if person.active else "Inactive",
        "name": person.name,
        "email": f"{person.user_id}@school.example",
        "user_id": person.user_id,
        "roles": [ROLES.get(person.role, person.role)],
    }
    if rlid is not None:
        shown["message"] = [{f"{LTI}message_type": "LtiResourceLinkRequest"}]
    return shown
