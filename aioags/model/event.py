"""
What a client tells about its work, for logs and metrics.
"""

from __future__ import annotations

import attrs


@attrs.frozen
class Event:
    """
    One request, and what follows from its answer. Holds no token, no body, no user id.

    Two kinds are about no request and have `attempt` 0: ``find_or_create_line_item`` says in `error` why a second line
    item of one identity stays, and in `url` which; ``line_items``, ``results`` and ``members`` say that a filter left
    out all that the platform listed, and that the platform may have chosen it.

    Attributes:
        operation: The method behind it, such as ``post_score``; ``token`` for an access token.

        method: HTTP method.

        url: Where it went, fit for a log line.

        attempt: 1 for the first request of the call; 0: it is about none.

        status: HTTP status. None: no answer came.

        seconds: From the moment the request was sent until its answer was read.

        error: Class name of the error, or a sentence where `attempt` is 0. None: the call is done.

        wait: Seconds until the next try. None: there is none.

        away: The platform is taken to be away: after many answers in a row that were none, calls wait, and one at a
            time finds out whether it is back. `wait` is then the least.
    """

    operation: str
    method: str
    url: str
    attempt: int
    status: int | None
    seconds: float
    error: str | None = None
    wait: float | None = None
    away: bool = False
