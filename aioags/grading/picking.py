"""
What is wanted of a listing: each record once, and only those that a filter admits.

The platform filters, and so do we, since some platforms ignore a filter, or lose it on the way to the next page. But a
platform may also have filtered, by other words for the same: a role of its own, a tag that it does not repeat. Then our
filter leaves out everybody whom the platform chose. The two are told apart by what was left out: whoever filtered chose
records that are alike. So where nothing is left and all of that is alike, it is said.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import Any, Generic, TypeVar

import attrs

from aioags.calls.engine import Engine
from aioags.errors import shown_url
from aioags.model.event import NoticeEvent
from aioags.protocol.dialect import Operation

T = TypeVar("T")


@attrs.define(eq=False)
class Picking(Generic[T]):
    """
    What is wanted, and what was left out.

    Attributes:
        key: What a record is known by: it comes once, the first time that it is admitted.

        admits: True for a record that is wanted. None: all are.

        signs: What a record has of that which the filter looks at.

        left_out: How many the filter did not admit.

        alike: What all of those have.

        picked: At least one was admitted.
    """

    key: Callable[[T], str | None]
    admits: Callable[[T], bool] | None = None
    signs: Callable[[T], frozenset[Any]] = lambda _: frozenset()
    left_out: int = 0
    alike: frozenset[Any] = frozenset()
    picked: bool = False

    def leave_out(self, record: T) -> None:
        """
        Note that a record is not wanted.
        """
        signs = self.signs(record)
        self.alike = self.alike & signs if self.left_out else signs
        self.left_out += 1

    def tell(self, engine: Engine, first: Operation[Any]) -> None:
        """
        Say so if the platform may have chosen what was left out.
        """
        if self.picked or not self.alike:
            return
        why = f"the filter admits none of {self.left_out} listed, which are alike: the platform may have chosen them"
        engine.told.tell(NoticeEvent(first.name, shown_url(first.request.url), why))


async def pick(
    records: AsyncGenerator[T, None], picking: Picking[T], at_the_end: Callable[[], None] | None = None
) -> AsyncGenerator[T, None]:
    """
    Yield what is wanted of a listing, each record once.

    Args:
        at_the_end: Called when all was read.
    """
    key, admits = picking.key, picking.admits
    seen: set[str | None] = set()
    async for record in records:
        if admits is not None and not admits(record):
            picking.leave_out(record)
        elif (known := key(record)) not in seen:
            seen.add(known)
            picking.picked = True
            yield record
    if at_the_end is not None:
        at_the_end()
