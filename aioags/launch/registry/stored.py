"""
The lookup of registrations in a table: what was found counts for a minute.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from cachetools import TTLCache

from aioags.calls.log import ERROR, log
from aioags.launch.registry.key_ring import FRESH_SECONDS, KeyRing
from aioags.launch.registry.row import RegistrationRow, RowState
from aioags.launch.registry.store import RegistrationStore
from aioags.model.registration import Registration

# As many as a client remembers platforms.
_MOST_FOUND = 16_384


class StoredRegistrations:
    """
    Registrations from a store, for `ToolSettings.registrations`: those that are active, with the keys that they name.

    A change counts after `seconds` at the latest, in every process, without a restart. Another one's login costs no
    question to the store meanwhile, at ten thousand schools neither.

    Args:
        store: The table.

        keys: The tool's keys; give the same to `ToolSettings.keys`.

        seconds: How long what was found counts.

        clock: Seconds that never step back.
    """

    def __init__(
        self,
        store: RegistrationStore,
        keys: KeyRing,
        *,
        seconds: float = FRESH_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not isinstance(keys, KeyRing):
            raise TypeError(f"keys must be a KeyRing, got {type(keys).__name__}")
        self.store = store
        self.keys = keys
        self._found: TTLCache[tuple[str, str | None], list[RegistrationRow]] = TTLCache(
            _MOST_FOUND, seconds, timer=clock
        )

    async def find(self, issuer: str, client_id: str | None) -> Sequence[Registration]:
        """
        Return every active registration with this issuer and client id.

        One whose key is not there, is left out, and the log says so.
        """
        rows = self._found.get((issuer, client_id))
        if rows is None:
            rows = [row for row in await self.store.find(issuer, client_id) if row.state is RowState.ACTIVE]
            # What anybody may ask for is not kept: a stranger's inventions would push out what is real.
            if rows:
                self._found[issuer, client_id] = rows
        return [found for row in rows if (found := self._with_key(row)) is not None]

    def _with_key(self, row: RegistrationRow) -> Registration | None:
        try:
            return row.registration(self.keys.key(row.kid))
        except LookupError:
            log(
                ERROR,
                "a registration of client id %(client_id)r names a key that the tool does not have",
                client_id=row.client_id,
            )
            return None
