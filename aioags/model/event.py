"""
What a client tells about its work, for logs and metrics.
"""

from __future__ import annotations

import attrs


@attrs.frozen
class Event:
    """
    One request, and what follows from its answer. Holds no token, no body, no user id.

    Attributes:
        operation: The method behind it, such as ``post_score``; ``token`` for an access token.

        method: HTTP method.

        url: Where it went, fit for a log line.

        attempt: 1 for the first request of the call.

        status: HTTP status. None: no answer came.

        seconds: From the moment the request was sent until its answer was read.

        error: Class name of the error. None: the call is done.

        wait: Seconds until the next try. None: there is none.
    """

    operation: str
    method: str
    url: str
    attempt: int
    status: int | None
    seconds: float
    error: str | None = None
    wait: float | None = None
