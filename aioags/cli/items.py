"""
Which line item is meant.
"""

from __future__ import annotations

from aioags.cli.config import OpenCourse
from aioags.cli.failures import CommandError, Status
from aioags.gradebook import Gradebook
from aioags.model.line_item import LineItem

_SHOWN = 20


async def find_item(gradebook: Gradebook, wanted: str | None) -> LineItem | None:
    """
    Find a line item by its label, its resource id or its URL.

    Args:
        wanted: None: the one that belongs to the launched link.

    Returns:
        None when there is none.

    Raises:
        CommandError: Several fit, or none was named and the link has none of its own.
    """
    if wanted is None:
        if gradebook.coupled is None:
            raise CommandError("this link has no line item of its own: name one with --item")
        return await gradebook.get_line_item()
    items = [item async for item in gradebook.line_items()]
    for fits in (_by_id, _by_label, _by_folded_label):
        found = [item for item in items if fits(item, wanted)]
        if len(found) > 1:
            ids = ", ".join(str(item.id) for item in found[:_SHOWN])
            raise CommandError(f"{len(found)} line items are called {wanted!r}: name one by its URL: {ids}")
        if found:
            return found[0]
    return None


async def the_item(course: OpenCourse, wanted: str | None) -> LineItem:
    """
    Find a line item as `find_item` does.

    Raises:
        CommandError: As `find_item`, or there is none.
    """
    found = await find_item(course.gradebook, wanted)
    if found is None:
        raise CommandError(f"there is no line item {wanted!r}: aioags items list shows those there are", Status.FAILED)
    return found


def _by_id(item: LineItem, wanted: str) -> bool:
    return wanted in (item.id, item.resource_id)


def _by_label(item: LineItem, wanted: str) -> bool:
    return item.label == wanted


def _by_folded_label(item: LineItem, wanted: str) -> bool:
    return item.label.strip().casefold() == wanted.strip().casefold()
