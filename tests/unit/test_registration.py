"""
The registration: keys in every form, parsed once and never shown; URLs that may carry a secret.
"""

from __future__ import annotations

import json
import math
import traceback
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa, x25519
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey
from joserfc.util import base64_to_int, int_to_base64

from aioags.launch import load_keys
from aioags.model.key_parsing import _Kept, _kept
from aioags.model.registration import load_key, signing_algorithm
from aioags.model.secure import is_loopback, url_fault
from tests.fakes import private_key, registration

PEM = private_key().as_pem(private=True).decode()
PUBLIC_PEM = private_key().as_pem(private=False).decode()
JWK: dict[str, Any] = private_key().as_dict(private=True)
PUBLIC_JWK: dict[str, Any] = private_key().as_dict(private=False)
SECRET = "c2VjcmV0LXBhcnQtb2YtdGhlLWtleQ"


def pem(key: Any) -> str:
    """
    Write a key of the cryptography library as PEM text.
    """
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


@pytest.mark.parametrize(
    "key",
    [PEM, PEM.encode(), "\n" + PEM + "\n", JWK, json.dumps(JWK), json.dumps(JWK).encode(), private_key()],
    ids=["PEM", "PEM bytes", "PEM with blank lines", "JWK", "JWK text", "JWK bytes", "joserfc"],
)
def test_a_key_in_every_form(key: Any) -> None:
    parsed = registration(key=key).key
    assert isinstance(parsed, RSAKey)
    assert parsed.is_private
    assert parsed.as_dict(private=True)["d"] == JWK["d"]
    assert parsed.kid


def test_6_3_the_key_id_is_kept_or_is_the_thumbprint() -> None:
    assert load_key(JWK).kid == "tool-key-1"
    assert load_key(PEM).kid == load_key(PEM).kid == private_key().thumbprint()


def test_pitfall_24_a_key_object_is_not_parsed_again() -> None:
    assert registration().key is private_key()


@pytest.mark.parametrize(
    "key, algorithm",
    [
        (JWK, "RS256"),
        (JWK | {"alg": "RS512"}, "RS512"),
        (JWK | {"alg": "RSA-OAEP"}, "RS256"),
        (ECKey.generate_key("P-256"), "ES256"),
        (ECKey.generate_key("P-384"), "ES384"),
        (ECKey.generate_key("P-521"), "ES512"),
        (pem(ec.generate_private_key(ec.SECP256R1())), "ES256"),
    ],
)
def test_6_1_the_algorithm_goes_with_the_key(key: Any, algorithm: str) -> None:
    assert signing_algorithm(load_key(key)) == algorithm


BAD_KEYS = {
    "public PEM": (PUBLIC_PEM, "private part"),
    "public JWK": (PUBLIC_JWK, "private part"),
    "public EC JWK": (ECKey.generate_key("P-256").as_dict(private=False), "private part"),
    "shared secret": ({"kty": "oct", "k": SECRET}, "RSA or elliptic curve"),
    "shared secret object": (OctKey.import_key(SECRET), "must be"),
    "text": (SECRET, "neither PEM text nor a JWK"),
    "nothing": ("", "neither PEM text nor a JWK"),
    "empty mapping": ({}, "neither PEM text nor a JWK"),
    "broken JSON": ('{"kty": "RSA", "d": "' + SECRET, "neither PEM text nor a JWK"),
    "JSON array": (f'["{SECRET}"]', "neither PEM text nor a JWK"),
    "JWK without numbers": ({"kty": "RSA", "d": SECRET}, "neither PEM text nor a JWK"),
    "JWK with odd numbers": (JWK | {"n": SECRET + "!", "p": 5}, "neither PEM text nor a JWK"),
    "JWK of no type": ({"kty": 5, "d": SECRET}, "neither PEM text nor a JWK"),
    "JWK of an unknown type": ({"kty": "PQC", "d": SECRET}, "neither PEM text nor a JWK"),
    "JWK of an unknown curve": ({"kty": "EC", "crv": "P-1", "x": SECRET, "y": SECRET, "d": SECRET}, "key"),
    "key set": ({"keys": [JWK]}, "neither PEM text nor a JWK"),
    "cut PEM": (PEM[: len(PEM) // 2], "neither PEM text nor a JWK"),
    "half of a surrogate pair": (SECRET + "\ud83d", "neither PEM text nor a JWK"),
    "DSA": (pem(dsa.generate_private_key(1024)), "key"),
    "X25519, which cannot sign": (pem(x25519.X25519PrivateKey.generate()), "key"),
    "X25519 JWK": (OKPKey.generate_key("X25519").as_dict(private=True), "key"),
    "Ed25519, which no platform is known to take": (OKPKey.generate_key("Ed25519"), "P-256, P-384, P-521; got Ed25519"),
    "secp256k1, which LTI does not know": (ECKey.generate_key("secp256k1"), "key"),
}


@pytest.mark.parametrize("key, why", BAD_KEYS.values(), ids=BAD_KEYS.keys())
def test_a_bad_key_is_refused_at_once_and_never_quoted(key: Any, why: str) -> None:
    with pytest.raises((ValueError, TypeError), match=why) as caught:
        registration(key=key)
    shown = "".join(traceback.format_exception(caught.value))
    assert SECRET not in shown
    assert JWK["d"][:20] not in shown
    assert not any(line and line in str(caught.value) for line in PEM.splitlines())


@pytest.mark.parametrize("key", [None, 5, [PEM], object()])
def test_a_key_of_another_type_is_a_type_error(key: Any) -> None:
    with pytest.raises(TypeError, match="key must be PEM text"):
        registration(key=key)


def test_secrets_the_key_is_not_shown() -> None:
    shown = repr(registration()) + str(registration())
    assert "key" not in shown.replace("token_url", "")
    assert JWK["d"][:10] not in shown
    assert JWK["n"][:10] not in shown


@pytest.mark.parametrize("field", ["token_url", "authorization_url", "jwks_url"])
@pytest.mark.parametrize(
    "url, why",
    [
        ("http://lms.example/token", "https, or http to loopback"),
        ("http://localhost.evil.example/token", "https, or http to loopback"),
        ("http://127.0.0.1.evil.example/token", "https, or http to loopback"),
        ("http://10.0.0.1/token", "https, or http to loopback"),
        ("http://0.0.0.0/token", "https, or http to loopback"),
        ("ftp://lms.example/token", "https, or http to loopback"),
        ("/token", "absolute URL"),
        ("lms.example/token", "absolute URL"),
        ("https://", "absolute URL"),
        ("https://lms.example:x/token", "valid host and port"),
        ("https://tool:secret@lms.example/token", "user name or password"),
        ("https://lms.example/to ken", "printable ASCII"),
        ("https://lms.example/tökén", "printable ASCII"),
        ("https://lms.example/token\n", "printable ASCII"),
        ("", "printable ASCII"),
    ],
)
def test_a_secret_travels_only_over_https_or_to_loopback(field: str, url: str, why: str) -> None:
    with pytest.raises(ValueError, match=f"{field} must be .*{why}|{field} must not hold .*{why}"):
        registration(**{field: url})


@pytest.mark.parametrize(
    "url",
    [
        "https://lms.example/token",
        "HTTPS://LMS.EXAMPLE/token",
        "http://localhost:8000/token",
        "http://lms.localhost/token",
        "http://127.0.0.1/token",
        "http://127.8.9.1:5/token",
        "http://[::1]:8000/token",
    ],
)
def test_https_and_loopback_are_taken_as_written(url: str) -> None:
    assert registration(token_url=url).token_url == url
    assert url_fault(url) is None


@pytest.mark.parametrize(
    "host", ["", "local", "localhost.", "127.1", "2130706433", "0x7f.1", "::", "[::1]", "127.0.0.1.nip.io"]
)
def test_what_only_looks_like_loopback_is_not(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize("field", ["issuer", "client_id", "audience", "deployment_id"])
@pytest.mark.parametrize("value, error", [("", ValueError), (" ", ValueError), (5, TypeError), ("\ud83d", ValueError)])
def test_a_field_is_a_text_that_is_not_blank(field: str, value: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=field):
        registration(**{field: value})


@pytest.mark.parametrize("field", ["issuer", "client_id", "token_url"])
def test_a_field_is_never_none(field: str) -> None:
    with pytest.raises(TypeError, match=field):
        registration(**{field: None})


def test_t4_the_audience_is_kept_byte_for_byte() -> None:
    for audience in ("https://api.brightspace.com/auth/token", "https://LMS.example:443/x/", "urn:x"):
        assert registration(audience=audience).audience == audience


def test_registrations_compare_without_their_keys() -> None:
    assert registration() == registration(key=PEM)
    assert registration() != registration(client_id="tool-2")
    assert hash(registration()) == hash(registration())


def test_a_key_text_is_parsed_once_and_the_text_is_not_kept() -> None:
    text = pem(rsa.generate_private_key(65537, 2048))
    first = load_key(text)
    assert load_key(text) is load_key(text.encode()) is first
    assert registration(key=text).key is first
    assert all(isinstance(digest, bytes) and len(digest) == 32 for digest in _kept.keys)
    assert not isinstance(first.original_value, (str, bytes))


def test_keys_of_one_content_are_one_whatever_the_order_and_those_of_another_id_are_not() -> None:
    assert load_key(JWK) is load_key(dict(reversed(JWK.items())))
    assert load_key(JWK | {"kid": "another"}).kid == "another"
    assert load_key(JWK).kid == "tool-key-1"


def test_what_is_kept_of_keys_is_bounded_and_the_latest_used_stay() -> None:
    kept = _Kept(2)
    for digest in (b"a", b"b", b"a", b"c"):
        kept.get(digest, list)
    assert list(kept.keys) == [b"a", b"c"]


@pytest.mark.parametrize("name", ["n", "e", "d", "p", "q", "dp", "dq", "qi"])
@pytest.mark.parametrize("change", [-2, -1, 1, 2, 2**64])
def test_a_mangled_rsa_key_is_refused_though_no_prime_is_tested(name: str, change: int) -> None:
    bad = JWK | {name: int_to_base64(abs(base64_to_int(JWK[name]) + change))}
    for key in (bad, json.dumps(bad)):
        with pytest.raises(ValueError, match="neither PEM text nor a JWK"):
            load_key(key)


def test_an_rsa_key_whose_primes_are_none_is_refused() -> None:
    """
    p = 3 q', so that all its numbers fit but those that stand for p - 1.
    """
    one, two = (rsa.generate_private_key(65537, 2048).private_numbers() for _ in range(2))
    p, q, e = one.p * 3, two.q, 65537
    d = pow(e, -1, math.lcm(p - 1, q - 1))
    numbers = {"n": p * q, "e": e, "d": d, "p": p, "q": q, "dp": d % (p - 1), "dq": d % (q - 1), "qi": pow(q, -1, p)}
    bad = {"kty": "RSA"} | {name: int_to_base64(number) for name, number in numbers.items()}
    with pytest.raises(ValueError, match="neither PEM text nor a JWK"):
        load_key(bad)


@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
@pytest.mark.parametrize("bits", [1024, 2040])
@pytest.mark.parametrize("form", ["PEM", "JWK", "joserfc"])
def test_rfc_7518_3_3_a_short_rsa_key_of_the_tool_is_refused(bits: int, form: str) -> None:
    key = RSAKey.generate_key(bits)
    given = {"PEM": key.as_pem(private=True), "JWK": key.as_dict(private=True), "joserfc": key}[form]
    with pytest.raises(ValueError, match=f"2048 bits or more .RFC 7518 3.3., got {bits}"):
        registration(key=given)
    with pytest.raises(ValueError, match=r"RFC 7518 3\.3"):
        load_keys([given])
