"""
What is checked of a score before it is stored: that it can be stored anywhere, and posted at all.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from aioags.errors import NotOfferedError, UntrustedURLError, shown_url
from aioags.model import checks
from aioags.model.endpoint import Endpoint
from aioags.model.progress import Scope
from aioags.model.score import Score
from aioags.model.secure import url_fault
from aioags.protocol.urls import own_spelling

_STANDS_FOR_HTTPS = re.compile(r"\Ahttp:", re.IGNORECASE)
# PostgreSQL takes no longer key into an index: a third of a page of 8 kB.
_LONGEST_KEY = 2_500
# A stamp may have to move on by seconds, and after the year 9999 there is no date.
_END_OF_TIME = datetime(9999, 1, 1, tzinfo=UTC)


def pack_endpoint(endpoint: Endpoint | Mapping[str, Any], line_item: str | None) -> tuple[str, str | None]:
    """
    Check and write an endpoint.

    Args:
        line_item: URL of a line item. None: the endpoint's own.

    Returns:
        The endpoint as JSON, and the URL of the line item, as the endpoint spells it if it is its own; None: there is
        none.
    """
    if isinstance(endpoint, Endpoint):
        return _pack(endpoint, own_spelling(line_item, endpoint.lineitem))
    if endpoint is None:
        raise TypeError("endpoint is None: this launch offers no grades (Endpoint.from_launch says so)")
    if not isinstance(endpoint, Mapping):
        raise TypeError(f"endpoint must be an Endpoint or a JSON object, got {type(endpoint).__name__}")
    if "scope" in endpoint and ("lineitem" in endpoint or "lineitems" in endpoint):
        return pack_endpoint(Endpoint.from_claim(endpoint), line_item)
    return json.dumps(dict(endpoint), separators=(",", ":"), allow_nan=False), line_item or endpoint.get("line_item")


@lru_cache(maxsize=1024)
def _pack(endpoint: Endpoint, line_item: str | None) -> tuple[str, str | None]:
    if not endpoint.offers(Scope.SCORE):
        raise NotOfferedError("the endpoint does not offer the score scope", spec="AGS 3.1")
    # Which origins are trusted, also for http that stands for https, the registration says, when it is sent.
    if line_item is not None and (fault := url_fault(_STANDS_FOR_HTTPS.sub("https:", line_item))) is not None:
        raise UntrustedURLError(f"the line item {fault}; got {shown_url(line_item)[:200]!r}", spec="CORE 6.1")
    return json.dumps(endpoint.to_claim(), separators=(",", ":")), line_item


def check_key(registration_id: str, line_item: str, score: Score) -> None:
    """
    Check what a row is found by, and its stamp.
    """
    parts = {"registration_id": registration_id, "line_item": line_item, "user_id": score.user_id}
    for name, value in parts.items():
        if "\0" in checks.text(name, value):
            raise ValueError(f"{name} must not hold a NUL character")
    size = len("".join(parts.values()).encode())
    if size > _LONGEST_KEY:
        raise ValueError(f"{', '.join(parts)} must not exceed {_LONGEST_KEY} bytes together, these have {size}")
    if score.timestamp >= _END_OF_TIME:
        raise ValueError("timestamp must lie before the year 9999")
