"""
What Open edX makes of the JSON of line items and scores: the field rules of its serializers.

All faults of a body are told at once, each under its field, in the words of Django REST framework.

Source:
    xblock-lti-consumer 11.4.4, ``lti_1p3/extensions/rest_framework/serializers.py`` and ``models.py``; each line of it
    seen (``tests/interop``).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import attrs

from aioags.emulator.refusals import Kind, Refusal
from aioags.emulator.services.call import ServiceCall

REQUIRED = "This field is required."
NOT_NULL = "This field may not be null."
NOT_BLANK = "This field may not be blank."
NO_INSTANT = (
    "Datetime has wrong format. Use one of these formats instead: YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z]."
)
# A key of the block that a link is, in one of Open edX's three spellings.
USAGE_KEY = re.compile(r"(block-v1|lb|i4x):\S+")


@attrs.frozen
class Field:
    """
    One field of a serializer.

    Attributes:
        read: Makes a value of what came; a ValueError says in words why not.
    """

    read: Callable[[Any], Any]
    required: bool = False
    nullable: bool = False


def text(longest: int | None = None, *, blank: bool = False) -> Callable[[Any], str]:
    """
    Make a reader of texts, to which numbers are texts too.
    """

    def read(value: Any) -> str:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise ValueError("Not a valid string.")
        stripped = str(value).strip()
        if not stripped and not blank:
            raise ValueError(NOT_BLANK)
        if longest is not None and len(stripped) > longest:
            raise ValueError(f"Ensure this field has no more than {longest} characters.")
        return stripped

    return read


def whole(value: Any) -> int:
    """
    Read a whole number of any sign; 60.0 and "60" are such.
    """
    try:
        return int(re.sub(r"\.0*\s*$", "", str(value)))
    except ValueError as error:
        raise ValueError("A valid integer is required.") from error


def number(value: Any) -> float:
    """
    Read a number, or a text that is one.

    Raises:
        Refusal: No float or no column of the database holds it; Django's answer is a page that says 500.
    """
    try:
        read = float(value)
    except (ValueError, TypeError) as error:
        raise ValueError("A valid number is required.") from error
    except OverflowError:
        read = math.inf
    if not math.isfinite(read):
        raise Refusal(Kind.CRASH, "The database takes no such number.", "AGS 3.4.4")
    return read


def instant(value: Any) -> datetime:
    """
    Read a date, with or without time and zone; UTC where it has none.
    """
    try:
        moment = datetime.fromisoformat(value)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, TypeError) as error:
        raise ValueError(NO_INSTANT) from error
    except OverflowError as error:
        raise ValueError("Datetime value out of range.") from error


def usage_key(value: Any) -> str:
    """
    Read the key of a block, which may be any block.
    """
    if not isinstance(value, str) or not USAGE_KEY.fullmatch(value):
        raise ValueError(f"Invalid usage key: {value!r}")
    return value


ITEM = {
    "resourceId": Field(text()),
    "scoreMaximum": Field(whole, required=True),
    "label": Field(text(100), required=True),
    "tag": Field(text(50, blank=True)),
    "resourceLinkId": Field(usage_key),
    "startDateTime": Field(instant),
    "endDateTime": Field(instant),
}
SCORE = {
    "timestamp": Field(instant, required=True),
    "scoreGiven": Field(number, nullable=True),
    "scoreMaximum": Field(number, nullable=True),
    "comment": Field(text(blank=True), nullable=True),
    "activityProgress": Field(text(), required=True),
    "gradingProgress": Field(text(), required=True),
    "userId": Field(text(), required=True),
}


def read(body: Mapping[str, Any], fields: Mapping[str, Field]) -> tuple[dict[str, Any], dict[str, str]]:
    """
    Read the fields that are known, and no others.

    Returns:
        The values that could be read, and by field what is wrong.
    """
    values: dict[str, Any] = {}
    wrong: dict[str, str] = {}
    for name, field in fields.items():
        if name not in body:
            if field.required:
                wrong[name] = REQUIRED
        elif body[name] is None:
            if not field.nullable:
                wrong[name] = NOT_NULL
            values[name] = None
        else:
            try:
                values[name] = field.read(body[name])
            except ValueError as error:
                wrong[name] = str(error)
    return values, wrong


def refusal(kind: Kind, wrong: Mapping[str, str]) -> Refusal:
    """
    Build the refusal of all fields at fault.
    """
    name, words = next(iter(wrong.items()))
    return Refusal(kind, words, "AGS 3.2.7, 3.4.4", field=name, fields=dict(wrong))


def read_item_body(call: ServiceCall) -> dict[str, Any]:
    """
    Read the JSON of a line item; no body is an object without members.
    """
    body = call.asked.json() if call.asked.body else {}
    if not isinstance(body, dict):
        name = {list: "list", str: "str", bool: "bool", int: "int", float: "float"}.get(type(body), "NoneType")
        words = f"Invalid data. Expected a dictionary, but got {name}."
        raise refusal(Kind.BAD_LINE_ITEM, {"non_field_errors": words})
    return body


def read_item(body: Mapping[str, Any]) -> dict[str, Any]:
    """
    Read the fields of a line item that are kept; what is not sent is not there.

    Raises:
        Refusal: One is wrong, or the item hangs on nothing.
    """
    values, wrong = read(body, ITEM)
    if wrong:
        raise refusal(Kind.BAD_LINE_ITEM, wrong)
    if "resourceId" not in values and "resourceLinkId" not in values:
        words = "Must provide at least one of resource_id or resource_link_id"
        raise refusal(Kind.BAD_LINE_ITEM, {"non_field_errors": words})
    return {name: iso(value) if isinstance(value, datetime) else value for name, value in values.items()}


def iso(moment: datetime) -> str:
    """
    Write an instant in UTC: with microseconds if it has some, else in whole seconds.
    """
    return moment.isoformat().replace("+00:00", "Z")
