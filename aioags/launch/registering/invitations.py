"""
One-time tokens of ours in a registration URL: who has one may register a platform without waiting for approval.
"""

from __future__ import annotations

import json
from collections.abc import Callable

import attrs

from aioags.launch.login_store import LoginStore
from aioags.launch.state import digest

INVITED_SECONDS = 7 * 86_400.0
"""How long an invitation serves unless told otherwise."""

_LONGEST = 200


@attrs.frozen
class Invitation:
    """
    One invitation that was taken.

    Attributes:
        note: Whom it was for.

        expires_at: Unix time, seconds.
    """

    token: str = attrs.field(repr=False)
    note: str
    expires_at: float


class Invitations:
    """
    Invitations in a store, which holds a digest of each and never the token.

    Args:
        store: All processes must share it.

        wall: Unix time, seconds.

        new_secret: Makes the tokens.
    """

    def __init__(self, store: LoginStore, *, wall: Callable[[], float], new_secret: Callable[[], str]) -> None:
        self._store = store
        self._wall = wall
        self._new_secret = new_secret

    async def make(self, note: str, seconds: float) -> str:
        """
        Return a new token.
        """
        token = self._new_secret()
        await self.give_back(Invitation(token, note, self._wall() + seconds))
        return token

    async def take(self, token: str) -> Invitation | None:
        """
        Take an invitation: of two who have it one gets it. None: it was taken, or is over, or never was.
        """
        held = await self._store.take(_key(token)) if len(token) <= _LONGEST else None
        if held is None:
            return None
        note, expires_at = json.loads(held)
        return Invitation(token, note, expires_at)

    async def give_back(self, invitation: Invitation) -> None:
        """
        Let an invitation be taken again, which came to nothing.
        """
        seconds = invitation.expires_at - self._wall()
        if seconds > 0:
            value = json.dumps([invitation.note, invitation.expires_at])
            await self._store.put(_key(invitation.token), value, seconds=seconds)


def _key(token: str) -> str:
    return f"invitation {digest(token)}"
