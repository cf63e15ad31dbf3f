"""
What a platform said, fit for a log: readable, one line, short, nothing of what the caller sent (S3, pitfall 18).
"""

from __future__ import annotations

import html
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aioags.protocol.redaction import BODY_KEPT, platform_words, redact, shown_body, shown_words

COMMENT = 'Größe "falsch": 5/10\nplease see me <after> class & bring the book'
UUID = "5c1e3d6a-9a0b-4c57-8f6e-0a1b2c3d4e5f"
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJ0b29sLTEifQ.c2lnbmF0dXJlLXNpZ25hdHVyZQ"
MOODLE_TOKEN = "3714bfd0e53f66ec60c5d4bb81c9d2da"

SPELLINGS = {
    "plain": COMMENT,
    "JSON": json.dumps(COMMENT, ensure_ascii=False),
    "JSON, ASCII": json.dumps(COMMENT),
    "JSON of PHP": json.dumps(COMMENT).replace("/", "\\/"),
    "JSON of Rails": json.dumps(COMMENT).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"),
    "JSON in capitals": json.dumps(COMMENT).replace("\\u00f6", "\\u00F6"),
    "JSON twice": json.dumps(json.dumps(COMMENT)),
    "URL": quote(COMMENT),
    "form": quote_plus(COMMENT),
    "HTML": html.escape(COMMENT),
    "one line": " ".join(COMMENT.split()),
    "capitals": COMMENT.upper(),
    "cut": COMMENT[:30],
    "cut with dots": COMMENT[:20] + "…",
    "cut JSON": json.dumps(COMMENT)[:25],
}
# Whatever the spelling, none of these may be left.
TELLING = ("falsch", "FALSCH", "please", "after", "bring", "book", "BOOK")


@pytest.mark.parametrize("echo", SPELLINGS.values(), ids=SPELLINGS.keys())
def test_pitfall_18_a_comment_never_comes_back_whatever_its_spelling(echo: str) -> None:
    for text in (f"Bad score: {echo}", f'{{"error": "not valid", "got": {echo}}}', echo, f"{echo} and {echo}!"):
        shown = redact(text, (COMMENT, "u1"))
        assert "[redacted]" in shown
        assert not any(word in shown for word in TELLING), shown
        assert not any(word in shown_words(" ".join(text.split()), (COMMENT,)) for word in TELLING)
        assert not any(word in shown_body(text.encode(), (COMMENT,)) for word in TELLING)


@pytest.mark.parametrize(
    "user_id", ["3", "u1", "s001", "jane.roe", "jane.roe@school.example", UUID, "Jürgen Groß", "a/b c"]
)
def test_pitfall_18_a_user_id_never_comes_back(user_id: str) -> None:
    for echo in (user_id, json.dumps(user_id), json.dumps(user_id).replace("/", "\\/"), f"({user_id})", f"'{user_id}'"):
        shown = redact(f"User {echo} is not enrolled in course 33", (user_id,))
        assert user_id not in shown.replace("33", "")
        assert shown == "[redacted]" or shown.startswith("User ")


def test_the_platforms_own_words_stay() -> None:
    assert redact("User 3 is not enrolled in course 33, item 13", ("3",)) == (
        "User [redacted] is not enrolled in course 33, item 13"
    )
    assert redact(f"User {UUID} is not enrolled", (UUID,)) == "User [redacted] is not enrolled"
    assert redact(f"no {UUID} here, nor {UUID}", (UUID,)) == "no [redacted] here, nor [redacted]"
    assert redact("This course has concluded.", (COMMENT, UUID, "")) == "This course has concluded."
    assert redact("nothing private", ()) == "nothing private"


@pytest.mark.parametrize("secret", ["redacted", "redacte", "[redacted]", "[redacted] h", "ed"])
def test_a_private_text_that_looks_like_the_mark_ends(secret: str) -> None:
    assert "[redacted]" in redact(f"it said {secret} {secret}", (secret,))


@pytest.mark.parametrize(
    "text",
    [
        f"Bearer {MOODLE_TOKEN} has expired",
        f"bearer   {MOODLE_TOKEN}",
        "Authorization: Bearer short+/=~.token",
        f"unknown access token {MOODLE_TOKEN}",
        f'{{"request": {{"headers": {{"Authorization": "Bearer {JWT}"}}}}}}',
        f"cannot decode {JWT}",
        f"client_assertion={JWT}&scope=x",
        f"cannot decode {JWT[:40]}",
        f"cannot decode {JWT.partition('.')[0]}",
    ],
)
def test_pitfall_18_no_token_and_no_assertion(text: str) -> None:
    shown = redact(text, ())
    assert "[redacted]" in shown
    for secret in (MOODLE_TOKEN, "short+", "eyJhbGci", "eyJpc3Mi", "c2lnbmF0"):
        assert secret not in shown


@pytest.mark.parametrize(
    "reason, body, words",
    [
        ("Forbidden", b"", "Forbidden"),
        ("", b"", ""),
        (
            "Refusing score with an earlier timestamp for item 2 and user 3",
            b"[]",
            "Refusing score with an earlier timestamp for item 2 and user 3",
        ),
        ('Incorrect score received{"userId": "4", "comment": "x"}', b"[]", "Incorrect score received"),
        ("Unauthorized", b'{"status": 401, "reason": "Unauthorized", "request": {"method": "GET"}}', "Unauthorized"),
        ("", b'{"errors":{"type":"unauthorized","message":"Insufficient permissions"}}', "Insufficient permissions"),
        (
            "",
            b'{"errors":[{"message":"The specified resource does not exist."}]}',
            "The specified resource does not exist.",
        ),
        ("", b'{"errors":[{"field":"grade","message":"cannot be changed","error_code":null}]}', "cannot be changed"),
        ("", b'{"error":"User does not belong to site"}', "User does not belong to site"),
        (
            "",
            b'{"detail":"Authentication credentials were not provided."}',
            "Authentication credentials were not provided.",
        ),
        (
            "",
            b'{"timestamp":["Score timestamp can only be updated to a later point in time"]}',
            "Score timestamp can only be updated to a later point in time",
        ),
        ("", b'{"non_field_errors":["a","b"]}', "a; b"),
        (
            "",
            b'{"status":400,"message":"JSON parse error: Invalid date string: x","extraInfo":"ab"}',
            "JSON parse error: Invalid date string: x",
        ),
        (
            "",
            b'{"error":"invalid_request","error_description":"the \'aud\' is invalid"}',
            "the 'aud' is invalid; invalid_request",
        ),
        ("", b"403 Forbidden (Rate Limit Exceeded)\n", "403 Forbidden (Rate Limit Exceeded)"),
        (
            "",
            b'{\n  "error" : ""kid" invalid, unable to lookup correct key"\n}',
            '{ "error" : ""kid" invalid, unable to lookup correct key" }',
        ),
        ("Not Found", b"<html><title>Call to a member function out() on null</title>", "an HTML page"),
        ("Bad Gateway", b"\n <!DOCTYPE html>", "an HTML page"),
        ("Bad\r\nRequest\t", b"", "Bad Request"),
        ("Teapot", b"null", "Teapot"),
        ("Teapot", b'{"a": {"b": {"c": {"d": {"e": {"message": "too deep"}}}}}}', "Teapot"),
        ("Teapot", b"[" * 100_000, "[" * 1024),
        ("", b"\xff\xfe", "\ufffd\ufffd"),
    ],
)
def test_s4_the_words_are_found_in_every_shape(reason: str, body: bytes, words: str) -> None:
    assert platform_words(reason, body) == words


def test_what_is_kept_is_short() -> None:
    assert len(shown_words("x y " * 1000, ())) == 200
    assert len(shown_body(b"x y " * 10_000, ())) == BODY_KEPT
    assert shown_body(b"\xff\xfe ok", ()) == "\ufffd\ufffd ok"


@pytest.mark.parametrize(
    "unit",
    ["a", "a-", "a1", "a.", "aaaaaaaa.", "bearer ", "eyJ", "user ", "timestamp ", "\\u0041", "&", "%", " ", "[", '"'],
)
def test_a_hostile_body_costs_no_more_than_its_length(unit: str) -> None:
    # At the square of its length, an error page with a picture in base64 took minutes.
    body = (unit * 65_536)[:65_536].encode()
    assert len(shown_body(body, (COMMENT, UUID, "u1"))) <= BODY_KEPT
    assert len(shown_words(platform_words("", body), (COMMENT,))) <= 200


@given(st.text(max_size=60), st.lists(st.text(max_size=20), max_size=2), st.text(max_size=20))
@example("", ["redacte"], "[redacted]")
@example("a", ["          ", "a         b"], "b")
def test_a_private_text_is_never_found_in_what_is_shown(before: str, private: list[str], after: str) -> None:
    for secret in private:
        shown = redact(f"{before} {secret} {after}", (secret,))
        assert len(secret.strip()) <= 6 or secret in "[redacted]" or secret not in shown


@given(st.text(max_size=40), st.binary(max_size=60))
def test_words_are_one_line_whatever_the_answer(reason: str, body: bytes) -> None:
    assert len(platform_words(reason, body).splitlines()) <= 1
