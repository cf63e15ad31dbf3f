"""
What an outbox knows of the gradebook: what it last sent, what stands there now, and what is to be put.

What was last sent stands in the journal. Of a user of whom it tells nothing, since it was switched off or the file is
older than it, the row still knows, for as long as it is kept.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Iterator, Mapping
from contextlib import aclosing, closing
from typing import Any

import attrs

from aioags.client import Client
from aioags.grading.plan import Compared, Plan, Roster, Scores
from aioags.grading.posting import Source
from aioags.model.change import ShownGrade, in_points
from aioags.model.endpoint import Endpoint
from aioags.model.last_sent import LastSent
from aioags.model.line_item import LineItem, item_url
from aioags.model.result import Result
from aioags.model.score import Score
from aioags.model.value import value
from aioags.outbox.attempt import Attempt
from aioags.outbox.damage import damage_of
from aioags.outbox.lists import Lists
from aioags.outbox.model import Selection, State, StoredScore, to_micros
from aioags.outbox.packing import pack_endpoint
from aioags.outbox.registry import Registry, open_gradebook
from aioags.outbox.scratch import SentRecords, scratch
from aioags.outbox.store import Store
from aioags.protocol.comparing import grade_of, is_ours

_ROWS_AT_ONCE = 1_000


class OutboxPlan(Compared):
    """
    A plan of which `apply` puts what differs: made by `Outbox.plan`. Nothing was put yet.

    ``str(plan)`` is one line. Its lists, ``line_item`` and ``superseded`` are those of `Plan`; what counts as ours is
    what the outbox is known to have sent.
    """

    def __init__(self, plan: Plan, put: Callable[[AsyncIterable[Score]], Awaitable[int]]) -> None:
        super().__init__(plan._column, plan._reading, superseded=plan.superseded, knows_members=plan._knows_members)
        self._put = put

    async def apply(self, *, overwrite: bool = False) -> int:
        """
        Put what is new and what is changed. Once only; what is read again, and what is kept from a teacher's grade, is
        as of `Plan.apply`.

        Args:
            overwrite: Put what is `overridden` as well.

        Returns:
            How many were stored. Others were dropped, since the outbox holds a newer one.

        Raises:
            RuntimeError: It was applied before.

            StoreError: Some may not be stored. Make another plan: to put some again does no harm.
        """
        return await self._put(self.to_send(overwrite=overwrite))


@value
class Drift:
    """
    A grade that is not as it was last sent.

    ``str(drift)`` is one line, without the comments.

    Attributes:
        user_id: Whose it is.

        sent: What was recorded last, or else sent last and perhaps recorded.

        shown: What stands there now. None: neither a grade nor a comment.
    """

    user_id: str = attrs.field(repr=False)
    sent: LastSent
    shown: ShownGrade | None = attrs.field(repr=False)

    def __str__(self) -> str:
        sent, shown = self.sent, "nothing" if self.shown is None else str(self.shown)
        when = sent.timestamp.isoformat(sep=" ", timespec="minutes")
        perhaps = "" if sent.recorded else ", perhaps recorded"
        return f"{self.user_id}: {in_points(sent.score_given, sent.score_maximum)} sent on {when}{perhaps}; now {shown}"


@attrs.frozen
class Memory:
    """
    What a store knows of what was last sent for one registration: for ``last_sent=`` of a plan.
    """

    store: Store
    registration_id: str

    async def last_sent(self, line_item: str) -> AsyncGenerator[LastSent, None]:
        """
        Say what was last sent to one line item, by user id.
        """
        # Journal and rows are listed in the same order: side by side, a page of each is in memory.
        async with aclosing(self._recorded(line_item)) as rows, aclosing(self._noted(line_item)) as attempts:
            row = await anext(rows, None)
            async for attempt in attempts:
                while row is not None and row.user_id < attempt.user_id:
                    for record in _remembered(row):
                        yield record
                    row = await anext(rows, None)
                if row is not None and row.user_id == attempt.user_id and _sent_at(row) <= to_micros(attempt.timestamp):
                    row = await anext(rows, None)
                yield attempt.as_last_sent()
            while row is not None:
                for record in _remembered(row):
                    yield record
                row = await anext(rows, None)

    async def _noted(self, line_item: str) -> AsyncGenerator[Attempt, None]:
        after = ""
        while page := await self.store.last_sent(self.registration_id, line_item, after=after, limit=_ROWS_AT_ONCE):
            after = page[-1].user_id
            for attempt in page:
                yield attempt

    async def _recorded(self, line_item: str) -> AsyncGenerator[StoredScore, None]:
        selection, after = Selection(self.registration_id, line_item), None
        while rows := await self.store.listed(selection, State.SENT, after=after, limit=_ROWS_AT_ONCE):
            after = rows[-1].key
            for row in rows:
                yield row


def _sent_at(row: StoredScore) -> int:
    return row.ts if row.wire_ts is None else row.wire_ts


def _remembered(row: StoredScore) -> Iterator[LastSent]:
    if damage_of(row) is None:
        yield LastSent.of(row.wire_score)


class Planner(Lists):
    """
    The part of an outbox that compares with what platforms show.
    """

    _client: Client
    _registry: Registry
    # The name of the only registration. None: there are several, or nobody knows.
    _only: str | None

    @abstractmethod
    async def put_many(
        self,
        registration_id: str,
        endpoint: Endpoint | Mapping[str, Any],
        scores: Source,
        *,
        line_item: LineItem | str | None = None,
    ) -> int:
        """
        Store many scores.
        """

    def last_sent(
        self, line_item: LineItem | str, *, registration_id: str | None = None
    ) -> AsyncGenerator[LastSent, None]:
        """
        Tell what was last sent to a line item: of each user what was recorded last, and every later attempt of which
        nobody knows. So an outbox can be ``last_sent=`` of `Gradebook.plan`.

        Args:
            line_item: A line item or its id.

            registration_id: None: the only one of the outbox.

        Raises:
            ValueError: There is not only one registration.

            StoreError: The store failed.
        """
        name = self._only if registration_id is None else registration_id
        if name is None:
            raise ValueError("this outbox knows more than one registration: plan with outbox.plan(registration_id, …)")
        url = item_url(line_item)
        if url is None:
            raise ValueError("last_sent needs a line item with an id")
        return Memory(self.store, name).last_sent(url)

    async def plan(
        self,
        registration_id: str,
        endpoint: Endpoint | Mapping[str, Any],
        scores: Scores,
        *,
        line_item: LineItem | str | None = None,
        members: Roster | None = None,
    ) -> OutboxPlan:
        """
        Compare what is wanted with what the platform shows and with what was last sent, and put nothing:
        `OutboxPlan.apply` puts what differs.

        Args:
            endpoint: As of `put`.

            scores: What is wanted, for one line item; read whole.

            line_item: A line item or its id. None: the endpoint's own.

            members: Who is in the course; as of `Gradebook.plan`.

        Raises:
            NotOfferedError: The endpoint lacks the result scope, or a line item of its own.

            StoreError: The store failed.

            AGSError: The platform cannot be read.
        """
        reference, own = pack_endpoint(endpoint, item_url(line_item))
        gradebook = await open_gradebook(self._registry, self._client, registration_id, reference)
        memory = Memory(self.store, registration_id)
        plan = await gradebook.plan(scores, line_item=own, last_sent=memory, members=members)

        async def put(chosen: AsyncIterable[Score]) -> int:
            return await self.put_many(registration_id, endpoint, chosen, line_item=own)

        return OutboxPlan(plan, put)

    async def drift(self, registration_id: str, *, line_item: LineItem | str) -> AsyncGenerator[Drift, None]:
        """
        Compare what was last sent to a line item with what stands there now, and tell what differs: who was graded
        otherwise, or whose grade is gone.

        Args:
            line_item: A line item or its id, for which something was put.

        Yields:
            In the order of the platform's results; then those who have none.

        Raises:
            ValueError: The outbox does not know the line item: nothing was put for it.

            StoreError: The store failed.

            AGSError: The platform cannot be read.
        """
        url = item_url(line_item)
        endpoint = await self.store.endpoint(registration_id, url) if url else None
        if url is None or endpoint is None:
            raise ValueError("drift needs a line_item for which something was put")
        gradebook = await open_gradebook(self._registry, self._client, registration_id, endpoint)
        with closing(scratch()) as data:
            sent = SentRecords(data)
            async for record in Memory(self.store, registration_id).last_sent(url):
                sent.add(record)
            async with aclosing(gradebook.results(line_item=url)) as results:
                async for result in results:
                    records = sent.pop(result.user_id)
                    if records and (found := _drift_of(records, result)) is not None:
                        yield found
            for records in sent.rest():
                if (found := _drift_of(records, None)) is not None:
                    yield found


def _drift_of(records: list[LastSent], result: Result | None) -> Drift | None:
    if any(is_ours(result, record) for record in records):
        return None
    newest = max(records, key=lambda record: (record.recorded is True, record.timestamp))
    return Drift(newest.user_id, newest, grade_of(result))
