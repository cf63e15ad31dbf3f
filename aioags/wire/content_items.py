"""
Deep Linking's content items as JSON values (DL 3).
"""

from __future__ import annotations

import json
from typing import Any

from aioags.model.link_item import LinkItem
from aioags.wire.codec import dump_line_item

# DL 3.2: a declared line item has these and no other fields.
_DECLARED = ("label", "scoreMaximum", "resourceId", "tag", "gradesReleased")


def dump_link_item(item: LinkItem) -> dict[str, Any]:
    """
    Return a link as JSON values, for a claim; what is None is left out.
    """
    fields: dict[str, Any] = {"type": "ltiResourceLink", "title": item.title, "url": item.url, "text": item.text}
    if item.line_item is not None:
        # Read again: a claim takes JSON values, and no Decimal.
        written = json.loads(dump_line_item(item.line_item))
        fields["lineItem"] = {name: written[name] for name in _DECLARED if name in written}
    fields["custom"] = dict(item.custom) or None
    return {name: value for name, value in fields.items() if value is not None} | dict(item.extensions)
