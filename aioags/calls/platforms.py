"""
The gates of one `Client`, one for each platform, and which of them can be forgotten.

A gate is kept while it holds anything that a new one would not know: a call in flight or waiting, a hold, an outage or
failures that may become one, a limit that was learned. Without that, a minute of silence takes its memory of the
platform (`Pacer`), and then it can go. Beyond the bound a learned limit goes too, never the rest: then there are more.

Whenever a platform is new, two of the old are looked at, in turn: nobody waits for a search through all of them.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, ItemsView
from itertools import islice

from aioags.calls.gates import Gate

Key = tuple[str, str]
"""Origin, and client id or the name of what is asked without a credential."""

MOST_PLATFORMS = 16_384
"""
Platforms that a client remembers: 10,000 schools, and room. An idle one takes less than 4 KiB.
"""

_LOOKED_AT = 2
# Where there are too many, to find one that can go.
_SEARCHED = 16
# A client id whose key changes now and then has several accounts.
_MOST_ACCOUNTS = 4


class Platforms:
    """
    Gates by platform.

    Args:
        most: How many are kept, as far as they can go at all.

        make: Makes the gate of a platform.

        clock: Seconds that never step back.
    """

    def __init__(self, most: int, make: Callable[[Key], Gate], *, clock: Callable[[], float]) -> None:
        self._most = most
        self._make = make
        self._clock = clock
        # Not a dict: what is taken from its front leaves holes that each look has to pass.
        self._gates: OrderedDict[Key, Gate] = OrderedDict()

    def gate(self, key: Key) -> Gate:
        """
        Return the gate of a platform.
        """
        gate = self._gates.get(key)
        return self._new(key) if gate is None else gate

    def __len__(self) -> int:
        return len(self._gates)

    def items(self) -> ItemsView[Key, Gate]:
        """
        Return what is remembered.
        """
        return self._gates.items()

    def _new(self, key: Key) -> Gate:
        full = len(self._gates) >= self._most
        self._forget(_SEARCHED if full else _LOOKED_AT, full=full)
        gate = self._gates[key] = self._make(key)
        return gate

    def _forget(self, looked_at: int, *, full: bool) -> None:
        now = self._clock()
        for key in list(islice(self._gates, looked_at)):
            gate = self._gates[key]
            if not gate.is_idle(now) or (gate.pacer.has_limits and not full):
                # The others come before it is looked at again.
                self._gates.move_to_end(key)
                continue
            del self._gates[key]
            gate.is_forgotten = True
            if full and len(self._gates) < self._most:
                return


def with_account(accounts: tuple[Hashable, ...], account: Hashable) -> tuple[Hashable, ...]:
    """
    Return the accounts of a platform with this one, the latest last.
    """
    return (*accounts, account)[-_MOST_ACCOUNTS:]
