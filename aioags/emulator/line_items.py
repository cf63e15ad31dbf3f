"""
The line item service: container and item (AGS 3.2).
"""

from __future__ import annotations

from typing import Any

from aioags.emulator.item_checks import read_fields
from aioags.emulator.messages import Answer, json_answer
from aioags.emulator.paging import cut, read_listing
from aioags.emulator.refusals import Kind, Refusal
from aioags.emulator.site import Call, Site
from aioags.emulator.state import Item

DATES = ("startDateTime", "endDateTime")


def list_line_items(call: Call) -> Answer:
    """
    Answer a GET of the container: the tool's own items that match all filters, a page at a time.

    Spec:
        AGS 3.2.4
    """
    profile = call.profile
    names = (*profile.link_filters, *profile.item_filters)
    url = call.site.container_url(call.course, call.client_id)
    listing = read_listing(call.asked, url, names, profile)
    own = [item for item in call.course.items.values() if item.client_id == call.client_id]
    matching = [(item.number, item) for item in own if _matches(item, listing.filters, call)]
    items, links = cut(listing, matching, profile, profile.paging)
    return _answer(call, 200, [render(call.site, item) for item in items]).with_headers(*links)


def create_line_item(call: Call) -> Answer:
    """
    Answer a POST to the container.

    Spec:
        AGS 3.2.5
    """
    fields = read_fields(call)
    fields.pop("id", None)
    link_id = fields.get("resourceLinkId")
    if link_id is not None:
        check_link(call, link_id)
    item = Item(call.site.state.next_item(), call.course.number, call.client_id, False, fields)
    call.course.items[item.number] = item
    return _answer(call, call.profile.create_status, render(call.site, item))


def get_line_item(call: Call) -> Answer:
    """
    Answer a GET of one item.
    """
    return _answer(call, 200, render(call.site, call.item))


def update_line_item(call: Call) -> Answer:
    """
    Answer a PUT: the body replaces the item, and the item as applied comes back.

    Spec:
        AGS 3.2.6
    """
    item = call.item
    fields = read_fields(call)
    sent_id = fields.pop("id", None)
    if sent_id is not None and sent_id != call.site.item_url(item):
        raise Refusal(Kind.ID_IN_BODY, "id differs from the item's own; it never changes.", "AGS 3.2.6", field="id")
    _check_same_link(item, fields)
    rescale(item, fields["scoreMaximum"])
    item.fields = fields
    return _answer(call, 200, render(call.site, item))


def delete_line_item(call: Call) -> Answer:
    """
    Answer a DELETE: the item goes, and its grades with it.
    """
    item = call.item
    del call.course.items[item.number]
    return Answer(call.profile.delete_status, reason=call.profile.delete_reason)


def render(site: Site, item: Item) -> dict[str, Any]:
    """
    Write a stored item as the platform shows it.
    """
    profile = site.profile
    shown: dict[str, Any] = {"id": site.item_url(item)}
    shown.update((name, value) for name, value in item.fields.items() if value is not None)
    if profile.unset_dates == "null":
        shown.update({name: None for name in DATES if name not in shown})
    return shown


def rescale(item: Item, maximum: float) -> None:
    """
    Change what an item's points are out of, and keep every grade's share of it (AGS 3.2.6).
    """
    factor = maximum / item.maximum
    if factor == 1:
        return
    for grade in item.grades.values():
        if grade.points is not None:
            grade.points *= factor
        if grade.override is not None and grade.override.points is not None:
            grade.override.points *= factor


def check_link(call: Call, link_id: str) -> None:
    """
    Look whether a resource link is the tool's own, in this course.

    Raises:
        Refusal: It is not.

    Spec:
        AGS 3.2.9
    """
    link = call.course.links.get(link_id)
    if link is None or link.client_id != call.client_id:
        text = f"resourceLinkId {link_id!r} is not a link of this tool in this context."
        raise Refusal(Kind.UNKNOWN_LINK, text, "AGS 3.2.9", field="resourceLinkId")


def _check_same_link(item: Item, fields: dict[str, Any]) -> None:
    sent = fields.setdefault("resourceLinkId", item.link_id)
    if sent != item.link_id:
        text = f"resourceLinkId is {sent!r}, and the item's is {item.link_id!r}; it never changes."
        raise Refusal(Kind.LINK_MISMATCH, text, "AGS 3.2.6", field="resourceLinkId")


def _matches(item: Item, filters: dict[str, str], call: Call) -> bool:
    wire = {"resource_id": "resourceId", "tag": "tag"}
    return all(
        item.fields.get(wire.get(name, "resourceLinkId")) == value
        for name, value in filters.items()
        if value or call.profile.empty_filter_matches
    )


def _answer(call: Call, status: int, value: Any) -> Answer:
    profile = call.profile
    return json_answer(status, value, profile.response_types[call.operation] + profile.response_charset)
