"""
The tool's own keys: made, loaded, published, replaced.

One key signs, the first; every key of the list is published. To replace it without a failed call: put the new key last
and publish it; wait until every platform has fetched the set again; put it first; drop the old one a day later.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from typing import Any

from joserfc.jwk import ECKey, OKPKey, RSAKey

from aioags.model.registration import RSA_BITS, Registration, load_key, signing_algorithm

PrivateKey = RSAKey | ECKey | OKPKey
"""A private key that can sign, parsed by joserfc, with an id."""

_PEM = re.compile(r"-----BEGIN ([A-Z ]+)-----.+?-----END \1-----", re.DOTALL)


def generate_key() -> PrivateKey:
    """
    Make a private key that every platform takes: RSA, 2,048 bits, for RS256. Its id is its RFC 7638 thumbprint.

    Takes a tenth of a second. Make it once, write it down with `dump_key`, and load it at start-up ever after.
    """
    return _load(RSAKey.generate_key(RSA_BITS, private=True))


def dump_key(key: Any) -> str:
    """
    Write a private key as PEM text, for the place where secrets are kept.

    Args:
        key: As `load_key` takes it.
    """
    return _load(key).as_pem(private=True).decode()


def load_keys(source: Any) -> list[PrivateKey]:
    """
    Load one or several private keys.

    Args:
        source: PEM text with one key or several; a JWK or a JWK set, as a mapping or as JSON text; a `Registration`,
            which holds a key; a joserfc key; or an iterable of all these. In a text, ``\\n`` may stand for a line end,
            as environment variables often have it.

    Returns:
        In the given order. Each has an id: its own, or its RFC 7638 thumbprint.

    Raises:
        ValueError: Something in it is not a private key, or an RSA key of less than 2,048 bits (RFC 7518 3.3). The
            message never quotes it.
    """
    if isinstance(source, Registration):
        return [source.key]
    if isinstance(source, (RSAKey, ECKey, OKPKey)):
        return [_load(source)]
    if isinstance(source, bytes):
        source = source.decode("utf-8", "replace")
    if isinstance(source, str):
        return _from_text(source)
    if isinstance(source, Mapping):
        return _from_mapping(source)
    if isinstance(source, Iterable):
        return [key for one in source for key in load_keys(one)]
    return [_load(source)]


def _load(key: Any) -> PrivateKey:
    loaded = load_key(key)
    # load_key lets no shared secret through; joserfc's own type knows of them.
    if not isinstance(loaded, (RSAKey, ECKey, OKPKey)):
        raise TypeError(f"key must be a key pair, got {type(loaded).__name__}")
    return loaded


def _from_text(text: str) -> list[PrivateKey]:
    if text.lstrip().startswith("{"):
        try:
            value = json.loads(text)
        except (ValueError, RecursionError) as error:
            # json's own error holds the whole text.
            raise ValueError(f"key is neither PEM text nor a JWK ({type(error).__name__})") from None
        return _from_mapping(value)
    blocks = [match[0] for match in _PEM.finditer(text.replace("\\n", "\n"))]
    return [_load(block) for block in blocks] if blocks else [_load(text)]


def _from_mapping(value: Mapping[str, Any]) -> list[PrivateKey]:
    keys = value.get("keys")
    return [_load(key) for key in keys] if isinstance(keys, list) else [_load(value)]


def keys_from_environment(name: str = "AIOAGS_KEYS", environment: Mapping[str, str] = os.environ) -> list[PrivateKey]:
    """
    Load the tool's keys from an environment variable that holds what `load_keys` takes.

    Raises:
        ValueError: The variable is absent or blank, or holds no private key.
    """
    text = environment.get(name, "").strip()
    if not text:
        raise ValueError(f"the environment variable {name} holds no key: set it to PEM text or a JWK set")
    return load_keys(text)


def jwks_document(keys: Any) -> dict[str, list[dict[str, Any]]]:
    """
    Return the public halves as a JWK set (RFC 7517), to be served as JSON where the platform was told (SEC 6.3).

    Args:
        keys: As `load_keys` takes them. One that is there twice is published once.

    Raises:
        ValueError: Two different keys have the same id (SEC 6.4), or one is no private key.
    """
    published: dict[str, dict[str, Any]] = {}
    for key in load_keys(keys):
        entry = _public(key)
        if published.setdefault(entry["kid"], entry) != entry:
            raise ValueError(f"two different keys have the id {entry['kid']!r}: give one of them another (SEC 6.4)")
    return {"keys": list(published.values())}


def _public(key: PrivateKey) -> dict[str, Any]:
    public = dict(key.as_dict(private=False))
    return {**public, "kid": key.kid, "use": "sig", "alg": signing_algorithm(key)}
