"""
Is an answer about what was asked? And is what a platform says it made what was sent?

On a connection on which an answer too many was waiting, every answer is that of the call before. So what is read must
name what was asked for. And a 201 is a yes, whatever its body holds: a line item that was made is never made again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from operator import ne
from typing import Any

import attrs

from aioags.model.line_item import LineItem
from aioags.model.result import Result
from aioags.protocol.acknowledgment import check_not_denied
from aioags.protocol.messages import Response
from aioags.protocol.urls import path_of, same_item
from aioags.wire.codec import dump_line_item, load_line_item
from aioags.wire.links import resolve
from aioags.wire.scalars import RECORD_VALUES, NotReadableError, load_json


class OtherAnswerError(NotReadableError):
    """
    It can be read, and is about something else.
    """


class UnseenError(NotReadableError):
    """
    What was sent was made, and the answer does not say as what.
    """


def about(item_id: str, item: LineItem) -> LineItem:
    """
    Return a line item, if it is the one that was asked for.

    Raises:
        OtherAnswerError: It is another one.
    """
    if item.id is not None and not same_item(item_id, item.id):
        raise OtherAnswerError("it is about another line item")
    return item


def about_item(item_id: str, results: Iterable[Result]) -> None:
    """
    Check that results are of the line item that was asked for, as far as they say.

    Raises:
        OtherAnswerError: One is of another.
    """
    for result in results:
        # Where no line item is named (Moodle, of somebody without a grade), the result's own address may tell.
        named = result.score_of or _item_by_id(item_id, result.id)
        if named is not None and not same_item(item_id, named):
            raise OtherAnswerError("it is about results of another line item")


def _item_by_id(item_id: str, result_id: str | None) -> str | None:
    """
    Return the line item that the id of a result lies under (AGS 3.3.4), if it is spelt as ours is.
    """
    under, mark, _ = (result_id or "").rpartition("/results")
    if not mark:
        return None
    ours, theirs = (path_of(url).split("/") for url in (item_id, under))
    # An id is opaque: one that differs in more than one place may be that of the same item by another way.
    return under if len(ours) == len(theirs) and sum(map(ne, ours, theirs)) == 1 else None


def read_created(sent: LineItem, response: Response, base: str | None = None) -> LineItem:
    """
    Read the answer to a new line item (AGS 3.2.5); what it leaves out is as it was sent.

    Args:
        base: What a relative ``id`` is resolved against. None: the address that answered. Empty: nothing.

    Raises:
        UnseenError: It was made, and has no id here.

        RejectionError: The answer denies it.

        NotReadableError: It is no JSON and no 201: nobody knows who answered.
    """
    location = response.header("Location")
    try:
        record = load_json(response.body, RECORD_VALUES) if response.body.strip() else {}
        check_not_denied(record)
    except NotReadableError:
        if response.status != 201:
            raise
        record = {}
    fields = record if isinstance(record, dict) else {}
    if location and "id" not in fields:
        return attrs.evolve(sent, id=resolve(location, response.url))
    # A number is no URL: read as a relative one it would be that of something else.
    if not fields.get("id") or not isinstance(fields["id"], str) or _contradicts(sent, fields):
        raise UnseenError("it does not name the line item that was made")
    return _filled(sent, fields, response.url if base is None else base)


def _contradicts(sent: LineItem, fields: Mapping[str, Any]) -> bool:
    ours = {"resourceId": sent.resource_id, "tag": sent.tag}
    return any(fields.get(name) and value and str(fields[name]) != value for name, value in ours.items())


def _filled(sent: LineItem, fields: Mapping[str, Any], base: str) -> LineItem:
    try:
        return load_line_item(fields, base)
    except NotReadableError:
        pass
    known = json.loads(dump_line_item(sent))
    try:
        return load_line_item({**known, "id": fields["id"]}, base)
    except NotReadableError as error:
        raise UnseenError(str(error)) from None


def read_updated(sent: LineItem, response: Response) -> LineItem | None:
    """
    Read the answer to a changed line item (AGS 3.2.6). None: applied, and the platform did not say as what.

    A relative ``id`` is resolved against the item's own.

    Raises:
        OtherAnswerError: It is about another line item.

        RejectionError: The answer denies it.

        NotReadableError: It is no JSON: nobody knows who answered.
    """
    if not response.body.strip():
        return None
    record = load_json(response.body, RECORD_VALUES)
    check_not_denied(record)
    if not isinstance(record, dict) or not record.get("scoreMaximum"):
        return None
    # The maximum was sent, and it was taken: whatever the answer makes of it.
    item = load_line_item({**record, "id": record.get("id") or sent.id}, sent.id or "", maximum=sent.score_maximum)
    return about(sent.id or "", item)
