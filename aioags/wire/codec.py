"""
The records as JSON. Strict in what is written, lenient in what is read: each leniency names who needs it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Generic, TypeAlias, TypeVar

import attrs

from aioags.model import checks
from aioags.model.canvas import CANVAS_SUBMISSION_TYPE, is_canvas
from aioags.model.checks import Number
from aioags.model.line_item import LINE_ITEM_FIELDS, LineItem
from aioags.model.result import Result
from aioags.model.score import Score, Submission
from aioags.wire.batches import json_batches, sliced
from aioags.wire.links import resolve
from aioags.wire.scalars import (
    NotReadableError,
    dump_instant,
    dump_json,
    dump_number,
    dump_text,
    load_flag,
    load_instant,
    load_number,
    load_object,
    load_string,
)
from aioags.wire.steps import Steps

T = TypeVar("T")
_Loads: TypeAlias = Mapping[str, Callable[[str, object], object]]

_RESULT_FIELDS = frozenset({"id", "scoreOf", "userId", "resultScore", "resultMaximum", "scoringUserId", "comment"})
_OPTIONAL: _Loads = {
    "label": load_string,
    "resourceLinkId": load_string,
    "resourceId": load_string,
    "tag": load_string,
    "startDateTime": load_instant,
    "endDateTime": load_instant,
    "gradesReleased": load_flag,
    "submissionReview": load_object,
}
_MAXIMUM: _Loads = {"scoreMaximum": load_number}
_OPTIONAL_IN_RESULTS: _Loads = {
    "id": load_string,
    "scoreOf": load_string,
    "resultScore": load_number,
    "resultMaximum": load_number,
    "scoringUserId": load_string,
    "comment": load_string,
}
# Moodle repeats resourceLinkId under an older name; sent back, it would be a second opinion on the link.
_NEVER_SENT = frozenset({"ltiLinkId"})
# Canvas shows it ever after, takes it in a new item only, and fails (500) when it comes back.
_NEVER_SENT_AGAIN = _NEVER_SENT | {CANVAS_SUBMISSION_TYPE}


def dump_score(score: Score, timestamp: datetime | None = None) -> bytes:
    """
    Write a score as compact JSON on one line; what is None is left out.

    Args:
        timestamp: Sent instead of the score's own. None: the score's own.
    """
    parts = [
        '{"userId":', dump_text(score.user_id),
        ',"activityProgress":"', score.activity_progress, '","gradingProgress":"', score.grading_progress,
        '","timestamp":"', dump_instant(timestamp or score.timestamp), '"',
    ]  # fmt: skip
    given, maximum = score.score_given, score.score_maximum
    if given is not None and maximum is not None:
        points = str(given) if type(given) is int else dump_number(given)
        most = str(maximum) if type(maximum) is int else dump_number(maximum)
        parts += (',"scoreGiven":', points, ',"scoreMaximum":', most)
    if score.comment is not None:
        parts.append(f',"comment":{dump_text(score.comment)}')
    if score.scoring_user_id is not None:
        parts.append(f',"scoringUserId":{dump_text(score.scoring_user_id)}')
    if score.submission is not None:
        parts.append(_dump_submission(score.submission))
    if score.extensions:
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

    A field that could not be read goes back as it came, out of the extensions: left out, it would be unset.

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
    if "label" in item.extensions:
        del fields["label"]
    parts = [f'"{name}":{text}' for name, text in fields.items() if text is not None]
    never = _NEVER_SENT_AGAIN if is_canvas(item.id) else _NEVER_SENT
    sent = {key: value for key, value in item.extensions.items() if key not in never}
    parts.extend(text[1:] for text in _dump_extensions(sent))
    return ("{" + ",".join(parts) + "}").encode()


def _dump_optional(dump: Callable[[Any], str], value: Any) -> str | None:
    return None if value is None else dump(value)


def _quoted_instant(value: datetime) -> str:
    return f'"{dump_instant(value)}"'


def _plain(value: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if value is None else dict(value)


def load_line_item(record: object, url: str = "", *, maximum: Number | None = None) -> LineItem:
    """
    Read one line item; keys of no standard field stay in `extensions`, and so does a field that cannot be read.

    Args:
        url: The address that answered: a relative ``id`` is resolved against it. Empty: it is kept as it is.

        maximum: What it has where the platform names no ``scoreMaximum`` that can be read; it is then without
            extensions that cannot be written again. None: it cannot be read.

    Raises:
        NotReadableError: Not an object, or without ``id`` or ``scoreMaximum``.
    """
    fields = _object("a line item", record)
    item_id = _load_url("id", fields.get("id"), url)
    if item_id is None:
        raise NotReadableError("the line item has no id")
    try:
        return _line_item(fields, item_id)
    except ValueError:
        # NotReadableError, or what the model refuses: an extension that cannot be written again.
        pass
    readable, odd = set_apart(fields, _OPTIONAL)
    if maximum is not None:
        readable, odd = _least(readable, maximum), _writable(odd)
    try:
        return _line_item(readable, item_id, odd)
    except ValueError as error:
        raise NotReadableError(f"in the line item {item_id[:500]}: {error}") from None


def _least(fields: Mapping[str, Any], maximum: Number) -> dict[str, Any]:
    """
    Return the fields with a maximum, and of the extensions those that can be written again.
    """
    known, _ = set_apart({name: fields[name] for name in fields if name in LINE_ITEM_FIELDS}, _MAXIMUM)
    if load_number("scoreMaximum", known.get("scoreMaximum")) is None:
        known["scoreMaximum"] = maximum
    return {**_writable(_rest(fields, LINE_ITEM_FIELDS)), **known}


def _writable(fields: Mapping[str, Any]) -> dict[str, Any]:
    def can_be_written(name: str) -> bool:
        try:
            checks.json_object("extensions", {name: fields[name]})
        except ValueError:
            return False
        return True

    return {name: value for name, value in fields.items() if can_be_written(name)}


def _load_url(field: str, value: object, base: str) -> str | None:
    """
    Read a URL; one that is relative is resolved, if there is something to resolve it against.
    """
    if isinstance(value, str) and value.startswith(("https://", "http://")):
        return value
    text = load_string(field, value)
    # A number is no URL: read as a relative one it would be that of something else.
    return resolve(text, base) if text is not None and base and isinstance(value, str) else text


def set_apart(fields: Mapping[str, Any], optional: _Loads) -> tuple[dict[str, Any], dict[str, Any]]:
    """
    Return the fields that can be read or are not optional, and those that are optional and cannot be read.
    """
    odd: dict[str, Any] = {}
    for name, load in optional.items():
        try:
            load(name, fields.get(name))
        except NotReadableError:
            odd[name] = fields[name]
    return {name: value for name, value in fields.items() if name not in odd}, odd


def _line_item(fields: Mapping[str, Any], item_id: str, odd: Mapping[str, Any] | None = None) -> LineItem:
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
        grades_released=None if released is None else load_flag("gradesReleased", released),
        submission_review=None if review is None else load_object("submissionReview", review),
        extensions={**_rest(fields, LINE_ITEM_FIELDS), **(odd or {})},
    )


def load_result(record: object, url: str = "") -> Result:
    """
    Read one result. Only ``userId`` must be there: Moodle leaves out ``scoreOf``, Sakai the score.

    A field that cannot be read stays in `extensions`. A score whose maximum cannot be read is out of nobody knows what:
    both stay there.

    Args:
        url: The address that answered: a relative ``id`` or ``scoreOf`` is resolved against it. Empty: it is kept.

    Raises:
        NotReadableError: Not an object, or without ``userId``.
    """
    fields = _object("a result", record)
    user_id = load_string("userId", fields.get("userId"))
    if user_id is None:
        raise NotReadableError("the result has no userId")
    try:
        return _result(fields, user_id, url)
    except NotReadableError:
        readable, odd = set_apart(fields, _OPTIONAL_IN_RESULTS)
    if "resultMaximum" in odd and readable.get("resultScore") is not None:
        odd["resultScore"] = readable.pop("resultScore")
    return _result(readable, user_id, url, odd)


def _result(fields: Mapping[str, Any], user_id: str, url: str, odd: Mapping[str, Any] | None = None) -> Result:
    maximum = load_number("resultMaximum", fields.get("resultMaximum"))
    return Result(
        user_id=user_id,
        id=_load_url("id", fields.get("id"), url),
        score_of=_load_url("scoreOf", fields.get("scoreOf"), url),
        result_score=load_number("resultScore", fields.get("resultScore")),
        result_maximum=1 if maximum is None else maximum,
        scoring_user_id=load_string("scoringUserId", fields.get("scoringUserId")),
        comment=load_string("comment", fields.get("comment")),
        extensions={**_rest(fields, _RESULT_FIELDS), **(odd or {})},
    )


MOST_ODD = 10_000
"""Records of one page that cannot be read, at the most: nothing else runs while they are told, for 30 ms."""

OTHERS_READ = 50
"""Records that are read of what was asked for one user, whosever they are."""


@attrs.frozen
class Records(Generic[T]):
    """
    What an array of records holds.

    Attributes:
        records: Those that can be read, in order.

        odd: The others, each with why it cannot be read; that names its place in the array.
    """

    records: list[T]
    odd: list[tuple[object, NotReadableError]]


def load_list(
    body: bytes, load: Callable[[object], T], *, bare: bool = False, user_id: str | None = None
) -> Steps[Records[T]]:
    """
    Read an array of records, in steps.

    Args:
        bare: Also take one record without an array around it: Sakai answers so for one user.

        user_id: As for `load_records`.

    Raises:
        NotReadableError: It is no array, or too much of it cannot be read.
    """
    batches = json_batches(body)
    return _load("the body", map(_bare, batches) if bare else batches, load, user_id)


def _bare(value: object) -> object:
    return [value] if isinstance(value, dict) else value


def load_records(
    what: str, value: object, load: Callable[[object], T], *, user_id: str | None = None
) -> Steps[Records[T]]:
    """
    Read the records of an array that was parsed already, in steps.

    Args:
        what: What the array is, for the message.

        user_id: Whose records were asked for. Of more than `OTHERS_READ` the rest of the others' is not read: who
            ignores the filter (Open edX, Sakai) is known by the first. None: everybody's.

    Raises:
        NotReadableError: It is no array, or more than `MOST_ODD` records cannot be read.
    """
    return _load(what, sliced(value) if isinstance(value, list) else [value], load, user_id)


def _load(what: str, batches: Iterable[object], load: Callable[[object], T], user_id: str | None) -> Steps[Records[T]]:
    found: Records[T] = Records([], [])
    read = 0
    for batch in batches:
        if not isinstance(batch, list):
            raise NotReadableError(f"{what} is not an array")
        if read:
            yield
        wanted = batch if user_id is None else _of_user(batch, user_id, max(0, OTHERS_READ - read))
        _load_batch(wanted, load, found, read)
        read += len(wanted)
    return found


def _load_batch(batch: list[Any], load: Callable[[object], T], found: Records[T], read: int) -> None:
    keep = found.records.append
    for place, record in enumerate(batch, read):
        try:
            keep(load(record))
        except NotReadableError as error:
            if len(found.odd) >= MOST_ODD:
                raise NotReadableError(f"more than {MOST_ODD} records cannot be read; {error}") from None
            found.odd.append((record, NotReadableError(f"record {place}: {error}")))


def _of_user(records: list[Any], user_id: str, others: int) -> list[Any]:
    """
    Return the records of a user, behind the first of whomsoever.
    """
    rest = records[others:]
    # No function of ours for each, and of an empty one nothing at all: a platform can put a million here.
    ours = [
        record
        for record in rest
        if record
        and type(record) is dict
        and ((said := record.get("userId")) == user_id or (type(said) is int and str(said) == user_id))
    ]
    return records[:others] + ours


def _object(what: str, record: object) -> Mapping[str, Any]:
    if not isinstance(record, dict):
        raise NotReadableError(f"{what} is not an object")
    return record


def _rest(fields: Mapping[str, Any], known: frozenset[str]) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if key not in known}
