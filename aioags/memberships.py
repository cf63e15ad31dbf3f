"""
Who is in the course: the members of a launch's context, page after page (NRPS 2.0).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Protocol

import attrs

from aioags.calls.engine import Engine
from aioags.model import checks
from aioags.model.endpoint import Endpoint
from aioags.model.member import MEMBERSHIPS_SCOPE, Member
from aioags.model.progress import Scope
from aioags.model.registration import Registration
from aioags.calls.pages import read_pages
from aioags.protocol.memberships import DirectRoster
from aioags.calls.tokens import OAuthCredential, TokenCache

_ASKED_FOR = frozenset({*Scope, MEMBERSHIPS_SCOPE})


class RosterSource(Protocol):
    """
    What says where the members are: a `aioags.launch.Launch`, or a `Roster` in a job.
    """

    @property
    def registration(self) -> Registration:
        """
        What was agreed with the platform.
        """
        ...

    @property
    def memberships_url(self) -> str | None:
        """
        The launch's ``context_memberships_url``. None: not offered.
        """
        ...

    @property
    def endpoint(self) -> Endpoint | None:
        """
        The AGS endpoint of the same launch. None: it has none.
        """
        ...


@attrs.frozen
class Roster:
    """
    Where the members of one course are, for a job that has no launch any more.

    Attributes:
        registration: As for `Client.gradebook`.

        memberships_url: The launch's ``context_memberships_url``, as it was stored.

        endpoint: The AGS endpoint of the same launch: its scopes are asked for together with the memberships', so
            that one access token does for both. None: a token for the members only.
    """

    registration: Registration
    memberships_url: str | None
    endpoint: Endpoint | None = None


def asked_scopes(endpoint: Endpoint | None) -> frozenset[str]:
    """
    Return the scopes of an endpoint that this package has a use for; whatever else the claim holds is not asked for.
    """
    return frozenset() if endpoint is None else endpoint.scope & _ASKED_FOR


async def read_roster(
    source: RosterSource,
    engine: Engine,
    tokens: TokenCache,
    *,
    role: str | None = None,
    resource_link_id: str | None = None,
    limit: int | None = None,
) -> AsyncGenerator[Member, None]:
    """
    Yield the members; see `Client.memberships`.
    """
    checks.optional_count("limit", limit)
    for name, value in (("role", role), ("resource_link_id", resource_link_id)):
        if value is not None:
            checks.text(name, value)
    roster = DirectRoster(source.memberships_url)
    offered = asked_scopes(source.endpoint) | {MEMBERSHIPS_SCOPE}
    credential = OAuthCredential(tokens, source.registration, offered)
    first = roster.members(role=role, resource_link_id=resource_link_id, limit=limit)
    async for member in read_pages(engine, credential, first, roster.members_page):
        # A platform may ignore the filter.
        if role is None or member.has_role(role):
            yield member
