"""
The id_token: opened with the platform's key, then checked as SEC 5.1.3 says, in its order.

No text of the token comes back in an error: whoever sent it may be anybody.
"""

from __future__ import annotations

import binascii
import string
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import attrs
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import Key

from aioags.launch.base64url import decoded
from aioags.launch.claim_reader import refused
from aioags.launch.settings import ToolSettings
from aioags.launch.state import LOGIN_SECONDS
from aioags.wire.scalars import NotReadableError, load_json

LONGEST_TOKEN = 128 * 1024
"""Most characters of an id_token. Canvas puts whole rosters into custom parameters, and stays far below."""

_DIGITS = f"{string.ascii_letters}{string.digits}-_".encode()
_LONGEST_KID = 1024
# Exact as a float; NaN, infinities and numbers of a thousand digits are beyond it.
_LATEST = 2**53


_LONGEST_HEADER = 8 * 1024
_ALGORITHMS = {
    name: jws.JWSRegistry.algorithms[name]
    for name in ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
}
# RFC 7518 3.4: each has a curve of its own.
_CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}


@attrs.frozen
class Header:
    """
    What the token says about its own signature; not to be believed before it was checked with the platform's key.
    """

    alg: str
    kid: str


def read_header(id_token: str, settings: ToolSettings) -> Header:
    """
    Read which key and algorithm the token names.

    Raises:
        IdTokenRefusedError: It is no signed token, names no key, or an algorithm that is not registered.
    """
    compact = len(id_token) <= LONGEST_TOKEN and id_token.encode("ascii", "replace").translate(None, _DIGITS) == b".."
    header = id_token.partition(".")[0]
    fields = _header_fields(header) if compact and len(header) <= _LONGEST_HEADER else None
    if not isinstance(fields, dict):
        raise refused("the id_token is not a signed JWT", "id_token")
    alg, kid = fields.get("alg"), fields.get("kid")
    # RFC 8725 3.1, 3.2: the tool decides on algorithms. Neither none nor HS256 with the public key as its secret pass.
    if not isinstance(alg, str) or alg not in settings.algorithms:
        allowed = ", ".join(sorted(settings.algorithms))
        raise refused(f"the id_token is signed with another algorithm than {allowed}", "alg", "SEC 5.1.3, 6")
    if "crit" in fields:
        raise refused("the id_token needs an extension of JWS that is not known here", "crit", "RFC 7515 4.1.11")
    if not isinstance(kid, str) or not kid or len(kid) > _LONGEST_KID:
        raise refused("the id_token names no key (kid)", "kid", "SEC 5.1.3, 1")
    return Header(alg, kid)


# A platform signs with one key for months.
@lru_cache(maxsize=256)
def _header_fields(segment: str) -> Any:
    return _decoded(segment)


def _decoded(segment: str) -> Any:
    try:
        return load_json(decoded(segment))
    except (NotReadableError, binascii.Error):
        return None


def open_token(id_token: str, header: Header, key: Key) -> dict[str, Any]:
    """
    Check the signature, and return the claims.

    Raises:
        IdTokenRefusedError: The signature is not the key's, or what it signs are no claims.
    """
    signed, _, signature = id_token.rpartition(".")
    if not _is_signed(signed.encode("ascii", "replace"), signature, header.alg, key):
        raise refused("the signature of the id_token is not one of the platform's key", "signature")
    claims = _decoded(signed.partition(".")[2])
    if not isinstance(claims, dict):
        raise refused("the id_token holds no claims", "id_token", "SEC 5.1.2")
    return claims


def _is_signed(signed: bytes, signature: str, alg: str, key: Key) -> bool:
    # Not jws.deserialize_compact: it would read the header again, and with rules that LTI does not have. Parameters
    # that are not understood are ignored (RFC 7515 4); crit is refused before.
    curve = _CURVES.get(alg)
    if key.key_type != ("EC" if curve else "RSA") or (curve and key.get("crv") != curve):
        return False
    try:
        return _ALGORITHMS[alg].verify(signed, decoded(signature), key)
    except (JoseError, ValueError, TypeError):
        return False


def check_claims(
    claims: Mapping[str, Any], settings: ToolSettings, *, issuer: str, client_id: str, nonce: str, now: float
) -> None:
    """
    Check who made the token, for whom, when, and in answer to what.

    Args:
        nonce: Of the login that this launch answers.

        now: Unix time, seconds.

    Raises:
        IdTokenRefusedError: One of the checks 2 to 9 failed; reason: the claim.
    """
    if claims.get("iss") != issuer:
        raise refused("the id_token is from another issuer than the login", "iss")
    _check_audience(claims, settings, client_id)
    _check_times(claims, settings.leeway, now)
    if claims.get("nonce") != nonce:
        raise refused("the nonce of the id_token is not that of this login: it was made for another one", "nonce")


def _check_audience(claims: Mapping[str, Any], settings: ToolSettings, client_id: str) -> None:
    aud, azp = claims.get("aud"), claims.get("azp")
    audiences = aud if isinstance(aud, list) else [aud]
    if client_id not in audiences:
        raise refused(f"the id_token is not for client id {client_id!r}", "aud")
    others = [one for one in audiences if one != client_id]
    if not all(isinstance(one, str) and one in settings.trusted_audiences for one in others):
        raise refused("the id_token is also for an audience that is not trusted here", "aud")
    if others and azp is None:
        raise refused("the id_token has several audiences and no azp", "azp")
    if azp is not None and azp != client_id:
        raise refused(f"the id_token was made for another party than client id {client_id!r}", "azp")


def _check_times(claims: Mapping[str, Any], leeway: float, now: float) -> None:
    exp, iat = _instant(claims, "exp"), _instant(claims, "iat")
    if now >= exp + leeway:
        raise refused("the id_token has expired", "exp")
    if iat > now + leeway:
        raise refused("the id_token was made in the future: compare the clocks", "iat")
    # It answers a login, which is younger than that.
    if iat < now - LOGIN_SECONDS - leeway:
        raise refused("the id_token is older than its login: compare the clocks", "iat")
    if "nbf" in claims and _instant(claims, "nbf") > now + leeway:
        raise refused("the id_token is not valid yet", "nbf")


def _instant(claims: Mapping[str, Any], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < _LATEST:
        raise refused(f"the id_token's {name} is not a number", name, "SEC 5.1.2")
    return value
