"""
The result service (AGS 3.3).
"""

from __future__ import annotations

from typing import Any

import attrs

from aioags.emulator.refusals import Kind, Refusal
from aioags.emulator.services.call import ServiceCall
from aioags.emulator.site.site import Site
from aioags.emulator.site.state import Grade, Item
from aioags.emulator.wire.amounts import pointed, times
from aioags.emulator.wire.instants import iso
from aioags.emulator.wire.messages import Answer, json_answer
from aioags.emulator.wire.paging import Keyed, Listing, cut, find, read_listing


def results(call: ServiceCall) -> Answer:
    """
    Answer a GET of the results: one record for each person with a grade, a page at a time.

    Spec:
        AGS 3.3.5, 3.3.6
    """
    profile = call.profile
    if call.user is not None:
        return _one(call, call.user)
    style = profile.results_paging or profile.paging
    url = call.site.results_url(call.item)
    if not _names_tool(call):
        url = url.partition("?")[0]
    listing = read_listing(call.asked, url, ("user_id",), profile, style)
    user_id = _wanted(call, listing.filters.get("user_id"))
    grades = _grades(call, user_id, listing)
    if profile.results_limit == "html-404" and listing.limit is not None and grades and _names_tool(call):
        text = "Exception - ServiceCall to a member function out() on null"
        raise Refusal(Kind.FATAL, text, "AGS 3.3.6", field="limit")
    if profile.link_drops_filters:
        listing = attrs.evolve(listing, filters={})
    page, links = cut(listing, grades, profile)
    records = [_record(call, grade, filtered=user_id is not None) for grade in page]
    return _answer(call, records).with_headers(*links)


def _names_tool(call: ServiceCall) -> bool:
    parameter = call.profile.tool_parameter
    return parameter is None or call.asked.parameter(parameter) is not None


def _wanted(call: ServiceCall, user_id: str | None) -> str | None:
    rule = call.profile.user_filter
    if rule == "ignored" or (rule == "decimal" and not (user_id or "").isdecimal()):
        return None
    person = call.person(user_id) if user_id is not None else None
    return user_id if person is None else person.user_id


def _record(call: ServiceCall, grade: Grade, *, filtered: bool) -> dict[str, Any]:
    record = render(call.site, call.item, grade)
    if filtered and call.profile.user_filter == "drops_comment":
        record.pop("comment", None)
    if not _names_tool(call):
        own = call.profile.addresses.query.format(tool=call.site.state.tool_numbered(call.client_id))
        for name in ("id", "scoreOf"):
            if name in record:
                # Moodle: the addresses lack the parameter that the request lacked (seen).
                record[name] = record[name].replace(own, "").replace("?&", "?").removesuffix("?")
    return record


def render(site: Site, item: Item, grade: Grade) -> dict[str, Any]:
    """
    Write a grade as the platform shows it.
    """
    profile = site.profile
    shown: dict[str, Any] = {**profile.result_extras, "id": site.result_url(item, grade), "userId": grade.user_id}
    points, maximum = _points(site, item, grade)
    if points is not None:
        shown["resultScore"] = pointed(points) if profile.floats else points
    if profile.bare_when_empty and points is None:
        return shown
    if maximum is not None:
        shown["resultMaximum"] = pointed(maximum) if profile.floats else maximum
    if grade.shown_comment is not None:
        shown["comment"] = grade.shown_comment
    elif profile.null_comment:
        shown["comment"] = None
    shown["scoreOf"] = site.item_url(item)
    statement = grade.statement or {}
    shown |= {name: statement[name] for name in profile.result_members if statement.get(name) is not None}
    scorer = grade.override.user_id if grade.override is not None else grade.scoring_user_id
    if scorer is not None and profile.shows_scorer:
        shown["scoringUserId"] = scorer
    if profile.result_timestamp and grade.stamp is not None:
        shown["timestamp"] = iso(grade.stamp, profile.site_zone, whole=True)
    return shown


def _points(site: Site, item: Item, grade: Grade) -> tuple[float | None, float | None]:
    """
    Return score and maximum of a result; a maximum of None: it shows none.
    """
    override = grade.override
    if site.profile.results_scaled or (override is not None and not site.profile.override_on_tools_scale):
        return grade.shown, item.fields["scoreMaximum"]
    if override is None:
        return grade.given, grade.given_maximum
    # Canvas: the number that was written last, the teacher's or the tool's, is taken for points of the item, whichever
    # it is, and shown out of the tool's last maximum (read).
    points = grade.given if override.posted_over else override.points
    maximum = item.maximum if grade.given_maximum is None else grade.given_maximum
    return (times(points, maximum / item.maximum) if item.maximum else points), maximum


def is_shown(site: Site, item: Item, grade: Grade) -> bool:
    """
    True when the result service has a record for a grade.
    """
    if site.profile.results_style == "stamped":
        return grade.stamp is not None
    if site.profile.results_style == "posted":
        return grade.statement is not None
    if site.profile.results_style == "roster" and grade.user_id not in site.state.courses[item.course].people:
        # Who has left is on no roster.
        return False
    return grade.shown is not None


def _grades(call: ServiceCall, user_id: str | None, listing: Listing | None) -> Keyed[Grade]:
    item, site = call.item, call.site
    if site.profile.results_style == "roster":
        members = [user_id] if user_id is not None else sorted(call.course.people)
        return [(member, item.grades.get(member) or Grade(member)) for member in members]

    def look(key: str) -> Grade | None:
        grade = item.grades.get(key)
        return grade if grade is not None and is_shown(site, item, grade) else None

    chosen = [user_id] if user_id is not None else sorted(item.grades)
    shown = find(listing, chosen, look, site.profile)
    if site.profile.numbered_results:
        shown.sort(key=lambda keyed: keyed[1].number or 0)
    return sorted(shown, key=_newest) if site.profile.newest_first else shown


def _newest(keyed: tuple[str, Grade]) -> float:
    return -(keyed[1].stamp or 0.0)


def _one(call: ServiceCall, user_id: str) -> Answer:
    numbered = call.profile.numbered_results
    found = [grade for _, grade in _grades(call, None if numbered else user_id, None)]
    if numbered:
        found = [grade for grade in found if str(grade.number) == user_id]
    records = [render(call.site, call.item, grade) for grade in found]
    if call.profile.one_result == "array":
        return _answer(call, records)
    if not records:
        raise Refusal(Kind.UNKNOWN_RESULT, f"There is no result of user {user_id!r}.", "AGS 3.3.6", user_id=user_id)
    return _answer(call, records[0])


def _answer(call: ServiceCall, value: Any) -> Answer:
    profile = call.profile
    content_type = profile.response_types["results"] + profile.response_charset
    return json_answer(200, value, content_type, escaped=profile.escaped_json)
