"""
The records as JSON. Strict in what is written, lenient in what is read: each leniency names who needs it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, TypeVar

from aioags.model.line_item import LINE_ITEM_FIELDS, LineItem
from aioags.model.result import Result
from aioags.model.score import Score, Submission
from aioags.wire.links import resolve
from aioags.wire.scalars import (
    NotReadableError,
    dump_instant,
    dump_json,
    dump_number,
    dump_text,
    load_instant,
    load_json,
    load_number,
    load_string,
)

T = TypeVar("T")

_RESULT_FIELDS = frozenset({"id", "scoreOf", "userId", "resultScore", "resultMaximum", "scoringUserId", "comment"})
# Moodle repeats resourceLinkId under an older name; sent back, it would be a second opinion on the link.
_NEVER_SENT = frozenset({"ltiLinkId"})


def dump_score(score: Score, timestamp: datetime | None = None) -> bytes:
    """
    Write a score as compact JSON on one line; what is None is left out.

    Args:
        timestamp: Sent instead of the score's own. None: the score's own.
    """
    parts = [
        f'{{"userId":{dump_text(score.user_id)},"activityProgress":"{score.activity_progress}"'
        f',"gradingProgress":"{score.grading_progress}","timestamp":"{dump_instant(timestamp or score.timestamp)}"'
    ]
    if score.score_given is not None and score.score_maximum is not None:
        parts.append(
            f',"scoreGiven":{dump_number(score.score_given)},"scoreMaximum":{dump_number(score.score_maximum)}'
        )
    if score.comment is not None:
        parts.append(f',"comment":{dump_text(score.comment)}')
    if score.scoring_user_id is not None:
        parts.append(f',"scoringUserId":{dump_text(score.scoring_user_id)}')
    if score.submission is not None:
        parts.append(_dump_submission(score.submission))
    parts.extend(_dump_extensions(score.extensions))
    parts.append("}")
    return "".join(parts).encode()


def _dump_submission(submission: Submission) -> str:
    instants = {"startedAt": submission.started_at, "submittedAt": submission.submitted_at}
    said = {name: dump_instant(value) for name, value in instants.items() if value is not None}
    return f',"submission":{dump_json(said)}' if said else ""


def _dump_extensions(extensions: Mapping[str, Any]) -> Iterable[str]:
    return (f",{dump_text(key)}:{dump_json(value)}" for key, value in extensions.items())


def dump_line_item(item: LineItem) -> bytes:
    """
    Write the complete definition, extensions included; without ``id`` and without anything that is None.

    Schoology and Blackboard refuse an ``id``; the 1EdTech validator refuses numeric resource ids.
    """
    fields: dict[str, str | None] = {
        "label": dump_text(item.label),
        "scoreMaximum": dump_number(item.score_maximum),
        "resourceLinkId": _dump_optional(dump_text, item.resource_link_id),
        "resourceId": _dump_optional(dump_text, item.resource_id),
        "tag": _dump_optional(dump_text, item.tag),
        "startDateTime": _dump_optional(_quoted_instant, item.start_date_time),
        "endDateTime": _dump_optional(_quoted_instant, item.end_date_time),
        "gradesReleased": _dump_optional(dump_json, item.grades_released),
        "submissionReview": _dump_optional(dump_json, _plain(item.submission_review)),
    }
    parts = [f'"{name}":{text}' for name, text in fields.items() if text is not None]
    sent = {key: value for key, value in item.extensions.items() if key not in _NEVER_SENT}
    parts.extend(text[1:] for text in _dump_extensions(sent))
    return ("{" + ",".join(parts) + "}").encode()


def _dump_optional(dump: Callable[[Any], str], value: Any) -> str | None:
    return None if value is None else dump(value)


def _quoted_instant(value: datetime) -> str:
    return f'"{dump_instant(value)}"'


def _plain(value: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if value is None else dict(value)


def load_line_item(record: object, url: str = "") -> LineItem:
    """
    Read one line item; keys of no standard field stay in `extensions`.

    Args:
        url: The address that answered: a relative ``id`` is resolved against it. Empty: it is kept as it is.

    Raises:
        NotReadableError: Not an object, without ``id`` or ``scoreMaximum``, or with a field of the wrong type.
    """
    fields = _object("a line item", record)
    item_id = load_string("id", fields.get("id"))
    if item_id is None:
        raise NotReadableError("the line item has no id")
    item_id = resolve(item_id, url) if url else item_id
    try:
        return _line_item(fields, item_id)
    except ValueError as error:
        # NotReadableError, or what the model refuses: an extension that cannot be written again.
        raise NotReadableError(f"in the line item {item_id[:500]}: {error}") from None


def _line_item(fields: Mapping[str, Any], item_id: str) -> LineItem:
    maximum = load_number("scoreMaximum", fields.get("scoreMaximum"))
    if maximum is None:
        raise NotReadableError("it has no scoreMaximum")
    released = fields.get("gradesReleased")
    review = fields.get("submissionReview")
    return LineItem(
        load_string("label", fields.get("label")) or "",
        maximum,
        id=item_id,
        resource_link_id=load_string("resourceLinkId", fields.get("resourceLinkId")),
        resource_id=load_string("resourceId", fields.get("resourceId")),
        tag=load_string("tag", fields.get("tag")),
        start_date_time=load_instant("startDateTime", fields.get("startDateTime")),
        end_date_time=load_instant("endDateTime", fields.get("endDateTime")),
        grades_released=released if isinstance(released, bool) else None,
        submission_review=review if isinstance(review, Mapping) else None,
        extensions=_rest(fields, LINE_ITEM_FIELDS),
    )


def load_result(record: object) -> Result:
    """
    Read one result. Only ``userId`` must be there: Moodle leaves out ``scoreOf``, Sakai the score.

    Raises:
        NotReadableError: Not an object, without ``userId``, or with a field of the wrong type.
    """
    fields = _object("a result", record)
    user_id = load_string("userId", fields.get("userId"))
    if user_id is None:
        raise NotReadableError("the result has no userId")
    maximum = load_number("resultMaximum", fields.get("resultMaximum"))
    return Result(
        user_id=user_id,
        id=load_string("id", fields.get("id")),
        score_of=load_string("scoreOf", fields.get("scoreOf")),
        result_score=load_number("resultScore", fields.get("resultScore")),
        result_maximum=1 if maximum is None else maximum,
        scoring_user_id=load_string("scoringUserId", fields.get("scoringUserId")),
        comment=load_string("comment", fields.get("comment")),
        extensions=_rest(fields, _RESULT_FIELDS),
    )


def load_list(body: bytes, load: Callable[[object], T], *, bare: bool = False) -> list[T]:
    """
    Read an array of records.

    Args:
        bare: Also take one record without an array around it: Sakai answers so for one user.

    Raises:
        NotReadableError: One record cannot be read; it is named by its place. None is dropped.
    """
    value = load_json(body)
    if bare and isinstance(value, dict):
        value = [value]
    return load_records("the body", value, load)


def load_records(what: str, value: object, load: Callable[[object], T]) -> list[T]:
    """
    Read the records of an array that was parsed already.

    Args:
        what: What the array is, for the message.

    Raises:
        NotReadableError: No array, or one record cannot be read; it is named by its place. None is dropped.
    """
    if not isinstance(value, list):
        raise NotReadableError(f"{what} is not an array")
    return [_load_nth(load, place, record) for place, record in enumerate(value)]


def _load_nth(load: Callable[[object], T], place: int, record: object) -> T:
    try:
        return load(record)
    except NotReadableError as error:
        raise NotReadableError(f"record {place}: {error}") from None


def _object(what: str, record: object) -> Mapping[str, Any]:
    if not isinstance(record, dict):
        raise NotReadableError(f"{what} is not an object")
    return record


def _rest(fields: Mapping[str, Any], known: frozenset[str]) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if key not in known}
