"""
Where the members of a course are: in a launch, or in what a job has kept of one (NRPS 2.0).
"""

from __future__ import annotations

from typing import Protocol

import attrs

from aioags.calls.engine import Engine
from aioags.calls.service import Service
from aioags.calls.tokens import OAuthCredential, TokenCache
from aioags.grading.members import MembersDialect
from aioags.model import checks
from aioags.model.endpoint import Endpoint, asked_scopes
from aioags.model.progress import MEMBERSHIPS_SCOPE
from aioags.model.registration import Registration
from aioags.protocol.memberships import DirectMemberships
from aioags.protocol.trust import OnRaised


class OffersMemberships(Protocol):
    """
    What says where the members are: a `aioags.launch.Launch`, or `Memberships` in a job.
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
class Memberships:
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

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.registration, Registration):
            raise TypeError(f"registration must be a Registration, got {type(self.registration).__name__}")
        checks.optional_text("memberships_url", self.memberships_url)
        if self.endpoint is not None and not isinstance(self.endpoint, Endpoint):
            raise TypeError(f"endpoint must be an Endpoint or None, got {type(self.endpoint).__name__}")


def check_source(source: object) -> None:
    """
    Check what says where the members are.

    Raises:
        TypeError: It does not; the message says what does.
    """
    if not isinstance(getattr(source, "registration", None), Registration) or not hasattr(source, "memberships_url"):
        raise TypeError(
            "memberships takes a Launch, or Memberships(registration, memberships_url, endpoint) in a job; got "
            f"{type(source).__name__}"
        )


def open_memberships(
    source: OffersMemberships, engine: Engine, tokens: TokenCache, *, on_raised: OnRaised | None = None
) -> Service[MembersDialect]:
    """
    Return the service that lists a course's members.

    Raises:
        NotOfferedError: The launch offers none.
    """
    offered = asked_scopes(source.endpoint) | {MEMBERSHIPS_SCOPE}
    credential = OAuthCredential(tokens, source.registration, offered)
    dialect = DirectMemberships(source.memberships_url, source.registration, on_raised=on_raised)
    return Service(engine, dialect, credential)
