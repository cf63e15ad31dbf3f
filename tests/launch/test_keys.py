"""
The tool's own keys (SEC 6): made, loaded from wherever secrets are kept, published, replaced.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from joserfc.jwk import ECKey, OctKey, RSAKey

from aioags import Registration
from aioags.launch import dump_key, generate_key, jwks_document, keys_from_environment, load_keys
from tests.fakes import private_key, registration

PRIVATE_PARTS = {"d", "p", "q", "dp", "dq", "qi", "k"}


def kids(keys: list[Any]) -> list[str]:
    """
    Return the ids of keys.
    """
    return [key.kid for key in keys]


def test_a_generated_key_is_rsa_2048_with_its_thumbprint_as_id() -> None:
    key = generate_key()
    assert key.kid == key.thumbprint()
    assert isinstance(key, RSAKey)
    assert key.raw_value.key_size == 2048
    assert kids(load_keys(dump_key(key))) == [key.kid]


def test_6_2_the_published_document_has_public_halves_only_with_id_use_and_algorithm() -> None:
    elliptic = ECKey.generate_key("P-256", {"kid": "ec"})
    document = jwks_document([private_key(), elliptic])
    assert [(entry["kid"], entry["alg"], entry["use"], entry["kty"]) for entry in document["keys"]] == [
        ("tool-key-1", "RS256", "sig", "RSA"),
        ("ec", "ES256", "sig", "EC"),
    ]
    assert not any(PRIVATE_PARTS & set(entry) for entry in document["keys"])
    assert json.loads(json.dumps(document)) == document


def test_the_published_id_is_the_one_that_assertions_name(private_pem: str) -> None:
    own = Registration("https://lms.example", "tool-1", "https://lms.example/token", private_pem)
    assert jwks_document(own)["keys"][0]["kid"] == own.key.kid


def test_6_4_rotation_both_keys_are_published_and_the_first_signs() -> None:
    old, new = generate_key(), generate_key()
    for order in ([old, new], [new, old]):
        assert [entry["kid"] for entry in jwks_document(order)["keys"]] == kids(order)
        assert registration(key=load_keys(order)[0]).key is order[0]


def test_a_key_that_is_there_twice_is_published_once(private_pem: str) -> None:
    assert len(jwks_document([private_pem, private_pem, load_keys(private_pem)[0]])["keys"]) == 1


def test_6_4_an_id_is_never_of_two_keys() -> None:
    twin = RSAKey.generate_key(2048, {"kid": "tool-key-1"})
    with pytest.raises(ValueError, match=r"same id|have the id 'tool-key-1'"):
        jwks_document([private_key(), twin])


def sources(pem: str) -> dict[str, Any]:
    """
    Return one key in every form that it may be kept in.
    """
    jwk = private_key().as_dict(private=True)
    return {
        "pem": pem,
        "pem bytes": pem.encode(),
        "pem with escaped line ends": pem.replace("\n", "\\n"),
        "pem in quotes and blanks": f'  "{pem}"  ',
        "jwk": jwk,
        "jwk text": json.dumps(jwk),
        "jwk set": {"keys": [jwk]},
        "jwk set text": json.dumps({"keys": [jwk]}),
        "joserfc": private_key(),
        "registration": registration(),
        "list": [pem],
    }


@pytest.mark.parametrize("form", sources("").keys())
def test_every_form_that_a_key_is_kept_in(form: str, private_pem: str) -> None:
    (key,) = load_keys(sources(private_pem)[form])
    assert key.thumbprint() == private_key().thumbprint()


def test_several_keys_in_one_text_keep_their_order() -> None:
    keys = [generate_key(), generate_key()]
    assert kids(load_keys("".join(dump_key(key) for key in keys))) == kids(keys)
    assert kids(load_keys(json.dumps({"keys": [key.as_dict(private=True) for key in keys]}))) == kids(keys)


@pytest.mark.parametrize(
    "source",
    [
        "",
        "no key",
        "{",
        "{}",
        "[" * 10,
        '{"a":' * 100_000,
        "-----BEGIN PRIVATE KEY-----\nSECRET\n-----END PRIVATE KEY-----",
        {"kty": "RSA"},
        {"keys": [{"kty": "oct", "k": "U0VDUkVU" * 4}]},
        private_key().as_dict(private=False),
        private_key().as_pem(private=False),
        OctKey.generate_key(256),
    ],
    ids=lambda source: str(type(source).__name__),
)
def test_what_is_no_private_key_is_refused_without_quoting_it(source: Any) -> None:
    with pytest.raises((ValueError, TypeError)) as caught:
        load_keys(source)
    assert "SECRET" not in str(caught.value)
    assert "U0VDUkVU" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_keys_from_the_environment(private_pem: str) -> None:
    assert kids(keys_from_environment("LTI_KEY", {"LTI_KEY": private_pem})) == kids(load_keys(private_pem))
    for environment in ({}, {"LTI_KEY": "  "}):
        with pytest.raises(ValueError, match="LTI_KEY holds no key"):
            keys_from_environment("LTI_KEY", environment)
    with pytest.raises(ValueError) as caught:
        keys_from_environment("LTI_KEY", {"LTI_KEY": "SECRET"})
    assert "SECRET" not in str(caught.value)
