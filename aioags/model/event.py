"""
What a client tells about its work, for logs and metrics; what every event is.
"""

from __future__ import annotations

from typing import ClassVar

import attrs

# As `logging` has them, which is not for this layer.
DEBUG, INFO, WARNING = 10, 20, 30


@attrs.frozen
class Event:
    """
    Something that happened. Its `str` is its line in the log.

    No event holds a token, a key, a body, a grade, a comment or a user id, and no URL the query that names a person.

    Attributes:
        loudest: Highest level of the log at which its kind is told. 0: it is not logged.
    """

    loudest: ClassVar[int] = DEBUG

    @property
    def level(self) -> int:
        """
        Level of its line in the log. 0: it is not logged.
        """
        return self.loudest

    @property
    def text(self) -> str:
        """
        Its line, with ``%(field)s`` for fields: what is alike in all events of a sort, as collectors of logs group by.
        """
        return type(self).__name__

    def __str__(self) -> str:
        return self.text % attrs.asdict(self)


@attrs.frozen
class RequestEvent(Event):
    """
    One request, and what follows from its answer.

    Attributes:
        operation: The method behind it, such as ``post_score``; ``token`` for an access token, ``key_set`` for keys.

        method: HTTP method.

        url: Where it went, fit for a log line.

        attempt: 1 for the first request of the call. 0: none was sent yet, since no token could be had.

        status: HTTP status. None: no answer came.

        seconds: From the moment the request was sent until its answer was read.

        error: Class name of the error. None: the call is done.

        wait: Seconds until the next try. None: there is none.

        away: The platform is taken to be away: after many answers in a row that were none, calls wait, and one at a
            time finds out whether it is back. `wait` is then the least.

        origin: Scheme, host and port.

        name: Whose request it is: the client id; for access tokens ``token``, for keys ``key_set``.
    """

    operation: str
    method: str
    url: str
    attempt: int
    status: int | None
    seconds: float
    error: str | None
    wait: float | None
    away: bool
    origin: str
    name: str

    @property
    def text(self) -> str:
        """
        Its line in the log.
        """
        status = "no answer" if self.status is None else "%(status)d"
        ended = ", %(error)s" if self.error else ""
        again = "" if self.wait is None else ", again in %(wait).1f s"
        return f"%(method)s %(url)s: {status}, %(seconds).3f s{ended}{again}"


@attrs.frozen
class RepeatEvent(Event):
    """
    A call is going to be tried again.

    Attributes:
        operation: As of `RequestEvent`.

        origin, name: As of `RequestEvent`.

        attempt: Number of the request that comes next.

        wait: Seconds until then, at the least.

        error: Class name of the error that it is repeated for. None: the token was renewed.
    """

    operation: str
    origin: str
    name: str
    attempt: int
    wait: float
    error: str | None

    @property
    def text(self) -> str:
        """
        Its line in the log.
        """
        why = "%(error)s" if self.error else "with a new token"
        return f"%(operation)s at %(origin)s: attempt %(attempt)d in %(wait).1f s: {why}"


@attrs.frozen
class ThrottleEvent(Event):
    """
    A platform refused because there were too many requests.

    Attributes:
        operation, origin, name: As of `RequestEvent`.

        status: HTTP status.

        hold: Seconds for which nothing is sent to it from now on.

        window: How many requests it may have in flight from now on.
    """

    operation: str
    origin: str
    name: str
    status: int
    hold: float
    window: int

    @property
    def text(self) -> str:
        """
        Its line in the log.
        """
        return "%(name)s at %(origin)s: throttled, nothing is sent for %(hold).1f s, then %(window)d at once"


@attrs.frozen
class WindowEvent(Event):
    """
    The search for how many requests a platform takes at once went a step on.

    Attributes:
        origin, name: As of `RequestEvent`.

        before: How many might be in flight.

        window: How many may be now.

        in_flight: How many are.
    """

    origin: str
    name: str
    before: int
    window: int
    in_flight: int

    @property
    def text(self) -> str:
        """
        Its line in the log.
        """
        return "%(name)s at %(origin)s: %(before)d requests at once became %(window)d"


@attrs.frozen
class BreakerEvent(Event):
    """
    A platform is taken to be away, or is back: the circuit breaker opened or closed.

    Attributes:
        origin, name: As of `RequestEvent`.

        is_open: True: it is away; calls wait, and one at a time finds out whether it is back.

        error: Class name of the error behind it. None: it is back.

        seconds: How long it was away; 0.0 when it opened.
    """

    loudest: ClassVar[int] = WARNING
    origin: str
    name: str
    is_open: bool
    error: str | None
    seconds: float

    @property
    def level(self) -> int:
        """
        A warning when it opened.
        """
        return WARNING if self.is_open else INFO

    @property
    def text(self) -> str:
        """
        Its line in the log.
        """
        away = "is away (%(error)s): calls wait, and one at a time finds out whether it is back"
        return f"%(name)s at %(origin)s {away if self.is_open else 'is back after %(seconds).0f s'}"


@attrs.frozen
class TokenEvent(Event):
    """
    An access token was asked for.

    Attributes:
        origin: Of the token endpoint.

        name: The client id.

        attempts: How many requests that took.

        seconds: From the first to the last of them, waits included.

        expires_in: How long it lives, seconds. None: none was granted.

        error: Class name of the error. None: it was granted.
    """

    origin: str
    name: str
    attempts: int
    seconds: float
    expires_in: float | None
    error: str | None

    @property
    def text(self) -> str:
        """
        Its line in the log.
        """
        became = "no token: %(error)s" if self.error else "a token for %(expires_in).0f s"
        return f"%(name)s at %(origin)s: {became} (requests: %(attempts)d, %(seconds).3f s)"


@attrs.frozen
class DeliveryEvent(Event):
    """
    It is known what became of one score, as far as it ever will be. Not logged: a batch has one line.

    Attributes:
        origin: Of the line item. Empty: there was none.

        line_item: Its URL, fit for a log line. None: there was none.

        attempts: How many requests were sent. 0: none.

        recorded: True: the platform has it. False: surely not. None: nobody knows.

        error: Class name of the error. None: it is recorded.
    """

    loudest: ClassVar[int] = 0
    origin: str
    line_item: str | None
    attempts: int
    recorded: bool | None
    error: str | None

    @property
    def text(self) -> str:
        """
        A line like those of the log.
        """
        became = "%(error)s" if self.error else "recorded"
        return f"a score for %(line_item)s: {became} (requests: %(attempts)d)"


@attrs.frozen
class BatchEvent(Event):
    """
    Many scores are about to be posted, or are done with. Told twice for each ``post_scores``.

    Attributes:
        batch: Tells its batch from the others under way.

        is_over: False: it begins, and the counts are 0.

        total: Scores that were delivered.

        recorded: Of them, those that the platform has.

        seconds: From its beginning.
    """

    loudest: ClassVar[int] = INFO
    batch: int
    is_over: bool
    total: int = 0
    recorded: int = 0
    seconds: float = 0.0

    @property
    def level(self) -> int:
        """
        Its end is told, if there was anything.
        """
        return INFO if self.total else DEBUG

    @property
    def text(self) -> str:
        """
        Its line in the log.
        """
        if not self.is_over:
            return "post_scores begins"
        return "post_scores: %(recorded)d of %(total)d scores recorded in %(seconds).1f s"


@attrs.frozen
class NoticeEvent(Event):
    """
    Something about a platform that a person should look at: a second line item of one identity stays; or a filter left
    out all that the platform listed, and the platform may have chosen it.

    Attributes:
        operation: The method that met it.

        url: What it is about, fit for a log line.

        reason: A sentence.
    """

    loudest: ClassVar[int] = INFO
    operation: str
    url: str
    reason: str

    @property
    def text(self) -> str:
        """
        Its line in the log.
        """
        return "%(operation)s: %(url)s: %(reason)s"
