"""
Numbers, instants and JSON texts, each in both directions.
"""

from __future__ import annotations

import codecs
import json
import math
import re
from datetime import UTC, datetime
from typing import Any

from aioags.model.checks import DEEPEST, Number, too_deep

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
# Strings are the hot path: the C function, without the encoder's per-call work.
dump_text = json.encoder.encode_basestring
"""Write one string as JSON, on one line."""

_LARGEST_EXACT = 2**53
# A whole second and how its instants begin: a batch is made and sent within few, and a datetime writes itself slowly.
_latest_second = (datetime.min.replace(tzinfo=UTC), "")
# Of a page, for each value; a result of user and score alone has ten. 16 MiB of ``{},`` would take 400 MiB and two
# seconds to read.
_FEWEST_BYTES = 8
# One that never ends goes to the end of the body, so that no byte is looked at twice.
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL)

RECORD_VALUES = 10_000
"""Most values in one record."""

WORD_VALUES = 1000
"""Most values in a yes, a refusal or an access token: none of those that were seen has 50."""


class NotReadableError(ValueError):
    """
    Something from the wire is not what it should be; the message says what and where, without quoting user data.
    """


def dump_json(value: Any) -> str:
    """
    Write JSON compactly on one line. Moodle answers a rejected score that has line breaks with 200.
    """
    return _encode(value)


def dump_number(value: Number) -> str:
    """
    Write a number: an int and a `Decimal` exactly, a whole float without its fraction.
    """
    if isinstance(value, float):
        # Open edX and Blackboard take whole maxima only as integers.
        whole = value.is_integer() and abs(value) < _LARGEST_EXACT
        return str(int(value)) if whole else float.__repr__(value)
    return int.__repr__(value) if isinstance(value, int) else str(value)


def dump_instant(value: datetime) -> str:
    """
    Write an instant in UTC with a fraction and ``Z`` (AGS 3.4.9): milliseconds, or microseconds when there are any.
    """
    global _latest_second  # noqa: PLW0603 - what it holds is true whoever wrote it
    utc = value if value.tzinfo is UTC else value.astimezone(UTC)
    second, text = _latest_second
    since = utc - second
    if since.days or since.seconds:
        second = utc.replace(microsecond=0)
        text = f"{second.isoformat()[:19]}."
        _latest_second = second, text
    digits = str(1_000_000 + utc.microsecond)
    return f"{text}{digits[1:] if utc.microsecond % 1000 else digits[1:4]}Z"


def holds_more(body: bytes, values: int) -> bool:
    """
    True when JSON holds more values than so many, told without reading it. What is in its strings counts as well.
    """
    # No value takes less than two bytes, its comma included. What is full of them is known by its beginning.
    return len(body) > 2 * values and (_marks(body[: 4 * values]) > values or _marks(body) > values)


def _marks(body: bytes) -> int:
    return sum(map(body.count, (b",", b"{", b"[")))


def check_density(body: bytes) -> None:
    """
    Check that there is more in a page than values: that it is no work for nothing.

    Raises:
        NotReadableError: There is hardly more.
    """
    most = WORD_VALUES + len(body) // _FEWEST_BYTES
    # A comment may hold as many commas as it likes.
    if holds_more(body, most) and holds_more(_STRING.sub(b"", body), most):
        raise _too_many()


def _too_many() -> NotReadableError:
    return NotReadableError("the body holds too many values")


def load_json(body: bytes, most: int | None = None) -> Any:
    """
    Read JSON, whatever the content type said.

    Args:
        most: Values that are expected at the most. Reading takes time by their number, and nothing else runs meanwhile.
            None: as many as a page of records has, by its length.

    Raises:
        NotReadableError: Not UTF-8, not JSON, too deep, too many values, or with NaN or Infinity in it.
    """
    if most is None:
        check_density(body)
    elif holds_more(body, most):
        raise _too_many()
    try:
        value = decoder.decode(body.removeprefix(codecs.BOM_UTF8).decode())
        deep = body.count(b"[") + body.count(b"{") > DEEPEST and too_deep(value)
    except (ValueError, RecursionError) as error:
        raise why_unreadable(body, error) from None
    if deep:
        raise nested_too_deep()
    return value


def why_unreadable(body: bytes, error: Exception) -> NotReadableError:
    """
    Say in our words why JSON could not be read.
    """
    if isinstance(error, NotReadableError):
        return error
    if isinstance(error, RecursionError):
        return nested_too_deep()
    if isinstance(error, UnicodeDecodeError):
        return NotReadableError("the body is not UTF-8")
    text = body.removeprefix(codecs.BOM_UTF8).strip()
    what = "an HTML page" if text[:1] == b"<" else "no JSON" if text else "empty"
    return NotReadableError(f"the body is {what}")


def nested_too_deep() -> NotReadableError:
    """
    Make the error for JSON with more levels than anybody needs.
    """
    return NotReadableError(f"the body is JSON nested too deep, beyond {DEEPEST} levels")


def _refuse_constant(name: str) -> Any:
    raise NotReadableError(f"the body holds {name}, which is not JSON")


# json.loads would make one for each body.
decoder = json.JSONDecoder(parse_constant=_refuse_constant)


_NUMBER = re.compile(r"-?\d{1,300}(\.\d{1,300})?([eE][+-]?\d{1,3})?")


def load_number(field: str, value: object) -> Number | None:
    """
    Read a number, also one written as a string (Moodle echoes what it was sent). None: absent, null or blank.
    """
    if value is None:
        return None
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _finite(field, value)
    if isinstance(value, str):
        if not value.strip():
            return None
        if _NUMBER.fullmatch(value.strip()):
            return _from_text(field, value.strip())
    raise NotReadableError(f"{field} is not a number")


def _from_text(field: str, value: str) -> Number:
    return int(value) if value.lstrip("-").isdigit() else _finite(field, float(value))


def _finite(field: str, value: int | float) -> Number:
    try:
        # 1e400 is JSON, and infinity as a float.
        finite = math.isfinite(value)
    except OverflowError:
        # An int of hundreds of digits.
        finite = False
    if not finite:
        raise NotReadableError(f"{field} is too large")
    return value


def load_string(field: str, value: object) -> str | None:
    """
    Read a string, also one written as a number (numeric ids are common). None: absent, null or blank.
    """
    if value is None:
        return None
    if isinstance(value, str):
        return value if value.strip() else None
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise NotReadableError(f"{field} is not a string")


def load_flag(field: str, value: object) -> bool | None:
    """
    Read true or false. None: absent or null.
    """
    if value is None or isinstance(value, bool):
        return value
    raise NotReadableError(f"{field} is neither true nor false")


def load_object(field: str, value: object) -> dict[str, Any] | None:
    """
    Read an object. None: absent or null, or an empty array, which PHP writes for an empty object.
    """
    if value is None or isinstance(value, dict):
        return value
    if value == []:
        return None
    raise NotReadableError(f"{field} is not an object")


def load_instant(field: str, value: object) -> datetime | None:
    """
    Read an ISO 8601 instant. One without a zone is taken as UTC. None: absent, null or blank.
    """
    if value is None:
        return None
    if not isinstance(value, str):
        # A number may count seconds, milliseconds or days.
        raise NotReadableError(f"{field} is not a string")
    if not value.strip():
        return None
    try:
        instant = datetime.fromisoformat(value.strip())
        aware = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
        if aware.year in (1, 9999):
            # "For ever" in a zone of the west has no UTC to be written in.
            aware.astimezone(UTC)
    except (ValueError, OverflowError):
        raise NotReadableError(f"{field} is not an ISO 8601 instant") from None
    return aware
