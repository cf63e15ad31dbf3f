"""
The result service (AGS 3.3).
"""

from __future__ import annotations

from typing import Any

from aioags.emulator.messages import Answer, json_answer
from aioags.emulator.paging import Keyed, cut, read_listing
from aioags.emulator.refusals import Kind, Refusal
from aioags.emulator.site import Call, Site
from aioags.emulator.state import Grade, Item


def results(call: Call) -> Answer:
    """
    Answer a GET of the results: one record for each person with a grade, a page at a time.

    Spec:
        AGS 3.3.5, 3.3.6
    """
    if call.user is not None:
        return _one(call, call.user)
    profile = call.profile
    listing = read_listing(call.asked, call.site.results_url(call.item), ("user_id",), profile)
    grades = _grades(call, listing.filters.get("user_id"))
    page, links = cut(listing, grades, profile, profile.results_paging or profile.paging)
    records = [render(call.site, call.item, grade) for grade in page]
    return _answer(call, records).with_headers(*links)


def render(site: Site, item: Item, grade: Grade) -> dict[str, Any]:
    """
    Write a grade as the platform shows it.
    """
    shown: dict[str, Any] = {
        "id": site.result_url(item, grade.user_id),
        "scoreOf": site.item_url(item),
        "userId": grade.user_id,
    }
    if grade.shown is not None:
        shown["resultScore"] = grade.shown
    shown["resultMaximum"] = item.fields["scoreMaximum"]
    scorer = grade.override.user_id if grade.override is not None else grade.scoring_user_id
    if scorer is not None:
        shown["scoringUserId"] = scorer
    if grade.shown_comment is not None:
        shown["comment"] = grade.shown_comment
    return shown


def _grades(call: Call, user_id: str | None) -> Keyed[Grade]:
    item = call.item
    if user_id is not None:
        found = item.grades.get(user_id)
        return [(user_id, found)] if found is not None and _is_shown(found) else []
    return [(key, grade) for key, grade in sorted(item.grades.items()) if _is_shown(grade)]


def _is_shown(grade: Grade) -> bool:
    return grade.shown is not None


def _one(call: Call, user_id: str) -> Answer:
    found = call.item.grades.get(user_id)
    if found is None or not _is_shown(found):
        raise Refusal(Kind.NO_SUCH_PATH, f"There is no result of user {user_id!r}.", "AGS 3.3.6")
    return _answer(call, render(call.site, call.item, found))


def _answer(call: Call, value: Any) -> Answer:
    profile = call.profile
    return json_answer(200, value, profile.response_types["results"] + profile.response_charset)
