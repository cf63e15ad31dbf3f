"""
What a browser finds in a page: its forms.
"""

from __future__ import annotations

from html.parser import HTMLParser

import attrs


@attrs.define
class Form:
    """
    One form of a page.

    Attributes:
        action: As written; empty: the page itself.

        method: ``GET`` or ``POST``.

        fields: Names and values that are sent as they stand, in order; of a box or a choice what is chosen.
    """

    action: str
    method: str
    fields: dict[str, str] = attrs.field(factory=dict)


def forms(page: str) -> list[Form]:
    """
    Find the forms of a page, in order.
    """
    reader = _Reader()
    reader.feed(page)
    reader.close()
    return reader.forms


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._open = False
        # The name of the field whose text or options are being read.
        self._text_of: str | None = None
        self._choice_of: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(said.get("action", ""), said.get("method", "get").upper()))
            self._open = True
        elif self._open and tag == "input":
            self._input(said)
        elif self._open and tag == "textarea":
            self._text_of = said.get("name")
            self._set(self._text_of, "")
        elif self._open and tag == "select":
            self._choice_of = said.get("name")
        elif self._open and tag == "option":
            self._option(said)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = False
        elif tag == "textarea":
            self._text_of = None
        elif tag == "select":
            self._choice_of = None

    def handle_data(self, data: str) -> None:
        if self._text_of is not None:
            self._set(self._text_of, self.forms[-1].fields.get(self._text_of, "") + data)

    def _input(self, said: dict[str, str]) -> None:
        kind = said.get("type", "text").lower()
        if kind in ("checkbox", "radio") and "checked" not in said:
            return
        if kind not in ("submit", "button", "image", "reset", "file"):
            on = "on" if kind in ("checkbox", "radio") else ""
            self._set(said.get("name"), said.get("value", on))

    def _option(self, said: dict[str, str]) -> None:
        # A list shows its first option until another is chosen.
        if "selected" in said or self._choice_of not in self.forms[-1].fields:
            self._set(self._choice_of, said.get("value", ""))

    def _set(self, name: str | None, value: str) -> None:
        if name:
            self.forms[-1].fields[name] = value
