"""
How a platform is asked: AGS 2.0 as operations, one function for each call of the standard.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from aioags.errors import NotOfferedError
from aioags.model.checks import Number
from aioags.model.endpoint import Endpoint
from aioags.model.line_item import LineItem
from aioags.model.progress import Scope
from aioags.model.registration import Registration
from aioags.model.result import Result
from aioags.model.score import Score
from aioags.protocol.acknowledgment import acknowledgment, deletion
from aioags.protocol.answers import about, about_item, read_created, read_updated
from aioags.protocol.dialect import Operation, Page, Repeat
from aioags.protocol.listings import InSteps, linked_page
from aioags.protocol.messages import PAGE_BYTES, RECORD_BYTES, WORD_BYTES, Request, Response
from aioags.protocol.refusals import person_refusal, score_refusal
from aioags.protocol.trust import OnRaised, Trust
from aioags.protocol.urls import service_url, with_query
from aioags.wire import media_types
from aioags.wire.batches import sliced
from aioags.wire.codec import dump_line_item, dump_score, load_line_item, load_list, load_result
from aioags.wire.scalars import RECORD_VALUES, load_json
from aioags.wire.steps import Steps

T = TypeVar("T")

POST_SCORE, POST_SCORE_SCOPES = "post_score", (Scope.SCORE,)
"""Name of the operation, and its scopes."""

_SCORE_HEADERS = (("Accept", media_types.SCORE), ("Content-Type", media_types.SCORE))
# A dialect is of one course.
_MOST_SCORE_URLS = 1024
_READ_ITEMS = (Scope.LINE_ITEM_READONLY, Scope.LINE_ITEM)


class DirectDialect:
    """
    A platform that speaks LTI 1.3 itself.

    Args:
        registration: Says which further origins are this platform's. None: none are.

        on_raised: Is told of URLs of http that are asked by https. None: nobody is.
    """

    keeps_stamps = True

    def __init__(
        self, endpoint: Endpoint, registration: Registration | None = None, *, on_raised: OnRaised | None = None
    ) -> None:
        lineitems, lineitem = endpoint.lineitems, endpoint.lineitem
        self._trust = Trust.at(lineitems, lineitem, registration=registration, on_raised=on_raised)
        self._container_url = lineitems and self._trust.by_https(lineitems)
        self._coupled = lineitem and self._trust.by_https(lineitem)
        self._endpoint = endpoint
        # Of line items to which a score may be sent: checked and made once, for as many scores as there are.
        self._score_urls: dict[str, str] = {}

    @property
    def coupled(self) -> str | None:
        """
        URL of the line item that belongs to the launched link. None: there is none, or several.
        """
        return self._coupled

    @property
    def container(self) -> str | None:
        """
        URL of the line item container. None: the endpoint names none.
        """
        return self._container_url

    def line_items(
        self,
        *,
        resource_link_id: str | None = None,
        resource_id: str | None = None,
        tag: str | None = None,
        limit: int | None = None,
        maximum: Number | None = None,
    ) -> Operation[Page[LineItem]]:
        """
        List line items: GET on the container (AGS 3.2.4).
        """
        filters = {"resource_link_id": resource_link_id, "resource_id": resource_id, "tag": tag, "limit": limit}
        return self._line_items(with_query(self._container(), filters), maximum)

    def line_items_page(self, key: str, *, maximum: Number | None = None) -> Operation[Page[LineItem]]:
        """
        Get a further page: its URL as the platform wrote it, without our filters (AGS 3.2.4).
        """
        return self._line_items(self._trust.check(key, "the next page of line items"), maximum)

    def _line_items(self, url: str, maximum: Number | None) -> Operation[Page[LineItem]]:
        request = _get(url, media_types.LINE_ITEM_CONTAINER)
        return self._operation("line_items", request, _READ_ITEMS, InSteps(partial(_read_items, maximum)))

    def get_line_item(self, item_id: str, *, maximum: Number | None = None) -> Operation[LineItem]:
        """
        Read one line item: GET (AGS 3.2).
        """
        request = _get(self._item(item_id), media_types.LINE_ITEM, RECORD_BYTES)
        return self._operation("get_line_item", request, _READ_ITEMS, partial(_read_line_item, item_id, maximum))

    def create_line_item(self, item: LineItem) -> Operation[LineItem]:
        """
        Create a line item: POST on the container (AGS 3.2.5).
        """
        request = _send("POST", self._container(), media_types.LINE_ITEM, dump_line_item(item))
        read = partial(read_created, item)
        return self._operation("create_line_item", request, (Scope.LINE_ITEM,), read, repeat=Repeat.LOOK_FIRST)

    def update_line_item(self, item: LineItem) -> Operation[LineItem | None]:
        """
        Replace a line item's definition: PUT (AGS 3.2.6). None: applied, and the platform did not say as what.
        """
        request = _send("PUT", self._item(item.id or ""), media_types.LINE_ITEM, dump_line_item(item))
        read = partial(read_updated, item)
        return self._operation("update_line_item", request, (Scope.LINE_ITEM,), read)

    def delete_line_item(self, item_id: str) -> Operation[None]:
        """
        Delete a line item and what was recorded in it (AGS 3.2).
        """
        # Open edX checks Accept on DELETE as well.
        request = Request("DELETE", self._item(item_id), (("Accept", media_types.LINE_ITEM),), None, WORD_BYTES)
        return self._operation("delete_line_item", request, (Scope.LINE_ITEM,), deletion)

    def score_request(self, item_id: str, score: Score, timestamp: datetime, *credential: tuple[str, str]) -> Request:
        """
        Return the request of `post_score`, with the headers that let it in.
        """
        url = self._score_urls.get(item_id) or self._score_url(item_id)
        return Request("POST", url, (*_SCORE_HEADERS, *credential), dump_score(score, timestamp), WORD_BYTES)

    def post_score(self, item_id: str, score: Score, timestamp: datetime) -> Operation[dict[str, Any] | None]:
        """
        Post a score: POST on the item's ``scores`` (AGS 3.4).
        """
        private: tuple[str, ...] = (score.user_id,)
        if score.comment or score.scoring_user_id:
            private = tuple(filter(None, (score.comment, score.user_id, score.scoring_user_id)))
        return Operation(
            POST_SCORE,
            self.score_request(item_id, score, timestamp),
            POST_SCORE_SCOPES,
            acknowledgment,
            Repeat.NEVER if score.appends else Repeat.STAMPED,
            self._trust,
            private,
            refusal=score_refusal,
        )

    def _score_url(self, item_id: str) -> str:
        url = service_url(self._item(item_id), "scores")
        self._check_offered(POST_SCORE, POST_SCORE_SCOPES)
        if len(self._score_urls) >= _MOST_SCORE_URLS:
            self._score_urls.clear()
        self._score_urls[item_id] = url
        return url

    def results(self, item_id: str, *, user_id: str | None = None, limit: int | None = None) -> Operation[Page[Result]]:
        """
        Read results: GET on the item's ``results`` (AGS 3.3).
        """
        url = with_query(service_url(self._item(item_id), "results"), {"user_id": user_id, "limit": limit})
        return self._results(item_id, url, user_id, limited=limit is not None)

    def results_page(self, item_id: str, key: str) -> Operation[Page[Result]]:
        """
        Get a further page of results: its URL as the platform wrote it.
        """
        return self._results(item_id, self._trust.check(key, "the next page of results"))

    def _results(
        self, item_id: str, url: str, user_id: str | None = None, *, limited: bool = False
    ) -> Operation[Page[Result]]:
        request = _get(url, media_types.RESULT_CONTAINER)
        # With a limit as many as came are counted.
        read = InSteps(partial(_read_results, item_id, None if limited else user_id))
        return self._operation(
            "results",
            request,
            (Scope.RESULT_READONLY,),
            read,
            private=(user_id,) if user_id else (),
            refusal=person_refusal if user_id else None,
        )

    def _container(self) -> str:
        if self._container_url is None:
            raise NotOfferedError("the endpoint names no line item container (lineitems)", spec="AGS 3.1")
        return self._trust.check(self._container_url, "the line item container")

    def _item(self, item_id: str) -> str:
        return self._trust.check(item_id, "the line item")

    def _check_offered(self, name: str, scopes: tuple[Scope, ...]) -> None:
        if not self._endpoint.offers(*scopes):
            wanted = " or ".join(scope.rpartition("/")[2] for scope in scopes)
            raise NotOfferedError(f"{name} needs the scope {wanted}, which the endpoint does not offer", spec="AGS 3.1")

    def _operation(
        self, name: str, request: Request, scopes: tuple[Scope, ...], read: Callable[[Response], T], **rest: Any
    ) -> Operation[T]:
        self._check_offered(name, scopes)
        return Operation(name, request, scopes, read, trust=self._trust, **rest)


def _get(url: str, accept: str, most_bytes: int = PAGE_BYTES) -> Request:
    return Request("GET", url, (("Accept", accept),), None, most_bytes)


def _send(method: str, url: str, media_type: str, body: bytes, most_bytes: int = RECORD_BYTES) -> Request:
    return Request(method, url, (("Accept", media_type), ("Content-Type", media_type)), body, most_bytes)


def _read_items(maximum: Number | None, response: Response) -> Steps[Page[LineItem]]:
    found = load_list(response.body, partial(load_line_item, url=response.url, maximum=maximum))
    return linked_page(found, response)


def _read_results(item_id: str, user_id: str | None, response: Response) -> Steps[Page[Result]]:
    # Sakai answers for one user without an array.
    found = load_list(response.body, partial(load_result, url=response.url), bare=True, user_id=user_id)
    page = yield from linked_page(found, response)
    for some in sliced(page.records):
        about_item(item_id, some)
        yield
    return page


def _read_line_item(item_id: str, maximum: Number | None, response: Response) -> LineItem:
    record = load_json(response.body, RECORD_VALUES)
    return about(item_id, load_line_item(record, response.url, maximum=maximum))
