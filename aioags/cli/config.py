"""
The registration and course that a command is about, with its client open.
"""

from __future__ import annotations

import attrs

from aioags.cli.failures import CommandError
from aioags.client import Client
from aioags.config import Target
from aioags.gradebook import Gradebook
from aioags.memberships import Memberships
from aioags.model.endpoint import Endpoint
from aioags.model.registration import Registration


@attrs.frozen
class OpenCourse:
    """
    A target with its client open: what commands work on.
    """

    target: Target
    registration: Registration
    endpoint: Endpoint
    client: Client
    gradebook: Gradebook

    @property
    def name(self) -> str:
        """
        The target's name; in an outbox, the registration's id.
        """
        return self.target.name

    @property
    def memberships(self) -> Memberships:
        """
        Where its members are, for `Client.memberships`.

        Raises:
            CommandError: No launch said.
        """
        url = self.target.memberships_url
        if url is None:
            raise CommandError(
                f"{self.target.where} names no memberships_url: the platform offers no roster to this tool, or it was "
                f"turned on since; aioags listen {self.name} takes a new launch"
            )
        return Memberships(self.registration, url, self.endpoint)
