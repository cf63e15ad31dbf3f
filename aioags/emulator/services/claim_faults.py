"""
All that is wrong with an assertion's claims at once, in Canvas's words.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from aioags.emulator.site.site import Site
from aioags.emulator.wire.amounts import is_number

# In Canvas's order.
NEEDED = ("sub", "aud", "exp", "iat", "jti", "iss")


def missing_claims(claims: dict[str, Any]) -> str | None:
    """
    Name the claims that are missing; None: they are all there.

    Source:
        Canvas, ``lib/canvas/security/jwt_validator.rb``.
    """
    missing = [name for name in NEEDED if claims.get(name) in (None, "")]
    return f"the following assertions are missing: {','.join(missing)}" if missing else None


def claim_faults(site: Site, claims: dict[str, Any], audiences: Collection[str]) -> str | None:
    """
    Say what is wrong with claims that are there; None: nothing.

    Args:
        audiences: One of them must be the audience, or among its values.
    """
    return " | ".join(_faults(site, claims, audiences)) or None


def _faults(site: Site, claims: dict[str, Any], audiences: Collection[str]) -> Iterator[str]:
    profile, now = site.profile, site.now()
    given = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
    if not any(one in audiences for one in given if isinstance(one, str)):
        yield "the 'aud' is invalid"
    exp, iat = claims["exp"], claims["iat"]
    if not is_number(exp):
        yield "the 'exp' must be a number"
    elif exp + (profile.leeway if profile.exp_leeway is None else profile.exp_leeway) <= now:
        yield "the JWT has expired"
    if not is_number(iat):
        yield "the 'iat' must be a number"
    elif profile.oldest_iat is not None and now - iat > profile.oldest_iat:
        yield f"the 'iat' must be less than {profile.oldest_iat:.0f} seconds old"
    elif iat - now > profile.leeway:
        yield "the 'iat' must not be in the future"
