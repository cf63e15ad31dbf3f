"""
What both SQL stores do with line items, platforms and selections as a whole: the same statements by name, in the same
order.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import attrs

from aioags.outbox.model import SECOND, Block, Deferral, Selection
from aioags.outbox.rows import selection_arguments


class ChangesInSQL(ABC):
    """
    The part of an SQL store that changes rows by one statement, whichever they are.

    Attributes:
        statements: The module that has them.
    """

    statements: Any

    @abstractmethod
    async def _execute(self, arguments: Mapping[str, Any], *statements: Any) -> list[int]:
        """
        Execute statements, all or none; return how many rows each changed.
        """

    async def block(self, block: Block, *, now: float) -> None:
        """
        Leave a platform alone until a time; never for less than before.
        """
        arguments = {"registration": block.registration_id, "until": block.until, "reason": block.reason, "now": now}
        await self._execute(arguments, self.statements.BLOCK)

    async def delay(self, registration_id: str, line_item: str, until: float) -> None:
        """
        Try the due scores of one line item not before a time.
        """
        arguments = {"registration": registration_id, "line_item": line_item, "until": until}
        await self._execute(arguments, self.statements.DELAY)

    async def defer(self, registration_id: str, line_item: str, deferral: Deferral) -> int:
        """
        Note that a line item refuses everything: all its due scores are deferred.
        """
        arguments = {"registration": registration_id, "line_item": line_item, **attrs.asdict(deferral)}
        _, count = await self._execute(arguments, self.statements.DEFER_ITEM, self.statements.DEFER)
        return count

    async def lift(self, registration_id: str, line_item: str) -> int:
        """
        Note that a line item takes scores again: all its deferred ones are due.
        """
        arguments = {"registration": registration_id, "line_item": line_item}
        _, count = await self._execute(arguments, self.statements.LIFT_ITEM, self.statements.LIFT)
        return count

    async def retry(self, selection: Selection, *, now: float, restamp: bool = False, waiting: bool = False) -> int:
        """
        Make dead and deferred rows due again, and lift what holds them back.
        """
        facts = {"now": now, "now_micros": int(now * SECOND), "restamp": restamp}
        sql = self.statements
        hurry = (sql.HURRY,) if waiting else ()
        arguments = {**selection_arguments(selection), **facts}
        _, _, *counts = await self._execute(arguments, sql.UNBLOCK, sql.LIFT_ITEMS, *hurry, sql.RETRY)
        return sum(counts)
