"""
Case 2: a teacher typed the ``target_link_uri``, with umlauts and blanks.
"""

from __future__ import annotations

import pytest

from aioags.errors import IdTokenRefusedError, LaunchError
from tests.launch.paper_lms import TOOL, PaperLMS

TYPED = [
    (f"{TOOL}/kurs/Übung 1", f"{TOOL}/kurs/%C3%9Cbung%201"),
    (f"  {TOOL}/kurs/Übung%201 ", f"{TOOL}/kurs/%C3%9Cbung%201"),
    (f"{TOOL}/quiz?titel=Größe&a=1+2#teil", f"{TOOL}/quiz?titel=Gr%C3%B6%C3%9Fe&a=1+2#teil"),
    (f"{TOOL}/quiz/1?next=%2Fa%3Fb", f"{TOOL}/quiz/1?next=%2Fa%3Fb"),
]


@pytest.mark.parametrize("typed, taken", TYPED)
async def test_it_is_taken_percent_encoded(typed: str, taken: str) -> None:
    lms = PaperLMS()
    await lms.login(target_link_uri=typed)
    assert (await lms.launch(target_link_uri=typed)).target_link_uri == taken


@pytest.mark.parametrize(
    "typed, word",
    [
        (f"{TOOL}/a\tb", r"U\+0009"),
        (f"{TOOL}/a\u202eb", r"U\+202E"),
        ("https://tööl.example/", "origin"),
        ("https://tool.example@evil.example/", "user name"),
        ("https://tool.example\\@evil.example/", "user name"),
        ("https://tool.example\\evil.example/", "origin must be"),
        ("//evil.example/Übung", "absolute|https"),
        ("https://evil.example/Übung", "origin must be"),
    ],
)
async def test_what_is_not_ours_is_refused_in_words(typed: str, word: str) -> None:
    lms = PaperLMS()
    with pytest.raises(LaunchError, match=word):
        await lms.login(target_link_uri=typed)
    with pytest.raises(IdTokenRefusedError, match=word) as caught:
        await lms.launch(target_link_uri=typed)
    assert caught.value.reason == "target_link_uri"
