"""
A line item: one column of the platform's gradebook (AGS 3.2).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import attrs

from aioags.model import checks
from aioags.model.checks import Number
from aioags.model.mistakes import tells_unknown

LINE_ITEM_FIELDS = frozenset(
    {
        "id", "label", "scoreMaximum", "resourceLinkId", "resourceId", "tag", "startDateTime", "endDateTime",
        "gradesReleased", "submissionReview",
    }
)  # fmt: skip
"""Wire names of a line item; no extension may use one."""

_NEEDED = frozenset({"id", "scoreMaximum"})
# What the platform may have put otherwise than we can read, by its name on the wire.
_OPTIONAL: Mapping[object, str] = {
    "label": "label",
    "resourceLinkId": "resource_link_id",
    "resourceId": "resource_id",
    "tag": "tag",
    "startDateTime": "start_date_time",
    "endDateTime": "end_date_time",
    "gradesReleased": "grades_released",
    "submissionReview": "submission_review",
}
# Moodle's and Canvas's columns. Moodle answers a longer one with 502, and makes a column that nobody can delete.
_LONGEST = {"label": 255, "tag": 255, "resource_id": 512}


@attrs.frozen
class LineItem:
    """
    One column of the gradebook. Make one to create it, or get one from the platform.

    An item with an `id` came from a platform and is taken as it is: platforms break their own rules. What is sent is
    checked again.

    Attributes:
        label: The column's name. Not blank.

        score_maximum: Points of a perfect result, above 0.

        id: The item's URL, exactly as the platform wrote it. None: not created yet.

        resource_link_id: The platform's link that the item belongs to. It cannot be changed later.

        resource_id: The tool's own name for the resource. Not unique. None: absent, blank or null.

        tag: The tool's own mark, such as ``"grade"``. Not unique. None: absent, blank or null.

        start_date_time: When it opens; aware. None: absent, or the platform does not support it.

        end_date_time: When it closes; aware. None as above.

        grades_released: The tool's wish that learners see their results. None: not said.

        submission_review: Where the platform sends people who review a submission. Passed through.

        extensions: Fields beyond the standard. In an item from the platform any key, kept for a later update; in a new
            one only fully qualified URLs (AGS 3.1.2). A standard field of the platform that cannot be read, such as the
            date ``"0000-00-00 00:00:00"``, is here as it came, under its wire name, and the attribute is None (of
            `label`: empty). An update sends it back as it came, until the attribute has a value. For Canvas see
            `CanvasAssignment`.

    Raises:
        ValueError, TypeError: A field is not as said here; the message names it.
    """

    label: str
    score_maximum: Number
    id: str | None = attrs.field(default=None, kw_only=True)
    resource_link_id: str | None = attrs.field(default=None, kw_only=True)
    resource_id: str | None = attrs.field(default=None, kw_only=True)
    tag: str | None = attrs.field(default=None, kw_only=True)
    start_date_time: datetime | None = attrs.field(default=None, kw_only=True)
    end_date_time: datetime | None = attrs.field(default=None, kw_only=True)
    grades_released: bool | None = attrs.field(default=None, kw_only=True)
    submission_review: Mapping[str, Any] | None = attrs.field(default=None, kw_only=True, hash=False)
    extensions: Mapping[str, Any] = attrs.field(factory=dict, kw_only=True, hash=False, repr=False)

    def __attrs_post_init__(self) -> None:
        if self.id is None:
            self.check_sendable()
        extensions = self.extensions
        # Most have none: what is looked at in each is a call.
        if type(extensions) is dict and not extensions:
            return
        if self.id is not None and isinstance(extensions, Mapping) and not _OPTIONAL.keys().isdisjoint(extensions):
            extensions = {name: value for name, value in extensions.items() if not self._says(name)}
        core = LINE_ITEM_FIELDS if self.id is None else _NEEDED
        checked = checks.extensions("extensions", extensions, core=core, urls_only=self.id is None)
        object.__setattr__(self, "extensions", checked)

    def _says(self, name: object) -> bool:
        """
        True when the attribute of an optional field has a value.
        """
        return getattr(self, _OPTIONAL[name]) not in (None, "") if name in _OPTIONAL else False

    def check_sendable(self) -> None:
        """
        Raise `ValueError` or `TypeError` when the item breaks a rule for what a tool sends.
        """
        checks.text("label", self.label)
        checks.positive("score_maximum", self.score_maximum, spec="AGS 3.2.8")
        checks.given_texts(resource_link_id=self.resource_link_id, resource_id=self.resource_id, tag=self.tag)
        for name, longest in _LONGEST.items():
            if (value := getattr(self, name)) is not None and len(value) > longest:
                raise ValueError(f"{name} must have at most {longest} characters, got {len(value)}: LMSs take no more")
        checks.optional_instant("start_date_time", self.start_date_time)
        checks.optional_instant("end_date_time", self.end_date_time)
        if self.grades_released is not None and not isinstance(self.grades_released, bool):
            raise TypeError(f"grades_released must be a bool or None, got {self.grades_released!r}")
        if self.submission_review is not None:
            checks.json_object("submission_review", self.submission_review)


if not TYPE_CHECKING:
    # The constructor is attrs' own.
    LineItem.__init__ = tells_unknown("LineItem")(LineItem.__init__)


def item_url(item: LineItem | str | None) -> str | None:
    """
    Return the URL of a line item given as such, as its URL, or as None.

    Raises:
        ValueError: The item has no id: it was never created. Or the URL is blank.

        TypeError: Neither of the three.
    """
    if item is None:
        return None
    if isinstance(item, LineItem):
        if item.id is None:
            raise ValueError(f"line_item {item.label!r} has no id: create it first, or get it from the platform")
        return item.id
    if not isinstance(item, str):
        raise TypeError(f"line_item must be a LineItem, its id or None, got {type(item).__name__}")
    if not item.strip():
        raise ValueError("line_item must not be blank: None means the endpoint's own")
    return item
