"""
What each LMS asks of a tool and shows to it: which field gets what, and where its own values stand.

Source:
    ``docs/guides/command-line.md``, "Where is what"; the vendors' guides, and the code of the open ones.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from importlib.resources import files

import attrs


def _pairs(value: Iterable[Iterable[str]]) -> tuple[tuple[str, str], ...]:
    return tuple((field, ours) for field, ours in value)


@attrs.frozen
class Vendor:
    """
    One LMS, from a tool's side.

    Attributes:
        where: Where an administrator registers a tool.

        paste: Field there: which of ours it gets, ``login``, ``launch``, ``jwks`` or ``target``.

        more: What else has to be switched on.

        asks: What it shows afterwards: name of the option, and where it stands. In the order of asking.

        known: What follows from that: templates of its answers.

        aud: What this LMS says of a wrong audience. Empty: it does not check.
    """

    title: str
    where: str
    paste: tuple[tuple[str, str], ...] = attrs.field(converter=_pairs)
    more: str
    asks: Mapping[str, str]
    known: Mapping[str, str]
    aud: str = ""


def _load() -> dict[str, Vendor]:
    data = tomllib.loads(files("aioags.cli").joinpath("lms.toml").read_text(encoding="utf-8"))
    return {name: Vendor(**told) for name, told in data.items()}


ALL: Mapping[str, Vendor] = _load()
"""By the word for ``--lms``."""


def recognised(issuer: str, token_url: str) -> str:
    """
    Tell from what a registration says which LMS it is; a key of `ALL`.
    """
    for mark, name in _MARKS.items():
        if mark in token_url:
            return "canvas-self-hosted" if name == "canvas" and "canvaslms.com" not in token_url else name
    return "blackboard" if issuer == "https://blackboard.com" else "other"


# Part of a token URL that nobody else's has.
_MARKS = {
    "/mod/lti/token.php": "moodle",
    "/login/oauth2/token": "canvas",
    "blackboard.com": "blackboard",
    "brightspace.com": "brightspace",
    "/core/connect/token": "brightspace",
    "/api/lti_consumer/": "openedx",
    "/imsblis/lti13/": "sakai",
    "schoology.com": "schoology",
}
