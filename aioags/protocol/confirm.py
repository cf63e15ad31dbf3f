"""
Is this what we sent? How a record of the platform is compared with ours, in one place.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any

import attrs

from aioags.model.canvas import is_canvas
from aioags.model.checks import Number
from aioags.model.line_item import LineItem
from aioags.model.progress import GradingProgress
from aioags.model.result import Result
from aioags.model.score import Score
from aioags.protocol.canvas import keeps_comments, keeps_grades
from aioags.protocol.dialect import Dialect, Operation, Page
from aioags.protocol.messages import Response
from aioags.protocol.verdicts import Differs, Done, Search

_WIRE_NAMES = {"resource_link_id": "resourceLinkId", "resource_id": "resourceId", "tag": "tag", "label": "label"}
# Moodle stores five decimals.
_CLOSE = Decimal("0.00001")
_HALF = Decimal("0.000005")
# Characters from which a text may be one that was cut: names that only begin alike are shorter.
_CUT = 32


def shows(result: Result, score: Score) -> bool:
    """
    True when a result is what this score would have made: the same share of the maximum, the same comment.
    """
    # Canvas shows all comments together, or the last. One that this score should have cleared is no sign of it.
    said, shown = score.comment or "", result.comment or ""
    if said not in shown or (shown and not said and not keeps_comments(result)):
        return False
    return _shows_value(result, score)


def _shows_value(result: Result, score: Score) -> bool:
    apart = _apart(result, score.score_given, score.score_maximum)
    return apart is not None and abs(apart) < _CLOSE


def _apart(result: Result, points: Number | None, maximum: Number | None) -> Decimal | None:
    """
    Return by how much these points exceed what a result shows, as a share of the maximum. None: nobody can say.
    """
    if result.result_score is None or result.result_maximum <= 0 or points is None:
        return None
    return _fraction(points, maximum or 1) - _fraction(result.result_score, result.result_maximum)


def shows_points(result: Result, points: Number | None, maximum: Number | None) -> bool:
    """
    True when a result shows just these points, but for what is lost where either is kept with five decimals.

    Zero is not the same as no points. None is what a result shows that has no grade.
    """
    if points is None:
        return result.result_score is None and not has_odd_score(result)
    if result.result_maximum > 0 and (points, maximum) == (result.result_score, result.result_maximum):
        return True
    apart = _apart(result, points, maximum)
    return apart is not None and abs(apart) <= _HALF / _decimal(maximum or 1) + _HALF / _decimal(result.result_maximum)


def shows_capped(result: Result, points: Number | None, maximum: Number | None) -> bool:
    """
    True when a result shows the whole maximum for points beyond it: the platform caps. Canvas does not.
    """
    beyond = points is not None and maximum is not None and points > maximum and not is_canvas(_url_of(result))
    return beyond and shows_points(result, result.result_maximum, result.result_maximum)


def _url_of(result: Result) -> str | None:
    return result.score_of or result.id


def shows_comment(result: Result, comment: str | None) -> bool:
    """
    True when a result shows this comment, or none if it is None; blanks around it and kinds of line ends are the same.
    """
    said, shown = _plain(comment), _plain(result.comment)
    if keeps_comments(result):
        # All comments together, or the last one; none clears none.
        return said in shown
    return said == shown


def _plain(comment: str | None) -> str:
    return "\n".join((comment or "").split("\r\n")).strip()


def has_odd_score(result: Result) -> bool:
    """
    True when a grade is there that is no number.
    """
    return result.result_score is None and result.extensions.get("resultScore") is not None


def shown_at(result: Result) -> datetime | None:
    """
    Return the time that a result tells, as Moodle's do, in whole seconds. None: it tells none.
    """
    told = result.extensions.get("timestamp")
    try:
        at = datetime.fromisoformat(told) if isinstance(told, str) else None
    except ValueError:
        return None
    return None if at is None or at.tzinfo is None else at


def _decimal(number: Number) -> Decimal:
    return Decimal(str(number))


def _fraction(points: Number, maximum: Number) -> Decimal:
    return _decimal(points) / _decimal(maximum)


def is_same_item(item: LineItem, candidate: LineItem, *, missed: bool) -> bool:
    """
    True when a line item of the platform is the one that was to be created.

    Args:
        missed: It was looked for a moment ago and not there: what is there now is ours, whatever its label.
    """
    # A platform keeps resource id and tag as sent (AGS 3.2.5). They are not unique: an older item may have the same.
    pairs = _recognised_by(item, candidate)
    if missed:
        # What we left out it may fill in, such as the link.
        return all(ours in (None, theirs) for ours, theirs in pairs)
    return item.label == candidate.label and all(ours == theirs for ours, theirs in pairs)


def may_be_same_item(item: LineItem, candidate: LineItem) -> bool:
    """
    True when a line item may be what the platform made of the one that was to be created: it has the same label and
    maximum, and what it is recognised by was left out, filled in, or kept in other words (Sakai drops each ``|``).
    """
    looks_the_same = (item.label, item.score_maximum) == (candidate.label, candidate.score_maximum)
    return looks_the_same and all(_may_be_of(ours, theirs) for ours, theirs in _recognised_by(item, candidate))


def _recognised_by(item: LineItem, candidate: LineItem) -> tuple[tuple[str | None, str | None], ...]:
    return (
        (item.resource_link_id, candidate.resource_link_id),
        (item.resource_id, candidate.resource_id),
        (item.tag, candidate.tag),
    )


def _may_be_of(ours: str | None, theirs: str | None) -> bool:
    if ours is None or theirs is None:
        return True
    one, other = ("".join(filter(str.isalnum, value)).casefold() for value in (ours, theirs))
    return one == other or (len(theirs) >= _CUT and one.startswith(other))


def may_be(record: object, **wanted: str | None) -> bool:
    """
    True when a line item that cannot be read may be one that is wanted.

    Args:
        record: As the platform sent it.

        wanted: By attribute of a `LineItem`; None: anything.
    """
    said = {_WIRE_NAMES[name]: value for name, value in wanted.items() if value is not None}
    return isinstance(record, dict) and all(str(record.get(name)) == value for name, value in said.items())


def item_search(dialect: Dialect, item: LineItem, *, missed: bool) -> Search[LineItem]:
    """
    Search for a line item whose creation was not answered. One that may be it, or an older one, settles nothing; but no
    second one is made.

    Args:
        missed: As for `is_same_item`.
    """

    def recognise(candidate: LineItem) -> Done[LineItem] | Differs | None:
        if is_same_item(item, candidate, missed=missed):
            return Done(candidate)
        return Differs() if may_be_same_item(item, candidate) else None

    # By one field: in a listing filtered by all, one that is kept in other words would be missing.
    tag = item.tag if item.resource_id is None else None
    link = item.resource_link_id if (item.resource_id or item.tag) is None else None
    wanted = {"resource_link_id": link, "resource_id": item.resource_id, "tag": tag}
    first = dialect.line_items(**wanted, limit=None, maximum=item.score_maximum)
    further = partial(dialect.line_items_page, maximum=item.score_maximum)
    if not any(wanted.values()):
        wanted = {"label": item.label}
    return Search(first, further, recognise, lambda record: may_be(record, **wanted), creates=True)


# What the gradebook shows of a line item; the rest is not read back everywhere.
_SHOWN = ("label", "score_maximum", "resource_id", "tag", "start_date_time", "end_date_time")


def update_search(dialect: Dialect, item: LineItem) -> Search[LineItem | None]:
    """
    Search for a changed line item of which nobody knows whether it was changed: the platform shows it as it was sent.
    """

    def recognise(shown: LineItem) -> Done[LineItem | None] | Differs:
        # None is left out of what is sent, and some platforms then keep what they have.
        sent = [name for name in _SHOWN if getattr(item, name) is not None]
        return Done(shown) if all(getattr(item, name) == getattr(shown, name) for name in sent) else Differs()

    alone: Operation[Any] = dialect.get_line_item(item.id or "", maximum=item.score_maximum)

    def read(response: Response) -> Page[LineItem]:
        return Page([alone.read(response)], None)

    def further(key: str) -> Operation[Page[LineItem]]:
        raise AssertionError(f"one line item has no page {key}")

    return Search(attrs.evolve(alone, read=read), further, recognise)


def recognise_score(result: Result, score: Score, stamp: datetime) -> Done[dict[str, Any] | None] | Differs | None:
    """
    Say what a result tells of a score of which nobody knows whether it was recorded.

    A result that shows ours settles it: recorded. So does one with our stamp and a value that Moodle, the one that
    shows stamps, makes of ours: of five decimals, and capped. Where ours would have to show, another stamp or another
    value means that ours does not stand there. Not a value that is ours but for rounding or a cap: it may be ours, and
    it may be another's that says just that. Anything else settles nothing.

    Args:
        stamp: With which it was sent.
    """
    given, maximum = score.score_given, score.score_maximum
    if result.user_id != score.user_id or result.result_score is None:
        return None
    ours = _has_stamp(result, stamp)
    if shows(result, score) or (
        ours and (shows_points(result, given, maximum) or shows_capped(result, given, maximum))
    ):
        return Done(None)
    must_show = given is not None and score.grading_progress is GradingProgress.FULLY_GRADED
    # Over a teacher's grade Canvas shows ours on another scale.
    if not must_show or keeps_grades(score) or _shows_value(result, score):
        return None
    return None if ours is not False and _may_be_cut(result, score) else Differs()


def score_search(dialect: Dialect, item_id: str, score: Score, stamp: datetime) -> Search[dict[str, Any] | None]:
    """
    Search for the result of a score of which nobody knows whether it was recorded; see `recognise_score`.
    """
    first = dialect.results(item_id, user_id=score.user_id, limit=None)
    further = partial(dialect.results_page, item_id)
    return Search(first, further, lambda result: recognise_score(result, score, stamp))


def _has_stamp(result: Result, stamp: datetime) -> bool | None:
    # Moodle shows the second that it keeps. It compares whole seconds. None: it shows none.
    told = shown_at(result)
    try:
        return None if told is None else int(told.timestamp()) == int(stamp.timestamp())
    except OverflowError:
        return None


def _may_be_cut(result: Result, score: Score) -> bool:
    """
    True when a platform that caps, or shows fewer digits than were sent, may make this result of a score.
    """
    if score.score_given is None or result.result_score is None or result.result_maximum <= 0:
        return False
    shown, maximum = _decimal(result.result_score), _decimal(result.result_maximum)
    points = _fraction(score.score_given, score.score_maximum or 1) * maximum
    # Rounded, or cut off: less than one of the last digit shown.
    last = Decimal(1).scaleb(min(int(shown.normalize().as_tuple().exponent), 0))
    return min(abs(points - shown), abs(min(points, maximum) - shown)) < last
