"""
Tokens of the canvas profile: what an assertion must be, in which words it is refused, and where a token is good.
"""

from __future__ import annotations

from typing import Any

import pytest

from aioags.emulator import Answer, ManualClock
from aioags.protocol.messages import Request
from tests.emulator.canvas_tool import message
from tests.emulator.raw_tool import FORM, LINE_ITEM, READONLY, RESULT, SCORE, START, RawTool, tool

NOBODY = (401, {"error": "invalid_client", "error_description": "unknown client"}, "Canvas OAuth 2.0")


def description(answer: Answer) -> tuple[int, str]:
    """
    Return status and words of a refused grant.
    """
    assert answer.json()["error"] == "invalid_request"
    return answer.status, answer.json()["error_description"]


@pytest.mark.parametrize("exp, words", [(-10, "the JWT has expired"), (0, "the JWT has expired"), (1, None)])
def test_CV39_exp_has_no_leeway(exp: int, words: str | None) -> None:
    answer = tool("canvas").grant(exp=START + exp)
    assert answer.status == (200 if words is None else 400)
    assert answer.json().get("error_description") == words


@pytest.mark.parametrize(
    "claims, words",
    [
        ({"iat": START - 400}, "the 'iat' must be less than 300 seconds old"),
        ({"iat": START + 40}, "the 'iat' must not be in the future"),
        ({"jti": None}, "the following assertions are missing: jti"),
        ({"jti": None, "aud": None, "exp": 1}, "the following assertions are missing: aud,jti"),
        ({"exp": "soon"}, "the 'exp' must be a number"),
        ({"iat": "now"}, "the 'iat' must be a number"),
        ({"aud": "x", "iat": START - 400}, "the 'aud' is invalid | the 'iat' must be less than 300 seconds old"),
        (
            {"aud": ["x", 1], "exp": START - 1, "iat": START + 31},
            "the 'aud' is invalid | the JWT has expired | the 'iat' must not be in the future",
        ),
    ],
)
def test_CV40_all_faults_are_told_at_once_and_what_is_missing_alone(claims: dict[str, Any], words: str) -> None:
    assert description(tool("canvas").grant(**claims)) == (400, words)


@pytest.mark.parametrize("claims", [{"iat": START - 299}, {"iat": START + 29}, {"nbf": START + 900}, {"iss": "any"}])
def test_CV40_what_is_not_looked_at(claims: dict[str, Any]) -> None:
    assert tool("canvas").grant(**claims).status == 200


@pytest.mark.parametrize("claims", [{"sub": None}, {"sub": "10000000000099"}, {"sub": "me"}])
def test_CV41_CV42_without_a_known_sub_the_client_is_unknown(claims: dict[str, Any]) -> None:
    answer = tool("canvas").grant(**claims)
    assert (answer.status, answer.json(), answer.header("WWW-Authenticate")) == NOBODY


@pytest.mark.parametrize(
    "form",
    [{"client_assertion_type": "jwt"}, {"client_assertion_type": None}, {"client_assertion": "a.b"}],
)
def test_CV41_what_is_no_assertion_is_taken_for_a_secret(form: dict[str, Any]) -> None:
    one = tool("canvas")
    answer = one.ask_token(one.form() | form if None not in form.values() else one.form(**form))
    assert (answer.status, answer.json(), answer.header("WWW-Authenticate")) == NOBODY


@pytest.mark.parametrize("scope", [None, ""])
def test_CV41_without_a_scope_it_is_invalid(scope: str | None) -> None:
    one = tool("canvas")
    answer = one.ask_token(one.form(scope=scope))
    assert (answer.status, answer.json()["error"]) == (400, "invalid_scope")


@pytest.mark.parametrize(
    "refused, ending",
    [
        ([LINE_ITEM], LINE_ITEM),
        ([LINE_ITEM, RESULT], f"{LINE_ITEM} and {RESULT}"),
        ([LINE_ITEM, READONLY, RESULT], f"{LINE_ITEM}, {READONLY}, and {RESULT}"),
    ],
)
def test_CV41_the_refused_scopes_end_the_sentence(refused: list[str], ending: str) -> None:
    one = tool("canvas")
    one.platform.tool.scopes = (SCORE,)
    answer = one.ask_token(one.form(scope=" ".join([SCORE, *refused])))
    assert (answer.status, answer.json()["error"]) == (400, "invalid_scope")
    assert answer.json()["error_description"].endswith(f"granted: {ending}")


def test_CV41_the_scope_may_be_called_scopes_and_a_wrong_grant_type_has_its_own_words() -> None:
    one = tool("canvas")
    plural = one.ask_token(one.form(scope=None, scopes=SCORE))
    assert (plural.status, plural.json()["scope"]) == (200, SCORE)
    other = one.ask_token(one.form(grant_type="password"))
    assert (other.status, other.json()) == (
        400,
        {
            "error": "unsupported_grant_type",
            "error_description": "The grant_type you requested is not currently supported",
        },
    )


def test_CV42_whatever_is_wrong_with_the_signature_has_the_same_words() -> None:
    kid = tool("canvas")
    assert description(kid.ask_token(kid.form(kid.sign(kid.claims(aud="x"), kid="other")))) == (
        400,
        "JWS signature invalid.",
    )
    gone = tool("canvas")
    gone.platform.tool.key_set = None
    assert description(gone.ask_token()) == (400, "JWS signature invalid.")


@pytest.mark.parametrize(
    "token, words",
    [
        ("gibberish", "Invalid access token format"),
        ("a.b.c", "Access token invalid - signature likely incorrect"),
    ],
)
def test_CV43_a_bearer_that_is_none(token: str, words: str) -> None:
    one = tool("canvas")
    answer = one.platform.answer(Request("GET", one.items_url, (("Authorization", f"Bearer {token}"),)))
    assert (answer.status, message(answer)) == (401, words)


def test_CV43_a_token_may_stand_in_the_query_and_counts_for_its_tool() -> None:
    one = tool("canvas")
    answer = one.platform.answer(Request("GET", f"{one.items_url}?access_token={one.token}"))
    assert answer.status == 200
    assert one.platform.tool.client_id in one.platform.limiters
    assert one.platform.answer(Request("GET", f"{one.items_url}?access_token=x.y.z")).status == 401


def token_of(one: RawTool, origin: str, *, audience: str | None = None) -> str:
    """
    Ask for a token at some host.
    """
    path = one.platform.registration_args()["token_url"].removeprefix(one.platform.base_url)
    form = one.form(one.sign(one.claims(aud=audience or origin + path)))
    body = "&".join(f"{name}={value}" for name, value in form.items()).replace(" ", "%20").encode()
    answer = one.platform.answer(Request("POST", origin + path, FORM, body))
    assert answer.status == 200, answer
    return str(answer.json()["access_token"])


def test_CV44_a_token_serves_the_host_that_gave_it() -> None:
    one = tool("canvas")
    vanity = "https://canvas.school.example"
    token = {"Authorization": f"Bearer {token_of(one, vanity)}"}
    refused = one.platform.answer(one.request("GET", one.items_url, **token))
    assert (refused.status, message(refused)) == (401, "Invalid access token field/s: the 'aud' is invalid")
    at_home = one.items_url.replace(one.platform.base_url, vanity)
    answer = one.platform.answer(one.request("GET", at_home, **token))
    assert answer.status == 200
    assert answer.json()[0]["id"].startswith(one.platform.base_url), "ids are on the account's own host"
    assert one.platform.answer(one.request("GET", at_home)).status == 401


@pytest.mark.parametrize("host", ["sso.canvaslms.com", "canvas.instructure.com"])
def test_CV44_a_token_of_the_common_hosts_serves_everywhere(host: str) -> None:
    one = tool("canvas")
    token = token_of(one, f"https://{host}")
    assert one.platform.answer(one.request("GET", one.items_url, Authorization=f"Bearer {token}")).status == 200


def test_CV44_the_host_header_says_where_a_request_goes() -> None:
    one = tool("canvas")
    own = one.platform.base_url.partition("://")[2]
    assert one.platform.answer(one.request("GET", one.items_url, Host=own.upper())).status == 200
    assert one.platform.answer(one.request("GET", one.items_url, Host="other.example")).status == 401
    spec = tool("spec")
    assert spec.platform.answer(spec.request("GET", spec.items_url, Host="other.example")).status == 200


def test_an_access_token_is_good_for_an_hour() -> None:
    clock = ManualClock(START)
    one = tool("canvas", clock=clock)
    assert one.list().status == 200
    clock.advance(3600)
    assert message(one.list()) == "Access token expired"
