"""
A 2xx without a defined body is a yes, unless its JSON denies it or it is somebody else's words (S1, S2, S18, N4).
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioags.protocol.acknowledgment import RejectionError, acknowledgment, deletion
from aioags.wire.scalars import NotReadableError
from tests.fakes import answer

YES: dict[str, tuple[bytes, Any]] = {
    "Moodle, Sakai: empty": (b"", None),
    "blanks": (b" \r\n ", None),
    "Canvas: where the result is": (
        b'{"resultUrl": "https://canvas.example/r/1"}',
        {"resultUrl": "https://canvas.example/r/1"},
    ),
    "Open edX: an echo": (b'{"userId": "u1", "scoreGiven": 8}', {"userId": "u1", "scoreGiven": 8}),
    "an empty object": (b"{}", {}),
    "an object with a byte order mark": (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
    "null": (b"null", None),
    "true": (b"true", None),
    "a JSON text": (b'"saved"', None),
    "an object whose status is that of a success": (b'{"status": 200}', {"status": 200}),
    "an object with a status in words": (b'{"status": "done"}', {"status": "done"}),
    "an object with an error that is none": (b'{"error": null, "errors": []}', {"error": None, "errors": []}),
    "an object with a status that is no number": (b'{"status": true}', {"status": True}),
    "a list with something in it": (b'[{"resultUrl": "x"}]', None),
    "only a byte order mark": (b"\xef\xbb\xbf", None),
}


@pytest.mark.parametrize("status", [200, 201, 202, 204, 207])
@pytest.mark.parametrize("body, said", YES.values(), ids=YES.keys())
def test_pitfall_17_any_2xx_is_success_and_its_body_is_optional(status: int, body: bytes, said: Any) -> None:
    assert acknowledgment(answer(status, body)) == said


@pytest.mark.parametrize("body", [b"[]", b" [] ", b"[ ]", b"[\n]\n", b"\xef\xbb\xbf[]"])
def test_s2_moodles_empty_array_is_a_rejection(body: bytes) -> None:
    with pytest.raises(RejectionError):
        acknowledgment(answer(200, body))


NOES: dict[str, tuple[bytes, int | None]] = {
    "a refusal in the body": (b'{"status": 400, "reason": "no"}', 400),
    "its status as a text": (b'{"status": "404"}', 404),
    "a failure in the body": (b'{"status": 500}', 500),
    "an error in words": (b'{"error": "no such user"}', None),
    "an error as an object": (b'{"error": {"message": "no"}}', None),
    "a list of errors": (b'{"errors": [{"message": "no"}]}', None),
    "a status and an error": (b'{"status": 422, "error": "no"}', 422),
    "its status as 400.0": (b'{"status": 400.0}', 400),
    "an error in a list": (b'[{"userId": "u1", "error": "no"}]', None),
    "a refusal in a list": (b'[{"status": 200}, {"status": 404}]', 404),
    "false": (b"false", None),
    "an error beside a status of success": (b'{"status": 200, "error": "no"}', 200),
}


@pytest.mark.parametrize("body, status", NOES.values(), ids=NOES.keys())
def test_a3_json_that_denies_it_is_a_rejection(body: bytes, status: int | None) -> None:
    with pytest.raises(RejectionError) as caught:
        acknowledgment(answer(200, body))
    assert caught.value.status == status
    if body[:1] in b"{[":
        with pytest.raises(RejectionError):
            deletion(answer(200, body))


@pytest.mark.parametrize("body", [b"", b"OK", b"deleted", b'"OK"', b"null", b"{}"])
def test_a3_a_word_will_do_for_a_deletion(body: bytes) -> None:
    deletion(answer(200, body))


@pytest.mark.parametrize("body", [b"<html>", b'{"a":', b"[1"])
def test_a3_a_page_is_no_deletion(body: bytes) -> None:
    with pytest.raises(NotReadableError):
        deletion(answer(200, body))


@pytest.mark.parametrize(
    "body",
    [
        b"OK",
        b"Please log in",
        "Enregistré avec succès".encode(),
        b"<!DOCTYPE html><html><body>Please log in</body></html>",
        b"\n <html>",
        b"\xef\xbb\xbf<html>",
        b'<?xml version="1.0"?><error/>',
        b'{"resultUrl": "https://can',
        b"{",
        b"[",
        b'{"a": NaN}',
        b"\x1f\x8b\x08\x00",
        b"\xff\xfe",
        b"{" * 100_000,
    ],
    ids=lambda body: repr(body[:12]),
)
def test_n4_a_page_or_a_broken_body_is_nobodys_yes(body: bytes) -> None:
    with pytest.raises(NotReadableError):
        acknowledgment(answer(200, body))


@given(st.binary(max_size=20) | st.text('{}[]<>",:0 \n\ufeffa').map(str.encode))
def test_any_body_is_a_yes_a_rejection_or_unreadable(body: bytes) -> None:
    try:
        said = acknowledgment(answer(200, body))
    except (RejectionError, NotReadableError):
        return
    assert said is None or isinstance(said, dict)
