"""
Which URLs may carry a secret: how nearly all are written is told at a glance, and by the same rules.
"""

from __future__ import annotations

import random

from aioags.model import secure
from aioags.model.secure import url_fault

PARTS = (
    "https://", "http://", "HTTPS://", "lms.example", "LMS", "localhost", "127.0.0.1", "[::1]", "a", "-", ".", "@",
    ":", ":8443", ":0", ":99999", ":080", "/", "//", "?", "#", "\\", "%2C", "user:secret@", " ", "\n", "ü", "[", "]",
    ";", ",", "&a=b", "_", "~",
)  # fmt: skip


def test_a_glance_says_what_the_rules_say() -> None:
    chance = random.Random(13)
    urls = [f"https://{''.join(chance.choices(PARTS, k=chance.randint(0, 6)))}" for _ in range(20_000)]
    urls += ["".join(chance.choices(PARTS, k=chance.randint(0, 6))) for _ in range(20_000)]
    at_a_glance = [url for url in urls if secure._USUAL.fullmatch(url)]
    assert len(at_a_glance) > 500
    assert not [url for url in at_a_glance if secure._judged(url)[0]]
    assert all(url_fault(url) is None for url in at_a_glance)
