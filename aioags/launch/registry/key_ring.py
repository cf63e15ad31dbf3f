"""
The tool's keys, read again while it runs: a key that is added, or taken away, counts without a restart.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from aioags.launch.keys import PrivateKey, load_keys

FRESH_SECONDS = 60.0
"""How long what was read counts: keys here, rows in `StoredRegistrations`."""


class KeyRing:
    """
    Keys from wherever the caller keeps them; given to `ToolSettings.keys`, all of them are published.

    To replace a key: add the new one to the source, last; an hour later, when every platform has fetched the set again,
    let the rows name it (`RegistrationStore.rekey`); a day later take the old one away.

    Args:
        read: Returns what `load_keys` takes: the text of a file, an environment variable, an answer of a vault. Called
            at most every `seconds`, in the event loop: it must not wait.

        seconds: How long what it returned counts.

        clock: Seconds that never step back.

    Raises:
        ValueError: What `read` returns is no key; the first time here, later where keys are asked for.
    """

    def __init__(
        self, read: Callable[[], Any], *, seconds: float = FRESH_SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._read = read
        self._seconds = seconds
        self._clock = clock
        self._keys: list[PrivateKey] = []
        self._until = float("-inf")
        self.keys()

    def __repr__(self) -> str:
        return f"<KeyRing of {len(self._keys)}>"

    def __iter__(self) -> Iterator[PrivateKey]:
        return iter(self.keys())

    def __len__(self) -> int:
        return len(self.keys())

    def keys(self) -> list[PrivateKey]:
        """
        Return all keys, in the order of the source.
        """
        now = self._clock()
        if now >= self._until:
            found = load_keys(self._read())
            if not found:
                raise ValueError("the key ring is empty: its source must hold one key at least")
            self._keys, self._until = found, now + self._seconds
        return list(self._keys)

    def key(self, kid: str | None) -> PrivateKey:
        """
        Return the key of an id.

        Args:
            kid: None: the first.

        Raises:
            LookupError: There is none.
        """
        for key in self.keys():
            if kid in (None, key.kid):
                return key
        raise LookupError(f"no key of the tool has the id {kid!r}")
