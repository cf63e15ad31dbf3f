"""
Case 26: an LMS under development speaks http, such as ``http://moodle:8080`` of a docker compose. One knob lets it.
"""

from __future__ import annotations

import logging

import pytest

from aioags import Client, Endpoint, Registration, Scope, Score, UntrustedURLError
from aioags.calls.public_only import PublicTransport
from aioags.errors import RegistrationRefusedError
from aioags.launch import ToolSettings, read_launch
from aioags.launch.registering.platform import read_configuration, request_configuration
from aioags.memberships import Memberships
from aioags.protocol.grants import request_token
from aioags.protocol.messages import Request
from tests.adversity.test_public_only import House, answers, house
from tests.fakes import PaperPlatform, answer, private_key
from tests.launch.paper_lms import TOOL, launch_claims
from tests.launch.registering.paper import configuration

__all__ = ["house"]

MOODLE = "http://moodle:8080"
VARIABLE = "AIOAGS_HTTP_ORIGINS"


def moodle(host: str = MOODLE) -> Registration:
    """
    Return a registration with an LMS of http.
    """
    return Registration(
        *(host, "tool-1", f"{host}/token", private_key()),
        authorization_url=f"{host}/auth",
        jwks_url=f"{host}/jwks",
    )


def test_without_the_knob_it_is_refused_and_the_knob_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(ValueError, match=f"_url must be https, or http to loopback .*{VARIABLE}"):
        moodle()


async def test_with_it_everything_of_this_origin_is_asked_by_http(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, f"http://other, {MOODLE}")
    platform = PaperPlatform([answer(200), answer(200, {"members": []}), answer(200, {})])
    registered = moodle()
    client = platform.client()
    gradebook = client.gradebook(
        Registration("i", "c", "https://lms.example/token", private_key(), also_origins=[MOODLE]),
        Endpoint(f"{MOODLE}/items", f"{MOODLE}/items/7", list(Scope)),
    )
    await gradebook.post_score(Score.graded("ada", 1, score_maximum=1))
    told = Registration("i", "c", "https://lms.example/token", private_key())
    assert [one async for one in client.memberships(Memberships(told, f"{MOODLE}/members"))] == []
    await client.service(told, f"{MOODLE}/groups", scopes=["scope"]).request("GET")
    assert [request.url for request in platform.sent] == [
        f"{MOODLE}/{path}" for path in ("items/7/scores", "members", "groups")
    ]
    asked = request_token(registered, frozenset(Scope), wall=lambda: 0.0, new_jti=lambda: "1")
    assert asked.request.url == f"{MOODLE}/token"


def test_a_launch_and_a_dynamic_registration_may_be_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, MOODLE)
    settings = ToolSettings(registrations=[moodle()], redirect_uri=f"{TOOL}/launch")
    return_url = {"deep_link_return_url": f"{MOODLE}/return", "accept_types": ["ltiResourceLink"]}
    claims = launch_claims("n", message_type="LtiDeepLinkingRequest")
    claims["https://purl.imsglobal.org/spec/lti-dl/claim/deep_linking_settings"] = return_url
    assert read_launch(claims, moodle(), settings).deep_linking is not None
    url = f"{MOODLE}/openid-configuration"
    assert request_configuration(url).url == url
    read = read_configuration(answer(200, configuration(MOODLE)), url, {})
    assert (read.token_url, read.jwks_url) == (f"{MOODLE}/token", f"{MOODLE}/jwks")
    with pytest.raises(RegistrationRefusedError, match="jwks_uri"):
        read_configuration(answer(200, configuration(MOODLE, jwks_uri="http://moodle:9/jwks")), url, {})


@pytest.mark.parametrize("other", ["http://moodle", "http://moodle:8081", "http://moodle.example:8080", "http://moodl"])
def test_it_is_that_origin_and_no_other(monkeypatch: pytest.MonkeyPatch, other: str) -> None:
    monkeypatch.setenv(VARIABLE, MOODLE)
    with pytest.raises(ValueError, match="must be https"):
        moodle(other)


async def test_the_token_of_one_goes_to_no_other_origin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, f"{MOODLE},http://canvas")
    gradebook = PaperPlatform().client().gradebook(moodle(), Endpoint(f"{MOODLE}/items", None, list(Scope)))
    with pytest.raises(UntrustedURLError, match="also_origins"):
        await gradebook.get_line_item("http://canvas/items/7")


@pytest.mark.parametrize(
    "origin",
    [
        *("http://moodle", "http://MOODLE:8080", "http://lms.local", "http://lms.test:81", "http://a.localhost"),
        *("http://host.docker.internal:8000", "http://10.1.2.3", "http://192.168.0.9:8000", "http://172.17.0.1"),
        *("http://127.0.0.1", "http://[fd00::1]:8080", "http://[::1]"),
    ],
)
def test_names_of_ones_own_network_and_private_addresses_may_stand_in_it(
    monkeypatch: pytest.MonkeyPatch, origin: str
) -> None:
    monkeypatch.setenv(VARIABLE, origin)
    assert moodle(origin).token_url == f"{origin}/token"


@pytest.mark.parametrize(
    "wrong, said",
    [
        ("http://lms.example", "must be asked by https"),
        ("http://moodle.internal", "must be asked by https"),
        ("http://metadata.google.internal", "must be asked by https"),
        ("http://93.184.216.34", "must be asked by https"),
        ("http://169.254.169.254", "must be asked by https"),
        ("http://[fe80::1]", "must be asked by https"),
        ("http://100.64.0.1", "must be asked by https"),
        ("http://0.0.0.0", "must be asked by https"),
        ("https://moodle", "must hold origins"),
        ("http://moodle/", "must hold origins"),
        ("http://moodle:8080/lms", "must hold origins"),
        ("http://u:secret@moodle", "must hold origins"),
        ("http://moodle:port", "must hold origins"),
        ("http://", "must hold origins"),
        ("moodle:8080", "must hold origins"),
        ("*", "must hold origins"),
        ("1", "must hold origins"),
        ("http://moodle http://canvas", "must hold origins"),
    ],
)
async def test_anything_else_is_refused_in_a_sentence_when_a_client_starts(
    monkeypatch: pytest.MonkeyPatch, wrong: str, said: str
) -> None:
    monkeypatch.setenv(VARIABLE, f"{MOODLE},{wrong}")
    with pytest.raises(ValueError, match=f"{VARIABLE} .*{said}") as caught:
        Client()
    assert "secret" not in str(caught.value)


async def test_a_client_warns_at_its_start(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "aioags"):
        monkeypatch.delenv(VARIABLE, raising=False)
        Client()
        assert caplog.records == []
        monkeypatch.setenv(VARIABLE, f"{MOODLE}, http://canvas")
        Client()
    (record,) = caplog.records
    assert VARIABLE in record.getMessage()
    assert "http://canvas:80, http://moodle:8080" in record.getMessage()


async def test_what_a_dynamic_registration_fetches_may_be_inside(monkeypatch: pytest.MonkeyPatch, house: House) -> None:
    transport = PublicTransport(resolve=answers(["127.0.0.1"]))
    url = f"http://moodle:{house.port}/"
    monkeypatch.setenv(VARIABLE, "http://moodle:1")
    with pytest.raises(UntrustedURLError):
        await transport.check(url)
    with pytest.raises(UntrustedURLError):
        await transport.send(Request("GET", url))
    monkeypatch.setenv(VARIABLE, f"http://moodle:{house.port},http://127.0.0.1:{house.port}")
    await transport.check(url)
    for host in ("moodle", "127.0.0.1"):
        assert (await transport.send(Request("GET", f"http://{host}:{house.port}/"))).status == 200
    await transport.aclose()
