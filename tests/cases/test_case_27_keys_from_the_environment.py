"""
Case 27: a key as it comes out of an environment variable, and what is no key but looks like something.
"""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from aioags.launch import load_keys
from tests.fakes import private_key, registration

PEM = private_key().as_pem(private=True).decode()
RAW = load_pem_private_key(PEM.encode(), None)
ENCRYPTED = RAW.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"geheim")).decode()
DER = RAW.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())

SAME: dict[str, Callable[[str], str]] = {
    "as it is": lambda pem: pem,
    "line ends as two characters": lambda pem: pem.replace("\n", "\\n"),
    "of Windows": lambda pem: pem.replace("\n", "\\r\\n"),
    "in double quotes": lambda pem: f'"{pem}"',
    "in single quotes, with blanks": lambda pem: f" '{pem}' \n",
    "both": lambda pem: '"' + pem.replace("\n", "\\n") + '"',
}


@pytest.mark.parametrize("change", SAME.values(), ids=SAME.keys())
def test_it_is_read_by_a_registration_as_by_load_keys(change: Callable[[str], str]) -> None:
    thumbprint = private_key().thumbprint()
    assert registration(key=change(PEM)).key.thumbprint() == thumbprint
    assert registration(key=change(PEM).encode()).key.thumbprint() == thumbprint
    assert [key.thumbprint() for key in load_keys(change(PEM))] == [thumbprint]


LOOKS = {
    "a path": ("/run/secrets/key.pem", "path of a file"),
    "a relative path": ("keys/tool.pem", "path of a file"),
    "base64 of PEM": (base64.b64encode(PEM.encode()).decode(), "base64 of a key"),
    "base64 of DER": (base64.b64encode(DER).decode(), "without its BEGIN and END"),
    "encrypted": (ENCRYPTED, "encrypted"),
    "encrypted, in one line": (ENCRYPTED.replace("\n", "\\n"), "encrypted"),
    "ssh": ("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----", "ssh-keygen"),
    "ssh, public": ("ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQ me@here", "public half of an ssh key"),
    "a certificate": ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "certificate"),
    "cut": (PEM[:300], "cut or mangled"),
}


@pytest.mark.parametrize("text, words", LOOKS.values(), ids=LOOKS.keys())
def test_it_says_what_it_looks_like_and_quotes_nothing(text: str, words: str) -> None:
    for attempt in (lambda: registration(key=text), lambda: load_keys(text)):
        with pytest.raises(ValueError, match=words) as caught:
            attempt()
        assert text[-40:] not in str(caught.value)
        assert text[:40] not in str(caught.value)
