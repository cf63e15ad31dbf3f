"""
Two schools host the same product: same issuer, same client id, keys of their own. The registration that a login chose
stays the registration of that login.
"""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc.jwk import RSAKey

from aioags import Client, Endpoint, Registration, Runtime, Score
from aioags.emulator import ManualClock, Platform
from aioags.emulator.doors.in_memory import InMemoryTransport
from aioags.emulator.site.clock import Clock
from aioags.emulator.site.keys import KeyPair
from aioags.errors import IdTokenRefusedError, LaunchError, UnregisteredError
from aioags.launch import Launch, Login, MemoryLoginStore, Tool, ToolSettings, deep_linking_response
from aioags.protocol.messages import Request, Response
from tests.fakes import WALL, PaperTime, private_key
from tests.launch.paper_lms import (
    DL,
    GONE,
    REDIRECT,
    TOOL,
    launch_claims,
    platform_key,
    public,
    sign,
    without_gone,
)
from tests.launch.surfer import Page

ISSUER = "https://vendor.example"
KEYS = {name: platform_key(f"key-of-{name}") for name in "abc"}


def school(name: str, **changes: Any) -> Registration:
    """
    Return a school's registration, as in case 1.
    """
    fields: dict[str, Any] = {
        "token_url": f"https://{name}.example/token",
        "deployment_id": f"{name}:1",
        "authorization_url": f"https://{name}.example/auth",
        "jwks_url": f"https://{name}.example/jwks",
    }
    return Registration(ISSUER, "1001", key=private_key(), **(fields | changes))


@attrs.define
class Schools:
    """
    One tool, the schools that launch it, and a browser.

    Attributes:
        asked: Key sets that were fetched, in order.
    """

    registrations: list[Registration]
    asked: list[str] = attrs.field(factory=list)
    cookies: dict[str, str] = attrs.field(factory=dict)
    store: MemoryLoginStore = attrs.field(factory=MemoryLoginStore)
    tool: Tool = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        chosen = ToolSettings(registrations=self.registrations, redirect_uri=REDIRECT, store=self.store)
        self.tool = Tool(chosen, self, runtime=PaperTime().runtime())

    async def send(self, request: Request) -> Response:
        """
        Serve the key set of the school whose host is asked.
        """
        self.asked.append(request.url)
        key = KEYS[request.url.removeprefix("https://")[0]]
        return Response(200, "OK", (), json.dumps({"keys": public(key)}).encode())

    async def aclose(self) -> None:
        """
        Nothing to close.
        """

    async def login(self, *, registration: Registration | None = None, **changes: Any) -> Login:
        """
        Begin a login.
        """
        said = {"iss": ISSUER, "client_id": "1001", "login_hint": "7", "target_link_uri": f"{TOOL}/quiz"} | changes
        login = await self.tool.login(without_gone(said), registration=registration)
        self.cookies[login.cookie.name] = login.cookie.value
        return login

    async def post(self, login: Login, key_of: str, deployment_id: str, **changes: Any) -> Launch:
        """
        Post a launch that a school's key has signed.
        """
        claims = launch_claims(login.pending.nonce, iss=ISSUER, aud="1001", deployment_id=deployment_id, **changes)
        form = {"state": login.state, "id_token": sign(claims, KEYS[key_of])}
        return await self.tool.launch(form, self.cookies)


@pytest.mark.parametrize("name", ["a", "b"])
@pytest.mark.parametrize("spelling", ["lti_deployment_id", "deployment_id"])
async def test_case_1_each_school_launches_with_its_own_keys(name: str, spelling: str) -> None:
    known = [school("a"), school("b")]
    schools = Schools(known)
    login = await schools.login(**{spelling: f"{name}:1"})
    assert login.url.startswith(f"https://{name}.example/auth?")
    launch = await schools.post(login, name, f"{name}:1")
    assert launch.registration is known["ab".index(name)]
    assert schools.asked == [f"https://{name}.example/jwks"]


async def test_case_1_a_login_that_fits_both_is_refused_and_says_what_to_do() -> None:
    schools = Schools([school("a"), school("b")])
    with pytest.raises(UnregisteredError, match=r"ambiguous.*a login URL or redirect URI of its own") as caught:
        await schools.login()
    assert caught.value.reason == "registration"
    assert "lti_deployment_id" in str(caught.value)
    with pytest.raises(UnregisteredError, match="ambiguous"):
        await schools.login(client_id=GONE)


@pytest.mark.parametrize("deployment_id", [None, "1"])
async def test_case_1_a_deployment_that_both_have_tells_nothing(deployment_id: str | None) -> None:
    schools = Schools([school(name, deployment_id=deployment_id) for name in "ab"])
    with pytest.raises(UnregisteredError, match="ambiguous"):
        await schools.login(lti_deployment_id="1")


@pytest.mark.parametrize("deployment_id", [None, "1"])
async def test_case_1_a_login_url_for_each_school_tells(deployment_id: str | None) -> None:
    known = [school(name, deployment_id=deployment_id) for name in "ab"]
    schools = Schools(known)
    for name, registration in zip("ab", known, strict=True):
        login = await schools.login(registration=attrs.evolve(registration))
        assert login.url.startswith(f"https://{name}.example/auth?")
        assert (await schools.post(login, name, "1")).registration is registration


async def test_case_1_the_other_school_s_signature_is_not_believed() -> None:
    schools = Schools([school("a"), school("b")])
    for deployment_id in ("a:1", "b:1"):
        login = await schools.login(lti_deployment_id="b:1")
        with pytest.raises(IdTokenRefusedError) as caught:
            await schools.post(login, "a", deployment_id)
        assert caught.value.reason == "kid"
    assert "https://a.example/jwks" not in schools.asked


async def test_case_1_the_other_school_s_deployment_is_refused() -> None:
    schools = Schools([school("a", deployment_id=None), school("b"), school("b", deployment_id=None)])
    login = await schools.login(registration=schools.registrations[0])
    assert (await schools.post(login, "a", "a:9")).registration is schools.registrations[0]
    # That a takes any deployment makes no deployment of b its own.
    login = await schools.login(registration=schools.registrations[0])
    with pytest.raises(UnregisteredError, match="not registered") as caught:
        await schools.post(login, "a", "b:1")
    assert caught.value.reason == "deployment_id"


async def test_deployments_that_share_authorization_url_and_keys_are_one_platform() -> None:
    known = [school("a"), school("a", deployment_id="a:2"), school("a", deployment_id=None)]
    schools = Schools(known)
    for deployment_id, expected in (("a:1", known[0]), ("a:2", known[1]), ("a:3", known[2])):
        assert (await schools.post(await schools.login(), "a", deployment_id)).registration is expected


async def test_one_authorization_url_with_two_key_sets_is_two_platforms() -> None:
    schools = Schools([school("a"), school("a", deployment_id="a:2", jwks_url="https://c.example/jwks")])
    with pytest.raises(UnregisteredError, match="ambiguous"):
        await schools.login()
    login = await schools.login(lti_deployment_id="a:2")
    assert (await schools.post(login, "c", "a:2")).registration is schools.registrations[1]


async def test_a_login_url_of_one_school_takes_no_login_of_another() -> None:
    known = [school("a"), school("b"), school("c", deployment_id="c:1")]
    schools = Schools(known[:2])
    with pytest.raises(UnregisteredError, match="another school's login URL"):
        await schools.login(registration=known[2])
    with pytest.raises(UnregisteredError, match="another school's login URL"):
        await schools.login(registration=known[0], iss="https://other.example")
    with pytest.raises(UnregisteredError, match="deployment 'b:1' is not registered"):
        await schools.login(registration=known[0], lti_deployment_id="b:1")


async def test_a_login_url_of_one_deployment_takes_no_launch_of_another() -> None:
    schools = Schools([school("a"), school("a", deployment_id="a:2")])
    login = await schools.login(registration=schools.registrations[0])
    with pytest.raises(IdTokenRefusedError) as caught:
        await schools.post(login, "a", "a:2")
    assert caught.value.reason == "deployment_id"


@pytest.mark.parametrize(
    "changes", [{"jwks_url": "https://b.example/jwks"}, {"authorization_url": "https://b.example/auth"}]
)
async def test_a_registration_that_changed_meanwhile_takes_no_launch(changes: dict[str, Any]) -> None:
    schools = Schools([school("a")])
    login = await schools.login()
    later = Schools([school("a", **changes)], store=schools.store, cookies=schools.cookies)
    with pytest.raises(UnregisteredError, match="jwks_url that this login began with"):
        await later.post(login, "a", "a:1")
    assert later.asked == []


async def test_one_deployment_that_is_registered_twice_is_refused_one_row_found_twice_is_not() -> None:
    schools = Schools([school("a"), school("a")])
    assert (await schools.post(await schools.login(), "a", "a:1")).registration is schools.registrations[0]
    for other in (
        school("a", token_url="https://a.example/token2"),
        attrs.evolve(school("a"), key=RSAKey.generate_key(2048)),
    ):
        schools = Schools([school("a"), other])
        with pytest.raises(UnregisteredError, match="several registrations"):
            await schools.post(await schools.login(), "a", "a:1")


async def test_a_state_is_short_enough_for_a_url_and_holds_no_key() -> None:
    schools = Schools([school("a")])
    login = await schools.login()
    assert len(login.state) < 512
    sealed = base64.urlsafe_b64decode(login.state + "=" * (-len(login.state) % 4))
    assert schools.registrations[0].key.as_dict(private=True)["d"].encode() not in sealed


async def test_a_deep_linking_answer_goes_out_with_the_key_of_the_launch_s_own_registration() -> None:
    other = RSAKey.generate_key(2048, {"kid": "key for b"})
    schools = Schools([school("a"), attrs.evolve(school("b"), key=other)])
    login = await schools.login(lti_deployment_id="b:1")
    claim = {"deep_link_return_url": "https://b.example/return", "accept_types": ["link"]}
    launch = await schools.post(
        login,
        "b",
        "b:1",
        message_type="LtiDeepLinkingRequest",
        **{DL + "deep_linking_settings": claim | {"accept_presentation_document_targets": ["iframe"]}},
    )
    assert launch.registration.key is other
    assert deep_linking_response(launch, [], now=WALL).url == "https://b.example/return"


class TestJobs:
    """
    `Tool.registration`: what a job stored must be enough to find the one registration again.
    """

    async def test_the_deployment_or_the_token_url_tells(self) -> None:
        known = [school("a"), school("b")]
        tool = Schools(known).tool
        assert await tool.registration(issuer=ISSUER, client_id="1001", deployment_id="b:1") is known[1]
        assert await tool.registration(issuer=ISSUER, token_url="https://b.example/token") is known[1]

    @pytest.mark.parametrize("deployments", [("a:1", "b:1"), (None, None), ("1", "1")])
    async def test_several_that_fit_are_refused_in_words(self, deployments: tuple[str | None, str | None]) -> None:
        known = [school(name, deployment_id=one) for name, one in zip("ab", deployments, strict=True)]
        with pytest.raises(UnregisteredError, match="say deployment_id or token_url") as caught:
            await Schools(known).tool.registration(issuer=ISSUER, client_id="1001")
        assert caught.value.reason == "registration"

    async def test_several_client_ids_are_refused_as_well(self) -> None:
        known = [school("a"), attrs.evolve(school("a"), client_id="1002")]
        with pytest.raises(UnregisteredError, match="several registrations"):
            await Schools(known).tool.registration(issuer=ISSUER)

    async def test_without_a_deployment_the_one_for_any_or_the_only_one(self) -> None:
        for known in ([school("a"), school("a", deployment_id=None)], [school("a")]):
            assert await Schools(known).tool.registration(issuer=ISSUER, client_id="1001") is known[-1]


# --- two emulated platforms ----------------------------------------------------------------------------------------


def campus(name: str, deployment_id: str, clock: Clock = time.time) -> Platform:
    """
    Return a platform that its school hosts, with the issuer and client id that all copies of the product have.
    """
    base_url = f"https://{name}.example"
    platform = Platform.create(base_url=base_url, issuer=ISSUER, client_id="1001", users=1, clock=clock)
    platform.tool.deployment_id = deployment_id
    platform.launches.own_key = KeyPair.of(KEYS[name])
    platform.launches.connect(login_url=f"{TOOL}/login/{name}", redirect_uri=REDIRECT)
    return platform


@attrs.frozen
class Network:
    """
    A transport to several emulated platforms, by host.
    """

    platforms: Mapping[str, Platform]

    async def send(self, request: Request) -> Response:
        """
        Ask the platform of this host.
        """
        return await InMemoryTransport(self.platforms[urlsplit(request.url).netloc]).send(request)

    async def aclose(self) -> None:
        """
        Nothing to close.
        """


async def visited(tool: Tool, campuses: Mapping[str, Platform], name: str, *, own_login: bool) -> Launch:
    """
    Click a link at one school, and go where tool and platforms send the browser.
    """

    def ask(url: str) -> Any:
        return campuses[urlsplit(url).netloc].answer(Request("GET", url))

    start = ask(campuses[f"{name}.example"].launches.url("user-0001")).header("Location")
    known = {one.token_url.split("/")[2]: one for one in await tool.settings.registrations.find(ISSUER, "1001")}
    login = await tool.login(
        {field: values[0] for field, values in parse_qs(urlsplit(start).query).items()},
        registration=known[f"{urlsplit(start).path[-1]}.example"] if own_login else None,
    )
    page = Page(login.url, 200, [], ask(login.url).body.decode())
    return await tool.launch(page.forms[0].fields, {login.cookie.name: login.cookie.value})


@pytest.mark.parametrize("own_login", [False, True])
async def test_K10_case_1_two_emulated_platforms_with_one_issuer_and_client_id(own_login: bool) -> None:
    deployments = ("1", "1") if own_login else ("a:1", "b:1")
    campuses = {f"{name}.example": campus(name, one) for name, one in zip("ab", deployments, strict=True)}
    known = [Registration(**platform.registration_args()) for platform in campuses.values()]
    decided = ToolSettings(registrations=known, redirect_uri=REDIRECT)
    async with Tool(decided, Network(campuses)) as tool:
        for name, registration in zip("ab", known, strict=True):
            launch = await visited(tool, campuses, name, own_login=own_login)
            assert launch.registration is registration
            assert launch.endpoint is not None
            assert str(launch.endpoint.lineitems).startswith(f"https://{name}.example/")
        if own_login:
            with pytest.raises(UnregisteredError, match="ambiguous"):
                await visited(tool, campuses, "b", own_login=False)


async def test_two_schools_with_one_client_id_show_each_the_end_of_its_own_token() -> None:
    clock = ManualClock()
    campuses = {f"{name}.example": campus(name, f"{name}:1", clock) for name in "ab"}
    async with Client(transport=Network(campuses), runtime=Runtime(clock=clock, wall=clock)) as ags:
        for platform in campuses.values():
            clock.advance(7200)
            gradebook = ags.gradebook(
                Registration(**platform.registration_args()), Endpoint.from_claim(platform.endpoint_claim())
            )
            await gradebook.post_score(Score.graded("user-0001", 8, score_maximum=10))
        rows = {row.origin: row for row in ags.stats() if row.name == "1001"}
    # The other was idle for so long that it was forgotten, its token with it.
    assert set(rows) == {"https://b.example:443"}
    assert rows["https://b.example:443"].token_until is not None


# --- whatever is registered ----------------------------------------------------------------------------------------

NAMES = st.sampled_from("abc")
DEPLOYMENTS = st.sampled_from([None, "1", "2", "a:1"])


@st.composite
def registered(draw: st.DrawFn) -> Registration:
    """
    Draw a registration of one issuer and client id; now and then URLs are another's, or missing.
    """
    name = draw(NAMES)
    hosts = st.sampled_from([name, name, name, name, "a", None])
    urls = {field: draw(hosts) for field in ("auth", "jwks")}
    return school(
        name,
        deployment_id=draw(DEPLOYMENTS),
        authorization_url=urls["auth"] and f"https://{urls['auth']}.example/auth",
        jwks_url=urls["jwks"] and f"https://{urls['jwks']}.example/jwks",
    )


@given(
    known=st.lists(registered(), min_size=1, max_size=5),
    at_login=st.booleans(),
    own_login=st.booleans(),
    aim=st.integers(0, 4),
    stray=st.none() | st.tuples(NAMES, st.sampled_from(["1", "2"])),
)
@settings(max_examples=300, deadline=None)
def test_a_launch_passes_only_with_keys_and_deployment_of_where_the_login_went(
    known: list[Registration], at_login: bool, own_login: bool, aim: int, stray: tuple[str, str] | None
) -> None:
    schools = Schools(known)
    meant = known[aim % len(known)]
    deployment_id = meant.deployment_id or "9"
    signer, claimed = stray or ((meant.jwks_url or "https://a")[8], deployment_id)

    async def launched() -> tuple[Login, Launch] | None:
        try:
            login = await schools.login(
                registration=meant if own_login else None, lti_deployment_id=deployment_id if at_login else GONE
            )
            return login, await schools.post(login, signer, claimed)
        except LaunchError:
            return None

    passed = asyncio.run(launched())
    if passed is None:
        return
    login, launch = passed
    ours = launch.registration
    went = urlsplit(login.url)._replace(query="").geturl()
    assert (ours.authorization_url, ours.jwks_url) == (went, f"https://{signer}.example/jwks")
    assert schools.asked == [ours.jwks_url]
    if ours.deployment_id is None:
        assert all(one.deployment_id != claimed for one in known)
    else:
        assert ours.deployment_id == claimed
    if at_login:
        assert claimed == deployment_id
    if own_login:
        assert (ours.authorization_url, ours.jwks_url) == (meant.authorization_url, meant.jwks_url)
        assert meant.deployment_id in (None, claimed)
    elif not at_login:
        assert (
            len({(one.authorization_url, one.jwks_url) for one in known if one.authorization_url and one.jwks_url}) == 1
        )
