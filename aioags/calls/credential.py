"""
What lets a back end's requests in.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Protocol

from aioags.calls.tokens import Authorization


class Credential(Protocol):
    """
    What lets a back end's requests in.

    Attributes:
        name: Whose it is; with the origin of a request it names the platform for pacing.

        account: Whose tokens it sends. None: it has none.
    """

    name: str
    account: Hashable

    def held(self, scopes: tuple[str, ...]) -> Authorization | None:
        """
        Return the header for a call that needs one of these scopes, where it is at hand. None: `authorize` has it.
        """
        ...

    async def authorize(self, scopes: tuple[str, ...], *, since: float) -> Authorization:
        """
        Return the header for a call that needs one of these scopes.

        Args:
            since: When the call began, on the engine's clock: what was refused for good since then is not asked for
                again.
        """
        ...

    def suspects(self, authorization: Authorization, status: int) -> bool:
        """
        True when a refusal with this HTTP status may be the fault of what was sent, and another can be had.
        """
        ...

    def discard(self, authorization: Authorization) -> None:
        """
        Drop what was refused.
        """
        ...

    def acquit(self, authorization: Authorization, status: int) -> None:
        """
        Note that what was fetched anew was refused as well, with this HTTP status.
        """
        ...
