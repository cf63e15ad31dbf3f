"""
What LTIAAS says when it refuses, or when the LMS behind it did.

Its own errors are JSON with ``status``, ``error`` and ``details``, in three shapes of ``details``: a message with its
description, a list of errors, or the story of a failed call to the LMS (``externalError``, ``externalUrl``,
``bodySent``, ``bodyReceived``). Any other body came from the LMS, or from something in between.

``bodySent`` and ``bodyReceived`` hold user ids, scores and comments of people. They help to judge, and are never shown.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import attrs

from aioags.errors import PlatformError, StaleScoreError, shown_url
from aioags.ltiaas.keys import LaunchKey
from aioags.protocol.dialect import Operation
from aioags.protocol.messages import Response
from aioags.protocol.redaction import platform_words, shown_body, shown_words
from aioags.wire.scalars import RECORD_VALUES, holds_more

_UNSHOWN = frozenset({"bodySent", "bodyReceived"})
_UNSHOWN_TEXT = re.compile(r"body(?:Sent|Received)")
_DEEPEST = 16
# Moodle compares whole seconds: after one, the stamp that LTIAAS puts on a repeat is later.
_NEXT_STAMP = 1.0


Refusal = Callable[[Operation[Any], Response, float], PlatformError]


def gateway_refusal(
    key: LaunchKey, read: Refusal, operation: Operation[Any], response: Response, wall: float
) -> PlatformError:
    """
    Read an answer that is not success as an error: judged by all it says, shown without people's data.

    Args:
        key: What the request was let in by, or not.

        read: Reads what the LMS said, as if it had been asked directly.
    """
    value = _json(response.body)
    shown = _shown(value, 0) if isinstance(value, (dict, list)) else None
    heard = attrs.evolve(response, reason=response.reason.partition("{")[0], body=_judged(value, response.body))
    error = read(operation, heard, wall)
    text = _without_bodies(response.body) if shown is None else json.dumps(shown, ensure_ascii=False).encode()
    changes: dict[str, Any] = {
        "words": shown_words(_words(shown, response), operation.private),
        "body": shown_body(text, operation.private),
    }
    if response.status == 401:
        changes["message"] = _unauthorized(key, shown)
    if isinstance(error, StaleScoreError):
        changes |= {"transient": True, "retry_after": error.retry_after or _NEXT_STAMP}
    # Not by assignment: what an exception was made with stays in its args.
    return attrs.evolve(error, **changes)


def _unauthorized(key: LaunchKey, shown: Any) -> str:
    if _is_envelope(shown) and not _details(shown).get("externalError"):
        return f"{key.refused}: {key.needed}"
    return f"the LMS behind LTIAAS refuses this: the tool may not do it here, or {key.needed}"


def _json(body: bytes) -> Any:
    try:
        # Not as few as a yes: it quotes what the LMS said, and commas in a quoted page count.
        return None if holds_more(body, RECORD_VALUES) else json.loads(body)
    except (ValueError, RecursionError):
        return None


def _is_envelope(value: object) -> bool:
    return isinstance(value, dict) and isinstance(value.get("status"), int) and isinstance(value.get("error"), str)


def _details(value: Any) -> dict[str, Any]:
    details = value.get("details") if isinstance(value, dict) else None
    return details if isinstance(details, dict) else {}


def _judged(value: Any, body: bytes) -> bytes:
    """
    Return the text whose words decide: what the LMS said, where LTIAAS tells it.
    """
    received = _details(value).get("bodyReceived") if _is_envelope(value) else None
    if received is None:
        return body
    # Moodle's answer to a score that it rejects; it means something only when alone.
    if received == []:
        return b"[]"
    return json.dumps([received, _details(value).get("message"), value["error"]]).encode()


def _shown(value: Any, depth: int) -> Any:
    if depth > _DEEPEST:
        return "…"
    if isinstance(value, dict):
        return {key: "[redacted]" if key in _UNSHOWN else _shown_field(key, one, depth) for key, one in value.items()}
    if isinstance(value, list):
        return [_shown(one, depth + 1) for one in value]
    # Moodle 4.5 puts the whole request into its reason phrase, which LTIAAS may pass on as the error.
    return value.partition("{")[0] if isinstance(value, str) else value


def _shown_field(key: str, value: Any, depth: int) -> Any:
    if key == "externalUrl" and isinstance(value, str):
        return shown_url(value)
    return _shown(value, depth + 1)


def _words(shown: Any, response: Response) -> str:
    """
    Return the words to show, with whose they are where LTIAAS says so.
    """
    if not _is_envelope(shown):
        return platform_words(response.reason, _without_bodies(response.body))
    details = _details(shown)
    code = details.get("code")
    said = platform_words("", json.dumps(shown).encode())
    speaker = "the LMS, through LTIAAS" if details.get("externalError") else "LTIAAS"
    return f"{speaker}: {code}; {said}" if isinstance(code, (str, int)) else f"{speaker}: {said}"


def _without_bodies(body: bytes) -> bytes:
    # Not parsed, so cut at the first sign of them.
    return _UNSHOWN_TEXT.split(body.decode("utf-8", "replace"), maxsplit=1)[0].encode()
