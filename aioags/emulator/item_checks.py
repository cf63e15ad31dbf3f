"""
What a line item in a request must be.
"""

from __future__ import annotations

import math
import re
from typing import Any

from aioags.emulator.clock import parse_instant
from aioags.emulator.profile import LINE_ITEM_FIELDS
from aioags.emulator.refusals import Kind, Refusal
from aioags.emulator.site import Call

# AGS 3.1.2: a fully qualified URL.
QUALIFIED = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S+")


def bad(field: str, reason: str, spec: str) -> Refusal:
    """
    Build the refusal of one field of a line item.
    """
    return Refusal(Kind.BAD_LINE_ITEM, reason, spec, field=field)


def read_fields(call: Call) -> dict[str, Any]:
    """
    Read a line item from the request's body.

    Returns:
        Its fields, ``id`` included when it was sent. Blank and null optional fields are left out.

    Raises:
        Refusal: A rule is broken.
    """
    body = call.asked.json()
    if not isinstance(body, dict):
        raise Refusal(Kind.BAD_LINE_ITEM, "The body is not a JSON object.", "AGS 3.2.1")
    check_keys(body, LINE_ITEM_FIELDS | {"id"}, call, Kind.BAD_LINE_ITEM)
    _check_label(body)
    _check_maximum(body)
    _check_texts(body, call)
    _check_dates(body, call)
    _check_rest(body)
    return {name: value for name, value in body.items() if value is not None and value != ""}


def check_keys(body: dict[str, Any], known: frozenset[str], call: Call, kind: Kind) -> None:
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


def _check_label(body: dict[str, Any]) -> None:
    label = body.get("label")
    if not isinstance(label, str) or not label.strip():
        raise bad("label", f"label is {label!r}; it must be a text that is not blank.", "AGS 3.2.7")


def _check_maximum(body: dict[str, Any]) -> None:
    if not is_number(body.get("scoreMaximum")) or not body["scoreMaximum"] > 0:
        value = body.get("scoreMaximum")
        raise bad("scoreMaximum", f"scoreMaximum is {value!r}; it must be a number above 0.", "AGS 3.2.8")


def is_number(value: object) -> bool:
    """
    True for a finite JSON number.
    """
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _check_texts(body: dict[str, Any], call: Call) -> None:
    if not call.profile.strict_strings:
        return
    for name, spec in (("resourceId", "AGS 3.2.10"), ("tag", "AGS 3.2.11"), ("resourceLinkId", "AGS 3.2.9")):
        value = body.get(name)
        if value is not None and not isinstance(value, str):
            raise bad(name, f"{name} is {value!r}; it must be a string.", spec)
        if value is not None and not value.strip():
            raise bad(name, f"{name} is blank; leave it out instead.", spec)


def _check_dates(body: dict[str, Any], call: Call) -> None:
    if not call.profile.strict_dates:
        return
    for name, spec in (("startDateTime", "AGS 3.2.12"), ("endDateTime", "AGS 3.2.13")):
        value = body.get(name)
        if value in (None, ""):
            continue
        read = parse_instant(value)
        if read is None:
            raise bad(name, f"{name} is {value!r}; it must be ISO 8601 date and time.", spec)
        if not read[2]:
            raise bad(name, f"{name} is {value!r}; it needs a zone, such as Z.", spec)


def _check_rest(body: dict[str, Any]) -> None:
    released = body.get("gradesReleased")
    if released is not None and not isinstance(released, bool):
        raise bad("gradesReleased", f"gradesReleased is {released!r}; it must be true or false.", "AGS 3.2.14")
    review = body.get("submissionReview")
    if review is not None and not isinstance(review, dict):
        raise bad("submissionReview", "submissionReview must be an object.", "AGS 4.6")
