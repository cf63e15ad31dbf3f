"""
`Gradebook`: what one launch lets a tool see and do.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Iterable
from functools import partial
from typing import TYPE_CHECKING

from aioags.calls.service import Service
from aioags.errors import shown_url
from aioags.grading.line_items import LineItems
from aioags.grading.listing import list_results, listed_results, read_result
from aioags.grading.looking import Looks
from aioags.grading.posting import ScorePosting, Source
from aioags.grading.sending import Sender
from aioags.grading.shared import Shared
from aioags.model import checks
from aioags.model.delivery import Delivery
from aioags.model.line_item import LineItem, item_url
from aioags.model.mistakes import lists
from aioags.model.result import Result
from aioags.model.score import Score
from aioags.model.unreadable import OnUnreadable, check_listener
from aioags.protocol.dialect import Dialect
from aioags.protocol.urls import own_spelling

if TYPE_CHECKING:
    from aioags.grading.plan import LastSentSource, Plan, Roster, Scores


class Gradebook(LineItems):
    """
    What one registration and endpoint let this tool see and do. Made by `Client.gradebook`.

    ``line_item=`` takes a `LineItem`, its id, or None for the endpoint's own, everywhere. Every method may raise any
    `AGSError`; those named are the ones to expect.

    Attributes:
        coupled: URL of the line item that belongs to the launched link. None: there is none, or several.
    """

    def __init__(self, service: Service[Dialect], shared: Shared) -> None:
        super().__init__(service, shared)
        self._sender = Sender(service, shared, Looks(service))

    def __repr__(self) -> str:
        credential, coupled = self._service.credential, self.coupled
        name = "nobody" if credential is None else credential.name
        return f"<Gradebook of {name!r}, line item {shown_url(coupled) if coupled else None!r}>"

    async def post_score(
        self, score: Score, *, line_item: LineItem | str | None = None, confirm: bool = False
    ) -> Delivery:
        """
        Post one score, after those of the same user and line item that were posted before.

        A grade that a teacher gave by hand: Canvas replaces it by this score, unless `CanvasSubmission` says otherwise.
        Moodle replaces it in a line item that the tool made; in the coupled one the teacher's stays, and the answer is
        yes all the same. Of other platforms it is not known: assume either, and where that matters post what a `plan`
        makes of it.

        Args:
            confirm: When the answer is lost and nobody knows, read the result to find out. Needs the result scope.

        Returns:
            The delivery, always without an error.

        Raises:
            StaleScoreError: The platform holds a score as new or newer.

            UserNotGradableError: Not in the course, or without a role that can be graded.

            NotFoundError: The line item is gone, with `gone` True; with None it may be the user that the platform does
                not know: the line item cannot be read.

            LostAnswerError: Nobody knows; ``recorded`` is None.

        Spec:
            AGS 3.4
        """
        if not isinstance(score, Score):
            raise TypeError(f"post_score takes a Score, got {type(score).__name__}")
        delivery = await self._sender.post(self._item(line_item), score, confirm=confirm)
        if delivery.error is not None:
            raise delivery.error
        return delivery

    def post_scores(
        self,
        scores: Source,
        *,
        line_item: LineItem | str | None = None,
        coalesce: bool = False,
        confirm: bool = False,
        patient: bool = True,
    ) -> ScorePosting:
        """
        Post many scores, a bounded number at once: await it for a `Report`, or stream the deliveries.

        One user's scores of one line item go in the given order; one bad score does not stop the rest. An exception of
        the source itself comes out bare.

        Args:
            scores: Scores, or (line item, score) pairs; an iterable, or an asynchronous one, pulled as it is needed.

            line_item: For scores without one of their own.

            coalesce: Send only the newest of a user's scores that wait; the others are delivered with
                `SupersededError`.

            confirm: As in `post_score`.

            patient: While the platform is away, scores wait for it, each for `RetryPolicy.total_time` at the most.
                False: they fail at once, with ``retry_after`` until it is asked again.

        Example:
            >>> report = await gradebook.post_scores(scores)
            >>> async with gradebook.post_scores(scores) as deliveries:
            ...     async for delivery in deliveries:
            ...         assert delivery.recorded

        Spec:
            AGS 3.4
        """
        if not isinstance(scores, (Iterable, AsyncIterable)) or isinstance(scores, (str, bytes)):
            one = ": post_score takes one" if isinstance(scores, Score) else ""
            raise TypeError(f"post_scores takes an iterable of Scores, got {type(scores).__name__}{one}")
        return ScorePosting(
            scores,
            self._sender.of_batch(waits=patient),
            self._shared,
            line_item=own_spelling(item_url(line_item), self.coupled),
            concurrency=self._service.engine.ceiling,
            coalesce=coalesce,
            confirm=confirm,
        )

    async def plan(
        self,
        scores: Scores,
        *,
        line_item: LineItem | str | None = None,
        last_sent: LastSentSource | None = None,
        members: Roster | None = None,
    ) -> Plan:
        """
        Compare what is wanted with what the platform shows, and send nothing: `Plan.apply` sends what differs.

        A grade that a person changed by hand is seen, and stays unless you say otherwise. Progress is no part of a
        result: it is compared with `last_sent` only, and without it a score that has no value and meets no grade is
        unchanged.

        Args:
            scores: What is wanted, an iterable or an asynchronous one; read whole. Of several scores of one user the
                newest counts, by stamp: the others are counted as `Plan.superseded`.

            last_sent: What was last sent: something that remembers it, such as an outbox, or a mapping of user ids to
                Scores. It tells what is ours from what somebody else put there. None: every value that differs is
                *overridden*, and a comment is added where there is none.

            members: Who is in the course: members, such as ``client.memberships(…)`` yields them, or user ids. Who is
                none, or no longer active, is `Plan.not_in_course`, and gets nothing. None: everybody is asked for.

        Returns:
            The plan, as of now. It keeps the scores and a line for each: some 60 MiB for 100,000, 80 with `last_sent`.

        Raises:
            NotOfferedError: The endpoint lacks the result scope, or a line item.

            MalformedError: A result cannot be read: it may be anybody's.

            TypeError: One of the arguments is of another kind. Pairs of line item and score are refused.

        Example:
            >>> plan = await gradebook.plan(scores)
            >>> for change in plan.changed:
            ...     print(change)
            >>> report = await plan.apply()

        Spec:
            AGS 3.3
        """
        from aioags.grading.plan import Column, make_plan

        item_id = self._item(line_item)
        column = Column(
            item_id,
            partial(listed_results, self._service, item_id),
            partial(self.post_scores, line_item=item_id),
            self._service.engine.runtime.clock,
        )
        return await make_plan(column, scores, last_sent=last_sent, members=members)

    @lists
    async def results(
        self,
        *,
        line_item: LineItem | str | None = None,
        user_id: str | None = None,
        limit: int | None = None,
        on_unreadable: OnUnreadable | None = None,
    ) -> AsyncGenerator[Result, None]:
        """
        Read what the gradebook shows, every page, each fetched when it is needed.

        Args:
            user_id: Only this user's. None: everybody's.

            limit: Most results on one page, at least 1; not a bound on the whole. None: the platform chooses, and
                that is best: Moodle 4.5 fails with one, Open edX cuts the listing there, and both are then asked again
                without.

            on_unreadable: A plain function that is given each `Unreadable`, such as one without a user id; the rest of
                its page follows. None: the first one raises.

        Yields:
            Results in the platform's order, each user's once. They are sparse: users without a result may be absent.

        Raises:
            MalformedError: A page or a record cannot be read; the record is named by its place.

            NotFoundError: The line item is gone, with `gone` True; with None it may be the user that the platform does
                not know: the line item cannot be read.

        Spec:
            AGS 3.3
        """
        checks.optional_count("limit", limit)
        if user_id is not None:
            checks.text("user_id", user_id)
        check_listener(on_unreadable)
        async for result in list_results(
            self._service, self._item(line_item), user_id=user_id, limit=limit, on_unreadable=on_unreadable
        ):
            yield result

    async def get_result(
        self, user_id: str, *, line_item: LineItem | str | None = None, patient: bool = True
    ) -> Result | None:
        """
        Read the platform's current word on one user.

        Args:
            user_id: LTI user id, the launch's ``sub``.

            patient: As for `post_scores`.

        Returns:
            None when the platform holds no result: results are sparse. Also where it says 404 for a user whom it does
            not know, if the line item can be read and is there. After a score without a value some have a result with
            ``result_score`` None, and some none at all; so "no grade" is ``result is None or result.fraction is None``.
            Canvas holds results of what the tool sent only: None where nobody but a teacher graded.

        Raises:
            NotOfferedError: The endpoint lacks the result scope, or a line item.

            NotFoundError: The line item is gone, with `gone` True; with None it may be the user: the line item cannot
                be read.

            MalformedError: What the platform shows cannot be read, and may be this user's.

        Spec:
            AGS 3.3.5, 3.3.6
        """
        checks.text("user_id", user_id)
        return await read_result(self._serving(patient), self._item(line_item), user_id)
