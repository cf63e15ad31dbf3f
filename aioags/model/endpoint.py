"""
The endpoint: which services one launch offers, as a value that can be stored for later (AGS 3.1).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Self

import attrs

from aioags.model.progress import MEMBERSHIPS_SCOPE, Scope

AGS_CLAIM = "https://purl.imsglobal.org/spec/lti-ags/claim/endpoint"
"""Name of the claim in a launch."""


# What the claims of a launch hold, and the AGS claim does not.
_LTI = "https://purl.imsglobal.org/spec/lti/claim/"
_OF_A_LAUNCH = frozenset({AGS_CLAIM, f"{_LTI}version", f"{_LTI}message_type", f"{_LTI}deployment_id"})


def _hint(claims: object) -> str:
    if claims is None:
        return ": a launch without it offers no AGS"
    if isinstance(claims, (str, bytes)):
        return ": decode it first, an id_token only after its signature was checked"
    if isinstance(getattr(claims, "endpoint", None), Endpoint):
        return ": its .endpoint is what you want"
    return ": it is one already" if isinstance(claims, Endpoint) else ""


def _url(value: object) -> str | None:
    if value is not None and not isinstance(value, str):
        raise TypeError(f"an endpoint URL must be a str or None, got {type(value).__name__}")
    # The claim may hold a blank for "none" (AGS 3.1).
    return (value.strip() or None) if value else None


def _scopes(value: Iterable[str] | str) -> frozenset[str]:
    names = value.split() if isinstance(value, str) else list(value)
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"scope must hold str, got {name!r}")
    # Typed by hand into some platforms' settings, with blanks around it.
    return frozenset(map(str.strip, names)) - {""}


@attrs.frozen
class Endpoint:
    """
    The AGS claim of a launch.

    Attributes:
        lineitems: URL of the line item container. None: the tool may not list or create.

        lineitem: URL of the one line item coupled to the launched link. None: there is none, or several.

        scope: Scopes that the tool may ask for; the platform may still grant fewer. Also accepts `Scope` members.
    """

    lineitems: str | None = attrs.field(converter=_url)
    lineitem: str | None = attrs.field(converter=_url)
    scope: frozenset[str] = attrs.field(converter=_scopes)

    @classmethod
    def from_claim(cls, claim: Mapping[str, Any]) -> Self:
        """
        Read the claim's value: a mapping with ``scope``, ``lineitems``, ``lineitem``, each possibly absent.

        Raises:
            TypeError: `claim` is not a mapping, or a field has the wrong type.

            ValueError: These are the claims of a whole launch.
        """
        if not isinstance(claim, Mapping):
            raise TypeError(f"the AGS claim must be a mapping, got {type(claim).__name__}{_hint(claim)}")
        if not _OF_A_LAUNCH.isdisjoint(claim):
            raise ValueError("these are the claims of a whole launch: write Endpoint.from_launch(claims)")
        return cls(claim.get("lineitems"), claim.get("lineitem"), claim.get("scope") or ())

    @classmethod
    def from_launch(cls, claims: Mapping[str, Any]) -> Self | None:
        """
        Read the claims of an id_token. None: this launch offers no AGS.

        A field that cannot be read is as if it were absent, such as a ``lineitem`` of false: a launch is not refused
        for it.

        Raises:
            TypeError: `claims` is not a mapping, or the claim itself is none.

            ValueError: This is the AGS claim alone.
        """
        if not isinstance(claims, Mapping):
            raise TypeError(f"the launch's claims must be a mapping, got {type(claims).__name__}{_hint(claims)}")
        claim = claims.get(AGS_CLAIM)
        # PHP writes an empty object as an empty array.
        if claim == []:
            return None
        if claim is None and ("lineitems" in claims or "lineitem" in claims):
            raise ValueError("this is the AGS claim alone, not a launch: write Endpoint.from_claim(claim)")
        if claim is None:
            return None
        return cls.from_claim(readable_claim(claim)[0] if isinstance(claim, Mapping) else claim)

    def to_claim(self) -> dict[str, Any]:
        """
        Return a JSON-able dict that `from_claim` reads back to an equal endpoint.
        """
        claim: dict[str, Any] = {"scope": sorted(self.scope)}
        if self.lineitems is not None:
            claim["lineitems"] = self.lineitems
        if self.lineitem is not None:
            claim["lineitem"] = self.lineitem
        return claim

    def offers(self, *scopes: Scope) -> bool:
        """
        True when at least one of the scopes may be asked for.
        """
        return not self.scope.isdisjoint(scopes)


def readable_claim(claim: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """
    Return what can be read of the claim's value, as `Endpoint.from_claim` takes it, and the names of what cannot.
    """
    readable: dict[str, Any] = {}
    odd: list[str] = []
    for name in ("lineitems", "lineitem"):
        value = claim.get(name)
        if isinstance(value, str):
            readable[name] = value
        elif value is not None:
            odd.append(name)
    scope = claim.get("scope")
    given = scope.split() if isinstance(scope, str) else [] if scope is None else scope
    readable["scope"] = [one for one in given if isinstance(one, str)] if isinstance(given, list) else []
    if given != readable["scope"]:
        odd.append("scope")
    return readable, odd


_ASKED_FOR = frozenset({*Scope, MEMBERSHIPS_SCOPE})


def asked_scopes(endpoint: Endpoint | None) -> frozenset[str]:
    """
    Return the scopes of an endpoint that this package has a use for; whatever else the claim holds is not asked for.
    """
    return frozenset() if endpoint is None else _asked_of(endpoint.scope)


# The same few sets at all platforms, each of which keeps its own otherwise.
@lru_cache(maxsize=256)
def _asked_of(scope: frozenset[str]) -> frozenset[str]:
    return scope & _ASKED_FOR
