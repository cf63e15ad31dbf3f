"""
The line items of a gradebook: what one launch lets a tool see and do with columns.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from datetime import datetime
from typing import Any

from aioags.calls.service import Service
from aioags.errors import CoupledLineItemError, NotOfferedError
from aioags.grading.changing import change_line_item
from aioags.grading.creating import Duplicates, create_line_item, find_duplicates, find_or_create
from aioags.grading.listing import Filters, list_line_items
from aioags.grading.shared import Shared
from aioags.model import checks
from aioags.model.checks import Number
from aioags.model.line_item import LineItem, item_url
from aioags.model.mistakes import lists, tells_unknown
from aioags.model.unreadable import OnUnreadable, check_listener
from aioags.protocol.dialect import Dialect
from aioags.protocol.urls import own_spelling, same_item


class LineItems:
    """
    The verbs of a `Gradebook` about line items.

    Attributes:
        coupled: URL of the line item that belongs to the launched link. None: there is none, or several.
    """

    def __init__(self, service: Service[Dialect], shared: Shared) -> None:
        self._service = service
        self._dialect = service.dialect
        self._shared = shared

    @property
    def coupled(self) -> str | None:
        """
        URL of the line item that belongs to the launched link. None: there is none, or several.
        """
        return self._dialect.coupled

    @lists
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
        identity = (self._dialect.container, Filters(item.resource_link_id, item.resource_id, item.tag))
        self._shared.doubt(identity)
        made, _ = await create_line_item(self._service, item)
        self._shared.in_doubt.discard(identity)
        self._shared.made(made.id)
        return made

    @tells_unknown("find_or_create_line_item")
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
        identity = (self._dialect.container, filters)
        lock = self._shared.creations.setdefault(identity, asyncio.Lock())
        async with lock:
            in_doubt = self._shared.doubt(identity)
            found, is_new = await find_or_create(self._service, item, filters)
            self._shared.in_doubt.discard(identity)
        if is_new or in_doubt:
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

    def _serving(self, patient: bool) -> Service[Dialect]:
        return self._service if patient else self._service.impatient()

    def _item(self, line_item: LineItem | str | None) -> str:
        url = own_spelling(item_url(line_item), self.coupled)
        if url is None:
            raise NotOfferedError("the endpoint has no line item of its own: pass line_item=", spec="AGS 3.1")
        return url


def _filters(resource_link_id: str | None, resource_id: str | None, tag: str | None) -> Filters:
    checks.given_texts(resource_link_id=resource_link_id, resource_id=resource_id, tag=tag)
    return Filters(resource_link_id, resource_id, tag)


def _check_item(item: object) -> None:
    if not isinstance(item, LineItem):
        raise TypeError(f"item must be a LineItem, got {type(item).__name__}")
