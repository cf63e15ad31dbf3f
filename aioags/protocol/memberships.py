"""
How a platform is asked who is in the course: NRPS 2.0 as operations.
"""

from __future__ import annotations

from aioags.errors import NotOfferedError
from aioags.model.member import Member, role_uri
from aioags.model.progress import MEMBERSHIPS_SCOPE
from aioags.model.registration import Registration
from aioags.protocol.dialect import Operation, Page
from aioags.protocol.listings import InSteps, linked_page
from aioags.protocol.messages import Request, Response
from aioags.protocol.trust import OnRaised, Trust
from aioags.protocol.urls import with_query
from aioags.wire import media_types
from aioags.wire.members import load_members
from aioags.wire.steps import Steps


class DirectMemberships:
    """
    The members of one course, on a platform that speaks LTI 1.3 itself.

    Args:
        url: The launch's ``context_memberships_url``. None: the launch offers no members.

        registration, on_raised: As for `DirectDialect`.

    Raises:
        NotOfferedError: There is none.

        UntrustedURLError: It is not https, or http to loopback.
    """

    def __init__(
        self, url: str | None, registration: Registration | None = None, *, on_raised: OnRaised | None = None
    ) -> None:
        if url is None:
            raise NotOfferedError("this launch offers no members (context_memberships_url)", spec="NRPS 3.6.1")
        self._trust = Trust.at(url, registration=registration, on_raised=on_raised)
        self._url = self._trust.check(url, "context_memberships_url")

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
        return self._operation(self._trust.check(key, "the next page of members"))

    def _operation(self, url: str) -> Operation[Page[Member]]:
        request = Request("GET", url, (("Accept", media_types.MEMBERS),))
        return Operation("members", request, (MEMBERSHIPS_SCOPE,), InSteps(_read_page), trust=self._trust)


def _read_page(response: Response) -> Steps[Page[Member]]:
    return linked_page(load_members(response.body), response)
