"""
What is remembered of a request: the record, and the same as JSON.
"""

from __future__ import annotations

from typing import Any

import attrs

from aioags.emulator.refusals import Refusal
from aioags.emulator.wire.messages import Answer
from aioags.protocol.messages import Request

# Headers whose values stay with the platform.
SECRET_HEADERS = ("authorization",)


@attrs.define
class Exchange:
    """
    One recorded request and its answer.

    Attributes:
        number: Counts every request from 1.

        at: The platform's time of arrival, seconds since 1970.

        operation: ``token``, an operation such as ``post_score``, or ``unknown``.

        answer: As it was sent, or would have been. None: not applied yet.

        applied: The platform did what was asked, whatever became of the answer.

        refusal: Why it was refused; None: it was not, or by the token endpoint.

        faults: The effects of the faults that happened to it.
    """

    number: int
    at: float
    request: Request
    operation: str
    answer: Answer | None = None
    applied: bool = False
    refusal: Refusal | None = None
    faults: tuple[str, ...] = ()


def describe(exchange: Exchange) -> dict[str, Any]:
    """
    Write a recorded exchange as JSON; the access token is left out.
    """
    request, answer = exchange.request, exchange.answer
    headers = [pair for pair in request.headers if pair[0].lower() not in SECRET_HEADERS]
    shown: dict[str, Any] = {
        "number": exchange.number,
        "at": exchange.at,
        "operation": exchange.operation,
        "method": request.method,
        "url": request.url,
        "headers": headers,
        "body": (request.body or b"").decode("utf-8", "replace"),
        "applied": exchange.applied,
        "faults": exchange.faults,
        "refused": exchange.refusal.reason if exchange.refusal is not None else None,
    }
    if answer is not None:
        shown |= {"status": answer.status, "reason": answer.phrase, "answer_headers": answer.headers}
        shown["answer_body"] = answer.body.decode("utf-8", "replace")
    return shown
