"""
The strict platform's token endpoint and its door: Security Framework 4.1, LTI Core 6.2.
"""

from __future__ import annotations

from typing import Any

import pytest
from joserfc.jwk import ECKey, KeySet, OctKey, RSAKey

from aioags.emulator import ManualClock
from tests.emulator.raw_tool import ALL, FORM, LINE_ITEM, READONLY, SCORE, START, RawTool, score, tool

OTHER_KEY = RSAKey.generate_key(2048, private=True)


def test_4_1_a_token_comes_with_its_type_life_and_scope() -> None:
    answer = tool().ask_token()
    assert answer.status == 200
    assert answer.header("Content-Type") == "application/json;charset=UTF-8"
    assert answer.header("Cache-Control") == "no-store"
    assert answer.header("Pragma") == "no-cache"
    body = answer.json()
    assert body["token_type"] == "Bearer"
    assert body["expires_in"] == 3600
    assert body["scope"] == " ".join(ALL)
    assert len(body["access_token"]) >= 15
    assert body["access_token"].isascii()


def test_4_1_the_scope_is_cut_to_what_the_tool_may_have() -> None:
    one = tool(scopes=(SCORE, LINE_ITEM, "https://example.org/other"))
    one.platform.tool.scopes = (SCORE, READONLY)
    assert one.ask_token().json()["scope"] == SCORE


def test_4_1_no_scope_that_can_be_granted_is_invalid_scope() -> None:
    answer = tool(scopes=("https://example.org/other",)).ask_token()
    assert (answer.status, answer.json()["error"]) == (400, "invalid_scope")


@pytest.mark.parametrize("name", ["grant_type", "client_assertion_type", "client_assertion", "scope"])
def test_4_1_every_parameter_is_needed(name: str) -> None:
    one = tool()
    form = one.form()
    del form[name]
    answer = one.ask_token(form)
    assert (answer.status, answer.json()["error"]) == (400, "invalid_request")
    assert name in answer.json()["error_description"]


def test_4_1_other_grants_are_unsupported() -> None:
    one = tool()
    assert one.ask_token(one.form(grant_type="password")).json()["error"] == "unsupported_grant_type"


def test_4_1_the_form_must_be_a_form() -> None:
    one = tool()
    assert one.ask_token(headers=(("Content-Type", "application/json"),)).json()["error"] == "invalid_request"
    assert one.ask_token(headers=(("Content-Type", FORM[0][1] + "; charset=utf-8"),)).status == 200


def test_core_6_2_a_client_secret_is_not_taken() -> None:
    one = tool()
    form = one.form()
    del form["client_assertion"]
    answer = one.ask_token(form, headers=(*FORM, ("Authorization", "Basic YTpi")))
    assert answer.json()["spec"] == "CORE 6.2"


@pytest.mark.parametrize("name", ["iss", "sub", "aud", "iat", "exp", "jti"])
def test_4_1_1_every_claim_is_needed(name: str) -> None:
    answer = tool().grant(**{name: None})
    assert (answer.status, answer.json()["error"]) == (400, "invalid_client")
    assert name in answer.json()["error_description"]


@pytest.mark.parametrize(
    "claims, says",
    [
        ({"iss": "somebody"}, "iss must be the client id"),
        ({"sub": "somebody"}, "No tool has the client id"),
        ({"sub": ["spec-tool"]}, "No tool has the client id"),
        ({"aud": "https://lms.example/lti/token/"}, "to the byte"),
        ({"aud": ["https://other.example"]}, "to the byte"),
        ({"exp": START - 60}, "expired"),
        ({"iat": START + 60, "exp": START + 120}, "future"),
        ({"nbf": START + 60}, "future"),
        ({"exp": str(START + 60)}, "JSON number"),
        ({"iat": True}, "JSON number"),
    ],
)
def test_4_1_1_a_wrong_claim_is_named(claims: dict[str, Any], says: str) -> None:
    answer = tool().grant(**claims)
    assert (answer.status, answer.json()["error"]) == (400, "invalid_client")
    assert says in answer.json()["error_description"]


def test_4_1_1_the_audience_may_be_a_list_and_the_clock_a_little_off() -> None:
    one = tool()
    url = one.platform.registration_args()["token_url"]
    assert one.grant(aud=["https://other.example", url], iat=START + 20, exp=START + 25).status == 200


def test_4_1_1_a_jti_serves_once() -> None:
    one = tool()
    assertion = one.sign(one.claims())
    assert one.ask_token(one.form(assertion)).status == 200
    assert "jti" in one.ask_token(one.form(assertion)).json()["error_description"]


def test_4_1_1_a_refused_assertion_does_not_use_up_its_jti() -> None:
    one = tool()
    claims = one.claims()
    assert one.ask_token(one.form(one.sign(claims, key=OTHER_KEY))).status == 400
    assert one.ask_token(one.form(one.sign(claims))).status == 200


def test_4_1_1_the_signature_is_really_verified() -> None:
    one = tool()
    answer = one.ask_token(one.form(one.sign(one.claims(), key=OTHER_KEY)))
    assert (answer.json()["error"], "signature" in answer.json()["error_description"]) == ("invalid_client", True)


def test_6_1_a_shared_secret_made_of_the_public_key_is_no_signature() -> None:
    one = tool()
    public = RSAKey.import_key(one.platform.key.pem).as_pem(private=False)
    forged = one.sign(one.claims(), key=OctKey.import_key(public.replace(b"-----", b"=====")), alg="HS256")
    assert "alg" in one.ask_token(one.form(forged)).json()["error_description"]


def test_5_4_alg_none_is_refused() -> None:
    one = tool()
    head, claims, _ = one.sign(one.claims()).split(".")
    none = "eyJhbGciOiJub25lIn0"
    assert one.ask_token(one.form(f"{none}.{claims}.")).status == 400
    assert one.ask_token(one.form(f"{head}.{claims}.")).status == 400


# base64url of brackets that are opened and never closed: too deep for every Python's json.
DEEP = "W1tb" * 70_000


@pytest.mark.parametrize(
    "assertion", ["nothing", "a.b", "a.b.c", "e30.e30", "W10.W10.W10", "ü.ü.ü", ".", f"{DEEP}.e30.a", f"e30.{DEEP}.a"]
)
def test_4_1_what_is_no_jwt_is_refused(assertion: str) -> None:
    one = tool()
    assert one.ask_token(one.form(assertion)).status == 400


def test_6_1_an_elliptic_key_serves_too() -> None:
    key = ECKey.generate_key("P-256", private=True)
    one = tool(key=key)
    assert one.ask_token(one.form(one.sign(one.claims(), key=key, alg="ES256"))).status == 200


def test_6_3_of_several_keys_of_a_tool_the_kid_says_which() -> None:
    one = tool()
    first, second = (RSAKey.generate_key(2048, {"kid": kid}, private=True) for kid in ("first", "second"))
    one.platform.tool.key_set = KeySet([first, second])
    for key in (first, second):
        assert one.ask_token(one.form(one.sign(one.claims(), key=key, kid=key.kid))).status == 200
    assert one.ask_token(one.form(one.sign(one.claims(), key=first, kid="second"))).status == 400
    assert one.ask_token(one.form(one.sign(one.claims(), key=first, kid="unknown"))).status == 400


def test_4_1_a_token_ends_and_says_so() -> None:
    clock = ManualClock(START)
    one = tool(clock=clock)
    assert one.list().status == 200
    clock.advance(3600)
    answer = one.list()
    assert answer.status == 401
    assert answer.json()["error"] == "expired_token"
    assert 'error="invalid_token"' in (answer.header("WWW-Authenticate") or "")


def test_4_1_a_revoked_token_is_refused() -> None:
    one = tool()
    assert one.list().status == 200
    assert one.platform.tokens.revoke() == 1
    assert one.list().status == 401


@pytest.mark.parametrize("header", [{}, {"Authorization": "Basic abc"}, {"Authorization": "Bearer nonsense"}])
def test_6750_a_missing_or_unknown_token_is_401_with_a_challenge(header: dict[str, str]) -> None:
    one = tool()
    request = one.request("GET", one.items_url)
    bare = tuple((name, value) for name, value in request.headers if name != "Authorization")
    answer = one.platform.answer(type(request)("GET", one.items_url, bare + tuple(header.items())))
    assert answer.status == 401
    assert (answer.header("WWW-Authenticate") or "").startswith("Bearer")


@pytest.mark.parametrize(
    "scopes, allowed",
    [
        ((LINE_ITEM,), {"list", "create", "get", "put", "delete"}),
        ((READONLY,), {"list", "get"}),
        ((SCORE,), {"post"}),
        ((ALL[2],), {"results"}),
    ],
)
def test_3_2_each_scope_opens_its_own_doors(scopes: tuple[str, ...], allowed: set[str]) -> None:
    one = tool(scopes=scopes)
    answers = {
        "list": one.list(),
        "create": one.create(),
        "get": one.get(one.item_url),
        "put": one.put(one.item_url, label="New", scoreMaximum=10),
        "post": one.post(score(one.users[0])),
        "results": one.results(),
        "delete": one.delete(one.item_url),
    }
    assert {name for name, answer in answers.items() if answer.status < 300} == allowed
    refused = [answer for name, answer in answers.items() if name not in allowed]
    assert all(answer.status == 403 for answer in refused)
    assert all('error="insufficient_scope"' in (answer.header("WWW-Authenticate") or "") for answer in refused)


def test_token_requests_are_counted() -> None:
    one: RawTool = tool()
    one.ask_token()
    one.grant(aud="wrong")
    assert (one.platform.tokens.requests, one.platform.tokens.issued) == (2, 1)
    assert one.platform.counts["token"] == 2
