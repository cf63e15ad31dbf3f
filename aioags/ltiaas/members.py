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
    Read one member; keys of no standard field stay in `extensions`, and so does a field that cannot be read.

    Raises:
        NotReadableError: Not an object, or without a user id.
    """
    return members.load_member(record, _NAMES)
