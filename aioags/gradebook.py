"""
`Gradebook`: what one launch lets a tool see and do.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Mapping
from datetime import datetime
from typing import Any

import attrs

from aioags.calls.service import Service
from aioags.errors import CoupledLineItemError, NotOfferedError, shown_url
from aioags.grading.changing import change_line_item
from aioags.grading.creating import Duplicates, create_line_item, find_duplicates, find_or_create
from aioags.grading.listing import Filters, list_line_items, list_results, read_result
from aioags.grading.looking import Looks
from aioags.grading.posting import ScorePosting, Source
from aioags.grading.presence import Presence
from aioags.grading.sending import Sender
from aioags.grading.shared import Shared
from aioags.model import checks
from aioags.model.checks import Number
from aioags.model.delivery import Delivery
from aioags.model.line_item import LineItem, item_url
from aioags.model.result import Result
from aioags.model.score import Score
from aioags.model.unreadable import OnUnreadable, check_listener
from aioags.protocol.dialect import Dialect
from aioags.protocol.urls import own_spelling, same_item


class Gradebook:
    """
    What one registration and endpoint let this tool see and do. Made by `Client.gradebook`.

    ``line_item=`` takes a `LineItem`, its id, or None for the endpoint's own, everywhere. Every method may raise any
    `AGSError`; those named are the ones to expect.

    Attributes:
        coupled: URL of the line item that belongs to the launched link. None: there is none, or several.
    """

    def __init__(self, service: Service[Dialect], shared: Shared) -> None:
        self._service = service
        self._dialect = service.dialect
        self._shared = shared
        self._sender = Sender(service, shared, Looks(service))

    @property
    def coupled(self) -> str | None:
        """
        URL of the line item that belongs to the launched link. None: there is none, or several.
        """
        return self._dialect.coupled

    def __repr__(self) -> str:
        credential, coupled = self._service.credential, self.coupled
        name = "nobody" if credential is None else credential.name
        return f"<Gradebook of {name!r}, line item {shown_url(coupled) if coupled else None!r}>"

    async def line_items(
        self,
        *,
        resource_link_id: str | None = None,
        resource_id: str | None = None,
        tag: str | None = None,
        limit: int | None = None,
        on_unreadable: OnUnreadable | None = None,
    ) -> AsyncGenerator[LineItem, None]:
        """
        List this tool's line items, every page, each fetched when it is needed.

        Args:
            resource_link_id: Only items of this link of the platform. None: any.

            resource_id: Only items with this resource id. None: any.

            tag: Only items with this tag. None: any.

            limit: Most items on one page, at least 1; not a bound on the whole. None: the platform chooses. One that
                cuts the listing there, as ILIAS does, is asked again without.

            on_unreadable: A plain function that is given each `Unreadable`; the rest of its page follows. None: the
                first one raises.

        Yields:
            Items that satisfy every filter, each once, in the platform's order. Where none does, and the platform may
            have filtered by other words, that is logged and told to ``on_event``.

        Raises:
            NotOfferedError: The endpoint names no container, or lacks the scope.

            MalformedError: A page or a record cannot be read; the record is named. A listing never just ends early.

        Spec:
            AGS 3.2.4
        """
        checks.optional_count("limit", limit)
        check_listener(on_unreadable)
        filters = _filters(resource_link_id, resource_id, tag)
        async for item in list_line_items(self._service, filters, limit=limit, on_unreadable=on_unreadable, aloud=True):
            yield item

    async def get_line_item(self, line_item: LineItem | str | None = None, *, patient: bool = True) -> LineItem:
        """
        Read one line item as it is now.

        Args:
            patient: As for `post_scores`.

        Raises:
            NotFoundError: The platform has it no more: look it up by `resource_link_id`.

        Spec:
            AGS 3.2
        """
        return await self._serving(patient).perform(self._dialect.get_line_item(self._item(line_item)))

    async def create_line_item(self, item: LineItem) -> LineItem:
        """
        Create a line item; when the answer is lost, look for it before creating it again.

        Returns:
            The item as the platform made it, with its `id`. Moodle and Sakai echo what was sent, also what they did not
            store: read it again if that matters.

        Raises:
            ValueError: The item has an id: it exists.

        Spec:
            AGS 3.2.5
        """
        _check_item(item)
        if item.id is not None:
            raise ValueError(f"create_line_item takes a new item, got one with the id {item.id!r}: update it instead")
        made, _ = await create_line_item(self._service, item)
        self._shared.made(made.id)
        return made

    async def find_or_create_line_item(
        self,
        *,
        label: str,
        score_maximum: Number,
        resource_id: str | None = None,
        tag: str | None = None,
        resource_link_id: str | None = None,
        start_date_time: datetime | None = None,
        end_date_time: datetime | None = None,
        grades_released: bool | None = None,
        extensions: Mapping[str, Any] | None = None,
    ) -> LineItem:
        """
        Return the line item with this resource id, tag and link; create it when there is none.

        It is recognised by those of the three that are given, never by its label: labels are not unique, and people
        rename columns. One that is found is returned as it is, whatever its label and maximum; one of which the
        platform names no maximum has the one that was asked for. What cannot be read of other items does not count.

        Callers of one `Client` that ask for the same item at once make it once. Several processes may each make one;
        then all return the one that was made first, and each deletes its own if nobody can have scored it. One that has
        to stay is told to ``on_event``, and `dedupe_line_items` shows it.

        Raises:
            ValueError: None of the three is given.

            MalformedError: The platform lists one that fits, without an id. None is made.

        Spec:
            AGS 3.2.4, 3.2.5, 3.2.15
        """
        filters = _filters(resource_link_id, resource_id, tag)
        if filters == Filters():
            raise ValueError(
                "find_or_create_line_item needs resource_id, tag or resource_link_id to recognise the item"
            )
        item = LineItem(
            label,
            score_maximum,
            resource_id=resource_id,
            tag=tag,
            resource_link_id=resource_link_id,
            start_date_time=start_date_time,
            end_date_time=end_date_time,
            grades_released=grades_released,
            extensions=extensions or {},
        )
        self._service.engine.check_loop()
        lock = self._shared.creations.setdefault((self._dialect.container, filters), asyncio.Lock())
        async with lock:
            found, is_new = await find_or_create(self._service, item, filters)
        if is_new:
            self._shared.made(found.id)
        return found

    async def dedupe_line_items(
        self,
        *,
        resource_id: str | None = None,
        tag: str | None = None,
        resource_link_id: str | None = None,
        delete: bool = False,
    ) -> Duplicates:
        """
        Show the line items that share what they are recognised by, and with `delete` delete those without a result.

        Args:
            resource_id, tag, resource_link_id: As for `find_or_create_line_item`: those that are given.

            delete: Delete the empty ones. False: only show. Those with results always stay, and so do the coupled one
                and those on a link of the platform, unless the link is asked for: they may be another link's own.

        Raises:
            ValueError: None of the three is given.
        """
        filters = _filters(resource_link_id, resource_id, tag)
        if filters == Filters():
            raise ValueError("dedupe_line_items needs resource_id, tag or resource_link_id to recognise the items")
        return await find_duplicates(self._service, filters, coupled=self.coupled, delete=delete)

    async def update_line_item(self, item: LineItem) -> LineItem:
        """
        Replace a line item's whole definition. What is None is left out, which unsets it (Canvas and Open edX keep it).

        Read the item, `attrs.evolve` it, send it back: fields the platform added survive. A changed `score_maximum`
        makes Moodle rescale every grade and stamp it with the current time. What Canvas takes in a new item only, the
        extension `CANVAS_SUBMISSION_TYPE`, is not sent again.

        Returns:
            The item as the platform applied it, which may differ.

        Raises:
            ValueError: The item has no id, or breaks a rule for what a tool sends.

        Spec:
            AGS 3.2.6
        """
        _check_item(item)
        if item.id is None:
            raise ValueError(f"update_line_item takes an item from the platform; {item.label!r} has no id: create it")
        item.check_sendable()
        applied = await change_line_item(self._service, item)
        if applied is not None:
            return applied
        return await self._service.perform(self._dialect.get_line_item(item.id, maximum=item.score_maximum))

    async def delete_line_item(self, line_item: LineItem | str | None, *, force: bool = False) -> None:
        """
        Delete a line item and every grade in it.

        Args:
            force: Also delete the item that belongs to the launched link: Moodle then deletes the activity's grades. It
                is known by its path, with or without its query.

        Raises:
            CoupledLineItemError: It is the link's own, and `force` is not given. Nothing was sent.
        """
        item_id = self._item(line_item)
        if not force and self.coupled is not None and same_item(item_id, self.coupled):
            raise CoupledLineItemError(
                "this line item belongs to the launched link itself; force=True deletes it with its grades"
            )
        await self._service.perform(self._dialect.delete_line_item(item_id))

    async def post_score(
        self, score: Score, *, line_item: LineItem | str | None = None, confirm: bool = False
    ) -> Delivery:
        """
        Post one score, after those of the same user and line item that were posted before.

        A grade that a teacher gave by hand: Canvas replaces it by this score, unless `CanvasSubmission` says otherwise.
        Moodle replaces it in a line item that the tool made; in the coupled one the teacher's stays, and the answer is
        yes all the same. Of other platforms it is not known: assume either, and read the result first if that matters.

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
            attrs.evolve(self._sender, waits=patient, presence=Presence(self._service, waits=patient)),
            self._shared,
            line_item=own_spelling(item_url(line_item), self.coupled),
            concurrency=self._service.engine.ceiling,
            coalesce=coalesce,
            confirm=confirm,
        )

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

        Raises:
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

    def _serving(self, patient: bool) -> Service[Dialect]:
        return self._service if patient else self._service.impatient()

    def _item(self, line_item: LineItem | str | None) -> str:
        url = own_spelling(item_url(line_item), self.coupled)
        if url is None:
            raise NotOfferedError("the endpoint has no line item of its own: pass line_item=", spec="AGS 3.1")
        return url


def _filters(resource_link_id: str | None, resource_id: str | None, tag: str | None) -> Filters:
    for name, value in (("resource_link_id", resource_link_id), ("resource_id", resource_id), ("tag", tag)):
        if value is not None:
            checks.text(name, value)
    return Filters(resource_link_id, resource_id, tag)


def _check_item(item: object) -> None:
    if not isinstance(item, LineItem):
        raise TypeError(f"item must be a LineItem, got {type(item).__name__}")
