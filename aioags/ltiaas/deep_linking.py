"""
The answer to a deep linking launch, as LTIAAS makes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from aioags.model.link_item import LinkItem
from aioags.wire.content_items import dump_link_item
from aioags.wire.scalars import NotReadableError


@attrs.frozen
class DeepLinkingMessage:
    """
    A signed answer, to be posted to the LMS by the user's browser.

    Attributes:
        message: The JWT: value of the form field ``JWT``. Whoever has it can send it once.

        target: URL that the form is posted to.
    """

    message: str = attrs.field(repr=False)
    target: str


def deep_linking_body(
    content_items: Iterable[LinkItem | Mapping[str, Any]], options: Mapping[str, str | None]
) -> dict[str, Any]:
    """
    Build the request's body; what is None is left out.

    Raises:
        TypeError: A content item is neither a `LinkItem` nor a mapping.

        ValueError: A content item has no ``type``.
    """
    if isinstance(content_items, (LinkItem, Mapping)):
        raise TypeError(
            f"content_items must be an iterable of content items, got one {type(content_items).__name__}:"
            " put it into a list"
        )
    items = [_content_item(item) for item in content_items]
    said = {name: value for name, value in options.items() if value is not None}
    return {"contentItems": items, "options": said} if said else {"contentItems": items}


def _content_item(item: object) -> dict[str, Any]:
    if isinstance(item, LinkItem):
        return dump_link_item(item)
    if not isinstance(item, Mapping):
        raise TypeError(f"a content item must be a LinkItem or a mapping, got {type(item).__name__}")
    if not isinstance(item.get("type"), str):
        raise ValueError("a content item must have a type, such as 'ltiResourceLink'")
    return dict(item)


def load_form(value: object) -> str:
    """
    Read the HTML form that submits itself.
    """
    return _text(value, "form")


def load_message(value: object) -> DeepLinkingMessage:
    """
    Read the signed message and where to post it.
    """
    return DeepLinkingMessage(_text(value, "message"), _text(value, "target"))


def _text(value: object, name: str) -> str:
    text = value.get(name) if isinstance(value, dict) else None
    if not isinstance(text, str) or not text.strip():
        raise NotReadableError(f"the answer holds no {name}")
    return text
