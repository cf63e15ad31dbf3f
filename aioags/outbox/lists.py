"""
What an outbox lists: the scores that somebody should look at, and what was done with them.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator

from aioags.model.line_item import LineItem, item_url
from aioags.model.mistakes import lists
from aioags.outbox.attempt import Attempt
from aioags.outbox.model import Selection, State, StoredScore
from aioags.outbox.store import Store


class Lists:
    """
    The lists of an outbox, page by page from its store.

    Attributes:
        store: Where scores are kept.
    """

    store: Store

    @lists
    def dead(
        self,
        *,
        registration_id: str | None = None,
        line_item: LineItem | str | None = None,
        user_id: str | None = None,
    ) -> AsyncGenerator[StoredScore, None]:
        """
        List the scores that were given up, with the reason in `last_error`; those that fit what is given. Of those with
        `unsure` nobody knows whether the platform has them.
        """
        return self._listed(State.DEAD, Selection(registration_id, item_url(line_item), user_id))

    @lists
    def deferred(
        self,
        *,
        registration_id: str | None = None,
        line_item: LineItem | str | None = None,
        user_id: str | None = None,
    ) -> AsyncGenerator[StoredScore, None]:
        """
        List the scores that the platform refused and that are tried again, with the reason in `last_error`; and those
        of a line item that refused all that were tried (`attempts` 0: this one was not).
        """
        return self._listed(State.DEFERRED, Selection(registration_id, item_url(line_item), user_id))

    @lists
    def delayed(
        self,
        *,
        registration_id: str | None = None,
        line_item: LineItem | str | None = None,
        user_id: str | None = None,
    ) -> AsyncGenerator[StoredScore, None]:
        """
        List the due scores whose last attempt failed without a refusal; they are tried again at `not_before`.
        """
        return self._listed(State.DUE, Selection(registration_id, item_url(line_item), user_id))

    async def history(
        self, registration_id: str, *, user_id: str | None = None, line_item: LineItem | str | None = None
    ) -> AsyncGenerator[Attempt, None]:
        """
        Tell what was sent and what became of it: the journal's attempts that fit what is given, the newest last.

        Args:
            user_id: None: of everybody.

            line_item: A line item or its id. None: of all.

        Yields:
            Attempts, in the order in which what became of them was stored.

        Raises:
            StoreError: The store failed.
        """
        selection, after = Selection(registration_id, item_url(line_item), user_id), 0
        while page := await self.store.attempts(selection, after=after):
            for after, attempt in page:  # noqa: B007  The last number is where the next page begins.
                yield attempt

    async def _listed(self, state: State, selection: Selection) -> AsyncGenerator[StoredScore, None]:
        after: tuple[str, str, str] | None = None
        while rows := await self.store.listed(selection, state, after=after):
            for row in rows:
                yield row
            after = rows[-1].key
