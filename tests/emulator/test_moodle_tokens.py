"""
The moodle profile's token endpoint and its door, line by line as a live Moodle 4.5.6 answered.
"""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from joserfc.jwk import ECKey, KeySet, RSAKey

from aioags.emulator import PROFILES
from aioags.protocol.messages import Request
from tests.emulator.raw_tool import ALL, CONTAINER_TYPE, FORM, LINE_ITEM, SCORE, START, tool

OTHER_KEY = RSAKey.generate_key(2048, private=True)


def test_T1_success_is_json_labelled_as_html() -> None:
    answer = tool("moodle", scopes=(SCORE,)).ask_token()
    assert answer.header("Content-Type") == "text/html; charset=utf-8"
    assert answer.header("Cache-Control") is None
    token = answer.json()["access_token"]
    assert len(token) == 32
    assert answer.body.decode().splitlines() == [
        "{",
        f'  "access_token" : "{token}",',
        '  "token_type" : "Bearer",',
        '  "expires_in" : 3600,',
        f'  "scope" : "{SCORE}"',
        "}",
    ]


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "https://other.example"},
        {"aud": None},
        {"aud": ["a", "b"]},
        {"iss": "somebody"},
        {"iss": None},
        {"jti": None},
        {"iat": None},
        {"exp": None},
        {"iat": START - 86400},
        {"exp": START + 10 * 365 * 86400},
        {"iat": START - 0.5},
    ],
)
def test_T2_T5_T6_what_moodle_does_not_look_at(claims: dict[str, Any]) -> None:
    assert tool("moodle").grant(**claims).status == 200


def test_T5_the_same_assertion_serves_twice() -> None:
    one = tool("moodle")
    form = one.form()
    assert [one.ask_token(form).status for _ in range(2)] == [200, 200]


@pytest.mark.parametrize(
    "claims, words",
    [
        ({"iat": START + 1}, "Cannot handle token with iat prior to 2026-01-01T04:00:01-0500"),
        ({"nbf": START + 3}, "Cannot handle token with iat prior to 2026-01-01T04:00:03-0500"),
        ({"exp": START}, "Expired token"),
        ({"exp": START - 1}, "Expired token"),
        ({"sub": "stranger"}, "invalid_client"),
        ({"sub": ["tool-1"]}, "invalid_client"),
        ({"sub": 7}, "invalid_client"),
        ({"sub": None}, "invalid_request"),
    ],
)
def test_T6_T11_there_is_no_leeway_and_the_error_is_one_text(claims: dict[str, Any], words: str) -> None:
    answer = tool("moodle").grant(**claims)
    assert (answer.status, answer.body.decode()) == (400, f'{{\n  "error" : "{words}"\n}}')


@pytest.mark.parametrize(
    "header, words",
    [
        ({"alg": "RS256", "kid": None}, "error/Error: kid must be provided in JWT header."),
        ({"kid": "unknown"}, '"kid" invalid, unable to lookup correct key'),
    ],
)
def test_T11_key_set_errors_and_json_that_is_none(header: dict[str, Any], words: str) -> None:
    one = tool("moodle")
    answer = one.ask_token(one.form(one.sign(one.claims(), **header)))
    assert (answer.status, answer.body.decode()) == (400, f'{{\n  "error" : "{words}"\n}}')
    if words.startswith('"'):
        with pytest.raises(ValueError):
            answer.json()


def test_T11_a_wrong_signature() -> None:
    one = tool("moodle")
    assert one.ask_token(one.form(one.sign(one.claims(), key=OTHER_KEY))).json()["error"] == (
        "Signature verification failed"
    )


def test_T11_a_pasted_key_takes_rs256_alone_and_any_kid() -> None:
    pasted = attrs.evolve(PROFILES["moodle"], key_mode="pasted", algorithms=("RS256",))
    one = tool(pasted)
    assert one.ask_token(one.form(one.sign(one.claims(), kid="unknown"))).status == 200
    answer = one.ask_token(one.form(one.sign(one.claims(), alg="RS512")))
    assert answer.json()["error"] == "Incorrect key for this algorithm"


def test_an_elliptic_key_of_a_key_set_serves() -> None:
    key = ECKey.generate_key("P-256", private=True)
    one = tool("moodle", key=key)
    assert one.ask_token(one.form(one.sign(one.claims(), key=key, alg="ES256"))).status == 200


def test_a_key_set_that_cannot_be_fetched_is_404_and_a_page() -> None:
    one = tool("moodle")
    one.platform.tool.key_set = None
    answer = one.ask_token()
    assert (answer.status, answer.header("Content-Type")) == (404, "text/html; charset=utf-8")
    assert b"fix_jwks_alg" in answer.body
    assert len(answer.body) > 26_000


def test_an_empty_key_set_is_named() -> None:
    one = tool("moodle")
    one.platform.tool.key_set = KeySet([])
    assert one.ask_token().json()["error"] == "JWK Set did not contain any keys"


@pytest.mark.parametrize(
    "content_type, status",
    [
        ("application/x-www-form-urlencoded; charset=utf-8", 200),
        ("Application/X-WWW-Form-Urlencoded", 400),
        ("application/json", 400),
    ],
)
def test_the_forms_type_is_compared_with_case(content_type: str, status: int) -> None:
    answer = tool("moodle").ask_token(headers=(("Content-Type", content_type),))
    assert answer.status == status
    assert status == 200 or answer.body == b'{\n  "error" : "invalid_request"\n}'


@pytest.mark.parametrize(
    "change, words",
    [
        ({"scope": None}, "invalid_request"),
        ({"scope": ""}, "invalid_request"),
        ({"grant_type": None}, "invalid_request"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"client_assertion_type": "other"}, "unsupported_grant_type"),
        ({"client_assertion": "nothing"}, "invalid_request"),
        ({"client_assertion": "a.b.c"}, "invalid_request"),
    ],
)
def test_T9_what_is_wrong_with_the_form(change: dict[str, Any], words: str) -> None:
    one = tool("moodle")
    assert one.ask_token(one.form(**change)).json() == {"error": words}


def test_T7_scopes_are_cut_silently() -> None:
    one = tool("moodle")
    one.platform.tool.scopes = ALL[1:]
    granted = lambda scope: one.ask_token(one.form(scope=scope)).json().get("scope")  # noqa: E731
    assert granted(f"{LINE_ITEM} {SCORE}") == SCORE
    assert granted(f"{SCORE}  {ALL[2]}") == f"{SCORE} {ALL[2]}"
    assert granted(f"{SCORE} {SCORE}") == f"{SCORE} {SCORE}"
    assert granted(f"{ALL[1]}\n{ALL[2]} {SCORE}") == SCORE
    assert one.ask_token(one.form(scope=LINE_ITEM)).json() == {"error": "invalid_scope"}


def test_T14_the_other_token_endpoint_has_no_access_token() -> None:
    one = tool("moodle")
    answer = one.platform.answer(Request("POST", one.platform.base_url + "/login/token.php", FORM, b"a=b"))
    assert (answer.status, set(answer.json())) == (200, {"token", "privatetoken"})


@pytest.mark.parametrize("header", ["bearer {}", "Bearer nonsense", "", "Basic {}"])
def test_A2_a_bad_token_is_one_401(header: str) -> None:
    one = tool("moodle")
    headers = (("Authorization", header.format(one.token)), ("Accept", CONTAINER_TYPE))
    answer = one.platform.answer(Request("GET", one.items_url, headers))
    assert answer.status == 401
    assert answer.header("WWW-Authenticate") is None
    assert answer.header("Content-Type") == "application/json; charset=utf-8"
    assert answer.body.decode() == (
        "{\n"
        '    "status": 401,\n'
        '    "reason": "Unauthorized",\n'
        '    "request": {\n'
        '        "method": "GET",\n'
        '        "url": "/mod/lti/services.php/1/lineitems?type_id=1",\n'
        '        "accept": "application/vnd.ims.lis.v2.lineitemcontainer+json",\n'
        '        "contentType": ""\n'
        "    }\n"
        "}"
    )


def test_A2_a_missing_scope_is_the_same_401() -> None:
    one = tool("moodle", scopes=(SCORE,))
    assert (one.list().status, one.create().status, one.results().status) == (401, 401, 401)


def test_two_blanks_after_bearer_are_fine() -> None:
    one = tool("moodle")
    headers = (("Authorization", f"Bearer  {one.token}"),)
    assert one.platform.answer(Request("GET", one.items_url, headers)).status == 200


def test_type_id_may_be_missing_but_not_anothers() -> None:
    one = tool("moodle")
    bare = one.items_url.partition("?")[0]
    assert one.list(bare).json()[0]["id"].endswith("?type_id=1")
    assert one.list(bare + "?type_id=2").status == 401


def test_a_course_without_the_tool_is_403() -> None:
    one = tool("moodle")
    one.platform.add_course("Two", tools=())
    answer = one.list(one.items_url.replace("/1/", "/2/"))
    assert (answer.status, answer.phrase, answer.json()["reason"]) == (
        403,
        "Not allowed in context",
        "Not allowed in context",
    )


def test_another_host_is_sent_to_the_right_one() -> None:
    one = tool("moodle")
    answer = one.ask("GET", one.items_url, Host="other.example")
    assert (answer.status, answer.header("Location")) == (303, one.items_url)
    assert one.ask("GET", one.items_url, Host="lms.example").status == 200


def test_maintenance_is_503_with_a_hint_and_a_page() -> None:
    one = tool("moodle")
    one.platform.maintenance = True
    answer = one.ask_token()
    assert (answer.status, answer.phrase, answer.header("Retry-After")) == (503, "Moodle under maintenance", "300")
    assert answer.header("Content-Type") == "text/html; charset=utf-8"
