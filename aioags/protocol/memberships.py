"""
How a platform is asked who is in the course: NRPS 2.0 as operations.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aioags.errors import NotOfferedError
from aioags.model.member import MEMBERSHIPS_SCOPE, Member, role_uri
from aioags.model.secure import url_fault
from aioags.protocol.dialect import Operation, Page
from aioags.protocol.messages import Request, Response
from aioags.protocol.urls import check_trusted, origin, with_query
from aioags.wire.links import next_link
from aioags.wire.scalars import NotReadableError, load_json, load_string

MEDIA_TYPE = "application/vnd.ims.lti-nrps.v2.membershipcontainer+json"
"""What the service answers (NRPS 2.2)."""

_TEXTS = ("name", "given_name", "family_name", "middle_name", "email", "picture", "lis_person_sourcedid")
_FIELDS = frozenset({*_TEXTS, "user_id", "roles", "status", "message"})


class DirectMemberships:
    """
    The members of one course, on a platform that speaks LTI 1.3 itself.

    Args:
        url: The launch's ``context_memberships_url``. None: the launch offers no members.

    Raises:
        NotOfferedError: There is none.

        UntrustedURLError: It is not https, or http to loopback.
    """

    def __init__(self, url: str | None) -> None:
        if url is None:
            raise NotOfferedError("this launch offers no members (context_memberships_url)", spec="NRPS 3.6.1")
        self._trusted = frozenset({origin(url)} if url_fault(url) is None else ())
        self._url = check_trusted(url, self._trusted, "context_memberships_url")

    def members(
        self, *, role: str | None = None, resource_link_id: str | None = None, limit: int | None = None
    ) -> Operation[Page[Member]]:
        """
        List the members: GET (NRPS 2.4).
        """
        # Canvas takes a role as its full URI only.
        filters = {"role": None if role is None else role_uri(role), "rlid": resource_link_id, "limit": limit}
        return self._operation(with_query(self._url, filters))

    def members_page(self, key: str) -> Operation[Page[Member]]:
        """
        Get a further page: its URL as the platform wrote it.
        """
        return self._operation(check_trusted(key, self._trusted, "the next page of members"))

    def _operation(self, url: str) -> Operation[Page[Member]]:
        request = Request("GET", url, (("Accept", MEDIA_TYPE),))
        return Operation("members", request, (MEMBERSHIPS_SCOPE,), read_members, trusted=self._trusted)


def read_members(response: Response) -> Page[Member]:
    """
    Read one page of members.

    Raises:
        NotReadableError: It is none, or one member cannot be read; it is named by its place.
    """
    container = load_json(response.body)
    records = container.get("members") if isinstance(container, dict) else None
    if not isinstance(records, list):
        raise NotReadableError("the body has no array of members")
    members = [_load_nth(place, record) for place, record in enumerate(records)]
    return Page(members, next_link(response.header_values("Link"), response.url))


def _load_nth(place: int, record: object) -> Member:
    try:
        return load_member(record)
    except NotReadableError as error:
        raise NotReadableError(f"member {place}: {error}") from None


def load_member(record: object) -> Member:
    """
    Read one member; keys of no standard field stay in `extensions`. Only ``user_id`` must be there.

    Raises:
        NotReadableError: Not an object, without ``user_id``, or with a field of the wrong type.
    """
    if not isinstance(record, dict):
        raise NotReadableError("it is not an object")
    user_id = load_string("user_id", record.get("user_id"))
    if user_id is None:
        raise NotReadableError("it has no user_id")
    return Member(
        user_id,
        _roles(record.get("roles")),
        # Absent means Active (NRPS 2.3).
        load_string("status", record.get("status")) or "Active",
        message=_messages(record.get("message")),
        extensions={name: value for name, value in record.items() if name not in _FIELDS},
        **{name: load_string(name, record.get(name)) for name in _TEXTS},
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
