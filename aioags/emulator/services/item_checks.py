"""
What a line item in a request must be.
"""

from __future__ import annotations

import re
from typing import Any

from aioags.emulator.profiles.profile import LINE_ITEM_FIELDS
from aioags.emulator.refusals import Kind, Refusal
from aioags.emulator.services import openedx_fields
from aioags.emulator.services.call import ServiceCall
from aioags.emulator.services.canvas_items import read_canvas_item
from aioags.emulator.wire.amounts import as_number
from aioags.emulator.wire.instants import parse_instant

# AGS 3.1.2: a fully qualified URL.
QUALIFIED = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S+")
TEXTS = {"resourceId": "AGS 3.2.10", "tag": "AGS 3.2.11", "resourceLinkId": "AGS 3.2.9"}
DATES = {"startDateTime": "AGS 3.2.12", "endDateTime": "AGS 3.2.13"}
# What Sakai gives an item without a maximum.
USUAL_MAXIMUM = 100


def bad(field: str, reason: str, spec: str) -> Refusal:
    """
    Build the refusal of one field of a line item.
    """
    return Refusal(Kind.BAD_LINE_ITEM, reason, spec, field=field)


def read_body(call: ServiceCall) -> dict[str, Any]:
    """
    Read the JSON object of a line item request.

    Raises:
        Refusal: It is none, or has an ``id`` where the platform minds.
    """
    if call.profile.item_rules == "openedx":
        return openedx_fields.read_item_body(call)
    body = call.asked.json()
    if not isinstance(body, dict):
        raise Refusal(Kind.BAD_LINE_ITEM, "The body is not a JSON object.", "AGS 3.2.1", field="label")
    if "id" in body and call.asked.method in call.profile.id_refused_in:
        raise Refusal(Kind.ID_IN_BODY, "id is the platform's to give; leave it out.", "AGS 3.2.3", field="id")
    return body


def read_fields(call: ServiceCall, body: dict[str, Any], *, whole: bool = True) -> dict[str, Any]:
    """
    Check a line item and take the fields that the platform keeps.

    Args:
        whole: False: what is left out stays as it is, so nothing is needed.

    Returns:
        The fields; blank and null optional ones are left out, and so is ``id``.

    Raises:
        Refusal: A rule is broken.
    """
    if call.profile.item_rules == "openedx":
        return openedx_fields.read_item(body)
    if call.profile.item_rules == "canvas":
        return read_canvas_item(body, call.profile.site_zone, whole=whole)
    check_keys(body, LINE_ITEM_FIELDS | {"id"}, call, Kind.BAD_LINE_ITEM)
    fields = dict(body)
    if whole or "label" in body:
        fields["label"] = _label(body, call)
    if whole or "scoreMaximum" in body:
        fields["scoreMaximum"] = _maximum(body, call)
    if call.profile.strict_strings:
        _check_texts(body)
    if call.profile.strict_dates:
        _check_dates(body)
    _check_rest(body)
    return _kept(fields, call)


def _kept(fields: dict[str, Any], call: ServiceCall) -> dict[str, Any]:
    profile = call.profile
    alias = profile.link_alias
    if alias is not None and alias in fields:
        fields.setdefault("resourceLinkId", fields.pop(alias))
    kept = {
        name: value
        for name, value in fields.items()
        if name in profile.stored_fields or (profile.stores_extensions and QUALIFIED.fullmatch(name))
    }
    for name, spec in TEXTS.items():
        if isinstance(kept.get(name), dict | list):
            raise bad(name, f"{name} must be a string.", spec)
        if kept.get(name) is not None:
            kept[name] = str(kept[name]).translate(dict.fromkeys(map(ord, profile.stripped_characters)))
    return {name: value for name, value in kept.items() if value is not None and (value != "" or name == "label")}


def check_keys(body: dict[str, Any], known: frozenset[str], call: ServiceCall, kind: Kind) -> None:
    """
    Look for keys that are neither the standard's nor URLs.

    Raises:
        Refusal: There is one.
    """
    if not call.profile.strict_keys:
        return
    for name in body:
        if name not in known and not QUALIFIED.fullmatch(name):
            text = f"{name!r} is no field of the standard, and an extension's key must be a full URL."
            raise Refusal(kind, text, "AGS 3.1.2", field=name)


def _label(body: dict[str, Any], call: ServiceCall) -> str:
    label = body.get("label")
    if call.profile.label_rule == "present" and label is not None and not isinstance(label, dict | list):
        return label if isinstance(label, str) else str(label)
    if not isinstance(label, str) or not label.strip():
        raise bad("label", f"label is {label!r}; it must be a text that is not blank.", "AGS 3.2.7")
    return label


def _maximum(body: dict[str, Any], call: ServiceCall) -> float:
    rule, value = call.profile.maximum_rule, body.get("scoreMaximum")
    if rule == "optional" and value is None:
        return USUAL_MAXIMUM
    number = as_number(value) if rule == "numeric" or not isinstance(value, str) else None
    if number is None:
        reason = f"scoreMaximum is {value!r}; it must be a number."
        raise Refusal(Kind.BAD_LINE_ITEM, reason, "AGS 3.2.8", field="scoreMaximum", present=value is not None)
    if rule != "numeric" and not number > 0:
        raise bad("scoreMaximum", f"scoreMaximum is {value!r}; it must be above 0.", "AGS 3.2.8")
    if rule == "integer" and number != int(number):
        raise bad("scoreMaximum", "A valid integer is required.", "AGS 3.2.8")
    if call.profile.decimals is None or isinstance(number, int):
        return number
    number = round(number, call.profile.decimals)
    return int(number) if number.is_integer() else number


def _check_texts(body: dict[str, Any]) -> None:
    for name, spec in TEXTS.items():
        value = body.get(name)
        if value is not None and not isinstance(value, str):
            raise bad(name, f"{name} is {value!r}; it must be a string.", spec)
        if value is not None and not value.strip():
            raise bad(name, f"{name} is blank; leave it out instead.", spec)


def _check_dates(body: dict[str, Any]) -> None:
    for name, spec in DATES.items():
        value = body.get(name)
        if value in (None, ""):
            continue
        read = parse_instant(value)
        if read is None:
            raise bad(name, f"{name} is {value!r}; it must be ISO 8601 date and time.", spec)
        if not read.has_zone:
            raise bad(name, f"{name} is {value!r}; it needs a zone, such as Z.", spec)


def _check_rest(body: dict[str, Any]) -> None:
    released = body.get("gradesReleased")
    if released is not None and not isinstance(released, bool):
        raise bad("gradesReleased", f"gradesReleased is {released!r}; it must be true or false.", "AGS 3.2.14")
    review = body.get("submissionReview")
    if review is not None and not isinstance(review, dict):
        raise bad("submissionReview", "submissionReview must be an object.", "AGS 4.6")


def check_sizes(fields: dict[str, Any], call: ServiceCall) -> None:
    """
    Look whether the database takes a label and a maximum.

    Raises:
        Refusal: No.
    """
    profile = call.profile
    too_long = profile.longest_label is not None and len(fields.get("label", "")) > profile.longest_label
    too_much = profile.maximum_below is not None and abs(fields.get("scoreMaximum", 0)) >= profile.maximum_below
    if too_long or too_much:
        raise Refusal(Kind.DATABASE, "The database takes no such label or maximum.", field="label")


def check_texts_fit(fields: dict[str, Any], call: ServiceCall) -> None:
    """
    Look whether the database takes a tag and a resource id.

    Raises:
        Refusal: No.
    """
    for name, longest in (("tag", call.profile.longest_tag), ("resourceId", call.profile.longest_resource_id)):
        if longest is not None and len(fields.get(name, "")) > longest:
            raise Refusal(Kind.DATABASE, f"The database takes no {name} of that length.", field=name)
