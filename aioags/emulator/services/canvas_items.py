"""
What a line item in a request must be on Canvas, and what it hangs on: an assignment, with or without a link.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from aioags.emulator.refusals import Kind, Refusal
from aioags.emulator.services.call import ServiceCall
from aioags.emulator.site.state import Item, Link
from aioags.emulator.wire.amounts import as_number
from aioags.emulator.wire.instants import loose_instant, seconds_text
from aioags.emulator.wire.names import CANVAS_SUBMISSION_TYPE

DATES = ("startDateTime", "endDateTime")
TEXTS = ("resourceId", "tag", "resourceLinkId")
LINKED = "external_tool"
# Of Canvas's types of submission, those that are handed in elsewhere.
TYPES = (LINKED, "none", "on_paper", "not_graded", "wiki_page")


def read_canvas_item(body: dict[str, Any], site_zone: int, *, whole: bool) -> dict[str, Any]:
    """
    Take the fields that Canvas keeps; None: cleared.

    Args:
        site_zone: Of dates without a zone: minutes east of UTC.

        whole: False: what is left out stays as it is.

    Raises:
        Refusal: There is no label, or no maximum.
    """
    fields: dict[str, Any] = {}
    if whole or "label" in body:
        fields["label"] = _text(body.get("label"))
        if not (fields["label"] or "").strip():
            raise _invalid("label")
    if whole or "scoreMaximum" in body:
        number = as_number(body.get("scoreMaximum"))
        if number is None:
            raise _invalid("score_maximum")
        fields["scoreMaximum"] = number
    fields |= {name: _text(body[name]) for name in TEXTS if name in body}
    for name in DATES:
        if name in body:
            at = loose_instant(body[name], site_zone)
            # What is no date is none.
            fields[name] = None if at is None else seconds_text(at)
    return fields


def _text(value: object) -> str | None:
    return str(value) if isinstance(value, str | int | float) else None


def _invalid(field: str) -> Refusal:
    text = f"{field} must be there."
    return Refusal(Kind.INVALID_RECORD, text, "AGS 3.2.7, 3.2.8", field=field, error_code="blank")


def place_new(call: ServiceCall, fields: dict[str, Any], body: dict[str, Any]) -> None:
    """
    Give a new item what its submission type says: shown for ever, and a link where a tool's own address is named.

    Args:
        fields: Of the new item; what is found is put into it.

    Raises:
        Refusal: There is no such type.
    """
    said = body.get(CANVAS_SUBMISSION_TYPE)
    if said is None or fields.get("resourceLinkId") is not None:
        return
    kind = said.get("type") if isinstance(said, dict) else said
    if kind not in TYPES:
        raise Refusal(Kind.BAD_SUBMISSION_TYPE, f"Invalid submission_type for new assignment: {kind}")
    fields[CANVAS_SUBMISSION_TYPE] = said
    url = said.get("external_tool_url") if isinstance(said, dict) else None
    if kind == LINKED and isinstance(url, str) and _host(url) == _host(call.site.state.tools[call.client_id].url):
        link_id = call.profile.link_ids.format(n=call.site.state.next_link())
        link = Link(link_id, fields["label"], call.client_id, fields["scoreMaximum"], from_item=True)
        call.course.links[link_id] = link
        fields["resourceLinkId"] = link_id


def _host(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def check_no_type(body: dict[str, Any]) -> None:
    """
    Look for a submission type where an item is changed: what a GET showed, written back.

    Raises:
        Refusal: It is there, and sets what no item has: a crash (derived).
    """
    if body.get(CANVAS_SUBMISSION_TYPE) is not None:
        raise Refusal(Kind.CRASH, "A submission type is only for a new item; leave it out.", field="submission_type")


def forget_link(call: ServiceCall, item: Item) -> None:
    """
    Take away the link that was made with an item, and with it the items that hang on it too.
    """
    link = call.course.links.get(item.link_id or "")
    if link is None or not link.from_item or item is not first_on(call, link.id):
        return
    del call.course.links[link.id]
    for number in [one.number for one in call.course.items.values() if one.link_id == link.id]:
        del call.course.items[number]


def first_on(call: ServiceCall, link_id: str) -> Item:
    """
    Return the oldest item of a link, which is its assignment's own.
    """
    return next(one for one in call.course.items.values() if one.link_id == link_id)
