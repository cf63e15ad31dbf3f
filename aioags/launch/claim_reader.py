"""
Fields of the claims as typed values: strict where a launch cannot be without one, lenient where it can.

An optional field that cannot be read is as if it were absent, and noted: a launch is not refused for a field that is
for show, and nothing is dropped without a word.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, TypeVar

import attrs

from aioags.errors import IdTokenRefusedError
from aioags.wire.scalars import NotReadableError, load_string

R = TypeVar("R")

# CORE 5.3.3, 5.3.5, SEC 5.1.2: the most that an id may have.
_LONGEST_ID = 255
_LONGEST_NUMBER = 9


def refused(message: str, reason: str, spec: str = "SEC 5.1.3") -> IdTokenRefusedError:
    """
    Make the error for one failed check.
    """
    return IdTokenRefusedError(message, reason=reason, spec=spec)


@attrs.define
class ClaimReader:
    """
    Reads the fields of one JSON object. The methods that begin with ``need`` refuse the token when there is no value.

    Attributes:
        fields: The object.

        spec: The section that describes it.

        path: Name of the object and a dot; empty: the claims themselves.

        unreadable: Where the optional fields that cannot be read are noted, as a path each.
    """

    fields: Mapping[str, Any]
    spec: str = "CORE 5.3"
    path: str = ""
    unreadable: list[str] = attrs.field(factory=list)

    def need_id(self, name: str) -> str:
        """
        Return an identifier: text of at most 255 characters.
        """
        value = self.need_text(name)
        if len(value) > _LONGEST_ID:
            raise self._fault(name, f"is longer than {_LONGEST_ID} characters")
        return value

    def need_text(self, name: str) -> str:
        """
        Return a text that is not blank.
        """
        value = self.text(name)
        if value is None:
            raise self._fault(name, "is missing")
        return value

    def text(self, name: str) -> str | None:
        """
        Return a text. None: absent, blank, or something else than text.
        """
        value = self.fields.get(name)
        # As nearly all are. Each launch reads thirty.
        if type(value) is str and value.strip():
            return value
        try:
            return load_string(name, value)
        except NotReadableError:
            self.note(name)
            return None

    def need_texts(self, name: str) -> tuple[str, ...]:
        """
        Return an array of texts, possibly empty; what is something else in it is left out.
        """
        value = self.fields.get(name)
        if not isinstance(value, list):
            raise self._fault(name, "is missing" if value is None else "is not an array")
        texts = tuple(one for one in value if isinstance(one, str))
        if len(texts) < len(value):
            self.note(name)
        return texts

    def texts(self, name: str) -> tuple[str, ...]:
        """
        Return an array of texts; empty when it is absent, or no array.
        """
        value = self.fields.get(name)
        if isinstance(value, list):
            return self.need_texts(name)
        if value not in (None, ""):
            self.note(name)
        return ()

    def one_or_more(self, name: str) -> tuple[str, ...]:
        """
        Return an array of texts, also where it is one text without an array.
        """
        value = self.fields.get(name)
        return (value,) if isinstance(value, str) and value.strip() else self.texts(name)

    def whole(self, name: str) -> int | None:
        """
        Return a whole number, also one written as text. None: absent, or something else.
        """
        text = self.text(name)
        if text is not None and not (text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER):
            self.note(name)
            return None
        return None if text is None else int(text)

    def record(self, name: str, kind: type[R]) -> R | None:
        """
        Return a nested object as a record, each of its fields read by its type. None: there is none.
        """
        found = self.object(name)
        return None if found is None else found.fill(kind)

    def fill(self, kind: type[R], **found: Any) -> R:
        """
        Return this object as a record.

        Args:
            found: Fields that are read already, among them all that must be there.
        """
        wanted: Any = kind
        fields = self.fields
        for name, read in _readers(wanted):
            if name in fields and name not in found:
                found[name] = read(self, name)
        return kind(**found)

    def need_object(self, name: str, spec: str | None = None) -> ClaimReader:
        """
        Return a nested object.
        """
        value = self.object(name, spec)
        if value is None:
            raise self._fault(name, "is missing, or no object")
        return value

    def object(self, name: str, spec: str | None = None) -> ClaimReader | None:
        """
        Return a nested object; None when it is absent, empty, or none.
        """
        value = self.fields.get(name)
        if value and isinstance(value, dict):
            return ClaimReader(value, spec or self.spec, f"{self.path}{name}.", self.unreadable)
        # An empty array is how PHP, and so Moodle, writes an empty object.
        if value not in (None, [], {}, ""):
            self.note(name)
        return None

    def truth(self, name: str) -> bool | None:
        """
        Return a boolean, also one written as a string. None: absent, or something else.
        """
        value = self.fields.get(name)
        if isinstance(value, str):
            value = {"true": True, "false": False, "": None}.get(value.strip().lower(), value)
        if isinstance(value, bool) or value is None:
            return value
        self.note(name)
        return None

    def note(self, name: str) -> None:
        """
        Note that a field cannot be read.
        """
        self.unreadable.append(f"{self.path}{name}")

    def _fault(self, name: str, what: str) -> IdTokenRefusedError:
        short = name.rpartition("/")[2]
        return refused(f"the id_token's {short} {what}", short, self.spec)


_READ = {
    "str | None": ClaimReader.text,
    "int | None": ClaimReader.whole,
    "bool | None": ClaimReader.truth,
    "tuple[str, ...]": ClaimReader.one_or_more,
}


@cache
def _readers(kind: Any) -> list[tuple[str, Any]]:
    return [(field.name, _READ[field.type]) for field in attrs.fields(kind) if field.type in _READ]
