"""
How LTIAAS refuses: one envelope, three shapes of details.
"""

from __future__ import annotations

import json
from typing import Any

import attrs

from aioags.emulator.wire.messages import PHRASES, Answer, json_answer

INVALID_LTIK = "INVALID_LTIK_AUTH_AUTHORIZATION_HEADER"
# A guess by analogy; only the one above is documented.
INVALID_SERVICE_KEY = "INVALID_SERVICE_AUTH_AUTHORIZATION_HEADER"
UNREGISTERED = "UNREGISTERED_OR_INACTIVE_PLATFORM"
NOT_FOR_CONTEXT = "SERVICE_NOT_AVAILABLE_FOR_CONTEXT"


@attrs.define(slots=False, eq=False)
class GatewayRefusal(Exception):
    """
    A request that LTIAAS does not do, or that the LMS behind it refused.
    """

    status: int
    details: dict[str, Any]
    error: str | None = None
    retry_after: str | None = None

    def answer(self) -> Answer:
        """
        Write the refusal as the API does.
        """
        error = PHRASES.get(self.status, "Error") if self.error is None else self.error
        headers = () if self.retry_after is None else (("Retry-After", self.retry_after),)
        return json_answer(
            self.status, {"status": self.status, "error": error, "details": self.details}, headers=headers
        )


def unauthorized(message: str, description: str) -> GatewayRefusal:
    """
    Refuse the credential: the one shape that is documented in full.
    """
    return GatewayRefusal(401, {"message": message, "description": description})


def unavailable(message: str, description: str) -> GatewayRefusal:
    """
    Refuse what the launch does not offer. That it is 403 is a guess.
    """
    return GatewayRefusal(403, {"message": message, "description": description})


def invalid(*reasons: str) -> GatewayRefusal:
    """
    Refuse a request that breaks a rule of the reference. 400 and the entries' shape are guesses.
    """
    return GatewayRefusal(400, {"errors": [{"message": reason} for reason in reasons]})


def relayed(answer: Answer, url: str, sent: bytes | None) -> GatewayRefusal:
    """
    Pass on what the LMS refused, with its status (seen for Canvas; for every status it is a guess).
    """
    details: dict[str, Any] = {"message": f"Request failed with status code {answer.status}"}
    if sent is not None:
        details["bodySent"] = _parsed(sent)
    details |= {"bodyReceived": _parsed(answer.body), "externalError": True, "externalUrl": url}
    # A guess: the LMS's reason phrase, and its wish to be left alone.
    return GatewayRefusal(answer.status, details, answer.phrase, answer.header("Retry-After"))


def unanswered(url: str, sent: bytes | None) -> GatewayRefusal:
    """
    Say that the LMS did not answer. That it is 502 is a guess.
    """
    details: dict[str, Any] = {"code": "ECONNRESET", "externalError": True, "externalUrl": url}
    if sent is not None:
        details["bodySent"] = _parsed(sent)
    return GatewayRefusal(502, details)


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return body.decode("utf-8", "replace")
