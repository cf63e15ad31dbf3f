"""
Private keys out of text, fast, and each text once. Not public.

OpenSSL's own check of an RSA key tests two large numbers for being prime: 40 to 140 ms, and it keeps Python's global
lock, so that no thread takes it off an event loop. Here the numbers are checked for going together, and the key signs
and verifies once: a millisecond, and what a mangled key fails. The primes of its own key are a tool's own affair.

What was parsed is kept under the digest of its text, not under the text: a lookup makes a `Registration` for every
launch, and of the same key.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any

import attrs
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPrivateNumbers, RSAPublicNumbers
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, JWKRegistry, OKPKey, RSAKey
from joserfc.util import base64_to_int

# A key takes about 8 KiB. Tools have one or two; who has one for each of thousands of schools parses in a millisecond.
_MOST_KEPT = 1024
# Beyond any in use; one of a million bits would be signed with for minutes.
_LONGEST_MODULUS = 16384
_PRIVATE_NUMBERS = ("n", "e", "d", "p", "q", "dp", "dq", "qi")


@attrs.define
class _Kept:
    # By digest, the one that was asked for least lately first. Registrations are made in threads too.
    most: int
    keys: dict[bytes, Any] = attrs.field(factory=dict, repr=False)
    lock: Lock = attrs.field(factory=Lock)

    def get(self, digest: bytes, parse: Callable[[], Any]) -> Any:
        with self.lock:
            if (found := self.keys.pop(digest, None)) is not None:
                self.keys[digest] = found
                return found
        # Not under the lock: two threads may both parse, and the later one wins.
        parsed = parse()
        with self.lock:
            self.keys[digest] = parsed
            while len(self.keys) > self.most:
                del self.keys[next(iter(self.keys))]
        return parsed


_kept = _Kept(_MOST_KEPT)


def parse_text(text: bytes) -> Any:
    """
    Return the key of PEM text, or of a JWK as JSON.

    Raises:
        ValueError, TypeError, KeyError, RecursionError, JoseError: It is none; the error may quote it.
    """
    return _kept.get(hashlib.sha256(b"text " + text).digest(), lambda: _parse_text(text))


def plain_text(text: bytes) -> bytes:
    """
    Return the text of a key as it was before an environment variable or a quoting shell had it: with real line ends,
    without quotes around it.
    """
    bare = text.strip()
    if len(bare) > 1 and bare[:1] == bare[-1:] and bare[:1] in (b'"', b"'"):
        bare = bare[1:-1].strip()
    return bare.replace(b"\\r", b"").replace(b"\\n", b"\n") if b"-----BEGIN" in bare else bare


def likeness(text: bytes) -> str | None:
    """
    Return what a text that is no key looks like, as the end of a sentence. None: like nothing known.
    """
    bare = plain_text(text)
    if b"-----BEGIN" in bare:
        mangled = "it looks like PEM text that was cut or mangled"
        return next((words for mark, words in _PEM_LIKE if mark in bare), mangled)
    if bare.startswith((b"ssh-", b"ecdsa-")):
        return "it looks like the public half of an ssh key"
    if bare.startswith((b"/", b"./", b"~")) or bare.endswith((b".pem", b".key", b".json")):
        return "it looks like the path of a file: read the file, and give what is in it"
    return _encoded_likeness(bare)


_PEM_LIKE = (
    (b"ENCRYPTED", "it looks like an encrypted key: take the passphrase off first (openssl pkey -in FILE)"),
    (b"OPENSSH", "it looks like an ssh key: make it a PEM (ssh-keygen -p -m PEM -f FILE)"),
    (b"BEGIN CERTIFICATE", "it looks like a certificate, which holds the public half alone"),
)


def _encoded_likeness(bare: bytes) -> str | None:
    try:
        inner = base64.b64decode(b"".join(bare.split()), validate=True)
    except ValueError:
        return None
    if b"-----BEGIN" in inner or inner.lstrip().startswith(b"{"):
        return "it looks like base64 of a key: decode it first"
    # DER: a sequence with a length of two bytes.
    return "it looks like PEM text without its BEGIN and END lines" if inner.startswith(b"0\x82") else None


def parse_jwk(jwk: Mapping[str, Any]) -> Any:
    """
    Return the key of a JWK.

    Raises:
        ValueError, TypeError, KeyError, RecursionError, JoseError: It is none; the error may quote it.
    """
    fields = dict(jwk)
    text = json.dumps(fields, sort_keys=True).encode()
    return _kept.get(hashlib.sha256(b"jwk " + text).digest(), lambda: _parse_jwk(fields))


def _parse_text(text: bytes) -> Any:
    if text.lstrip().startswith(b"{"):
        return _parse_jwk(json.loads(text))
    if b"PRIVATE KEY-----" in text and b"OPENSSH" not in text:
        raw = load_pem_private_key(text, None, unsafe_skip_rsa_key_validation=True)
        if isinstance(raw, RSAPrivateKey):
            # Not RSAKey.import_key: it would hold the text as well.
            return RSAKey(_checked(raw), raw)
    for kind in (RSAKey, ECKey, OKPKey):
        try:
            return kind.import_key(text)
        except (ValueError, TypeError, JoseError):
            continue
    raise ValueError("no key type fits")


def _parse_jwk(jwk: Any) -> Any:
    if jwk["kty"] != "RSA" or "oth" in jwk or not all(name in jwk for name in _PRIVATE_NUMBERS):
        return JWKRegistry.import_key(jwk)
    n, e, d, p, q, dp, dq, qi = (base64_to_int(jwk[name]) for name in _PRIVATE_NUMBERS)
    numbers = RSAPrivateNumbers(p, q, d, dp, dq, qi, RSAPublicNumbers(e, n))
    _check_numbers(numbers)
    return RSAKey(_tried(numbers.private_key(unsafe_skip_rsa_key_validation=True)), jwk)


def _checked(key: RSAPrivateKey) -> RSAPrivateKey:
    _check_numbers(key.private_numbers())
    return _tried(key)


def _check_numbers(key: RSAPrivateNumbers) -> None:
    n, e = key.public_numbers.n, key.public_numbers.e
    # RFC 8017 3.2: odd primes, d and e inverse to each other for both, and the values that are derived from them.
    fits = (
        n.bit_length() <= _LONGEST_MODULUS
        and key.p * key.q == n
        and key.p != key.q
        and min(key.p, key.q) > 2
        and n % 2 == e % 2 == 1
        and 3 <= e < n
        and 1 < key.d < n
        and key.d * e % (key.p - 1) == key.d * e % (key.q - 1) == 1
        and key.dmp1 == key.d % (key.p - 1)
        and key.dmq1 == key.d % (key.q - 1)
        and 0 < key.iqmp < key.p
        and key.iqmp * key.q % key.p == 1
    )
    if not fits:
        raise ValueError("the numbers of the RSA key do not belong together")


def _tried(key: RSAPrivateKey) -> RSAPrivateKey:
    message = b"aioags"
    try:
        key.public_key().verify(key.sign(message, PKCS1v15(), SHA256()), message, PKCS1v15(), SHA256())
    except (InvalidSignature, ValueError):
        raise ValueError("the RSA key cannot verify what it signs") from None
    return key
