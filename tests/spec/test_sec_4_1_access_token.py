"""
SEC 4.1, 4.1.1, 5.4, 6; CORE 6.2: asking for an access token, and living with the answer.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

import pytest
from joserfc import jwt

from aioags import GrantMalformedError, GrantRefusedError, Registration, Scope, Score
from aioags.protocol.messages import Request, Response
from tests.fakes import TOKEN_URL, WALL, PaperPlatform, answer, endpoint, header, private_key, registration

SCORE = Score.cleared("u1")


async def asked(platform: PaperPlatform, **fields: Any) -> Request:
    """
    Post a score with a new client, and return the token request that it took.
    """
    platform.script = [answer(204)]
    await platform.client().gradebook(registration(**fields), endpoint()).post_score(SCORE)
    return platform.token_requests[-1]


def form(request: Request) -> dict[str, list[str]]:
    """
    Read the form that was sent.
    """
    return parse_qs((request.body or b"").decode(), strict_parsing=True)


def assertion(request: Request) -> jwt.Token:
    """
    Verify the assertion as a platform does: with the public key alone.
    """
    public = type(private_key()).import_key(private_key().as_dict(private=False))
    return jwt.decode(form(request)["client_assertion"][0], public, algorithms=["RS256"])


async def test_4_1_the_request_is_a_form_post_without_a_credential(platform: PaperPlatform) -> None:
    request = await asked(platform)
    assert (request.method, request.url) == ("POST", TOKEN_URL)
    assert header(request, "Content-Type") == ["application/x-www-form-urlencoded"]
    assert header(request, "Accept") == ["application/json"]
    # The HTTP Basic variant of 4.1 is not for LTI.
    assert header(request, "Authorization") == []


async def test_4_1_the_four_parameters_each_once(platform: PaperPlatform) -> None:
    fields = form(await asked(platform))
    assert fields.keys() == {"grant_type", "client_assertion_type", "client_assertion", "scope"}
    assert {len(values) for values in fields.values()} == {1}
    assert fields["grant_type"] == ["client_credentials"]
    assert fields["client_assertion_type"] == ["urn:ietf:params:oauth:client-assertion-type:jwt-bearer"]
    assert fields["scope"] == [" ".join(sorted(Scope))]


async def test_4_1_1_the_compulsory_claims(platform: PaperPlatform) -> None:
    claims = assertion(await asked(platform)).claims
    assert claims.keys() == {"iss", "sub", "aud", "iat", "exp", "jti"}
    assert (claims["iss"], claims["sub"], claims["aud"]) == ("tool-1", "tool-1", TOKEN_URL)
    assert WALL - 300 <= claims["iat"] <= WALL < claims["exp"] <= WALL + 300
    assert claims["jti"]


async def test_4_1_1_the_audience_is_agreed_out_of_band(platform: PaperPlatform) -> None:
    claims = assertion(await asked(platform, audience="https://api.brightspace.com/auth/token")).claims
    assert claims["aud"] == "https://api.brightspace.com/auth/token"


async def test_4_1_1_an_id_is_never_used_twice(platform: PaperPlatform) -> None:
    ids = {assertion(await asked(platform)).claims["jti"] for _ in range(20)}
    assert len(ids) == 20


async def test_core_6_2_1_the_deployment_is_sent_when_it_is_known(platform: PaperPlatform) -> None:
    claims = assertion(await asked(platform, deployment_id="7")).claims
    assert claims["https://purl.imsglobal.org/spec/lti/claim/deployment_id"] == "7"


async def test_5_4_6_1_6_3_the_header_names_the_key_and_carries_none(platform: PaperPlatform) -> None:
    header_ = assertion(await asked(platform)).header
    assert header_ == {"typ": "JWT", "alg": "RS256", "kid": "tool-key-1"}


async def test_6_3_a_key_without_an_id_gets_its_thumbprint(platform: PaperPlatform) -> None:
    pem = private_key().as_pem(private=True).decode()
    assert assertion(await asked(platform, key=pem)).header["kid"] == private_key().thumbprint()


def test_sec_3_a_token_url_is_https() -> None:
    with pytest.raises(ValueError, match="token_url must be https"):
        registration(token_url="http://lms.example/token")
    with pytest.raises(ValueError, match="token_url must be an absolute URL"):
        Registration("https://lms.example", "tool-1", "/token", private_key())


async def test_4_1_a_token_is_reused_until_it_ends_and_then_asked_for_anew(platform: PaperPlatform) -> None:
    gradebook = platform.gradebook()
    platform.script = [answer(204)] * 3
    await gradebook.post_score(SCORE)
    platform.time.now = 3500.0
    await gradebook.post_score(SCORE)
    assert len(platform.token_requests) == 1
    platform.time.now = 3590.0
    await gradebook.post_score(SCORE)
    assert len(platform.token_requests) == 2
    # There is no refresh token in this grant: the whole request again, signed anew.
    first, second = (assertion(request).claims for request in platform.token_requests)
    assert first["jti"] != second["jti"]
    assert second["iat"] - first["iat"] == 3590


async def test_4_1_a_subset_of_the_scopes_serves_what_it_covers(platform: PaperPlatform) -> None:
    platform.granted = [Scope.RESULT_READONLY]
    platform.script = [answer(200, [])]
    gradebook = platform.gradebook()
    assert await gradebook.get_result("u1") is None
    with pytest.raises(GrantRefusedError, match=r"granted result\.readonly, not score"):
        await gradebook.post_score(SCORE)


async def test_7_1_a_token_is_not_tied_to_a_context(platform: PaperPlatform) -> None:
    platform.script = [answer(204), answer(204)]
    client = platform.client()
    for course in (2, 3):
        item = f"https://lms.example/{course}/lineitems/7"
        await client.gradebook(registration(), endpoint(f"https://lms.example/{course}/lineitems", item)).post_score(
            SCORE
        )
    assert len(platform.token_requests) == 1


class Refusing(PaperPlatform):
    """
    A platform whose token endpoint answers something else.
    """

    answers: list[Response]

    async def send(self, request: Request) -> Response:
        """
        Answer a token request with the next of the answers.
        """
        if request.url != TOKEN_URL:
            return await super().send(request)
        self.token_requests.append(request)
        return self.answers.pop(0)


def refusing(*answers: Response) -> Refusing:
    """
    Return a platform that answers token requests so.
    """
    platform = Refusing()
    platform.answers = list(answers)
    return platform


@pytest.mark.parametrize("status", [400, 401])
async def test_4_1_a_refusal_names_the_error_code(status: int) -> None:
    platform = refusing(answer(status, {"error": "invalid_client", "error_description": "unknown client"}))
    with pytest.raises(GrantRefusedError, match="unknown client") as caught:
        await platform.gradebook().post_score(SCORE)
    assert (caught.value.code, caught.value.status, caught.value.recorded) == ("invalid_client", status, False)
    assert (platform.sent, platform.answers) == ([], [])


async def test_t8_a_scope_that_is_refused_is_left_out_once() -> None:
    good = {"access_token": "token-1", "token_type": "bearer", "expires_in": 3600, "scope": Scope.SCORE}
    platform = refusing(answer(400, {"error": "invalid_scope"}), answer(200, good))
    platform.script = [answer(204)]
    await platform.gradebook().post_score(SCORE)
    assert form(platform.token_requests[1])["scope"] == [Scope.SCORE]
    assert header(platform.sent[0], "Authorization") == ["Bearer token-1"]


async def test_t5_a_broken_token_endpoint_is_asked_again_with_another_assertion() -> None:
    good = {"access_token": "token-1", "token_type": "Bearer"}
    platform = refusing(answer(500), answer(429, b"", ("Retry-After", "2")), answer(200, good))
    platform.script = [answer(204)]
    await platform.gradebook().post_score(SCORE)
    ids = [assertion(request).claims["jti"] for request in platform.token_requests]
    assert len(set(ids)) == 3


@pytest.mark.parametrize("body", [b"", "<html>", {"token": "x"}, {"access_token": ""}])
async def test_4_1_a_success_without_a_token_is_an_error(body: Any) -> None:
    with pytest.raises(GrantMalformedError) as caught:
        await refusing(*[answer(200, body)] * 2).gradebook().post_score(SCORE)
    assert caught.value.recorded is False
