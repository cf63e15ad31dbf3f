"""
Access tokens (SEC 4.1, CORE 6.2): an assertion that every platform takes, and the answer as every platform gives it.
"""

from __future__ import annotations

import json
from itertools import count
from typing import Any
from urllib.parse import parse_qs

import pytest
from joserfc import jws, jwt
from joserfc.jwk import ECKey, RSAKey

from aioags import GrantMalformedError, GrantRefusedError, Scope
from aioags.protocol.grants import DEFAULT_LIFE, Grant, grant_refusal, read_grant, request_token, sign_assertion
from aioags.protocol.messages import Request
from aioags.protocol.refusals import is_throttled
from tests.fakes import TOKEN_URL, WALL, answer, private_key, registration

TOKEN = "3714bfd0e53f66ec60c5d4bb81c9d2da"
ASKED = frozenset({Scope.SCORE, Scope.LINE_ITEM})
DEPLOYMENT = "https://purl.imsglobal.org/spec/lti/claim/deployment_id"
HTML = "<!DOCTYPE html><html><title>Exception - jwks_helper::fix_jwks_alg(): Argument #1 must be of type array</title>"


def signed(**fields: Any) -> jwt.Token:
    """
    Sign an assertion, and verify it with nothing but the public key.
    """
    one = registration(**fields)
    public = type(one.key).import_key(one.key.as_dict(private=False))
    text = sign_assertion(one, now=WALL, jti="jti-1")
    algorithm = jws.extract_compact(text.encode()).headers()["alg"]
    return jwt.decode(text, public, algorithms=[algorithm])


def asked(request: Request) -> dict[str, str]:
    """
    Read the form of a token request; a name that stands twice fails.
    """
    assert request.body is not None
    form = parse_qs(request.body.decode(), strict_parsing=True)
    assert all(len(values) == 1 for values in form.values())
    return {name: values[0] for name, values in form.items()}


def test_4_1_1_the_claims_are_the_compulsory_six_and_no_other() -> None:
    assert signed().claims == {
        "iss": "tool-1",
        "sub": "tool-1",
        "aud": TOKEN_URL,
        "iat": WALL - 5,
        "exp": WALL + 295,
        "jti": "jti-1",
    }


def test_6_1_the_header_names_algorithm_and_key_and_carries_no_key() -> None:
    assert signed().header == {"typ": "JWT", "alg": "RS256", "kid": "tool-key-1"}


def test_t6_the_times_suit_every_platform() -> None:
    claims = signed().claims
    # Moodle allows no iat in its future; Canvas none older than 5 minutes; Sakai no life above 600 s.
    assert WALL - 60 <= claims["iat"] < WALL
    assert WALL + 60 <= claims["exp"] <= WALL + 300
    assert claims["exp"] - claims["iat"] <= 600
    assert {type(claims["iat"]), type(claims["exp"])} == {int}


@pytest.mark.parametrize("audience", ["https://api.brightspace.com/auth/token", "https://LMS.example:443/x/", "urn:x"])
def test_t2_t3_t4_the_audience_is_one_string_byte_for_byte(audience: str) -> None:
    assert signed(audience=audience).claims["aud"] == audience


def test_6_2_1_the_deployment_is_sent_when_it_is_known() -> None:
    assert signed(deployment_id="7").claims[DEPLOYMENT] == "7"
    assert DEPLOYMENT not in signed().claims


@pytest.mark.parametrize(
    "key, algorithm",
    [
        (RSAKey.import_key(private_key().as_dict(private=True) | {"alg": "RS512"}), "RS512"),
        (ECKey.generate_key("P-256", {"kid": "k"}), "ES256"),
        (ECKey.generate_key("P-384", {"kid": "k"}), "ES384"),
        (ECKey.generate_key("P-521", {"kid": "k"}), "ES512"),
    ],
)
def test_6_1_other_keys_sign_with_their_own_algorithm(key: Any, algorithm: str) -> None:
    assert signed(key=key).header["alg"] == algorithm


def test_4_1_the_request_is_a_form_with_four_fields() -> None:
    operation = request_token(registration(), ASKED, wall=lambda: WALL, new_jti=lambda: "jti-1")
    assert operation.fresh is not None
    request = operation.fresh()
    assert (request.method, request.url) == ("POST", TOKEN_URL)
    assert request.headers == (("Accept", "application/json"), ("Content-Type", "application/x-www-form-urlencoded"))
    form = asked(request)
    assert form.pop("client_assertion").count(".") == 2
    assert form == {
        "grant_type": "client_credentials",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "scope": f"{Scope.LINE_ITEM} {Scope.SCORE}",
    }


def test_t5_every_try_is_signed_anew() -> None:
    numbers, now = count(1), iter([WALL, WALL + 40])
    operation = request_token(registration(), ASKED, wall=lambda: next(now), new_jti=lambda: f"jti-{next(numbers)}")
    assert operation.fresh is not None
    claims = [jwt.decode(asked(operation.fresh())["client_assertion"], private_key()).claims for _ in range(2)]
    assert [claim["jti"] for claim in claims] == ["jti-1", "jti-2"]
    assert claims[1]["iat"] == claims[0]["iat"] + 40


def test_the_token_request_carries_no_credential_and_goes_to_one_origin() -> None:
    operation = request_token(registration(), ASKED, wall=lambda: WALL, new_jti=lambda: "x")
    assert (operation.scopes, operation.writes) == ((), False)
    assert operation.trust.origins == {"https://lms.example:443"}
    assert operation.request.body is None


def grant(**fields: Any) -> dict[str, Any]:
    """
    Return a token answer; None leaves a field out.
    """
    said = {"access_token": TOKEN, "token_type": "Bearer", "expires_in": 3600, "scope": Scope.SCORE} | fields
    return {name: value for name, value in said.items() if value is not None}


def read(body: Any, status: int = 200) -> Grant:
    """
    Read an answer of the token endpoint.
    """
    return read_grant(answer(status, body, ("Content-Type", "text/html; charset=utf-8")), ASKED)


def test_t1_a_token_is_read_whatever_its_content_type() -> None:
    assert read(grant()) == Grant(TOKEN, frozenset({Scope.SCORE}), 3600.0)
    assert read(b"\xef\xbb\xbf\n" + json.dumps(grant(), indent=2).encode(), 201).access_token == TOKEN


@pytest.mark.parametrize(
    "scope, granted",
    [
        (None, ASKED),
        ("", frozenset()),
        ("  ", frozenset()),
        (str(Scope.SCORE), frozenset({Scope.SCORE})),
        (f"{Scope.SCORE} {Scope.LINE_ITEM}", ASKED),
        (f" {Scope.SCORE}  {Scope.SCORE} ", frozenset({Scope.SCORE})),
        (f"{Scope.SCORE},{Scope.LINE_ITEM}", ASKED),
        ([str(Scope.SCORE)], frozenset({Scope.SCORE})),
        ([], frozenset()),
        ("https://lms.example/more", frozenset({"https://lms.example/more"})),
    ],
)
def test_t7_what_was_granted_is_read_back(scope: Any, granted: frozenset[str]) -> None:
    assert read(grant(scope=scope)).scopes == granted


@pytest.mark.parametrize("token_type", ["Bearer", "bearer", "BEARER", None])
def test_t10_the_token_type_is_compared_without_case(token_type: str | None) -> None:
    assert read(grant(token_type=token_type)).access_token == TOKEN
    assert read(json.dumps(grant() | {"token_type": None, "stenotype": "bearer"})).access_token == TOKEN


@pytest.mark.parametrize("token_type", ["mac", "", 5, "DPoP"])
def test_t10_another_kind_of_token_is_no_use(token_type: Any) -> None:
    with pytest.raises(GrantMalformedError, match="token_type is not Bearer"):
        read(grant(token_type=token_type))


@pytest.mark.parametrize(
    "expires_in, seconds",
    [
        (3600, 3600.0),
        ("3600", 3600.0),
        (" 59 ", 59.0),
        (59.5, 59.5),
        ("59.5", 59.5),
        (0, 0.0),
        (-5, 0.0),
        (None, DEFAULT_LIFE),
        ("", DEFAULT_LIFE),
        ("soon", DEFAULT_LIFE),
        (True, DEFAULT_LIFE),
        (10**400, DEFAULT_LIFE),
        ([3600], DEFAULT_LIFE),
    ],
)
def test_t12_how_long_it_lives_in_every_spelling(expires_in: Any, seconds: float) -> None:
    assert read(grant(expires_in=expires_in)).expires_in == seconds
    assert read(json.dumps(grant() | {"expires_in": None})).expires_in == 3600.0


@pytest.mark.parametrize(
    "body, why",
    [
        (b"", "the body is empty"),
        (HTML, "the body is an HTML page"),
        ("OK", "the body is no JSON"),
        ([grant()], "the body is not an object"),
        ({}, "it has no access_token"),
        (grant(access_token=""), "it has no access_token"),
        (grant(access_token=5), "it has no access_token"),
        (grant(access_token="tökén"), "it has no access_token"),
        (grant(access_token="a\r\nX-Evil: 1"), "it has no access_token"),
    ],
)
def test_an_answer_without_a_usable_token_is_named(body: Any, why: str) -> None:
    with pytest.raises(GrantMalformedError, match=why) as caught:
        read(body)
    assert (caught.value.recorded, caught.value.transient, caught.value.status) == (False, False, 200)
    assert caught.value.spec == "SEC 4.1"
    assert TOKEN not in str(caught.value) + repr(caught.value)


def test_t14_moodles_other_token_url_is_recognised() -> None:
    with pytest.raises(GrantMalformedError, match="is it the token URL for LTI") as caught:
        read({"token": TOKEN, "privatetoken": None})
    assert TOKEN not in repr(caught.value)


REFUSALS: dict[str, tuple[int, Any, str | None, str]] = {
    "Moodle": (400, '{\n  "error" : "invalid_scope"\n}', "invalid_scope", "invalid_scope"),
    "Moodle, an exception as the error": (
        400,
        '{"error" : "Cannot handle token with iat prior to 2026-11-21T15:19:06-0500"}',
        None,
        "Cannot handle token",
    ),
    "Moodle, broken JSON": (
        400,
        '{\n  "error" : ""kid" invalid, unable to lookup correct key"\n}',
        None,
        "unable to lookup",
    ),
    "Moodle, the keyset cannot be read": (404, HTML, None, "public key set"),
    "Canvas": (
        400,
        {"error": "invalid_request", "error_description": "the 'aud' is invalid"},
        "invalid_request",
        "'aud' is invalid",
    ),
    "Canvas, unknown client": (
        401,
        {"error": "invalid_client", "error_description": "unknown client"},
        "invalid_client",
        "unknown client",
    ),
    "Canvas, scope": (
        400,
        {"error": "invalid_scope", "error_description": "A requested scope is invalid"},
        "invalid_scope",
        "requested scope",
    ),
    "Brightspace": (
        400,
        {"error": "invalid_grant", "error_description": "Error validating assertion: KeyId not found in token"},
        "invalid_grant",
        "KeyId not found",
    ),
    "Open edX": (404, {"error": "lti_consumer_not_initialized"}, "lti_consumer_not_initialized", "not_initialized"),
    "Sakai": (400, {"error": "Replayed client_assertion"}, None, "Replayed"),
    "nothing": (400, b"", None, "nothing readable"),
    "forbidden, nothing": (403, b"", None, "nothing readable"),
    "an odd error": (400, {"error": {"code": 5, "message": "no"}}, None, "no"),
    "an array": (400, [1, 2], None, "nothing readable"),
    "no text": (400, b"\xff\xfe", None, "answered 400"),
    "wrong host": (303, b"", None, "answered 303"),
}


@pytest.mark.parametrize("status, body, code, said", REFUSALS.values(), ids=REFUSALS.keys())
def test_t11_a_refusal_in_any_shape(status: int, body: Any, code: str | None, said: str) -> None:
    error = grant_refusal(answer(status, body))
    assert type(error) is GrantRefusedError
    assert (error.status, error.code, error.recorded, error.transient) == (status, code, False, False)
    assert said in str(error)
    assert f"answered {status}" in str(error)
    assert len(str(error).splitlines()) == 1


def test_the_hint_at_the_key_set_is_given_only_where_moodle_would_answer_so() -> None:
    assert "public key set" in str(grant_refusal(answer(404, HTML)))
    assert "public key set" not in str(grant_refusal(answer(404, {"error": "lti_consumer_not_initialized"})))
    assert "public key set" not in str(grant_refusal(answer(400, HTML)))


def test_the_platforms_own_description_is_kept() -> None:
    error = grant_refusal(answer(400, {"error": "invalid_scope", "error_description": "A requested scope is invalid"}))
    assert error.description is not None
    assert "A requested scope is invalid" in error.description
    assert grant_refusal(answer(400)).description is None


def test_secrets_neither_token_nor_assertion_is_shown() -> None:
    one = registration()
    assertion = sign_assertion(one, now=WALL, jti="jti-1")
    assert TOKEN not in repr(read(grant())) + str(read(grant()))
    operation = request_token(one, ASKED, wall=lambda: WALL, new_jti=lambda: "jti-1")
    assert operation.fresh is not None
    secret = private_key().as_dict(private=True)["d"]
    for shown in (repr(operation), repr(operation.fresh()), repr(one)):
        assert assertion[:20] not in shown
        assert secret[:20] not in shown
    for echo in (
        assertion,
        assertion[:60],
        json.dumps({"client_assertion": assertion}),
        f"client_assertion={assertion}",
    ):
        for body in (echo, {"error": "invalid_client", "error_description": f"cannot verify {echo}"}):
            error = grant_refusal(answer(400, body))
            parts = [part for part in assertion.split(".") if part in f"{error} {error!r} {error.description}"]
            assert parts == []
            assert "eyJ" not in f"{error} {error!r} {error.description}"


def test_a_throttled_token_request_is_known_as_one() -> None:
    assert is_throttled(answer(429, b"", ("Retry-After", "5")))
