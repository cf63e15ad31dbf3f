"""
The membership service: who is in the course (NRPS 2.0).
"""

from __future__ import annotations

from functools import partial
from typing import Any
from urllib.parse import quote

from aioags.emulator.profiles.profile import MEMBERSHIPS_TYPE
from aioags.emulator.profiles.sharing import Window
from aioags.emulator.refusals import Kind, Refusal
from aioags.emulator.services.call import ServiceCall
from aioags.emulator.site.claims import basic_outcome, context, roles_of, told
from aioags.emulator.site.state import Person
from aioags.emulator.wire.messages import Answer, Header, json_answer
from aioags.emulator.wire.names import BASIC_OUTCOME_CLAIM, LTI, RESOURCE_LINK, ROLES
from aioags.emulator.wire.paging import cut, find, read_listing


def memberships(call: ServiceCall) -> Answer:
    """
    Answer a GET of the memberships: everybody in the course, a page at a time.

    Spec:
        NRPS 2.2 to 2.4
    """
    style = call.profile.members
    asked = {} if style.link_ignored else {"rlid": call.asked.parameter("rlid")}
    if style.role_filter != "ignored":
        asked["role"] = call.asked.parameter("role")
    url = call.site.memberships_url(call.course, call.client_id)
    if style.window is not None:
        _check_link(call, asked.get("rlid"))
        people = [one for user_id in sorted(call.course.people) if (one := _listed(call, user_id, asked.get("role")))]
        page, links = _windowed(call, style.window, url, people, asked.get("rlid"))
    else:
        paging = call.profile.paging
        listing = read_listing(call.asked, url, list(asked), call.profile, paging, page=style.page_size)
        asked = {name: listing.filters.get(name) for name in asked}
        _check_link(call, asked.get("rlid"))
        look = partial(_listed, call, role=asked.get("role"))
        page, links = cut(listing, find(listing, sorted(call.course.people), look, call.profile), call.profile)
    shown = context(call.site, call.course)
    body = {
        "id": call.site.base_url + call.asked.target if style.id_as_asked else url,
        "context": {name: shown[name] for name in style.context_fields},
        "members": [_render(call, person, asked.get("rlid")) for person in page],
    }
    content_type = style.content_type or MEMBERSHIPS_TYPE + call.profile.response_charset
    return json_answer(200, body, content_type, escaped=call.profile.escaped_json).with_headers(*links)


def _check_link(call: ServiceCall, rlid: str | None) -> None:
    if call.profile.members.own_links_only:
        _check_own_link(call, rlid)
    elif rlid and rlid not in call.course.links:
        reason = f"There is no resource link {rlid!r} in this course."
        raise Refusal(Kind.BAD_RLID, reason, "NRPS 2.4.1", field="rlid", rlid=rlid)


def _check_own_link(call: ServiceCall, rlid: str | None) -> None:
    """
    Look for a link as Canvas does: that of the context stands for everybody (read).
    """
    if rlid == "":
        raise Refusal(Kind.BAD_RLID, "Invalid 'rlid' parameter", "NRPS 2.4.1", field="rlid", rlid=rlid)
    if rlid is None or rlid == context(call.site, call.course)["id"]:
        return
    link = call.course.links.get(rlid)
    if link is None or link.client_id != call.client_id:
        reason = "Tool does not have access to rlid or rlid does not exist"
        raise Refusal(Kind.BAD_RLID, reason, "NRPS 2.4.1", field="rlid", rlid=rlid)


def _listed(call: ServiceCall, user_id: str, role: str | None) -> Person | None:
    person, style = call.course.people[user_id], call.profile.members
    return person if (person.active or not style.hides_inactive) and _matches(person, role, style.role_filter) else None


def _matches(person: Person, role: str | None, rule: str) -> bool:
    if not role:
        return True
    if rule == "moodle":
        # It knows two: a learner is who may not manage the course. Another name chooses nobody out (read).
        wanted = next((name for name in ("Learner", "Instructor") if role in (name, ROLES[name])), None)
        return wanted is None or wanted == person.role
    return role in roles_of(person) or (rule == "any" and role == person.role)


def _windowed(
    call: ServiceCall, window: Window, url: str, everybody: list[Person], rlid: str | None
) -> tuple[list[Person], tuple[Header, ...]]:
    limit = _count(call.asked.parameter("limit"))
    if limit is None:
        return everybody, ()
    first = _count(call.asked.parameter(window.begin)) or int(window.counts_pages)
    begin = (first - 1) * limit if window.counts_pages else first
    if begin + limit >= len(everybody):
        return everybody[begin:], ()
    following = first + (1 if window.counts_pages else limit)
    more = f"&rlid={quote(rlid, safe='')}" if rlid else ""
    query = window.query.format(limit=limit, next=following, rlid=more)
    return everybody[begin : begin + limit], (("Link", f'<{url}?{query}>; rel="next"'),)


def _count(text: str | None) -> int | None:
    """
    Read a whole number above 0; None: it is none.
    """
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 and int(text) else None


def _render(call: ServiceCall, person: Person, rlid: str | None) -> dict[str, Any]:
    style = call.profile.members
    roles = [person.role] if style.short_roles else roles_of(person)
    shown: dict[str, Any] = {"status": "Active" if person.active else "Inactive", "roles": roles}
    if rlid:
        shown["message"] = _message(call, person, rlid)
    privacy = call.site.state.tools[call.client_id].privacy
    return shown | {"user_id": person.user_id} | told(person, call.course, style.disclosure, privacy)


def _message(call: ServiceCall, person: Person, rlid: str) -> dict[str, Any] | list[dict[str, Any]]:
    message: dict[str, Any] = {f"{LTI}message_type": RESOURCE_LINK}
    if call.profile.members.one_message:
        return message | {"locale": "en", f"{LTI}custom": {}}
    outcome = basic_outcome(call.site, call.course, rlid, person)
    return [message if outcome is None else message | {BASIC_OUTCOME_CLAIM: outcome}]
