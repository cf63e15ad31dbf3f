"""
What an outbox needs of a store. `aioags.outbox.conformance` checks that one keeps these promises.

The truth is a table, not a queue: one row for each (registration, line item, user), with the latest score of that user.

- `put` replaces a row's score if the new one is newer (`aioags.outbox.order`), and only then: putting twice is
  idempotent. The row becomes due, whatever it was, and remembers who stamped the score.
- `take` settles the stamp for the wire and notes that an attempt begins, durably, before anything is sent. The stamp of
  a score that was tried before stays. A new one gets ``max(ts, whole second after the last wire_ts)``, because Moodle
  compares whole seconds; if nobody knows what became of the attempt before, a whole second after now as well, because
  Moodle stores the time of its own clock for a score without a value.
- `settle` closes a row only if its score is still the one that was tried. So a score that was put during the post of an
  older one stays due. What was recorded stays recorded, unless an older score was recorded after it, by a process that
  was stopped in between: then it is due again, because not every platform compares stamps.
- `settle` also writes the attempt that comes with an outcome into the journal, in the same transaction, and only once
  however often it is told; none for a row that is gone or that knows of no attempt. What is written is never changed.
- What refuses everything is a line item that is deferred: `defer` and `lift` move all its rows in one go.
- Nothing stored holds a row back for more than a day from now: a time that is further ahead counts as over. It was
  written while a clock was wrong.

One line item is not drained twice at once: the caller sees to that as well as it can. Everything else may happen at any
time, in several processes.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from hashlib import sha256
from typing import Protocol

from aioags.outbox.attempt import Attempt
from aioags.outbox.erasing import Erased
from aioags.outbox.model import Block, Deferral, DueItem, Entry, Outcome, Selection, State, StoredScore, Taken
from aioags.outbox.stats import Stats


class Store(Protocol):
    """
    A durable table of scores. Every method may raise `StoreError`.
    """

    async def put(self, entries: Sequence[Entry], *, now: float) -> list[bool]:
        """
        Store scores; durable when this returns.

        Args:
            now: Unix time.

        Returns:
            For each entry, in order: is it now the user's latest? False: the store holds one as new or newer, or the
            batch does.
        """
        ...

    async def due(self, *, now: float) -> list[DueItem]:
        """
        List the line items that have due or deferred scores, each once, with the time of the earliest; blocks and
        deferrals are counted in. In order of what their earliest scores wait for by themselves: so who has just failed
        to find out whether a platform is open again is behind those that were never asked.
        """
        ...

    async def endpoint(self, registration_id: str, line_item: str) -> str | None:
        """
        Return the JSON of the endpoint that was put last for a line item. None: there is no such line item.
        """
        ...

    async def take(
        self,
        registration_id: str,
        line_item: str,
        *,
        now: float,
        limit: int,
        busy: Collection[str] = (),
        probe: bool = False,
    ) -> Taken:
        """
        Begin an attempt with due or deferred scores of one line item whose time has come.

        Args:
            limit: Most rows.

            busy: Users to leave out: theirs are under way.

            probe: Those that were tried least often, first of all. False: those that wait longest.
        """
        ...

    async def settle(self, outcomes: Sequence[Outcome], *, now: float) -> None:
        """
        Store what became of attempts, each of another row; durable when this returns. Rows that are gone do not matter.
        """
        ...

    async def block(self, block: Block, *, now: float) -> None:
        """
        Leave a platform alone until a time; an earlier time than the one that holds now changes nothing.
        """
        ...

    async def delay(self, registration_id: str, line_item: str, until: float) -> None:
        """
        Try the due scores of one line item not before a time. One that is just being put or settled may stay as it is.
        """
        ...

    async def defer(self, registration_id: str, line_item: str, deferral: Deferral) -> int:
        """
        Note that a line item refuses everything: all its due scores are deferred, for the reason given.

        Returns:
            How many.
        """
        ...

    async def lift(self, registration_id: str, line_item: str) -> int:
        """
        Note that a line item takes scores again: all its deferred ones are due at once, with what they remember.

        Returns:
            How many.
        """
        ...

    async def stats(self, *, now: float) -> Stats:
        """
        Count the rows.
        """
        ...

    async def listed(
        self, selection: Selection, state: State, *, after: tuple[str, str, str] | None = None, limit: int = 500
    ) -> list[StoredScore]:
        """
        List rows of a state, by key, one page: those behind the key `after`. Of due ones only those that failed before.
        """
        ...

    async def retry(self, selection: Selection, *, now: float, restamp: bool = False, waiting: bool = False) -> int:
        """
        Make dead and deferred rows due again, from their first attempt on; lift deferrals of their line items and
        blocks of their platforms.

        Args:
            restamp: Send them with a stamp later than `now`: for scores that were refused as stale.

            waiting: Also try due rows at once that wait for a later time. They keep their stamps and their attempts.

        Returns:
            How many.
        """
        ...

    async def prune(self, *, before: float, dead: bool = False) -> int:
        """
        Delete rows that are sent since before a Unix time, and with `dead` also those dead since then.

        Returns:
            How many.
        """
        ...

    async def attempts(self, selection: Selection, *, after: int = 0, limit: int = 500) -> list[tuple[int, Attempt]]:
        """
        List what the journal holds, in the order in which it was written, one page.

        Args:
            after: The number of the last attempt of the page before.

        Returns:
            Each with its number.
        """
        ...

    async def last_sent(
        self, registration_id: str, line_item: str, *, after: str = "", limit: int = 500
    ) -> list[Attempt]:
        """
        List, of each user of a line item, the attempt that was recorded last and every later one of which nobody knows,
        by user id and in the order in which they were written; one page: all of the first users behind `after`.

        Args:
            limit: Most users.
        """
        ...

    async def prune_attempts(self, *, before: float) -> int:
        """
        Delete from the journal what ended before a Unix time.

        Returns:
            How many.
        """
        ...

    async def erase(
        self,
        registration_id: str,
        *,
        user_id: str | None = None,
        line_item: str | None = None,
        lineitems: str | None = None,
    ) -> Erased:
        """
        Delete rows in whatever state, and what the journal holds: all that fits everything that is given or, if it
        raises, nothing.

        Where no person is given the line items are forgotten too, with their endpoints and deferrals; where nothing is
        given but the registration, the block of the platform. What is settled afterwards finds no row, and makes none.

        Args:
            lineitems: Only of line items whose endpoint names this collection.
        """
        ...

    async def lead(self) -> bool:
        """
        Try to become the one process that drains in the background. True: it is this one, until `aclose`.

        Raises:
            StoreError: This store leaves that to a job engine.
        """
        ...

    async def aclose(self) -> None:
        """
        Finish what was begun and let go of everything. Can be called twice.
        """
        ...


def lock_name(registration_id: str, line_item: str) -> str:
    """
    Return the name under which a job engine keeps two drains of one line item apart.

    It has 39 characters, is the same in every process, and tells nothing.
    """
    return f"aioags:{sha256(f'{registration_id}|{line_item}'.encode()).hexdigest()[:32]}"
