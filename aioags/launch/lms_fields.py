"""
Field by field: what an administrator types into each LMS, what comes back, and what is said when a value is wrong.

Theory of operation. There is one table, ``lms_fields.toml``; this module gives it types. A value has one name on both
sides: `OURS` are the tool's, which the LMS asks for; `THEIRS` are the LMS's, of which a `Registration` is made, with
``site`` and ``block``, from which others follow. Each row says how it is known, and when that was looked up. Text in
angle brackets, ``<site>``, stands for a value.
"""

from __future__ import annotations

import enum
import functools
import re
import tomllib
from collections.abc import Iterable, Mapping
from importlib.resources import files
from types import MappingProxyType
from typing import Any

import attrs

__all__ = [
    "OURS",
    "THEIRS",
    "How",
    "LMSGuide",
    "Mistake",
    "OurField",
    "Step",
    "TheirField",
    "lms_guide",
    "lms_guides",
    "recognized_lms",
]

OURS: Mapping[str, str] = {
    "redirect_uri": "redirect URI",
    "login_url": "login URL",
    "key_set_url": "key set URL",
    "public_key": "or the public key",
    "target_link_uri": "target link URI",
    "scopes": "scopes",
    "placements": "placements",
}
"""The tool's values by name, and what people call them; in the order of the tables."""

THEIRS: Mapping[str, str] = {
    "site": "address of the LMS",
    "block": "id in its URLs",
    "issuer": "issuer",
    "client_id": "client id",
    "deployment_id": "deployment id",
    "token_url": "token URL",
    "authorization_url": "authorization URL",
    "jwks_url": "key set URL",
    "audience": "audience",
}
"""The LMS's values by name, and what people call them; in the order of the tables."""

_WRONG: Mapping[str, str] = {
    "redirect_uri": "the LMS knows another one: a slash, a port or a query is enough",
    "login_url": "the LMS opens the redirect URI to begin a login",
    "key_set_url": "the LMS cannot fetch the tool's keys",
    "public_key": "the LMS has another key than the one that signs",
    "target_link_uri": "it is of another host than the redirect URI, and not among target_origins",
    "scopes": "the LMS does not allow this tool to send scores",
    "issuer": "the registration says another issuer than the LMS",
    "client_id": "the registration says another client id than the LMS",
    "deployment_id": "the registration says another deployment than the launch",
    "token_url": "it is the address of something else, here of the LMS's key set",
    "authorization_url": "it is the address of something else, here of the LMS's key set",
    "jwks_url": "there are no keys at this address",
    "audience": "the LMS wants another one",
}


class How(enum.Enum):
    """
    How something is known.
    """

    SEEN = "seen"
    """Seen where the LMS ran."""
    READ = "read"
    """Read in the LMS's code, not run."""
    DOCUMENTED = "documented"
    """The vendor says so."""
    REPORTED = "reported"
    """People who use it say so."""
    OWN = "own"
    """What aioags says itself."""
    MODELLED = "modelled"
    """The emulator's words: those of the LMS are not known."""


class Step(enum.Enum):
    """
    Where a mistake shows.
    """

    BROWSER = "browser"
    """On a page of the LMS: the tool sees nothing of it."""
    LAUNCH = "launch"
    """`LaunchError` when somebody opens the tool."""
    TOKEN = "token"
    """`AuthorizationError` before the first request to a service."""
    SCORE = "score"
    """An error of the call itself."""


@attrs.frozen(kw_only=True)
class OurField:
    """
    Where one value of the tool's goes.

    Attributes:
        value: A key of `OURS`.

        field: What the field is called there, or the way to it. Empty: the LMS has none, and `note` says so.

        note: What else one should know; may be empty.

        how: How it is known.

        date: When it was looked up: a day or a month, ISO 8601.
    """

    value: str
    field: str = ""
    note: str = ""
    how: How = attrs.field(converter=How)
    date: str


@attrs.frozen(kw_only=True)
class TheirField:
    """
    Where one value of the LMS's stands.

    Attributes:
        value: A key of `THEIRS`.

        field: What it is called there, or the way to it. Empty: it is not shown.

        usual: What it is, made of other values in angle brackets. None: it must be copied.

        note, how, date: As in `OurField`.
    """

    value: str
    field: str = ""
    usual: str | None = None
    note: str = ""
    how: How = attrs.field(converter=How)
    date: str


@attrs.frozen(kw_only=True)
class Mistake:
    """
    What is said when one value is wrong.

    Attributes:
        value: A key of `OURS` or `THEIRS`.

        step: Where it shows.

        says: ``str()`` of the error, or what is on the page. ``<words>`` stands for any.

        means: What is wrong then.

        emulated: True: the emulator's profile of this LMS says it too. False: it is known from elsewhere only.

        how: How the LMS's part of it is known.

        date: As in `OurField`.
    """

    value: str
    step: Step = attrs.field(converter=Step)
    says: str
    means: str
    emulated: bool = True
    how: How = attrs.field(converter=How)
    date: str

    def fits(self, text: str) -> bool:
        """
        True when a text says this, whatever stands where `says` has angle brackets.
        """
        parts = re.split(r"<[a-z_]+>", self.says)
        return re.search(".+?".join(map(re.escape, parts)), text, re.DOTALL) is not None


@attrs.frozen(kw_only=True)
class LMSGuide:
    """
    All about registering with one LMS.

    Attributes:
        name: One word, such as ``moodle``.

        title: What people call it.

        profile: The emulator's profile whose words `mistakes` are. None: there are none of it.

        where: The way to the form, with ``>`` between the clicks.

        then: What has to be done after the fields.

        source: What was seen or read.

        ours: One for each of `OURS`, in that order.

        theirs: In the order of asking.

        mistakes: In the order of `OURS`, then `THEIRS`.
    """

    name: str
    title: str
    profile: str | None
    where: str
    then: str
    source: str
    ours: tuple[OurField, ...]
    theirs: tuple[TheirField, ...]
    mistakes: tuple[Mistake, ...]

    @property
    def to_ask(self) -> tuple[TheirField, ...]:
        """
        What must be copied from the LMS: the rest follows from it.
        """
        return tuple(row for row in self.theirs if row.usual is None)

    def our_field(self, value: str) -> OurField:
        """
        Return where a value of the tool's goes.

        Raises:
            KeyError: It is none of `OURS`.
        """
        return {row.value: row for row in self.ours}[value]

    def their_field(self, value: str) -> TheirField | None:
        """
        Return where a value of the LMS's stands. None: this LMS has no such value.
        """
        return {row.value: row for row in self.theirs}.get(value)

    def completed(self, answers: Mapping[str, str | None]) -> dict[str, str]:
        """
        Add what follows from the answers.

        Args:
            answers: Values by name, ``site`` without a slash at its end. Empty ones and None count as not known; what
                is given here stays as it is.

        Returns:
            All that is known, without an ``audience`` that would be the token URL: a `Registration` has that anyway.
        """
        known = {name: value for name, value in answers.items() if value}
        for row in self.theirs:
            if row.usual is not None and row.value not in known:
                text = _filled(row.usual, known)
                if "<" not in text:
                    known[row.value] = text
        if known.get("audience") == known.get("token_url") and not answers.get("audience"):
            known.pop("audience", None)
        return known

    def usual_issuer(self, token_url: str) -> str | None:
        """
        Return the issuer that goes with a token URL. None: it cannot be told.
        """
        issuer, token = self.their_field("issuer"), self.their_field("token_url")
        if issuer is None or issuer.usual != "<site>":
            return None if issuer is None else issuer.usual
        path = (token.usual or "" if token is not None else "").removeprefix("<site>").partition("<")[0]
        site, found, _ = token_url.partition(path) if path.startswith("/") else ("", "", "")
        return site if found else None

    def mistakes_of(self, value: str) -> tuple[Mistake, ...]:
        """
        Return what is said when this value is wrong.
        """
        return tuple(mistake for mistake in self.mistakes if mistake.value == value)

    def explained(self, text: str) -> tuple[Mistake, ...]:
        """
        Return every mistake that a text may tell of; several where the LMS says the same of each.

        Args:
            text: ``str()`` of an error, or a page.
        """
        return tuple(mistake for mistake in self.mistakes if mistake.fits(text))


@functools.cache
def lms_guides() -> Mapping[str, LMSGuide]:
    """
    Return all there are, by name: ``canvas``, ``canvas-self-hosted``, ``moodle``, ``blackboard``, ``brightspace``,
    ``openedx``, ``sakai``, ``schoology``, and ``other`` for the rest. Read once.
    """
    text = files("aioags.launch").joinpath("lms_fields.toml").read_text(encoding="utf-8")
    data: dict[str, dict[str, Any]] = tomllib.loads(text)
    common = data.pop("common")["mistakes"]
    return MappingProxyType({name: _guide(name, _whole(told, data), common) for name, told in data.items()})


def lms_guide(name: str) -> LMSGuide:
    """
    Return one by name.

    Raises:
        ValueError: There is none of this name; the message lists those there are.
    """
    if name not in lms_guides():
        raise ValueError(f"there is no LMS {name[:40]!r}; give one of {', '.join(lms_guides())}")
    return lms_guides()[name]


# Part of a token URL that nobody else's has.
_MARKS = {
    "/mod/lti/token.php": "moodle",
    "canvaslms.com/login/oauth2/token": "canvas",
    "/login/oauth2/token": "canvas-self-hosted",
    "blackboard.com": "blackboard",
    "brightspace.com": "brightspace",
    "/core/connect/token": "brightspace",
    "/api/lti_consumer/": "openedx",
    "/imsblis/lti13/": "sakai",
    "schoology.com": "schoology",
}


def recognized_lms(issuer: str, token_url: str) -> str:
    """
    Tell from what a registration says which LMS it is; a key of `lms_guides`, ``other`` where it cannot be told.
    """
    for mark, name in _MARKS.items():
        if mark in token_url:
            return name
    return "blackboard" if issuer == "https://blackboard.com" else "other"


def _filled(text: str, values: Mapping[str, str]) -> str:
    return re.sub(r"<([a-z_]+)>", lambda found: values.get(found[1], found[0]), text)


def _whole(told: Mapping[str, Any], data: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """
    Take what an LMS does not say from the one that it is like.
    """
    other = data[told["like"]] if "like" in told else {}
    return {**other, **told}


def _mistake(row: Mapping[str, Any]) -> Mistake:
    means = _WRONG.get(row["value"], "")
    return Mistake(**{"means": means, **row})


def _guide(name: str, told: Mapping[str, Any], common: Iterable[Mapping[str, Any]]) -> LMSGuide:
    dated: Mapping[str, Any] = {"date": told["date"]}
    own = {(row["value"], row["step"]) for row in told["mistakes"] if row.get("emulated", True)}
    general = [row for row in common if "profile" in told and (row["value"], row["step"]) not in own]
    order = {value: place for place, value in enumerate((*OURS, *THEIRS))}
    mistakes = [_mistake({**dated, **row}) for row in (*general, *told["mistakes"])]
    return LMSGuide(
        name=name,
        title=told["title"],
        profile=told.get("profile"),
        where=told["where"],
        then=told["then"],
        source=told["source"],
        ours=tuple(OurField(**(dated | row)) for row in told["ours"]),
        theirs=tuple(TheirField(**(dated | row)) for row in told["theirs"]),
        mistakes=tuple(sorted(mistakes, key=lambda mistake: order[mistake.value])),
    )
