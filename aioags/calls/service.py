"""
`Service`: a back end, ready to be asked.

Which engine sends, which dialect is spoken and what lets a call in belong together: whoever has one of the three needs
the others.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Any, Generic, Self, TypeVar

import attrs

from aioags.calls.credential import Credential
from aioags.calls.engine import Engine, ReadPage
from aioags.calls.pages import read_pages
from aioags.model.unreadable import OnUnreadable
from aioags.protocol.dialect import Operation, Page
from aioags.protocol.trial import Trial

D_co = TypeVar("D_co", covariant=True)
T = TypeVar("T")


@attrs.frozen
class Service(Generic[D_co]):
    """
    A back end that operations of one dialect can be performed at.

    Attributes:
        engine: Sends; the whole `Client`'s.

        dialect: Makes the operations.

        credential: What lets them in. None: the operations carry their own, or need none.

        patient: While the platform is away, calls wait for it. False: they fail at once.
    """

    engine: Engine
    dialect: D_co
    credential: Credential | None = None
    patient: bool = True

    def perform(
        self, operation: Operation[T], *, trial: Trial[T] | None = None, read: ReadPage | None = None
    ) -> Coroutine[Any, Any, T]:
        """
        Do one call, when awaited.

        Args:
            trial: Watched by a caller that wants to know how often it was sent. None: a new one.

            read: Reads the pages of its search, where several calls can share them. None: each reads its own.

        Raises:
            AGSError: It failed.
        """
        trial = trial or Trial(operation, self.engine.retry, waits=self.patient)
        return self.engine.perform(operation, self.credential, trial=trial, read=read)

    def impatient(self) -> Self:
        """
        Return the same for calls that do not wait while the platform is away.
        """
        return attrs.evolve(self, patient=False)

    def pages(
        self,
        first: Operation[Page[T]],
        further: Callable[[str], Operation[Page[T]]],
        *,
        instead: Operation[Page[T]] | None = None,
        whole: Operation[Page[T]] | None = None,
        limit: int | None = None,
        on_unreadable: OnUnreadable | None = None,
    ) -> AsyncGenerator[T, None]:
        """
        Yield the records of every page, each fetched when it is needed; see `read_pages`.
        """
        return read_pages(
            self.perform,
            self.engine.retry,
            first,
            further,
            instead=instead,
            patient=self.patient,
            whole=whole,
            limit=limit,
            on_unreadable=on_unreadable,
        )
