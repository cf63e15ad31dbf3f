"""
What an answer looked like, without whom and what it was about: for a file that somebody sends to us.

Theory of operation. Nothing is kept but what is known to be harmless: keys, the words of the standard, the form of a
value. A person is ``person-1``, the same each time; the words of a refusal are kept, without addresses, numbers, and
what is known to be secret.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

import attrs

from aioags.protocol.messages import Response

HOST = "https://lms.example"
_PEOPLE = ("userId", "user_id", "scoringUserId", "sub")
# Words of the standards.
_KEPT = ("token_type", "scope", "roles", "status")
_WORD = re.compile(r"[\w:/.#+ -]*")
_HEADERS = ("Content-Type", "Link", "Cache-Control", "WWW-Authenticate", "Retry-After")
_RATE = re.compile(r"(x-)?rate-?limit|x-request-cost", re.IGNORECASE)
_URL = re.compile(r"https?:[^\s\"'<>]+|(?<=[\s\"'])/[^\s\"'<>]+")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?( ?(Z|UTC|[+-]\d\d:?\d\d))?")
_LONG = re.compile(r"\S+@\S+|\b[\w-]*\d[\w-]*\b")
_SHORT = 3
"""Digits that tell nobody from others: a status."""

_SHOWN = 3
"""Records of a list that stand for all."""


@attrs.define
class Redactor:
    """
    Takes out who and what an answer is about.

    Attributes:
        secrets: What must not be there, wherever it stands.
    """

    secrets: Iterable[str] = attrs.field(repr=False)
    _people: dict[str, str] = attrs.field(factory=dict, repr=False)

    def answer(self, asked: str, response: Response) -> dict[str, Any]:
        """
        Describe an answer.

        Args:
            asked: What was asked, in our own words.
        """
        headers = {
            name.lower(): self.header(name, value)
            for name, value in response.headers
            if name.title() in _HEADERS or name.lower() == "www-authenticate" or _RATE.match(name)
        }
        return {"asked": asked, "status": response.status, "headers": headers, "body": self._body(response)}

    def value(self, value: Any) -> Any:
        """
        Describe a member of a record.
        """
        return self._shape(value, "", refused=False)

    def header(self, name: str, value: str) -> str:
        """
        Describe a header's value.
        """
        if name.lower() == "link":
            return re.sub(r"<([^>]*)>", lambda found: f"<{_address(found[1])}>", value)
        if _RATE.match(name):
            return re.sub(r"\d+", "0", value)
        return self.words(value) if name.lower() == "www-authenticate" else value

    def words(self, text: str) -> str:
        """
        Return the words of a refusal, with … for what may be somebody's.
        """
        for secret in sorted(filter(None, self.secrets), key=len, reverse=True):
            text = text.replace(secret, "…")
        text = _TIME.sub("…", _URL.sub("…", text))
        return _LONG.sub(lambda found: found[0] if len(found[0]) <= _SHORT else "…", text)

    def _body(self, response: Response) -> Any:
        if not response.body:
            return None
        try:
            value = json.loads(response.body)
        except (ValueError, RecursionError):
            return "<page>" if b"<" in response.body[:1024] else self.words(response.body.decode("utf-8", "replace"))
        return self._shape(value, "", refused=not response.ok)

    def _shape(self, value: Any, key: str, *, refused: bool) -> Any:
        if isinstance(value, dict):
            return {self.words(name): self._shape(one, name, refused=refused) for name, one in value.items()}
        if isinstance(value, list):
            return [self._shape(one, key, refused=refused) for one in value[:_SHOWN]]
        if isinstance(value, str):
            return self._text(value, key, refused=refused)
        return value if value is None or isinstance(value, bool) else type(value)(0)

    def _text(self, text: str, key: str, *, refused: bool) -> str:
        if key in _PEOPLE:
            return self._people.setdefault(text, f"person-{len(self._people) + 1}")
        if key in _KEPT and not refused and _WORD.fullmatch(text):
            return text
        if text.startswith(("https://", "http://")):
            return _address(text)
        if _TIME.fullmatch(text):
            return re.sub(r"\d", "0", text)
        return self.words(text) if refused else "…" if text else ""


def _address(url: str) -> str:
    """
    Return what an address is like: no host, no path, of its query the names.
    """
    whole = HOST if url.startswith("http") else ""
    _, asks, query = url.partition("?")
    return f"{whole}/…{asks}{re.sub(r'=[^&]*', '=…', query)}"
