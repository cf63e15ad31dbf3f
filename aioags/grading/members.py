"""
Who is in the course: the members, page after page (NRPS 2.0).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Protocol

from aioags.calls.service import Service
from aioags.model import checks
from aioags.model.member import Member
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


async def list_members(
    service: Service[MembersDialect],
    *,
    role: str | None = None,
    resource_link_id: str | None = None,
    limit: int | None = None,
) -> AsyncGenerator[Member, None]:
    """
    Yield the members; see `aioags.Client.memberships`.
    """
    check_wanted(role, resource_link_id, limit)
    dialect = service.dialect
    first = dialect.members(role=role, resource_link_id=resource_link_id, limit=limit)
    async for member in service.pages(first, dialect.members_page):
        # A platform may ignore the filter.
        if role is None or member.has_role(role):
            yield member


def check_wanted(role: str | None, resource_link_id: str | None, limit: int | None) -> None:
    """
    Check what members are picked by.

    Raises:
        ValueError, TypeError: One cannot be asked for.
    """
    checks.optional_count("limit", limit)
    for name, value in (("role", role), ("resource_link_id", resource_link_id)):
        if value is not None:
            checks.text(name, value)
