"""
The registration: what platform and tool agreed on, once, by hand or by a registration protocol.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

import attrs
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey

from aioags.model import checks
from aioags.model.key_parsing import likeness, parse_jwk, parse_text, plain_text
from aioags.model.secure import check_secure_url

# No Edwards curve: no platform is known to take one, and their name for it changes (RFC 9864).
_CURVES = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}

RSA_BITS = 2048
"""The least bits of an RSA key that signs (RFC 7518 3.3, NIST SP 800-57)."""


def load_key(key: str | bytes | Mapping[str, Any] | Key) -> Key:
    """
    Return the tool's private key, parsed, with a key id.

    Parsing an RSA key takes a millisecond, once for each text; the latest 1,024 are kept, under the digest of the text.

    Args:
        key: PEM text, a JWK as a mapping or as JSON text, or a key of joserfc. In a text, ``\\n`` may stand for a line
            end, and quotes around it, as environment variables often have both. A key without an id gets its RFC 7638
            thumbprint, which `aioags.launch.jwks_document` publishes as well.

    Raises:
        ValueError: It is not a key, cannot sign, has no private part, or is an RSA key of less than 2,048 bits
            (RFC 7518 3.3). The message never quotes it.
    """
    parsed = _parse(key)
    if not isinstance(parsed, (RSAKey, ECKey, OKPKey)):
        raise ValueError("key must be an RSA or elliptic curve key: a shared secret cannot be published")
    if not isinstance(parsed, RSAKey) and parsed.curve_name not in _CURVES:
        raise ValueError(f"key must be RSA, or of a curve among {', '.join(_CURVES)}; got {parsed.curve_name}")
    if not parsed.is_private:
        raise ValueError("key must hold the private part: the platform keeps the public one")
    if isinstance(parsed, RSAKey) and (bits := parsed.raw_value.key_size) < RSA_BITS:
        raise ValueError(
            f"key must be RSA of {RSA_BITS} bits or more (RFC 7518 3.3), got {bits} bits: make a new one, with"
            " aioags.launch.generate_key, and have the platforms fetch or take its public half"
        )
    parsed.ensure_kid()
    return parsed


def _parse(key: str | bytes | Mapping[str, Any] | Key) -> Any:
    if isinstance(key, (RSAKey, ECKey, OKPKey)):
        return key
    try:
        if isinstance(key, Mapping):
            return parse_jwk(key)
        if isinstance(key, (str, bytes)):
            return parse_text(plain_text(key.encode() if isinstance(key, str) else key))
    except (ValueError, TypeError, KeyError, RecursionError, JoseError) as error:
        raise ValueError(f"key is neither PEM text nor a JWK ({_guess(key) or type(error).__name__})") from None
    raise TypeError(f"key must be PEM text, a JWK mapping or a joserfc key, got {type(key).__name__}")


def _guess(key: Any) -> str | None:
    if isinstance(key, str):
        # Half of a surrogate pair is no key, and no reason to fail otherwise.
        return likeness(key.encode("utf-8", "replace"))
    return likeness(key) if isinstance(key, bytes) else None


def signing_algorithm(key: RSAKey | ECKey | OKPKey) -> str:
    """
    Return the JOSE algorithm that goes with a key: RS256 for RSA (SEC 6.1), the curve's own otherwise.
    """
    if isinstance(key, RSAKey):
        named = key.get("alg")
        return named if isinstance(named, str) and named in {"RS256", "RS384", "RS512", "PS256"} else "RS256"
    return _CURVES[key.curve_name]


def _load_key(value: Any) -> Any:
    return load_key(value)


def _optional_secure(_: Any, attribute: attrs.Attribute[str | None], value: str | None) -> None:
    if value is not None:
        check_secure_url(attribute.name, value)


def load_origins(value: Iterable[str]) -> tuple[str, ...]:
    """
    Return origins as a tuple, each checked.

    Raises:
        ValueError, TypeError: One is not https (or http to loopback), or more than an origin.
    """
    if isinstance(value, str):
        raise TypeError("also_origins must be a list of origins, got one str")
    origins = tuple(value)
    for url in origins:
        check_secure_url("also_origins", url)
        parts = urlsplit(url)
        if url.lower() != f"{parts.scheme}://{parts.netloc.lower()}":
            raise ValueError(f"also_origins must be origins such as https://lms.school.example, no path; got {url!r}")
    return origins


@attrs.frozen
class Registration:
    """
    What platform and tool agreed.

    Attributes:
        issuer: The platform's issuer, exactly as in its id_tokens.

        client_id: The tool's client id there.

        token_url: Where the tool gets access tokens. https, or http to loopback.

        key: The tool's private key: PEM text, JWK or joserfc key; parsed once, here. Never shown.

        audience: ``aud`` of the tool's assertions, byte for byte. None: the token URL. Brightspace needs its own.

        deployment_id: The deployment that scores go to. None: not sent; some platforms demand it.

        authorization_url: Where a launch is authorized. None: this registration receives no launches.

        jwks_url: Where the platform publishes its keys. None as above.

        also_origins: Further origins of the same platform, such as ``https://lms.school.example`` where its launches
            name it by its vendor's domain. Access tokens go there too; line items and further pages may be there.

        public_only: Its keys and tokens are fetched from public addresses only, looked at when the connection is made:
            for URLs that somebody else chose, as in a dynamic registration. A session or transport of your own is
            used as it is.

    Raises:
        ValueError, TypeError: A field is not as said here; the message names it and never quotes the key.
    """

    issuer: str = attrs.field()
    client_id: str = attrs.field()
    token_url: str = attrs.field()
    key: Any = attrs.field(converter=_load_key, repr=False, eq=False)
    audience: str | None = attrs.field(default=None, kw_only=True)
    deployment_id: str | None = attrs.field(default=None, kw_only=True)
    authorization_url: str | None = attrs.field(default=None, kw_only=True, validator=_optional_secure)
    jwks_url: str | None = attrs.field(default=None, kw_only=True, validator=_optional_secure)
    also_origins: tuple[str, ...] = attrs.field(default=(), kw_only=True, converter=load_origins)
    public_only: bool = attrs.field(default=False, kw_only=True)

    def __attrs_post_init__(self) -> None:
        checks.text("issuer", self.issuer)
        checks.text("client_id", self.client_id)
        check_secure_url("token_url", self.token_url)
        checks.given_texts(audience=self.audience, deployment_id=self.deployment_id)
