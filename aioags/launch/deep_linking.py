"""
The answer to a deep linking launch: links that the platform then places in the course, each perhaps with its line item,
so that the column is in the gradebook before anybody launches (DL 4.5, AGS 4.9).
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import uuid4

import attrs

from aioags.errors import NotOfferedError
from aioags.launch.browser_storage import SHOWN_LATE
from aioags.launch.claims import LTI_CLAIM, DeepLinkingSettings, Launch
from aioags.model.link_item import LinkItem
from aioags.protocol.signed import sign_message
from aioags.wire.content_items import dump_link_item

_DL_CLAIM = "https://purl.imsglobal.org/spec/lti-dl/claim/"

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Returning to the course</title>{late}</head>
<body onload="document.forms[0].submit()"><form method="post" action="{url}">
<input type="hidden" name="JWT" value="{jwt}"><button>Return to the course</button>
</form></body></html>
"""


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
        return _PAGE.format(late=SHOWN_LATE, url=html.escape(self.url), jwt=html.escape(self.jwt))


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
    dumped = [dump_link_item(item) if isinstance(item, LinkItem) else dict(item) for item in items]
    _check(dumped, settings)
    said = {"msg": message, "log": log, "errormsg": error_message, "errorlog": error_log, "data": settings.data}
    claims: dict[str, Any] = {
        "iss": launch.client_id,
        "aud": launch.issuer,
        "nonce": str(uuid4()),
        LTI_CLAIM + "message_type": "LtiDeepLinkingResponse",
        LTI_CLAIM + "version": "1.3.0",
        LTI_CLAIM + "deployment_id": launch.deployment_id,
        _DL_CLAIM + "content_items": dumped,
        **{_DL_CLAIM + name: text for name, text in said.items() if text is not None},
    }
    return DeepLinkingResponse(settings.deep_link_return_url, sign_message(launch.registration, claims, now=now))


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
