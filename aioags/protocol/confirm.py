"""
Is this what we sent? How a record of the platform is compared with ours, in one place.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any

from aioags.model.checks import Number
from aioags.model.line_item import LineItem
from aioags.model.progress import GradingProgress
from aioags.model.result import Result
from aioags.model.score import Score
from aioags.protocol.dialect import Dialect
from aioags.protocol.verdicts import Differs, Done, Search

# Moodle stores five decimals.
_CLOSE = Decimal("0.00001")
# To whole points, to what gradebooks show, and to what Moodle stores.
_ROUNDINGS = (0, 1, 2, 4, 5)


def shows(result: Result, score: Score) -> bool:
    """
    True when a result is what this score would have made: the same share of the maximum, the same comment.
    """
    # Canvas shows all comments together. One that this score should have cleared is no sign of it.
    if (score.comment or "") not in (result.comment or "") or bool(result.comment) != bool(score.comment):
        return False
    return _shows_value(result, score)


def _shows_value(result: Result, score: Score) -> bool:
    if result.result_score is None or result.result_maximum <= 0 or score.score_given is None:
        return False
    given = _fraction(score.score_given, score.score_maximum or 1)
    return abs(given - _fraction(result.result_score, result.result_maximum)) < _CLOSE


def _fraction(points: Number, maximum: Number) -> Decimal:
    return Decimal(str(points)) / Decimal(str(maximum))


def is_same_item(item: LineItem, candidate: LineItem, *, missed: bool) -> bool:
    """
    True when a line item of the platform is the one that was to be created.

    Args:
        missed: It was looked for a moment ago and not there: what is there now is ours, whatever its label.
    """
    # A platform keeps resource id and tag as sent (AGS 3.2.5). They are not unique: an older item may have the same.
    ours = (item.resource_link_id, item.resource_id, item.tag)
    theirs = (candidate.resource_link_id, candidate.resource_id, candidate.tag)
    return ours == theirs and (missed or item.label == candidate.label)


def item_search(dialect: Dialect, item: LineItem, *, missed: bool) -> Search[LineItem]:
    """
    Search for a line item whose creation was not answered.

    Args:
        missed: As for `is_same_item`.
    """

    def recognise(candidate: LineItem) -> Done[LineItem] | None:
        return Done(candidate) if is_same_item(item, candidate, missed=missed) else None

    first = dialect.line_items(
        resource_link_id=item.resource_link_id, resource_id=item.resource_id, tag=item.tag, limit=None
    )
    return Search(first, dialect.line_items_page, recognise, creates=True)


def recognise_score(result: Result, score: Score, stamp: datetime) -> Done[dict[str, Any] | None] | Differs | None:
    """
    Say what a result tells of a score of which nobody knows whether it was recorded.

    A result that shows ours settles it: recorded. So does one with our stamp and a value that ours can have become.
    Another value, where ours would have to show, means that ours does not stand there. Anything else settles nothing.

    Args:
        stamp: With which it was sent.
    """
    if result.user_id != score.user_id or result.result_score is None:
        return None
    if shows(result, score) or (_has_stamp(result, stamp) and _may_have_become(result, score)):
        return Done(None)
    must_show = score.score_given is not None and score.grading_progress is GradingProgress.FULLY_GRADED
    return Differs() if must_show and not _shows_value(result, score) else None


def score_search(dialect: Dialect, item_id: str, score: Score, stamp: datetime) -> Search[dict[str, Any] | None]:
    """
    Search for the result of a score of which nobody knows whether it was recorded; see `recognise_score`.
    """
    first = dialect.results(item_id, user_id=score.user_id, limit=None)
    further = partial(dialect.results_page, item_id)
    return Search(first, further, lambda result: recognise_score(result, score, stamp))


def _has_stamp(result: Result, stamp: datetime) -> bool:
    # Moodle shows the second that it keeps. It compares whole seconds.
    told = result.extensions.get("timestamp")
    try:
        return isinstance(told, str) and int(datetime.fromisoformat(told).timestamp()) == int(stamp.timestamp())
    except (ValueError, OverflowError):
        return False


def _may_have_become(result: Result, score: Score) -> bool:
    """
    True when a platform that caps at the maximum, or rounds, makes this result of a score.
    """
    if score.score_given is None or result.result_score is None or result.result_maximum <= 0:
        return False
    points = _fraction(score.score_given, score.score_maximum or 1) * Decimal(str(result.result_maximum))
    capped = min(points, Decimal(str(result.result_maximum)))
    shown = Decimal(str(result.result_score))
    return any(shown in (round(points, places), round(capped, places)) for places in _ROUNDINGS)
