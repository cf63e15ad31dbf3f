"""
The answer to a deep linking launch: links that the platform then places in the course, each perhaps with its line item,
so that the column is in the gradebook before anybody launches (DL 4.5, AGS 4.9).
"""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import uuid4

import attrs
from joserfc import jwt

from aioags.errors import NotOfferedError
from aioags.launch.claims import LTI_CLAIM, DeepLinkingSettings, Launch
from aioags.model import checks
from aioags.model.line_item import LineItem
from aioags.model.registration import signing_algorithm
from aioags.wire.codec import dump_line_item

_DL_CLAIM = "https://purl.imsglobal.org/spec/lti-dl/claim/"
_LINK_TYPE = "ltiResourceLink"
# SEC 5.2: as short as a redirect; the same life as an assertion.
_SECONDS = 300
_FIELDS = frozenset({"type", "title", "url", "text", "lineItem", "custom"})
# DL 3.2: a declared line item has these and no other fields.
_DECLARED = ("label", "scoreMaximum", "resourceId", "tag", "gradesReleased")

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Returning to the course</title></head>
<body onload="document.forms[0].submit()"><form method="post" action="{url}">
<input type="hidden" name="JWT" value="{jwt}"><noscript><button>Return to the course</button></noscript>
</form></body></html>
"""


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

        url: What its launches name as ``target_link_uri``. None: the tool's usual one.

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
        checks.extensions("extensions", self.extensions, core=_FIELDS, urls_only=False)
        for name, value in self.custom.items():
            checks.text("the name of a custom parameter", name)
            if checks.optional_text(f"custom[{name!r}]", value) is None:
                raise TypeError(f"custom[{name!r}] must be a str, got None")

    def dump(self) -> dict[str, Any]:
        """
        Return the content item as JSON values.
        """
        fields: dict[str, Any] = {"type": _LINK_TYPE, "title": self.title, "url": self.url, "text": self.text}
        if self.line_item is not None:
            written = json.loads(dump_line_item(self.line_item))
            fields["lineItem"] = {name: written[name] for name in _DECLARED if name in written}
        fields["custom"] = dict(self.custom) or None
        return {name: value for name, value in fields.items() if value is not None} | dict(self.extensions)


@attrs.frozen
class DeepLinkingResponse:
    """
    What the browser is to post to the platform.

    Attributes:
        url: Where to.

        jwt: The form's only field, ``JWT``.
    """

    url: str
    jwt: str = attrs.field(repr=False)

    @property
    def html(self) -> str:
        """
        A page that posts itself. A content security policy must allow its inline script, or the person sees a button.
        """
        return _PAGE.format(url=html.escape(self.url), jwt=html.escape(self.jwt))


def deep_linking_response(
    launch: Launch,
    items: Iterable[LinkItem | Mapping[str, Any]],
    *,
    now: float,
    message: str | None = None,
    log: str | None = None,
    error_message: str | None = None,
    error_log: str | None = None,
) -> DeepLinkingResponse:
    """
    Answer a deep linking launch.

    Args:
        items: In order. Empty: the person chose nothing. A mapping is a content item of another type, such as
            ``{"type": "html", "html": "…"}``, as the standard writes it.

        now: Unix time, seconds; ``time.time()``.

        message, error_message: For the person. None: nothing.

        log, error_log: For the platform's log. None: nothing.

    Raises:
        ValueError: Not a deep linking launch, or more items than the platform takes.

        NotOfferedError: The platform takes no items of this type, or no line items.

    Spec:
        DL 4.5, SEC 5.2
    """
    settings = launch.deep_linking
    if settings is None:
        raise ValueError(f"this launch is a {launch.message_type}: only a deep linking launch takes links")
    dumped = [item.dump() if isinstance(item, LinkItem) else dict(item) for item in items]
    _check(dumped, settings)
    said = {"msg": message, "log": log, "errormsg": error_message, "errorlog": error_log, "data": settings.data}
    claims: dict[str, Any] = {
        "iss": launch.client_id,
        "aud": launch.issuer,
        "iat": int(now),
        "exp": int(now) + _SECONDS,
        "nonce": str(uuid4()),
        LTI_CLAIM + "message_type": "LtiDeepLinkingResponse",
        LTI_CLAIM + "version": "1.3.0",
        LTI_CLAIM + "deployment_id": launch.deployment_id,
        _DL_CLAIM + "content_items": dumped,
        **{_DL_CLAIM + name: text for name, text in said.items() if text is not None},
    }
    key = launch.registration.key
    header = {"typ": "JWT", "alg": signing_algorithm(key), "kid": key.kid}
    return DeepLinkingResponse(
        settings.deep_link_return_url, jwt.encode(header, claims, key, algorithms=[header["alg"]])
    )


def _check(items: list[dict[str, Any]], settings: DeepLinkingSettings) -> None:
    if len(items) > 1 and settings.accept_multiple is False:
        raise ValueError(f"the platform takes one item, got {len(items)} (DL 4.4.1, accept_multiple)")
    for item in items:
        if item.get("type") not in settings.accept_types:
            accepted = ", ".join(settings.accept_types)
            raise NotOfferedError(
                f"the platform takes no items of the type {item.get('type')!r} here; it takes {accepted}",
                spec="DL 4.4.1",
            )
        if "lineItem" in item and settings.accept_lineitem is False:
            raise NotOfferedError("the platform takes no line items with links here", spec="DL 4.4.1")
