"""
How LTIAAS is asked: its REST API as operations, one function for each documented call.

It speaks of the LMS's gradebook in its own words: a line item is named by its whole URL in a segment of the path,
results are read with a GET of ``scores``, and a page is an object whose ``next`` is a URL of the LMS, to be handed back
to the same endpoint as ``url``. The records are the standard's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import partial
from typing import Any, TypeVar
from urllib.parse import quote

import attrs

from aioags.errors import NotOfferedError, UntrustedURLError, shown_url
from aioags.ltiaas.deep_linking import DeepLinkingMessage, deep_linking_body, load_form, load_message
from aioags.ltiaas.idtoken import Idtoken, load_idtoken
from aioags.ltiaas.keys import LaunchKey
from aioags.ltiaas.members import load_member
from aioags.ltiaas.refusals import Refusal, gateway_refusal
from aioags.model.checks import Number
from aioags.model.line_item import LineItem
from aioags.model.link_item import LinkItem
from aioags.model.member import Member
from aioags.model.progress import Scope
from aioags.model.result import Result
from aioags.model.score import Score
from aioags.model.secure import url_fault
from aioags.protocol.acknowledgment import acknowledgment, deletion
from aioags.protocol.answers import about, read_created, read_updated
from aioags.protocol.dialect import Operation, Page, Repeat
from aioags.protocol.listings import InSteps, unreadable
from aioags.protocol.messages import PAGE_BYTES, RECORD_BYTES, WORD_BYTES, Request, Response
from aioags.protocol.refusals import person_refusal, platform_refusal, score_refusal
from aioags.protocol.trust import Trust
from aioags.protocol.urls import with_query
from aioags.wire import media_types
from aioags.wire.codec import dump_line_item, dump_score, load_line_item, load_records, load_result
from aioags.wire.scalars import RECORD_VALUES, NotReadableError, dump_json, load_json
from aioags.wire.steps import Steps

T = TypeVar("T")

_READ_ITEMS = (Scope.LINE_ITEM_READONLY, Scope.LINE_ITEM)


class LTIAASDialect:
    """
    One launch context of an account.

    Args:
        base_url: Of the account, without a trailing slash.

        key: The launch's.

        api_key: The account's. Only so that no error repeats it.

        coupled: URL of the line item that belongs to the launched link. None: there is none, or not known.

        container: What tells this context's line items from another's.

        scope: What the LMS offers. Empty: not known, so nothing is refused here.
    """

    # Its reference names no timestamp; one that is sent is taken, and probably replaced by the time of sending.
    keeps_stamps = False

    def __init__(
        self,
        base_url: str,
        key: LaunchKey,
        *,
        api_key: str,
        coupled: str | None = None,
        container: str | None = None,
        scope: frozenset[str] = frozenset(),
    ) -> None:
        self._base = base_url
        self._secrets = (api_key, key.value)
        self._trust = Trust.at(base_url)
        self._scope = scope
        self._key = key
        self.coupled = coupled
        self.container = container

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
        List line items: ``GET /api/lineitems``.
        """
        query = {"resourceLinkId": resource_link_id, "resourceId": resource_id, "tag": tag, "limit": limit}
        return self._line_items(query, self.coupled or "", maximum)

    def line_items_page(self, key: str, *, maximum: Number | None = None) -> Operation[Page[LineItem]]:
        """
        Get a further page. Every other parameter would be ignored beside ``url``.
        """
        return self._line_items({"url": key}, key, maximum)

    def _line_items(
        self, query: Mapping[str, str | int | None], base: str, maximum: Number | None
    ) -> Operation[Page[LineItem]]:
        # Of the LMS's URLs, not the gateway's.
        read = InSteps(partial(_read_page, "lineItems", partial(load_line_item, url=base, maximum=maximum)))
        return self._get("line_items", "/api/lineitems", read, query=query, scopes=_READ_ITEMS)

    def get_line_item(self, item_id: str, *, maximum: Number | None = None) -> Operation[LineItem]:
        """
        Read one line item: ``GET /api/lineitems/{id}``.
        """

        def read(response: Response) -> LineItem:
            record = load_json(response.body, RECORD_VALUES)
            return about(item_id, load_line_item(record, item_id, maximum=maximum))

        return self._get("get_line_item", _item_path(item_id), read, scopes=_READ_ITEMS, most_bytes=RECORD_BYTES)

    def create_line_item(self, item: LineItem) -> Operation[LineItem]:
        """
        Create a line item: ``POST /api/lineitems``.
        """
        return self._send(
            "create_line_item",
            "POST",
            "/api/lineitems",
            partial(read_created, item, base=self.coupled or ""),
            dump_line_item(item),
            scopes=(Scope.LINE_ITEM,),
            repeat=Repeat.LOOK_FIRST,
        )

    def update_line_item(self, item: LineItem) -> Operation[LineItem | None]:
        """
        Replace a line item's definition: ``PUT /api/lineitems/{id}``. None: applied, and it was not said as what.
        """
        path, read = _item_path(item.id or ""), partial(read_updated, item)
        return self._send("update_line_item", "PUT", path, read, dump_line_item(item), scopes=(Scope.LINE_ITEM,))

    def delete_line_item(self, item_id: str) -> Operation[None]:
        """
        Delete a line item and what was recorded in it: ``DELETE /api/lineitems/{id}``.
        """
        request = Request("DELETE", self._url(_item_path(item_id)), (("Accept", media_types.JSON),), None, WORD_BYTES)
        return self._operation("delete_line_item", request, deletion, scopes=(Scope.LINE_ITEM,))

    def post_score(self, item_id: str, score: Score, timestamp: datetime) -> Operation[dict[str, Any] | None]:
        """
        Post a score: ``POST /api/lineitems/{id}/scores``.
        """
        return self._send(
            "post_score",
            "POST",
            _item_path(item_id) + "/scores",
            acknowledgment,
            dump_score(score, timestamp),
            most_bytes=WORD_BYTES,
            scopes=(Scope.SCORE,),
            repeat=Repeat.NEVER if score.appends else Repeat.STAMPED,
            refused=score_refusal,
            private=(score.comment, score.user_id, score.scoring_user_id),
        )

    def score_request(self, item_id: str, score: Score, timestamp: datetime, *credential: tuple[str, str]) -> Request:
        """
        Return the request of `post_score`, with the headers that let it in.
        """
        request = self.post_score(item_id, score, timestamp).request
        return attrs.evolve(request, headers=(*request.headers, *credential))

    def results(self, item_id: str, *, user_id: str | None = None, limit: int | None = None) -> Operation[Page[Result]]:
        """
        Read results: ``GET /api/lineitems/{id}/scores``.
        """
        return self._results(item_id, {"userId": user_id, "limit": limit}, user_id, limited=limit is not None)

    def results_page(self, item_id: str, key: str) -> Operation[Page[Result]]:
        """
        Get a further page of results.
        """
        return self._results(item_id, {"url": key})

    def _results(
        self,
        item_id: str,
        query: Mapping[str, str | int | None],
        user_id: str | None = None,
        *,
        limited: bool = False,
    ) -> Operation[Page[Result]]:
        # With a limit as many as came are counted.
        wanted = None if limited else user_id
        return self._get(
            "results",
            _item_path(item_id) + "/scores",
            InSteps(partial(_read_page, "scores", partial(load_result, url=item_id), user_id=wanted)),
            query=query,
            scopes=(Scope.RESULT_READONLY,),
            private=(user_id,),
            refused=person_refusal if user_id else platform_refusal,
        )

    def idtoken(self) -> Operation[Idtoken]:
        """
        Read what the launch says: ``GET /api/idtoken``. With an ltik only.
        """
        return self._get("idtoken", "/api/idtoken", partial(_read, load_idtoken), most_bytes=RECORD_BYTES)

    def claims(self) -> Operation[dict[str, Any]]:
        """
        Read the LMS's own claims: ``GET /api/idtoken?raw=true``. With an ltik only.
        """
        read = partial(_read, _load_claims)
        return self._get("claims", "/api/idtoken", read, query={"raw": "true"}, most_bytes=RECORD_BYTES)

    def members(
        self, *, role: str | None = None, resource_link_id: str | None = None, limit: int | None = None
    ) -> Operation[Page[Member]]:
        """
        List the members of the course: ``GET /api/memberships``.
        """
        return self._members({"role": role, "resourceLinkId": resource_link_id, "limit": limit})

    def members_page(self, key: str) -> Operation[Page[Member]]:
        """
        Get a further page of members.
        """
        return self._members({"url": key})

    def _members(self, query: Mapping[str, str | int | None]) -> Operation[Page[Member]]:
        read = InSteps(partial(_read_page, "members", load_member))
        return self._get("members", "/api/memberships", read, query=query)

    def deep_linking_form(
        self, content_items: Iterable[LinkItem | Mapping[str, Any]], options: Mapping[str, str | None]
    ) -> Operation[str]:
        """
        Make the form that answers a deep linking launch: ``POST /api/deeplinking/form``. With an ltik only.
        """
        body = dump_json(deep_linking_body(content_items, options)).encode()
        read = partial(_read, load_form)
        return self._send("deep_linking_form", "POST", "/api/deeplinking/form", read, body, most_bytes=PAGE_BYTES)

    def deep_linking_message(
        self, content_items: Iterable[LinkItem | Mapping[str, Any]], options: Mapping[str, str | None]
    ) -> Operation[DeepLinkingMessage]:
        """
        Make the parts of such a form: ``POST /api/deeplinking``. With an ltik only.
        """
        body = dump_json(deep_linking_body(content_items, options)).encode()
        read = partial(_read, load_message)
        return self._send("deep_linking_message", "POST", "/api/deeplinking", read, body, most_bytes=PAGE_BYTES)

    def _url(self, path: str, query: Mapping[str, str | int | None] | None = None) -> str:
        return with_query(self._base + path, query or {})

    def _get(
        self,
        name: str,
        path: str,
        read: Callable[[Response], T],
        *,
        query: Mapping[str, str | int | None] | None = None,
        most_bytes: int = PAGE_BYTES,
        **rest: Any,
    ) -> Operation[T]:
        request = Request("GET", self._url(path, query), (("Accept", media_types.JSON),), None, most_bytes)
        return self._operation(name, request, read, **rest)

    def _send(
        self,
        name: str,
        method: str,
        path: str,
        read: Callable[[Response], T],
        body: bytes,
        *,
        most_bytes: int = RECORD_BYTES,
        **rest: Any,
    ) -> Operation[T]:
        headers = (("Accept", media_types.JSON), ("Content-Type", media_types.JSON))
        return self._operation(name, Request(method, self._url(path), headers, body, most_bytes), read, **rest)

    def _operation(
        self,
        name: str,
        request: Request,
        read: Callable[[Response], T],
        *,
        scopes: tuple[Scope, ...] = (),
        repeat: Repeat = Repeat.FREELY,
        private: tuple[str | None, ...] = (),
        refused: Refusal = platform_refusal,
    ) -> Operation[T]:
        if self._scope and scopes and self._scope.isdisjoint(scopes):
            wanted = " or ".join(scope.rpartition("/")[2] for scope in scopes)
            raise NotOfferedError(f"{name} needs the scope {wanted}, which the launch does not offer", spec="AGS 3.1")
        return Operation(
            name,
            request,
            scopes,
            read,
            repeat,
            self._trust,
            (*filter(None, private), *self._secrets),
            refusal=partial(gateway_refusal, self._key, refused),
        )


def _item_path(item_id: str) -> str:
    """
    Return the path of a line item: its whole URL as one segment, percent-encoded once with nothing left safe.
    """
    fault = url_fault(item_id)
    if fault is not None:
        # Also keeps "." and ".." out of the path.
        raise UntrustedURLError(f"the line item {fault}; not sent to {shown_url(item_id)[:200]!r}", spec="AGS 3.2")
    return f"/api/lineitems/{quote(item_id, safe='')}"


def _read(load: Callable[[object], T], response: Response) -> T:
    return load(load_json(response.body, RECORD_VALUES))


def _read_page(
    name: str, load: Callable[[object], T], response: Response, *, user_id: str | None = None
) -> Steps[Page[T]]:
    fields = load_json(response.body)
    if not isinstance(fields, dict):
        raise NotReadableError("the body is not an object")
    found = yield from load_records(name, fields.get(name), load, user_id=user_id)
    return Page(found.records, _next(fields.get("next")), tuple(unreadable(found, response)))


def _next(value: object) -> str | None:
    if value is not None and not isinstance(value, str):
        raise NotReadableError("next is not a string")
    return value or None


def _load_claims(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise NotReadableError("the claims are not an object")
    return value
