"""
An array of records as a page.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from aioags.errors import MalformedError
from aioags.model.unreadable import Unreadable
from aioags.protocol.dialect import Page
from aioags.protocol.messages import Response
from aioags.wire.codec import Records
from aioags.wire.links import next_link

T = TypeVar("T")


def linked_page(found: Records[T], response: Response) -> Page[T]:
    """
    Return a page of which the ``Link`` header names the next one.
    """
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
