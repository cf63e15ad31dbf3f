"""
Single flight: what many ask for at once is fetched once.

The fetch of a key runs in a task of its own. Whoever asks while it is under way waits for it, and a waiter that is
cancelled cancels nobody. An error goes to each waiter as a copy of its own, and is not kept: the next who asks fetches
again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

from aioags.errors import AGSError

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class SingleFlight(Generic[K, V]):
    """
    The fetches under way, by key.

    Args:
        what: What is fetched, for the message to those who wait when all ends, and for the tasks' names.

        owner: Whose end that is.
    """

    def __init__(self, what: str, *, owner: str) -> None:
        self._what = what
        self._owner = owner
        self._flights: dict[K, asyncio.Task[V]] = {}
        self._closed = False

    def __contains__(self, key: K) -> bool:
        """
        True while this key is being fetched.
        """
        return key in self._flights

    async def fetch(self, key: K, start: Callable[[], Coroutine[Any, Any, V]]) -> V:
        """
        Return what the fetch under way brings; start one when there is none.

        Raises:
            AGSError: The fetch failed; this caller's own copy, with the first as its cause.

            RuntimeError: It was closed meanwhile.
        """
        flight = self._flights.get(key)
        if flight is None:
            flight = asyncio.create_task(start(), name=f"aioags {self._what}")
            self._flights[key] = flight
            flight.add_done_callback(lambda done: self._landed(key, done))
        try:
            return await asyncio.shield(flight)
        except AGSError as error:
            raise error.copied() from error
        except asyncio.CancelledError:
            if flight.cancelled() and self._closed:
                raise RuntimeError(f"the {self._owner} was closed while a {self._what} was on its way") from None
            raise

    def _landed(self, key: K, flight: asyncio.Task[V]) -> None:
        self._flights.pop(key, None)
        if not flight.cancelled():
            # Every waiter may be gone; then nobody else asks for the error.
            flight.exception()

    async def aclose(self) -> None:
        """
        Cancel what is under way.
        """
        self._closed = True
        flights = list(self._flights.values())
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)
