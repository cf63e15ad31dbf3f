"""
A request as it leaves, and an answer as it may be shown.
"""

from __future__ import annotations

from typing import Any

import attrs

from aioags.calls.tokens import Authorization
from aioags.calls.transport import Transport
from aioags.protocol.dialect import Operation
from aioags.protocol.messages import Request, Response


def public_side(transport: Transport) -> Transport:
    """
    Return the side of a transport that connects to public addresses only.
    """
    # One of the caller's own knows best what it may connect to.
    public: Transport = getattr(transport, "public", transport)
    return public


def completed(operation: Operation[Any], authorization: Authorization | None, redirected: str | None) -> Request:
    """
    Return the request of an operation with its token, to where the platform redirected it.
    """
    request = operation.request if operation.fresh is None else operation.fresh()
    if authorization is not None:
        # Not by attrs.evolve: this is done for every score.
        headers = (*request.headers, ("Authorization", authorization.header))
        request = Request(request.method, request.url, headers, request.body, request.most_bytes)
    return request if redirected is None else attrs.evolve(request, url=redirected)


def without_token(answer: Response, authorization: Authorization) -> Response:
    """
    Return a refusal in which the token does not occur: some platforms echo it.
    """
    token = authorization.header.rpartition(" ")[2]
    if token.encode() not in answer.body and token not in answer.reason:
        return answer
    body = answer.body.replace(token.encode(), b"[redacted]")
    return attrs.evolve(answer, body=body, reason=answer.reason.replace(token, "[redacted]"))
