"""
A line item's new definition.
"""

from __future__ import annotations

from functools import partial

from aioags.calls.service import Service
from aioags.model.line_item import LineItem
from aioags.protocol.confirm import update_search
from aioags.protocol.dialect import Dialect
from aioags.protocol.trial import Trial


async def change_line_item(service: Service[Dialect], item: LineItem) -> LineItem | None:
    """
    Replace the definition of a line item. Where a page answers instead of the platform, the line item is looked at.

    Returns:
        None: applied, and the platform did not say as what.
    """
    operation = service.dialect.update_line_item(item)
    search = partial(update_search, service.dialect, item)
    return await service.perform(operation, trial=Trial(operation, service.engine.retry, search))
