"""
Members, as LTIAAS writes them.
"""

from __future__ import annotations

from typing import Any

from aioags.model.member import Member
from aioags.wire.scalars import NotReadableError, load_string

# Their own names now; those of NRPS in the vendor's older documents.
_NAMES = {
    "user_id": ("userId", "user_id"),
    "status": ("status",),
    "name": ("name",),
    "given_name": ("givenName", "given_name"),
    "family_name": ("familyName", "family_name"),
    "middle_name": ("middleName", "middle_name"),
    "email": ("email",),
    "picture": ("picture",),
    "lis_person_sourcedid": ("lisPersonSourcedid", "lis_person_sourcedid"),
}
_KNOWN = {"roles", *(wire for names in _NAMES.values() for wire in names)}


def load_member(record: object) -> Member:
    """
    Read one member; keys of no standard field stay in `extensions`.

    Raises:
        NotReadableError: Not an object, without a user id, or with a field of the wrong type.
    """
    if not isinstance(record, dict):
        raise NotReadableError("a member is not an object")
    texts = {name: _first(record, names) for name, names in _NAMES.items()}
    fields: dict[str, Any] = {name: text for name, text in texts.items() if text is not None}
    if "user_id" not in fields:
        raise NotReadableError("the member has no userId")
    fields["extensions"] = {key: value for key, value in record.items() if key not in _KNOWN}
    return Member(roles=_roles(record.get("roles")), **fields)


def _first(record: dict[str, Any], names: tuple[str, ...]) -> str | None:
    values = (load_string(name, record.get(name)) for name in names)
    return next((value for value in values if value is not None), None)


def _roles(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    return tuple(role for role in value if isinstance(role, str)) if isinstance(value, list) else ()
