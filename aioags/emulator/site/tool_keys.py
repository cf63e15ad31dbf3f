"""
The public keys of a tool that made its own: given as text, or fetched from where the tool publishes them.

Theory of operation. The platform does no input and output. Before a request is applied, its door asks which tool's keys
are lacking: one whose key set is at a URL, and was not fetched yet or holds no key with the ``kid`` of the request. The
door fetches them, and hands over what came or why nothing did. What was fetched stays until a new ``kid`` comes.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, JWKRegistry, Key, KeySet, OctKey, OKPKey, RSAKey

from aioags.emulator.site.site import Site
from aioags.emulator.site.state import RegisteredTool


class PublicKeyError(ValueError):
    """
    What was given for a tool's public keys cannot be used. The text says why and quotes nothing of it.
    """


def read_public_keys(given: str | Mapping[str, Any]) -> KeySet:
    """
    Read public keys: PEM text, a JWK, or a key set (RFC 7517), the latter two as JSON text or parsed.

    Raises:
        PublicKeyError: It is none of them, or holds a private or shared key.
    """
    try:
        keys = [_pem_key(given)] if isinstance(given, str) and "-----BEGIN" in given else _jwks(given)
        for key in keys:
            key.ensure_kid()
    except (JoseError, ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        if isinstance(error, PublicKeyError):
            raise
        raise PublicKeyError("it is neither PEM text of a public key, nor a JWK, nor a key set of them") from None
    return KeySet(keys)


def _pem_key(text: str) -> Key:
    if "PRIVATE KEY-----" in text:
        raise PublicKeyError("it is a private key: keep it to yourself, and give the public half of it")
    for kind in (RSAKey, ECKey, OKPKey):
        try:
            return kind.import_key(text)
        except (JoseError, ValueError, TypeError):
            continue
    raise ValueError("no kind of key fits")


def _jwks(given: str | Mapping[str, Any]) -> list[Key]:
    value = json.loads(given) if isinstance(given, str) else given
    if "keys" not in value:
        return [_jwk_key(value)]
    keys = [key for jwk in value["keys"] if (key := _key_of_set(jwk)) is not None]
    if not keys:
        raise PublicKeyError("the key set holds no key that can be used")
    return keys


def _key_of_set(jwk: Mapping[str, Any]) -> Key | None:
    # RFC 7517 5: what is not understood is passed over, and costs no other key.
    try:
        return _jwk_key(jwk)
    except PublicKeyError:
        raise
    except (JoseError, ValueError, TypeError, LookupError):
        return None


def _jwk_key(jwk: Mapping[str, Any]) -> Key:
    key = JWKRegistry.import_key(dict(jwk))
    if isinstance(key, OctKey):
        raise PublicKeyError("it holds a shared secret: give public keys, RSA or elliptic curve")
    if key.is_private:
        raise PublicKeyError("it holds a private key: keep it to yourself, and give the public half of it")
    return key


def register_keys(tool: RegisteredTool, *, jwks_url: str | None, public_keys: str | Mapping[str, Any] | None) -> None:
    """
    Let a tool own its keys: exactly one of the two says which they are.

    Raises:
        ValueError: Not exactly one, no URL of http or https, or a `PublicKeyError`.
    """
    if (jwks_url is None) == (public_keys is None):
        raise ValueError("give either the URL of the tool's key set or its public keys")
    if jwks_url is not None and not jwks_url.startswith(("https://", "http://")):
        raise ValueError(f"{jwks_url!r} is no URL of a key set; give one such as http://localhost:8000/lti/jwks")
    key_set = None if public_keys is None else read_public_keys(public_keys)
    tool.owns_keys, tool.jwks_url, tool.key_set, tool.key_trouble = True, jwks_url, key_set, None


def lacking(site: Site, token: str, path: str) -> RegisteredTool | None:
    """
    Find the tool whose keys must be fetched to verify what it signed; None: none, or none that is known.

    Args:
        token: A JWT, not trusted: only its ``kid`` and its ``iss`` are read, ``sub`` where there is no ``iss``.

        path: Of the URL where it came.
    """
    try:
        header, claims = (jwt_part(segment) for segment in token.split(".")[:2])
        tool = site.state.tools.get(claims.get("sub") or claims.get("iss")) or site.state.tools.get(claims.get("iss"))
        kid = header.get("kid")
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None
    tool = site.tool_at(path) or tool
    if tool is None or tool.jwks_url is None:
        return None
    known = tool.key_set is not None and (kid is None or any(key.kid == kid for key in tool.key_set.keys))
    return None if known else tool


def jwt_part(text: str) -> Any:
    """
    Decode one part of a JWT; nobody has checked the signature.

    Raises:
        ValueError, RecursionError: It is no base64url of JSON.
    """
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def agreed_key(tool: RegisteredTool, *, pasted: bool) -> Key | None:
    """
    Return the one key that was agreed on, whose ``kid`` does not matter; None: the ``kid`` says which.

    Args:
        pasted: The platform takes one key of each tool, whoever made it.
    """
    if tool.jwks_url is not None or tool.key_set is None or len(tool.key_set.keys) != 1:
        return None
    return tool.key_set.keys[0] if pasted or tool.owns_keys else None
