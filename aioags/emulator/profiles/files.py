"""
A profile in a file: one of `PROFILES`, and the switches in which a platform was found to differ from it.

Source:
    ``docs/emulator.md``, "A profile in a file": what it holds is said there. ``aioags doctor --record`` writes it.
"""

from __future__ import annotations

import json
import types
from collections.abc import Mapping
from enum import EnumType
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

import attrs

from aioags.emulator.profiles import PROFILES
from aioags.emulator.profiles.profile import Profile

KEYS = ("profile", "name", "basis", "switches", "answers")
"""What a file may hold; the answers are for people."""

_NAMES = {str: "a text", int: "a whole number", float: "a number", bool: "true or false", type(None): "null"}
_ONE_TYPE_AND_DOTS = 2


class ProfileError(ValueError):
    """
    A file is no profile; the text is one line that says where and why.
    """


def load_profile(path: str | Path) -> Profile:
    """
    Read a profile that was recorded, or written by hand: JSON.

    Returns:
        The profile that its ``profile`` names, with ``switches`` in place of its own. Of switches with members of their
        own, such as ``statuses`` or ``members``, those that are not named stay.

    Raises:
        ProfileError: It cannot be read, or says something that there is not: the message names it.
    """
    try:
        told = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ProfileError(f"cannot read {path}: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise ProfileError(f"{path} is no JSON") from None
    try:
        return _profile(told)
    except ProfileError as error:
        raise ProfileError(f"{path}: {error}") from None


def _profile(told: Any) -> Profile:
    if not isinstance(told, dict) or not isinstance(told.get("switches", {}), dict):
        raise ProfileError("it is no object with switches")
    unknown = [key for key in told if key not in KEYS]
    if unknown:
        raise ProfileError(f"there is no {unknown[0]!r} in a profile; there are {', '.join(KEYS)}")
    base = PROFILES.get(str(told.get("profile")))
    if base is None:
        raise ProfileError(f"profile is {told.get('profile')!r}; it must be one of {', '.join(PROFILES)}")
    named = {key: told[key] for key in ("name", "basis") if key in told}
    both = [key for key in ("name", "basis") if key in told.get("switches", {})]
    if both:
        raise ProfileError(f"{both[0]} is no switch: it stands beside them")
    read: Profile = _changed(Profile, _changed(Profile, base, named, ""), told.get("switches", {}), "")
    return read


def _changed(kind: Any, base: Any, told: Mapping[str, Any], path: str) -> Any:
    """
    Return an attrs object with other values, each checked against its type.

    Args:
        base: None: there was none.
    """
    fields = {field.name: field.type for field in attrs.fields(attrs.resolve_types(kind))}
    for name in told:
        if name not in fields:
            raise ProfileError(f"there is no switch {path + name!r}")
    values = {name: _read(fields[name], one, getattr(base, name, None), path + name) for name, one in told.items()}
    try:
        return kind(**values) if base is None else attrs.evolve(base, **values)
    except TypeError as error:
        raise ProfileError(f"{path.rstrip('.')} lacks something: {error}") from None


def _read(kind: Any, value: Any, base: Any, path: str) -> Any:
    """
    Turn what JSON has into what a type says.

    Args:
        base: What stands there otherwise.
    """
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return _read_one_of(inner, value, base, path)
    if origin is Literal and value in inner:
        return value
    if attrs.has(kind) and isinstance(value, dict):
        return _changed(kind, base, value, f"{path}.")
    if isinstance(value, dict) and isinstance(base, Mapping):
        return {
            **base,
            **{_read(inner[0], key, None, path): _read(inner[1], one, None, path) for key, one in value.items()},
        }
    if origin in (tuple, frozenset) and isinstance(value, list):
        pair = origin is tuple and not (len(inner) == _ONE_TYPE_AND_DOTS and inner[1] is ...)
        kinds = inner if pair else [inner[0]] * len(value)
        if len(kinds) == len(value):
            return origin(_read(one, item, None, path) for one, item in zip(kinds, value, strict=True))
    return _read_plain(kind, value, path)


def _read_one_of(kinds: tuple[Any, ...], value: Any, base: Any, path: str) -> Any:
    if value is None and type(None) in kinds:
        return None
    others = [kind for kind in kinds if kind is not type(None)]
    for kind in others[:-1]:
        try:
            return _read(kind, value, base, path)
        except ProfileError:
            continue
    return _read(others[-1], value, base, path)


def _read_plain(kind: Any, value: Any, path: str) -> Any:
    if kind is object or (kind in _NAMES and type(value) is kind) or (kind is float and type(value) is int):
        return value
    choices = get_args(kind) if get_origin(kind) is Literal else ()
    if isinstance(kind, EnumType):
        choices = tuple(kind)
        if value in choices:
            return kind(value)
    wanted = f"one of {', '.join(map(str, choices))}" if choices else _NAMES.get(kind, "of another form")
    raise ProfileError(f"{path} is {value!r}; it must be {wanted}")
