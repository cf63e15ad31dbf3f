"""
The line item service: container and item (AGS 3.2).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from aioags.emulator.refusals import Kind, Refusal
from aioags.emulator.services import canvas_items
from aioags.emulator.services.call import ServiceCall
from aioags.emulator.services.item_checks import check_sizes, check_texts_fit, read_body, read_fields
from aioags.emulator.site.site import Site
from aioags.emulator.site.state import Item
from aioags.emulator.wire.amounts import pointed, times
from aioags.emulator.wire.messages import Answer, dump, json_answer
from aioags.emulator.wire.names import CANVAS_LAUNCH_URL
from aioags.emulator.wire.negotiation import shown_type
from aioags.emulator.wire.paging import cut, read_listing

DATES = ("startDateTime", "endDateTime")
FILTERED = {"resource_id": "resourceId", "tag": "tag"}
INCLUDE = ("include[]", "launch_url")


def list_line_items(call: ServiceCall) -> Answer:
    """
    Answer a GET of the container: the tool's own items that match all filters, a page at a time.

    Spec:
        AGS 3.2.4
    """
    profile = call.profile
    names = (*profile.link_filters, *profile.item_filters)
    url = call.site.container_url(call.course, call.client_id)
    listing = read_listing(call.asked, url, names, profile, profile.paging)
    since = call.site.now() - call.course.list_lag
    own = [item for item in call.course.items.values() if item.client_id == call.client_id and item.made_at <= since]
    matching = [(item.number, item) for item in own if _matches(item, listing.filters, call)]
    items, links = cut(listing, matching, profile)
    return _answer(call, 200, [_render_asked(call, item) for item in items]).with_headers(*links)


def create_line_item(call: ServiceCall) -> Answer:
    """
    Answer a POST to the container.

    Spec:
        AGS 3.2.5
    """
    body = read_body(call)
    profile = call.profile
    fields = {**profile.default_fields, **read_fields(call, body)}
    if profile.put_semantics == "moodle":
        # Moodle 4.5 stores it on PUT only (seen).
        fields.pop("submissionReview", None)
    _check_new(call, fields, body)
    known = _of_same_label(call, fields["label"])
    if known is not None:
        known.fields = fields
        return _shown(call, profile.create_status, known, body)
    number = call.site.state.next_item()
    item = Item(number, call.course.number, call.client_id, False, fields, made_at=call.site.now())
    check_sizes(fields, call)
    try:
        check_texts_fit(fields, call)
    except Refusal:
        # Moodle has made the grade item by now, and no service shows it ever again (seen).
        call.course.orphans.append(item)
        raise
    call.course.items[item.number] = item
    return _shown(call, profile.create_status, item, body)


def _check_new(call: ServiceCall, fields: dict[str, Any], body: dict[str, Any]) -> None:
    if call.profile.link_rule == "ignored":
        fields.pop("resourceLinkId", None)
    link_id = fields.get("resourceLinkId")
    if link_id is not None and call.profile.link_rule != "any":
        check_link(call, link_id, Kind.DATABASE)
    if call.profile.submission_types:
        canvas_items.place_new(call, fields, body)


def _of_same_label(call: ServiceCall, label: str) -> Item | None:
    if not call.profile.dedupe_by_label:
        return None
    own = (item for item in call.course.items.values() if item.client_id == call.client_id)
    return next((item for item in own if item.fields["label"] == label), None)


def get_line_item(call: ServiceCall) -> Answer:
    """
    Answer a GET of one item.
    """
    return _answer(call, 200, _render_asked(call, call.item))


def update_line_item(call: ServiceCall) -> Answer:
    """
    Answer a PUT: the body replaces the item, and the item as applied comes back.

    Spec:
        AGS 3.2.6
    """
    body = read_body(call)
    before = call.item.maximum
    PUTS[call.profile.put_semantics](call, call.item, body)
    rescale(call.site, call.item, before)
    return _shown(call, 200, call.item, body)


def _replace(call: ServiceCall, item: Item, body: dict[str, Any]) -> None:
    fields = read_fields(call, body)
    sent_id = body.get("id")
    if sent_id is not None and sent_id != call.site.item_url(item) and call.profile.strict_keys:
        raise Refusal(Kind.ID_IN_BODY, "id differs from the item's own; it never changes.", "AGS 3.2.6", field="id")
    _check_same_link(item, fields)
    item.fields = fields


def _merge(call: ServiceCall, item: Item, body: dict[str, Any]) -> None:
    fields = read_fields(call, body, whole=False)
    if call.profile.submission_types:
        canvas_items.check_no_type(body)
    if call.profile.link_rule != "any":
        _check_same_link(item, fields)
    item.fields = item.fields | fields


def _moodle(call: ServiceCall, item: Item, body: dict[str, Any]) -> None:
    """
    Replace as Moodle 4.5 does: a missing link stays only when tag and resource id do not change (seen).
    """
    fields = read_fields(call, body)
    link_id = fields.get("resourceLinkId")
    if link_id is not None:
        check_link(call, link_id, Kind.BAD_LINE_ITEM)
    check_sizes(fields, call)
    old = item.fields
    # A fresh coupled item's tag is null in the database, which differs from "".
    fresh = item.coupled and "tag" in old and old["tag"] is None
    changed = fresh or any(fields.get(name, "") != (old.get(name) or "") for name in ("tag", "resourceId"))
    item.fields = old | {"label": fields["label"], "scoreMaximum": fields["scoreMaximum"]}
    # The label is saved before the database refuses a tag (seen).
    check_texts_fit(fields, call)
    if link_id is None and not changed:
        fields["resourceLinkId"] = old.get("resourceLinkId")
    review = fields.get("submissionReview")
    if review is not None:
        fields["submissionReview"] = {name: review[name] for name in ("url", "custom") if name in review}
    item.fields = fields


PUTS: dict[str, Callable[[ServiceCall, Item, dict[str, Any]], None]] = {
    "replace": _replace,
    "merge": _merge,
    "moodle": _moodle,
}


def delete_line_item(call: ServiceCall) -> Answer:
    """
    Answer a DELETE: the item goes, and its grades with it.
    """
    item, profile = call.item, call.profile
    if item.coupled and profile.delete_coupled == "refuse":
        raise Refusal(Kind.DELETE_COUPLED, "This line item came with its link, and stays with it.", "AGS 3.2.3")
    if profile.delete_policy == "delete":
        if profile.submission_types:
            canvas_items.forget_link(call, item)
        call.course.items.pop(item.number, None)
    if item.coupled and profile.delete_coupled == "sever":
        item.fields["resourceLinkId"] = None
        call.course.orphans.append(item)
    if profile.delete_type is None:
        return Answer(profile.delete_status, reason=profile.delete_reason)
    content_type = call.asked.header("content-type") or profile.delete_type
    return Answer(profile.delete_status, (("Content-Type", content_type),), reason=profile.delete_reason)


def render(site: Site, item: Item) -> dict[str, Any]:
    """
    Write a stored item as the platform shows it.
    """
    profile, fields = site.profile, item.fields
    shown: dict[str, Any] = {"id": site.item_url(item), "label": fields["label"]}
    shown["scoreMaximum"] = fields["scoreMaximum"]
    for name in ("resourceId", "tag"):
        if fields.get(name) is not None:
            shown[name] = fields[name]
        elif profile.unset != "omit":
            shown[name] = "" if profile.unset == "blank" else None
    rest = {name: value for name, value in fields.items() if value is not None}
    if profile.link_alias is not None and "resourceLinkId" in rest:
        shown |= {"resourceLinkId": rest["resourceLinkId"], profile.link_alias: rest["resourceLinkId"]}
    shown |= rest
    if profile.floats:
        shown["scoreMaximum"] = pointed(shown["scoreMaximum"])
    if profile.unset_link == "null":
        shown.setdefault("resourceLinkId", None)
    if profile.unset_dates == "null":
        shown |= {name: None for name in DATES if name not in shown}
    return {**profile.item_extras, **shown}


def rescale(site: Site, item: Item, before: float) -> None:
    """
    Keep every grade's share when what an item's points are out of has changed (AGS 3.2.6).

    Args:
        before: The maximum that it had.
    """
    if before == item.maximum or not site.profile.rescales:
        return
    factor = item.maximum / before if before else 0.0
    for grade in item.grades.values():
        grade.points = times(grade.points, factor)
        grade.published = times(grade.published, factor)
        if grade.override is not None:
            grade.override.points = times(grade.override.points, factor)
        if site.profile.rescale_stamps_now and grade.shown is not None:
            grade.stamp = site.now()


def check_link(call: ServiceCall, link_id: str, not_decimal: Kind) -> None:
    """
    Look whether a resource link is the tool's own, in this course.

    Args:
        not_decimal: What it means that an id is no number, on platforms where it must be.

    Raises:
        Refusal: It is not.

    Spec:
        AGS 3.2.9
    """
    if call.profile.decimal_ids and not link_id.isdecimal():
        raise Refusal(not_decimal, "resourceLinkId is no number.", "AGS 3.2.9", field="resourceLinkId")
    link = call.course.links.get(link_id)
    if link is not None and link.client_id == call.client_id:
        return
    elsewhere = any(link_id in course.links for course in call.site.state.courses.values())
    kind = Kind.FOREIGN_LINK if link is not None else Kind.LINK_ELSEWHERE if elsewhere else Kind.UNKNOWN_LINK
    text = f"resourceLinkId {link_id!r} is not a link of this tool in this context."
    raise Refusal(kind, text, "AGS 3.2.9", field="resourceLinkId")


def _check_same_link(item: Item, fields: dict[str, Any]) -> None:
    if fields.get("resourceLinkId") is None:
        fields["resourceLinkId"] = item.link_id
    sent = fields["resourceLinkId"]
    if sent != item.link_id:
        text = f"resourceLinkId is {sent!r}, and the item's is {item.link_id!r}; it never changes."
        raise Refusal(Kind.LINK_MISMATCH, text, "AGS 3.2.6", field="resourceLinkId")


def _matches(item: Item, filters: dict[str, str], call: ServiceCall) -> bool:
    return all(_has(item, FILTERED.get(name, "resourceLinkId"), value, call) for name, value in filters.items())


def _has(item: Item, field: str, value: str, call: ServiceCall) -> bool:
    rule, found = call.profile.empty_filter, item.fields.get(field)
    if not value and (rule == "ignored" or (rule == "blank" and field == "resourceLinkId")):
        return True
    return bool(found == value or (not value and rule == "unset" and found is None))


def _render_asked(call: ServiceCall, item: Item) -> dict[str, Any]:
    shown = render(call.site, item)
    if call.profile.includes_launch_url and INCLUDE in call.asked.query and item.link_id in call.course.links:
        shown[CANVAS_LAUNCH_URL] = call.site.state.tools[item.client_id].url
    return shown


def _shown(call: ServiceCall, status: int, item: Item, body: dict[str, Any]) -> Answer:
    if not call.profile.create_echo:
        return _answer(call, status, render(call.site, item))
    echo = {name: value for name, value in body.items() if name != "id"} | {"id": call.site.item_url(item)}
    answer = json_answer(status, echo, _content_type(call))
    # PHP's writer, with its slashes left alone.
    return attrs.evolve(answer, body=dump(echo, ascii_only=True)) if call.profile.escaped_json else answer


def _answer(call: ServiceCall, status: int, value: Any) -> Answer:
    return json_answer(status, value, _content_type(call), escaped=call.profile.escaped_json)


def _content_type(call: ServiceCall) -> str:
    profile = call.profile
    return profile.response_types[shown_type(call.asked, call.operation, profile)] + profile.response_charset
