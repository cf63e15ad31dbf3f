"""
Members as JSON (NRPS 2.2).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from aioags.model.member import Member
from aioags.wire.codec import Records, load_records, set_apart
from aioags.wire.scalars import NotReadableError, load_json, load_string
from aioags.wire.steps import Steps

_TEXTS = (
    "user_id", "status", "name", "given_name", "family_name", "middle_name", "email", "picture", "lis_person_sourcedid",
)  # fmt: skip
NAMES = {name: name for name in _TEXTS}
"""The key of each text: the field's name."""


def load_members(body: bytes) -> Steps[Records[Member]]:
    """
    Read one page of members, in steps.

    Raises:
        NotReadableError: It is none.
    """
    container = load_json(body)
    if not isinstance(container, dict):
        raise NotReadableError("the body is not an object")
    return (yield from load_records("members", container.get("members"), load_member))


def load_member(record: object, names: Mapping[str, str] = NAMES) -> Member:
    """
    Read one member; keys of no standard field stay in `extensions`, and so does a field that cannot be read. Only the
    user id must be there.

    Args:
        names: The text of a `Member` that each key holds, for a back end with names of its own. Of several keys for
            one text the first that has a value counts.

    Raises:
        NotReadableError: Not an object, or without a user id.
    """
    if not isinstance(record, dict):
        raise NotReadableError("a member is not an object")
    try:
        return _member(record, names, {})
    except NotReadableError:
        readable, odd = set_apart(record, {**dict.fromkeys(names, load_string), **_OPTIONAL})
    # Of several those that can be read count.
    if "roles" in odd:
        readable["roles"] = _texts(odd["roles"])
    if isinstance(messages := odd.get("message"), list):
        readable["message"] = [message for message in messages if isinstance(message, dict)]
    return _member(readable, names, odd)


def _member(record: Mapping[str, Any], names: Mapping[str, str], odd: Mapping[str, Any]) -> Member:
    texts: dict[str, Any] = {}
    for key, name in names.items():
        if name not in texts and (text := load_string(key, record.get(key))) is not None:
            texts[name] = text
    if "user_id" not in texts:
        raise NotReadableError("the member has no user id")
    rest = {key: value for key, value in record.items() if key not in names and key not in _OPTIONAL}
    return Member(
        **texts,
        roles=_roles("roles", record.get("roles")),
        message=_messages("message", record.get("message")),
        extensions={**rest, **odd},
    )


def _roles(field: str, value: object) -> list[str]:
    roles = _texts(value)
    if value is not None and not isinstance(value, str) and (not isinstance(value, list) or len(roles) < len(value)):
        raise NotReadableError(f"{field} is not an array of strings")
    return roles


def _texts(value: object) -> list[str]:
    # One role may come without an array around it.
    roles = value if isinstance(value, list) else [value]
    return [role for role in roles if isinstance(role, str)]


def _messages(field: str, value: object) -> tuple[Mapping[str, Any], ...]:
    # One message may come without an array around it.
    messages = value if isinstance(value, list) else () if value is None else (value,)
    readable = tuple(message for message in messages if isinstance(message, dict))
    if len(readable) < len(messages):
        raise NotReadableError(f"{field} is not an array of objects")
    return readable


_OPTIONAL: Mapping[str, Callable[[str, object], object]] = {"roles": _roles, "message": _messages}
