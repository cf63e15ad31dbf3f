"""
A link to this tool that a platform is to place in a course, perhaps with its line item (DL 3.2, AGS 4.9).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from aioags.model import checks
from aioags.model.line_item import LineItem

LINK_ITEM_FIELDS = frozenset({"type", "title", "url", "text", "lineItem", "custom"})
"""Wire names of a link; no extension may use one."""


def _declared(value: LineItem | None) -> LineItem | None:
    if value is None:
        return None
    if not isinstance(value, LineItem):
        raise TypeError(f"line_item must be a LineItem, got {type(value).__name__}")
    value.check_sendable()
    foreign = {
        name
        for name in ("id", "resource_link_id", "start_date_time", "end_date_time", "submission_review")
        if getattr(value, name) is not None
    }
    if foreign:
        raise ValueError(f"a line item in a deep link must not have {', '.join(sorted(foreign))} (DL 3.2)")
    return value


@attrs.frozen(kw_only=True)
class LinkItem:
    """
    A link to this tool that the platform is to place (DL 3.2, ``ltiResourceLink``).

    Attributes:
        title: For people. None: the platform chooses.

        url: What its launches name as ``target_link_uri``. None: the tool's usual one; on Blackboard the link is dead
            then, so give one always.

        text: A description. None: none.

        line_item: The column that comes with it; only label, score maximum, resource id, tag and grades_released are
            declared. None: no column.

        custom: Parameters that every launch of it brings back. str to str.

        extensions: Further fields, such as ``icon``, ``iframe``, ``available``, as the standard writes them.
    """

    title: str | None = None
    url: str | None = None
    text: str | None = None
    line_item: LineItem | None = attrs.field(default=None, converter=_declared)
    custom: Mapping[str, str] = attrs.field(factory=dict)
    extensions: Mapping[str, Any] = attrs.field(factory=dict)

    def __attrs_post_init__(self) -> None:
        for name in ("title", "url", "text"):
            checks.optional_text(name, getattr(self, name))
        checks.extensions("extensions", self.extensions, core=LINK_ITEM_FIELDS, urls_only=False)
        for name, value in self.custom.items():
            checks.text("the name of a custom parameter", name)
            if checks.optional_text(f"custom[{name!r}]", value) is None:
                raise TypeError(f"custom[{name!r}] must be a str, got None")
