"""
Open edX's LTI consumer in a process of its own, as seen from a test.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
from joserfc.jwk import RSAKey

from aioags import Endpoint, Registration
from tests.interop import processes


@attrs.frozen
class EdxBlock:
    """
    One LTI block in the host's course, and what a tool is told about it.

    Attributes:
        link_id: The resource link id of its launches: the block's usage key.

        users: The learners' user ids.
    """

    host: EdxHost
    registration: Registration
    endpoint: Endpoint
    link_id: str
    users: list[str]

    def published(self) -> list[list[Any]]:
        """
        List what reached the LMS's gradebook, in order: user id, points, maximum of the block.
        """
        found: list[list[Any]] = self.host.ask("published", link_id=self.link_id)
        return found


@attrs.frozen
class EdxHost:
    """
    A running host.

    Attributes:
        url: Where it is.

        key: The tool's private key, whose public half every block knows.
    """

    url: str
    key: RSAKey

    def ask(self, what: str, **parameters: str) -> Any:
        """
        Look through the host's window, or reach through it.
        """
        return processes.ask(self.url, what, **parameters)

    def add_block(self, mode: str = "programmatic") -> EdxBlock:
        """
        Put a fresh block into the course.

        Args:
            mode: ``programmatic``: the tool may make line items. ``declarative``: Open edX makes the one that there is.
        """
        told = self.ask("add_block", mode=mode)
        registration = Registration(told["issuer"], told["client_id"], told["token_url"], self.key)
        return EdxBlock(self, registration, Endpoint.from_claim(told["endpoint"]), told["link_id"], told["users"])


@contextmanager
def run_host(folder: Path) -> Iterator[EdxHost]:
    """
    Run a host while the block runs.

    Args:
        folder: Where its database may lie.
    """
    key = RSAKey.generate_key(2048)
    environment = {
        "EDX_HOST_DATABASE": str(folder / "edx.sqlite"),
        "EDX_HOST_TOOL_KEY": key.as_pem(private=False).decode(),
    }
    with processes.running("tests.interop.edx_host", **environment) as url:
        yield EdxHost(url, key)
