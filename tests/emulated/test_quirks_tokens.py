"""
The quirks of token endpoints and of bearer errors (rows T and A), each met on the platform that has it.
"""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import parse_qs

import attrs
import pytest

from aioags import ForbiddenError, GrantMalformedError, GrantRefusedError, LineItem, Registration, Scope, Score
from aioags.emulator import Exchange, Fault
from tests.rigs.lms import Lms, header_of, lms
from tests.rigs.memory import grades

pytestmark = pytest.mark.usefixtures("every_transport")


def form(exchange: Exchange) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs((exchange.request.body or b"").decode()).items()}


def claims(exchange: Exchange) -> dict[str, Any]:
    part = form(exchange)["client_assertion"].split(".")[1]
    fields: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return fields


def with_audience(stand: Lms, audience: str | None) -> Any:
    changed = attrs.evolve(stand.registration, audience=audience)
    assert isinstance(changed, Registration)
    return stand.client.gradebook(changed, stand.endpoint)


async def test_t1_moodle_sends_its_token_as_text_html() -> None:
    async with lms("moodle") as stand:
        await stand.gradebook.get_line_item()
        answer = stand.seen("token")[0].answer
        assert answer is not None
        assert str(answer.header("Content-Type")).startswith("text/html")


async def test_t2_brightspace_wants_an_audience_that_is_not_the_token_url() -> None:
    async with lms("brightspace") as stand:
        assert stand.registration.audience not in (None, stand.registration.token_url)
        assert [item async for item in stand.gradebook.line_items()] != []
        with pytest.raises(GrantRefusedError):
            await anext(with_audience(stand, None).line_items(), None)


async def test_t3_brightspace_breaks_on_a_list_of_audiences_so_one_string_is_sent() -> None:
    async with lms("brightspace") as stand:
        assert stand.platform.profile.audience_array == "crash"
        await anext(stand.gradebook.line_items(), None)
        assert claims(stand.seen("token")[0])["aud"] == stand.registration.audience


async def test_t4_canvas_compares_the_audience_byte_for_byte() -> None:
    async with lms("canvas") as stand:
        await stand.gradebook.get_line_item()
        assert claims(stand.seen("token")[0])["aud"] == stand.registration.token_url
        with pytest.raises(GrantRefusedError, match="aud"):
            await with_audience(stand, stand.registration.token_url + "/").get_line_item()


async def test_t5_sakai_wants_issuer_and_subject_and_never_the_same_jti() -> None:
    async with lms("sakai") as stand:
        stand.platform.faults.add(Fault.answer(503, operation="token", times=1))
        await stand.gradebook.get_line_item()
        stand.platform.tokens.revoke()
        await stand.gradebook.get_line_item()
        made = [claims(exchange) for exchange in stand.seen("token")]
        assert len(made) == 3
        assert len({claim["jti"] for claim in made}) == 3
        assert {claim["iss"] for claim in made} == {claim["sub"] for claim in made} == {stand.registration.client_id}


@pytest.mark.parametrize("profile, skew", [("moodle", -3.0), ("canvas", 200.0), ("sakai", 30.0)])
async def test_t6_clocks_differ_and_leeway_may_be_none(profile: str, skew: float) -> None:
    async with lms(profile) as stand:
        stand.platform.site.skew = skew
        await stand.gradebook.get_line_item()
        claim = claims(stand.seen("token")[0])
        assert claim["exp"] - claim["iat"] <= 300


async def test_t7_moodle_grants_a_part_in_silence() -> None:
    async with lms("moodle") as stand:
        stand.platform.tool.scopes = (Scope.SCORE, Scope.RESULT_READONLY, Scope.LINE_ITEM_READONLY)
        stand.offering()
        with pytest.raises(GrantRefusedError) as caught:
            await stand.gradebook.create_line_item(LineItem("Quiz", 10))
        assert caught.value.code == "insufficient_scope"
        assert not stand.seen("create_line_item")
        await stand.gradebook.post_score(grades(stand.platform.users())[0])
        assert len(stand.seen("token")) == 1


async def test_t7_open_edx_grants_nothing_as_an_empty_string() -> None:
    async with lms("openedx") as stand:
        stand.platform.tool.scopes = ()
        stand.offering()
        with pytest.raises(GrantRefusedError, match="no scope"):
            await stand.gradebook.get_line_item()


@pytest.mark.parametrize("profile", ["canvas", "sakai"])
async def test_t8_all_or_nothing_is_asked_once_for_what_the_call_needs(profile: str) -> None:
    async with lms(profile) as stand:
        stand.platform.tool.scopes = (Scope.SCORE,)
        stand.offering()
        report = await stand.gradebook.post_scores(grades(stand.platform.users()))
        assert report.ok
        asked = [form(exchange)["scope"].split() for exchange in stand.seen("token")]
        assert [len(scopes) for scopes in asked] == [4, 1]


async def test_t8_only_scopes_of_the_claim_are_asked_for() -> None:
    async with lms("canvas") as stand:
        stand.offering(Scope.SCORE)
        await stand.gradebook.post_score(grades(stand.platform.users())[0])
        assert form(stand.seen("token")[0])["scope"] == Scope.SCORE


@pytest.mark.parametrize("profile", ["moodle", "canvas"])
async def test_t9_the_scope_is_always_sent(profile: str) -> None:
    async with lms(profile) as stand:
        await stand.gradebook.get_line_item()
        assert form(stand.seen("token")[0])["scope"]


@pytest.mark.parametrize("profile", ["blackboard", "openedx", "moodle"])
async def test_t10_bearer_is_read_in_any_case_and_sent_in_one(profile: str) -> None:
    async with lms(profile) as stand:
        await stand.gradebook.get_line_item()
        assert str(header_of(stand.seen("get_line_item")[0], "Authorization")).startswith("Bearer ")


@pytest.mark.parametrize(
    "body, status",
    [
        (b'{\n  "error" : ""kid" invalid, unable to lookup correct key"\n}', 400),
        (b'{"error":"invalid_client","error_description":"unknown client"}', 401),
        (b"", 400),
        (b"<html>no</html>", 404),
    ],
    ids=["moodle-broken-json", "canvas-401", "nothing", "moodle-key-set"],
)
async def test_t11_a_refusal_is_read_in_any_shape(body: bytes, status: int) -> None:
    async with lms("moodle") as stand:
        stand.platform.faults.add(Fault.answer(status, body=body, operation="token"))
        with pytest.raises(GrantRefusedError) as caught:
            await stand.gradebook.get_line_item()
        assert caught.value.status == status
        assert not caught.value.transient


async def test_t11_moodle_says_with_a_404_page_that_it_cannot_read_the_key_set() -> None:
    async with lms("moodle") as stand:
        stand.platform.tool.key_set = None
        with pytest.raises(GrantRefusedError, match="key set"):
            await stand.gradebook.get_line_item()


async def test_t12_blackboard_counts_expires_in_down() -> None:
    async with lms("blackboard") as stand:
        await stand.gradebook.get_line_item()
        stand.time.now += 3000
        second = stand.client.gradebook(
            attrs.evolve(stand.registration, audience=stand.registration.token_url), stand.endpoint
        )
        await second.get_line_item()
        # The same token, with 600 s left: it is renewed before those have passed.
        stand.time.now += 590
        await second.get_line_item()
        assert all(exchange.answer and exchange.answer.status == 200 for exchange in stand.seen("get_line_item"))
        assert len(stand.seen("token")) == 3


async def test_t13_blackboard_limits_token_calls_so_one_serves_all() -> None:
    async with lms("blackboard", users=100) as stand:
        report = await stand.gradebook.post_scores(grades(stand.platform.users()))
        assert report.ok
        assert len(stand.seen("token")) == 1


async def test_t14_the_token_of_another_endpoint_is_named_as_such() -> None:
    async with lms("moodle") as stand:
        stand.platform.faults.add(Fault.answer(200, body=b'{"token":"abc","privatetoken":null}', operation="token"))
        with pytest.raises(GrantMalformedError, match="token URL for LTI"):
            await stand.gradebook.get_line_item()


@pytest.mark.parametrize("profile", ["openedx", "sakai"])
async def test_a1_a_bad_token_is_403_and_renewed_once(profile: str) -> None:
    async with lms(profile) as stand:
        await stand.gradebook.get_line_item()
        stand.platform.tokens.revoke()
        await stand.gradebook.get_line_item()
        statuses = [exchange.answer.status for exchange in stand.seen("get_line_item") if exchange.answer]
        assert statuses == [200, 403, 200]
        assert len(stand.seen("token")) == 2


@pytest.mark.parametrize("profile, status", [("canvas", 401), ("moodle", 401)])
async def test_a2_a_missing_scope_looks_like_a_bad_token_and_costs_one_renewal(profile: str, status: int) -> None:
    async with lms(profile) as stand:
        body = b'{"errors":{"type":"unauthorized","message":"Insufficient permissions"}}'
        stand.platform.faults.add(Fault.answer(status, body=body, operation="post_score"))
        scores = [Score.graded(user, 1, score_maximum=2) for user in stand.platform.users()]
        for score in scores:
            with pytest.raises(ForbiddenError):
                await stand.gradebook.post_score(score)
        assert len(stand.seen("token")) == 2
        assert len(stand.seen("post_score")) == len(scores) + 1


async def test_a3_canvas_answers_the_deletion_of_a_coupled_item_with_an_empty_401() -> None:
    async with lms("canvas") as stand:
        with pytest.raises(ForbiddenError):
            await stand.gradebook.delete_line_item(None, force=True)
        assert len(stand.seen("delete_line_item")) == 2
        assert len(stand.platform.line_items()) == 1
