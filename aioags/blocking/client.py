"""
`Client` for threads that wait.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

import aioags.client
import aioags.gradebook
from aioags.blocking.gradebook import Gradebook
from aioags.blocking.running import Running, called
from aioags.model.endpoint import Endpoint
from aioags.model.event import Event
from aioags.model.member import Member
from aioags.model.policy import Pace, RetryPolicy
from aioags.model.registration import Registration
from aioags.model.traffic import Traffic
from aioags.model.unreadable import OnUnreadable

if TYPE_CHECKING:
    from aioags.memberships import OffersMemberships

T = TypeVar("T")


class Client:
    """
    `aioags.Client` for programs without an event loop. Make one for the program; threads share it.

    Args:
        retry, pace, on_event: As for `aioags.Client`.

        settings: The others of `aioags.Client`. A ``session`` is none: it belongs to an event loop of the caller's.

    Raises:
        TypeError, ValueError: A setting is wrong; when the first call is made.
    """

    def __init__(
        self,
        *,
        retry: RetryPolicy = RetryPolicy(),  # noqa: B008
        pace: Pace = Pace(),  # noqa: B008
        on_event: Callable[[Event], None] | None = None,
        **settings: Any,
    ) -> None:
        if "session" in settings:
            raise TypeError("session belongs to an event loop of yours: await the calls of aioags.Client there")
        self._running = Running({"retry": retry, "pace": pace, "on_event": on_event, **settings})

    def gradebook(self, registration: Registration, endpoint: Endpoint) -> Gradebook:
        """
        Return the gradebook of one registration and endpoint, as `aioags.Client.gradebook`.
        """
        return self.open_gradebook(lambda client: client.gradebook(registration, endpoint))

    def open_gradebook(self, opened: Callable[[aioags.client.Client], aioags.gradebook.Gradebook]) -> Gradebook:
        """
        Return a gradebook of another back end.

        Args:
            opened: Opens it, in the background thread; once in each process.

        Example:
            >>> with Client() as ags:
            ...     account = "https://your.ltiaas.com", "df06d55e-3b0f"
            ...     gradebook = ags.open_gradebook(lambda client: client.ltiaas(*account).gradebook(ltik="eyJhbGciOi"))
        """
        self._running.run(called(opened))
        return Gradebook(self._running, opened)

    def memberships(
        self,
        source: OffersMemberships,
        *,
        role: str | None = None,
        resource_link_id: str | None = None,
        limit: int | None = None,
        on_unreadable: OnUnreadable | None = None,
    ) -> Iterator[Member]:
        """
        Read who is in the course, as `aioags.Client.memberships`.

        Yields:
            Members. Read ahead are at most as many as were taken, and no more than 128.
        """
        return self._running.iterate(
            lambda client: client.memberships(
                source, role=role, resource_link_id=resource_link_id, limit=limit, on_unreadable=on_unreadable
            )
        )

    def stats(self) -> list[Traffic]:
        """
        Say how it stands with each platform that was asked, as `aioags.Client.stats`.
        """
        return self._running.run(called(lambda client: client.stats()))

    def run(self, call: Callable[[aioags.client.Client], Awaitable[T]]) -> T:
        """
        Run whatever else has to be awaited, in the background loop, and wait for it: other services, LTIAAS, an outbox.

        Args:
            call: Is given the `aioags.Client` of this process, in the background thread.

        Raises:
            RuntimeError: The client was closed, or this thread must not wait; the message says what to do.

        Example:
            >>> with Client() as ags:
            ...     item = ags.run(lambda client: client.gradebook(registration, endpoint).get_line_item())
        """
        return self._running.run(call)

    def close(self) -> None:
        """
        Close what was opened. Calls in flight fail. Can be called twice; at exit it happens by itself.
        """
        self._running.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<blocking Client: {self._running!r}>"
