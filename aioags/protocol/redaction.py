"""
What a platform said, made fit for a log: one line, short, without what the caller sent.

Platforms echo. Moodle puts the whole request into its reason phrase, others the user id or the comment into a message.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import unquote_plus

from aioags.errors import printable
from aioags.wire.scalars import WORD_VALUES, holds_more

BODY_KEPT = 2048
"""Characters of an answer's body that an error keeps."""

# More than is kept, since redacting shortens it; no more than that, since of 64 KiB it takes 0.1 s.
_BODY_READ = 2 * BODY_KEPT
_WORDS_KEPT = 200
_WORDS_READ = 1024
# What a platform cut shorter than this says nothing; what is this long is hardly said by chance.
_PREFIX = 12
_SHORT = 6
# A bearer token; a JWT, also one that was cut; an opaque token, such as Moodle's 32 hex digits. Each is looked for only
# where a run of its characters begins, and never given back: a page with 64 KiB of base64 must not take seconds.
_BEARER = re.compile(r"(?i)\bbearer\s++\S++")
_SECRETS = re.compile(
    r"(?i)(?<![\w-])(?=[\w-]{8})"
    r"(?:eyJ[\w-]{6,}+[\w.-]*+|[\w-]{8,}+\.[\w-]{8,}+\.[\w-]{8,}+|(?=[\w-]*\d)[\w-]{32,}+)"
)
# What all of these have, in a text of which only the shape is left: most have none, and a pattern says so late.
_SHAPE = {code: "w" if chr(code).isalnum() or chr(code) in "_-" else chr(code) for code in range(128)}
_SHAPES_OF_SECRETS = ("w" * 32, "w" * 8 + "." + "w" * 8)
_REDACTED = "[redacted]"
_MESSAGE_KEYS = (
    "reason", "message", "errorMessage", "error_description", "detail", "description", "error", "errors", "details",
)  # fmt: skip


def redact(text: str, private: Iterable[str]) -> str:
    """
    Return a text without tokens and without the caller's private texts, whole or cut.

    An echo in a spelling that cannot be cut out, such as PHP's ``\\/`` or a URL's ``%20``, costs the whole text.
    """
    secrets = [secret for secret in private if secret.strip()]
    for secret in secrets:
        text = _without(text, secret)
    flat = _flat(text) if secrets else ""
    if any(len(bare := _flat(secret)) > _SHORT and bare[:_PREFIX] in flat for secret in secrets):
        return _REDACTED
    # A pattern without regard to case would take longer to say that there is none.
    if "bearer" in text.casefold():
        text = _BEARER.sub(_REDACTED, text)
    return _SECRETS.sub(_REDACTED, text) if _may_hold_secrets(text) else text


def _may_hold_secrets(text: str) -> bool:
    if not text.isascii() or "eyj" in text.casefold():
        return True
    shape = text.translate(_SHAPE)
    return any(of in shape for of in _SHAPES_OF_SECRETS)


def _without(text: str, secret: str) -> str:
    if len(secret) <= _SHORT and secret not in text:
        return text
    if len(secret) <= _SHORT:
        return re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", _REDACTED, text)
    spelled = (secret, " ".join(secret.split()), json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1])
    forms = {form for form in spelled if len(form) > _SHORT}
    for form in forms:
        text = text.replace(form, _REDACTED)
    for form in forms:
        # Cut, or spelled otherwise further on: where it ends is not known.
        before, found, _ = text.partition(form[:_PREFIX])
        text = before + _REDACTED if found else text
    return text


def _flat(text: str) -> str:
    """
    Return a text without case, blanks and the escapes of JSON, URLs and HTML, for comparison only.
    """
    # When used: its table of entities is large, and most programs never meet an error that echoes.
    from html import unescape

    plain = re.sub(r"\\[nrtfb]", " ", re.sub(r"\\u([0-9a-fA-F]{4})", lambda unit: chr(int(unit[1], 16)), text))
    joined = plain.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return "".join(unescape(unquote_plus(joined)).replace("\\", "").casefold().replace(" ", "").split())


def shown_body(body: bytes, private: Iterable[str]) -> str:
    """
    Return the first part of an answer's body, redacted.
    """
    return redact(body[:_BODY_READ].decode("utf-8", "replace"), private)[:BODY_KEPT]


def platform_words(reason: str, body: bytes) -> str:
    """
    Return what the platform said, in one line, not yet redacted; empty when nothing readable.

    Never decide by these words alone: over HTTP/2 there is no reason phrase, and every platform has its own shape.
    """
    # Moodle: "Incorrect score received" + the request's JSON.
    phrase = reason.partition("{")[0]
    return " ".join((_body_words(body) or phrase)[:_WORDS_READ].split())


def shown_words(words: str, private: Iterable[str]) -> str:
    """
    Return the platform's words fit for a log: redacted and short.
    """
    return printable(redact(words, private)[:_WORDS_KEPT])


def _body_words(body: bytes) -> str:
    text = body[:65_536].decode("utf-8", "replace").strip()
    if text.startswith("<"):
        return "an HTML page"
    if holds_more(body, WORD_VALUES):
        return text
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
