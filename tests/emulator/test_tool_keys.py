"""
A tool that made its own keys: registered by URL or by file, from Python, the command line and the back door.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from aioags import Client, Endpoint, Registration, Score
from aioags.emulator import InMemoryTransport, Platform, serve
from aioags.emulator.site.keys import KeyPair
from tests.emulator.command import command, run_to_its_end
from tests.emulator.raw_tool import RawTool, tool

ONE, TWO = (KeyPair.of(RSAKey.generate_key(2048, private=True)) for _ in range(2))
PUBLIC_PEM = ONE.key.as_pem(private=False).decode()
PUBLIC_JWK = next(iter(ONE.public_set.as_dict()["keys"]))
EVERY_FORM = {
    "pem": PUBLIC_PEM,
    "jwk": json.dumps(PUBLIC_JWK),
    "key set": json.dumps({"keys": [PUBLIC_JWK]}),
}
PRIVATE = {
    "pem": ONE.pem,
    "jwk": json.dumps(ONE.private_jwk),
    "key set": json.dumps({"keys": [PUBLIC_JWK, ONE.private_jwk]}),
}


def form(platform: Platform, pair: KeyPair, *, kid: str | None = None) -> dict[str, str]:
    """
    Sign the request of an access token with one of the tool's own keys.
    """
    one = RawTool(platform)
    return one.form(one.sign(one.claims(), key=pair.key, kid=kid or pair.kid))


@asynccontextmanager
async def published(*pairs: KeyPair, **answer: Any) -> AsyncIterator[tuple[str, list[KeyPair], list[str]]]:
    """
    Publish keys on loopback; yield the URL, the keys, which may be changed, and a record of who asked.
    """
    keys, asked = list(pairs), list[str]()

    async def key_set(request: web.Request) -> web.Response:
        asked.append(request.path)
        odd = {"kty": "of another world", "kid": "odd"}
        body = {"keys": [odd, *(jwk for pair in keys for jwk in pair.public_set.as_dict()["keys"])]}
        return web.Response(**(answer or {"text": json.dumps(body), "content_type": "application/json"}))

    app = web.Application()
    app.router.add_get("/lti/jwks", key_set)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        port = runner.addresses[0][1]
        yield f"http://127.0.0.1:{port}/lti/jwks", keys, asked
    finally:
        await runner.cleanup()


async def ask_token(platform: Platform, fields: dict[str, str]) -> tuple[int, str]:
    """
    Ask a platform on a socket for an access token.
    """
    async with (
        aiohttp.ClientSession() as session,
        session.post(platform.registration_args()["token_url"], data=fields) as answer,
    ):
        return answer.status, await answer.text()


@pytest.mark.parametrize("profile", ["spec", "moodle", "canvas", "brightspace"])
@pytest.mark.parametrize("given", EVERY_FORM.values(), ids=list(EVERY_FORM))
def test_a_public_key_in_any_form_verifies_what_its_tool_signs(profile: str, given: str) -> None:
    one = tool(profile)
    one.platform.register_keys(public_keys=given)
    assert one.ask_token(form(one.platform, TWO)).status >= 400
    assert one.ask_token(form(one.platform, ONE)).status == 200
    # One key was agreed on: the platform was never told what the tool calls it.
    assert one.ask_token(form(one.platform, ONE, kid="the-tools-own-name")).status == 200


def test_of_several_public_keys_the_kid_says_which() -> None:
    one = tool()
    both = {"keys": [*ONE.public_set.as_dict()["keys"], *TWO.public_set.as_dict()["keys"]]}
    one.platform.register_keys(public_keys=both)
    assert [one.ask_token(form(one.platform, pair)).status for pair in (ONE, TWO)] == [200, 200]
    assert one.ask_token(form(one.platform, ONE, kid=TWO.kid)).status == 400
    assert one.ask_token(form(one.platform, ONE, kid="another")).status == 400


def test_the_emulator_has_no_key_to_give_away_and_keeps_the_tools_after_a_reset() -> None:
    platform = Platform.create(tool_public_keys=PUBLIC_PEM)
    assert "key" not in platform.registration_args()
    platform.reset()
    assert "key" not in platform.registration_args()
    assert RawTool(platform).ask_token(form(platform, ONE)).status == 200


@pytest.mark.parametrize("given", PRIVATE.values(), ids=list(PRIVATE))
def test_a_private_key_is_refused_in_words_that_do_not_quote_it(given: str) -> None:
    platform = Platform.create()
    with pytest.raises(ValueError, match="a private key: keep it to yourself, and give the public half") as refused:
        platform.register_keys(public_keys=given)
    assert ONE.private_jwk["d"] not in str(refused.value) and refused.value.__cause__ is None
    assert "key" in platform.registration_args()


@pytest.mark.parametrize(
    "given, says",
    [
        ("", "neither PEM text"),
        ("-----BEGIN PUBLIC KEY-----\nnonsense\n-----END PUBLIC KEY-----", "neither PEM text"),
        ("[]", "neither PEM text"),
        ('{"kty": "RSA"}', "neither PEM text"),
        ('{"keys": []}', "holds no key that can be used"),
        (json.dumps(OctKey.import_key("secret" * 8).as_dict()), "a shared secret"),
    ],
)
def test_what_is_no_public_key_is_refused_in_words(given: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Platform.create(tool_public_keys=given)


@pytest.mark.parametrize("both", [{}, {"jwks_url": "http://127.0.0.1/jwks", "public_keys": PUBLIC_PEM}])
def test_a_url_or_keys_and_not_both(both: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="either the URL"):
        Platform.create().register_keys(**both)


def test_an_elliptic_key_is_a_public_key_too() -> None:
    pair = KeyPair.of(ECKey.generate_key("P-256", private=True))
    one = tool("openedx")
    one.platform.register_keys(public_keys=pair.key.as_pem(private=False).decode())
    assert [key.key_type for key in one.platform.tool.key_set.keys] == ["EC"]


@pytest.mark.parametrize("profile", ["spec", "moodle", "canvas"])
async def test_keys_at_a_url_are_fetched_once_and_again_for_a_new_kid(profile: str) -> None:
    async with published(ONE) as (url, keys, asked), serve(Platform.create(profile, tool_jwks_url=url)) as server:
        platform = server.platform
        assert asked == []
        for _ in range(2):
            assert (await ask_token(platform, form(platform, ONE)))[0] == 200
        assert len(asked) == 1
        keys[:] = [TWO]
        assert (await ask_token(platform, form(platform, TWO)))[0] == 200
        assert len(asked) == 2
        # The old key is no longer published.
        assert (await ask_token(platform, form(platform, ONE)))[0] >= 400


async def test_what_is_asked_beside_tokens_fetches_no_keys() -> None:
    async with published(ONE) as (url, _, asked), serve(Platform.create(tool_jwks_url=url)) as server:
        for fields in (
            {},
            {"client_assertion": "x"},
            {"client_assertion": "e30.e30.x"},
            {"client_assertion": "W10.W10"},
        ):
            assert (await ask_token(server.platform, fields))[0] == 400
        assert asked == []


async def test_keys_that_cannot_be_fetched_are_told_in_the_refusal() -> None:
    async with published(status=503, text="later") as (url, _, _), serve(Platform.create(tool_jwks_url=url)) as server:
        status, text = await ask_token(server.platform, form(server.platform, ONE))
        assert (status, f"{url}: it answered 503" in text) == (400, True)
    async with serve(Platform.create(tool_jwks_url=url)) as server:
        status, text = await ask_token(server.platform, form(server.platform, ONE))
        assert status == 400 and "Cannot connect" in text
        # What was known stays known while the tool is away.
        server.platform.tool.key_set = ONE.public_set
        assert (await ask_token(server.platform, form(server.platform, ONE)))[0] == 200


async def test_a_tool_that_publishes_its_private_key_is_told_so() -> None:
    answer = {"text": PRIVATE["key set"], "content_type": "application/json"}
    async with published(**answer) as (url, _, _), serve(Platform.create(tool_jwks_url=url)) as server:
        status, text = await ask_token(server.platform, form(server.platform, ONE))
        assert status == 400 and "it holds a private key" in text


async def test_a_client_in_the_same_process_finds_its_keys_at_their_url() -> None:
    async with published(ONE) as (url, _, asked):
        platform = Platform.create(tool_jwks_url=url)
        registration = Registration(**platform.registration_args(), key=ONE.pem)
        async with Client(transport=InMemoryTransport(platform)) as client:
            gradebook = client.gradebook(registration, Endpoint.from_claim(platform.endpoint_claim()))
            await gradebook.post_score(Score.graded(platform.users()[0], 8, score_maximum=10))
        assert len(asked) == 1


async def test_the_answer_to_deep_linking_is_verified_with_the_keys_at_the_url() -> None:
    async with published(ONE) as (url, _, _), serve(Platform.create(tool_jwks_url=url)) as server:
        platform = server.platform
        claims = {"iss": platform.tool.client_id, "aud": platform.base_url}
        signed = jwt.encode({"alg": "RS256", "kid": ONE.kid}, claims, ONE.key)
        async with (
            aiohttp.ClientSession() as session,
            session.post(platform.launches.page_url + "/links", data={"JWT": signed}) as answer,
        ):
            text = await answer.text()
        # Past the signature, at the claims.
        assert "exp must be a number ahead" in text


async def test_the_back_door_registers_keys() -> None:
    async with published(ONE) as (url, _, _), serve(Platform.create()) as server, aiohttp.ClientSession() as session:
        door = server.url + "/control/keys"
        async with session.get(door) as answer:
            shown = await answer.json()
            assert (shown["owned_by_tool"], shown["jwks_url"], len(shown["kids"])) == (False, None, 1)
        for given in ({"public_key": PUBLIC_PEM}, {"public_key": PUBLIC_JWK}, {"jwks_url": url}):
            async with session.post(door, json=given) as answer:
                assert answer.status == 200
                assert (await answer.json())["owned_by_tool"] is True
            assert (await ask_token(server.platform, form(server.platform, ONE)))[0] == 200
        async with session.get(server.url + "/control") as answer:
            assert "key" not in await answer.json()
        for wrong in ({}, {"public_key": ONE.pem}, {"public_key": 5}, {"jwks_url": "x"}, {"jwks_url": url, "else": 1}):
            async with session.post(door, json=wrong) as answer:
                text = await answer.text()
                assert answer.status == 400 and "PRIVATE" not in text


@pytest.mark.parametrize("given", EVERY_FORM.values(), ids=list(EVERY_FORM))
async def test_the_command_takes_a_file_of_public_keys(given: str, tmp_path: Path) -> None:
    file = tmp_path / "public"
    file.write_text(given, encoding="utf-8")
    async with command("--tool-public-key", str(file)) as (_, shown), aiohttp.ClientSession() as session:
        assert "key" not in shown
        await session.post(shown["control_url"] + "/reset", json={})
        fields = form(Platform.create(base_url=shown["issuer"]), ONE)
        async with session.post(shown["token_url"], data=fields) as answer:
            assert answer.status == 200


async def test_the_command_takes_the_url_of_a_key_set_and_tells_a_kept_tool(tmp_path: Path) -> None:
    database = ("--db", str(tmp_path / "state.sqlite3"))
    async with command(*database) as (_, shown):
        assert "key" in shown
    async with published(ONE) as (url, _, asked):
        for arguments in (("--tool-jwks", url), ()):
            async with command(*database, *arguments) as (_, shown), aiohttp.ClientSession() as session:
                assert "key" not in shown
                fields = form(Platform.create(base_url=shown["issuer"]), ONE)
                async with session.post(shown["token_url"], data=fields) as answer:
                    assert answer.status == 200
        # The second one had it from the file.
        assert len(asked) == 1


@pytest.mark.parametrize(
    "content, says",
    [(ONE.pem, "it is a private key"), ("nonsense", "neither PEM text"), (b"\xff", "no UTF-8"), (None, "cannot read")],
)
async def test_a_file_that_is_no_public_key_is_one_clear_line(content: Any, says: str, tmp_path: Path) -> None:
    file = tmp_path / "key"
    if content is not None:
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    status, _, err = await run_to_its_end("--tool-public-key", str(file))
    assert (status, err.count("\n")) == (2, 1)
    assert says in err and str(file) in err


async def test_a_url_and_a_file_are_not_both_taken() -> None:
    status, _, err = await run_to_its_end("--tool-jwks", "http://127.0.0.1/jwks", "--tool-public-key", "x")
    assert status == 2 and "not allowed with argument" in err
