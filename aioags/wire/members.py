"""
Members as JSON (NRPS 2.2).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aioags.model.member import Member
from aioags.wire.codec import load_records
from aioags.wire.scalars import NotReadableError, load_json, load_string

_TEXTS = (
    "user_id",
    "status",
    "name",
    "given_name",
    "family_name",
    "middle_name",
    "email",
    "picture",
    "lis_person_sourcedid",
)
_NAMES: Mapping[str, str] = {name: name for name in _TEXTS}
_OTHERS = ("roles", "message")


def load_members(body: bytes) -> list[Member]:
    """
    Read one page of members.

    Raises:
        NotReadableError: It is none, or one member cannot be read; it is named by its place. None is dropped.
    """
    container = load_json(body)
    if not isinstance(container, dict):
        raise NotReadableError("the body is not an object")
    return load_records("members", container.get("members"), load_member)


def load_member(record: object, names: Mapping[str, str] = _NAMES) -> Member:
    """
    Read one member; keys of no standard field stay in `extensions`. Only the user id must be there.

    Args:
        names: The text of a `Member` that each key holds, for a back end with names of its own. Of several keys for
            one text the first that has a value counts.

    Raises:
        NotReadableError: Not an object, without a user id, or with a field of the wrong type.
    """
    if not isinstance(record, dict):
        raise NotReadableError("a member is not an object")
    texts: dict[str, Any] = {}
    for key, name in names.items():
        if name not in texts and (text := load_string(key, record.get(key))) is not None:
            texts[name] = text
    if "user_id" not in texts:
        raise NotReadableError("the member has no user id")
    return Member(
        **texts,
        roles=_roles(record.get("roles")),
        message=_messages(record.get("message")),
        extensions={key: value for key, value in record.items() if key not in names and key not in _OTHERS},
    )


def _roles(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(role, str) for role in value):
        raise NotReadableError("roles is not an array of strings")
    return tuple(value)


def _messages(value: object) -> tuple[Mapping[str, Any], ...]:
    # One message may come without an array around it.
    messages = value if isinstance(value, list) else [value]
    return tuple(message for message in messages if isinstance(message, dict))
