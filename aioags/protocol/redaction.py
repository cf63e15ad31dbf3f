"""
What a platform said, made fit for a log: one line, short, without what the caller sent.

Platforms echo. Moodle puts the whole request into its reason phrase, others the user id or the comment into a message.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

BODY_KEPT = 2048
"""Characters of an answer's body that an error keeps."""

_WORDS_KEPT = 200
_PREFIX = 24
_SECRETS = re.compile(r"(?i)\b(bearer\s+)\S+|[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}")
_REDACTED = "[redacted]"
_MESSAGE_KEYS = ("reason", "message", "error_description", "detail", "description", "error", "errors", "details")


def redact(text: str, private: Iterable[str]) -> str:
    """
    Return a text without tokens and without the caller's private texts.

    A long private text may come back cut, so everything from its first characters on is dropped.
    """
    for secret in filter(None, private):
        text = _without(text, secret)
    return _SECRETS.sub(_REDACTED, text)


def _without(text: str, secret: str) -> str:
    for form in {secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}:
        if len(form) > _PREFIX:
            start = text.find(form[:_PREFIX])
            text = text if start < 0 else text[:start] + _REDACTED
        else:
            text = re.sub(rf"(?<!\w){re.escape(form)}(?!\w)", _REDACTED, text)
    return text


def shown_body(body: bytes, private: Iterable[str]) -> str:
    """
    Return the first part of an answer's body, redacted.
    """
    return redact(body[:65_536].decode("utf-8", "replace"), private)[:BODY_KEPT]


def platform_words(reason: str, body: bytes) -> str:
    """
    Return what the platform said, in one line, not yet redacted; empty when nothing readable.

    Never decide by these words alone: over HTTP/2 there is no reason phrase, and every platform has its own shape.
    """
    # Moodle: "Incorrect score received" + the request's JSON.
    phrase = reason.partition("{")[0]
    return " ".join((_body_words(body) or phrase).split())


def shown_words(words: str, private: Iterable[str]) -> str:
    """
    Return the platform's words fit for a log: redacted and short.
    """
    return redact(words, private)[:_WORDS_KEPT]


def _body_words(body: bytes) -> str:
    text = body[:65_536].decode("utf-8", "replace").strip()
    if text.startswith("<"):
        return "an HTML page"
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return "; ".join(dict.fromkeys(_messages(value, 0)))


def _messages(value: Any, depth: int) -> Iterator[str]:
    """
    Find the messages in the shapes that were seen: errors as object or array, error, detail, a dict of fields.
    """
    if depth > 4:
        return
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for entry in value[:5]:
            yield from _messages(entry, depth + 1)
    elif isinstance(value, dict):
        named = [value[key] for key in _MESSAGE_KEYS if value.get(key)]
        # A dict of fields (Django REST framework): {"timestamp": ["…"]}.
        for entry in named or [entry for entry in value.values() if isinstance(entry, (list, dict))]:
            yield from _messages(entry, depth + 1)
