"""
One line item for one identity, however many ask for it at once.

Within a `Client` a lock sees to it. Between processes nothing can: each finds no item, and each makes one. So whoever
made one lists again, and all adopt the same of several: the one that was made first. Ids that are numbers tell the
order of making; else the platform's own order does, if two listings agree on it.

What was made in vain, a *twin*, is deleted only if no score can have gone there. This call made it and has told nobody.
It is hidden, by a PUT that takes away what it is recognised by. Then the adopted one is read: it is there and is still
recognised, and it is older than the twin; so whoever listed while the twin could be seen saw the older one, too, and
took that. Last of all the twin's results are read, and are empty. Where one of these does not hold the twin is put back
as it was, and stays, and that is told. One that is recognised by its link alone cannot be hidden: the link never
changes.

If the adopted one is gone by then, or is hidden as somebody else's twin, all begins anew; ours, put back, is one of
those that are found.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from uuid import uuid4

import attrs

from aioags.calls.log import INFO, log
from aioags.calls.service import Service
from aioags.errors import AGSError, MalformedError, NotFoundError, shown_url
from aioags.grading.changing import change_line_item
from aioags.grading.listing import Filters, holds_results, list_line_items
from aioags.model.checks import Number
from aioags.model.event import NoticeEvent
from aioags.model.line_item import LineItem
from aioags.model.unreadable import Unreadable
from aioags.protocol.confirm import item_search, may_be
from aioags.protocol.dialect import Dialect
from aioags.protocol.messages import Response
from aioags.protocol.trial import Trial
from aioags.protocol.urls import same_item

# Lists that lag are read again, so often at the most, until they show what was just made: at the default policy for
# half a minute.
_LOOKS = 7
_BEGINNINGS = 5
# AGS 3.3.4.6 has it for results.
_NO_MAXIMUM = 1
_NUMBERS = re.compile(r"\d+")


async def create_line_item(service: Service[Dialect], item: LineItem, *, missed: bool = False) -> tuple[LineItem, bool]:
    """
    Create a line item, once: after a lost answer it is looked for before it is created again.

    Args:
        missed: It was looked for a moment ago and not there: what is there now is ours, whatever its label.

    Returns:
        The line item, and whether this call made it. False: it was found after a lost answer, and may be another's.
    """
    operation = service.dialect.create_line_item(item)
    answered: list[LineItem] = []

    def read(response: Response) -> LineItem:
        answered.append(operation.read(response))
        return answered[-1]

    search = partial(item_search, service.dialect, item, missed=missed)
    watched = attrs.evolve(operation, read=read)
    trial = Trial(watched, service.engine.retry, search, confirm=True)
    made = await service.perform(watched, trial=trial)
    return made, made in answered


async def find_or_create(service: Service[Dialect], item: LineItem, filters: Filters) -> tuple[LineItem, bool]:
    """
    Return the line item that the filters recognise, the first of several; make `item` when there is none.

    Returns:
        The line item, and whether it is new: made a moment ago, by this call or by one that it met.
    """
    for beginning in range(_BEGINNINGS):
        found = await _listed(service, filters, item.score_maximum)
        if found:
            return (await _first_made(service, found, filters))[0], beginning > 0
        made, ours = await create_line_item(service, item, missed=True)
        try:
            adopted = await _adopt(service, made, filters, ours=ours)
        except AGSError as error:
            # Whatever was asked last: a line item was made.
            error.recorded = True
            raise
        if adopted is not None:
            return adopted, True
    raise MalformedError(
        "the line item that was found is gone each time it is read", status=404, method="GET", url="", spec="AGS 3.2"
    )


async def _listed(service: Service[Dialect], filters: Filters, maximum: Number) -> list[LineItem]:
    """
    List the line items that the filters admit, whatever cannot be read of them or of others.

    Args:
        maximum: What one has of which the platform names no maximum.

    Raises:
        MalformedError: One that the filters admit has no id: it can be neither used nor made again.
    """

    def told(unreadable: Unreadable) -> None:
        if may_be(unreadable.raw, **filters.wanted):
            raise unreadable.error

    return [one async for one in list_line_items(service, filters, maximum=maximum, on_unreadable=told)]


def _same(one: LineItem, other: LineItem) -> bool:
    return same_item(one.id or "", other.id or "")


async def _adopt(service: Service[Dialect], made: LineItem, filters: Filters, *, ours: bool) -> LineItem | None:
    """
    Return the line item that all adopt; None: it is gone already.

    Args:
        ours: This call made it. False: after a lost answer it may be another's.
    """
    found = await _listed_with(service, made, filters)
    first, ordered = await _first_made(service, found, filters)
    if not ours:
        # What this call sent may have been made as well, and cannot be told from what another made.
        for other in found:
            if not _same(other, first):
                _tell(service, other, "an answer was lost, and nobody knows who made it")
    if _same(first, made):
        return made
    if not ours:
        return await _read_again(service, first, filters)
    return await _settle_twin(service, made, first, filters, ordered=ordered)


async def _listed_with(service: Service[Dialect], made: LineItem, filters: Filters) -> list[LineItem]:
    """
    List until what was made is shown: then so is what was made before it. It is among what is returned in any case.
    """
    runtime, retry = service.engine.runtime, service.engine.retry
    ends, look = runtime.clock() + retry.total_time, 1
    while True:
        found = await _listed(service, filters, made.score_maximum)
        if any(_same(one, made) for one in found):
            return found
        if look == 1 and await _is_never_listed(service, made, filters):
            return [*found, made]
        wait = retry.wait(look, runtime.jitter())
        if look == _LOOKS or runtime.clock() + wait > ends:
            _tell(service, made, "the listing does not show it, and others may make one more")
            return [*found, made]
        look += 1
        await runtime.sleep(wait)


async def _is_never_listed(service: Service[Dialect], made: LineItem, filters: Filters) -> bool:
    """
    True when the platform did not keep what the item is recognised by: Blackboard takes no link from a tool.
    """
    try:
        read = await service.perform(service.dialect.get_line_item(made.id or "", maximum=made.score_maximum))
    except NotFoundError:
        return False
    return not filters.admit(read)


async def _read_again(service: Service[Dialect], item: LineItem, filters: Filters) -> LineItem | None:
    """
    Read a line item; None: it is gone, or somebody hid it, as their twin.
    """
    try:
        read = await service.perform(service.dialect.get_line_item(item.id or "", maximum=item.score_maximum))
    except NotFoundError:
        return None
    return read if filters.admit(read) else None


async def _first_made(service: Service[Dialect], found: Sequence[LineItem], filters: Filters) -> tuple[LineItem, bool]:
    """
    Return the line item that was made first, and whether that is known. Else it is one that all choose who see these.
    """
    if len(found) == 1:
        return found[0], True
    if (ordered := in_order_of_making(found)) is not None:
        return ordered[0], True
    ids = [one.id for one in found]
    again = await _listed(service, filters, found[0].score_maximum)
    if [one.id for one in again if one.id in ids] == ids:
        return found[0], True
    return min(found, key=lambda one: one.id or ""), False


def in_order_of_making(items: Sequence[LineItem]) -> list[LineItem] | None:
    """
    Return line items by the number in their ids; None: the ids differ in more than one number.
    """
    shapes = {_NUMBERS.sub("#", item.id or "") for item in items}
    numbers = [tuple(map(int, _NUMBERS.findall(item.id or ""))) for item in items]
    differing = sum(len(set(column)) > 1 for column in zip(*numbers, strict=False))
    if len(shapes) != 1 or differing != 1:
        return None
    return [item for _, item in sorted(zip(numbers, items, strict=True), key=lambda pair: pair[0])]


async def _settle_twin(
    service: Service[Dialect], twin: LineItem, first: LineItem, filters: Filters, *, ordered: bool
) -> LineItem | None:
    """
    Delete what this call made in vain, or say why it stays.

    Args:
        ordered: It is known that `first` was made before it.

    Returns:
        The one that all adopt, as it is now; None: it is gone.
    """
    if (why := _why_not_touched(service, twin, filters, ordered=ordered)) is not None:
        _tell(service, twin, why)
        return await _read_again(service, first, filters)
    try:
        why = await _why_not_hidden(service, twin, filters)
        adopted = await _read_again(service, first, filters)
        if why is None:
            why = "the one that was made first is gone" if adopted is None else await _why_not_deleted(service, twin)
    except AGSError as error:
        await _stay(service, twin, f"{type(error).__name__} while the one that was made first was read")
        raise
    except BaseException:
        # Cancelled: no request more.
        _tell(service, twin, "cancelled while it was hidden")
        raise
    if why is not None:
        await _stay(service, twin, why)
    return adopted


def _why_not_touched(service: Service[Dialect], twin: LineItem, filters: Filters, *, ordered: bool) -> str | None:
    if filters.resource_id is None and filters.tag is None:
        return "it is recognised by its link alone"
    if not ordered:
        return "nobody knows which was made first"
    try:
        service.dialect.results(twin.id or "", user_id=None, limit=None)
    except AGSError as error:
        return f"{type(error).__name__}: it cannot be seen to be empty"
    return None


async def _why_not_hidden(service: Service[Dialect], twin: LineItem, filters: Filters) -> str | None:
    """
    Hide a line item from all who look for it; None: it is hidden.
    """
    name = f"unused {uuid4().hex[:12]}"
    # Only what it is recognised by: what was None cannot be put back where a PUT merges (Canvas, Open edX).
    resource_id = twin.resource_id if filters.resource_id is None else name
    tag = twin.tag if filters.tag is None else name
    try:
        hidden = attrs.evolve(twin, label=name, resource_id=resource_id, tag=tag)
        await change_line_item(service, hidden)
        shown = await service.perform(service.dialect.get_line_item(twin.id or "", maximum=twin.score_maximum))
    except AGSError as error:
        return f"{type(error).__name__} while it was hidden"
    return "the platform keeps what it is recognised by" if filters.admit(shown) else None


async def _why_not_deleted(service: Service[Dialect], twin: LineItem) -> str | None:
    try:
        if await holds_results(service, twin.id or ""):
            return "it holds a result"
        await service.perform(service.dialect.delete_line_item(twin.id or ""))
    except AGSError as error:
        return f"{type(error).__name__} while it was deleted"
    return None


async def _stay(service: Service[Dialect], twin: LineItem, why: str) -> None:
    _tell(service, twin, why)
    try:
        await change_line_item(service, twin)
    except AGSError as error:
        log(INFO, "%(url)s keeps the name it was hidden by: %(error)s", url=shown_url(twin.id or ""), error=str(error))


def _tell(service: Service[Dialect], twin: LineItem, why: str) -> None:
    event = NoticeEvent("find_or_create_line_item", shown_url(twin.id or ""), f"a second one stays: {why}")
    service.engine.told.tell(event)


@attrs.frozen
class Duplicates:
    """
    Line items that share what they are recognised by.

    Attributes:
        kept: The one that everybody finds. None: there is none at all.

        empty: Others without a result: what `delete` deletes.

        in_use: Others that are never deleted: they hold results, or belong to a link of the platform. Look at them.

        deleted: Those of `empty` that were deleted.

    One of which the platform names no maximum is here with a `score_maximum` of 1.
    """

    kept: LineItem | None
    empty: tuple[LineItem, ...] = ()
    in_use: tuple[LineItem, ...] = ()
    deleted: tuple[LineItem, ...] = ()


async def find_duplicates(
    service: Service[Dialect], filters: Filters, *, coupled: str | None, delete: bool
) -> Duplicates:
    """
    Sort the line items of one identity; see `Gradebook.dedupe_line_items`.
    """
    found = await _listed(service, filters, _NO_MAXIMUM)
    if not found:
        return Duplicates(None)
    kept, _ = await _first_made(service, found, filters)
    empty: list[LineItem] = []
    in_use: list[LineItem] = []
    deleted: list[LineItem] = []
    for item in found:
        if _same(item, kept):
            continue
        if _is_the_platforms(item, filters, coupled) or await holds_results(service, item.id or ""):
            in_use.append(item)
            continue
        empty.append(item)
        if delete:
            # At once, while it is known to be empty.
            await service.perform(service.dialect.delete_line_item(item.id or ""))
            deleted.append(item)
    return Duplicates(kept, tuple(empty), tuple(in_use), tuple(deleted))


def _is_the_platforms(item: LineItem, filters: Filters, coupled: str | None) -> bool:
    """
    True for a line item that may have come with a link: another one's column, though it has our resource id.
    """
    if coupled is not None and same_item(item.id or "", coupled):
        return True
    return item.resource_link_id is not None and filters.resource_link_id is None
