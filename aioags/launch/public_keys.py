"""
A platform's published keys: found by id, and told apart from keys that are there and will not do.

Read leniently where only one thing can be meant: numbers in plain base64 or with padding, an id that is a number. Each
key is parsed once, when a launch first names it. Whoever publishes a set may be hostile: its size is bounded where it
is read, and here what one launch can be made to do with it.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from typing import Any

import attrs
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, Key
from joserfc.util import int_to_base64

from aioags.launch.base64url import decoded
from aioags.model.registration import RSA_BITS

_KEY_TYPES = {"R": "RSA", "P": "RSA", "E": "EC"}
# OpenSSL verifies nothing above; and with a large exponent a signature costs as much to check as to make.
_LONGEST_MODULUS = 16384
_LONGEST_EXPONENT = 64
# SEC 6.4: keys may share an id if their types differ, and some share it for the sake of use or alg.
_MOST_OF_ONE_ID = 32
_LONGEST_SHOWN = 32
_BASE64URL = re.compile(r"[A-Za-z0-9_-]+")
_PLAIN_TO_URL = str.maketrans("+/", "-_")
_SEARCHES_KEPT = 64


class UnusableKeyError(ValueError):
    """
    A published key will not do; the message says why, as the end of a sentence that begins with the key.
    """


@attrs.define(eq=False)
class PublicKeys:
    """
    One platform's key set, as it was fetched.

    Attributes:
        entries: Its JWKs.
    """

    entries: Sequence[Mapping[str, Any]] = attrs.field(repr=False)
    _by_id: dict[str, list[Mapping[str, Any]]] = attrs.field(init=False, factory=dict, repr=False)
    # By id and algorithm: the key, or why there is none.
    _found: dict[tuple[str, str], Key | UnusableKeyError] = attrs.field(init=False, factory=dict, repr=False)

    def __attrs_post_init__(self) -> None:
        for entry in self.entries:
            kid = entry.get("kid")
            # A number is written without quotes by hand.
            if isinstance(kid, (str, int)) and not isinstance(kid, bool):
                of_this_id = self._by_id.setdefault(_text(kid), [])
                if len(of_this_id) < _MOST_OF_ONE_ID:
                    of_this_id.append(entry)

    def find(self, kid: str, alg: str) -> Key | None:
        """
        Return the key with this id for this algorithm. None: no key has this id.

        Several keys may share an id if they are of different types (SEC 6.4).

        Raises:
            UnusableKeyError: Those that have it will not do.
        """
        if kid not in self._by_id:
            return None
        found = self._found.get((kid, alg))
        if found is None:
            # Both are the set's and the settings' own: their number is bounded, but not by much.
            if len(self._found) >= _SEARCHES_KEPT:
                self._found.clear()
            found = self._found[kid, alg] = _first_usable(self._by_id[kid], alg)
        if isinstance(found, UnusableKeyError):
            raise UnusableKeyError(*found.args)
        return found


def _text(kid: str | int) -> str:
    try:
        return str(kid)
    except ValueError:
        # An int of thousands of digits, which nobody names.
        return ""


def _first_usable(entries: Sequence[Mapping[str, Any]], alg: str) -> Key | UnusableKeyError:
    faults: list[UnusableKeyError] = []
    for entry in entries:
        try:
            return _import(entry, alg)
        except UnusableKeyError as fault:
            faults.append(fault)
    # The first of the right type says most.
    of_type = [fault for entry, fault in zip(entries, faults, strict=True) if entry.get("kty") == _KEY_TYPES[alg[0]]]
    return (of_type or faults)[0]


def _import(entry: Mapping[str, Any], alg: str) -> Key:
    kind = entry.get("kty")
    if kind != _KEY_TYPES[alg[0]]:
        raise UnusableKeyError(f"is of the type (kty) {_shown(kind)}, and {alg} needs {_KEY_TYPES[alg[0]]}")
    if entry.get("use") not in (None, "sig"):
        raise UnusableKeyError(f"has the use {_shown(entry['use'])}, and not 'sig'")
    if entry.get("alg") not in (None, alg):
        raise UnusableKeyError(f"has the algorithm (alg) {_shown(entry['alg'])}, and the id_token {alg}")
    numbers = _rsa_numbers(entry) if kind == "RSA" else _curve_numbers(entry)
    # Only what makes up a public key; the platform's certificates and key_ops, odd at times, are left alone.
    return _imported({"kty": kind, "kid": _text(entry["kid"]), **numbers})


def _rsa_numbers(entry: Mapping[str, Any]) -> dict[str, Any]:
    n, e = (int.from_bytes(_decoded(entry, name)) for name in ("n", "e"))
    # Of the number, not of its text: that may begin with zeros.
    if not RSA_BITS <= n.bit_length() <= _LONGEST_MODULUS:
        raise UnusableKeyError(
            f"has {n.bit_length()} bits, and must have {RSA_BITS} to {_LONGEST_MODULUS} (RFC 7518 3.3)"
        )
    if e.bit_length() > _LONGEST_EXPONENT:
        raise UnusableKeyError(f"has an exponent (e) of more than {_LONGEST_EXPONENT} bits")
    return {"n": int_to_base64(n), "e": int_to_base64(e)}


def _curve_numbers(entry: Mapping[str, Any]) -> dict[str, Any]:
    points = {name: base64.urlsafe_b64encode(_decoded(entry, name)).decode().rstrip("=") for name in ("x", "y")}
    return {"crv": entry.get("crv"), **points}


def _imported(jwk: dict[str, Any]) -> Key:
    try:
        return JWKRegistry.import_key(jwk)
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise UnusableKeyError(f"has numbers that make no {jwk['kty']} key ({type(error).__name__})") from None


def _decoded(entry: Mapping[str, Any], name: str) -> bytes:
    text = entry.get(name)
    digits = text.strip().rstrip("=").translate(_PLAIN_TO_URL) if isinstance(text, str) else ""
    if not _BASE64URL.fullmatch(digits) or len(digits) % 4 == 1:
        raise UnusableKeyError(f"has no value {name}" if text is None else f"has a value {name} that is not base64url")
    return decoded(digits)


def _shown(value: object) -> str:
    text = repr(value) if isinstance(value, (str, bool, type(None))) else f"a {type(value).__name__}"
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 3] + "..."
