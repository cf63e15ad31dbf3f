"""
Is this what we sent? How a record of the platform is compared with ours, in one place.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from aioags.model.checks import Number
from aioags.model.line_item import LineItem
from aioags.model.result import Result
from aioags.model.score import Score
from aioags.protocol.dialect import Dialect
from aioags.protocol.verdicts import Done, Search

# Moodle stores five decimals.
_CLOSE = Decimal("0.00001")


def shows(result: Result, score: Score) -> bool:
    """
    True when a result is what this score would have made: the same share of the maximum, the same comment.
    """
    if result.result_score is None or result.result_maximum <= 0 or score.score_given is None:
        return False
    # Canvas shows all comments together. One that this score should have cleared is no sign of it.
    if (score.comment or "") not in (result.comment or "") or bool(result.comment) != bool(score.comment):
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


def score_search(dialect: Dialect, item_id: str, score: Score) -> Search[dict[str, Any] | None]:
    """
    Search for the result of a score whose post was not answered.
    """

    def recognise(result: Result) -> Done[dict[str, Any] | None] | None:
        return Done(None) if result.user_id == score.user_id and shows(result, score) else None

    first = dialect.results(item_id, user_id=score.user_id, limit=None)
    return Search(first, lambda key: dialect.results_page(item_id, key), recognise)
