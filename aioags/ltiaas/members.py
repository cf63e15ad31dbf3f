"""
Members, as LTIAAS writes them.
"""

from __future__ import annotations

import re

from aioags.model.member import Member
from aioags.wire import members

# Their own names now; those of NRPS in the vendor's older documents.
_NAMES = {re.sub("_(.)", lambda found: found[1].upper(), name): name for name in members.NAMES} | members.NAMES


def load_member(record: object) -> Member:
    """
    Read one member; keys of no standard field stay in `extensions`, and so does a field that cannot be read.

    Raises:
        NotReadableError: Not an object, or without a user id.
    """
    return members.load_member(record, _NAMES)
