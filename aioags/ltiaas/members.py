"""
Members, as LTIAAS writes them.
"""

from __future__ import annotations

from aioags.model.member import Member
from aioags.wire import members

# Their own names now; those of NRPS in the vendor's older documents.
_NAMES = {
    "userId": "user_id",
    "user_id": "user_id",
    "status": "status",
    "name": "name",
    "givenName": "given_name",
    "given_name": "given_name",
    "familyName": "family_name",
    "family_name": "family_name",
    "middleName": "middle_name",
    "middle_name": "middle_name",
    "email": "email",
    "picture": "picture",
    "lisPersonSourcedid": "lis_person_sourcedid",
    "lis_person_sourcedid": "lis_person_sourcedid",
}


def load_member(record: object) -> Member:
    """
    Read one member; keys of no standard field stay in `extensions`.

    Raises:
        NotReadableError: Not an object, without a user id, or with a text of the wrong type.
    """
    if isinstance(record, dict):
        record = record | {"roles": _roles(record.get("roles"))}
    return members.load_member(record, _NAMES)


def _roles(value: object) -> list[str]:
    # One role may come without an array around it.
    roles = value if isinstance(value, list) else [value]
    return [role for role in roles if isinstance(role, str)]
