"""
An array of records as a page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from aioags.errors import MalformedError
from aioags.model.unreadable import Unreadable
from aioags.protocol.dialect import Page
from aioags.protocol.messages import Response
from aioags.wire.codec import Records
from aioags.wire.links import next_link
from aioags.wire.steps import Steps, finished

T = TypeVar("T")


class InSteps(Generic[T]):
    """
    How an operation reads an answer that may be long: at once, as every `Operation.read` does, or in steps.

    Args:
        steps: Begins to read it.
    """

    __slots__ = ("steps",)

    def __init__(self, steps: Callable[[Response], Steps[T]]) -> None:
        self.steps = steps

    def __call__(self, response: Response) -> T:
        return finished(self.steps(response))


def linked_page(records: Steps[Records[T]], response: Response) -> Steps[Page[T]]:
    """
    Return a page of which the ``Link`` header names the next one.
    """
    found = yield from records
    links = response.header_values("Link")
    return Page(found.records, next_link(links, response.url), tuple(unreadable(found, response)), bool(links))


def unreadable(found: Records[T], response: Response) -> Iterator[Unreadable]:
    """
    Yield each record that cannot be read, with the error that names it.
    """
    for raw, why in found.odd:
        said = f"the answer cannot be read: {why}"
        # Without the body: other people's grades are in it.
        yield Unreadable(raw, MalformedError(said, status=response.status, method="GET", url=response.url))
