"""
What the tool signs, whatever it says: with which key, and for how long it counts. Not public.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from joserfc import jwt

from aioags.model.registration import Registration, signing_algorithm

# Moodle allows no iat in its future, not by a second; Canvas none older than 5 minutes; Sakai no life above 600 s.
# SEC 4.1.1 and 5.2 want it short.
_BACKDATED = 5
_LIFE = 300


def sign_message(registration: Registration, claims: Mapping[str, Any], *, now: float) -> str:
    """
    Return claims as a signed JWT that counts for five minutes, also where the platform's clock is 5 s behind.

    The one place that dates what the tool signs: assertions and answers to deep linking alike.

    Args:
        claims: Without ``iat`` and ``exp``.

        now: Unix time, seconds.
    """
    key = registration.key
    header = {"typ": "JWT", "alg": signing_algorithm(key), "kid": key.kid}
    issued = int(now) - _BACKDATED
    return jwt.encode(header, {**claims, "iat": issued, "exp": issued + _LIFE}, key, algorithms=[header["alg"]])
