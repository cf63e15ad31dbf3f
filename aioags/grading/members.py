"""
Who is in the course: the members, page after page (NRPS 2.0).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from functools import partial
from operator import attrgetter
from typing import Protocol

from aioags.calls.service import Service
from aioags.grading.picking import Picking, pick
from aioags.model import checks
from aioags.model.member import Member
from aioags.model.unreadable import OnUnreadable, check_listener
from aioags.protocol.dialect import Operation, Page


class MembersDialect(Protocol):
    """
    How one course's members are asked for.
    """

    def members(self, *, role: str | None, resource_link_id: str | None, limit: int | None) -> Operation[Page[Member]]:
        """
        First page of the members.
        """
        ...

    def members_page(self, key: str) -> Operation[Page[Member]]:
        """
        A further page.
        """
        ...


def list_members(
    service: Service[MembersDialect],
    *,
    role: str | None = None,
    resource_link_id: str | None = None,
    limit: int | None = None,
    on_unreadable: OnUnreadable | None = None,
) -> AsyncGenerator[Member, None]:
    """
    Return the members, each once; see `aioags.Client.memberships`.
    """
    check_wanted(role, resource_link_id, limit, on_unreadable)
    ask = partial(service.dialect.members, role=role, resource_link_id=resource_link_id)
    first = ask(limit=limit)
    pages = service.pages(
        first,
        service.dialect.members_page,
        whole=None if limit is None else ask(limit=None),
        limit=limit,
        on_unreadable=on_unreadable,
    )
    # A platform may ignore the filter, or lose it on the way to the next page (Moodle).
    admits = None if role is None else lambda member: member.has_role(role)
    picking = Picking[Member](attrgetter("user_id"), admits, lambda member: frozenset(member.roles or ("",)))
    return pick(pages, picking, partial(picking.tell, service.engine, first))


def check_wanted(role: object, resource_link_id: object, limit: object, on_unreadable: object) -> None:
    """
    Check what members are picked by, and who is told of the others.

    Raises:
        ValueError, TypeError: One cannot be asked for.
    """
    checks.optional_count("limit", limit)
    check_listener(on_unreadable)
    checks.given_texts(role=role, resource_link_id=resource_link_id)
