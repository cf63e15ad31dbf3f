"""
The key pair of a generated registration. Made once in a process; nothing secret is shipped.
"""

from __future__ import annotations

import functools
from typing import Any

import attrs
from joserfc.errors import InvalidKeyTypeError
from joserfc.jwk import ECKey, JWKRegistry, Key, KeySet, OctKey, RSAKey

# NIST SP 800-57: the least that RS256 may have.
RSA_BITS = 2048


@attrs.frozen(slots=False)
class KeyPair:
    """
    A tool's key pair; its ``kid`` is the RFC 7638 thumbprint unless the key had one.
    """

    key: Key = attrs.field(repr=False)

    @classmethod
    def generated(cls) -> KeyPair:
        """
        Return this process's RSA key pair.
        """
        return _generated()

    @classmethod
    def of(cls, key: str | dict[str, Any] | Key) -> KeyPair:
        """
        Take a private key: PEM text, a JWK, or a joserfc key.
        """
        if isinstance(key, str):
            key = _from_pem(key)
        elif isinstance(key, dict):
            key = JWKRegistry.import_key(key)
        key.ensure_kid()
        return cls(key)

    @property
    def kid(self) -> str:
        """
        The key id.
        """
        return str(self.key.kid)

    @property
    def pem(self) -> str:
        """
        The private key as PEM text.
        """
        if isinstance(self.key, OctKey):
            raise TypeError("a shared secret is no key pair")
        return self.key.as_pem(private=True).decode()

    @property
    def private_jwk(self) -> dict[str, Any]:
        """
        The private key as a JWK with its ``kid``.
        """
        return dict(self.key.as_dict(private=True))

    @functools.cached_property
    def public_set(self) -> KeySet:
        """
        A key set of the public half.
        """
        public = {**self.key.as_dict(private=False), "kid": self.kid, "use": "sig"}
        return KeySet([JWKRegistry.import_key(public)])


@functools.cache
def _generated() -> KeyPair:
    return KeyPair.of(RSAKey.generate_key(RSA_BITS, private=True))


def _from_pem(text: str) -> Key:
    try:
        return RSAKey.import_key(text)
    except InvalidKeyTypeError:
        return ECKey.import_key(text)
