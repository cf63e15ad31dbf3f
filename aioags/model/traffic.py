"""
How it stands between a client and one platform.
"""

from __future__ import annotations

from datetime import datetime

import attrs


@attrs.frozen
class Traffic:
    """
    What one platform is being asked just now. Holds no secret; its `str` is one line.

    Attributes:
        origin: Scheme, host and port.

        name: Whose requests they are: the client id; for access tokens ``token``.

        window: How many requests may be in flight, as the search for the best number has it now.

        in_flight: How many are.

        waiting: How many callers wait for a place.

        closed_until: Nothing is sent before. None: nothing holds it up.

        why: Class name of the error that closed it. None: it is open, or its requests are only being spaced.

        token_until: When its access token ends that lives longest. None: there is none in the cache.
    """

    origin: str
    name: str
    window: int
    in_flight: int
    waiting: int
    closed_until: datetime | None = None
    why: str | None = None
    token_until: datetime | None = None

    def __str__(self) -> str:
        line = f"{self.name} at {self.origin}: {self.in_flight} of {self.window} in flight, {self.waiting} waiting"
        if self.closed_until is not None:
            line += f", closed until {self.closed_until:%H:%M:%S}" + (f" ({self.why})" if self.why else "")
        return line
