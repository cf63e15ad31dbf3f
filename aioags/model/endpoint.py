"""
The endpoint: which services one launch offers, as a value that can be stored for later (AGS 3.1).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Self

import attrs

from aioags.model.progress import MEMBERSHIPS_SCOPE, Scope

AGS_CLAIM = "https://purl.imsglobal.org/spec/lti-ags/claim/endpoint"
"""Name of the claim in a launch."""


def _url(value: object) -> str | None:
    if value is not None and not isinstance(value, str):
        raise TypeError(f"an endpoint URL must be a str or None, got {type(value).__name__}")
    # The claim may hold a blank for "none" (AGS 3.1).
    return value if value and value.strip() else None


def _scopes(value: Iterable[str] | str) -> frozenset[str]:
    names = value.split() if isinstance(value, str) else list(value)
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"scope must hold str, got {name!r}")
    return frozenset(str(name) for name in names)


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
        """
        if not isinstance(claim, Mapping):
            raise TypeError(f"the AGS claim must be a mapping, got {type(claim).__name__}")
        return cls(claim.get("lineitems"), claim.get("lineitem"), claim.get("scope") or ())

    @classmethod
    def from_launch(cls, claims: Mapping[str, Any]) -> Self | None:
        """
        Read the claims of an id_token. None: this launch offers no AGS.
        """
        if not isinstance(claims, Mapping):
            raise TypeError(f"the launch's claims must be a mapping, got {type(claims).__name__}")
        claim = claims.get(AGS_CLAIM)
        return None if claim is None else cls.from_claim(claim)

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


_ASKED_FOR = frozenset({*Scope, MEMBERSHIPS_SCOPE})


def asked_scopes(endpoint: Endpoint | None) -> frozenset[str]:
    """
    Return the scopes of an endpoint that this package has a use for; whatever else the claim holds is not asked for.
    """
    return frozenset() if endpoint is None else endpoint.scope & _ASKED_FOR
