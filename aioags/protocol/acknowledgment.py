"""
Is a 2xx without a defined body a yes?

Any 2xx is, with or without a body (AGS defines none for scores), but for two that are not the platform's yes: Moodle's
``[]``, which is a rejection, and a page of somebody in between, a login form or a proxy's error with status 200.
"""

from __future__ import annotations

import codecs
from typing import Any

from aioags.protocol.messages import Response
from aioags.wire.scalars import NotReadableError, load_json


class RejectionError(Exception):
    """
    A 2xx that is a refusal in disguise.
    """


def acknowledgment(response: Response) -> dict[str, Any] | None:
    """
    Return what the platform said besides yes, such as Canvas's ``resultUrl``; None when it said no more.

    Raises:
        RejectionError: The body is ``[]``: Moodle 4.5 so answers a rejected score when PHP refuses its status line.

        NotReadableError: The body is a page, broken JSON or no text: nobody knows who answered.
    """
    body = response.body.removeprefix(codecs.BOM_UTF8).strip()
    if not body:
        return None
    if body[:1] not in b"<{[":
        _check_text(body)
        return None
    value = load_json(body)
    if value == []:
        raise RejectionError
    return value if isinstance(value, dict) else None


def _check_text(body: bytes) -> None:
    try:
        body.decode()
    except UnicodeDecodeError:
        raise NotReadableError("the body is not UTF-8") from None
