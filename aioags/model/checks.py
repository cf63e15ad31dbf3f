"""
The rules that several records share. Each message names the field, the value and what to do.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from itertools import chain
from typing import Any

# Arrays and objects in each other. Platforms were seen to need five; a hundred leaves the stack to whoever walks them.
# How deep `json` itself goes depends on the Python: 1,000 less the stack (3.11), 10,000 (3.13), or more.
DEEPEST = 100

# What nobody takes for an id.
_LONG = 10**40

Number = int | float | Decimal
"""Points, kept as given: ``83`` goes out as ``83``, a `Decimal` exactly."""


def text(name: str, value: object) -> str:
    """
    Return a string that is not blank.
    """
    if not isinstance(value, str):
        instead = f": write {str(value)!r}" if type(value) is int and abs(value) < _LONG else ""
        raise TypeError(f"{name} must be a str, got {_shown(value)}{instead}")
    if not value.strip():
        raise ValueError(f"{name} must not be blank, got {value!r}")
    return _encodable(name, value)


def given_texts(**values: object) -> None:
    """
    Check strings that must not be blank, each as far as it is given. None: it is not.
    """
    for name, value in values.items():
        if value is not None:
            text(name, value)


def optional_text(name: str, value: object) -> str | None:
    """
    Return a string, possibly empty, or None.
    """
    if value is not None and not isinstance(value, str):
        raise TypeError(f"{name} must be a str or None, got {type(value).__name__}")
    return value if value is None else _encodable(name, value)


def _encodable(name: str, value: str) -> str:
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise ValueError(f"{name} must be encodable as UTF-8: it holds half of a surrogate pair") from None
    return value


def number(name: str, value: object) -> Number:
    """
    Return a finite number. A bool is refused: True is not one point.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        raise TypeError(f"{name} must be an int, a float or a Decimal, got {_shown(value)}")
    try:
        finite = math.isfinite(value)
    except (OverflowError, ValueError):
        # An int beyond every float; a signaling NaN.
        finite = False
    if not finite:
        raise ValueError(f"{name} must be finite, got {_shown(value)}: JSON has no such number")
    return value


def positive(name: str, value: object, *, spec: str) -> Number:
    """
    Return a finite number above zero.
    """
    checked = number(name, value)
    if checked <= 0:
        raise ValueError(f"{name} must be more than 0, got {value!r} ({spec})")
    return checked


def instant(name: str, value: object) -> datetime:
    """
    Return a datetime that knows its zone.
    """
    if not isinstance(value, datetime):
        raise TypeError(f"{name} must be a datetime, got {_shown(value)}")
    if value.utcoffset() is None:
        raise ValueError(f"{name} must carry a time zone, got the naive {value!r}: datetime.now(UTC) has one")
    if value.year in (1, 9999):
        _in_utc(name, value)
    return value


def _in_utc(name: str, value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{name} must lie within the years 1 to 9999 in UTC, got {value!r}") from None


def optional_instant(name: str, value: object) -> datetime | None:
    """
    Return a datetime that knows its zone, or None.
    """
    return None if value is None else instant(name, value)


def extensions(name: str, value: object, *, core: frozenset[str], urls_only: bool) -> dict[str, Any]:
    """
    Return a copy of the extra fields of a record.

    Args:
        core: Wire names of the record, which no extension may shadow.

        urls_only: Also refuse keys that are not fully qualified URLs (AGS 3.1.2).
    """
    if not isinstance(value, Mapping):
        raise TypeError(f"{name} must be a mapping, got {type(value).__name__}")
    for key in value:
        _extension_key(name, key, core, urls_only)
    return json_object(name, value)


def json_object(name: str, value: object) -> dict[str, Any]:
    """
    Return a copy of a mapping that can be written as JSON, in UTF-8.
    """
    if not isinstance(value, Mapping):
        raise TypeError(f"{name} must be a mapping, got {type(value).__name__}")
    try:
        written = json.dumps(dict(value), ensure_ascii=False, allow_nan=False).encode()
        deep = written.count(b"[") + written.count(b"{") > DEEPEST and too_deep(json.loads(written))
    except RecursionError:
        deep = True
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must hold JSON values only, got one that is not ({type(error).__name__})") from None
    if deep:
        raise ValueError(f"{name} must not be nested deeper than {DEEPEST} levels")
    return dict(value)


def too_deep(value: object) -> bool:
    """
    True when more than `DEEPEST` arrays and objects lie in each other.

    Args:
        value: As `json` decodes it: no subclasses, which take longer to tell than all else here.
    """
    level: list[Any] = [value] if type(value) is dict or type(value) is list else []
    for _ in range(DEEPEST - 1):
        if not level:
            return False
        # None that is empty: nothing lies in it, and a page may hold a million.
        level = [
            inner
            for outer in level
            for inner in (outer.values() if type(outer) is dict else outer)
            if inner and (type(inner) is dict or type(inner) is list)
        ]
    within = chain.from_iterable(outer.values() if type(outer) is dict else outer for outer in level)
    return any(type(inner) is dict or type(inner) is list for inner in within)


def _extension_key(name: str, key: object, core: frozenset[str], urls_only: bool) -> None:
    if not isinstance(key, str):
        raise TypeError(f"{name} must have str keys, got {_shown(key)}")
    if key in core:
        raise ValueError(f"{name} must not hold {key!r}: it is a field of its own")
    if urls_only and not key.startswith(("https://", "http://")):
        raise ValueError(f"{name} must have fully qualified URLs as keys, got {key!r} (AGS 3.1.2)")


def _shown(value: object) -> str:
    if not isinstance(value, (int, float, Decimal, str, bytes, datetime, type(None))):
        # A record may hold what belongs to a person.
        return type(value).__name__
    try:
        shown = repr(value)
    except ValueError:
        # An int of more digits than Python prints.
        shown = "too long to print"
    return f"{type(value).__name__} {shown if len(shown) <= 80 else shown[:77] + '...'}"


def optional_count(name: str, value: object) -> int | None:
    """
    Return an int of at least 1, or None.
    """
    if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
        raise TypeError(f"{name} must be an int or None, got {_shown(value)}")
    if value is not None and value < 1:
        raise ValueError(f"{name} must be at least 1, got {value!r}")
    return value
