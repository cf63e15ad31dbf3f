"""
Is a 2xx without a defined body a yes?

AGS defines no body for the answer to a score. So an empty one is a yes, and so is any JSON that does not deny it. What
denies: Moodle's ``[]``; ``false``; an object, also one of a list, whose ``status`` is that of a refusal, or with an
``error`` in it. What is no JSON (a login form, "Please log in", a proxy's page) was said by nobody knows whom: it is
neither.
"""

from __future__ import annotations

import codecs
from typing import Any

from aioags.protocol.messages import Response
from aioags.wire.scalars import WORD_VALUES, load_json


class RejectionError(Exception):
    """
    A 2xx that is a refusal in disguise.

    Attributes:
        status: The status that its body names. None: it names none.
    """

    def __init__(self, status: int | None = None) -> None:
        super().__init__(status)
        self.status = status


def acknowledgment(response: Response) -> dict[str, Any] | None:
    """
    Return what the platform said besides yes, such as Canvas's ``resultUrl``; None when it said no more.

    Raises:
        RejectionError: The body denies it.

        NotReadableError: The body is no JSON, or far more than a yes takes: nobody knows who answered.
    """
    body = response.body.removeprefix(codecs.BOM_UTF8).strip()
    if not body:
        return None
    value = load_json(body, WORD_VALUES)
    check_not_denied(value)
    return value if isinstance(value, dict) else None


def deletion(response: Response) -> None:
    """
    Check that the answer to a DELETE denies nothing. A word such as "OK" will do.

    Raises:
        RejectionError: The body denies it.

        NotReadableError: The body is a page: nobody knows who answered.
    """
    body = response.body.removeprefix(codecs.BOM_UTF8).strip()
    if body[:1] in (b"<", b"{", b"["):
        acknowledgment(response)


def check_not_denied(value: Any) -> None:
    """
    Check that the JSON of a 2xx is no refusal.

    Raises:
        RejectionError: It is one.
    """
    if value == [] or value is False:
        # Moodle 4.5 answers a rejected score with an empty array when PHP refuses its status line.
        raise RejectionError
    for record in value if isinstance(value, list) else ():
        if isinstance(record, dict):
            check_not_denied(record)
    if isinstance(value, dict):
        status = _status(value.get("status"))
        if (status is not None and status >= 400) or value.get("error") or value.get("errors"):
            raise RejectionError(status)


def _status(value: Any) -> int | None:
    if isinstance(value, str) and len(value) == 3 and value.isascii() and value.isdigit():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 100 <= value < 600:
        return None
    return int(value)
