"""
What a back end is: an object whose methods return operations.

`Gradebook` knows no back end by name. It asks a dialect for an operation, hands it to the engine, and gets back what
the operation's `read` made of the answer. Where back ends differ in what they can do, the dialect says so as data.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from enum import Enum
from typing import Any, Generic, Protocol, TypeVar

import attrs

from aioags.errors import AGSError
from aioags.model.checks import Number
from aioags.model.line_item import LineItem
from aioags.model.result import Result
from aioags.model.score import Score
from aioags.model.unreadable import Unreadable
from aioags.model.value import value
from aioags.protocol.messages import Request, Response
from aioags.protocol.trust import Trust

T = TypeVar("T")
R_co = TypeVar("R_co", covariant=True)


class Repeat(Enum):
    """
    What may be done when a request left and its answer was lost.
    """

    FREELY = "freely"
    """Reading, replacing, deleting, asking for a token: twice is the same as once."""

    STAMPED = "stamped"
    """A score: the same bytes and stamp again; the platform drops the second, or calls it stale."""

    NEVER = "never"
    """A score that some platform appends to what it has: a repeat would show."""

    LOOK_FIRST = "look first"
    """A new line item: list and match before creating again."""


@value
class Operation(Generic[R_co]):
    """
    One call, complete: what to send, what it needs, how to read the answer, whether it may be repeated.

    Attributes:
        name: The method of `Gradebook` behind it, for events and messages.

        request: What to send, without the credential.

        scopes: Any one of these suffices. Empty: none is needed, and the call changes no gradebook.

        read: Turns a 2xx answer into the value. Raises an `AGSError` when it cannot.

        repeat: What may be done after a lost answer.

        trust: Where the credential may go, for redirects.

        private: Texts of the caller that must not come back in an error: user id, comment.

        fresh: Makes the request anew for each try, where one must not be sent twice. None: `request` serves.

        public_only: A stranger chose the URL: it is asked at public addresses only.

        refusal: Reads an answer that is no success as an error, given the wall clock's Unix time. None: as platforms
            of the standard word theirs.
    """

    name: str
    request: Request
    scopes: tuple[str, ...]
    read: Callable[[Response], R_co]
    repeat: Repeat = Repeat.FREELY
    trust: Trust = Trust()
    private: tuple[str, ...] = attrs.field(default=(), repr=False)
    fresh: Callable[[], Request] | None = None
    public_only: bool = False
    refusal: Callable[[Operation[Any], Response, float], AGSError] | None = attrs.field(default=None, repr=False)

    @property
    def writes(self) -> bool:
        """
        True when the platform's gradebook may be other after it.
        """
        return bool(self.scopes) and self.request.method != "GET"


@attrs.frozen
class Page(Generic[T]):
    """
    One page of a listing.

    Attributes:
        records: In the platform's order. May be empty and still have a next page (AGS 3.2.4).

        next: Key of the next page, to be handed back to the same dialect. None: this was the last.

        unreadable: What else was on the page.

        linked: The platform links pages to one another: where there is no next one, there surely is none.
    """

    records: list[T]
    next: str | None
    unreadable: tuple[Unreadable, ...] = ()
    linked: bool = False


class Dialect(Protocol):
    """
    The calls of one back end. Every method raises before any I/O when the call cannot be made.

    Where line items are read, ``maximum`` is what one has of which the platform names no maximum: for who needs no more
    than its id and what it is recognised by. None: such a one cannot be read.

    Attributes:
        coupled: URL of the line item that belongs to the launched link. None: there is none, or several.

        container: What tells one container of line items from another.

        keeps_stamps: True: the platform sees the stamp that a score is sent with, and keeps the later score. False: the
            back end may put its own time in its place, so only the order of sending counts.
    """

    @property
    def coupled(self) -> str | None: ...

    @property
    def container(self) -> str | None: ...

    @property
    def keeps_stamps(self) -> bool: ...

    def line_items(
        self,
        *,
        resource_link_id: str | None,
        resource_id: str | None,
        tag: str | None,
        limit: int | None,
        maximum: Number | None = None,
    ) -> Operation[Page[LineItem]]:
        """
        First page of the line items.
        """
        ...

    def line_items_page(self, key: str, *, maximum: Number | None = None) -> Operation[Page[LineItem]]:
        """
        A further page of the line items.
        """
        ...

    def get_line_item(self, item_id: str, *, maximum: Number | None = None) -> Operation[LineItem]:
        """
        One line item.
        """
        ...

    def create_line_item(self, item: LineItem) -> Operation[LineItem]:
        """
        A new line item.
        """
        ...

    def update_line_item(self, item: LineItem) -> Operation[LineItem | None]:
        """
        A line item's complete definition.
        """
        ...

    def delete_line_item(self, item_id: str) -> Operation[None]:
        """
        One line item less.
        """
        ...

    def post_score(self, item_id: str, score: Score, timestamp: datetime) -> Operation[dict[str, Any] | None]:
        """
        One score, with the stamp to send.
        """
        ...

    def score_request(self, item_id: str, score: Score, timestamp: datetime, *credential: tuple[str, str]) -> Request:
        """
        The request of `post_score`, with the headers that let it in. An `acknowledgment` answers it.
        """
        ...

    def results(self, item_id: str, *, user_id: str | None, limit: int | None) -> Operation[Page[Result]]:
        """
        First page of a line item's results.
        """
        ...

    def results_page(self, item_id: str, key: str) -> Operation[Page[Result]]:
        """
        A further page of the results.
        """
        ...
